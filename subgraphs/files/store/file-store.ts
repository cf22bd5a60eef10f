import type { CityDatabase, Named, Reader, Transaction } from '#platform/database/city-database.ts';
import { escapeLike } from '#platform/pure/text.ts';
import type { FileVersion, MedicalFile, Priority } from '../domain/file.ts';
import { patientIsThere, relationColumns } from './directory-store.ts';
import { type FileRow, fileColumns, rankOf, toFile, toVersion, type VersionRow, versionColumns } from './file-row.ts';

/** Files of one city. A file whose patient is not listed any more is not there, whatever still stands in the tables. */

/** A file with how a practitioner stands to its patient. */
export type FoundFile = { readonly file: MedicalFile; readonly inCare: boolean; readonly granted: boolean };
type FoundRow = FileRow & { readonly in_care: boolean; readonly granted: boolean };
const toFound = (row: FoundRow): FoundFile => ({ file: toFile(row), inCare: row.in_care, granted: row.granted });

const FIND_FILES: Named = {
  name: 'files_find',
  text: `SELECT ${fileColumns('f')}, ${relationColumns('f.patient_id')}
    FROM files.file f WHERE f.city = $1 AND f.id = ANY($2::text[]) AND f.version > 0 AND ${patientIsThere('f.patient_id')}`,
};
/** Finds files by id, with how a practitioner (null: somebody who is none) stands to each one's patient. */
export const findFiles = async (db: Reader, ids: readonly string[], practitionerId: string | null): Promise<FoundFile[]> =>
  (await db.named<FoundRow>(FIND_FILES, [db.city.code, ids, practitionerId])).map(toFound);

/** Where a file stands in its list: priority (0 high), instant of its newest version, id. */
export type FilePosition = readonly [rank: number, changedAt: string, id: string];
export const positionOf = (file: MedicalFile): FilePosition => [rankOf(file.priority), file.createdAt.toISOString(), file.id];

const AFTER = `($3::smallint IS NULL OR (f.priority, -extract(epoch FROM f.changed_at), f.id)
    > ($3::smallint, -extract(epoch FROM $4::timestamptz), $5::text))`;
const ORDER = 'ORDER BY f.priority, f.changed_at DESC, f.id';

const LIST_FILES: Named = {
  name: 'files_list',
  text: `SELECT ${fileColumns('f')} FROM files.file f
    WHERE f.city = $1 AND f.patient_id = $2 AND f.version > 0 AND ${AFTER}
      AND ($6::text IS NULL OR f.name_fold LIKE $6) AND ($7::smallint IS NULL OR f.priority = $7)
    ${ORDER} LIMIT $8`,
};
/** A patient's files behind `after`, by priority and then newest first. `nameFold`: a part of the folded name. */
export const listFiles = async (
  db: Reader,
  patientId: string,
  filter: { readonly nameFold: string | null; readonly priority: Priority | null },
  after: FilePosition | null,
  limit: number,
): Promise<MedicalFile[]> => {
  const rows = await db.named<FileRow>(LIST_FILES, [
    db.city.code,
    patientId,
    ...(after ?? [null, null, null]),
    filter.nameFold === null ? null : `%${escapeLike(filter.nameFold)}%`,
    filter.priority === null ? null : rankOf(filter.priority),
    limit,
  ]);
  return rows.map(toFile);
};

const LIST_ATTACHED: Named = {
  name: 'files_list_attached',
  text: `SELECT ${fileColumns('f')} FROM files.attachment a JOIN files.file f ON f.city = a.city AND f.id = a.file_id
    WHERE a.city = $1 AND f.patient_id = $2 AND f.version > 0 AND ${AFTER} AND a.appointment_id = $6
    ${ORDER} LIMIT $7`,
};
/** Files of a patient that an appointment refers to, in the order of `listFiles`. */
export const listAttached = async (
  db: Reader,
  patientId: string,
  appointmentId: string,
  after: FilePosition | null,
  limit: number,
): Promise<MedicalFile[]> => {
  const values = [db.city.code, patientId, ...(after ?? [null, null, null]), appointmentId, limit];
  return (await db.named<FileRow>(LIST_ATTACHED, values)).map(toFile);
};

const LIST_VERSIONS: Named = {
  name: 'files_list_versions',
  text: `SELECT ${versionColumns('v', 'f')} FROM files.version v JOIN files.file f ON f.city = v.city AND f.id = v.file_id
    WHERE v.city = $1 AND v.file_id = $2 AND ($3::integer IS NULL OR v.version < $3) ORDER BY v.version DESC LIMIT $4`,
};
/** Versions of a file below `before`, newest first. */
export const listVersions = async (db: Reader, fileId: string, before: number | null, limit: number): Promise<FileVersion[]> =>
  (await db.named<VersionRow>(LIST_VERSIONS, [db.city.code, fileId, before, limit])).map(toVersion);

const FIND_VERSIONS: Named = {
  name: 'files_find_versions',
  text: `SELECT ${versionColumns('v', 'f')}
    FROM unnest($2::text[], $3::integer[]) AS w (file_id, version)
    JOIN files.version v ON v.city = $1 AND v.file_id = w.file_id AND v.version = w.version
    JOIN files.file f ON f.city = v.city AND f.id = v.file_id
    WHERE ${patientIsThere('f.patient_id')}`,
};
/** Finds versions by file and number. */
export const findVersions = async (
  db: Reader,
  keys: readonly { readonly fileId: string; readonly version: number }[],
): Promise<FileVersion[]> => {
  const values = [db.city.code, keys.map(({ fileId }) => fileId), keys.map(({ version }) => version)];
  return (await db.named<VersionRow>(FIND_VERSIONS, values)).map(toVersion);
};

