import type { Named } from '#platform/database/city-database.ts';
import { type Ask, type EntryPosition, type LogRef, SOMEWHERE_BEHIND } from './log-store.ts';

/** A shard of a city's log. `final` is the last checkpoint of one that is closed; `vkey` is null where it was not seen since the last release. */
export type ShardRow = {
  readonly city: string;
  readonly shard: number;
  readonly origin: string;
  readonly vkey: string | null;
  readonly begin: EntryPosition;
  readonly beganAt: Date;
  readonly closedAt: Date | null;
  readonly final: { readonly size: number; readonly note: string } | null;
  readonly archivedAt: Date | null;
  /** SHA-256, hexadecimal, over names and hashes of the archive's files as they were read back. */
  readonly archiveSha256: string | null;
  readonly retiredAt: Date | null;
  /** Milliseconds since it began, by the clock of the database. */
  readonly ageMs: number;
};

type Row = Omit<ShardRow, 'begin' | 'final'> & {
  readonly xid: string;
  readonly entryId: string;
  readonly finalSize: string | null;
  readonly finalNote: string | null;
};
const toShard = ({ xid, entryId, finalSize, finalNote, ...row }: Row): ShardRow => ({
  ...row,
  begin: { xid, entryId },
  final: finalSize === null || finalNote === null ? null : { size: Number(finalSize), note: finalNote },
});
const COLUMNS = `o.city, o.shard, o.origin, o.vkey, o.begin_xid::text AS xid, o.begin_entry_id::text AS "entryId", o.began_at AS "beganAt",
    o.closed_at AS "closedAt", o.final_size::text AS "finalSize", o.final_note AS "finalNote", o.archived_at AS "archivedAt", o.archive_sha256 AS "archiveSha256", o.retired_at AS "retiredAt",
    (extract(epoch FROM clock_timestamp() - o.began_at) * 1000)::float8 AS "ageMs"`;

const SHARDS: Named = { name: 'log_shards', text: `SELECT ${COLUMNS} FROM audit.log_shard o WHERE o.city = $1 ORDER BY o.shard` };
/** The shards of a city's log, oldest first; none before the first has begun. */
export const readShards = async (ask: Ask, city: string): Promise<ShardRow[]> => (await ask<Row>(SHARDS, [city])).map(toShard);

const CURRENT: Named = {
  name: 'log_current_shard',
  text: `SELECT ${COLUMNS} FROM audit.log_shard o WHERE o.city = $1 ORDER BY o.shard DESC LIMIT 1`,
};
const SHARD: Named = { name: 'log_shard', text: `SELECT ${COLUMNS} FROM audit.log_shard o WHERE o.city = $1 AND o.shard = $2` };
/** One shard, the current one where no number is given; null where there is none. */
export const readShard = async (ask: Ask, city: string, shard: number | null = null): Promise<ShardRow | null> => {
  const [row] = shard === null ? await ask<Row>(CURRENT, [city]) : await ask<Row>(SHARD, [city, shard]);
  return row ? toShard(row) : null;
};

const TELL_KEY: Named = {
  name: 'log_tell_key',
  text: `UPDATE audit.log_shard SET vkey = $3 WHERE city = $1 AND shard = $2 AND vkey IS NULL`,
};
/** Writes down the public key of a shard that began before keys were kept. */
export const tellShardKey = async (ask: Ask, city: string, shard: number, vkey: string): Promise<void> =>
  void (await ask(TELL_KEY, [city, shard, vkey]));

const INSIDE: Named = {
  name: 'log_is_inside',
  text: `SELECT EXISTS (SELECT FROM audit.entry e, audit.log_state s, audit.log_shard o WHERE s.city = $1 AND s.shard = $2 AND o.city = s.city AND o.shard = s.shard
      AND e.city = s.city AND e.xid = s.xid AND e.id > s.entry_id AND e.id + 0 BETWEEN o.min_id AND o.max_id) AS inside`,
};
/** Whether the transaction of the last entry that was logged has more entries, which are not logged yet. */
export const isInsideTransaction = async (ask: Ask, { city, shard }: LogRef): Promise<boolean> =>
  (await ask<{ inside: boolean }>(INSIDE, [city, shard]))[0]?.inside === true;

