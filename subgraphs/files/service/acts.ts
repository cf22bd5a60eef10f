import type { Caller } from '#platform/access/viewer.ts';
import { agentOf } from '#platform/audit/agent.ts';
import { type AuditAction, type AuditEntity, type AuditEvent, Outcome } from '#platform/audit/event.ts';

const ACTIONS: Readonly<Record<string, AuditAction>> = {
  uploadFile: 'C',
  requestUpload: 'C',
  resumeUpload: 'U',
  finishUpload: 'C',
  deleteFile: 'D',
  attachFile: 'U',
  detachFile: 'U',
  makeKey: 'C',
  rotateKeys: 'E',
  scrubFiles: 'E',
};

/** What a service says of an act; who acts comes from the caller. `act` is the act's name in the graph. */
export type Act = {
  /** City whose log it goes to. */
  readonly city: string;
  readonly act: string;
  readonly outcome: Outcome;
  readonly reason?: string;
  readonly patientId?: string | null;
  readonly entities?: readonly AuditEntity[];
  /** Where the act's name does not tell it: what was done. */
  readonly action?: AuditAction;
};

/** The audit event of an act of a caller; a reading unless the act is known as something else. */
export const toEvent = ({ viewer, requestId }: Pick<Caller, 'viewer' | 'requestId'>, act: Act): AuditEvent => ({
  ...act,
  action: act.action ?? ACTIONS[act.act] ?? 'R',
  observer: 'files',
  ...agentOf(viewer),
  requestId,
});

/** The audit event of what the system does by itself. */
export const toServiceEvent = (requestId: string, act: Act): AuditEvent => ({
  ...act,
  action: act.action ?? ACTIONS[act.act] ?? 'E',
  observer: 'files',
  purpose: 'SYSADMIN',
  actor: { role: 'SERVICE', city: act.city, accountId: null },
  requestId,
});

/** A file in an entry: the hash is the one of the content that was read, written or destroyed. */
export const fileEntity = (file: { readonly id: string; readonly sha256?: string }): AuditEntity => ({
  kind: 'MedicalFile',
  id: file.id,
  ...(file.sha256 === undefined ? {} : { sha256: file.sha256 }),
});

export { Outcome };
