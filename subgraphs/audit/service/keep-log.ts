import { setTimeout as sleep } from 'node:timers/promises';
import type { CityDatabase } from '#platform/database/city-database.ts';
import type { Log } from '#platform/observability/log.ts';
import { makeQueue } from '#platform/pure/turns.ts';
import { askWithin, endSoon } from '#platform/sequence/connection.ts';
import { EMPTY_ROOT } from '#platform/tlog/merkle.ts';
import { openTileWriter } from '#platform/tlog/tile-writer.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { type Ask, holdLog, isHeldBroken, type LogRef, readHead, readLoggedLeaves, replaceInLog, resetState } from '../store/log-store.ts';
import { readShard, readShards, type ShardRow } from '../store/shard-store.ts';
import { type BegunShard, beginShard, ShardRefusal } from './begin-shard.ts';
import { type Inspection, inspectLog } from './check-log.ts';
import { findUnplaced, type Unplaced } from './find-unplaced.ts';
import type { Keyring, LogVerifier } from './log-key.ts';
import type { FindPublication, Publication } from './publish-checkpoint.ts';
import { type Retired, type RetireSettings, retireShard } from './retire-shard.ts';
import { findAside, isRestored } from './shard-turns.ts';
import type { Witnessing } from './witness/open-witnessing.ts';

const CHUNK = 16_384;

/** One statement at a time: a connection takes no more. */
const inTurn = (run: (...asked: Parameters<Ask>) => Promise<unknown>): Ask => {
  const queue = makeQueue();
  return (statement, values) => queue(() => run(statement, values)) as never;
};

/**
 * Runs with a shard of a city's log held, the current one where no number is given: nothing is signed meanwhile, and what is written stays only
 * where `run` does not throw. Throws `ShardRefusal` for a shard that is not there, or not there any more.
 */
