import type { CityDatabase, Named, Transaction } from '#platform/database/city-database.ts';
import type { StoreName } from '#platform/vault/vault.ts';
import type { FileTask, FileTaskKind } from '../domain/file-task.ts';

/**
 * What the keeping of files has to do, in one city. Rows say what is owed, destroyed or under way; several processes may work on them at
 * once, each on what it took by a lease of the database's time. Locks are taken in the order of `upload-store.ts`.
 */

/** How long a lease lasts unless it is said again, in seconds. */
export const LEASE_SECONDS = 15;
/** Seconds until the next try: 1, 2, 4 … 300. */
const BACKOFF = 'make_interval(secs => least(300, power(2, least(tries, 9))))';

/** A version as its copies are looked after. */
export type Kept = {
  readonly city: string;
  readonly blobId: string;
  readonly versionId: string;
  readonly fileId: string;
  readonly patientId: string;
  readonly sizeBytes: number;
  readonly sha256: string;
};
type KeptRow = {
  readonly city: string;
  readonly blob_id: string;
  readonly id: string;
  readonly file_id: string;
  readonly patient_id: string;
  readonly size_bytes: number;
  readonly sha256: string;
};
const KEPT_COLUMNS = 'v.city, v.blob_id, v.id, v.file_id, f.patient_id, v.size_bytes::float8 AS size_bytes, v.sha256';
const toKept = (row: KeptRow): Kept => ({
  city: row.city,
  blobId: row.blob_id,
  versionId: row.id,
  fileId: row.file_id,
  patientId: row.patient_id,
  sizeBytes: row.size_bytes,
  sha256: row.sha256,
});

const NOTE_DAMAGE: Named = {
  name: 'files_note_damage',
  text: `INSERT INTO files.debt (city, blob_id, store, state) SELECT city, blob_id, $3, 'damaged' FROM files.version
    WHERE city = $1 AND blob_id = $2 ON CONFLICT (city, blob_id, store) DO NOTHING RETURNING 1 AS done`,
};
/** Notes that a copy of a version is not what it should be; false where that is known, or the blob is no version's. */
export const noteDamage = async (db: CityDatabase, blobId: string, store: StoreName): Promise<boolean> =>
  (await db.named(NOTE_DAMAGE, [db.city.code, blobId, store])).length > 0;

/** A copy that one store is owed, or holds damaged. */
export type DueDebt = Kept & { readonly state: 'owed' | 'damaged' };

// The lease is taken in the statement that holds the debt's row: whoever deletes the version waits for it, and its destruction sees the lease.
const CLAIM_DEBTS: Named = {
  name: 'files_claim_debts',
  text: `WITH due AS (
      SELECT d.blob_id FROM files.debt d
      WHERE d.city = $1 AND d.store = $2 AND (d.next_try_at <= now() OR $5)
        AND NOT EXISTS (SELECT FROM files.writing w WHERE w.city = d.city AND w.blob_id = d.blob_id AND w.lease_until > now())
      ORDER BY d.next_try_at LIMIT $4 FOR UPDATE OF d SKIP LOCKED),
    taken AS (
      INSERT INTO files.writing (city, blob_id, lease, lease_until)
      SELECT $1, blob_id, $3, now() + make_interval(secs => ${LEASE_SECONDS}) FROM due
      ON CONFLICT (city, blob_id) DO UPDATE SET lease = EXCLUDED.lease, lease_until = EXCLUDED.lease_until WHERE writing.lease_until <= now()
      RETURNING blob_id),
    tried AS (
      UPDATE files.debt SET tries = tries + 1, next_try_at = now() + ${BACKOFF}
      WHERE city = $1 AND store = $2 AND blob_id IN (SELECT blob_id FROM taken) RETURNING blob_id, state)
    SELECT ${KEPT_COLUMNS}, t.state FROM tried t
    JOIN files.version v ON v.city = $1 AND v.blob_id = t.blob_id JOIN files.file f ON f.city = v.city AND f.id = v.file_id`,
};
/** Takes debts of one store that are due, or the next ones whether due or not (`eager`), each with the right to write into its copies. */
export const claimDebts = async (db: CityDatabase, store: StoreName, lease: string, limit: number, eager: boolean): Promise<DueDebt[]> => {
  const rows = await db.named<KeptRow & { readonly state: DueDebt['state'] }>(CLAIM_DEBTS, [db.city.code, store, lease, limit, eager]);
  return rows.map((row) => ({ ...toKept(row), state: row.state }));
};

