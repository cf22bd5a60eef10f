import type { Named } from '#platform/database/city-database.ts';

/** Where statements are run: the connection that holds the log, or a city's database. */
export type Ask = <R>(statement: Named, values: readonly unknown[]) => Promise<R[]>;

/** Where an entry stands in the order of the log: transaction and number, both decimal. */
export type EntryPosition = { readonly xid: string; readonly entryId: string };
/** Before every entry. */
export const BEFORE_ALL: EntryPosition = { xid: '0', entryId: '0' };
export const isSamePosition = (a: EntryPosition, b: EntryPosition): boolean => a.xid === b.xid && a.entryId === b.entryId;

/** A log: one shard of a city's. */
export type LogRef = { readonly city: string; readonly shard: number };

/** How far the log is, and its last checkpoint; null where one is not there. `begin` is the place before its first entry. */
export type LogHead = {
  readonly begin: EntryPosition;
  readonly state: (EntryPosition & { readonly size: number }) | null;
  readonly checkpoint: { readonly size: number; readonly note: string } | null;
};
const HEAD: Named = {
  name: 'log_head',
  text: `SELECT o.begin_xid::text AS "beginXid", o.begin_entry_id::text AS "beginEntryId", s.size::text, s.xid::text, s.entry_id::text AS "entryId",
      c.size::text AS "checkpointSize", c.note
    FROM audit.log_shard o LEFT JOIN audit.log_state s USING (city, shard)
    LEFT JOIN LATERAL (SELECT p.size, p.note FROM audit.log_checkpoint p WHERE p.city = o.city AND p.shard = o.shard ORDER BY p.size DESC LIMIT 1) c ON true
    WHERE o.city = $1 AND o.shard = $2`,
};
export const readHead = async (ask: Ask, { city, shard }: LogRef): Promise<LogHead> => {
  type Row = {
    beginXid: string;
    beginEntryId: string;
    size: string | null;
    xid: string;
    entryId: string;
    checkpointSize: string | null;
    note: string;
  };
  const [row] = await ask<Row>(HEAD, [city, shard]);
  return {
    begin: row ? { xid: row.beginXid, entryId: row.beginEntryId } : BEFORE_ALL,
    state: row && row.size !== null ? { size: Number(row.size), xid: row.xid, entryId: row.entryId } : null,
    checkpoint: row && row.checkpointSize !== null ? { size: Number(row.checkpointSize), note: row.note } : null,
  };
};

const BEGIN_LOG: Named = {
  name: 'log_begin',
  text: `WITH begun AS (INSERT INTO audit.log_shard (city, shard, origin, vkey) VALUES ($1, 1, $2, $3) RETURNING city, shard),
    state AS (INSERT INTO audit.log_state (city, shard, size, xid, entry_id) SELECT city, shard, 0, '0', 0 FROM begun)
    INSERT INTO audit.log_checkpoint (city, shard, size, note) SELECT city, shard, 0, $4 FROM begun`,
};
/** Begins a city's first shard with the checkpoint of no entries. Throws 23505 where it has begun. */
export const beginFirstLog = async (
  ask: Ask,
  city: string,
  { origin, vkey, note }: { readonly origin: string; readonly vkey: string; readonly note: string },
): Promise<void> => void (await ask(BEGIN_LOG, [city, origin, vkey, note]));

/** Leaves one after the other: 32 bytes of each, in order, and where the last of them stands. */
export type Leaves = { readonly hashes: readonly Uint8Array[]; readonly last: EntryPosition };
export const HASH_BYTES = 32;
const splitHashes = (bytes: Uint8Array | null): Uint8Array[] =>
  Array.from({ length: (bytes?.length ?? 0) / HASH_BYTES }, (_none, i) =>
    (bytes as Uint8Array).subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );

/**
 * The ids that entries of a shard have. Both are found once for a statement; the sum keeps the planner from walking by id, when it is to take
 * the index in the log's order as it is.
 */
const OF_SHARD = (id: string): string => `${id} + 0 >= (SELECT o.min_id FROM audit.log_shard o WHERE o.city = $1 AND o.shard = $2)
        AND ${id} + 0 <= (SELECT o.max_id FROM audit.log_shard o WHERE o.city = $1 AND o.shard = $2)`;

/**
 * Says of transactions from `low` on that they end somewhere, in the only way that the planner takes for a narrow part of the table: without it, and with
 * the ids of a shard beside it, it read a table of 200,000 entries from end to end for 176 of them (300 ms; 2 ms so).
 */
export const SOMEWHERE_BEHIND = (xid: string, low: string): string =>
  `${xid} >= ${low} AND ${xid} <= (SELECT '18446744073709551615'::xid8)`;

