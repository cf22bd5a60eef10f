import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { readingOf } from '#platform/database/city-database.ts';
import { type Connection, pageSize, toConnection } from '#platform/paging/connection.ts';
import { BadInputError, NotFoundError } from '#platform/pure/faults.ts';
import { codePoints, foldText } from '#platform/pure/text.ts';
import { STORE_NAMES } from '#platform/vault/vault.ts';
import { decide, NO_RELATION } from '#policy/decide.ts';
import type { FileVersion, MedicalFile, Priority } from '../domain/file.ts';
import { readStanding } from '../store/directory-store.ts';
import { type FilePosition, listAttached, listFiles, listVersions, positionOf } from '../store/file-store.ts';
import { fileEntity, Outcome, toEvent } from './acts.ts';
import { homeOf, requireViewer } from './admit-upload.ts';
import type { Loaders } from './loaders.ts';
import type { Parts } from './parts.ts';

export type PageInput = { readonly first?: number | null | undefined; readonly after?: string | null | undefined };
export type CopyView = { readonly store: string; readonly state: 'STORED' | 'OWED' | 'DAMAGED' };

/** `asOf`: where a replica gave the page, when it was true. */
export type FilePage = Connection<MedicalFile> & { readonly asOf: Date | null };

const MAX_NAME_PART = 255;

/** Lists of files, for whoever may see them. Each is audited with the hashes of what it shows before it is given. */
export const makeReadFiles = ({ cities, cursors }: Parts) => {
  /** The database of a patient's home, for a caller who may read the patient's files; audited and `NotFoundError` for others. */
  const openFiles = async (caller: Caller, patientId: string, act: string) => {
    const viewer = requireViewer(caller);
    const city = homeOf({ cities }, patientId);
    const db = cities.of(city ?? viewer.city);
    const reading = readingOf(db);
    const standing = await readStanding(reading, db.city.code, city === null ? '' : patientId, viewer.practitionerId);
    const relation = { ...NO_RELATION, inCare: standing.inCare, granted: standing.granted };
    const isAllowed = city !== null && decide(viewer, { action: 'file:read', resource: { patientId, patientCity: city, relation } }).allow;
    if (isAllowed && standing.isThere) return reading;
    await appendAudit(
      db,
      toEvent(caller, {
        city: db.city.code,
        act,
        outcome: standing.isThere && !isAllowed ? Outcome.DENIED : Outcome.REFUSED,
        reason: 'NOT_FOUND',
        patientId: city === null ? null : patientId,
      }),
    );
    throw new NotFoundError();
  };

  const showPage = async (
    caller: Caller,
    { act, patientId, city, scope }: { readonly act: string; readonly patientId: string; readonly city: string; readonly scope: string },
    found: readonly MedicalFile[],
    size: number,
    isFirst: boolean,
    asOf: Date | null,
  ): Promise<FilePage> => {
    const rows = asOf === null ? found : found.map((file) => ({ ...file, asOf }));
    const entities = rows.slice(0, size).map(fileEntity);
    await appendAudit(cities.of(city), toEvent(caller, { city, act, outcome: Outcome.SUCCESS, patientId, entities }));
    return { ...toConnection(rows, size, (file) => cursors.encode(scope, positionOf(file)), !isFirst), asOf };
  };

  /** A patient's files by priority, then newest first. `name` is a part of the name, without regard to case and accents. */
  const ofPatient = async (
    caller: Caller,
    patientId: string,
    {
      name,
      priority,
      first,
      after,
    }: PageInput & { readonly name?: string | null | undefined; readonly priority?: Priority | null | undefined },
  ): Promise<FilePage> => {
    const viewer = requireViewer(caller);
    const size = pageSize(first);
    if (name && codePoints(name) > MAX_NAME_PART) throw new BadInputError('name', `is longer than ${MAX_NAME_PART} characters`);
    // No name holds NUL, and PostgreSQL takes none.
    if (name?.includes('\0')) throw new BadInputError('name', 'holds a control character; leave it out');
    const nameFold = name ? foldText(name) : null;
    const scope = `files:${viewer.accountId}:${patientId}:${priority ?? ''}:${nameFold ?? ''}`;
    const behind = after === undefined || after === null ? null : cursors.decode<FilePosition>(scope, after);
    const db = await openFiles(caller, patientId, 'files');
    const rows = await listFiles(db, patientId, { nameFold, priority: priority ?? null }, behind, size + 1);
    return showPage(caller, { act: 'files', patientId, city: db.city.code, scope }, rows, size, behind === null, db.staleAsOf());
  };

  /** Files of the patient that an appointment of theirs refers to, in the same order; kept at the patient's home. */
  const ofAppointment = async (
    caller: Caller,
    { appointmentId, patientId }: { readonly appointmentId: string; readonly patientId: string },
    { first, after }: PageInput,
  ): Promise<FilePage> => {
    const viewer = requireViewer(caller);
    const size = pageSize(first);
    const scope = `appointment-files:${viewer.accountId}:${patientId}:${appointmentId}`;
    const behind = after === undefined || after === null ? null : cursors.decode<FilePosition>(scope, after);
    const db = await openFiles(caller, patientId, 'appointment.files');
    const rows = await listAttached(db, patientId, appointmentId, behind, size + 1);
    return showPage(
      caller,
      { act: 'appointment.files', patientId, city: db.city.code, scope },
      rows,
      size,
      behind === null,
      db.staleAsOf(),
    );
  };

  /** Versions of a file that the caller was shown, newest first. */
  const versionsOf = async (caller: Caller, file: MedicalFile, { first, after }: PageInput): Promise<Connection<FileVersion>> => {
    const viewer = requireViewer(caller);
    const size = pageSize(first);
    const scope = `versions:${viewer.accountId}:${file.id}`;
    const before = after === undefined || after === null ? null : cursors.decode<number>(scope, after);
    const db = cities.of(file.city);
    const rows = await listVersions(readingOf(db), file.id, before, size + 1);
    const entities = rows.slice(0, size).map(({ fileId, sha256 }) => fileEntity({ id: fileId, sha256 }));
    await appendAudit(
      db,
      toEvent(caller, { city: file.city, act: 'versions', outcome: Outcome.SUCCESS, patientId: file.patientId, entities }),
    );
    return toConnection(rows, size, ({ version }) => cursors.encode(scope, version), before !== null);
  };

  /** Where a version's content stands in each store. */
  const copiesOf = async (loaders: Loaders, { city, blobId }: FileVersion): Promise<CopyView[]> => {
    const debts = await loaders.debts.load({ city, blobId });
    return STORE_NAMES.map((store) => {
      const state = debts.find((debt) => debt.store === store)?.state;
      return { store, state: state === undefined ? 'STORED' : state === 'owed' ? 'OWED' : 'DAMAGED' };
    });
  };

  return { ofPatient, ofAppointment, versionsOf, copiesOf };
};
export type ReadFiles = ReturnType<typeof makeReadFiles>;