/** An entry that ends or begins a shard, frozen. */
export type ShardEntry = {
  readonly eventId: string;
  readonly recordedAt: Date;
  readonly act: 'endLogShard' | 'beginLogShard' | 'beginLogShardAfterRestore';
  readonly sealed: Uint8Array;
  readonly body: Uint8Array;
};
const APPEND_ENTRY: Named = {
  name: 'log_append_shard_entry',
  text: `SELECT audit.append_shard_entry($1, $2, $3::timestamptz, $4, $5::bytea, $6::bytea)::text AS id`,
};
/** Puts an entry right behind the last one that the open shard has. Returns its id. */
export const appendShardEntry = async (ask: Ask, city: string, entry: ShardEntry): Promise<string> => {
  const { eventId, recordedAt, act, sealed, body } = entry;
  const [row] = await ask<{ id: string }>(APPEND_ENTRY, [city, eventId, recordedAt, act, Buffer.from(sealed), Buffer.from(body)]);
  if (!row) throw new Error('the entry of a shard was not written');
  return row.id;
};

const CLOSE_STATE: Named = {
  name: 'log_close_state',
  text: `UPDATE audit.log_state SET closed = true WHERE city = $1 AND shard = $2 AND size = $3 AND NOT closed RETURNING city`,
};
const CLOSE: Named = {
  name: 'log_close',
  text: `UPDATE audit.log_shard SET closed_at = clock_timestamp(), final_size = $3, final_note = $4
    WHERE city = $1 AND shard = $2 AND closed_at IS NULL RETURNING city`,
};
const OPEN: Named = {
  name: 'log_open',
  text: `WITH begun AS (INSERT INTO audit.log_shard (city, shard, origin, vkey, begin_xid, begin_entry_id, min_id, cluster)
      SELECT city, shard + 1, $3, $4, $5, $6, coalesce($7, min_id), (SELECT system_identifier::text FROM pg_control_system())
      FROM audit.log_shard WHERE city = $1 AND shard = $2 RETURNING city, shard, begin_xid, begin_entry_id),
    state AS (INSERT INTO audit.log_state (city, shard, size, xid, entry_id) SELECT city, shard, 0, begin_xid, begin_entry_id FROM begun)
    INSERT INTO audit.log_checkpoint (city, shard, size, note) SELECT city, shard, 0, $8 FROM begun`,
};
/** Closes a shard at its last checkpoint. Throws where it is no longer of that size, or closed. */
export const closeShard = async (
  ask: Ask,
  { city, shard }: LogRef,
  { size, note }: { readonly size: number; readonly note: string },
): Promise<void> => {
  const closed = [...(await ask(CLOSE_STATE, [city, shard, size])), ...(await ask(CLOSE, [city, shard, size, note]))];
  if (closed.length !== 2) throw new Error('the shard was closed or went on meanwhile');
};
/**
 * Begins the shard after a closed one, with the checkpoint of no entries. `minId` where entries of smaller ids belong to those before, whatever
 * their transactions; else it has the ids of the one before.
 */
export const openShard = async (
  ask: Ask,
  { city, shard }: LogRef,
  next: {
    readonly origin: string;
    readonly vkey: string;
    readonly begin: EntryPosition;
    readonly minId: string | null;
    readonly note: string;
  },
): Promise<void> =>
  void (await ask(OPEN, [city, shard, next.origin, next.vkey, next.begin.xid, next.begin.entryId, next.minId, next.note]));

const PART_TIMES: Named = { name: 'log_part_times', text: `SELECT audit.part_log_times($1)::text AS "lastId"` };
/** Parts what was logged before a restored backup from all that comes; the largest id of the former. Keeps everybody from writing entries until the end. */
export const partLogTimes = async (ask: Ask, city: string): Promise<string> => {
  const [row] = await ask<{ lastId: string }>(PART_TIMES, [city]);
  if (!row) throw new Error('the times of the log were not parted');
  return row.lastId;
};

/**
 * Where a shard stands in its cluster's time. `cluster` is the system identifier that it was begun in, null where that was not kept, and `current` that
 * of the cluster now. `isAhead`: the log, or an entry, has a transaction that this cluster has not begun yet. `isBehind`: every transaction that still runs, or will,
 * comes behind the log's last.
 */
export type ClusterTime = {
  readonly cluster: string | null;
  readonly current: string;
  readonly isAhead: boolean;
  readonly isBehind: boolean;
};
const CLUSTER_TIME: Named = {
  name: 'log_cluster_time',
  text: `SELECT o.cluster, c.system_identifier::text AS current,
      s.xid >= pg_snapshot_xmax(pg_current_snapshot()) OR coalesce((SELECT e.xid >= pg_snapshot_xmax(pg_current_snapshot()) FROM audit.entry e
        WHERE e.city = $1 AND e.id + 0 >= (SELECT m.min_id FROM audit.log_shard m WHERE m.city = $1 AND m.shard = $2) AND (e.xid, e.id) > (s.xid, s.entry_id)
        ORDER BY e.xid DESC, e.id DESC LIMIT 1), false) AS "isAhead",
      s.xid < pg_snapshot_xmin(pg_current_snapshot()) AS "isBehind"
    FROM audit.log_shard o JOIN audit.log_state s USING (city, shard), pg_control_system() c WHERE o.city = $1 AND o.shard = $2`,
};
export const readClusterTime = async (ask: Ask, { city, shard }: LogRef): Promise<ClusterTime | null> =>
  (await ask<ClusterTime>(CLUSTER_TIME, [city, shard]))[0] ?? null;

