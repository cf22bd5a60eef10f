import type { Named } from '#platform/database/city-database.ts';
import type { Ask, LogRef } from './log-store.ts';

const SAVE: Named = {
  name: 'cosignature_save',
  text: 'SELECT audit.save_cosignature($1, $2, $3, $4, $5)',
};
/** Keeps a witness's line under a checkpoint; of two the one with the later time stays. */
export const saveCosignature = async (ask: Ask, { city, shard }: LogRef, size: number, witness: string, line: string): Promise<void> =>
  void (await ask(SAVE, [city, shard, size, witness, line]));

/** A checkpoint with its log's signature, and the lines of witnesses. */
export type CosignedCheckpoint = { readonly size: number; readonly note: string; readonly lines: string };
const cosignedNext = (name: string, order: string): Named => ({
  name,
  text: `SELECT c.size::text, c.note, (SELECT string_agg(x.line, '' ORDER BY x.witness) FROM audit.log_cosignature x
      WHERE x.city = c.city AND x.shard = c.shard AND x.size = c.size) AS lines
    FROM audit.log_cosignature w JOIN audit.log_checkpoint c ON c.city = w.city AND c.shard = w.shard AND c.size = w.size
    WHERE w.city = $1 AND w.shard = $2 AND w.size > $3 AND w.size < $4 ORDER BY w.size ${order} LIMIT 1`,
});
const LAST = cosignedNext('cosigned_last', 'DESC');
const FIRST = cosignedNext('cosigned_first', 'ASC');
/** The last or the first cosigned checkpoint with `above` < size < `below`; null where there is none. */
export const findCosigned = async (
  ask: Ask,
  { city, shard }: LogRef,
  which: 'first' | 'last',
  above: number,
  below: number,
): Promise<CosignedCheckpoint | null> => {
  type Row = Omit<CosignedCheckpoint, 'size'> & { readonly size: string };
  const [row] = await ask<Row>(which === 'first' ? FIRST : LAST, [city, shard, above, below]);
  return row ? { ...row, size: Number(row.size) } : null;
};

/** Bounds what is looked at for the checkpoint that is shown: this many of the newest, and none that is further behind. */
const NEWEST = 64;
const BEHIND_SECONDS = 5;
const PUBLISHABLE: Named = {
  name: 'log_publishable',
  text: `WITH newest AS (SELECT c.city, c.shard, c.size, c.note, c.at FROM audit.log_checkpoint c
      WHERE c.city = $1 AND c.shard = $2 ORDER BY c.size DESC LIMIT ${NEWEST}),
    top AS (SELECT n.size, n.at, n.at > clock_timestamp() - interval '${BEHIND_SECONDS} seconds' AS fresh FROM newest n ORDER BY n.size DESC LIMIT 1),
    eligible AS (SELECT n.*, (SELECT string_agg(w.line, '' ORDER BY w.witness) FROM audit.log_cosignature w
        WHERE w.city = n.city AND w.shard = n.shard AND w.size = n.size) AS lines,
        n.size = t.size OR (t.fresh AND n.at >= t.at - interval '${BEHIND_SECONDS} seconds') AS recent
      FROM newest n, top t WHERE n.size IN (t.size, $3) OR (t.fresh AND n.at >= t.at - interval '${BEHIND_SECONDS} seconds'))
    SELECT e.size::text, e.note, coalesce(e.lines, '') AS lines, e.at, e.recent FROM eligible e, top t
    WHERE e.lines IS NOT NULL OR e.size IN (t.size, $3) ORDER BY e.size DESC LIMIT 12`,
};
/** `note` has the log's signature alone, `lines` are those of witnesses. `recent`: the newest, or recent enough to be shown in its place. */
export type PublishableCheckpoint = {
  readonly size: number;
  readonly note: string;
  readonly lines: string;
  readonly at: Date;
  readonly recent: boolean;
};
/**
 * Checkpoints of a shard that may be shown, newest first, with the lines of their witnesses: the newest of all, the one of size `shown`, and those
 * with witnesses that are at most 5 s older than the newest, as long as that one is not older itself. A replica may answer.
 */
export const findPublishable = async (ask: Ask, { city, shard }: LogRef, shown: number): Promise<PublishableCheckpoint[]> =>
  (await ask<Omit<PublishableCheckpoint, 'size'> & { readonly size: string }>(PUBLISHABLE, [city, shard, shown])).map((row) => ({
    ...row,
    size: Number(row.size),
  }));
