import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { agentOf } from '#platform/audit/agent.ts';
import { appendAudit } from '#platform/audit/append.ts';
import type { AuditAction, AuditEntity, AuditEvent, Outcome } from '#platform/audit/event.ts';
import type { Cities } from '#platform/database/cities.ts';

const ACTIONS: Readonly<Record<string, AuditAction>> = {
  createPatient: 'C',
  registerPatient: 'C',
  updatePatient: 'U',
  deletePatient: 'D',
  setRole: 'U',
  grantAccess: 'C',
  revokeAccess: 'D',
  login: 'E',
  logout: 'E',
  refreshSession: 'E',
};

export type Happening = {
  /** City whose log it goes to. */
  readonly city: string;
  /** Name in the graph: `patient`, `createPatient` … */
  readonly act: string;
  readonly outcome: Outcome;
  readonly reason?: string;
  readonly patientId?: string | null;
  readonly entities?: readonly AuditEntity[];
  readonly values?: Readonly<Record<string, string>>;
  /** Who acted, where the request's viewer is not yet who acted (a login). */
  readonly actor?: Pick<Viewer, 'role' | 'city' | 'accountId'>;
};

/** The audit entry of something that happened in a request. */
export const toEvent = ({ viewer, requestId }: Caller, happening: Happening): AuditEvent => {
  const { city, act, outcome, reason, patientId, entities, values } = happening;
  return {
    city,
    observer: 'patients',
    act,
    action: ACTIONS[act] ?? 'R',
    outcome,
    ...(reason === undefined ? {} : { reason }),
    ...agentOf(happening.actor ?? viewer),
    ...(patientId === undefined ? {} : { patientId }),
    ...(entities === undefined ? {} : { entities }),
    ...(values === undefined ? {} : { values }),
    requestId,
  };
};

/** Appends the entry of a refusal or denial by itself, before the answer is given. */
export const appendHappening = (cities: Cities, caller: Caller, happening: Happening): Promise<void> =>
  appendAudit(cities.of(happening.city), toEvent(caller, happening));
