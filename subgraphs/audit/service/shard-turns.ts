import type { CityDatabase } from '#platform/database/city-database.ts';
import type { Log } from '#platform/observability/log.ts';
import type { Ask, LogRef } from '../store/log-store.ts';
import { readHead } from '../store/log-store.ts';
import {
  type CheckpointKeeping,
  countEntries,
  pruneCheckpoints,
  readClusterTime,
  readShard,
  readShards,
  tellCluster,
} from '../store/shard-store.ts';
import { beginShard } from './begin-shard.ts';
import type { Keyring } from './log-key.ts';

/**
 * Why a log is not signed although nothing contradicts it, and what to do. `keyless`: the key of the current shard is not held. `restored`: the database
 * is a backup in another cluster, where the order of new entries would not go on behind that of the old ones.
 */
export type Aside = { readonly kind: 'keyless' | 'restored'; readonly remedy: string };

/**
 * How a shard stands to the cluster that its database is in: `same`, or `untold` where the cluster was not kept; `moved` into another one whose transactions
 * all come behind the log's last; `restored` where they do not, as of a backup.
 */
const placeInTime = async (ask: Ask, of: LogRef): Promise<'same' | 'untold' | 'moved' | 'restored'> => {
  const time = await readClusterTime(ask, of);
  if (!time) return 'same';
  if (time.isAhead) return 'restored';
  if (time.cluster === time.current) return 'same';
  if (time.cluster === null) return 'untold';
  const { begin, state } = await readHead(ask, of);
  // No entry in between either: the order goes on as it is.
  return time.isBehind && (await countEntries(ask, of, begin)) === state?.size ? 'moved' : 'restored';
};
/** Whether the database of a shard is a backup in another cluster; see `Aside`. Writes nothing. */
export const isRestored = async (ask: Ask, of: LogRef): Promise<boolean> => (await placeInTime(ask, of)) === 'restored';

/** Whether something stands aside of going on with the current shard; null where nothing does. A log that has not begun has nothing aside. */
export const findAside = async (ask: Ask, city: string, keys: Keyring, log: Log): Promise<Aside | null> => {
  const row = await readShard(ask, city);
  if (!row) return null;
  if (!keys.forShard(row)) await keys.refresh();
  if (!keys.forShard(row))
    return {
      kind: 'keyless',
      remedy: `add the key of ${row.origin} to AUDIT_LOG_KEYS; where it is lost, begin a shard with another: npm run audit-log -- begin-shard ${city}`,
    };
  const of = { city, shard: row.shard };
  const place = await placeInTime(ask, of);
  if (place === 'restored') return { kind: 'restored', remedy: `npm run audit-log -- begin-shard ${city} --after-restore` };
  if (place === 'moved') log.warn('the audit log goes on in another cluster', { city, shard: row.shard });
  if (place !== 'same') await tellCluster(ask, of);
  return null;
};

export type ShardTurns = {
  /** Does what is due: begins the next shard, prunes checkpoints. True where the current shard is no longer the given one. */
  readonly look: (of: LogRef, size: number) => Promise<boolean>;
};
export type ShardTurnsSettings = {
  readonly ask: Ask;
  readonly database: CityDatabase;
  readonly keys: Keyring;
  readonly log: Log;
  /** Age at which a shard is closed and the next one begins; none: never by itself. */
  readonly shardMs?: number;
  readonly keeping?: CheckpointKeeping;
  /** Pause between two rounds of pruning. */
  readonly pruneEveryMs?: number;
};

export const KEEPING: CheckpointKeeping = { allMs: 3_600_000, minutesMs: 86_400_000 };
/** Checkpoints that are looked at in one statement. */
const PRUNE_WIDTH = 5_000;

/** What happens to a city's shards in the course of time, done by whoever signs. */
export const openShardTurns = (settings: ShardTurnsSettings): ShardTurns => {
  const { ask, database, keys, log, shardMs, keeping = KEEPING, pruneEveryMs = 60_000 } = settings;
  const city = database.city.code;
  let prunedAt = Number.NEGATIVE_INFINITY;
  /** Shards that are still to be gone through in this round, and how far the first of them was. */
  let round: readonly number[] = [];
  let after = -1;

  const prune = async (): Promise<void> => {
    const [shard] = round;
    if (shard === undefined) {
      if (performance.now() - prunedAt < pruneEveryMs) return;
      round = (await readShards(ask, city)).filter(({ retiredAt }) => retiredAt === null).map((row) => row.shard);
      prunedAt = performance.now();
      return;
    }
    const { lastSize } = await pruneCheckpoints(ask, { city, shard }, after, PRUNE_WIDTH, keeping);
    if (lastSize === null) round = round.slice(1);
    after = lastSize ?? -1;
  };

  return {
    look: async (of, size) => {
      const row = await readShard(ask, city);
      if (row?.shard !== of.shard) return true;
      await prune();
      // A shard that holds no more than the entry it began with is as good as new.
      if (shardMs === undefined || row.ageMs < shardMs || size <= (of.shard === 1 ? 0 : 1)) return false;
      const begun = await beginShard({ ask, city, keys, subjects: database.subjects });
      if (!begun) return false;
      const { shard, origin, before } = begun;
      log.info('a shard of the audit log was closed and the next one begun', { city, shard, origin, closedSize: before.size });
      return true;
    },
  };
};