/** Entries that one statement counts: it has a deadline, and a log has no end. */
const COUNTED = 100_000;
const COUNT: Named = {
  name: 'log_count',
  text: `SELECT count(*)::int AS count, (array_agg(p.xid ORDER BY p.xid DESC, p.id DESC))[1]::text AS xid,
      (array_agg(p.id ORDER BY p.xid DESC, p.id DESC))[1]::text AS "entryId"
    FROM (SELECT e.xid, e.id FROM audit.log_shard o JOIN audit.log_state s USING (city, shard) JOIN audit.entry e ON e.city = o.city
        AND (e.xid, e.id) > ($3::xid8, $4::bigint) AND (e.xid, e.id) <= (s.xid, s.entry_id) AND e.id + 0 BETWEEN o.min_id AND o.max_id
      WHERE o.city = $1 AND o.shard = $2 ORDER BY e.xid, e.id LIMIT $5) p`,
};
/** How many entries a shard's part of the order has up to its last. */
export const countEntries = async (ask: Ask, { city, shard }: LogRef, begin: EntryPosition, atOnce = COUNTED): Promise<number> => {
  let total = 0;
  for (let after: EntryPosition | null = begin; after !== null; ) {
    const [row]: readonly (EntryPosition & { readonly count: number })[] = await ask(COUNT, [
      city,
      shard,
      after.xid,
      after.entryId,
      atOnce,
    ]);
    total += row?.count ?? 0;
    after = row && row.count === atOnce ? { xid: row.xid, entryId: row.entryId } : null;
  }
  return total;
};

const TELL_CLUSTER: Named = {
  name: 'log_tell_cluster',
  text: `UPDATE audit.log_shard SET cluster = (SELECT system_identifier::text FROM pg_control_system()) WHERE city = $1 AND shard = $2`,
};
/** Writes down that the shard goes on in this cluster. */
export const tellCluster = async (ask: Ask, { city, shard }: LogRef): Promise<void> => void (await ask(TELL_CLUSTER, [city, shard]));

/** How long checkpoints stay: all of them, then one a minute, then one an hour. In milliseconds. */
export type CheckpointKeeping = { readonly allMs: number; readonly minutesMs: number };
const PRUNE: Named = {
  name: 'log_prune',
  text: `SELECT last_size::text AS "lastSize", pruned::int FROM audit.prune_checkpoints($1, $2, $3, $4, $5 * interval '1 ms', $6 * interval '1 ms')`,
};
/** Prunes among the `width` checkpoints behind a size. `lastSize` is where to go on; null behind the end. */
export const pruneCheckpoints = async (
  ask: Ask,
  { city, shard }: LogRef,
  after: number,
  width: number,
  { allMs, minutesMs }: CheckpointKeeping,
): Promise<{ readonly lastSize: number | null; readonly pruned: number }> => {
  const [row] = await ask<{ lastSize: string | null; pruned: number }>(PRUNE, [city, shard, after, width, allMs, minutesMs]);
  return { lastSize: row?.lastSize ? Number(row.lastSize) : null, pruned: row?.pruned ?? 0 };
};

const TELL_ARCHIVED: Named = {
  name: 'log_tell_archived',
  text: `UPDATE audit.log_shard SET archived_at = clock_timestamp(), archive_sha256 = $3 WHERE city = $1 AND shard = $2 AND closed_at IS NOT NULL`,
};
/** Writes down that the shard is in the archive and was read back there; `sha256` is that over the names and hashes of its files. */
export const tellArchived = async (ask: Ask, { city, shard }: LogRef, sha256: string): Promise<void> =>
  void (await ask(TELL_ARCHIVED, [city, shard, sha256]));
const RETIRE: Named = {
  name: 'log_retire',
  text: `SELECT audit.retire_log_shard($1, $2, $3 * interval '1 day', $4, $5, $6::timestamptz, $7::bytea, $8::bytea)::int AS gone`,
};
/**
 * Deletes at most so many rows of what a shard holds, and tells how many; 0 once all is gone: then the shard is retired, and `entry` (`retireLogShard`) was
 * written in the same transaction, unless it was before. Throws 23514 where it may not be.
 */
