import type { Viewer } from '#platform/access/viewer.ts';
import type { Named, Statements, Transaction } from '#platform/database/city-database.ts';
import type { StoreName } from '#platform/vault/vault.ts';
import type { FileVersion, Upload } from '../domain/file.ts';
import { toVersion, type VersionRow, versionColumns } from './file-row.ts';
import { LEASE_SECONDS, toUpload, type UploadRow, uploadColumns } from './upload-store.ts';

/**
 * Addresses of transfers and who uses them now. One receiver or giver at a time: the lease, by the time of the database, decides. A lease
 * that ran out without being let go was of a process that died; what it left is found in the stores.
 */

/** How long an upload waits for its next byte, and a download that has begun for its next range, which begins within a day of its address. */
export const UPLOAD_SECONDS = 24 * 3_600;
const DOWNLOAD_SECONDS = 3_600;
const DOWNLOAD_DAY_SECONDS = 24 * 3_600;

const waitsUntil = (seconds: string, day: string): string =>
  `greatest(expires_at, least(now() + make_interval(secs => ${seconds}), created_at + make_interval(secs => ${day})))`;

/** For whom an address was made. */
export type Holder = Pick<Viewer, 'accountId' | 'role' | 'city' | 'patientId' | 'practitionerId' | 'sessionId'>;

/** An upload with what its address is bound to. */
export type OpenUpload = {
  readonly upload: Upload;
  readonly refusal: string | null;
  /** Null before an address was made. */
  readonly holder: Holder | null;
  readonly addressUntil: Date | null;
  /** First bytes of a sealed stream, once they came. */
  readonly streamHeader: Uint8Array | null;
  readonly isLeased: boolean;
  /** Whoever had it last did not let it go. */
  readonly isAdrift: boolean;
  readonly isOver: boolean;
};
type OpenUploadRow = UploadRow & {
  readonly refusal: string | null;
  readonly viewer: Holder | null;
  readonly address_until: Date | null;
  readonly stream_header: Buffer | null;
  readonly is_leased: boolean;
  readonly is_adrift: boolean;
  readonly is_over: boolean;
};

const leaseColumns = (row: string): string =>
  `coalesce(${row}.lease_until > now(), false) AS is_leased, coalesce(${row}.lease_until <= now(), false) AS is_adrift,
    ${row}.expires_at <= now() AS is_over`;

const FIND_UPLOAD: Named = {
  name: 'files_find_open_upload',
  text: `SELECT ${uploadColumns('u')}, u.refusal, u.viewer, u.address_until, u.stream_header, ${leaseColumns('u')}
    FROM files.upload u WHERE u.city = $1 AND u.id = $2`,
};
/** An upload as it stands; null where there is none. */
export const findUpload = async (db: Statements, city: string, id: string): Promise<OpenUpload | null> => {
  const [row] = await db.named<OpenUploadRow>(FIND_UPLOAD, [city, id]);
  if (!row) return null;
  return {
    upload: toUpload(row),
    refusal: row.refusal,
    holder: row.viewer,
    addressUntil: row.address_until,
    streamHeader: row.stream_header,
    isLeased: row.is_leased,
    isAdrift: row.is_adrift,
    isOver: row.is_over,
  };
};

const GIVE_ADDRESS: Named = {
  name: 'files_give_upload_address',
  text: `UPDATE files.upload SET address_until = $3, session_id = $4, viewer = $5, expires_at = now() + make_interval(secs => $6)
    WHERE city = $1 AND id = $2 AND state IN ('open', 'received') AND expires_at > now() RETURNING 1 AS done`,
};
/** Puts an address into force, and with that ends the one before. False where the upload has ended. */
export const giveUploadAddress = async (db: Statements, city: string, id: string, until: Date, holder: Holder): Promise<boolean> =>
  (await db.named(GIVE_ADDRESS, [city, id, until, holder.sessionId, JSON.stringify(holder), UPLOAD_SECONDS])).length > 0;

