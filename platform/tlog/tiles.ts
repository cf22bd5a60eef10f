import { concatBytes } from './bytes.ts';
import { HASH_BYTES } from './crypto.ts';
import { malformed } from './tlog-error.ts';

/** Hashes in a full tile, entries in a full bundle. https://c2sp.org/tlog-tiles */
export const TILE_WIDTH = 256;
/** Levels of the tree that a tile spans. */
export const TILE_HEIGHT = 8;
/** An entry's length stands before it in two bytes. */
export const MAX_ENTRY_BYTES = 65_535;
const MAX_LEVEL = 63;
const LENGTH_BYTES = 2;

/**
 * A file of a log: `level` 0–63 of a tile of hashes or `entries` for a bundle, `index` within the level from zero, `width` 1–256; below 256
 * it is a partial one.
 */
export type TileId = { readonly level: number | 'entries'; readonly index: number; readonly width: number };

/** Path of a tile below the log's prefix, such as `tile/0/x001/x234/067` or `tile/entries/000.p/17`. */
export const tilePath = ({ level, index, width }: TileId): string => {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const parts = padded.match(/.{3}/g) ?? [];
  const last = parts.pop() ?? '000';
  return `tile/${level}/${parts.map((part) => `x${part}/`).join('')}${last}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
};

const PATH = /^tile\/(0|[1-9][0-9]?|entries)\/((?:x[0-9]{3}\/){0,5})([0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** The tile that a path names; null for anything that `tilePath` would not write. */
export const parseTilePath = (path: string): TileId | null => {
  const match = PATH.exec(path);
  if (!match) return null;
  const [, level = '', high = '', low = '', width] = match;
  const index = Number(`${high.replaceAll(/[x/]/g, '')}${low}`);
  const tile = {
    level: level === 'entries' ? level : Number(level),
    index,
    width: width === undefined ? TILE_WIDTH : Number(width),
  } as const;
  const isSound = (tile.level === 'entries' || tile.level <= MAX_LEVEL) && Number.isSafeInteger(index);
  // What begins with x000, and a full tile written as a partial one, has another path.
  return isSound && tile.width <= TILE_WIDTH && tilePath(tile) === path ? tile : null;
};

/** How many hashes of a level a tree of `size` leaves has; those of level 1 are roots of 256 leaves, and so on. */
const hashesAt = (level: number, size: number): number => Math.floor(size / TILE_WIDTH ** level);

/** How wide a tile is in a tree of `size` leaves: 0 where it is not there yet, 256 where it is full. */
export const widthOfTile = (level: number | 'entries', index: number, size: number): number =>
  Math.max(0, Math.min(TILE_WIDTH, hashesAt(level === 'entries' ? 0 : level, size) - index * TILE_WIDTH));

/** The tiles of hashes that a tree has and one of `oldSize` leaves, its beginning, has not; lowest level first. Partial ones at the end of each. */
export function* tilesSince(oldSize: number, size: number): Generator<TileId & { readonly level: number }> {
  for (let level = 0; hashesAt(level, size) > 0; level++) {
    const [before, now] = [hashesAt(level, oldSize), hashesAt(level, size)];
    if (before === now) continue;
    for (let index = Math.floor(before / TILE_WIDTH); index * TILE_WIDTH < now; index++)
      yield { level, index, width: Math.min(TILE_WIDTH, now - index * TILE_WIDTH) };
  }
}

/** The partial tiles of hashes at the right edge of a tree, at most one a level, lowest first. */
export const edgeTiles = (size: number): (TileId & { readonly level: number })[] => {
  const tiles = [];
  for (let level = 0; hashesAt(level, size) > 0; level++) {
    const count = hashesAt(level, size);
    const width = count % TILE_WIDTH;
    if (width > 0) tiles.push({ level, index: Math.floor(count / TILE_WIDTH), width });
  }
  return tiles;
};

/** Reads a file of a log whole, null where it is not there. For a partial one it may give the full one, and nothing in between. */
export type TileSource = (tile: TileId) => Promise<Uint8Array | null>;

/** Hashes of a tile of that width, one after the other. Throws `malformed` for any other length. */
export const parseTile = (bytes: Uint8Array, { width }: Pick<TileId, 'width'>): Uint8Array => {
  if (bytes.length === width * HASH_BYTES) return bytes;
  if (bytes.length === TILE_WIDTH * HASH_BYTES) return bytes.subarray(0, width * HASH_BYTES);
  throw malformed(`the tile has not the length of ${width} hashes`);
};

/** Writes 1–256 entries of at most 65,535 bytes as a bundle: each behind its length, two bytes, high one first. */
export const formatBundle = (entries: readonly Uint8Array[]): Uint8Array => {
  if (entries.length < 1 || entries.length > TILE_WIDTH) throw new RangeError(`entries: a bundle has 1 to ${TILE_WIDTH}`);
  if (entries.some((entry) => entry.length > MAX_ENTRY_BYTES)) throw new RangeError(`entries: one has more than ${MAX_ENTRY_BYTES} bytes`);
  return concatBytes(...entries.flatMap((entry) => [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry]));
};

/** The first `width` entries of a bundle of `width` or of 256, as views. Throws `malformed` for any other count or a cut-off end. */
export const parseBundle = (bytes: Uint8Array, { width }: Pick<TileId, 'width'>): Uint8Array[] => {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const [high, low] = bytes.subarray(at, at + LENGTH_BYTES);
    if (high === undefined || low === undefined) throw malformed(`the bundle ends inside the length of entry ${entries.length}`);
    const end = at + LENGTH_BYTES + high * 256 + low;
    if (end > bytes.length) throw malformed(`the bundle ends inside entry ${entries.length}`);
    if (entries.length === TILE_WIDTH) throw malformed(`the bundle has more than ${TILE_WIDTH} entries`);
    entries.push(bytes.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  if (entries.length !== width && entries.length !== TILE_WIDTH)
    throw malformed(`the bundle has ${entries.length} entries where ${width} are due`);
  return entries.slice(0, width);
};
