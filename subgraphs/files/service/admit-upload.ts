import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { CityUnavailableError } from '#platform/database/errors.ts';
import { ForbiddenError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { decide, NO_RELATION } from '#policy/decide.ts';
import type { FileRefusal, RefusalOf } from '../domain/refusal.ts';
import { isAppointmentOf, readStanding } from '../store/directory-store.ts';
import { Outcome, toEvent } from './acts.ts';
import type { Parts } from './parts.ts';

/** The viewer, who has to be logged in. */
export const requireViewer = ({ viewer }: Pick<Caller, 'viewer'>): Viewer => {
  if (!viewer) throw new UnauthenticatedError();
  return viewer;
};

/** Home of a patient, by the id; null where the id is none or names no city of the network. */
export const homeOf = ({ cities }: Pick<Parts, 'cities'>, patientId: string): string | null => {
  const city = cityOfId(patientId, 'pat');
  return city !== null && cities.find(city) ? city : null;
};

/** An appointment's id as the database may be asked for it; what is none is asked for as one that nobody has, which costs the same. */
export const toAppointmentId = (given: string): string => (cityOfId(given, 'apt') === null ? '' : given);

/** Turns a city that does not answer into the refusal that tells so; other errors go on. */
export const orUnavailable = async <T>(work: () => Promise<T>): Promise<T | RefusalOf<'CityUnavailable'>> => {
  try {
    return await work();
  } catch (error) {
    const cause = error instanceof CityUnavailableError ? error : error instanceof Error ? error.cause : null;
    if (cause instanceof CityUnavailableError)
      return { kind: 'CityUnavailable', city: cause.city, retryAfterSeconds: cause.retryAfterSeconds };
    throw error;
  }
};

/** Appends the entry of a refusal by itself, and gives the refusal. */
export const refuse = async <R extends FileRefusal>(
  parts: Pick<Parts, 'cities'>,
  caller: Caller,
  { city, act, patientId }: { readonly city: string; readonly act: string; readonly patientId: string | null },
  refusal: R,
  outcome: Outcome = Outcome.REFUSED,
): Promise<R> => {
  const reason = refusal.kind === 'ContentRefused' ? refusal.reason : refusal.kind;
  await appendAudit(parts.cities.of(city), toEvent(caller, { city, act, outcome, reason, patientId }));
  return refusal;
};

/**
 * Refuses a change of a patient's files, audited. Whether the patient exists must not be seen: auditors and staff of another city are told
 * `ForbiddenError` for every id, patients and staff of the id's own city that there is no such patient.
 */
export const refusePatient = async (
  parts: Pick<Parts, 'cities'>,
  caller: Caller,
  act: string,
  patientId: string,
): Promise<RefusalOf<'PatientNotFound'>> => {
  const viewer = requireViewer(caller);
  const home = homeOf(parts, patientId);
  const isForbidden = viewer.role === 'U' || (viewer.role !== 'P' && home !== null && home !== viewer.city);
  const city = home ?? viewer.city;
  await appendAudit(
    parts.cities.of(city),
    toEvent(caller, {
      city,
      act,
      outcome: Outcome.DENIED,
      reason: isForbidden ? 'FORBIDDEN' : 'PatientNotFound',
      patientId: home === null ? null : patientId,
    }),
  );
  if (isForbidden) throw new ForbiddenError();
  return { kind: 'PatientNotFound' };
};

export type Admission = { readonly kind: 'admitted'; readonly city: string };

/**
 * Whether a caller may add to a patient's files: the policy, asked with what the patient's home says of them, the patient, and the
 * appointment, which has to be the patient's. Throws `UnauthenticatedError`, `ForbiddenError`.
 */
export const admitUpload = async (
  parts: Pick<Parts, 'cities'>,
  caller: Caller,
  act: string,
  { patientId, appointmentId }: { readonly patientId: string; readonly appointmentId?: string | null | undefined },
): Promise<Admission | RefusalOf<'PatientNotFound' | 'AppointmentNotFound'>> => {
  const viewer = requireViewer(caller);
  const city = homeOf(parts, patientId);
  if (city === null) return refusePatient(parts, caller, act, patientId);
  const db = parts.cities.of(city);
  const standing = await readStanding(db, city, patientId, viewer.practitionerId);
  const relation = { ...NO_RELATION, inCare: standing.inCare, granted: standing.granted };
  const isAllowed = decide(viewer, { action: 'file:write', resource: { patientId, patientCity: city, relation } }).allow;
  if (!isAllowed || !standing.isThere) return refusePatient(parts, caller, act, patientId);
  const isNone = appointmentId === null || appointmentId === undefined;
  if (!isNone && !(await isAppointmentOf(db, city, toAppointmentId(appointmentId), patientId)))
    return refuse(parts, caller, { city, act, patientId }, { kind: 'AppointmentNotFound' });
  return { kind: 'admitted', city };
};
