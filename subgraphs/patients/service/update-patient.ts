import { appendAuditIn } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { decide } from '#policy/decide.ts';
import { checkPatientChange, keepNews, type PatientChange } from '../domain/check-patient.ts';
import type { PatientRecord, SeenPatient } from '../domain/patient.ts';
import { findPatients, hashRecord, lockPatient, updatePatient } from '../store/patient-store.ts';
import { appendHappening, toEvent } from './audit.ts';
import { today } from './create-patient.ts';
import { type EndClaim, withIdentifiers } from './identifiers-in-use.ts';
import { homeOf, refuseAct, requireViewer } from './own-patient.ts';
import type { Parts } from './parts.ts';
import { type CityUnavailable, type IdentifierUsed, orCityUnavailable, type PatientNotFound } from './refusals.ts';
import type { Request } from './request.ts';

export type VersionConflict = { readonly kind: 'version-conflict'; readonly current: SeenPatient };
export type UpdatePatientOutcome =
  | { readonly kind: 'updated'; readonly patient: SeenPatient }
  | PatientNotFound
  | VersionConflict
  | IdentifierUsed
  | CityUnavailable;

const seeAll = (record: PatientRecord): SeenPatient => ({ id: record.id, record, sight: 'full' });
const toEntity = (record: PatientRecord) => ({ kind: 'Patient', id: record.id, sha256: hashRecord(record) });

/**
 * Changes a record whose version the caller has read. The record is locked from the look to the write, so that of two changes one conflicts.
 * What says nothing new keeps its version, so that whoever read it before is in no conflict; the act is recorded all the same.
 */
export const makeUpdatePatient =
  (parts: Parts) =>
  async (
    request: Request,
    { id, expectedVersion, ...input }: PatientChange & { readonly id: string; readonly expectedVersion: number },
  ): Promise<UpdatePatientOutcome> => {
    const { caller } = request;
    const viewer = requireViewer(request);
    const change = checkPatientChange('input', input, today(parts));
    const city = homeOf(parts, id);
    const deny = () => refuseAct(parts, request, 'updatePatient', id, ['P', 'D', 'A']);
    if (city === null) return orCityUnavailable(deny);
    const happening = { city, act: 'updatePatient', patientId: id };
    const inUse = async (found: IdentifierUsed): Promise<IdentifierUsed> => {
      const entities = [{ kind: 'Patient', id }];
      await appendHappening(parts.cities, caller, { ...happening, outcome: Outcome.REFUSED, reason: 'IdentifierAlreadyUsed', entities });
      return found;
    };
    /** Only who may change the record may keep others from its identifiers for a moment. */
    const mayClaim = async (): Promise<boolean> => {
      if (!change.identifiers) return false;
      const [seen] = await findPatients(parts.cities.of(city), [id], { practitionerId: viewer.practitionerId, city: viewer.city });
      if (!seen?.record) return false;
      const resource = { patientId: id, patientCity: city, relation: seen.relation };
      return decide(viewer, { action: 'patient:update', resource }).allow;
    };
    const write = (endClaim: EndClaim): Promise<UpdatePatientOutcome | null> =>
      parts.cities.of(city).transaction(async (tx): Promise<UpdatePatientOutcome | null> => {
        const { record, relation } = await lockPatient(tx, city, id, { practitionerId: viewer.practitionerId, city: viewer.city });
        const resource = { patientId: id, patientCity: city, relation };
        if (!record || !decide(viewer, { action: 'patient:update', resource }).allow) return null;
        if (record.version !== expectedVersion) {
          await appendAuditIn(
            tx,
            toEvent(caller, { ...happening, outcome: Outcome.REFUSED, reason: 'VersionConflict', entities: [toEntity(record)] }),
          );
          return { kind: 'version-conflict', current: seeAll(record) };
        }
        await endClaim(tx);
        const news = keepNews(record, change);
        const after = Object.keys(news).length === 0 ? record : await updatePatient(tx, record, news);
        await appendAuditIn(tx, toEvent(caller, { ...happening, outcome: Outcome.SUCCESS, entities: [toEntity(after)] }));
        return { kind: 'updated', patient: seeAll(after) };
      });
    return orCityUnavailable(async () => {
      const identifiers = (await mayClaim()) ? (change.identifiers ?? []) : [];
      const outcome = await withIdentifiers(parts.cities, { city, identifiers, exceptPatientId: id }, write);
      if (outcome === null) return deny();
      return outcome.kind === 'identifier-used' ? inUse(outcome) : outcome;
    });
  };
