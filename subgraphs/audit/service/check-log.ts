import { equalBytes } from '#platform/tlog/bytes.ts';
import { type Checkpoint, openCheckpoint } from '#platform/tlog/checkpoint.ts';
import { type Hash, openTree } from '#platform/tlog/merkle.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { openTileWriter, type TileWriter } from '#platform/tlog/tile-writer.ts';
import { TILE_HEIGHT, TILE_WIDTH, type TileSource } from '#platform/tlog/tiles.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import {
  type Ask,
  type EntryPosition,
  HASH_BYTES,
  isSamePosition,
  type LogHead,
  type LogRef,
  readCheckpoints,
  readHead,
  readLeavesFrom,
  readLoggedLeaves,
  readMarks,
  readTiles,
} from '../store/log-store.ts';
import type { LogVerifier } from './log-key.ts';

/** Entries that are read at once when the past is gone through. */
const CHUNK = 4_096;
const CHECKPOINTS = 500;
const LEVELS = 7;

/** Tiles of hashes as they are kept, each cut to the width that is asked for. */
export const tileSource =
  (ask: Ask, of: LogRef): TileSource =>
  async ({ level, index, width }) => {
    if (level === 'entries') return null;
    const [row] = await readTiles(ask, of, [{ level, n: index }]);
    return row && row.data.length >= width * HASH_BYTES ? row.data.subarray(0, width * HASH_BYTES) : null;
  };

const mismatch = (message: string): TlogError => new TlogError('mismatch', message);

/** A log that may go on: its last checkpoint, where its last entry stands, and the tree at that size. */
export type SoundLog = { readonly checkpoint: Checkpoint; readonly last: EntryPosition; readonly writer: TileWriter };

/**
 * Whether a log may be signed on: state, last checkpoint and right edge of the tiles belong together, the checkpoint is this key's, and the
 * entries of the last bundle are those that were hashed. Throws `TlogError` where they are not.
 */
export const checkHead = async (ask: Ask, of: LogRef, head: LogHead, key: LogVerifier): Promise<SoundLog> => {
  const { state, checkpoint: newest } = head;
  if (!state || !newest) throw new TlogError('missing', 'the log has no state or no checkpoint');
  const { checkpoint } = await openCheckpoint(newest.note, [key.verifier]);
  const { size, root, origin } = checkpoint;
  if (origin !== key.origin || size !== newest.size) throw mismatch('the last checkpoint is not the one of its size');
  if (size !== state.size) throw mismatch(`the log's state is not that of its last checkpoint`);
  const source = tileSource(ask, of);
  const writer = await openTileWriter(size, root, source);
  if (size === 0) {
    if (!isSamePosition(state, head.begin)) throw mismatch('the log is empty and says where its last entry is');
    return { checkpoint, last: head.begin, writer };
  }
  const bundle = Math.floor((size - 1) / TILE_WIDTH);
  const width = size - bundle * TILE_WIDTH;
  const leaves = await readLeavesFrom(ask, of, bundle, state, TILE_WIDTH + 1);
  const tile = await source({ level: 0, index: bundle, width });
  if (!leaves || !tile || leaves.hashes.length !== width || !isSamePosition(leaves.last, state))
    throw mismatch('the last entries are not as many as were logged');
  if (!leaves.hashes.every((hash, i) => equalBytes(hash, tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))))
    throw mismatch('the last entries are not those that were logged');
  return { checkpoint, last: { xid: state.xid, entryId: state.entryId }, writer };
};

/**
 * Whether the entries from bundle `from` on, `bundles` of them at most, are those of the tree, and its tiles lead to its root. Throws
 * `TlogError` where they do not.
 */
export const checkSlice = async (
  ask: Ask,
  of: LogRef,
  { checkpoint, last }: Pick<SoundLog, 'checkpoint' | 'last'>,
  from: number,
  bundles: number,
): Promise<void> => {
  const { size, root } = checkpoint;
  const start = from * TILE_WIDTH;
  const count = Math.min(size - start, bundles * TILE_WIDTH);
  if (count <= 0) return;
  const read = openTileReader(size, root, tileSource(ask, of), bundles + LEVELS);
  const nodes = await read(Array.from({ length: count }, (_none, i) => ({ level: 0, index: start + i })));
  const leaves = await readLeavesFrom(ask, of, from, last, count);
  if (leaves?.hashes.length !== count) throw mismatch('entries that were logged are not there');
  if (!leaves.hashes.every((hash, i) => equalBytes(hash, nodes[i] ?? root))) throw mismatch('entries are not those that were logged');
  const marks = new Map((await readMarks(ask, of, from, from + bundles)).map((mark) => [mark.n, mark]));
  for (const mark of leaves.marks) {
    const kept = marks.get(mark.n);
    if (!kept || !isSamePosition(kept, mark)) throw mismatch('a mark is not where its entry stands');
  }
};

