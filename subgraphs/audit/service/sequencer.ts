import type pg from 'pg';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { CityUnavailableError, isConnectionFailure } from '#platform/database/errors.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { makeQueue } from '#platform/pure/turns.ts';
import { askWithin, endSoon } from '#platform/sequence/connection.ts';
import { signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { EMPTY_ROOT } from '#platform/tlog/merkle.ts';
import { formatNote } from '#platform/tlog/note.ts';
import { TILE_WIDTH } from '#platform/tlog/tiles.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import {
  type Ask,
  appendToLog,
  beginFirstLog,
  isSamePosition,
  type LogRef,
  lockLog,
  readHead,
  readLeavesBehind,
  releaseBroken,
  holdBroken as tellBroken,
} from '../store/log-store.ts';
import { type CheckpointKeeping, readShard, tellShardKey } from '../store/shard-store.ts';
import { checkHead, checkSlice, inspectLog, type SoundLog } from './check-log.ts';
import { openUnplacedWatch, type Unplaced } from './find-unplaced.ts';
import type { Keyring, LogKey } from './log-key.ts';
import { type Aside, findAside, openShardTurns } from './shard-turns.ts';
import { sleepUntil } from './sleep-until.ts';
import type { Contradiction, Cosigning } from './witness/cosign-log.ts';

export type SequencerSettings = {
  /** The city's database as the role `sequencer`. */
  readonly database: CityDatabase;
  /** The keys of the city's log. */
  readonly keys: Keyring;
  readonly log: Log;
  /** How often the log is looked at for new entries. */
  readonly pollMs?: number;
  /** Age at which a shard is closed and the next one begins; none: by command alone. */
  readonly shardMs?: number;
  /** How long checkpoints stay, and the pause between two rounds of pruning. */
  readonly keeping?: CheckpointKeeping;
  readonly pruneEveryMs?: number;
  /** Entries under one signature at most. */
  readonly maxBatch?: number;
  /** How often a log that is broken is gone through again, and one that another process holds is asked for. */
  readonly recheckMs?: number;
  readonly standbyMs?: number;
  /** Has the checkpoints of a shard cosigned by witnesses; the same for the same shard. */
  readonly cosign?: (log: LogRef, key: LogKey) => Cosigning;
};

/**
 * What a sequencer is about: it signs, another process does (`standby`), its city does not answer (`away`), or the log contradicts its last
 * checkpoint and nothing is signed (`broken`; `firstBadIndex` null where it is not yet, or cannot be, told). `witness` holds a checkpoint of size
 * `witnessSize` that the log signed and does not follow: it was rewritten, truncated, or restored from an older copy. `unplaced` entries lie in no shard,
 * `firstUnplacedId` is the least of their numbers; what is in the log is signed all the same.
 */
export type SequencerState =
  | Aside
  | { readonly kind: 'standby' | 'away' }
  | { readonly kind: 'signing'; readonly unplaced?: number; readonly firstUnplacedId?: string | null }
  | { readonly kind: 'broken'; readonly firstBadIndex: number | null; readonly witness?: string; readonly witnessSize?: number };

export type Sequencer = { readonly state: () => SequencerState; readonly stop: () => Promise<void> };

const MAX_BATCH = 16_384;
/** Bundles of the past that are gone through at once while signing, and how often. */
const SLICE = 4;
const SLICE_EVERY_MS = 1_000;
/** What is gone through before the first signature: bundles at once, and for how long at most. */
const FIRST_SLICE = 16;
const FIRST_MS = 1_000;
const RETRY_MS = 500;
/** How soon a log that waits for its operator is looked at again at the latest. */
const ASIDE_MS = 2_000;

type Current = { readonly of: LogRef; readonly key: LogKey };
/** A witness holds what the log does not follow. */
class WitnessedElsewhere extends TlogError {
  readonly said: Contradiction;
  constructor(said: Contradiction) {
    super('mismatch', `a witness holds a checkpoint of size ${said.witnessSize} that the log signed and does not follow`);
    this.said = said;
  }
}

/**
 * Turns a city's entries into its log: takes the new ones behind the fence in the order of (xid, id), appends them to the tree, and commits
 * tiles, state and signed checkpoint with one statement. Holds an advisory lock on a connection of its own; where another process holds
 * it, it stands by. Before each signature the tree has to match the last checkpoint, and a part of the past, in turn, the entries.
 */