const RENEW: Named = {
  name: 'files_renew_writing',
  text: `UPDATE files.writing w SET lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
    WHERE w.city = $1 AND w.blob_id = $2 AND w.lease = $3 AND EXISTS (SELECT FROM files.version v WHERE v.city = w.city AND v.blob_id = w.blob_id)
    RETURNING 1 AS done`,
};
/** Keeps the right to write a while longer; false where it is lost, or the version is gone. */
export const renewWriting = async (db: CityDatabase, blobId: string, lease: string): Promise<boolean> =>
  (await db.named(RENEW, [db.city.code, blobId, lease])).length > 0;

const RELEASE: Named = {
  name: 'files_release_writing',
  text: `WITH released AS (DELETE FROM files.writing WHERE city = $1 AND blob_id = $2 AND lease = $3)
    INSERT INTO files.destruction AS d (city, blob_id, store, reason)
    SELECT $1, $2, store, 'erased' FROM unnest('{primary,backup}'::text[]) AS store
    WHERE NOT EXISTS (SELECT FROM files.version WHERE city = $1 AND blob_id = $2)
    ON CONFLICT (city, blob_id, store) DO UPDATE SET reason = 'erased', tries = d.tries + 1, next_try_at = now()`,
};
/**
 * Gives the right to write back. A version that is gone by now is destroyed once more: whoever was held up for longer than the right lasted
 * may have put something behind its destruction.
 */
export const releaseWriting = async (db: CityDatabase, blobId: string, lease: string): Promise<void> => {
  await db.named(RELEASE, [db.city.code, blobId, lease]);
};
const PRUNE_WRITING: Named = {
  name: 'files_prune_writing',
  text: `DELETE FROM files.writing WHERE city = $1 AND lease_until < now() - interval '1 minute'`,
};
/** Forgets rights of processes that are gone. */
export const pruneWriting = async (db: CityDatabase): Promise<void> => {
  await db.named(PRUNE_WRITING, [db.city.code]);
};

const SETTLE_DEBT: Named = {
  name: 'files_settle_debt',
  text: 'DELETE FROM files.debt WHERE city = $1 AND blob_id = $2 AND store = $3 RETURNING state, since',
};
const COUNT_REPAIRED: Named = {
  name: 'files_count_repaired',
  text: `UPDATE files.task SET repaired = repaired + 1 WHERE city = $1 AND kind = 'scrub' AND started_at <= $2`,
};
/** Ends a debt that is paid, and counts a repair for the scrub that found the damage. False where there is none. */
export const settleDebt = async (tx: Transaction, city: string, blobId: string, store: StoreName): Promise<boolean> => {
  const [row] = await tx.named<{ state: string; since: Date }>(SETTLE_DEBT, [city, blobId, store]);
  if (row?.state === 'damaged') await tx.named(COUNT_REPAIRED, [city, row.since]);
  return row !== undefined;
};

