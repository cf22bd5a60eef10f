import { equalBytes } from './bytes.ts';
import { HASH_BYTES } from './crypto.ts';
import { type Hash, openTree } from './merkle.ts';
import { nodesOfTile, peaksOfTile } from './tile-nodes.ts';
import { edgeTiles, parseTile, TILE_HEIGHT, TILE_WIDTH, type TileId, type TileSource, tilePath } from './tiles.ts';
import { TlogError } from './tlog-error.ts';

/** A tile of hashes to be stored. */
export type TileBytes = { readonly tile: TileId & { readonly level: number }; readonly bytes: Uint8Array };

/**
 * A tree on its way into tiles. Holds the right edge alone. Where the tiles that it gave could not be stored, it is to be opened anew from
 * those that are.
 */
export type TileWriter = {
  readonly size: number;
  readonly root: () => Hash;
  /** Adds leaves by their hashes, in order. */
  readonly append: (leaves: Iterable<Hash>) => void;
  /** The tiles that came about or grew since the last call: full ones as they were finished, then the partial ones of the edge. */
  readonly takeTiles: () => TileBytes[];
};

type Edge = { index: number; width: number; readonly bytes: Uint8Array; isChanged: boolean };

const newEdge = (index: number): Edge => ({ index, width: 0, bytes: new Uint8Array(TILE_WIDTH * HASH_BYTES), isChanged: false });

/**
 * Goes on with a log of `size` leaves from its partial tiles. Throws `missing` or `malformed` where one is not there or not a tile, and
 * `mismatch` where they do not make `root`, the root that was last signed: then nothing may be signed any more.
 */
export const openTileWriter = async (size: number, root: Hash, source: TileSource): Promise<TileWriter> => {
  const edges: Edge[] = [];
  const peaks: Hash[] = [];
  const found = await Promise.all(edgeTiles(size).map(async (tile) => ({ tile, bytes: await source(tile) })));
  for (const { tile, bytes } of found) {
    if (!bytes) throw new TlogError('missing', `${tilePath(tile)} is not there`);
    const hashes = parseTile(bytes, tile);
    const edge = newEdge(tile.index);
    edge.bytes.set(hashes);
    edge.width = tile.width;
    edges[tile.level] = edge;
    peaks.unshift(...peaksOfTile(nodesOfTile(hashes)));
  }
  const tree = openTree(size, peaks);
  if (!equalBytes(tree.root(), root)) throw new TlogError('mismatch', `the tiles of ${size} entries do not make the root that was signed`);

  const finished: TileBytes[] = [];
  const keep = (level: number, hash: Hash, index: number): void => {
    const edge = edges[level] ?? newEdge(Math.floor(index / TILE_WIDTH));
    edges[level] = edge;
    edge.bytes.set(hash, edge.width * HASH_BYTES);
    edge.width++;
    edge.isChanged = true;
    if (edge.width < TILE_WIDTH) return;
    finished.push({ tile: { level, index: edge.index, width: TILE_WIDTH }, bytes: edge.bytes });
    edges[level] = newEdge(edge.index + 1);
  };
  const onNode = (level: number, index: number, hash: Hash): void => {
    if (level % TILE_HEIGHT === 0) keep(level / TILE_HEIGHT, hash, index);
  };
  return {
    get size() {
      return tree.size;
    },
    root: () => tree.root(),
    append: (leaves) => {
      for (const leaf of leaves) tree.append(leaf, onNode);
    },
    takeTiles: () => {
      const tiles = finished.splice(0);
      for (const [level, edge] of edges.entries()) {
        if (!edge?.isChanged) continue;
        edge.isChanged = false;
        tiles.push({ tile: { level, index: edge.index, width: edge.width }, bytes: edge.bytes.slice(0, edge.width * HASH_BYTES) });
      }
      return tiles;
    },
  };
};
