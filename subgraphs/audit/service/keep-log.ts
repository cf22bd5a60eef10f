import type { CityDatabase } from '#platform/database/city-database.ts';
import { askWithin, endSoon } from '#platform/sequence/connection.ts';
import { EMPTY_ROOT } from '#platform/tlog/merkle.ts';
import { openTileWriter } from '#platform/tlog/tile-writer.ts';
import {
  type Ask,
  BEFORE_ALL,
  type EntryPosition,
  holdLog,
  readHead,
  readLeavesBehind,
  replaceInLog,
  resetState,
} from '../store/log-store.ts';
import { type Inspection, inspectLog } from './check-log.ts';
import type { LogKey } from './log-key.ts';

const CHUNK = 16_384;

/** Runs with the log of a city held: nothing is signed meanwhile, and what is written stays only where `run` does not throw. */
const withLog = async <T>(database: CityDatabase, run: (ask: Ask) => Promise<T>): Promise<T> => {
  const client = await database.dedicated();
  const ask: Ask = ({ name, text }, values) => askWithin(client, text, values, name) as never;
  try {
    await askWithin(client, 'BEGIN');
    await holdLog(ask, database.city.code);
    const result = await run(ask);
    await askWithin(client, 'COMMIT');
    return result;
  } finally {
    await endSoon(client);
  }
};

/** Goes through the log of a city and writes nothing; see `inspectLog`. */
export const checkLog = (database: CityDatabase, key: LogKey): Promise<Inspection> =>
  withLog(database, (ask) => inspectLog(ask, database.city.code, key));

/**
 * Makes tiles, marks and state of a city's log anew from its entries, and only where these make every published root; else nothing is written
 * and `isRebuilt` is false. `found` is what was there before.
 */
export const rebuildLog = (database: CityDatabase, key: LogKey): Promise<{ readonly found: Inspection; readonly isRebuilt: boolean }> =>
  withLog(database, async (ask) => {
    const city = database.city.code;
    const found = await inspectLog(ask, city, key);
    if (!found.canRebuild) return { found, isRebuilt: false };
    const target = (await readHead(ask, city)).checkpoint?.size ?? 0;
    const writer = await openTileWriter(0, EMPTY_ROOT, async () => null);
    let last: EntryPosition = BEFORE_ALL;
    while (writer.size < target) {
      const leaves = await readLeavesBehind(ask, city, last, writer.size, Math.min(CHUNK, target - writer.size));
      if (!leaves) throw new Error('entries went away while the log was rebuilt');
      writer.append(leaves.hashes);
      const tiles = writer.takeTiles().map(({ tile, bytes }) => ({ level: tile.level, n: tile.index, data: bytes }));
      await replaceInLog(ask, city, tiles, leaves.marks);
      last = leaves.last;
    }
    await resetState(ask, city, target, last);
    return { found, isRebuilt: true };
  });
