import { appendAuditIn } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { newId } from '#platform/database/new-id.ts';
import { BadInputError, ForbiddenError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { decide } from '#policy/decide.ts';
import type { Account } from '../domain/account.ts';
import { checkNewPatient, type PatientInput } from '../domain/check-patient.ts';
import type { PatientRecord, SeenPatient } from '../domain/patient.ts';
import { FIRST_NUMBER, toUsername } from '../domain/username.ts';
import { insertAccount, takeNumber } from '../store/account-store.ts';
import { hashRecord, insertPatient, toNewRecord } from '../store/patient-store.ts';
import { appendHappening, toEvent } from './audit.ts';
import { type EndClaim, withIdentifiers } from './identifiers-in-use.ts';
import type { Parts } from './parts.ts';
import { type CityUnavailable, type IdentifierUsed, orCityUnavailable } from './refusals.ts';
import type { Request } from './request.ts';
import { type OpenSession, openSession, toSession } from './sessions.ts';

/** Today in UTC, `YYYY-MM-DD`. */
export const today = ({ clock }: Pick<Parts, 'clock'>): string => clock().toISOString().slice(0, 10);

const toEntity = (record: PatientRecord) => ({ kind: 'Patient', id: record.id, sha256: hashRecord(record) });

/** Writes, or finds that somebody has one of the identifiers already; the refusal is audited before it is told. */
const unlessInUse = async <T>(
  { cities }: Parts,
  { caller }: Request,
  act: string,
  record: PatientRecord,
  write: (endClaim: EndClaim) => Promise<T>,
): Promise<T | IdentifierUsed> => {
  const { city, identifiers } = record;
  let isWritten = false;
  const outcome = await withIdentifiers(cities, { city, identifiers, exceptPatientId: null }, async (endClaim) => {
    const written = await write(endClaim);
    isWritten = true;
    return written;
  });
  if (!isWritten) await appendHappening(cities, caller, { city, act, outcome: Outcome.REFUSED, reason: 'IdentifierAlreadyUsed' });
  return outcome;
};

export type CreatePatientOutcome = { readonly kind: 'created'; readonly patient: SeenPatient } | IdentifierUsed | CityUnavailable;

/** Creates a patient in the caller's city; for its admins and practitioners. */
export const makeCreatePatient =
  (parts: Parts) =>
  async (request: Request, input: PatientInput): Promise<CreatePatientOutcome> => {
    const { viewer, caller } = request;
    if (!viewer) throw new UnauthenticatedError();
    const { city } = viewer;
    if (!decide(viewer, { action: 'patient:create', resource: { city } }).allow) {
      await appendHappening(parts.cities, caller, { city, act: 'createPatient', outcome: Outcome.DENIED, reason: 'FORBIDDEN' });
      throw new ForbiddenError();
    }
    const record = toNewRecord(city, checkNewPatient('input', input, today(parts)));
    return orCityUnavailable(() =>
      unlessInUse(parts, request, 'createPatient', record, async (endClaim) => {
        await parts.cities.of(city).transaction(async (tx) => {
          await endClaim(tx);
          await insertPatient(tx, record);
          await appendAuditIn(
            tx,
            toEvent(caller, {
              city,
              act: 'createPatient',
              outcome: Outcome.SUCCESS,
              patientId: record.id,
              entities: [toEntity(record)],
            }),
          );
        });
        return { kind: 'created' as const, patient: { id: record.id, record, sight: 'full' as const } };
      }),
    );
  };

export type RegisterInput = PatientInput & { readonly city: string; readonly password: string };
export type RegisterOutcome = { readonly kind: 'registered'; readonly session: OpenSession } | IdentifierUsed | CityUnavailable;

/** Signs a patient up: record, account with the city's next login name, and a session, in one transaction. */
export const makeRegisterPatient =
  (parts: Parts) =>
  async (request: Request, { city, password, ...input }: RegisterInput): Promise<RegisterOutcome> => {
    const { cities, passwords } = parts;
    const db = cities.find(city);
    if (!db) throw new BadInputError('input.city', `is no city; send one of ${cities.codes.join(', ')}`);
    const record = toNewRecord(city, checkNewPatient('input', input, today(parts)));
    const passwordHash = await passwords.hashNew('input.password', password);
    return orCityUnavailable(() =>
      unlessInUse(parts, request, 'registerPatient', record, async (endClaim) => {
        const opened = await db.transaction(async (tx) => {
          await endClaim(tx);
          await insertPatient(tx, record);
          const username = toUsername(city, 'P', await takeNumber(tx, city, 'P', FIRST_NUMBER));
          const account: Account = { id: newId(city, 'acc'), city, username, role: 'P', patientId: record.id, practitionerId: null };
          await insertAccount(tx, account, passwordHash);
          const session = await openSession(tx, account);
          if (!session) throw new Error('an account that was just made is not there');
          await appendAuditIn(
            tx,
            toEvent(request.caller, {
              city,
              act: 'registerPatient',
              outcome: Outcome.SUCCESS,
              patientId: record.id,
              entities: [toEntity(record), { kind: 'Account', id: account.id }],
              actor: { role: 'P', city, accountId: account.id },
            }),
          );
          return { account, ...session };
        });
        const session = await toSession(parts, opened.account, opened.sessionId, opened.refreshToken);
        return { kind: 'registered' as const, session };
      }),
    );
  };
