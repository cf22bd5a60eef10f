import type { Named, Transaction } from '#platform/database/city-database.ts';
import type { StoreName } from '#platform/vault/vault.ts';
import type { FileVersion, Upload } from '../domain/file.ts';
import { priorityOf, rankOf, toVersion, type VersionRow, versionColumns } from './file-row.ts';

/**
 * Uploads, from the intent to the version. Whoever changes several of these rows in one transaction takes them in this order, so that no
 * two wait for each other: subject (the patient's room), upload, file, room (the city's). What happens to a patient's files so happens
 * one after the other.
 */

/** Seconds for which a receiver has an upload to itself unless it says so again. */
export const LEASE_SECONDS = 30;

/** Columns of an upload, as `UploadRow` names them; `upload` is the alias of a row of files.upload. */
export const uploadColumns = (upload: string): string =>
  [
    'city',
    'id',
    'blob_id',
    'patient_id',
    'file_id',
    'version_id',
    'name',
    'content_type',
    'priority',
    'appointment_id',
    'sha256',
    'account_id',
    'session_id',
    'sealed_key',
    'state',
    'key_id',
    'owed',
  ]
    .map((column) => `${upload}.${column}`)
    .concat(`${upload}.size_bytes::float8 AS size_bytes`, `${upload}.stored_bytes::float8 AS stored_bytes`)
    .join(', ');

export type UploadRow = {
  readonly city: string;
  readonly id: string;
  readonly blob_id: string;
  readonly patient_id: string;
  readonly file_id: string;
  readonly version_id: string;
  readonly name: string;
  readonly content_type: string;
  readonly priority: number;
  readonly appointment_id: string | null;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly account_id: string;
  readonly session_id: string;
  readonly sealed_key: string | null;
  readonly state: Upload['state'];
  readonly stored_bytes: number;
  readonly key_id: string | null;
  readonly owed: string;
};

export const toUpload = (row: UploadRow): Upload => ({
  id: row.id,
  city: row.city,
  blobId: row.blob_id,
  patientId: row.patient_id,
  fileId: row.file_id,
  versionId: row.version_id,
  name: row.name,
  contentType: row.content_type,
  priority: priorityOf(row.priority),
  appointmentId: row.appointment_id,
  sizeBytes: row.size_bytes,
  sha256: row.sha256,
  accountId: row.account_id,
  sessionId: row.session_id,
  sealedKey: row.sealed_key,
  state: row.state,
  storedBytes: row.stored_bytes,
  keyId: row.key_id,
  owed: row.owed === '' ? [] : row.owed.split(','),
});

const RESERVE_SUBJECT: Named = {
  name: 'files_reserve_subject',
  text: `INSERT INTO files.subject (city, patient_id, reserved_bytes) SELECT $1, $2, $3::bigint WHERE $3::bigint <= $4::bigint
    ON CONFLICT (city, patient_id) DO UPDATE SET reserved_bytes = subject.reserved_bytes + $3::bigint
      WHERE subject.used_bytes + subject.reserved_bytes + $3::bigint <= $4::bigint
    RETURNING 1 AS done`,
};
const SUBJECT: Named = {
  name: 'files_subject',
  text: 'SELECT (used_bytes + reserved_bytes)::float8 AS used FROM files.subject WHERE city = $1 AND patient_id = $2',
};
const RESERVE_ROOM: Named = {
  name: 'files_reserve_room',
  text: `UPDATE files.room SET reserved_bytes = reserved_bytes + $2::bigint
    WHERE city = $1 AND used_bytes + reserved_bytes + $2::bigint <= $3::bigint RETURNING 1 AS done`,
};
const ROOM: Named = {
  name: 'files_room',
  text: 'SELECT (used_bytes + reserved_bytes)::float8 AS used FROM files.room WHERE city = $1',
};

/** What is in use where a reservation did not fit; null where it was made. */
type Shortage = { readonly usedBytes: number } | null;

/** Sets room aside for a patient, in one statement. A shortage: nothing was set aside. */
export const reserveForPatient = async (
  tx: Transaction,
  city: string,
  patientId: string,
  sizeBytes: number,
  limitBytes: number,
): Promise<Shortage> => {
  const [done] = await tx.named(RESERVE_SUBJECT, [city, patientId, sizeBytes, limitBytes]);
  if (done) return null;
  const [row] = await tx.named<{ used: number }>(SUBJECT, [city, patientId]);
  return { usedBytes: row?.used ?? 0 };
};

/** The same for the city. The row is taken last and for a moment only: every upload of the city needs it. */
export const reserveForCity = async (tx: Transaction, city: string, sizeBytes: number, limitBytes: number): Promise<Shortage> => {
  const [done] = await tx.named(RESERVE_ROOM, [city, sizeBytes, limitBytes]);
  if (done) return null;
  const [row] = await tx.named<{ used: number }>(ROOM, [city]);
  return { usedBytes: row?.used ?? 0 };
};

