import { equalBytes } from './bytes.ts';
import { foldRoots, type Hash, type HashReader, type NodeId } from './merkle.ts';
import { hashAt, nodesOfTile, peaksOfTile } from './tile-nodes.ts';
import { edgeTiles, parseTile, TILE_HEIGHT, TILE_WIDTH, type TileId, type TileSource, tilePath, widthOfTile } from './tiles.ts';
import { TlogError } from './tlog-error.ts';

/** A tile of hashes that is not there or not what the tile above says. The entries that it stands for are `start` ≤ i < `end`. */
export class BadTileError extends TlogError {
  readonly tile: TileId;
  readonly start: number;
  readonly end: number;
  constructor(fault: 'missing' | 'malformed' | 'mismatch', tile: TileId & { readonly level: number }, size: number) {
    const start = tile.index * TILE_WIDTH ** (tile.level + 1);
    const end = Math.min(size, start + tile.width * TILE_WIDTH ** tile.level);
    const what = { missing: 'is not there', malformed: 'has not the length of its hashes', mismatch: 'does not belong to the tree' }[fault];
    super(fault, `${tilePath(tile)} ${what} (entries ${start} to ${end - 1})`);
    this.tile = tile;
    this.start = start;
    this.end = end;
  }
}

/** Every row of a tile, from its hashes up. */
type Rows = readonly Uint8Array[];

const DEFAULT_TILES = 256;

/**
 * Reads hashes of the tree of `size` leaves with that root from its tiles, none of which is believed: the partial ones have to make the root
 * together, each full one the hash that stands for it in the tile above. Throws `BadTileError` for the tile that does not, `mismatch` where it
 * is the partial ones. Keeps `maxTiles` full ones, 16 KB each.
 */
export const openTileReader = (size: number, root: Hash, source: TileSource, maxTiles: number = DEFAULT_TILES): HashReader => {
  const fetchTile = async (tile: TileId & { readonly level: number }): Promise<Rows> => {
    const bytes = (await source(tile)) ?? (tile.width < TILE_WIDTH ? await source({ ...tile, width: TILE_WIDTH }) : null);
    if (!bytes) throw new BadTileError('missing', tile, size);
    let hashes: Uint8Array;
    try {
      hashes = parseTile(bytes, tile);
    } catch {
      throw new BadTileError('malformed', tile, size);
    }
    return nodesOfTile(hashes);
  };

  let edge: Promise<ReadonlyMap<number, Rows>> | null = null;
  const readEdge = async (): Promise<ReadonlyMap<number, Rows>> => {
    const tiles = edgeTiles(size);
    const rows = await Promise.all(tiles.map(fetchTile));
    const peaks = rows.map(peaksOfTile).reverse().flat();
    if (!equalBytes(foldRoots(peaks), root)) throw new TlogError('mismatch', `the partial tiles of ${size} entries do not make the root`);
    return new Map(tiles.map(({ level }, i) => [level, rows[i] ?? []]));
  };
  const openEdge = (): Promise<ReadonlyMap<number, Rows>> => {
    edge ??= readEdge().catch((error) => {
      edge = null;
      throw error;
    });
    return edge;
  };

  const kept = new Map<string, Promise<Rows>>();
  const readFull = async (tile: TileId & { readonly level: number }): Promise<Rows> => {
    const above = readTile(tile.level + 1, Math.floor(tile.index / TILE_WIDTH));
    const [rows, [hashes = new Uint8Array(0)]] = await Promise.all([fetchTile(tile), above]);
    const [own = new Uint8Array(0)] = rows.slice(-1);
    if (!equalBytes(own, hashAt(hashes, tile.index % TILE_WIDTH))) throw new BadTileError('mismatch', tile, size);
    return rows;
  };
  const readTile = async (level: number, index: number): Promise<Rows> => {
    const width = widthOfTile(level, index, size);
    if (width < TILE_WIDTH) return (await openEdge()).get(level) ?? [];
    const key = `${level}/${index}`;
    const known = kept.get(key);
    if (known) {
      kept.delete(key);
      kept.set(key, known);
      return known;
    }
    const reading = readFull({ level, index, width });
    kept.set(key, reading);
    reading.catch(() => kept.delete(key));
    for (const oldest of kept.keys()) {
      if (kept.size <= maxTiles) break;
      kept.delete(oldest);
    }
    return reading;
  };

  const readNode = async ({ level, index }: NodeId): Promise<Hash> => {
    if ((index + 1) * 2 ** level > size) throw new RangeError('nodes: one lies beyond the size of the tree');
    const row = level % TILE_HEIGHT;
    const inRow = TILE_WIDTH / 2 ** row;
    const rows = await readTile(Math.floor(level / TILE_HEIGHT), Math.floor(index / inRow));
    return hashAt(rows[row] ?? new Uint8Array(0), index % inRow).slice();
  };
  return (nodes) => Promise.all(nodes.map(readNode));
};