/** The hash of a leaf, RFC 6962, section 2.1. Reckoned in the server, so that 32 bytes travel and not the body. */
const LEAF_HASH = `sha256('\\x00'::bytea || body)`;

/** Where leaf `n` × 256 stands. */
export type Mark = EntryPosition & { readonly n: number };
export type MarkedLeaves = Leaves & { readonly marks: readonly Mark[] };
type LeavesRow = EntryPosition & { readonly hashes: Uint8Array | null; readonly marks: readonly (readonly [number, string, string])[] };
const GATHERED = `string_agg(hash, ''::bytea ORDER BY xid, id) AS hashes,
      (array_agg(xid ORDER BY xid DESC, id DESC))[1]::text AS xid, (array_agg(id ORDER BY xid DESC, id DESC))[1]::text AS "entryId",
      coalesce(jsonb_agg(jsonb_build_array(index / 256, xid::text, id::text) ORDER BY index) FILTER (WHERE index % 256 = 0), '[]') AS marks`;
const toLeaves = ([row]: readonly LeavesRow[]): MarkedLeaves | null =>
  row?.hashes
    ? {
        hashes: splitHashes(row.hashes),
        last: { xid: row.xid, entryId: row.entryId },
        marks: row.marks.map(([n, xid, entryId]) => ({ n, xid, entryId })),
      }
    : null;

const leavesBehind = (name: string, fence: string): Named => ({
  name,
  text: `SELECT ${GATHERED}
    FROM (SELECT xid, id, ${LEAF_HASH} AS hash, $6::bigint - 1 + row_number() OVER (ORDER BY xid, id) AS index
      FROM audit.entry WHERE city = $1 AND (xid, id) > ($3::xid8, $4::bigint) AND ${OF_SHARD('id')}${fence}
        AND ${SOMEWHERE_BEHIND('xid', '$3::xid8')}
      ORDER BY xid, id LIMIT $5) part`,
});
const FINAL_LEAVES = leavesBehind('log_final_leaves', ' AND xid < pg_snapshot_xmin(pg_current_snapshot())');
const LOGGED_LEAVES = leavesBehind('log_logged_leaves', '');
/**
 * The next leaves behind a position, hashed from the entries, at most `limit`; the first has index `from`. Only those of transactions older
 * than any that still runs, so that nothing can appear in front of them later. Null where there is none.
 */
export const readLeavesBehind = async (
  ask: Ask,
  { city, shard }: LogRef,
  after: EntryPosition,
  from: number,
  limit: number,
): Promise<MarkedLeaves | null> => toLeaves(await ask<LeavesRow>(FINAL_LEAVES, [city, shard, after.xid, after.entryId, limit, from]));

/** The same of entries that were logged already, so that nothing can appear in front of them, whatever runs. */
export const readLoggedLeaves = async (
  ask: Ask,
  { city, shard }: LogRef,
  after: EntryPosition,
  from: number,
  limit: number,
): Promise<MarkedLeaves | null> => toLeaves(await ask<LeavesRow>(LOGGED_LEAVES, [city, shard, after.xid, after.entryId, limit, from]));

/**
 * A part of where bundle $3 begins: its mark, and for the first one the beginning of the shard, so that an entry in front of all that were logged is
 * seen. Found once for a statement: with a join here a young table was read from end to end, and longer each time.
 */
const BEGIN = (part: string, ofShard: string): string => `CASE WHEN $3::bigint = 0
          THEN (SELECT o.${ofShard} FROM audit.log_shard o WHERE o.city = $1 AND o.shard = $2)
          ELSE (SELECT b.${part} FROM audit.log_bundle b WHERE b.city = $1 AND b.shard = $2 AND b.n = $3) END`;
const LEAVES_FROM: Named = {
  name: 'log_leaves_from',
  text: `SELECT ${GATHERED}
    FROM (SELECT xid, id, ${LEAF_HASH} AS hash, $3::bigint * 256 - 1 + row_number() OVER (ORDER BY xid, id) AS index
      FROM audit.entry WHERE city = $1 AND (xid, id) >= (${BEGIN('xid', 'begin_xid')}, ${BEGIN('entry_id', 'begin_entry_id + 1')})
        AND (xid, id) <= ($4::xid8, $5::bigint) AND ${OF_SHARD('id')} AND ${SOMEWHERE_BEHIND('xid', BEGIN('xid', 'begin_xid'))}
      ORDER BY xid, id LIMIT $6) part`,
};
/** Leaves from that of index `bundle` × 256 on, hashed anew from the entries, up to and with the one at `until`. Null where there is none. */
export const readLeavesFrom = async (
  ask: Ask,
  { city, shard }: LogRef,
  bundle: number,
  until: EntryPosition,
  limit: number,
): Promise<MarkedLeaves | null> => toLeaves(await ask<LeavesRow>(LEAVES_FROM, [city, shard, bundle, until.xid, until.entryId, limit]));

