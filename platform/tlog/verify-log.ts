import { equalBytes, fromBase64, toBase64 } from './bytes.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type LogSource, SourceError } from './log-source.ts';
import { type EntryMemory, type LogState, openHashList, remember } from './log-state.ts';
import { foldRoots, type Hash, type HashReader, hashLeaf, peaksOf } from './merkle.ts';
import { formatNote, type Note } from './note.ts';
import { judgeCheckpoint, type Policy, type Witnessed } from './policy.ts';
import { hashAt, nodesOfTile, peaksOfTile } from './tile-nodes.ts';
import { openTileReader } from './tile-reader.ts';
import { openTileWriter } from './tile-writer.ts';
import { edgeTiles, parseBundle, parseTile, TILE_WIDTH, type TileId, type TileSource, tilePath, widthOfTile } from './tiles.ts';
import { TlogError } from './tlog-error.ts';

/**
 * What is wrong with a log.
 * Its checkpoint: `gone` (there was one before), `malformed`, `bad-signature`, `bad-cosignature`, `unknown-log` (no key that is believed signed
 * it), `no-quorum`, `other-log` (its origin is not the one of before).
 * Its past, against what is remembered: `rolled-back` (an older checkpoint is shown again), `truncated` (smaller, and signed anew), `fork` (two
 * signed roots of one size), `rewritten` (larger, and not grown out of what is remembered).
 * Its files, against the signed root: `entry-missing`, `entry-changed`, `tile-missing`, `tile-changed`, `root-changed` (entries and tiles agree
 * with each other and not with the root).
 * What entries say of themselves: `entry-malformed`, `entry-foreign` (of another log), `entry-twice`.
 */
export type LogFaultKind =
  | 'gone'
  | 'malformed'
  | 'bad-signature'
  | 'bad-cosignature'
  | 'unknown-log'
  | 'no-quorum'
  | 'other-log'
  | 'rolled-back'
  | 'truncated'
  | 'fork'
  | 'rewritten'
  | 'entry-missing'
  | 'entry-changed'
  | 'tile-missing'
  | 'tile-changed'
  | 'root-changed'
  | 'entry-malformed'
  | 'entry-foreign'
  | 'entry-twice';

/**
 * `firstBadIndex` is the first entry that is not as it was published, or that nothing vouches for; where it is not `isExact`, the first that may
 * be. `notes` are the signed notes that contradict each other, the older one first: evidence for whoever is to believe it.
 */
export type LogFault = {
  readonly kind: LogFaultKind;
  readonly firstBadIndex: number;
  readonly isExact: boolean;
  readonly notes: readonly string[];
};

/**
 * What is odd and not proven to be wrong: times of entries that jump back or lie ahead of the clock here, a witness's clock that was turned back or
 * lies ahead, and `stale`: no witness has said for too long that the checkpoint is still the newest. `index` is the size of the log for the last three.
 */
export type LogWarning = {
  readonly kind: 'clock-back' | 'clock-ahead' | 'witness-clock-back' | 'witness-clock-ahead' | 'stale';
  readonly index: number;
  readonly count: number;
};

/** What an entry's own bytes tell: of each kind the first. */
export type EntryFindings = {
  readonly faults: readonly { readonly kind: 'entry-malformed' | 'entry-foreign' | 'entry-twice'; readonly index: number }[];
  readonly warnings: readonly LogWarning[];
};
/** Looks at entries one by one, in order. `finish` may read entries of before again; `memory` is what the next run goes on from. */
export type EntryCheck = {
  readonly take: (index: number, entry: Uint8Array) => void;
  readonly finish: (readEntry: (index: number) => Promise<Uint8Array | null>) => Promise<EntryFindings>;
  readonly memory: () => EntryMemory;
};

