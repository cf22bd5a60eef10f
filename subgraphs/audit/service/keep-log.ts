import type { CityDatabase } from '#platform/database/city-database.ts';
import { askWithin, endSoon } from '#platform/sequence/connection.ts';
import { EMPTY_ROOT } from '#platform/tlog/merkle.ts';
import { openTileWriter } from '#platform/tlog/tile-writer.ts';
import { type Ask, holdLog, type LogRef, readHead, readLoggedLeaves, replaceInLog, resetState } from '../store/log-store.ts';
import { readShard } from '../store/shard-store.ts';
import { type Inspection, inspectLog } from './check-log.ts';
import type { Keyring, LogVerifier } from './log-key.ts';

const CHUNK = 16_384;

/**
 * Runs with a shard of a city's log held, the current one where no number is given: nothing is signed meanwhile, and what is written stays only
 * where `run` does not throw.
 */
const withLog = async <T>(
  database: CityDatabase,
  keys: Keyring,
  shard: number | null,
  run: (ask: Ask, log: LogRef, key: LogVerifier) => Promise<T>,
): Promise<T> => {
  const client = await database.dedicated();
  const ask: Ask = ({ name, text }, values) => askWithin(client, text, values, name) as never;
  try {
    await askWithin(client, 'BEGIN');
    const city = database.city.code;
    const row = await readShard(ask, city, shard);
    if (!row) throw new Error(`the log of city ${city} has no such shard`);
    const key = keys.forShard(row);
    if (!key) throw new Error(`the key of shard ${row.shard} of the log of city ${city} is not held`);
    const log = { city, shard: row.shard };
    await holdLog(ask, log);
    const result = await run(ask, log, key);
    await askWithin(client, 'COMMIT');
    return result;
  } finally {
    await endSoon(client);
  }
};

/** Goes through a shard of a city's log and writes nothing; see `inspectLog`. */
export const checkLog = (database: CityDatabase, keys: Keyring, shard: number | null = null): Promise<Inspection> =>
  withLog(database, keys, shard, inspectLog);

/**
 * Makes tiles, marks and state of a shard anew from its entries, and only where these make every published root; else nothing is written
 * and `isRebuilt` is false. `found` is what was there before.
 */
export const rebuildLog = (
  database: CityDatabase,
  keys: Keyring,
  shard: number | null = null,
): Promise<{ readonly found: Inspection; readonly isRebuilt: boolean }> =>
  withLog(database, keys, shard, async (ask, log, key) => {
    const found = await inspectLog(ask, log, key);
    if (!found.canRebuild) return { found, isRebuilt: false };
    const { begin, checkpoint } = await readHead(ask, log);
    const target = checkpoint?.size ?? 0;
    const writer = await openTileWriter(0, EMPTY_ROOT, async () => null);
    let last = begin;
    while (writer.size < target) {
      const leaves = await readLoggedLeaves(ask, log, last, writer.size, Math.min(CHUNK, target - writer.size));
      if (!leaves) throw new Error('entries went away while the log was rebuilt');
      writer.append(leaves.hashes);
      const tiles = writer.takeTiles().map(({ tile, bytes }) => ({ level: tile.level, n: tile.index, data: bytes }));
      await replaceInLog(ask, log, tiles, leaves.marks);
      last = leaves.last;
    }
    await resetState(ask, log, target, last);
    return { found, isRebuilt: true };
  });