/** A tile of hashes as it is kept: `data` grows until it has 256 of them. */
export type TileRow = { readonly level: number; readonly n: number; readonly data: Uint8Array };
const TILES: Named = {
  name: 'log_tiles',
  text: `SELECT t.level, t.n::text, t.data FROM unnest($3::smallint[], $4::bigint[]) AS w (level, n)
    JOIN audit.log_tile t ON t.city = $1 AND t.shard = $2 AND t.level = w.level AND t.n = w.n`,
};
/** The tiles of these places that are there, in no order. */
export const readTiles = async (
  ask: Ask,
  { city, shard }: LogRef,
  places: readonly { readonly level: number; readonly n: number }[],
): Promise<TileRow[]> => {
  const rows = await ask<{ level: number; n: string; data: Uint8Array }>(TILES, [
    city,
    shard,
    places.map(({ level }) => level),
    places.map(({ n }) => n),
  ]);
  return rows.map(({ level, n, data }) => ({ level, n: Number(n), data }));
};

const MARKS: Named = {
  name: 'log_marks',
  text: `SELECT b.n::text, b.xid::text, b.entry_id::text AS "entryId" FROM audit.log_bundle b WHERE b.city = $1 AND b.shard = $2 AND b.n >= $3 AND b.n < $4`,
};
/** Marks of the bundles `from` ≤ n < `to`, in no order. */
export const readMarks = async (ask: Ask, { city, shard }: LogRef, from: number, to: number): Promise<Mark[]> =>
  (await ask<EntryPosition & { n: string }>(MARKS, [city, shard, from, to])).map((row) => ({ ...row, n: Number(row.n) }));

const CHECKPOINTS: Named = {
  name: 'log_checkpoints',
  // The column by its table, or the order would be that of the texts.
  text: `SELECT c.size::text, c.note FROM audit.log_checkpoint c WHERE c.city = $1 AND c.shard = $2 AND c.size > $3 ORDER BY c.size LIMIT $4`,
};
/** Published checkpoints larger than `size`, smallest first. */
export const readCheckpoints = async (
  ask: Ask,
  { city, shard }: LogRef,
  size: number,
  limit: number,
): Promise<{ readonly size: number; readonly note: string }[]> =>
  (await ask<{ size: string; note: string }>(CHECKPOINTS, [city, shard, size, limit])).map((row) => ({ ...row, size: Number(row.size) }));

/** What one signature puts into the log. */
export type LogStep = {
  readonly from: number;
  readonly size: number;
  readonly last: EntryPosition;
  readonly tiles: readonly TileRow[];
  readonly marks: readonly Mark[];
  readonly note: string;
};
const APPEND: Named = {
  name: 'log_append',
  text: `WITH moved AS (UPDATE audit.log_state SET size = $4, xid = $5, entry_id = $6 WHERE city = $1 AND shard = $2 AND size = $3 AND NOT closed
      RETURNING city, shard),
    tiles AS (INSERT INTO audit.log_tile (city, shard, level, n, data)
      SELECT m.city, m.shard, t.level, t.n, t.data FROM moved m, unnest($7::smallint[], $8::bigint[], $9::bytea[]) AS t (level, n, data)
      ON CONFLICT (city, shard, level, n) DO UPDATE SET data = excluded.data WHERE octet_length(log_tile.data) < octet_length(excluded.data)),
    marks AS (INSERT INTO audit.log_bundle (city, shard, n, xid, entry_id)
      SELECT m.city, m.shard, b.n, b.xid, b.entry_id FROM moved m, unnest($10::bigint[], $11::xid8[], $12::bigint[]) AS b (n, xid, entry_id)),
    signed AS (INSERT INTO audit.log_checkpoint (city, shard, size, note) SELECT city, shard, $4, $13 FROM moved)
    SELECT city FROM moved`,
};
/** Tiles and marks as parameters of a statement. */
const toArrays = (tiles: readonly TileRow[], marks: readonly Mark[]): readonly unknown[] => [
  tiles.map(({ level }) => level),
  tiles.map(({ n }) => n),
  tiles.map(({ data }) => Buffer.from(data)),
  marks.map(({ n }) => n),
  marks.map(({ xid }) => xid),
  marks.map(({ entryId }) => entryId),
];
/**
 * Puts tiles, marks, state and checkpoint in with one statement, so all or none. False where the log is no longer of size `from`: somebody
 * else went on with it, and the checkpoint must not be shown to anybody.
 */