const TELL_LOST: Named = {
  name: 'files_tell_lost',
  text: 'UPDATE files.debt SET told = true WHERE city = $1 AND blob_id = $2 AND store = $3 AND NOT told RETURNING 1 AS done',
};
const COUNT_LOST: Named = {
  name: 'files_count_lost',
  text: `UPDATE files.task t SET lost = lost + 1 WHERE t.city = $1 AND t.kind = 'scrub'
    AND EXISTS (SELECT FROM files.debt d WHERE d.city = $1 AND d.blob_id = $2 AND d.store = $3 AND d.since >= t.started_at)`,
};
/** Notes that a version is held intact by no store, and counts it for the scrub that found it. False where that was told before. */
export const tellLost = async (tx: Transaction, city: string, blobId: string, store: StoreName): Promise<boolean> => {
  if ((await tx.named(TELL_LOST, [city, blobId, store])).length === 0) return false;
  await tx.named(COUNT_LOST, [city, blobId, store]);
  return true;
};

const WAKE_DEBTS: Named = {
  name: 'files_wake_debts',
  text: 'UPDATE files.debt SET next_try_at = now() WHERE city = $1 AND store = $2 AND next_try_at > now()',
};
const WAKE_DESTRUCTIONS: Named = {
  name: 'files_wake_destructions',
  text: 'UPDATE files.destruction SET next_try_at = now() WHERE city = $1 AND store = $2 AND next_try_at > now() AND tries > 0',
};
/** A store answers again: what waits for it is due at once. */
export const wakeStore = async (db: CityDatabase, store: StoreName): Promise<void> => {
  await db.named(WAKE_DEBTS, [db.city.code, store]);
  await db.named(WAKE_DESTRUCTIONS, [db.city.code, store]);
};

export type DueDestruction = { readonly blobId: string; readonly reason: 'erased' | 'abandoned'; readonly tries: number };

// A destruction may be done twice, so that a lease of its own would be too much: it is taken for as long as its next try is away.
const CLAIM_DESTRUCTIONS: Named = {
  name: 'files_claim_destructions',
  text: `UPDATE files.destruction d SET tries = d.tries + 1, next_try_at = now() + greatest(interval '10 seconds', ${BACKOFF})
    FROM (
      SELECT blob_id FROM files.destruction e
      WHERE e.city = $1 AND e.store = $2 AND (e.next_try_at <= now() OR ($4 AND e.tries > 0))
        AND NOT EXISTS (SELECT FROM files.writing w WHERE w.city = e.city AND w.blob_id = e.blob_id AND w.lease_until > now())
      ORDER BY e.next_try_at LIMIT $3 FOR UPDATE OF e SKIP LOCKED) due
    WHERE d.city = $1 AND d.store = $2 AND d.blob_id = due.blob_id RETURNING d.blob_id AS "blobId", d.reason, d.tries`,
};
/** Takes blobs that have to go from a store. None whose copies somebody writes into. */
export const claimDestructions = (db: CityDatabase, store: StoreName, limit: number, eager: boolean): Promise<DueDestruction[]> =>
  db.named<DueDestruction>(CLAIM_DESTRUCTIONS, [db.city.code, store, limit, eager]);

const FORGET_DESTRUCTION: Named = {
  name: 'files_forget_destruction',
  text: 'DELETE FROM files.destruction WHERE city = $1 AND blob_id = $2 AND store = $3 AND tries = $4',
};
/** Ends a destruction that is done, unless it was taken or ordered again meanwhile. */
export const forgetDestruction = async (db: CityDatabase, { blobId, tries }: DueDestruction, store: StoreName): Promise<void> => {
  await db.named(FORGET_DESTRUCTION, [db.city.code, blobId, store, tries]);
};

const ORDER_DESTRUCTION: Named = {
  name: 'files_order_destruction',
  text: `INSERT INTO files.destruction (city, blob_id, store, reason, next_try_at)
    SELECT $1, blob_id, store, $3, now() + make_interval(secs => wait)
    FROM unnest($2::text[], $4::float8[]) AS b (blob_id, wait) CROSS JOIN unnest('{primary,backup}'::text[]) AS store
    ON CONFLICT (city, blob_id, store) DO UPDATE SET reason = CASE WHEN EXCLUDED.reason = 'erased' THEN 'erased' ELSE destruction.reason END`,
};
type Condemned = { readonly blobId: string; readonly waitSeconds: number };
const orderDestruction = async (
  tx: Transaction,
  city: string,
  blobs: readonly Condemned[],
  reason: 'erased' | 'abandoned',
): Promise<void> => {
  if (blobs.length === 0) return;
  await tx.named(ORDER_DESTRUCTION, [city, blobs.map(({ blobId }) => blobId), reason, blobs.map(({ waitSeconds }) => waitSeconds)]);
};

