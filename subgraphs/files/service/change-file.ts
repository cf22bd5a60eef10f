import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit, appendAuditIn } from '#platform/audit/append.ts';
import type { Transaction } from '#platform/database/city-database.ts';
import { ForbiddenError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { decide, NO_RELATION } from '#policy/decide.ts';
import type { MedicalFile } from '../domain/file.ts';
import type { RefusalOf } from '../domain/refusal.ts';
import { isAppointmentOf } from '../store/directory-store.ts';
import { deleteFile, detach, endUploadsOf, type FoundFile, findFiles, isUploaderOf, lockFile } from '../store/file-store.ts';
import { attach, lockSubject } from '../store/upload-store.ts';
import { fileEntity, Outcome, toEvent } from './acts.ts';
import { orUnavailable, requireViewer, toAppointmentId } from './admit-upload.ts';
import type { Parts } from './parts.ts';

type NotFound = RefusalOf<'FileNotFound'>;
type NoAppointment = RefusalOf<'AppointmentNotFound'>;
type Unavailable = RefusalOf<'CityUnavailable'>;

export type DeleteFile = (
  caller: Caller,
  id: string,
) => Promise<{ readonly kind: 'deleted'; readonly id: string } | NotFound | Unavailable>;
export type AttachFile = (
  caller: Caller,
  input: { readonly fileId: string; readonly appointmentId: string },
) => Promise<{ readonly kind: 'changed'; readonly file: MedicalFile } | NotFound | NoAppointment | Unavailable>;
export type DetachFile = AttachFile;

export type ChangeFile = { readonly deleteFile: DeleteFile; readonly attachFile: AttachFile; readonly detachFile: DetachFile };

const relationOf = ({ inCare, granted }: FoundFile) => ({ ...NO_RELATION, inCare, granted });

/** Acts that change a file that is there. Who may not see a file is told that there is none; auditors that they may not do such things. */
export const makeChangeFile = (parts: Parts): ChangeFile => {
  const { cities, inTurn } = parts;

  /** The entry of an act that came to nothing; told as `ForbiddenError` where the caller knows the file or may never do this. */
  const refuseFile = async (caller: Caller, act: string, id: string, found: FoundFile | null, isForbidden: boolean): Promise<NotFound> => {
    const viewer = requireViewer(caller);
    const named = cityOfId(id, 'fil');
    const city = named !== null && cities.find(named) ? named : viewer.city;
    await appendAudit(
      cities.of(city),
      toEvent(caller, {
        city,
        act,
        outcome: found || isForbidden ? Outcome.DENIED : Outcome.REFUSED,
        reason: isForbidden ? 'FORBIDDEN' : 'FileNotFound',
        patientId: found?.file.patientId ?? null,
        entities: [{ kind: 'MedicalFile', id: named === null ? null : id }],
      }),
    );
    if (isForbidden) throw new ForbiddenError();
    return { kind: 'FileNotFound' };
  };

  /**
   * Runs `change` on a file that the caller may change, held with all that its patient has. `null` of `change`: known to the caller, but
   * not theirs to change.
   */
  const onFile = async <T>(
    caller: Caller,
    act: string,
    id: string,
    change: (tx: Transaction, found: FoundFile) => Promise<T | null>,
  ): Promise<T | NotFound> => {
    const viewer = requireViewer(caller);
    const city = cityOfId(id, 'fil');
    const db = city === null ? null : cities.find(city);
    if (viewer.role === 'U') return refuseFile(caller, act, id, null, true);
    const [seen = null] = db ? await findFiles(db, [id], viewer.practitionerId) : [];
    const mayWrite = (found: FoundFile): boolean => {
      const { patientId, city: patientCity } = found.file;
      return decide(viewer, { action: 'file:write', resource: { patientId, patientCity, relation: relationOf(found) } }).allow;
    };
    if (!db || !seen || !mayWrite(seen)) return refuseFile(caller, act, id, seen, false);
    const run = async (tx: Transaction): Promise<{ readonly value: T } | 'gone' | 'forbidden'> => {
      await lockSubject(tx, db.city.code, seen.file.patientId);
      const found = await lockFile(tx, db.city.code, id, viewer.practitionerId);
      if (!found || !mayWrite(found)) return 'gone';
      const value = await change(tx, found);
      return value === null ? 'forbidden' : { value };
    };
    const outcome = await inTurn(db.city.code, () => db.transaction(run));
    if (outcome === 'gone') return refuseFile(caller, act, id, null, false);
    return outcome === 'forbidden' ? refuseFile(caller, act, id, seen, true) : outcome.value;
  };

  return {
    deleteFile: (caller, id) =>
      orUnavailable(() =>
        onFile(caller, 'deleteFile', id, async (tx, found) => {
          const viewer = requireViewer(caller);
          const { file } = found;
          const isUploader = await isUploaderOf(tx, file, viewer.accountId);
          const resource = { patientId: file.patientId, patientCity: file.city, relation: relationOf(found), isUploader };
          if (!decide(viewer, { action: 'file:delete', resource }).allow) return null;
          await endUploadsOf(tx, file);
          await appendAuditIn(
            tx,
            toEvent(caller, {
              city: file.city,
              act: 'deleteFile',
              outcome: Outcome.SUCCESS,
              patientId: file.patientId,
              entities: [fileEntity(file)],
            }),
          );
          await deleteFile(tx, file);
          return { kind: 'deleted', id } as const;
        }),
      ),
    attachFile: (caller, { fileId, appointmentId }) =>
      orUnavailable(() =>
        onFile(caller, 'attachFile', fileId, async (tx, { file }) => {
          const { city, patientId } = file;
          const isTheirs = await isAppointmentOf(tx, city, toAppointmentId(appointmentId), patientId);
          if (isTheirs) await attach(tx, city, appointmentId, fileId);
          const happening = { city, act: 'attachFile', patientId, entities: [fileEntity(file)] };
          await appendAuditIn(
            tx,
            isTheirs
              ? toEvent(caller, { ...happening, outcome: Outcome.SUCCESS })
              : toEvent(caller, { ...happening, outcome: Outcome.REFUSED, reason: 'AppointmentNotFound' }),
          );
          return isTheirs ? ({ kind: 'changed', file } as const) : ({ kind: 'AppointmentNotFound' } as const);
        }),
      ),
    detachFile: (caller, { fileId, appointmentId }) =>
      orUnavailable(() =>
        onFile(caller, 'detachFile', fileId, async (tx, { file }) => {
          const { city, patientId } = file;
          const isDetached = await detach(tx, city, toAppointmentId(appointmentId), fileId);
          const happening = { city, act: 'detachFile', patientId, entities: [fileEntity(file)] };
          await appendAuditIn(
            tx,
            isDetached
              ? toEvent(caller, { ...happening, outcome: Outcome.SUCCESS })
              : toEvent(caller, { ...happening, outcome: Outcome.REFUSED, reason: 'AppointmentNotFound' }),
          );
          return isDetached ? ({ kind: 'changed', file } as const) : ({ kind: 'AppointmentNotFound' } as const);
        }),
      ),
  };
};