export const appendToLog = async (ask: Ask, { city, shard }: LogRef, { from, size, last, tiles, marks, note }: LogStep): Promise<boolean> =>
  (await ask(APPEND, [city, shard, from, size, last.xid, last.entryId, ...toArrays(tiles, marks), note])).length === 1;

const REPLACE: Named = {
  name: 'log_replace',
  text: `WITH tiles AS (INSERT INTO audit.log_tile (city, shard, level, n, data)
      SELECT $1, $2, t.level, t.n, t.data FROM unnest($3::smallint[], $4::bigint[], $5::bytea[]) AS t (level, n, data)
      ON CONFLICT (city, shard, level, n) DO UPDATE SET data = excluded.data)
    INSERT INTO audit.log_bundle (city, shard, n, xid, entry_id)
      SELECT $1, $2, b.n, b.xid, b.entry_id FROM unnest($6::bigint[], $7::xid8[], $8::bigint[]) AS b (n, xid, entry_id)
      ON CONFLICT (city, shard, n) DO UPDATE SET xid = excluded.xid, entry_id = excluded.entry_id`,
};
/** Writes tiles and marks in the place of those that are there. */
export const replaceInLog = async (ask: Ask, { city, shard }: LogRef, tiles: readonly TileRow[], marks: readonly Mark[]): Promise<void> =>
  void (await ask(REPLACE, [city, shard, ...toArrays(tiles, marks)]));

const HOLD: Named = {
  name: 'log_hold',
  text: `SELECT size::text FROM audit.log_state WHERE city = $1 AND shard = $2 FOR NO KEY UPDATE`,
};
/** Keeps everybody else from going on with the log until the transaction ends. */
export const holdLog = async (ask: Ask, { city, shard }: LogRef): Promise<void> => void (await ask(HOLD, [city, shard]));

const RESET_STATE: Named = {
  name: 'log_reset_state',
  text: `INSERT INTO audit.log_state (city, shard, size, xid, entry_id, closed) VALUES ($1, $2, $3, $4, $5,
      EXISTS (SELECT FROM audit.log_shard o WHERE o.city = $1 AND o.shard = $2 AND o.closed_at IS NOT NULL))
    ON CONFLICT (city, shard) DO UPDATE SET size = excluded.size, xid = excluded.xid, entry_id = excluded.entry_id`,
};
/** Sets the log's state to what its last checkpoint says. */
export const resetState = async (ask: Ask, { city, shard }: LogRef, size: number, last: EntryPosition): Promise<void> =>
  void (await ask(RESET_STATE, [city, shard, size, last.xid, last.entryId]));

const LOCK: Named = { name: 'log_lock', text: `SELECT pg_try_advisory_lock(hashtextextended($1, 4712005)) AS held` };
/** Takes the log of a city for this connection; false where another one has it. */
export const lockLog = async (ask: Ask, city: string): Promise<boolean> =>
  (await ask<{ held: boolean }>(LOCK, [`audit log ${city}`]))[0]?.held === true;
/** The same for whoever retires a city's shards. */
export const lockRetirement = async (ask: Ask, city: string): Promise<boolean> =>
  (await ask<{ held: boolean }>(LOCK, [`audit archive ${city}`]))[0]?.held === true;
/** Says to other connections that a city's log contradicts itself or a witness, until `releaseBroken` or the end of the connection; false where another one says so. */
export const holdBroken = async (ask: Ask, city: string): Promise<boolean> =>
  (await ask<{ held: boolean }>(LOCK, [`audit log broken ${city}`]))[0]?.held === true;
const UNLOCK: Named = { name: 'log_unlock', text: `SELECT pg_advisory_unlock(hashtextextended($1, 4712005))` };
export const releaseBroken = async (ask: Ask, city: string): Promise<void> => void (await ask(UNLOCK, [`audit log broken ${city}`]));
const IS_LOCKED: Named = {
  name: 'log_is_locked',
  text: `SELECT EXISTS (SELECT FROM pg_locks l, hashtextextended($1, 4712005) AS key WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      AND l.classid::bigint = (key >> 32) & 4294967295 AND l.objid::bigint = key & 4294967295) AS held`,
};
/** Whether some connection says that a city's log contradicts itself or a witness. */
export const isHeldBroken = async (ask: Ask, city: string): Promise<boolean> =>
  (await ask<{ held: boolean }>(IS_LOCKED, [`audit log broken ${city}`]))[0]?.held === true;