const LOCK_SUBJECT: Named = {
  name: 'files_lock_subject',
  text: 'SELECT 1 AS done FROM files.subject WHERE city = $1 AND patient_id = $2 FOR UPDATE',
};
/** Holds what a patient has until the transaction ends; before any other row of the patient. */
export const lockSubject = async (tx: Transaction, city: string, patientId: string): Promise<void> => {
  await tx.named(LOCK_SUBJECT, [city, patientId]);
};

const CLAIM_NAME: Named = {
  name: 'files_claim_name',
  text: `INSERT INTO files.file (city, id, patient_id, name, name_fold, priority, content_type, size_bytes, sha256)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (city, patient_id, name) DO UPDATE SET name = EXCLUDED.name
    RETURNING id`,
};
/** The file of this name, made (as version 0, seen by nobody) where the patient has none. All uploads of a name belong to one file. */
export const claimName = async (
  tx: Transaction,
  upload: Pick<Upload, 'city' | 'fileId' | 'patientId' | 'name' | 'priority' | 'contentType' | 'sizeBytes' | 'sha256'>,
  nameFold: string,
): Promise<string> => {
  const { city, fileId, patientId, name, priority, contentType, sizeBytes, sha256 } = upload;
  const [row] = await tx.named<{ id: string }>(CLAIM_NAME, [
    city,
    fileId,
    patientId,
    name,
    nameFold,
    rankOf(priority),
    contentType,
    sizeBytes,
    sha256,
  ]);
  if (!row) throw new Error('a name was not claimed');
  return row.id;
};

const INSERT_UPLOAD: Named = {
  name: 'files_insert_upload',
  text: `INSERT INTO files.upload (city, id, blob_id, patient_id, file_id, version_id, name, content_type, priority, appointment_id,
      size_bytes, sha256, account_id, session_id, sealed_key, expires_at, lease, lease_until)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, now() + make_interval(secs => $16), $17::text,
      CASE WHEN $17::text IS NULL THEN NULL ELSE now() + make_interval(secs => $18) END)`,
};
/** Writes the intent. `lease`: who receives from now on; null: nobody yet. */
export const insertUpload = async (
  tx: Transaction,
  upload: Upload,
  { expiresInSeconds, lease }: { readonly expiresInSeconds: number; readonly lease: string | null },
): Promise<void> => {
  await tx.named(INSERT_UPLOAD, [
    upload.city,
    upload.id,
    upload.blobId,
    upload.patientId,
    upload.fileId,
    upload.versionId,
    upload.name,
    upload.contentType,
    rankOf(upload.priority),
    upload.appointmentId,
    upload.sizeBytes,
    upload.sha256,
    upload.accountId,
    upload.sessionId,
    upload.sealedKey,
    expiresInSeconds,
    lease,
    LEASE_SECONDS,
  ]);
};

const LOCK_UPLOAD: Named = {
  name: 'files_lock_upload',
  text: `SELECT ${uploadColumns('u')} FROM files.upload u WHERE u.city = $1 AND u.id = $2 FOR UPDATE`,
};
/** An upload as it stands, held until the transaction ends; null where it has ended. */
export const lockUpload = async (tx: Transaction, city: string, id: string): Promise<Upload | null> => {
  const [row] = await tx.named<UploadRow>(LOCK_UPLOAD, [city, id]);
  return row ? toUpload(row) : null;
};

