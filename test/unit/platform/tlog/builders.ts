import { EMPTY_ROOT, type Hash, type HashReader, hashLeaf, hashNode } from '#platform/tlog/merkle.ts';
import { openSigningKey, type SigningKey } from '#platform/tlog/signing-key.ts';
import { openTileWriter, type TileWriter } from '#platform/tlog/tile-writer.ts';
import { type TileSource, tilePath } from '#platform/tlog/tiles.ts';

export const anEntry = (i: number): Uint8Array => new TextEncoder().encode(`entry ${i}`);
export const someEntries = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => anEntry(i));

/** A key whose seed is one byte 32 times. */
export const aSigningKey = (byte: number): SigningKey => openSigningKey(new Uint8Array(32).fill(byte));

/** Reads nodes of the tree over these leaves, each reckoned when asked for. */
export const readerOver =
  (leaves: readonly Hash[]): HashReader =>
  async (nodes) => {
    const node = (level: number, index: number): Hash => {
      const leaf = leaves[index];
      if (level > 0) return hashNode(node(level - 1, 2 * index), node(level - 1, 2 * index + 1));
      if (!leaf) throw new RangeError('no such leaf');
      return leaf;
    };
    return nodes.map(({ level, index }) => node(level, index));
  };

export const flip = (bytes: Uint8Array, bit = 0): Uint8Array => bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));

/** A log in memory: `files` by path, as `tilePath` names them. */
export type MemoryLog = { readonly files: Map<string, Uint8Array>; readonly source: TileSource; readonly writer: TileWriter };

/** A log of `size` entries `anEntry(i)`, appended in batches. */
export const aLog = async (size: number, batch = 1_000): Promise<MemoryLog> => {
  const files = new Map<string, Uint8Array>();
  const source: TileSource = async (tile) => files.get(tilePath(tile)) ?? null;
  const writer = await openTileWriter(0, EMPTY_ROOT, source);
  for (let at = 0; at < size; at += batch) {
    writer.append(Array.from({ length: Math.min(batch, size - at) }, (_, i) => hashLeaf(anEntry(at + i))));
    for (const { tile, bytes } of writer.takeTiles()) files.set(tilePath(tile), bytes);
  }
  return { files, source, writer };
};