/** Where a store's copy of a blob is not what it should be. */
export type Debt = { readonly blobId: string; readonly store: string; readonly state: 'owed' | 'damaged' };

const FIND_DEBTS: Named = {
  name: 'files_find_debts',
  text: 'SELECT blob_id AS "blobId", store, state FROM files.debt WHERE city = $1 AND blob_id = ANY($2::text[])',
};
/** What stores are owed of these blobs, or hold damaged. */
export const findDebts = (db: Reader, blobIds: readonly string[]): Promise<Debt[]> => db.named<Debt>(FIND_DEBTS, [db.city.code, blobIds]);

const KEEPS_CONTENTS: Named = {
  name: 'files_keeps_contents',
  text: `SELECT EXISTS (SELECT FROM files.version WHERE city = $1) OR EXISTS (SELECT FROM files.upload WHERE city = $1)
    OR EXISTS (SELECT FROM files.destruction WHERE city = $1) AS found`,
};
/** Whether anything of the city stands in the stores, is on its way there, or has still to go from there. */
export const keepsContents = async (db: CityDatabase): Promise<boolean> => {
  const [row] = await db.named<{ found: boolean }>(KEEPS_CONTENTS, [db.city.code]);
  return row?.found === true;
};

const LOCK_FILE: Named = {
  name: 'files_lock',
  text: `SELECT ${fileColumns('f')}, ${relationColumns('f.patient_id')}
    FROM files.file f WHERE f.city = $1 AND f.id = $2 AND f.version > 0 AND ${patientIsThere('f.patient_id')} FOR UPDATE OF f`,
};
/** A file held until the transaction ends, with how a practitioner stands to its patient; null where there is none. */
export const lockFile = async (tx: Transaction, city: string, id: string, practitionerId: string | null): Promise<FoundFile | null> => {
  const [row] = await tx.named<FoundRow>(LOCK_FILE, [city, id, practitionerId]);
  return row ? toFound(row) : null;
};

const DETACH: Named = {
  name: 'files_detach',
  text: 'DELETE FROM files.attachment WHERE city = $1 AND appointment_id = $2 AND file_id = $3 RETURNING file_id',
};
/** An appointment refers to a file no more. False: it did not before. */
export const detach = async (tx: Transaction, city: string, appointmentId: string, fileId: string): Promise<boolean> =>
  (await tx.named(DETACH, [city, appointmentId, fileId])).length > 0;

const END_UPLOADS: Named = {
  name: 'files_end_uploads',
  text: `UPDATE files.upload SET state = 'refused', refusal = 'FileNotFound', expires_at = now(), address_until = NULL
    WHERE city = $1 AND file_id = $2 AND state IN ('open', 'received')`,
};
const UPLOADERS: Named = {
  name: 'files_uploaders',
  text: `SELECT count(*) FILTER (WHERE created_by <> $3)::int AS others, count(*) FILTER (WHERE version = $4)::int AS newest
    FROM files.version WHERE city = $1 AND file_id = $2`,
};
/** Whether all versions of a file were uploaded by this account. */
export const isUploaderOf = async (tx: Transaction, file: MedicalFile, accountId: string): Promise<boolean> => {
  const [row] = await tx.named<{ others: number; newest: number }>(UPLOADERS, [file.city, file.id, accountId, file.version]);
  return row?.others === 0 && row.newest === 1;
};

const DELETE_VERSIONS: Named = {
  name: 'files_delete_versions',
  text: `WITH gone AS (DELETE FROM files.version WHERE city = $1 AND file_id = $2 RETURNING blob_id, size_bytes),
    destroyed AS (
      INSERT INTO files.destruction (city, blob_id, store, reason)
      SELECT $1, blob_id, store, 'erased' FROM gone CROSS JOIN unnest('{primary,backup}'::text[]) AS store)
    SELECT coalesce(sum(size_bytes), 0)::float8 AS freed FROM gone`,
};
const DELETE_FILE: Named = { name: 'files_delete', text: 'DELETE FROM files.file WHERE city = $1 AND id = $2' };
const FREE_SUBJECT: Named = {
  name: 'files_free_subject',
  text: 'UPDATE files.subject SET used_bytes = used_bytes - $3::bigint WHERE city = $1 AND patient_id = $2',
};
const FREE_ROOM: Named = {
  name: 'files_free_room',
  text: 'UPDATE files.room SET used_bytes = used_bytes - $2::bigint WHERE city = $1',
};
/** Ends what is being uploaded as a further version of a file. */
export const endUploadsOf = async (tx: Transaction, { city, id }: Pick<MedicalFile, 'city' | 'id'>): Promise<void> => {
  await tx.named(END_UPLOADS, [city, id]);
};
/** Takes a locked file with all its versions out of the tables and orders its blobs destroyed in both stores. */
export const deleteFile = async (tx: Transaction, { city, id, patientId }: MedicalFile): Promise<void> => {
  const [row] = await tx.named<{ freed: number }>(DELETE_VERSIONS, [city, id]);
  const freed = row?.freed ?? 0;
  await tx.named(DELETE_FILE, [city, id]);
  await tx.named(FREE_SUBJECT, [city, patientId, freed]);
  await tx.named(FREE_ROOM, [city, freed]);
};
