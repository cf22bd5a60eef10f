import type { EntityManager } from 'typeorm';
import { appendAuditWith } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { byKey } from '#platform/database/by-key.ts';
import { BadInputError, NotFoundError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { decide, NO_RELATION } from '#policy/decide.ts';
import { AccessGrantEntity, PatientEntity } from '../store/entities.ts';
import { appendHappening, toEvent } from './audit.ts';
import { homeOf, refuseAct, requireViewer } from './own-patient.ts';
import type { Parts } from './parts.ts';
import { type CityUnavailable, orCityUnavailable, type PatientNotFound } from './refusals.ts';
import type { Request } from './request.ts';

const MAX_DAYS = 365;
const DAY_MS = 86_400_000;

/** City of a patient whose grants the viewer may give; null: refuse. */
const grantableHome = (parts: Parts, request: Request, patientId: string): string | null => {
  const city = homeOf(parts, patientId);
  const resource = { patientId, patientCity: city ?? '', relation: NO_RELATION };
  return city !== null && decide(requireViewer(request), { action: 'access:grant', resource }).allow ? city : null;
};

/** Keeps a patient from being erased until the transaction ends. False: there is none. */
const holdPatient = async (manager: EntityManager, city: string, id: string): Promise<boolean> =>
  (await manager.findOne(PatientEntity, { where: byKey({ city, id }), lock: { mode: 'pessimistic_read' } })) !== null;

/** Somebody to whom no such grant can be given, or who has none. */
type PractitionerNotFound = { readonly kind: 'practitioner-not-found' };
const PRACTITIONER_NOT_FOUND: PractitionerNotFound = { kind: 'practitioner-not-found' };

/** Whether an id can be that of a practitioner whom a patient of this city may give access: those of the own city have it by the rules. */
const isOfAnotherCity = ({ cities }: Parts, city: string, practitionerId: string): boolean => {
  const theirs = cityOfId(practitionerId, 'prc');
  return theirs !== null && theirs !== city && cities.find(theirs) !== null;
};

/** Records a refusal. The id is left out: somebody may have typed it, and nothing here bears it. */
const refusePractitioner = async (parts: Parts, { caller }: Request, happening: { city: string; act: string; patientId: string }) => {
  const entities = [{ kind: 'Patient', id: happening.patientId }];
  await appendHappening(parts.cities, caller, { ...happening, outcome: Outcome.REFUSED, reason: 'PractitionerNotFound', entities });
  return PRACTITIONER_NOT_FOUND;
};

export type GrantAccessOutcome =
  | { readonly kind: 'granted'; readonly patientId: string; readonly practitionerId: string; readonly until: Date }
  | PractitionerNotFound
  | PatientNotFound
  | CityUnavailable;

/** Opens a patient's record to a practitioner of another city for some days (1–365); again, it counts from now. */
export const makeGrantAccess =
  (parts: Parts) =>
  async (request: Request, patientId: string, practitionerId: string, days: number): Promise<GrantAccessOutcome> => {
    const { caller, loaders } = request;
    const viewer = requireViewer(request);
    if (days < 1 || days > MAX_DAYS) throw new BadInputError('days', `must be from 1 to ${MAX_DAYS}`);
    const deny = () => refuseAct(parts, request, 'grantAccess', patientId, ['P', 'A']);
    return orCityUnavailable(async () => {
      const city = grantableHome(parts, request, patientId);
      if (city === null) return deny();
      const happening = { city, act: 'grantAccess', patientId };
      const entities = [
        { kind: 'Patient', id: patientId },
        { kind: 'Practitioner', id: practitionerId },
      ];
      if (!isOfAnotherCity(parts, city, practitionerId)) return refusePractitioner(parts, request, happening);
      try {
        await loaders.practitioner.load(practitionerId);
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
        return refusePractitioner(parts, request, happening);
      }
      const until = new Date(parts.clock().getTime() + days * DAY_MS);
      const db = parts.cities.of(city);
      const done = await db.manage(async (manager) => {
        if (!(await holdPatient(manager, city, patientId))) return false;
        const row = { ...byKey({ city, patient_id: patientId, practitioner_id: practitionerId }), granted_by: viewer.accountId, until };
        await manager.upsert(AccessGrantEntity, row, ['city', 'patient_id', 'practitioner_id']);
        await appendAuditWith(manager, db, toEvent(caller, { ...happening, outcome: Outcome.SUCCESS, entities }));
        return true;
      });
      return done ? { kind: 'granted' as const, patientId, practitionerId, until } : deny();
    });
  };

export type RevokeAccessOutcome =
  | { readonly kind: 'revoked'; readonly patientId: string; readonly practitionerId: string }
  | PractitionerNotFound
  | PatientNotFound
  | CityUnavailable;

/** Ends a grant that lasts. Where there is none, no more, or none that there can be, nothing is ended and nothing is recorded as ended. */
export const makeRevokeAccess =
  (parts: Parts) =>
  async (request: Request, patientId: string, practitionerId: string): Promise<RevokeAccessOutcome> => {
    const deny = () => refuseAct(parts, request, 'revokeAccess', patientId, ['P', 'A']);
    return orCityUnavailable(async () => {
      const city = grantableHome(parts, request, patientId);
      if (city === null) return deny();
      const happening = { city, act: 'revokeAccess', patientId };
      const db = parts.cities.of(city);
      const done = await db.manage(async (manager) => {
        if (!(await holdPatient(manager, city, patientId))) return 'no-patient';
        // Grants within a city are of earlier days, and can be ended as well.
        if (cityOfId(practitionerId, 'prc') === null) return 'no-grant';
        const grant = await manager.findOne(AccessGrantEntity, {
          where: byKey({ city, patient_id: patientId, practitioner_id: practitionerId }),
          lock: { mode: 'pessimistic_write' },
        });
        if (!grant || grant.until <= parts.clock()) return 'no-grant';
        await manager.delete(AccessGrantEntity, byKey({ city, patient_id: patientId, practitioner_id: practitionerId }));
        const entities = [
          { kind: 'Patient', id: patientId },
          { kind: 'Practitioner', id: practitionerId },
        ];
        await appendAuditWith(manager, db, toEvent(request.caller, { ...happening, outcome: Outcome.SUCCESS, entities }));
        return 'ended';
      });
      if (done === 'no-patient') return deny();
      return done === 'ended' ? { kind: 'revoked' as const, patientId, practitionerId } : refusePractitioner(parts, request, happening);
    });
  };