const USE_SUBJECT: Named = {
  name: 'files_use_subject',
  text: `UPDATE files.subject SET reserved_bytes = reserved_bytes - $3::bigint, used_bytes = used_bytes + $3::bigint
    WHERE city = $1 AND patient_id = $2`,
};
const USE_ROOM: Named = {
  name: 'files_use_room',
  text: `UPDATE files.room SET reserved_bytes = reserved_bytes - $2::bigint, used_bytes = used_bytes + $2::bigint WHERE city = $1`,
};
const KEEP_NAME: Named = {
  name: 'files_keep_name',
  text: `INSERT INTO files.file (city, id, patient_id, name, name_fold, priority, content_type, size_bytes, sha256)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
};
const NEXT_VERSION: Named = {
  name: 'files_next_version',
  text: `UPDATE files.file SET version = version + 1, priority = $3, content_type = $4, size_bytes = $5, sha256 = $6,
      changed_at = date_trunc('milliseconds', clock_timestamp())
    WHERE city = $1 AND id = $2 RETURNING version, changed_at`,
};
const INSERT_VERSION: Named = {
  name: 'files_insert_version',
  text: `WITH v AS (
      INSERT INTO files.version (city, file_id, version, id, blob_id, key_id, priority, content_type, size_bytes, sha256, created_at,
        created_by)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING *)
    SELECT ${versionColumns('v', 'f')} FROM v JOIN files.file f ON f.city = v.city AND f.id = v.file_id`,
};
const INSERT_DEBTS: Named = {
  name: 'files_insert_debts',
  text: `INSERT INTO files.debt (city, blob_id, store, state) SELECT $1, $2, store, 'owed' FROM unnest($3::text[]) AS store`,
};
const ATTACH: Named = {
  name: 'files_attach',
  text: 'INSERT INTO files.attachment (city, appointment_id, file_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
};
const UPLOAD_KEPT: Named = {
  name: 'files_upload_kept',
  text: `UPDATE files.upload SET state = 'kept', stored_bytes = size_bytes, key_id = $3, owed = $4, lease = NULL, lease_until = NULL,
      address_until = NULL
    WHERE city = $1 AND id = $2`,
};

/** Lets an appointment refer to a file; no change where it does already. */
export const attach = async (tx: Transaction, city: string, appointmentId: string, fileId: string): Promise<void> => {
  await tx.named(ATTACH, [city, appointmentId, fileId]);
};

/**
 * Makes a locked upload the newest version of its file: gives the number, moves the room from reserved to used, records what a store is
 * owed and the appointment. Null: the name belongs to another file by now, nothing was written that this transaction must keep.
 */
export const insertVersion = async (
  tx: Transaction,
  upload: Upload,
  nameFold: string,
  { keyId, owed }: { readonly keyId: string; readonly owed: readonly StoreName[] },
): Promise<FileVersion | null> => {
  const { city, fileId, patientId, name, contentType, sizeBytes, sha256 } = upload;
  const rank = rankOf(upload.priority);
  await tx.named(USE_SUBJECT, [city, patientId, sizeBytes]);
  await tx.named(KEEP_NAME, [city, fileId, patientId, name, nameFold, rank, contentType, sizeBytes, sha256]);
  const [next] = await tx.named<{ version: number; changed_at: Date }>(NEXT_VERSION, [city, fileId, rank, contentType, sizeBytes, sha256]);
  if (!next) return null;
  const [row] = await tx.named<VersionRow>(INSERT_VERSION, [
    city,
    fileId,
    next.version,
    upload.versionId,
    upload.blobId,
    keyId,
    rank,
    contentType,
    sizeBytes,
    sha256,
    next.changed_at,
    upload.accountId,
  ]);
  if (!row) throw new Error('a version was not written');
  if (owed.length > 0) await tx.named(INSERT_DEBTS, [city, upload.blobId, owed]);
  if (upload.appointmentId !== null) await attach(tx, city, upload.appointmentId, fileId);
  await tx.named(UPLOAD_KEPT, [city, upload.id, keyId, owed.join(',')]);
  await tx.named(USE_ROOM, [city, sizeBytes]);
  return toVersion(row);
};

const FIND_VERSION_BY_ID: Named = {
  name: 'files_version_by_id',
  text: `SELECT ${versionColumns('v', 'f')} FROM files.version v JOIN files.file f ON f.city = v.city AND f.id = v.file_id
    WHERE v.city = $1 AND v.id = $2`,
};
/** The version that an upload became; null where it is gone. */
export const findKeptVersion = async (tx: Transaction, { city, versionId }: Upload): Promise<FileVersion | null> => {
  const [row] = await tx.named<VersionRow>(FIND_VERSION_BY_ID, [city, versionId]);
  return row ? toVersion(row) : null;
};

const GIVE_UP: Named = {
  name: 'files_give_up_upload',
  text: `UPDATE files.upload SET state = 'refused', refusal = $3, expires_at = now(), lease = NULL, lease_until = NULL, address_until = NULL
    WHERE city = $1 AND id = $2 AND state IN ('open', 'received')`,
};
const DISCARD_FORGOTTEN: Named = {
  name: 'files_discard_forgotten',
  text: `INSERT INTO files.destruction (city, blob_id, store, reason)
    SELECT $1, $3, store, 'abandoned' FROM unnest('{primary,backup}'::text[]) AS store
    WHERE NOT EXISTS (SELECT FROM files.upload WHERE city = $1 AND id = $2)
      AND NOT EXISTS (SELECT FROM files.version WHERE city = $1 AND blob_id = $3)
    ON CONFLICT DO NOTHING`,
};
/**
 * Orders that what an upload left in the stores is removed, where the sweep has cleared the upload under its writer's hands: what was
 * written since then would be known to nobody. No change where the upload still has its row, or became a version.
 */
export const discardForgotten = async (tx: Transaction, { city, id, blobId }: Pick<Upload, 'city' | 'id' | 'blobId'>): Promise<void> => {
  await tx.named(DISCARD_FORGOTTEN, [city, id, blobId]);
};

/** Ends an upload that becomes nothing; its room and what stands in the stores are cleared by the sweep, which looks for ended ones. */
export const giveUpUpload = async (tx: Transaction, upload: Pick<Upload, 'city' | 'id' | 'blobId'>, reason: string): Promise<void> => {
  await tx.named(GIVE_UP, [upload.city, upload.id, reason]);
  await discardForgotten(tx, upload);
};