/** An upload that ended without becoming a version, and that nobody receives now. */
const IS_OVER = `u.state IN ('open', 'received', 'refused') AND (u.lease_until IS NULL OR u.lease_until < now())
  AND (u.expires_at < now() OR (u.lease_until IS NOT NULL AND u.address_until IS NULL))`;

export type OverUpload = { readonly id: string; readonly patientId: string };
const FIND_OVER: Named = {
  name: 'files_find_over_uploads',
  text: `SELECT u.id, u.patient_id AS "patientId" FROM files.upload u WHERE u.city = $1 AND ${IS_OVER} ORDER BY u.expires_at LIMIT $2`,
};
export const findOverUploads = (db: CityDatabase, limit: number): Promise<OverUpload[]> =>
  db.named<OverUpload>(FIND_OVER, [db.city.code, limit]);

const LOCK_SUBJECT: Named = {
  name: 'files_hold_subject',
  text: `SELECT EXISTS (SELECT FROM directory.erasure e WHERE e.city = s.city AND e.patient_id = s.patient_id) AS erased
    FROM files.subject s WHERE s.city = $1 AND s.patient_id = $2 FOR UPDATE`,
};
const DELETE_OVER: Named = {
  name: 'files_delete_over_upload',
  text: `DELETE FROM files.upload u WHERE u.city = $1 AND u.id = $2 AND ${IS_OVER} RETURNING u.blob_id, u.file_id, u.size_bytes::float8 AS size_bytes`,
};
const FREE_SUBJECT: Named = {
  name: 'files_unreserve_subject',
  text: 'UPDATE files.subject SET reserved_bytes = reserved_bytes - $3::bigint WHERE city = $1 AND patient_id = $2',
};
const FREE_ROOM: Named = {
  name: 'files_unreserve_room',
  text: 'UPDATE files.room SET reserved_bytes = reserved_bytes - $2::bigint, used_bytes = used_bytes - $3::bigint WHERE city = $1',
};
const DELETE_UNBORN: Named = {
  name: 'files_delete_unborn_file',
  text: `DELETE FROM files.file f WHERE f.city = $1 AND f.id = $2 AND f.version = 0
    AND NOT EXISTS (SELECT FROM files.upload u WHERE u.city = f.city AND u.file_id = f.id)`,
};
/** Clears an upload that is over: its room, its name where no other upload has it, and what stands in the stores. False: it is not over. */
export const clearUpload = async (tx: Transaction, city: string, { id, patientId }: OverUpload): Promise<boolean> => {
  await tx.named(LOCK_SUBJECT, [city, patientId]);
  const [row] = await tx.named<{ blob_id: string; file_id: string; size_bytes: number }>(DELETE_OVER, [city, id]);
  if (!row) return false;
  await orderDestruction(tx, city, [{ blobId: row.blob_id, waitSeconds: 0 }], 'abandoned');
  await tx.named(DELETE_UNBORN, [city, row.file_id]);
  await tx.named(FREE_SUBJECT, [city, patientId, row.size_bytes]);
  await tx.named(FREE_ROOM, [city, row.size_bytes, 0]);
  return true;
};