/** What going through a whole log came to. */
export type Inspection = {
  readonly size: number;
  readonly checkpoints: number;
  /**
   * Index of the first entry that is not as it was published; null where all are. Exact while the tiles testify to what was hashed; else the
   * first behind the last checkpoint that still holds.
   */
  readonly firstBadIndex: number | null;
  /** Whether the entries alone make every published root, so that tiles, marks and state can be made anew from them. */
  readonly canRebuild: boolean;
};

/**
 * Makes the tree anew from the entries, and compares it with the tiles, the marks, the state and every published checkpoint. Writes nothing.
 * `onLeaves` is told of the entries' hashes as they are read.
 */
export const inspectLog = async (
  ask: Ask,
  of: LogRef,
  key: LogVerifier,
  onLeaves: (leaves: readonly Hash[]) => void = () => {},
): Promise<Inspection> => {
  const { begin, state, checkpoint: newest } = await readHead(ask, of);
  const target = newest?.size ?? 0;
  let bad = Number.POSITIVE_INFINITY;
  const blame = (index: number): void => {
    bad = Math.min(bad, index);
  };
  let canRebuild = newest !== null;
  let sound = 0;
  let checkpoints = 0;
  let waiting = await readCheckpoints(ask, of, -1, CHECKPOINTS);
  const tree = openTree();
  /** Takes the checkpoints of the size that the tree has now. */
  const compareRoots = async (): Promise<void> => {
    for (let next = waiting[0]; next && next.size <= tree.size; next = waiting[0]) {
      checkpoints++;
      waiting = waiting.slice(1);
      const opened = await openCheckpoint(next.note, [key.verifier]).catch((error: unknown) => {
        if (error instanceof TlogError) return null;
        throw error;
      });
      const told = opened?.checkpoint;
      const fits =
        told && told.origin === key.origin && told.size === next.size && tree.size === next.size && equalBytes(told.root, tree.root());
      if (fits) sound = next.size;
      else {
        canRebuild = false;
        // What a leaf or tile before it already tells explains it, and tells it exactly.
        if (bad >= next.size) blame(Math.min(sound, Math.max(0, next.size - 1)));
      }
      if (waiting.length === 0) waiting = await readCheckpoints(ask, of, next.size, CHECKPOINTS);
    }
  };
  await compareRoots();
  let after: EntryPosition = begin;
  while (tree.size < target) {
    const from = tree.size;
    const leaves = await readLoggedLeaves(ask, of, after, from, Math.min(CHUNK, target - from));
    if (!leaves) {
      // Entries that were published are gone from the end.
      blame(from);
      canRebuild = false;
      break;
    }
    const to = from + leaves.hashes.length;
    const marks = new Map(
      (await readMarks(ask, of, Math.ceil(from / TILE_WIDTH), Math.ceil(to / TILE_WIDTH))).map((mark) => [mark.n, mark]),
    );
    for (const mark of leaves.marks) {
      const kept = marks.get(mark.n);
      if (!kept || !isSamePosition(kept, mark)) blame(mark.n * TILE_WIDTH);
    }
    const places = Array.from({ length: LEVELS }, (_none, level) => {
      const span = TILE_WIDTH ** (level + 1);
      const first = Math.floor(from / span);
      return to < TILE_WIDTH ** level
        ? []
        : Array.from({ length: Math.floor((to - 1) / span) - first + 1 }, (_zero, i) => ({ level, n: first + i }));
    }).flat();
    const tiles = new Map((await readTiles(ask, of, places)).map(({ level, n, data }) => [`${level}/${n}`, data]));
    const onNode = (level: number, index: number, hash: Hash): void => {
      if (level % TILE_HEIGHT !== 0) return;
      const at = (index % TILE_WIDTH) * HASH_BYTES;
      const kept = tiles.get(`${level / TILE_HEIGHT}/${Math.floor(index / TILE_WIDTH)}`)?.subarray(at, at + HASH_BYTES);
      // What is already blamed below a node explains that the node differs.
      if ((!kept || !equalBytes(kept, hash)) && bad >= (index + 1) * 2 ** level) blame(index * 2 ** level);
    };
    for (const hash of leaves.hashes) {
      tree.append(hash, onNode);
      if ((waiting[0]?.size ?? Number.POSITIVE_INFINITY) <= tree.size) await compareRoots();
    }
    onLeaves(leaves.hashes);
    after = leaves.last;
  }
  await compareRoots();
  if (state?.size !== target) blame(Math.min(state?.size ?? 0, target));
  else if (!isSamePosition(state, after)) blame(Math.max(0, target - 1));
  return { size: target, checkpoints, firstBadIndex: Number.isFinite(bad) ? bad : null, canRebuild };
};
