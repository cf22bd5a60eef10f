import { randomUUID } from 'node:crypto';
import { Outcome } from '#platform/audit/event.ts';
import type { SubjectKeys } from '#platform/subjects/subject-keys.ts';
import { type Checkpoint, signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { EMPTY_ROOT } from '#platform/tlog/merkle.ts';
import { formatNote } from '#platform/tlog/note.ts';
import { type Ask, appendToLog, BEFORE_ALL, holdLog, readHead, readLeavesBehind } from '../store/log-store.ts';
import {
  appendShardEntry,
  closeShard,
  isInsideTransaction,
  openShard,
  partLogTimes,
  readShard,
  type ShardEntry,
} from '../store/shard-store.ts';
import { checkHead, type SoundLog } from './check-log.ts';
import { freezeEntry } from './freeze-entry.ts';
import type { Keyring, LogKey } from './log-key.ts';

/** A command that cannot be carried out as things are; the message says what to do. */
export class ShardRefusal extends Error {
  override readonly name = 'ShardRefusal';
}

/** What a shard's last or first entry says of the other shard. */
export const KIND = 'AuditLogShard';

/** An entry that binds two shards. It holds no personal value, so no subject's key is asked for. */
const toShardEntry = (
  city: string,
  subjects: SubjectKeys,
  act: ShardEntry['act'],
  entity: { readonly id: string; readonly sha256?: string },
): ShardEntry => ({
  act,
  ...freezeEntry(
    {
      city,
      observer: 'audit',
      act,
      action: 'E',
      outcome: Outcome.SUCCESS,
      purpose: 'SYSADMIN',
      actor: { role: 'SERVICE', city, accountId: null },
      entities: [{ kind: KIND, ...entity }],
      requestId: randomUUID(),
    },
    subjects,
  ),
});

export type BeginShardSettings = {
  /** A connection of its own, with no transaction open. */
  readonly ask: Ask;
  readonly city: string;
  readonly keys: Keyring;
  /** Of the same connection's role; none of its keys is used. */
  readonly subjects: SubjectKeys;
  /**
   * The database is a backup that was restored. The shard before gets nothing more: strangers may know more of it than this database does. What was
   * written and not logged is logged in the new one, whatever transactions it is of, and nobody writes entries meanwhile.
   */
  readonly afterRestore?: boolean;
};
export type BegunShard = {
  readonly shard: number;
  readonly origin: string;
  readonly vkey: string;
  /** The final checkpoint of the shard before. */
  readonly before: Pick<Checkpoint, 'origin' | 'size' | 'root'>;
};

const BEGIN = { name: 'log_transaction_begin', text: 'BEGIN' };
const COMMIT = { name: 'log_transaction_commit', text: 'COMMIT' };
const ROLLBACK = { name: 'log_transaction_rollback', text: 'ROLLBACK' };

/**
 * Closes a city's current shard and begins the next one, in one transaction, so that both have happened or neither. The last entry of the one says
 * which key the next one has, and the first entry of the next one says how the one before ended, so neither can be exchanged without the other. Null where
 * it cannot be just now: entries of the last transaction that was logged still wait for their turn, or somebody else began one meanwhile.
 * Throws `TlogError` where the log contradicts its last checkpoint; the driver's errors.
 */
export const beginShard = async (settings: BeginShardSettings): Promise<BegunShard | null> => {
  const { ask } = settings;
  await ask(BEGIN, []);
  try {
    const begun = await change(settings);
    await ask(begun ? COMMIT : ROLLBACK, []);
    return begun;
  } catch (error) {
    await ask(ROLLBACK, []).catch(() => {});
    throw error;
  }
};

const change = async ({ ask, city, keys, subjects, afterRestore = false }: BeginShardSettings): Promise<BegunShard | null> => {
  const row = await readShard(ask, city);
  if (!row) return null;
  const of = { city, shard: row.shard };
  await holdLog(ask, of);
  if ((await readShard(ask, city))?.shard !== row.shard) return null;
  const minId = afterRestore ? String(BigInt(await partLogTimes(ask, city)) + 1n) : null;
  const key = keys.forShard(row);
  const sound = await checkHead(ask, of, await readHead(ask, of), key ?? keys.toVerifier(row));
  const next = keys.forNew(row.shard + 1);
  let { last, checkpoint } = sound;
  if (!afterRestore) {
    if ((await isInsideTransaction(ask, of)) || (row.shard > 1 && checkpoint.size === 0)) return null;
    if (key)
      ({ last, checkpoint } = await endShard({
        ask,
        of,
        key,
        sound,
        entry: toShardEntry(city, subjects, 'endLogShard', { id: next.vkey }),
      }));
  }
  const { origin, size, root } = checkpoint;
  const newest = (await readHead(ask, of)).checkpoint;
  if (newest?.size !== size) throw new Error('the checkpoint of the end is not there');
  await closeShard(ask, of, newest);
  const note = formatNote(await signCheckpoint({ origin: next.origin, size: 0, root: EMPTY_ROOT }, next.signer));
  await openShard(ask, of, { origin: next.origin, vkey: next.vkey, begin: afterRestore ? BEFORE_ALL : last, minId, note });
  const act = afterRestore ? 'beginLogShardAfterRestore' : 'beginLogShard';
  const sha256 = Buffer.from(root).toString('hex');
  await appendShardEntry(ask, city, toShardEntry(city, subjects, act, { id: `${origin}@${size}`, sha256 }));
  return { shard: row.shard + 1, origin: next.origin, vkey: next.vkey, before: { origin, size, root } };
};

/** Logs the entry that ends a shard, and signs. */
const endShard = async ({
  ask,
  of,
  key,
  sound,
  entry,
}: {
  readonly ask: Ask;
  readonly of: { readonly city: string; readonly shard: number };
  readonly key: LogKey;
  readonly sound: SoundLog;
  readonly entry: ShardEntry;
}): Promise<Pick<SoundLog, 'last' | 'checkpoint'>> => {
  const { writer, checkpoint: before } = sound;
  const id = await appendShardEntry(ask, of.city, entry);
  const leaves = await readLeavesBehind(ask, of, sound.last, before.size, 1);
  if (leaves?.last.entryId !== id) throw new Error('the entry of the end is not the next one of the log');
  writer.append(leaves.hashes);
  const checkpoint = { origin: key.origin, size: writer.size, root: writer.root() };
  const note = formatNote(await signCheckpoint(checkpoint, key.signer));
  const tiles = writer.takeTiles().map(({ tile, bytes }) => ({ level: tile.level, n: tile.index, data: bytes }));
  const step = { from: before.size, size: writer.size, last: leaves.last, tiles, marks: leaves.marks, note };
  if (!(await appendToLog(ask, of, step))) throw new Error('somebody else went on with the log');
  return { last: leaves.last, checkpoint };
};