const PRUNE_KEPT: Named = {
  name: 'files_prune_kept_uploads',
  text: `DELETE FROM files.upload WHERE city = $1 AND id IN (
    SELECT id FROM files.upload WHERE city = $1 AND state = 'kept' AND expires_at < now() - interval '24 hours' LIMIT 1000)`,
};
const PRUNE_DOWNLOADS: Named = {
  name: 'files_prune_downloads',
  text: `DELETE FROM files.download WHERE city = $1 AND id IN (
    SELECT id FROM files.download WHERE city = $1 AND expires_at < now() AND (lease_until IS NULL OR lease_until < now()) LIMIT 1000)`,
};
/** Forgets uploads that were kept a day ago, and addresses to fetch that have ended. */
export const pruneTransfers = async (db: CityDatabase): Promise<void> => {
  await db.named(PRUNE_KEPT, [db.city.code]);
  await db.named(PRUNE_DOWNLOADS, [db.city.code]);
};

const findErasedStatement = (name: string, condition: string): Named => ({
  name,
  text: `SELECT s.patient_id AS "patientId" FROM files.subject s WHERE s.city = $1
    AND s.patient_id IN (SELECT e.patient_id FROM directory.erasure e WHERE e.city = $1 ${condition}) LIMIT $2`,
});
const FIND_ERASED = findErasedStatement('files_find_erased_subjects', '');
const FIND_ERASED_LATELY = findErasedStatement('files_find_subjects_erased_lately', `AND e.erased_at > now() - interval '1 hour'`);
/** Patients who have files and were erased: within the last hour, or ever, which costs a look at all erasures. */
export const findErased = async (db: CityDatabase, limit: number, when: 'lately' | 'ever'): Promise<string[]> =>
  (await db.named<{ patientId: string }>(when === 'ever' ? FIND_ERASED : FIND_ERASED_LATELY, [db.city.code, limit])).map(
    ({ patientId }) => patientId,
  );

const ERASE_UPLOADS: Named = {
  name: 'files_erase_uploads',
  text: `DELETE FROM files.upload WHERE city = $1 AND patient_id = $2 RETURNING blob_id, state = 'kept' AS kept,
    greatest(0, coalesce(extract(epoch FROM lease_until - now()), 0))::float8 AS wait`,
};
const ERASE_VERSIONS: Named = {
  name: 'files_erase_versions',
  text: `DELETE FROM files.version v USING files.file f
    WHERE f.city = $1 AND f.patient_id = $2 AND v.city = f.city AND v.file_id = f.id RETURNING v.blob_id, v.file_id, v.sha256`,
};
const ERASE_FILES: Named = { name: 'files_erase_files', text: 'DELETE FROM files.file WHERE city = $1 AND patient_id = $2' };
const ERASE_SUBJECT: Named = {
  name: 'files_erase_subject',
  text: `DELETE FROM files.subject WHERE city = $1 AND patient_id = $2
    RETURNING used_bytes::float8 AS used, reserved_bytes::float8 AS reserved`,
};
export type ErasedVersion = { readonly fileId: string; readonly sha256: string };
/** Takes everything an erased patient had out of the tables and orders it destroyed. Null where the patient is there, or has nothing. */
export const eraseSubject = async (tx: Transaction, city: string, patientId: string): Promise<readonly ErasedVersion[] | null> => {
  const [subject] = await tx.named<{ erased: boolean }>(LOCK_SUBJECT, [city, patientId]);
  if (!subject?.erased) return null;
  const uploads = await tx.named<{ blob_id: string; kept: boolean; wait: number }>(ERASE_UPLOADS, [city, patientId]);
  const versions = await tx.named<{ blob_id: string; file_id: string; sha256: string }>(ERASE_VERSIONS, [city, patientId]);
  await orderDestruction(
    tx,
    city,
    [
      ...versions.map(({ blob_id }) => ({ blobId: blob_id, waitSeconds: 0 })),
      ...uploads.filter(({ kept }) => !kept).map(({ blob_id, wait }) => ({ blobId: blob_id, waitSeconds: wait })),
    ],
    'erased',
  );
  await tx.named(ERASE_FILES, [city, patientId]);
  const [freed] = await tx.named<{ used: number; reserved: number }>(ERASE_SUBJECT, [city, patientId]);
  await tx.named(FREE_ROOM, [city, freed?.reserved ?? 0, freed?.used ?? 0]);
  return versions.map(({ file_id, sha256 }) => ({ fileId: file_id, sha256 }));
};