export type VerifyLogOptions = {
  readonly source: LogSource;
  readonly policy: Policy;
  /** What was kept the last time; null at the first. */
  readonly known: LogState | null;
  /** Every entry again, not only those that are new. */
  readonly isFull?: boolean;
  /** A copy of what was verified before: with it the first entry of a rewritten past is told exactly. */
  readonly copy?: LogSource | null;
  /** Looks at entries, going on from what it remembered; null at the first time and where every entry is looked at again. */
  readonly makeEntryCheck?: (memory: EntryMemory | null) => EntryCheck;
  /** Told of entries that were gone through, of so many. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Takes each file that was found right, the checkpoint last; all of it stands or falls with the report. */
  readonly onFile?: (path: string, bytes: Uint8Array) => Promise<void>;
  /** Bundles that are fetched ahead; each comes with its tile. */
  readonly parallel?: number;
  /** Of so many bundles, 256 or more, the oldest 256 are remembered by one hash, as soon as there are as many. */
  readonly foldAt?: number;
  readonly signal?: AbortSignal;
};

/** What going through a log came to. `state` is what to keep: the new one of a sound log, the old one otherwise. */
export type LogReport = {
  readonly isSound: boolean;
  readonly origin: string | null;
  /** Entries under the checkpoint that was shown; null where it cannot be read. */
  readonly size: number | null;
  /** Entries that were hashed this time. */
  readonly checked: number;
  readonly witnesses: readonly Witnessed[];
  readonly note: string | null;
  readonly fault: LogFault | null;
  readonly warnings: readonly LogWarning[];
  readonly state: LogState | null;
};

const PARALLEL = 8;
/** 1,114,112 entries. */
const FOLD_AT = 17 * TILE_WIDTH;
const SPAN = TILE_WIDTH * TILE_WIDTH;
const READER_TILES = 64;
const NONE = new Uint8Array(0);

/** Loads one after the other, so many ahead. */
async function* loadInOrder<T>(from: number, to: number, ahead: number, load: (index: number) => Promise<T>): AsyncGenerator<T> {
  const waiting: Promise<T>[] = [];
  for (let next = from; next < to || waiting.length > 0; ) {
    for (; next < to && waiting.length < ahead; next++) {
      const loading = load(next);
      loading.catch(() => {});
      waiting.push(loading);
    }
    const first = waiting.shift();
    if (first) yield await first;
  }
}

