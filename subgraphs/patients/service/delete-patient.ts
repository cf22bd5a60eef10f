import { appendAuditWith } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { byKey } from '#platform/database/by-key.ts';
import { loginSubject } from '#platform/subjects/subject-keys.ts';
import { decide, NO_RELATION } from '#policy/decide.ts';
import type { SeenPatient } from '../domain/patient.ts';
import { AccountEntity, PatientEntity } from '../store/entities.ts';
import { findPatients, hashRecord, NOTE_ERASURE_SQL } from '../store/patient-store.ts';
import { REVOKE_ALL_SQL } from '../store/session-store.ts';
import { appendHappening, toEvent } from './audit.ts';
import { homeOf, refuseAct, requireViewer } from './own-patient.ts';
import type { Parts } from './parts.ts';
import { type CityUnavailable, orCityUnavailable, type PatientNotFound } from './refusals.ts';
import type { Request } from './request.ts';

export type DeletePatientOutcome =
  | { readonly kind: 'deleted'; readonly id: string }
  | { readonly kind: 'version-conflict'; readonly current: SeenPatient }
  | PatientNotFound
  | CityUnavailable;

/**
 * Erases a patient's record, identifiers, coverages, grants and account, and ends the sessions, in one transaction at the home city.
 * The patient leaves `directory.patient` with it and stands in `directory.erasure`: by that word the scheduling subgraph cancels live
 * appointments, the files subgraph destroys files and their keys, and the audit subgraph the keys that open the patient's values in the logs.
 */
export const makeDeletePatient =
  (parts: Parts) =>
  async (request: Request, id: string, expectedVersion: number | null): Promise<DeletePatientOutcome> => {
    const { caller } = request;
    const viewer = requireViewer(request);
    const deny = () => refuseAct(parts, request, 'deletePatient', id, ['A']);
    const city = homeOf(parts, id);
    if (
      city === null ||
      !decide(viewer, { action: 'patient:delete', resource: { patientId: id, patientCity: city, relation: NO_RELATION } }).allow
    )
      return orCityUnavailable(deny);
    const db = parts.cities.of(city);
    return orCityUnavailable(async () => {
      const [found] = await findPatients(db, [id], { practitionerId: null, city: viewer.city });
      const record = found?.record;
      if (!record) return deny();
      const entities = [{ kind: 'Patient', id, sha256: hashRecord(record) }];
      const outcome = await db.manage(async (manager) => {
        const locked = await manager.findOne(PatientEntity, { lock: { mode: 'pessimistic_write' }, where: byKey({ city, id }) });
        if (!locked) return 'gone';
        // Read before the lock: whoever changed it in between is a conflict as well, also where no version is expected.
        if (locked.version !== record.version || (expectedVersion !== null && locked.version !== expectedVersion)) return 'conflict';
        const subjects = [id];
        for (const account of await manager.find(AccountEntity, {
          where: byKey({ city, patient_id: id }),
          // A change of role that is on its way ends first.
          lock: { mode: 'pessimistic_write' },
        })) {
          if (account.role !== 'P') {
            // A member of the staff who was a patient as well keeps the login of their work.
            await manager.update(AccountEntity, byKey({ city, id: account.id }), { patient_id: null });
            continue;
          }
          await manager.query(REVOKE_ALL_SQL, [city, account.id]);
          await manager.delete(AccountEntity, byKey({ city, id: account.id }));
          subjects.push(account.id, loginSubject(account.username));
        }
        await manager.delete(PatientEntity, byKey({ city, id }));
        await manager.query(NOTE_ERASURE_SQL, [city, id, subjects.map(db.subjects.tagOf)]);
        await appendAuditWith(
          manager,
          db,
          toEvent(caller, { city, act: 'deletePatient', outcome: Outcome.SUCCESS, patientId: id, entities }),
        );
        return 'deleted';
      });
      if (outcome === 'deleted') return { kind: 'deleted', id };
      if (outcome === 'gone') return deny();
      await appendHappening(parts.cities, caller, {
        city,
        act: 'deletePatient',
        outcome: Outcome.REFUSED,
        reason: 'VersionConflict',
        patientId: id,
        entities,
      });
      const [now] = await findPatients(db, [id], { practitionerId: null, city: viewer.city });
      return now?.record ? { kind: 'version-conflict', current: { id, record: now.record, sight: 'full' } } : deny();
    });
  };