export const retireRows = async (
  ask: Ask,
  { city, shard }: LogRef,
  retentionDays: number,
  limit: number,
  { eventId, recordedAt, sealed, body }: Omit<ShardEntry, 'act'>,
): Promise<number> => {
  const entry = [eventId, recordedAt, Buffer.from(sealed), Buffer.from(body)];
  return (await ask<{ gone: number }>(RETIRE, [city, shard, retentionDays, limit, ...entry]))[0]?.gone ?? 0;
};

const BODIES: Named = {
  name: 'log_size_of_bodies',
  text: `SELECT coalesce(sum(octet_length(e.body)), 0)::text AS bytes FROM audit.log_shard o JOIN audit.log_state s USING (city, shard) JOIN audit.entry e
      ON e.city = o.city AND (e.xid, e.id) > (o.begin_xid, o.begin_entry_id) AND (e.xid, e.id) <= (s.xid, s.entry_id) AND e.id + 0 BETWEEN o.min_id AND o.max_id
    WHERE o.city = $1 AND o.shard = $2`,
};
/** Bytes of a shard's entries. */
export const sizeOfBodies = async (ask: Ask, { city, shard }: LogRef): Promise<number> =>
  Number((await ask<{ bytes: string }>(BODIES, [city, shard]))[0]?.bytes ?? 0);

const HAS_GAPS: Named = {
  name: 'log_has_gaps',
  text: `SELECT EXISTS (SELECT FROM audit.log_shard o WHERE o.city = $1 AND (o.retired_at IS NOT NULL OR o.max_id < 9223372036854775807)) AS gaps`,
};
/** Whether there are places between the shards of a log where an entry can lie that belongs to none. */
export const hasGaps = async (ask: Ask, city: string): Promise<boolean> =>
  (await ask<{ gaps: boolean }>(HAS_GAPS, [city]))[0]?.gaps === true;

const UNPLACED: Named = {
  name: 'log_unplaced',
  text: `SELECT (array_agg(p.xid ORDER BY p.xid DESC, p.id DESC))[1]::text AS xid, (array_agg(p.id ORDER BY p.xid DESC, p.id DESC))[1]::text AS "entryId",
      count(*) FILTER (WHERE NOT p.placed)::int AS count, min(p.id) FILTER (WHERE NOT p.placed)::text AS "firstId"
    FROM (SELECT e.xid, e.id, EXISTS (SELECT FROM audit.log_shard o LEFT JOIN audit.log_state s ON s.city = o.city AND s.shard = o.shard
          WHERE o.city = $1 AND o.retired_at IS NULL AND e.id BETWEEN o.min_id AND o.max_id AND (e.xid, e.id) > (o.begin_xid, o.begin_entry_id)
            AND (o.closed_at IS NULL OR (e.xid, e.id) <= (s.xid, s.entry_id))) AS placed
      FROM audit.entry e WHERE e.city = $1 AND (e.xid, e.id) > ($2::xid8, $3::bigint) AND ${SOMEWHERE_BEHIND('e.xid', '$2::xid8')}
      ORDER BY e.xid, e.id LIMIT $4) p`,
};
/** Of the `limit` entries behind a place those that lie in no shard: how many, and the least of their ids. `last` is where to go on; null behind the end. */
export const readUnplaced = async (
  ask: Ask,
  city: string,
  after: EntryPosition,
  limit: number,
): Promise<{ readonly last: EntryPosition | null; readonly count: number; readonly firstId: string | null }> => {
  type Found = { readonly xid: string | null; readonly entryId: string; readonly count: number; readonly firstId: string | null };
  const [row] = await ask<Found>(UNPLACED, [city, after.xid, after.entryId, limit]);
  if (!row || row.xid === null) return { last: null, count: 0, firstId: null };
  return { last: { xid: row.xid, entryId: row.entryId }, count: row.count, firstId: row.firstId };
};

const EVENT_ID: Named = { name: 'log_event_id', text: `SELECT e.event_id AS "eventId" FROM audit.entry e WHERE e.city = $1 AND e.id = $2` };
/** The event of an entry by its number; null where there is none. Not for the role that signs, which sees no more than leaves. */
export const readEventId = async (ask: Ask, city: string, id: string): Promise<string | null> =>
  (await ask<{ eventId: string }>(EVENT_ID, [city, id]))[0]?.eventId ?? null;
