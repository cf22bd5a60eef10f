import type { CityDatabase, Named } from '#platform/database/city-database.ts';
import { type Ask, type LogRef, SOMEWHERE_BEHIND } from './log-store.ts';

/** Reads of a city that a replica may answer; what it gives is a log that was true, with the checkpoint of its size. */
export const askReading =
  (db: CityDatabase): Ask =>
  async (statement, values) =>
    (await db.read(statement, values)).rows as never;

/** A checkpoint as it is published: the signed note with the lines of its witnesses. */
export type PublishedCheckpoint = { readonly size: number; readonly note: string; readonly at: Date };
const LATEST: Named = {
  name: 'log_latest',
  text: `SELECT c.size::text, c.note || coalesce((SELECT string_agg(w.line, '' ORDER BY w.witness) FROM audit.log_cosignature w
      WHERE w.city = c.city AND w.shard = c.shard AND w.size = c.size), '') AS note, c.at
    FROM audit.log_checkpoint c WHERE c.city = $1 AND c.shard = $2 ORDER BY c.size DESC LIMIT 1`,
};
/** The latest checkpoint of a shard; null where it has not begun. */
export const readPublished = async (ask: Ask, { city, shard }: LogRef): Promise<PublishedCheckpoint | null> => {
  const [row] = await ask<Omit<PublishedCheckpoint, 'size'> & { size: string }>(LATEST, [city, shard]);
  return row ? { ...row, size: Number(row.size) } : null;
};
export const findCheckpoint = (db: CityDatabase, shard: number): Promise<PublishedCheckpoint | null> =>
  readPublished(askReading(db), { city: db.city.code, shard });

/** A part of bundle $3's mark, null where the log has not $4 entries of it; found once, so that the entries behind it are read by their index. */
const MARK = (
  part: string,
): string => `(SELECT b.${part} FROM audit.log_bundle b JOIN audit.log_state s ON s.city = b.city AND s.shard = b.shard
        AND s.size >= b.n * 256 + $4::int WHERE b.city = $1 AND b.shard = $2 AND b.n = $3)`;
const BUNDLE: Named = {
  name: 'log_bundle_bodies',
  text: `SELECT e.body FROM audit.entry e WHERE e.city = $1 AND (e.xid, e.id) >= (${MARK('xid')}, ${MARK('entry_id')})
      AND ${SOMEWHERE_BEHIND('e.xid', MARK('xid'))}
      AND e.id + 0 >= (SELECT o.min_id FROM audit.log_shard o WHERE o.city = $1 AND o.shard = $2)
      AND e.id + 0 <= (SELECT o.max_id FROM audit.log_shard o WHERE o.city = $1 AND o.shard = $2)
    ORDER BY e.xid, e.id LIMIT $4::int`,
};
/** The first `width` entries of a bundle as they were logged; fewer or none where the log is not that long. */
export const readBundle = async (ask: Ask, { city, shard }: LogRef, n: number, width: number): Promise<Uint8Array[]> =>
  (await ask<{ body: Uint8Array }>(BUNDLE, [city, shard, n, width])).map(({ body }) => body);
export const findBundle = (db: CityDatabase, shard: number, n: number, width: number): Promise<Uint8Array[]> =>
  readBundle(askReading(db), { city: db.city.code, shard }, n, width);

/** Where an event stands: its shard and its index there. */
export type LogPlace = { readonly shard: number; readonly index: number };
const INDICES: Named = {
  name: 'log_indices',
  text: `SELECT e.event_id AS "eventId", o.shard, (b.n * 256 + (SELECT count(*) FROM audit.entry x
      WHERE x.city = e.city AND (x.xid, x.id) >= (b.xid, b.entry_id) AND (x.xid, x.id) < (e.xid, e.id) AND x.id + 0 BETWEEN o.min_id AND o.max_id))::text AS index
    FROM audit.entry e
    JOIN audit.log_shard o ON o.city = e.city AND (e.xid, e.id) > (o.begin_xid, o.begin_entry_id) AND e.id BETWEEN o.min_id AND o.max_id
    JOIN audit.log_state s ON s.city = o.city AND s.shard = o.shard AND (e.xid, e.id) <= (s.xid, s.entry_id)
    CROSS JOIN LATERAL (SELECT n, xid, entry_id FROM audit.log_bundle b
      WHERE b.city = o.city AND b.shard = o.shard AND (b.xid, b.entry_id) <= (e.xid, e.id) ORDER BY b.xid DESC, b.entry_id DESC LIMIT 1) b
    WHERE e.city = $1 AND e.event_id = ANY($2::text[])`,
};
/** Places of a city's events in its log, by event id; those that are not in it yet have none. */
export const findPlaces = async (db: CityDatabase, eventIds: readonly string[]): Promise<Map<string, LogPlace>> => {
  const rows = await askReading(db)<{ eventId: string; shard: number; index: string }>(INDICES, [db.city.code, [...eventIds]]);
  return new Map(rows.map(({ eventId, shard, index }) => [eventId, { shard, index: Number(index) }]));
};