type TaskRow = {
  readonly city: string;
  readonly kind: 'rotation' | 'scrub';
  readonly running: boolean;
  readonly started_at: Date;
  readonly position: string;
  readonly total: number;
  readonly checked: number;
  readonly damaged: number;
  readonly repaired: number;
  readonly lost: number;
  readonly waiting: number;
};
const TASK_COLUMNS = `city, kind, running, started_at, position, ${['total', 'checked', 'damaged', 'repaired', 'lost', 'waiting']
  .map((column) => `${column}::float8 AS ${column}`)
  .join(', ')}`;
export type TaskState = FileTask & { readonly position: string };
const toTask = ({ kind, started_at, ...row }: TaskRow): TaskState => ({
  ...row,
  kind: kind === 'rotation' ? 'ROTATION' : 'SCRUB',
  startedAt: started_at,
});
const kindOf = (kind: FileTaskKind): TaskRow['kind'] => (kind === 'ROTATION' ? 'rotation' : 'scrub');

const START_TASK: Named = {
  name: 'files_start_task',
  text: `INSERT INTO files.task AS t (city, kind, total)
    SELECT $1, $2, count(*) FROM files.version v WHERE v.city = $1 AND ($3::text IS NULL OR v.key_id <> $3)
    ON CONFLICT (city, kind) DO UPDATE SET running = true, started_at = now(), position = '', total = EXCLUDED.total, checked = 0,
      damaged = 0, repaired = 0, lost = 0, waiting = 0
    WHERE NOT t.running OR $4
    RETURNING ${TASK_COLUMNS}`,
};
const FIND_TASKS: Named = { name: 'files_find_tasks', text: `SELECT ${TASK_COLUMNS} FROM files.task WHERE city = $1 ORDER BY kind` };
/**
 * Begins a task over all versions, or over those whose key is not `keyId`. One that runs goes on as it is unless `anew`; `isNew` tells
 * which. A lease on it stays: whoever works on it goes on from the beginning.
 */
export const startTask = async (
  tx: Transaction,
  city: string,
  kind: FileTaskKind,
  { keyId = null, anew = false }: { readonly keyId?: string | null; readonly anew?: boolean } = {},
): Promise<{ readonly task: FileTask; readonly isNew: boolean }> => {
  const [row] = await tx.named<TaskRow>(START_TASK, [city, kindOf(kind), keyId, anew]);
  if (row) return { task: toTask(row), isNew: true };
  const found = (await tx.named<TaskRow>(FIND_TASKS, [city])).find((each) => each.kind === kindOf(kind));
  if (!found) throw new Error('a task was not begun');
  return { task: toTask(found), isNew: false };
};
/** The last task of each kind. */
export const findTasks = async (db: CityDatabase): Promise<TaskState[]> =>
  (await db.named<TaskRow>(FIND_TASKS, [db.city.code])).map(toTask);

const CLAIM_TASK: Named = {
  name: 'files_claim_task',
  text: `UPDATE files.task SET lease = $3, lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
    WHERE city = $1 AND kind = $2 AND running AND (lease = $3 OR lease_until IS NULL OR lease_until < now()) RETURNING ${TASK_COLUMNS}`,
};
/** Takes a running task, or keeps it a while longer; null where there is none, or somebody else works on it. */
export const claimTask = async (db: CityDatabase, kind: FileTaskKind, lease: string): Promise<TaskState | null> => {
  const [row] = await db.named<TaskRow>(CLAIM_TASK, [db.city.code, kindOf(kind), lease]);
  return row ? toTask(row) : null;
};

