import { fromBase64, toBase64, toHex, toUtf8 } from './bytes.ts';
import { HASH_BYTES, sha256 } from './crypto.ts';
import { TILE_WIDTH } from './tiles.ts';
import { malformed } from './tlog-error.ts';

/** A checkpoint that was believed; `root` in base64, `note` as it came. */
export type RememberedCheckpoint = { readonly size: number; readonly root: string; readonly note: string };

/** What an entry's check goes on from; whatever JSON holds. */
export type EntryMemory = Readonly<Record<string, string | number | null>>;

/** What a verifier keeps of a log between two runs: enough to go on without anything older, and to tell a past that was changed. */
export type LogState = {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  /** The last checkpoint that was believed, as it came. */
  readonly note: string;
  /** Partial tiles of levels 1, 2 … over the full bundles, base64; empty where the level has none. */
  readonly edges: readonly string[];
  /** Roots of all full runs of 65,536 entries, then of the full bundles behind them, 32 bytes each, base64. */
  readonly spans: string;
  readonly bundles: string;
  /** Checkpoints that were believed, smallest first, the last one among them. */
  readonly checkpoints: readonly RememberedCheckpoint[];
  /** Latest time that each witness told, in seconds since 1970. */
  readonly witnesses: Readonly<Record<string, number>>;
  readonly entries: EntryMemory;
};

const MAX_CHECKPOINTS = 100;
const MAX_RECENT = 50;

/** Adds a checkpoint: the newest 50 stay, of older ones those that stand furthest from their neighbours. */
export const remember = (checkpoints: readonly RememberedCheckpoint[], next: RememberedCheckpoint): RememberedCheckpoint[] => {
  const all = [...checkpoints.filter(({ size }) => size < next.size), next];
  while (all.length > MAX_CHECKPOINTS) {
    let [drop, least] = [1, Number.POSITIVE_INFINITY];
    for (let i = 1; i < all.length - MAX_RECENT; i++) {
      const gap = (all[i + 1]?.size ?? 0) - (all[i - 1]?.size ?? 0);
      if (gap < least) [drop, least] = [i, gap];
    }
    all.splice(drop, 1);
  }
  return all;
};

/** Checksum of a text, so that a state that a disk spoilt does not pass for a log that was changed. */
export const digestOf = (text: string): string => toHex(sha256(toUtf8(text)));

type Shape = { readonly [key: string]: unknown };
const isShape = (value: unknown): value is Shape => typeof value === 'object' && value !== null && !Array.isArray(value);
const isHashes = (value: unknown): value is string => {
  const bytes = typeof value === 'string' ? fromBase64(value) : null;
  return bytes !== null && bytes.length % HASH_BYTES === 0;
};
const isSize = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isRemembered = (value: unknown): value is RememberedCheckpoint =>
  isShape(value) && isSize(value['size']) && isHashes(value['root']) && typeof value['note'] === 'string';

const lengthOf = (hashes: string): number => (fromBase64(hashes)?.length ?? 0) / HASH_BYTES;

/** Takes a state that was read from JSON. Throws `malformed` where it is none or its parts do not belong together. */
export const parseLogState = (value: unknown): LogState => {
  const fits =
    isShape(value) &&
    typeof value['origin'] === 'string' &&
    isSize(value['size']) &&
    isHashes(value['root']) &&
    typeof value['note'] === 'string' &&
    Array.isArray(value['edges']) &&
    value['edges'].every(isHashes) &&
    isHashes(value['spans']) &&
    isHashes(value['bundles']) &&
    Array.isArray(value['checkpoints']) &&
    value['checkpoints'].length <= MAX_CHECKPOINTS &&
    value['checkpoints'].every(isRemembered) &&
    isShape(value['witnesses']) &&
    Object.values(value['witnesses']).every(isSize) &&
    isShape(value['entries']);
  if (!fits) throw malformed('the state is not one that a verifier wrote');
  const state = value as unknown as LogState;
  if (lengthOf(state.spans) * TILE_WIDTH + lengthOf(state.bundles) !== Math.floor(state.size / TILE_WIDTH))
    throw malformed('the parts of the state do not belong together');
  return state;
};

/** Hashes one after the other that grow. */
export type HashList = {
  readonly push: (hash: Uint8Array) => void;
  readonly take: (count: number) => Uint8Array;
  readonly toText: () => string;
};
/** A list that goes on from `text`. `take` takes hashes off its front. */
export const openHashList = (text = ''): HashList & { readonly length: number; readonly at: (index: number) => Uint8Array } => {
  let bytes = fromBase64(text) ?? new Uint8Array(0);
  let length = bytes.length;
  return {
    get length() {
      return length / HASH_BYTES;
    },
    at: (index) => bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES),
    push: (hash) => {
      if (length + HASH_BYTES > bytes.length) {
        const grown = new Uint8Array(Math.max(2 * bytes.length, TILE_WIDTH * HASH_BYTES));
        grown.set(bytes.subarray(0, length));
        bytes = grown;
      }
      bytes.set(hash, length);
      length += HASH_BYTES;
    },
    take: (count) => {
      const taken = bytes.slice(0, count * HASH_BYTES);
      bytes = bytes.slice(count * HASH_BYTES, length);
      length = bytes.length;
      return taken;
    },
    toText: () => toBase64(bytes.subarray(0, length)),
  };
};