const withLog = async <T>(
  database: CityDatabase,
  keys: Keyring,
  shard: number | null,
  run: (ask: Ask, log: LogRef, key: LogVerifier) => Promise<T>,
): Promise<T> => {
  const client = await database.dedicated();
  const ask = inTurn(({ name, text }, values) => askWithin(client, text, values, name));
  try {
    await askWithin(client, 'BEGIN');
    const city = database.city.code;
    const row = await readShard(ask, city, shard);
    if (!row)
      throw new ShardRefusal(
        shard === null
          ? `the log of city ${city} has not begun; its sequencer begins it`
          : `the log of city ${city} has no shard ${shard}; which there are: npm run audit-log -- shards ${city}`,
      );
    if (row.archivedAt)
      throw new ShardRefusal(
        `shard ${row.shard} of the log of city ${city} ${row.retiredAt ? 'was' : 'is being'} retired; verify its archive: npm run verify-audit -- FOLDER/${city}/${row.shard}`,
      );
    const key = keys.toVerifier(row);
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

/** Runs on a connection of its own whose statements may take as long as they need. */
const onConnection = async <T>(database: CityDatabase, run: (ask: Ask) => Promise<T>): Promise<T> => {
  const client = await database.dedicated();
  try {
    return await run(inTurn(async ({ name, text }, values) => (await client.query({ name, text, values: [...values] })).rows));
  } finally {
    await endSoon(client);
  }
};

/** The shards of a city's log, oldest first. */
export const listShards = (database: CityDatabase): Promise<ShardRow[]> =>
  onConnection(database, (ask) => readShards(ask, database.city.code));

/** Entries of a city that lie in no shard of its log. */
export const checkPlaces = (database: CityDatabase): Promise<Unplaced> =>
  onConnection(database, (ask) => findUnplaced(ask, database.city.code));

const PATIENCE_MS = 20_000;
const BETWEEN_MS = 100;
/** Longest that the witnesses are waited for once a shard is closed. */
const END_MS = 5_000;
const LOOK_MS = 25;

/** Witnesses of a log, as the command that ends a shard asks them; the same that its sequencer asks. */
export type EndWitnesses = Pick<Witnessing, 'cosign'> & { readonly findPublication: FindPublication };
/** A shard that was begun. `end` says whose cosignatures the final checkpoint of the one before has; null where nobody was asked. */
export type TurnedShard = BegunShard & {
  readonly end: (Pick<Publication, 'isWitnessed'> & { readonly witnesses: readonly string[] }) | null;
};

/** Asks the witnesses for the final checkpoint of a closed shard, each once, and tells who has cosigned it, also at somebody else's request. */
const witnessEnd = async (
  { cosign, findPublication }: EndWitnesses,
  database: CityDatabase,
  keys: Keyring,
  row: ShardRow,
): Promise<TurnedShard['end']> => {
  const key = keys.forShard(row);
  if (key && row.final) {
    const { size, note } = row.final;
    const cosigning = cosign({ city: row.city, shard: row.shard }, key);
    cosigning.publish(size, note);
    const isSettled = (): boolean =>
      Object.values(cosigning.states()).every(({ state, size: of }) => state === 'refusing' || state === 'away' || of === size);
    for (const end = performance.now() + END_MS; !isSettled() && performance.now() < end; ) await sleep(LOOK_MS);
  }
  const found = await findPublication(database, row);
  return { isWitnessed: found?.isWitnessed ?? false, witnesses: found?.witnesses.map(({ name }) => name) ?? [] };
};

export type TurnOptions = {
  /** The database is a backup that was restored, or entries are gone for good; see `beginShard`. */
  readonly afterRestore?: boolean;
  /** With `afterRestore`: also where nothing shows it, as after a copy of everything was put back, witnesses and all. */
  readonly isUnseen?: boolean;
  readonly witnesses?: EndWitnesses | null;
  /** Adds a key to those of the log, once nothing is left to refuse; the new shard is signed with it. */
  readonly addKey?: (() => Promise<Keyring>) | null;
};

/**
 * What shows that a log is not what was published of it: another cluster, a sequencer that holds it for broken, a witness, or its own entries. Null where
 * nothing does; then `silent` names the witnesses that did not answer.
 */
const findLoss = async (
  ask: Ask,
  database: CityDatabase,
  keys: Keyring,
  row: ShardRow,
  witnesses: EndWitnesses | null,
): Promise<{ readonly isShown: boolean; readonly silent: readonly string[] }> => {
  const of = { city: row.city, shard: row.shard };
  if ((await isRestored(ask, of)) || (await isHeldBroken(ask, row.city))) return { isShown: true, silent: [] };
  const key = keys.forShard(row);
  const cosigning = witnesses && key ? witnesses.cosign(of, key) : null;
  if (await cosigning?.check()) return { isShown: true, silent: [] };
  const isWhole = await checkLog(database, keys, row.shard).then(
    ({ firstBadIndex }) => firstBadIndex === null,
    (error: unknown) => {
      if (error instanceof TlogError) return false;
      throw error;
    },
  );
  return { isShown: !isWhole, silent: cosigning?.unheard() ?? [] };
};

/**
 * Closes a city's current shard and begins the next one, beside whatever signs it; see `beginShard`. As a sequencer does before it signs, it asks the witnesses
 * first where they stand, and has them cosign the end. Throws `ShardRefusal` where the log has not begun, where a witness holds what the log does not follow, or
 * the database is a restored backup, and `afterRestore` is not said; where it is said of a log that is whole; and where the end of a transaction does not come
 * within 20 s; `TlogError` where the log contradicts its last checkpoint.
 */
export const turnShard = (
  database: CityDatabase,
  keys: Keyring,
  log: Log,
  { afterRestore = false, isUnseen = false, witnesses = null, addKey = null }: TurnOptions = {},
): Promise<TurnedShard> =>
  onConnection(database, async (ask) => {
    const city = database.city.code;
    const row = await readShard(ask, city);
    if (!row) throw new ShardRefusal(`the log of city ${city} has not begun; its sequencer begins it`);
    if (afterRestore) {
      // What is half deleted cannot be counted, and is not half of anything that goes on.
      const leaving = (await readShards(ask, city)).find(({ archivedAt, retiredAt }) => archivedAt && !retiredAt);
      if (leaving)
        throw new ShardRefusal(
          `shard ${leaving.shard} of the log of city ${city} is being retired: npm run audit-log -- retire ${city} ${leaving.shard}`,
        );
      const { isShown, silent } = isUnseen ? { isShown: true, silent: [] } : await findLoss(ask, database, keys, row, witnesses);
      const unheard = silent.length === 0 ? '' : `; ${silent.join(', ')} did not answer, so ask again first`;
      if (!isShown)
        throw new ShardRefusal(
          `the log of city ${city} is whole and nothing shows a restore, which would stand in it for good: leave --after-restore away, or, where a copy of everything, its witnesses too, was put back, say --unseen as well${unheard}`,
        );
    } else {
      const aside = await findAside(ask, city, keys, log);
      if (aside?.kind === 'restored')
        throw new ShardRefusal(
          `the database of city ${city} is a restored backup: say --after-restore, once nobody restores anything any more`,
        );
      if (await isHeldBroken(ask, city))
        throw new ShardRefusal(
          `the log of city ${city} contradicts itself or a witness, and its end is not signed: see its health; where entries are gone for good, say --after-restore`,
        );
      const key = keys.forShard(row);
      const said = witnesses && key ? await witnesses.cosign({ city, shard: row.shard }, key).check() : null;
      if (said)
        throw new ShardRefusal(
          `${said.witness}, a witness of the log of city ${city}, holds ${said.witnessSize} entries that the log does not follow, and its end is not signed; where entries are gone for good, say --after-restore`,
        );
    }
    const own = addKey ? await addKey() : keys;
    for (const end = performance.now() + PATIENCE_MS; ; await sleep(BETWEEN_MS)) {
      const begun = await beginShard({ ask, city, keys: own, subjects: database.subjects, afterRestore });
      if (begun) {
        const closed = witnesses && (await readShard(ask, city, begun.shard - 1));
        return { ...begun, end: witnesses && closed ? await witnessEnd(witnesses, database, own, closed) : null };
      }
      if (performance.now() > end)
        throw new ShardRefusal(
          `the log of city ${city} is in the middle of a transaction, and nobody goes on with it: start its sequencer`,
        );
    }
  });

/** Takes a closed shard out of the database, into the archive; see `retireShard`. */
export const retireLog = (database: CityDatabase, settings: Omit<RetireSettings, 'ask'>, shard: number): Promise<Retired> =>
  onConnection(database, (ask) => retireShard({ ...settings, ask }, shard));