export type TaskStep = Partial<Pick<TaskState, 'checked' | 'damaged' | 'repaired' | 'lost' | 'waiting'>>;
const STEP_TASK: Named = {
  name: 'files_step_task',
  text: `UPDATE files.task SET position = $4, checked = checked + $6, damaged = damaged + $7, repaired = repaired + $8, lost = lost + $9,
      waiting = waiting + $10, lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
    WHERE city = $1 AND kind = $2 AND lease = $3 AND date_trunc('milliseconds', started_at) = $5 RETURNING 1 AS done`,
};
/** Notes how far a task has come; false where it began anew or belongs to somebody else. Counts are added. */
export const stepTask = async (db: CityDatabase, task: TaskState, lease: string, position: string, step: TaskStep): Promise<boolean> => {
  const { checked = 0, damaged = 0, repaired = 0, lost = 0, waiting = 0 } = step;
  const values = [db.city.code, kindOf(task.kind), lease, position, task.startedAt, checked, damaged, repaired, lost, waiting];
  return (await db.named(STEP_TASK, values)).length > 0;
};

const END_TASK: Named = {
  name: 'files_end_task',
  text: `UPDATE files.task SET running = $4, position = '', waiting = CASE WHEN $4 THEN 0 ELSE waiting END,
      lost = CASE WHEN $4 THEN 0 ELSE lost END,
      lease = CASE WHEN $4 THEN lease END, lease_until = CASE WHEN $4 THEN lease_until END
    WHERE city = $1 AND kind = $2 AND lease = $3 AND date_trunc('milliseconds', started_at) = $5 RETURNING 1 AS done`,
};
/** Ends a pass over all versions: the task with it, or (`again`) another pass begins for what had to wait. */
export const endPass = async (db: CityDatabase, task: TaskState, lease: string, again: boolean): Promise<void> => {
  await db.named(END_TASK, [db.city.code, kindOf(task.kind), lease, again, task.startedAt]);
};

const NEXT_VERSIONS: Named = {
  name: 'files_next_versions',
  text: `SELECT ${KEPT_COLUMNS}, ARRAY(SELECT d.store FROM files.debt d WHERE d.city = v.city AND d.blob_id = v.blob_id) AS known
    FROM files.version v JOIN files.file f ON f.city = v.city AND f.id = v.file_id
    WHERE v.city = $1 AND v.blob_id > $2 ORDER BY v.blob_id LIMIT $3`,
};
/** Versions behind a blob's id, in the order of those; `known`: stores whose copy is known to be owed or damaged. */
export const nextVersions = async (
  db: CityDatabase,
  after: string,
  limit: number,
): Promise<(Kept & { readonly known: readonly string[] })[]> =>
  (await db.named<KeptRow & { readonly known: readonly string[] }>(NEXT_VERSIONS, [db.city.code, after, limit])).map((row) => ({
    ...toKept(row),
    known: row.known,
  }));

const CLAIM_OLD_KEYS: Named = {
  name: 'files_claim_old_keys',
  text: `WITH due AS (
      SELECT v.city, v.blob_id, v.id, v.file_id, v.size_bytes, v.sha256 FROM files.version v
      WHERE v.city = $1 AND v.blob_id > $2 AND v.key_id <> $3 ORDER BY v.blob_id LIMIT $5 FOR SHARE OF v),
    taken AS (
      INSERT INTO files.writing (city, blob_id, lease, lease_until)
      SELECT city, blob_id, $4, now() + make_interval(secs => ${LEASE_SECONDS}) FROM due
      ON CONFLICT (city, blob_id) DO UPDATE SET lease = EXCLUDED.lease, lease_until = EXCLUDED.lease_until
        WHERE writing.lease_until <= now()
      RETURNING blob_id)
    SELECT ${KEPT_COLUMNS}, v.blob_id IN (SELECT blob_id FROM taken) AS mine
    FROM due v JOIN files.file f ON f.city = v.city AND f.id = v.file_id ORDER BY v.blob_id`,
};
/** Versions wrapped with another key than the current one, each with the right to write its key; `mine` false: somebody else writes. */
export const claimOldKeys = async (
  db: CityDatabase,
  after: string,
  currentKeyId: string,
  lease: string,
  limit: number,
): Promise<(Kept & { readonly mine: boolean })[]> =>
  (await db.named<KeptRow & { readonly mine: boolean }>(CLAIM_OLD_KEYS, [db.city.code, after, currentKeyId, lease, limit])).map((row) => ({
    ...toKept(row),
    mine: row.mine,
  }));

