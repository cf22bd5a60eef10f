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
import { askReading, findCheckpoint, findPlaces } from '../store/log-view-store.ts';
import { readShard } from '../store/shard-store.ts';
import { tileSource } from './check-log.ts';

/** The tree of a shard's latest checkpoint. */
type Head = { readonly view: CheckpointView; readonly read: HashReader };

/**
 * Proofs from the tiles, each tile checked against the checkpoint's root. A tile that does not belong throws `TlogError`, for the proofs that
 * need it alone.
 */
export const makeProve = (cities: Cities) => {
  const heads = new Map<string, Head>();
  /** Of the current shard where no number is given. */
  const headOf = async (db: CityDatabase, number: number | null): Promise<Head | null> => {
    const city = db.city.code;
    const shard = number ?? (await readShard(askReading(db), city))?.shard;
    const published = shard === undefined ? null : await findCheckpoint(db, shard);
    if (shard === undefined || !published) return null;
    const known = heads.get(`${city} ${shard}`);
    if (known?.view.note === published.note) return known;
    const { origin, size, root } = parseCheckpoint(parseNote(published.note).text);
    const view = { city, shard, origin, size, root: toBase64(root), note: published.note, signedAt: published.at };
    const head = { view, read: openTileReader(size, root, tileSource(askReading(db), { city, shard })) };
    heads.set(`${city} ${shard}`, head);
    return head;
  };
  const cityOf = (code: string): CityDatabase => {
    const db = cities.find(code);
    if (!db) throw new BadInputError('city', `is no city; known are ${cities.codes.join(', ')}`);
    return db;
  };

  /** The latest checkpoint of a city's current shard, or of one by its number; null before its first. Throws `BadInputError` for what is no city, `CityUnavailableError`. */
  const checkpointOf = async (city: string, shard: number | null = null): Promise<CheckpointView | null> =>
    (await headOf(cityOf(city), shard))?.view ?? null;

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
    const places = await findPlaces(db, eventIds);
    const shards = new Set([...places.values()].map(({ shard }) => shard));
    const found = new Map(await Promise.all([...shards].map(async (shard) => [shard, await headOf(db, shard)] as const)));
    return Promise.all(
      eventIds.map(async (id) => {
        const place = places.get(id);
        const head = place && found.get(place.shard);
        if (!head || place.index >= head.view.size) return null;
        return proveOne(head, place.index).catch((error: unknown) =>
          error instanceof Error ? error : new Error('a proof failed', { cause: error }),
        );
      }),
    );
  };

  /** That the first `fromSize` entries of a shard, the current one where no number is given, are those of `toSize`. Throws `BadInputError` for sizes that the log has not. */
  const proveGrowth = async (
    city: string,
    fromSize: number,
    toSize: number | null,
    shard: number | null = null,
  ): Promise<ConsistencyView | null> => {
    const head = await headOf(cityOf(city), shard);
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
