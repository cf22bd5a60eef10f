import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { refuseTransfer, type TransferAnswer, type TransferCode } from '#platform/http/transfer.ts';
import { decide, NO_RELATION } from '#policy/decide.ts';
import { readStanding } from '../../store/directory-store.ts';
import type { Holder } from '../../store/transfer-store.ts';
import { type Act, Outcome, toEvent } from '../acts.ts';
import type { Parts } from '../parts.ts';

/** What the row keeps of a viewer, to be asked for again when bytes move. */
export const toHolder = ({ accountId, role, city, patientId, practitionerId, sessionId }: Viewer): Holder => ({
  accountId,
  role,
  city,
  patientId,
  practitionerId,
  sessionId,
});

/** The caller as whom an address acts: its holder, whoever presents it. */
export const asHolder = ({ requestId }: Caller, holder: Holder): Pick<Caller, 'viewer' | 'requestId'> => ({
  requestId,
  viewer: { ...holder, expiresAt: 0 },
});

/** Whether an address may be used: by a token of the same account or none, in a session that lasts. */
export const isPresentedBy = (holder: Holder, { viewer }: Caller, sessionEnded: boolean): boolean =>
  !sessionEnded && (viewer === null || viewer.accountId === holder.accountId);

/** Whether the holder may still do this to the patient's files, and the patient is still there. */
export const isStillAllowed = async (
  { cities }: Pick<Parts, 'cities'>,
  action: 'file:read' | 'file:write',
  holder: Holder,
  { city, patientId }: { readonly city: string; readonly patientId: string },
): Promise<boolean> => {
  const { isThere, inCare, granted } = await readStanding(cities.of(city), city, patientId, holder.practitionerId);
  const relation = { ...NO_RELATION, inCare, granted };
  return isThere && decide(holder, { action, resource: { patientId, patientCity: city, relation } }).allow;
};

/** Why an address is turned away, as callers see it. */
export type Refusal = {
  readonly status: number;
  readonly code: TransferCode;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly more?: Readonly<Record<string, string>>;
};

/** The one answer to every address that does not hold, for whatever reason. */
export const NOT_HELD: Refusal = { status: 403, code: 'FORBIDDEN', message: 'This address does not hold. Ask for a new one.' };

/** When an address that somebody uses may be tried again, as `Retry-After`: the lease of a process that died ends within 30 s. */
export const IN_USE_SECONDS = '5';

/** Records a refused transfer, then answers it. */
export const turnAway = async (
  { cities }: Pick<Parts, 'cities'>,
  caller: Pick<Caller, 'viewer' | 'requestId'>,
  act: Omit<Act, 'outcome'>,
  { status, code, message, headers, more }: Refusal,
): Promise<TransferAnswer> => {
  const outcome = status === 403 ? Outcome.DENIED : Outcome.REFUSED;
  await appendAudit(cities.of(act.city), toEvent(caller, { ...act, outcome, reason: act.reason ?? code }));
  return refuseTransfer(status, code, message, caller.requestId, headers, more);
};

/** Bytes of a body, in an entry. */
export const rangeEntity = (range: string) => ({ kind: 'Range', id: range });