const NOTE_KEY: Named = { name: 'files_note_key', text: 'UPDATE files.version SET key_id = $3 WHERE city = $1 AND blob_id = $2' };
export const noteKey = async (db: CityDatabase, blobId: string, keyId: string): Promise<void> => {
  await db.named(NOTE_KEY, [db.city.code, blobId, keyId]);
};

const OLD_KEYS_SINCE: Named = {
  name: 'files_old_keys_since',
  text: `UPDATE files.task t SET running = true, position = '' WHERE t.city = $1 AND t.kind = 'rotation' AND NOT t.running AND EXISTS (
      SELECT FROM files.version v WHERE v.city = $1 AND (v.key_id < $2 OR v.key_id > $2) AND v.created_at > t.started_at)
    RETURNING 1 AS done`,
};
/** Wakes a rotation that has ended where versions were kept since that are wrapped with another key: uploads that were under way. */
export const wakeRotation = async (db: CityDatabase, currentKeyId: string): Promise<boolean> =>
  (await db.named(OLD_KEYS_SINCE, [db.city.code, currentKeyId])).length > 0;

const SCRUB_DUE: Named = {
  name: 'files_scrub_due',
  text: `SELECT NOT EXISTS (SELECT FROM files.task WHERE city = $1 AND kind = 'scrub'
      AND (running OR started_at > now() - make_interval(secs => CASE WHEN waiting > 0 THEN least($2, 3600) ELSE $2 END)))
    AND EXISTS (SELECT FROM files.version WHERE city = $1) AS due`,
};
/** Whether it is time for the next scrub: `everySeconds` after the last one began, an hour where a store did not answer then. */
export const isScrubDue = async (db: CityDatabase, everySeconds: number): Promise<boolean> =>
  (await db.named<{ due: boolean }>(SCRUB_DUE, [db.city.code, everySeconds]))[0]?.due === true;

const OPEN_DAMAGE: Named = {
  name: 'files_open_damage',
  text: `SELECT count(*)::int AS open FROM files.debt WHERE city = $1 AND state = 'damaged' AND tries = 0 AND since >= $2`,
};
/** Copies found damaged since an instant that no repair has looked at. */
export const countOpenDamage = async (db: CityDatabase, since: Date): Promise<number> =>
  (await db.named<{ open: number }>(OPEN_DAMAGE, [db.city.code, since]))[0]?.open ?? 0;

const UNKNOWN: Named = {
  name: 'files_unknown_blobs',
  text: `SELECT b.id FROM unnest($2::text[]) AS b (id)
    WHERE NOT EXISTS (SELECT FROM files.version v WHERE v.city = $1 AND v.blob_id = b.id)
      AND NOT EXISTS (SELECT FROM files.upload u WHERE u.city = $1 AND u.blob_id = b.id)
      AND NOT EXISTS (SELECT FROM files.destruction d WHERE d.city = $1 AND d.blob_id = b.id)`,
};
/** Those of the blobs that no row knows. */
export const findUnknown = async (db: CityDatabase, ids: readonly string[]): Promise<string[]> =>
  (await db.named<{ id: string }>(UNKNOWN, [db.city.code, ids])).map(({ id }) => id);
