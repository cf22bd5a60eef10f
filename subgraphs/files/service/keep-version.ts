import type { Caller } from '#platform/access/viewer.ts';
import { appendAuditIn } from '#platform/audit/append.ts';
import type { Transaction } from '#platform/database/city-database.ts';
import { foldText } from '#platform/pure/text.ts';
import type { Stored } from '#platform/vault/vault.ts';
import { decide, NO_RELATION } from '#policy/decide.ts';
import type { MedicalFile, Upload } from '../domain/file.ts';
import type { RefusalOf } from '../domain/refusal.ts';
import { readStanding } from '../store/directory-store.ts';
import { toFileOf } from '../store/file-row.ts';
import { discardForgotten, findKeptVersion, giveUpUpload, insertVersion, lockSubject, lockUpload } from '../store/upload-store.ts';
import { fileEntity, Outcome, toEvent } from './acts.ts';
import { orUnavailable, refuse, refusePatient, requireViewer } from './admit-upload.ts';
import type { Parts } from './parts.ts';

export type KeepOutcome =
  | { readonly kind: 'kept'; readonly file: MedicalFile }
  | RefusalOf<'PatientNotFound' | 'UploadNotFound' | 'CityUnavailable'>;
export type KeepVersion = (caller: Caller, act: string, upload: Upload, stored: Stored) => Promise<KeepOutcome>;

/** The name belongs to another file by now: what the transaction wrote must not stay. */
class Superseded extends Error {}

/**
 * Makes an upload whose content is stored the newest version of its file, in one transaction with its audit entry. Permission and patient
 * are looked at once more: an upload may have taken days. Done again it answers the same, without a trace but the entry of a reading.
 * `CityUnavailable` leaves open whether it was kept; ask again, and discard nothing: the sweep does that for what was not.
 */
export const makeKeepVersion = (parts: Parts): KeepVersion => {
  const { cities, fault, inTurn } = parts;
  return (caller, act, { city, id, patientId, blobId }, stored) =>
    orUnavailable(async (): Promise<KeepOutcome> => {
      const viewer = requireViewer(caller);
      const place = { city, act, patientId };
      await fault('upload:before-keep');
      const keep = async (tx: Transaction): Promise<KeepOutcome | 'ended' | 'denied'> => {
        await lockSubject(tx, city, patientId);
        const upload = await lockUpload(tx, city, id);
        if (!upload) await discardForgotten(tx, { city, id, blobId });
        if (!upload || upload.state === 'refused') return 'ended';
        const standing = await readStanding(tx, city, patientId, viewer.practitionerId);
        const relation = { ...NO_RELATION, inCare: standing.inCare, granted: standing.granted };
        const isAllowed = decide(viewer, { action: 'file:write', resource: { patientId, patientCity: city, relation } }).allow;
        if (!isAllowed || !standing.isThere) {
          await giveUpUpload(tx, upload, 'PatientNotFound');
          return 'denied';
        }
        const isNew = upload.state !== 'kept';
        const version = isNew ? await insertVersion(tx, upload, foldText(upload.name), stored) : await findKeptVersion(tx, upload);
        if (!version && isNew) throw new Superseded();
        if (!version) return 'ended';
        const file = toFileOf(version);
        await appendAuditIn(
          tx,
          toEvent(caller, { ...place, ...(isNew ? {} : { action: 'R' }), outcome: Outcome.SUCCESS, entities: [fileEntity(file)] }),
        );
        return { kind: 'kept', file };
      };
      try {
        const outcome = await inTurn(city, () => cities.of(city).transaction(keep));
        if (outcome === 'ended') return refuse(parts, caller, place, { kind: 'UploadNotFound' });
        if (outcome === 'denied') return refusePatient(parts, caller, act, patientId);
        await fault('upload:after-keep');
        return outcome;
      } catch (error) {
        if (!(error instanceof Superseded)) throw error;
        await cities.of(city).transaction((tx) => giveUpUpload(tx, { city, id, blobId }, 'FileNotFound'));
        return refuse(parts, caller, place, { kind: 'UploadNotFound' });
      }
    });
};
