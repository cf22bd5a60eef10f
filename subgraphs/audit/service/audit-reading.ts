import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { agentOf } from '#platform/audit/agent.ts';
import type { AuditEntity, AuditEvent, Outcome } from '#platform/audit/event.ts';

/** Why an event is written: its act, how it ended, and what it was about. */
type Reading = {
  readonly city: string;
  readonly act: string;
  readonly outcome: Outcome;
  readonly reason?: string;
  readonly patientId?: string | null;
  readonly entities: readonly AuditEntity[];
};

/** The event of somebody's reading in the audit log, or of their trying to. */
export const toReadingEvent = (caller: Caller, viewer: Viewer, reading: Reading): AuditEvent => ({
  ...reading,
  observer: 'audit',
  action: 'R',
  ...agentOf(viewer),
  requestId: caller.requestId,
});
