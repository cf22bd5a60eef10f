import type { Named } from '#platform/database/city-database.ts';
import type { Ask, EntryPosition } from './log-store.ts';

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
  readonly retiredAt: Date | null;
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
    o.closed_at AS "closedAt", o.final_size::text AS "finalSize", o.final_note AS "finalNote", o.archived_at AS "archivedAt", o.retired_at AS "retiredAt"`;

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
