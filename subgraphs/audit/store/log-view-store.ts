import type { CityDatabase, Named } from '#platform/database/city-database.ts';
import type { Ask } from './log-store.ts';

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
      WHERE w.city = c.city AND w.size = c.size), '') AS note, c.at
    FROM audit.log_checkpoint c WHERE c.city = $1 ORDER BY c.size DESC LIMIT 1`,
};
/** The latest checkpoint of a city's log; null where it has not begun. */
export const findCheckpoint = async (db: CityDatabase): Promise<PublishedCheckpoint | null> => {
  const [row] = await askReading(db)<Omit<PublishedCheckpoint, 'size'> & { size: string }>(LATEST, [db.city.code]);
  return row ? { ...row, size: Number(row.size) } : null;
};

const BUNDLE: Named = {
  name: 'log_bundle_bodies',
  text: `SELECT e.body FROM audit.log_bundle b JOIN audit.log_state s ON s.city = b.city AND s.size >= b.n * 256 + $3::int
    JOIN audit.entry e ON e.city = b.city AND (e.xid, e.id) >= (b.xid, b.entry_id)
    WHERE b.city = $1 AND b.n = $2 ORDER BY e.xid, e.id LIMIT $3::int`,
};
/** The first `width` entries of a bundle as they were logged; fewer or none where the log is not that long. */
export const findBundle = async (db: CityDatabase, n: number, width: number): Promise<Uint8Array[]> =>
  (await askReading(db)<{ body: Uint8Array }>(BUNDLE, [db.city.code, n, width])).map(({ body }) => body);

const INDICES: Named = {
  name: 'log_indices',
  text: `SELECT e.event_id AS "eventId", (b.n * 256 + (SELECT count(*) FROM audit.entry x
      WHERE x.city = e.city AND (x.xid, x.id) >= (b.xid, b.entry_id) AND (x.xid, x.id) < (e.xid, e.id)))::text AS index
    FROM audit.entry e JOIN audit.log_state s ON s.city = e.city AND (e.xid, e.id) <= (s.xid, s.entry_id)
    CROSS JOIN LATERAL (SELECT n, xid, entry_id FROM audit.log_bundle b
      WHERE b.city = e.city AND (b.xid, b.entry_id) <= (e.xid, e.id) ORDER BY b.xid DESC, b.entry_id DESC LIMIT 1) b
    WHERE e.city = $1 AND e.event_id = ANY($2::text[])`,
};
/** Indices of a city's events in its log, by event id; those that are not in it yet have none. */
export const findIndices = async (db: CityDatabase, eventIds: readonly string[]): Promise<Map<string, number>> => {
  const rows = await askReading(db)<{ eventId: string; index: string }>(INDICES, [db.city.code, [...eventIds]]);
  return new Map(rows.map(({ eventId, index }) => [eventId, Number(index)]));
};