const TAKE_UPLOAD: Named = {
  name: 'files_take_upload',
  text: `UPDATE files.upload SET lease = $3, lease_until = now() + make_interval(secs => $4), expires_at = now() + make_interval(secs => $5)
    WHERE city = $1 AND id = $2 AND state = 'open' AND expires_at > now() AND address_until = $6
      AND (lease_until IS NULL OR lease_until <= now())
    RETURNING 1 AS done`,
};
/** Takes an upload to receive by the address that ends at `until`, in one statement. False: somebody else has it, or the address is not in force. */
export const takeUpload = async (tx: Transaction, city: string, id: string, lease: string, until: Date): Promise<boolean> =>
  (await tx.named(TAKE_UPLOAD, [city, id, lease, LEASE_SECONDS, UPLOAD_SECONDS, until])).length > 0;

const HOLD_UPLOAD: Named = {
  name: 'files_hold_upload',
  text: `UPDATE files.upload SET lease_until = now() + make_interval(secs => $4), expires_at = now() + make_interval(secs => $5)
    WHERE city = $1 AND id = $2 AND lease = $3 AND state = 'open' RETURNING 1 AS done`,
};
/** Keeps a lease. False: it is lost, or the upload has ended. */
export const holdUpload = async (db: Statements, city: string, id: string, lease: string): Promise<boolean> =>
  (await db.named(HOLD_UPLOAD, [city, id, lease, LEASE_SECONDS, UPLOAD_SECONDS])).length > 0;

const LET_UPLOAD_GO: Named = {
  name: 'files_let_upload_go',
  text: `UPDATE files.upload SET stored_bytes = coalesce($4::bigint, stored_bytes), lease = NULL,
      lease_until = CASE WHEN $4::bigint IS NULL THEN now() END, expires_at = now() + make_interval(secs => $5)
    WHERE city = $1 AND id = $2 AND lease = $3 AND state = 'open'`,
};
/** Lets a lease go. `storedBytes`: what stands for good; null where that is not known, so that whoever comes next looks. */
export const letUploadGo = async (db: Statements, city: string, id: string, lease: string, storedBytes: number | null): Promise<void> => {
  await db.named(LET_UPLOAD_GO, [city, id, lease, storedBytes, UPLOAD_SECONDS]);
};

const SET_HEADER: Named = {
  name: 'files_set_stream_header',
  text: `UPDATE files.upload SET stream_header = $4 WHERE city = $1 AND id = $2 AND lease = $3 AND state = 'open' RETURNING 1 AS done`,
};
/** Keeps the header of a sealed stream before the first of its chunks is stored. False: the lease is lost. */
export const setStreamHeader = async (db: Statements, city: string, id: string, lease: string, header: Uint8Array): Promise<boolean> =>
  (await db.named(SET_HEADER, [city, id, lease, header])).length > 0;

const UPLOAD_RECEIVED: Named = {
  name: 'files_upload_received',
  text: `UPDATE files.upload SET state = 'received', stored_bytes = size_bytes, key_id = $4, owed = $5, lease = NULL, lease_until = NULL,
      address_until = NULL, expires_at = now() + make_interval(secs => $6)
    WHERE city = $1 AND id = $2 AND lease = $3 AND state = 'open' RETURNING 1 AS done`,
};
/** All bytes are stored and hold; the address is used up. False: the lease is lost, or the upload has ended. */
export const uploadReceived = async (
  db: Statements,
  city: string,
  id: string,
  lease: string,
  { keyId, owed }: { readonly keyId: string; readonly owed: readonly StoreName[] },
): Promise<boolean> => (await db.named(UPLOAD_RECEIVED, [city, id, lease, keyId, owed.join(','), UPLOAD_SECONDS])).length > 0;

/** The transfer key of a sealed download, wrapped, and the salt that gives every range the same bytes. */
export type DownloadSeal = { readonly wrappedKey: string; readonly salt: Uint8Array };

