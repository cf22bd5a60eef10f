import type { Secrets } from '#platform/config/secrets.ts';
import type { Cities } from '#platform/database/cities.ts';
import type { Log } from '#platform/observability/log.ts';
import type { Checkpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosigner } from '#platform/tlog/cosignature.ts';
import { HASH_BYTES } from '#platform/tlog/crypto.ts';
import type { HashReader } from '#platform/tlog/merkle.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { TILE_WIDTH, type TileSource, tilePath } from '#platform/tlog/tiles.ts';
import { findCosigned, saveCosignature } from '../../store/cosignature-store.ts';
import { type Ask, type LogRef, readHead } from '../../store/log-store.ts';
import { askReading } from '../../store/log-view-store.ts';
import { readShards } from '../../store/shard-store.ts';
import type { AlarmKind } from '../../store/witness-store.ts';
import { tileSource } from '../check-log.ts';
import { type LogKey, openLogKey } from '../log-key.ts';
import { askHere, askOverHttp, fetchBounded, type WitnessToAsk } from './ask-witness.ts';
import { type AuditPolicy, makeAuditPolicy } from './audit-policy.ts';
import { type Cosigning, type CosigningSettings, type CosigningState, startCosigning } from './cosign-log.ts';
import { openWitness, type Witness } from './witness.ts';

export type WitnessingSettings = {
  /** The cities as the role `audit`, and as the role `sequencer`. */
  readonly cities: Cities;
  readonly writers: Cities;
  readonly secrets: Pick<Secrets, 'logKeys' | 'witnessKeys'>;
  /** The policy as configured; null: made from the cities. */
  readonly policy: string | null;
  readonly log: Log;
  readonly pace?: Pick<CosigningSettings, 'everyMs' | 'retryMs' | 'maxRetryMs' | 'renewMs' | 'checkMs'>;
};

/** What health tells of a city: how its log is cosigned, and what it keeps, as a witness, against others. */
export type WitnessReport = {
  readonly witnesses: Readonly<Record<string, CosigningState>>;
  readonly alarms: readonly { readonly origin: string; readonly kind: AlarmKind; readonly count: number }[];
};

export type Witnessing = {
  readonly policy: AuditPolicy;
  /** By the code of the city. */
  readonly witnesses: ReadonlyMap<string, Witness>;
  /** Has a shard cosigned; the same for the same shard. */
  readonly cosign: (of: LogRef, key: LogKey) => Cosigning;
  readonly reportOf: (city: string) => WitnessReport;
  /** Counts alarms anew, for `reportOf`; those of a city that does not answer stay as they were. */
  readonly recount: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** Longest that a tile may take, in milliseconds. */
const TILE_MS = 3_000;
/** Tiles of a log elsewhere, from its published files. Null for whatever is not given. */
const tilesAt =
  (url: string): TileSource =>
  async (tile) => {
    try {
      const { status, bytes } = await fetchBounded(`${url.replace(/\/+$/, '')}/${tilePath(tile)}`, {}, TILE_MS, TILE_WIDTH * HASH_BYTES);
      return status === 200 ? bytes : null;
    } catch {
      return null;
    }
  };

/** The cities as witnesses of each other, and what has their logs cosigned. */
export const openWitnessing = ({ cities, writers, secrets, policy: given, log, pace = {} }: WitnessingSettings): Witnessing => {
  const cosigners = Object.entries(secrets.witnessKeys).map(([city, { kid, privateJwk }]) => ({
    city,
    cosigner: makeCosigner(kid, openSigningKey(Buffer.from(privateJwk['d'] ?? '', 'base64url'))),
  }));
  const policy = makeAuditPolicy(
    given,
    Object.entries(secrets.logKeys).flatMap(([city, keys]) => keys.map((key) => ({ city, vkey: openLogKey(key).vkey }))),
    cosigners.map(({ city, cosigner }) => ({ city, vkey: cosigner.vkey })),
  );
  /** A log of this network is read where it is kept, another one by its address. */
  const openLog = async ({ origin, size, root }: Checkpoint): Promise<HashReader | null> => {
    const city = policy.cityOf(origin);
    const db = city === null ? null : cities.find(city);
    if (city !== null && db) {
      const shard = (await readShards(askReading(db), city)).find((each) => each.origin === origin)?.shard;
      return shard === undefined ? null : openTileReader(size, root, tileSource(askReading(db), { city, shard }));
    }
    const url = policy.urlOf(origin);
    return url === null ? null : openTileReader(size, root, tilesAt(url));
  };
  const witnesses = new Map(
    cosigners.flatMap(({ city, cosigner }) => {
      const [database, alarms] = [writers.find(city), cities.find(city)];
      const verifiersOf = (origin: string) => policy.verifiersFor(city, origin);
      return database && alarms ? [[city, openWitness({ database, alarms, cosigner, verifiersOf, openLog, log })] as const] : [];
    }),
  );

  const witnessesFor = (city: string): WitnessToAsk[] =>
    policy.witnessesFor(city).flatMap(({ name, verifier, url, city: home }) => {
      const here = home === null ? undefined : witnesses.get(home);
      return here ? [askHere(name, verifier, here)] : url === null ? [] : [askOverHttp(name, verifier, url)];
    });
  let counting: Promise<unknown> | null = null;
  const cosignings = new Map<string, Cosigning>();
  const current = new Map<string, Cosigning>();
  const cosign = (of: LogRef, key: LogKey): Cosigning => {
    policy.learn(of.city, key.vkey);
    const known = cosignings.get(key.vkey);
    if (known) {
      current.set(of.city, known);
      return known;
    }
    const db = writers.of(of.city);
    const ask: Ask = (statement, values) => db.named(statement, values);
    const made = startCosigning({
      own: {
        city: of.city,
        origin: key.origin,
        verifiers: [key.verifier],
        newest: async () => (await readHead(ask, of)).checkpoint,
        readerOf: ({ size, root }) => openTileReader(size, root, tileSource(ask, of)),
        findCosigned: (which, above, below) => findCosigned(ask, of, which, above, below),
        save: (size, witness, line) => saveCosignature(ask, of, size, witness, line),
      },
      witnesses: witnessesFor(of.city),
      log,
      ...pace,
    });
    cosignings.set(key.vkey, made);
    current.set(of.city, made);
    return made;
  };
  return {
    policy,
    witnesses,
    cosign,
    reportOf: (city) => ({
      witnesses: current.get(city)?.states() ?? {},
      alarms: witnesses.get(city)?.alarmCounts() ?? [],
    }),
    recount: async () => {
      counting ??= Promise.allSettled([...witnesses.values()].map((witness) => witness.recount())).finally(() => {
        counting = null;
      });
      await counting;
    },
    stop: async () => {
      await Promise.all([...cosignings.values()].map((cosigning) => cosigning.stop()));
      await Promise.all([...witnesses.values()].map((witness) => witness.stop()));
    },
  };
};
