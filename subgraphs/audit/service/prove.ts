import type { Cities } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { BadInputError } from '#platform/pure/faults.ts';
import { toBase64 } from '#platform/tlog/bytes.ts';
import { parseCheckpoint } from '#platform/tlog/checkpoint.ts';
import { STALE_MS } from '#platform/tlog/freshness.ts';
import { type HashReader, proveConsistency, proveInclusion } from '#platform/tlog/merkle.ts';
import { parseNote } from '#platform/tlog/note.ts';
import { formatProof } from '#platform/tlog/proof.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import type { CheckpointView, ConsistencyView, ProofView, ShardView } from '../domain/log-view.ts';
import { askReading, findPlaces, type LogPlace } from '../store/log-view-store.ts';
import { readShard, readShards } from '../store/shard-store.ts';
import { tileSource } from './check-log.ts';
import type { FindPublication } from './publish-checkpoint.ts';

/** How long a checkpoint is taken for the newest by those whose events it holds, in milliseconds. */
const RECENT_MS = 250;

/** The tree of the checkpoint of a shard that is published. */
type Head = { readonly view: CheckpointView; readonly read: HashReader };

/** Where an event stands in its log, under the latest checkpoint. `root` in base64. */
export type LogPosition = { readonly origin: string; readonly leafIndex: number; readonly treeSize: number; readonly root: string };

const isBeyond = ({ view }: Head, { shard, index }: LogPlace): boolean =>
  shard > view.shard || (shard === view.shard && index >= view.size);

/**
 * Proofs from the tiles, each tile checked against the checkpoint's root. A tile that does not belong throws `TlogError`, for the proofs that
 * need it alone.
 */
export const makeProve = (cities: Cities, findPublication: FindPublication) => {
  const heads = new Map<string, Head>();
  /** Of the current shard where no number is given. */
  const headOf = async (db: CityDatabase, number: number | null): Promise<Head | null> => {
    const city = db.city.code;
    const row = await readShard(askReading(db), city, number);
    const published = row && (await findPublication(db, row));
    if (!row || !published) return null;
    const { shard } = row;
    const known = heads.get(`${city} ${shard}`);
    if (known?.view.note === published.note) return known;
    const { origin, size, root } = parseCheckpoint(parseNote(published.note).text);
    const view = {
      city,
      shard,
      origin,
      size,
      root: toBase64(root),
      note: published.note,
      signedAt: published.at,
      witnesses: published.witnesses,
      isWitnessed: published.isWitnessed,
      cosignedAt: published.cosignedAt,
    };
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

  /** Whether the witnesses' newest word on a city's log is more than 24 hours old; null where they said nothing. Throws as `checkpointOf` does. */
  const isStale = async (city: string): Promise<boolean | null> => {
    const cosignedAt = (await checkpointOf(city))?.cosignedAt ?? null;
    return cosignedAt && Date.now() - cosignedAt.getTime() > STALE_MS;
  };

  /** The shards of a city's log, oldest first. Throws as `checkpointOf` does. */
  const shardsOf = async (city: string): Promise<ShardView[]> =>
    (await readShards(askReading(cityOf(city)), city)).map(({ shard, origin, vkey, beganAt, closedAt, final, retiredAt }) => ({
      city,
      shard,
      origin,
      key: vkey,
      beganAt,
      closedAt,
      finalSize: final?.size ?? null,
      isRetired: retiredAt !== null,
    }));

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

  const recent = new Map<string, { readonly head: Head; readonly at: number }>();
  const newestOf = async (db: CityDatabase): Promise<Head | null> => {
    const at = performance.now();
    const head = await headOf(db, null);
    if (head) recent.set(db.city.code, { head, at });
    return head;
  };
  /** The current shard's checkpoint, or one that was it a moment ago. */
  const recentOf = (db: CityDatabase): Head | null => {
    const known = recent.get(db.city.code);
    return known && performance.now() - known.at < RECENT_MS ? known.head : null;
  };

  /** The tree that each event of a city is under, and its index there; null for one that is under no checkpoint yet. */
  const locate = async (city: string, eventIds: readonly string[]): Promise<({ head: Head; index: number } | null)[]> => {
    const db = cityOf(city);
    // Most events are of the current shard, so its checkpoint is looked for beside them.
    const remembered = recentOf(db);
    const [places, latest] = await Promise.all([findPlaces(db, eventIds), remembered ?? newestOf(db)]);
    // What the remembered one does not hold, a newer one may.
    const isBehind = remembered !== null && [...places.values()].some((place) => isBeyond(remembered, place));
    const current = isBehind ? await newestOf(db) : latest;
    const shards = new Set([...places.values()].map(({ shard }) => shard));
    const found = new Map(
      await Promise.all(
        [...shards].map(async (shard) => [shard, shard === current?.view.shard ? current : await headOf(db, shard)] as const),
      ),
    );
    return eventIds.map((id) => {
      const place = places.get(id);
      const head = place && found.get(place.shard);
      return head && place.index < head.view.size ? { head, index: place.index } : null;
    });
  };

  /** Proofs of events of one city, at the place of each id; null for one that is under no checkpoint yet, an error where it cannot be proven. */
  const proveEvents = async (city: string, eventIds: readonly string[]): Promise<(ProofView | Error | null)[]> =>
    Promise.all(
      (await locate(city, eventIds)).map(
        (place) =>
          place &&
          proveOne(place.head, place.index).catch((error: unknown) =>
            error instanceof Error ? error : new Error('a proof failed', { cause: error }),
          ),
      ),
    );

  /** Where events of one city stand, without the proof of it; null for one that is under no checkpoint yet. */
  const locateEvents = async (city: string, eventIds: readonly string[]): Promise<(LogPosition | null)[]> =>
    (await locate(city, eventIds)).map((place) => {
      if (!place) return null;
      const { origin, size, root } = place.head.view;
      return { origin, leafIndex: place.index, treeSize: size, root };
    });

  /** That the first `fromSize` entries of a shard, the current one where no number is given, are those of `toSize`. Throws `BadInputError` for sizes that the log has not. */
  const proveGrowth = async (
    city: string,
    fromSize: number,
    toSize: number | null,
    shard: number | null = null,
  ): Promise<ConsistencyView | null> => {
    const db = cityOf(city);
    if (shard !== null && (await readShard(askReading(db), city, shard))?.retiredAt)
      throw new BadInputError('shard', 'was retired; its archive proves the same');
    const head = await headOf(db, shard);
    if (!head) return null;
    const to = toSize ?? head.view.size;
    if (to > head.view.size) throw new BadInputError('toSize', 'is more than the log has entries');
    if (fromSize > to) throw new BadInputError('fromSize', 'must be at most toSize');
    const hashes = await proveConsistency(fromSize, to, head.read);
    return { fromSize, toSize: to, hashes: hashes.map(toBase64), checkpoint: head.view };
  };
  return { checkpointOf, isStale, shardsOf, proveEvents, locateEvents, proveGrowth };
};
export type Prove = ReturnType<typeof makeProve>;