const INSERT_DOWNLOAD: Named = {
  name: 'files_insert_download',
  text: `INSERT INTO files.download (city, id, file_id, version, account_id, session_id, viewer, wrapped_key, salt, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
};
export const insertDownload = async (
  tx: Transaction,
  id: string,
  version: FileVersion,
  holder: Holder,
  seal: DownloadSeal | null,
  expiresAt: Date,
): Promise<void> => {
  await tx.named(INSERT_DOWNLOAD, [
    version.city,
    id,
    version.fileId,
    version.version,
    holder.accountId,
    holder.sessionId,
    JSON.stringify(holder),
    seal?.wrappedKey ?? null,
    seal?.salt ?? null,
    expiresAt,
  ]);
};

/** A download with the version that it gives. `handedBytes`: how far into the body bytes were handed out. */
export type OpenDownload = {
  readonly id: string;
  readonly version: FileVersion;
  readonly holder: Holder;
  readonly seal: DownloadSeal | null;
  readonly handedBytes: number;
  readonly hasBegun: boolean;
  readonly isLeased: boolean;
  readonly isAdrift: boolean;
  readonly isOver: boolean;
};
type OpenDownloadRow = VersionRow & {
  readonly viewer: Holder;
  readonly wrapped_key: string | null;
  readonly salt: Buffer | null;
  readonly handed_bytes: number;
  readonly has_begun: boolean;
  readonly is_leased: boolean;
  readonly is_adrift: boolean;
  readonly is_over: boolean;
};

const FIND_DOWNLOAD: Named = {
  name: 'files_find_download',
  text: `SELECT ${versionColumns('v', 'f')}, d.viewer, d.wrapped_key, d.salt, d.handed_bytes::float8 AS handed_bytes,
      d.lease IS NOT NULL AS has_begun, ${leaseColumns('d')}
    FROM files.download d
    JOIN files.version v ON v.city = d.city AND v.file_id = d.file_id AND v.version = d.version
    JOIN files.file f ON f.city = v.city AND f.id = v.file_id
    WHERE d.city = $1 AND d.id = $2`,
};
/** A download as it stands; null where there is none, or its file is gone. */
export const findDownload = async (db: Statements, city: string, id: string): Promise<OpenDownload | null> => {
  const [row] = await db.named<OpenDownloadRow>(FIND_DOWNLOAD, [city, id]);
  if (!row) return null;
  const { wrapped_key: wrappedKey, salt } = row;
  return {
    id,
    version: toVersion(row),
    holder: row.viewer,
    seal: wrappedKey !== null && salt !== null ? { wrappedKey, salt } : null,
    handedBytes: row.handed_bytes,
    hasBegun: row.has_begun,
    isLeased: row.is_leased,
    isAdrift: row.is_adrift,
    isOver: row.is_over,
  };
};

const TAKE_DOWNLOAD: Named = {
  name: 'files_take_download',
  text: `UPDATE files.download SET lease = $3, lease_until = now() + make_interval(secs => $4),
      expires_at = ${waitsUntil('$5', '$8')}
    WHERE city = $1 AND id = $2 AND expires_at > now() AND handed_bytes = $6 AND (lease IS NOT NULL) = $7
      AND (lease_until IS NULL OR lease_until <= now())
    RETURNING 1 AS done`,
};
/** Takes a download to give bytes of it, as it was found, in one statement. False: somebody else has it, or was faster. */
export const takeDownload = async (
  tx: Transaction,
  city: string,
  { id, handedBytes, hasBegun }: OpenDownload,
  lease: string,
): Promise<boolean> =>
  (await tx.named(TAKE_DOWNLOAD, [city, id, lease, LEASE_SECONDS, DOWNLOAD_SECONDS, handedBytes, hasBegun, DOWNLOAD_DAY_SECONDS])).length >
  0;

const NOTE_HANDED: Named = {
  name: 'files_note_handed',
  text: `UPDATE files.download SET handed_bytes = greatest(handed_bytes, $4::bigint),
      lease_until = CASE WHEN $5 THEN now() + make_interval(secs => $6) END, expires_at = ${waitsUntil('$7', '$8')}
    WHERE city = $1 AND id = $2 AND lease = $3 RETURNING 1 AS done`,
};
/** Notes how far bytes were handed out, and keeps the lease or lets it go. False: the lease is lost, or the file is gone. */
export const noteHanded = async (
  db: Statements,
  city: string,
  id: string,
  lease: string,
  handedBytes: number,
  goesOn: boolean,
): Promise<boolean> =>
  (await db.named(NOTE_HANDED, [city, id, lease, handedBytes, goesOn, LEASE_SECONDS, DOWNLOAD_SECONDS, DOWNLOAD_DAY_SECONDS])).length > 0;
