import type { Cities } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { BadInputError } from '#platform/pure/faults.ts';
import { toBase64 } from '#platform/tlog/bytes.ts';
import { parseCheckpoint } from '#platform/tlog/checkpoint.ts';
import { type HashReader, proveConsistency, proveInclusion } from '#platform/tlog/merkle.ts';
import { parseNote } from '#platform/tlog/note.ts';
import { formatProof } from '#platform/tlog/proof.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import type { CheckpointView, ConsistencyView, ProofView } from '../domain/log-view.ts';
import { askReading, findCheckpoint, findIndices } from '../store/log-view-store.ts';
import { tileSource } from './check-log.ts';

/** The tree of a city's latest checkpoint. */
type Head = { readonly view: CheckpointView; readonly read: HashReader };

/**
 * Proofs from the tiles, each tile checked against the checkpoint's root. A tile that does not belong throws `TlogError`, for the proofs that
 * need it alone.
 */
export const makeProve = (cities: Cities) => {
  const heads = new Map<string, Head>();
  const headOf = async (db: CityDatabase): Promise<Head | null> => {
    const city = db.city.code;
    const published = await findCheckpoint(db);
    if (!published) return null;
    const known = heads.get(city);
    if (known?.view.note === published.note) return known;
    const { origin, size, root } = parseCheckpoint(parseNote(published.note).text);
    const view = { city, origin, size, root: toBase64(root), note: published.note, signedAt: published.at };
    const head = { view, read: openTileReader(size, root, tileSource(askReading(db), city)) };
    heads.set(city, head);
    return head;
  };
  const cityOf = (code: string): CityDatabase => {
    const db = cities.find(code);
    if (!db) throw new BadInputError('city', `is no city; known are ${cities.codes.join(', ')}`);
    return db;
  };

  /** The latest checkpoint of a city; null before its first. Throws `BadInputError` for what is no city, `CityUnavailableError`. */
  const checkpointOf = async (city: string): Promise<CheckpointView | null> => (await headOf(cityOf(city)))?.view ?? null;

  const proveOne = async ({ view, read }: Head, leafIndex: number): Promise<ProofView> => {
    const path = await proveInclusion(leafIndex, view.size, read);
    return {
      leafIndex,
      treeSize: view.size,
      hashes: path.map(toBase64),
      checkpoint: view,
      file: formatProof({ index: leafIndex, path, note: parseNote(view.note) }),
    };
  };

  /** Proofs of events of one city, at the place of each id; null for one that is under no checkpoint yet, an error where it cannot be proven. */
  const proveEvents = async (city: string, eventIds: readonly string[]): Promise<(ProofView | Error | null)[]> => {
    const db = cityOf(city);
    const indices = await findIndices(db, eventIds);
    const head = await headOf(db);
    return Promise.all(
      eventIds.map(async (id) => {
        const index = indices.get(id);
        if (!head || index === undefined || index >= head.view.size) return null;
        return proveOne(head, index).catch((error: unknown) =>
          error instanceof Error ? error : new Error('a proof failed', { cause: error }),
        );
      }),
    );
  };

  /** That the first `fromSize` entries of a city's log are those of `toSize`. Throws `BadInputError` for sizes that the log has not. */
  const proveGrowth = async (city: string, fromSize: number, toSize: number | null): Promise<ConsistencyView | null> => {
    const head = await headOf(cityOf(city));
    if (!head) return null;
    const to = toSize ?? head.view.size;
    if (to > head.view.size) throw new BadInputError('toSize', 'is more than the log has entries');
    if (fromSize > to) throw new BadInputError('fromSize', 'must be at most toSize');
    const hashes = await proveConsistency(fromSize, to, head.read);
    return { fromSize, toSize: to, hashes: hashes.map(toBase64), checkpoint: head.view };
  };
  return { checkpointOf, proveEvents, proveGrowth };
};
export type Prove = ReturnType<typeof makeProve>;