export const startSequencer = (settings: SequencerSettings): Sequencer => {
  const { database, keys, log, cosign, pollMs = 200, maxBatch = MAX_BATCH, recheckMs = 30_000, standbyMs = 1_000 } = settings;
  const { shardMs, keeping, pruneEveryMs } = settings;
  const turning = {
    ...(shardMs === undefined ? {} : { shardMs }),
    ...(keeping === undefined ? {} : { keeping }),
    ...(pruneEveryMs === undefined ? {} : { pruneEveryMs }),
  };
  const city = database.city.code;
  const ending = new AbortController();
  const stopped = ending.signal;
  let state: SequencerState = { kind: 'away' };

  /** The shard that is signed now, with its key; begins the first one where there is none. Throws `TlogError` where its key is not held. */
  const takeShard = async (ask: Ask): Promise<Current> => {
    if (!(await readShard(ask, city))) {
      const { origin, vkey, signer } = keys.forNew(1);
      const note = formatNote(await signCheckpoint({ origin, size: 0, root: EMPTY_ROOT }, signer));
      await beginFirstLog(ask, city, { origin, vkey, note });
    }
    const row = await readShard(ask, city);
    const key = row && keys.forShard(row);
    if (!key) throw new TlogError('unsigned', 'the key of the log is not held');
    if (row.vkey === null && row.origin === key.origin) await tellShardKey(ask, city, row.shard, key.vkey);
    return { of: { city, shard: row.shard }, key };
  };

  /** Signs what is new; tells where the log stands, and whether more waits. Throws `TlogError` where the log contradicts itself. */
  const step = async (
    ask: Ask,
    { of, key }: Current,
    known: SoundLog,
  ): Promise<{ readonly log: SoundLog; readonly note: string; readonly isFull: boolean } | null> => {
    const fresh = await readLeavesBehind(ask, of, known.last, known.checkpoint.size, maxBatch);
    if (!fresh) return null;
    const sound = await checkHead(ask, of, await readHead(ask, of), key);
    const from = sound.checkpoint.size;
    if (from !== known.checkpoint.size || !isSamePosition(sound.last, known.last))
      throw new TlogError('mismatch', 'the log is not where this sequencer left it');
    const { writer } = sound;
    writer.append(fresh.hashes);
    const checkpoint = { origin: key.origin, size: writer.size, root: writer.root() };
    const note = formatNote(await signCheckpoint(checkpoint, key.signer));
    const tiles = writer.takeTiles().map(({ tile, bytes }) => ({ level: tile.level, n: tile.index, data: bytes }));
    const isDone = await appendToLog(ask, of, { from, size: writer.size, last: fresh.last, tiles, marks: fresh.marks, note });
    if (!isDone) throw new TlogError('mismatch', 'somebody else went on with the log');
    return { log: { checkpoint, last: fresh.last, writer }, note, isFull: fresh.hashes.length === maxBatch };
  };

  /** Waits where the log is not to be signed although nothing contradicts it, and says what to do. */
  const standAside = async (ask: Ask, isOpen: () => boolean): Promise<void> => {
    for (let told: string | null = null; !stopped.aborted && isOpen(); ) {
      const aside = await findAside(ask, city, keys, log);
      if (!aside) return;
      state = aside;
      if (told !== aside.remedy) log.error('the audit log waits for its operator, nothing is signed', { city, ...aside });
      told = aside.remedy;
      await sleepUntil(stopped, Math.min(recheckMs, ASIDE_MS));
    }
  };

  let toldUnplaced = 0;
  /** Entries that lie in no shard stop nothing: the log is as it was published, and they are not in it. */
  const tellUnplaced = ({ count, firstId }: Unplaced): void => {
    state = { kind: 'signing', ...(count > 0 ? { unplaced: count, firstUnplacedId: firstId } : {}) };
    if (count > toldUnplaced) log.error('entries lie in no shard of the audit log', { city, unplaced: count, firstUnplacedId: firstId });
    toldUnplaced = count;
  };

  /** The shard before gets the lines of witnesses that its final checkpoint still lacks. */
  const publishFinal = async (ask: Ask, shard: number): Promise<void> => {
    const row = cosign && shard > 0 ? await readShard(ask, city, shard) : null;
    const key = row && keys.forShard(row);
    if (row?.final && key) cosign?.({ city, shard }, key).publish(row.final.size, row.final.note);
  };

  const serve = async (ask: Ask, isOpen: () => boolean): Promise<void> => {
    await standAside(ask, isOpen);
    if (stopped.aborted || !isOpen()) return;
    const current = await takeShard(ask);
    const { of, key } = current;
    await publishFinal(ask, of.shard - 1);
    const head = await readHead(ask, of);
    let known = await checkHead(ask, of, head, key);
    const cosigning = cosign?.(of, key);
    const turns = openShardTurns({ ask, database, keys, log, ...turning });
    const bundlesOf = ({ checkpoint }: SoundLog): number => Math.ceil(checkpoint.size / TILE_WIDTH);
    let slice = 0;
    const look = async (bundles: number): Promise<void> => {
      if (slice >= bundlesOf(known)) slice = 0;
      await checkSlice(ask, of, known, slice, bundles);
      slice += bundles;
    };
    for (const end = performance.now() + FIRST_MS; slice < bundlesOf(known) && performance.now() < end && !stopped.aborted; )
      await look(FIRST_SLICE);
    const said = await cosigning?.check();
    if (said) throw new WitnessedElsewhere(said);
    cosigning?.publish(known.checkpoint.size, head.checkpoint?.note ?? '');
    state = { kind: 'signing' };
    const watch = openUnplacedWatch(ask, city);
    let lookedAt = performance.now();
    while (!stopped.aborted && isOpen()) {
      if (performance.now() - lookedAt >= SLICE_EVERY_MS) {
        if (await turns.look(of, known.checkpoint.size)) return;
        await look(SLICE);
        tellUnplaced(await watch.look());
        cosigning?.renew();
        lookedAt = performance.now();
      }
      const contradiction = cosigning?.contradiction();
      if (contradiction) throw new WitnessedElsewhere(contradiction);
      const stepped = await step(ask, current, known).catch(async (error: unknown) => {
        if (error instanceof TlogError && (await readShard(ask, city))?.shard !== of.shard) return 'turned' as const;
        throw error;
      });
      if (stepped === 'turned') return;
      if (stepped) {
        known = stepped.log;
        cosigning?.publish(known.checkpoint.size, stepped.note);
      }
      if (!stepped?.isFull) await sleepUntil(stopped, pollMs);
    }
    // Whoever takes the log next asks the witnesses.
    cosigning?.pause();
  };

  /** What is wrong with the log now; nulls where nothing is, as far as witnesses answer. */
  const findFault = async (ask: Ask): Promise<{ readonly firstBadIndex: number | null; readonly said: Contradiction | null }> => {
    const { of, key } = await takeShard(ask);
    const { firstBadIndex } = await inspectLog(ask, of, key);
    // A tree that does not make its own root says nothing of what a witness holds.
    const said = firstBadIndex === null ? ((await cosign?.(of, key).check()) ?? null) : null;
    return { firstBadIndex: firstBadIndex ?? said?.firstBadIndex ?? null, said };
  };

  /** Tells of a log that contradicts itself or its witnesses, and comes back once it is whole again. The lock stays with this process meanwhile. */
  const holdBroken = async (ask: Ask, fault: TlogError): Promise<void> => {
    const known = fault instanceof WitnessedElsewhere ? fault.said : null;
    state = { kind: 'broken', firstBadIndex: null, ...(known ? { witness: known.witness, witnessSize: known.witnessSize } : {}) };
    // Nobody is to sign the end of such a log either.
    const isHeld = await tellBroken(ask, city);
    for (let told: string | undefined; !stopped.aborted; ) {
      const { firstBadIndex, said } = await findFault(ask);
      if (firstBadIndex === null && !said && told !== undefined) {
        if (isHeld) await releaseBroken(ask, city);
        log.warn('the audit log is whole again, signing goes on', { city });
        return;
      }
      const witnessed = said ? { witness: said.witness, witnessSize: said.witnessSize } : {};
      state = { kind: 'broken', firstBadIndex, ...witnessed };
      const telling = JSON.stringify([firstBadIndex, witnessed]);
      if (told !== telling)
        log.error('the audit log contradicts its checkpoints, nothing is signed', {
          city,
          firstBadIndex,
          ...witnessed,
          fault: fault.fault,
        });
      told = telling;
      await sleepUntil(stopped, recheckMs);
    }
  };

  const run = async (): Promise<void> => {
    while (!stopped.aborted) {
      let client: pg.Client | null = null;
      let isOpen = true;
      let waitMs = RETRY_MS;
      try {
        const own = await database.dedicated();
        client = own;
        own.on('end', () => {
          isOpen = false;
        });
        // One statement at a time: a connection takes no more.
        const inTurn = makeQueue();
        const ask: Ask = ({ name, text }, values) => inTurn(() => askWithin(own, text, values, name)) as never;
        if (await lockLog(ask, city)) {
          while (!stopped.aborted && isOpen) {
            try {
              await serve(ask, () => isOpen);
            } catch (error) {
              if (!(error instanceof TlogError)) throw error;
              await holdBroken(ask, error);
            }
          }
        } else {
          state = { kind: 'standby' };
          waitMs = standbyMs;
        }
      } catch (error) {
        // A log that was found broken stays so in health until it was looked at again.
        if (state.kind !== 'broken') state = { kind: 'away' };
        const isExpected = error instanceof CityUnavailableError || isConnectionFailure(error) || !isOpen;
        log[isExpected ? 'debug' : 'warn']('the sequencer lost its city', { city, ...describeError(error) });
      } finally {
        await endSoon(client);
      }
      await sleepUntil(stopped, waitMs);
    }
  };
  const running = run();
  return {
    state: () => state,
    stop: async () => {
      ending.abort();
      await running;
    },
  };
};