/** The entries of a bundle as far as they can be read; `isWhole` where they are as many as are due. */
const splitBundle = (bytes: Uint8Array, width: number): { readonly entries: readonly Uint8Array[]; readonly isWhole: boolean } => {
  try {
    return { entries: parseBundle(bytes, { width }), isWhole: true };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
  }
  const entries: Uint8Array[] = [];
  for (let at = 0; at + 2 <= bytes.length && entries.length <= TILE_WIDTH; ) {
    const end = at + 2 + (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
    if (end > bytes.length) break;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return { entries, isWhole: false };
};

/** A fault of a file, as long as it is not known which of two sides is right. */
type Suspect = { readonly index: number; readonly kind: 'entry-missing' | 'entry-changed' | 'tile-missing' | 'tile-changed' | 'differs' };

const hashesOf = (text: string): Uint8Array => fromBase64(text) ?? NONE;
const rootOf = ({ root }: { readonly root: string }): Hash => hashesOf(root);

/**
 * Verifies a log from its public files alone: signature and cosignatures of its checkpoint by the policy, that it has grown out of every
 * checkpoint that is remembered, and every entry up through the tiles of all levels to the signed root, so that each inclusion is reckoned
 * again. Goes on from `known` with what is new. Holds a few bundles at a time. Throws `SourceError` where the log cannot be asked; what is in
 * it never makes it throw. https://c2sp.org/tlog-tiles
 */
export const verifyLog = async (options: VerifyLogOptions): Promise<LogReport> => {
  const { source, policy, known, isFull = false, copy = null, onFile, onProgress, parallel = PARALLEL, foldAt = FOLD_AT, signal } = options;

  const readTile: TileSource = async (tile) =>
    (await source(tilePath(tile))) ?? (tile.width < TILE_WIDTH ? await source(tilePath({ ...tile, width: TILE_WIDTH })) : null);
  const found = (fault: LogFault, checkpoint?: Checkpoint, more: Partial<LogReport> = {}): LogReport => ({
    isSound: false,
    origin: checkpoint?.origin ?? known?.origin ?? null,
    size: checkpoint?.size ?? null,
    checked: 0,
    witnesses: [],
    note: null,
    warnings: [],
    ...more,
    fault,
    state: known,
  });
  const reach = known?.size ?? 0;

  const bytes = await source('checkpoint');
  if (!bytes) {
    if (!known) throw new SourceError('there is no log at this address: it has no checkpoint');
    return found({ kind: 'gone', firstBadIndex: 0, isExact: true, notes: [known.note] });
  }
  const judgement = await judgeCheckpoint(bytes, policy);
  if (judgement.kind === 'refused') {
    const { reason } = judgement;
    const byLogs = { ...policy, witnesses: [], groups: [], quorum: null };
    const isOfLog = reason === 'bad-signature' && (await judgeCheckpoint(bytes, byLogs)).kind === 'accepted';
    const witnesses = reason === 'no-quorum' ? judgement.witnesses : [];
    return found({ kind: isOfLog ? 'bad-cosignature' : reason, firstBadIndex: reach, isExact: false, notes: [] }, undefined, { witnesses });
  }
  const { checkpoint, note: opened, witnesses } = judgement;
  const { size, root, origin } = checkpoint;
  const note = formatNote(opened as Note);
  const more = { note, witnesses };
  if (known && known.origin !== origin)
    return found({ kind: 'other-log', firstBadIndex: 0, isExact: true, notes: [known.note, note] }, checkpoint, more);

  const openReader = (): HashReader => openTileReader(size, root, readTile, READER_TILES);
  /**
   * Where the tree that is shown first differs from what is remembered of the one of before; where that is not seen, `index` is the first entry
   * behind all that is remembered of bundles.
   */
  const findDifference = async (of: LogState): Promise<{ readonly index: number; readonly isExact: boolean; readonly isSeen: boolean }> => {
    const read = openReader();
    const end = Math.min(size, of.size);
    const spans = openHashList(of.spans);
    const bundles = openHashList(of.bundles);
    const ahead = spans.length * SPAN;
    const look = async (list: typeof spans, level: number, start: number, width: number): Promise<number | null> => {
      for (let i = 0; i < list.length && start + (i + 1) * width <= end; i++) {
        const [hash = NONE] = await read([{ level, index: start / width + i }]);
        if (!equalBytes(hash, list.at(i))) return start + i * width;
      }
      return null;
    };
    let from = 0;
    let to = end;
    let isSeen = true;
    try {
      const inSpans = await look(spans, 16, 0, SPAN);
      const inBundles = inSpans === null ? await look(bundles, 8, ahead, TILE_WIDTH) : null;
      if (inSpans !== null) [from, to] = [inSpans, inSpans + SPAN];
      else if (inBundles !== null) [from, to] = [inBundles, inBundles + TILE_WIDTH];
      else
        [from, isSeen] = [Math.min(end, Math.floor(of.size / TILE_WIDTH) * TILE_WIDTH, Math.floor(end / TILE_WIDTH) * TILE_WIDTH), false];
      for (let index = Math.floor(from / TILE_WIDTH); copy && index * TILE_WIDTH < to; index++) {
        const width = Math.min(widthOfTile(0, index, end), to - index * TILE_WIDTH);
        const old =
          (await copy(tilePath({ level: 0, index, width: widthOfTile(0, index, of.size) }))) ??
          (await copy(tilePath({ level: 0, index, width: TILE_WIDTH })));
        if (!old || old.length < width * 32) break;
        const nodes = await read(Array.from({ length: width }, (_none, i) => ({ level: 0, index: index * TILE_WIDTH + i })));
        const at = nodes.findIndex((hash, i) => !equalBytes(hash, hashAt(old, i)));
        if (at >= 0) return { index: index * TILE_WIDTH + at, isExact: true, isSeen: true };
      }
    } catch (error) {
      if (!(error instanceof TlogError) && !(error instanceof RangeError)) throw error;
      return { index: from, isExact: false, isSeen };
    }
    return { index: from, isExact: false, isSeen };
  };

  if (known) {
    const same = known.checkpoints.find((each) => each.size === size);
    if (same && !equalBytes(rootOf(same), root)) {
      const first = await findDifference(known);
      const at = Math.min(first.index, Math.max(0, size - 1));
      return found({ kind: 'fork', firstBadIndex: at, isExact: first.isExact, notes: [same.note, note] }, checkpoint, more);
    }
    if (size < known.size) {
      const first = same ? null : await findDifference(known);
      return found(
        {
          kind: same ? 'rolled-back' : 'truncated',
          firstBadIndex: first?.isSeen ? first.index : size,
          isExact: first?.isSeen ? first.isExact : true,
          notes: [known.note, note],
        },
        checkpoint,
        more,
      );
    }
  }

  const from = known && !isFull ? Math.floor(known.size / TILE_WIDTH) * TILE_WIDTH : 0;
  const isNew = known === null || isFull || size > known.size;
  const checkFrom = known && !isFull ? known.size : 0;
  let bad: Suspect | null = null;
  const blame = (index: number, kind: Suspect['kind']): void => {
    if (bad === null || index < bad.index) bad = { index, kind };
  };
  const suspect = (): Suspect | null => bad;

  const edges = new Map<number, Uint8Array>(isFull ? [] : (known?.edges ?? []).map((text, i) => [i + 1, hashesOf(text)]));
  const spans = openHashList(isFull ? '' : known?.spans);
  const bundles = openHashList(isFull ? '' : known?.bundles);
  const begun = edgeTiles(from).map(({ level }) => edges.get(level) ?? NONE);
  const beginning = foldRoots(
    begun
      .map((tile) => peaksOfTile(nodesOfTile(tile)))
      .reverse()
      .flat(),
  );
  const writer = await openTileWriter(from, beginning, async ({ level }) => (level === 'entries' ? null : (edges.get(level) ?? null)));
  const check = options.makeEntryCheck?.(known && !isFull ? known.entries : null) ?? null;

  const compareTile = async (tile: TileId & { readonly level: number }, own: Uint8Array): Promise<void> => {
    const width = TILE_WIDTH ** tile.level;
    const start = tile.index * TILE_WIDTH * width;
    const served = await readTile(tile);
    let hashes: Uint8Array | null = null;
    try {
      hashes = served && parseTile(served, tile);
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
    }
    if (!hashes) return blame(start, served ? 'tile-changed' : 'tile-missing');
    for (let i = 0; i < tile.width; i++) {
      if (equalBytes(hashAt(hashes, i), hashAt(own, i))) continue;
      const index = start + i * width;
      // What is blamed below a hash explains that the hash differs.
      if ((suspect()?.index ?? Number.POSITIVE_INFINITY) >= index + width) blame(index, 'tile-changed');
      return;
    }
    await onFile?.(tilePath(tile), hashes);
  };

  type Loaded = { readonly index: number; readonly width: number; readonly bundle: Uint8Array | null; readonly tile: Uint8Array | null };
  const load = async (index: number): Promise<Loaded> => {
    const width = widthOfTile(0, index, size);
    const [bundle, tile] = await Promise.all([readTile({ level: 'entries', index, width }), readTile({ level: 0, index, width })]);
    return { index, width, bundle, tile };
  };

  /** The leaves of a bundle that the tree goes on with: those of its entries, else those of its tile; null where neither is there. */
  const takeBundle = async ({ index, width, bundle, tile }: Loaded): Promise<readonly Hash[] | null> => {
    const start = index * TILE_WIDTH;
    let hashes: Uint8Array | null = null;
    try {
      hashes = tile && parseTile(tile, { width });
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
    }
    const { entries, isWhole } = bundle ? splitBundle(bundle, width) : { entries: [], isWhole: false };
    const leaves = entries.slice(0, width).map(hashLeaf);
    if (!bundle) blame(start, 'entry-missing');
    if (!hashes) blame(start, tile ? 'tile-changed' : 'tile-missing');
    const differs = hashes ? leaves.findIndex((leaf, i) => !equalBytes(leaf, hashAt(hashes ?? NONE, i))) : -1;
    if (differs >= 0) blame(start + differs, isWhole ? 'differs' : 'entry-changed');
    else if (bundle && !isWhole)
      blame(Math.min(start + leaves.length, size - 1), leaves.length < width ? 'entry-missing' : 'entry-changed');
    if (isWhole && hashes && differs < 0 && bundle && tile) {
      await onFile?.(tilePath({ level: 'entries', index, width }), bundle);
      await onFile?.(tilePath({ level: 0, index, width }), hashes);
    }
    if (isWhole) {
      for (const [i, entry] of entries.entries()) if (start + i >= checkFrom) check?.take(start + i, entry);
      return leaves;
    }
    return hashes ? Array.from({ length: width }, (_none, i) => hashAt(hashes ?? NONE, i)) : null;
  };

  /** Checkpoints that the tree has yet to pass, smallest first, and what passing them came to. */
  const ahead = (known?.checkpoints ?? []).filter((each) => each.size > from && each.size <= size);
  let held = 0;
  let broken: (typeof ahead)[number] | null = null;
  const append = (leaves: readonly Hash[]): void => {
    let at = 0;
    for (let next = ahead[0]; next && next.size <= writer.size + leaves.length - at; next = ahead[0]) {
      const count = next.size - writer.size;
      writer.append(leaves.slice(at, at + count));
      at += count;
      ahead.shift();
      if (equalBytes(writer.root(), rootOf(next))) held = broken ? held : next.size;
      else broken ??= next;
    }
    writer.append(leaves.slice(at));
  };

  let isComplete = true;
  let checked = 0;
  /** Hashes of a tile of level 1 that are in the lists already: those that the last run saw. */
  let listed = Math.floor(from / TILE_WIDTH);
  const list = (index: number, tile: Uint8Array): void => {
    for (let i = listed - index * TILE_WIDTH; i < tile.length / 32; i++, listed++) bundles.push(hashAt(tile, i));
    while (bundles.length >= foldAt) spans.push(nodesOfTile(bundles.take(TILE_WIDTH))[8] ?? NONE);
  };
  if (isNew) {
    onProgress?.(0, size - from);
    for await (const loaded of loadInOrder(Math.floor(from / TILE_WIDTH), Math.ceil(size / TILE_WIDTH), parallel, load)) {
      if (signal?.aborted) throw new SourceError('the run was ended');
      const leaves = await takeBundle(loaded);
      if (!leaves) {
        isComplete = false;
        break;
      }
      append(leaves);
      checked += leaves.length;
      for (const { tile, bytes: own } of writer.takeTiles()) {
        if (tile.level === 1) list(tile.index, own);
        if (tile.level === 0) continue;
        if (tile.width === TILE_WIDTH) {
          edges.delete(tile.level);
          await compareTile(tile, own);
        } else edges.set(tile.level, own);
      }
      onProgress?.(checked, size - from);
    }
    for (const tile of edgeTiles(size)) if (isComplete && tile.level > 0) await compareTile(tile, edges.get(tile.level) ?? NONE);
  }
  const isRoot = !isNew || (isComplete && equalBytes(writer.root(), root));
  const done = { ...more, checked };

  /** Whether the tree of the signed root, by its tiles, begins with the one that was remembered; null where the tiles do not tell. */
  const beginsWith = async (of: { readonly size: number; readonly root: string }): Promise<boolean | null> => {
    try {
      return equalBytes(foldRoots(of.size === 0 ? [] : await openReader()(peaksOf(of.size))), rootOf(of));
    } catch (error) {
      if (error instanceof TlogError) return null;
      throw error;
    }
  };
  const contradicted: (typeof ahead)[number] | null = broken;
  if (known && isNew && (contradicted !== null || !isRoot)) {
    const last = contradicted ?? known;
    if ((isRoot && contradicted !== null) || (await beginsWith(last)) === false) {
      const first = await findDifference(known);
      // A tree that was begun from what is remembered holds up to there by itself.
      const index = first.isExact || !isFull ? first.index : Math.max(first.index, held);
      return found({ kind: 'rewritten', firstBadIndex: index, isExact: first.isExact, notes: [last.note, note] }, checkpoint, done);
    }
  }

  const blamed = suspect();
  if (blamed || !isRoot) {
    const fault = await decideFault(blamed, isRoot, held, openReader);
    return found({ ...fault, notes: [note] }, checkpoint, done);
  }

  const findings = (isNew && (await check?.finish(async (index) => readEntry(readTile, index, size)))) || { faults: [], warnings: [] };
  const warnings = [...findings.warnings];
  const times = { ...known?.witnesses };
  for (const { name, at } of witnesses) {
    const seconds = Math.floor(at.getTime() / 1_000);
    if (isNew && seconds < (times[name] ?? 0)) warnings.push({ kind: 'witness-clock-back', index: size, count: 1 });
    times[name] = Math.max(seconds, times[name] ?? 0);
  }
  const [worst] = [...findings.faults].sort((a, b) => a.index - b.index);
  if (worst)
    return found({ kind: worst.kind, firstBadIndex: worst.index, isExact: true, notes: [note] }, checkpoint, { ...done, warnings });
  await onFile?.('checkpoint', bytes);
  const levels = edgeTiles(Math.floor(size / TILE_WIDTH) * TILE_WIDTH).map(({ level }) => level);
  const state: LogState =
    !isNew && known
      ? { ...known, note, witnesses: times, checkpoints: remember(known.checkpoints, { size, root: known.root, note }) }
      : {
          origin,
          size,
          root: toBase64(root),
          note,
          edges: Array.from({ length: Math.max(0, ...levels) }, (_none, i) =>
            levels.includes(i + 1) ? toBase64(edges.get(i + 1) ?? NONE) : '',
          ),
          spans: spans.toText(),
          bundles: bundles.toText(),
          checkpoints: remember(known?.checkpoints ?? [], { size, root: toBase64(root), note }),
          witnesses: times,
          entries: check?.memory() ?? known?.entries ?? {},
        };
  return { isSound: true, origin, size, ...done, fault: null, warnings, state };
};

/** Which side is wrong where files of a log contradict each other, or the root. */
const decideFault = async (
  suspect: Suspect | null,
  isRoot: boolean,
  held: number,
  openReader: () => HashReader,
): Promise<Omit<LogFault, 'notes'>> => {
  if (!suspect) return { kind: 'root-changed', firstBadIndex: held, isExact: false };
  const { index, kind } = suspect;
  // The entries make the root, so whatever differs from them is a tile.
  if (isRoot) return { kind: kind === 'differs' ? 'tile-changed' : kind, firstBadIndex: index, isExact: true };
  if (kind !== 'differs') return { kind, firstBadIndex: index, isExact: kind.startsWith('entry') };
  try {
    await openReader()([{ level: 0, index }]);
    return { kind: 'entry-changed', firstBadIndex: index, isExact: true };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return { kind: 'tile-changed', firstBadIndex: index, isExact: false };
  }
};

/** One entry out of its bundle; null where it is not there. */
const readEntry = async (read: TileSource, index: number, size: number): Promise<Uint8Array | null> => {
  const n = Math.floor(index / TILE_WIDTH);
  const width = widthOfTile('entries', n, size);
  const bundle = await read({ level: 'entries', index: n, width });
  return (bundle && splitBundle(bundle, width).entries[index - n * TILE_WIDTH]) ?? null;
};
