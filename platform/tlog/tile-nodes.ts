import { HASH_BYTES } from './crypto.ts';
import { type Hash, hashNode } from './merkle.ts';
import { TILE_HEIGHT } from './tiles.ts';

/** Hash `index` of hashes that stand one after the other; a view. */
export const hashAt = (hashes: Uint8Array, index: number): Hash => hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);

/**
 * All perfect subtrees of a tile, from its own hashes (first) to its root (ninth, empty unless the tile is full): 255 hashes to reckon and
 * 16 KB to keep for a full one.
 */
export const nodesOfTile = (hashes: Uint8Array): Uint8Array[] => {
  const rows = [hashes];
  for (let row = hashes; rows.length <= TILE_HEIGHT; ) {
    const count = Math.floor(row.length / HASH_BYTES / 2);
    const above = new Uint8Array(count * HASH_BYTES);
    for (let i = 0; i < count; i++) above.set(hashNode(hashAt(row, 2 * i), hashAt(row, 2 * i + 1)), i * HASH_BYTES);
    rows.push(above);
    row = above;
  }
  return rows;
};

/** Roots of the perfect subtrees that a partial tile's hashes stand for, largest first. */
export const peaksOfTile = (rows: readonly Uint8Array[]): Hash[] =>
  rows.flatMap((row) => ((row.length / HASH_BYTES) % 2 === 1 ? [row.slice(-HASH_BYTES)] : [])).reverse();
