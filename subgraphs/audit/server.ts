import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import type { Spools } from '#platform/audit/spool.ts';
import type { AuditShardsConfig } from '#platform/config/audit-shards.ts';
import type { CityConfig } from '#platform/config/city.ts';
import { readLogKeysFile } from '#platform/config/env.ts';
import type { Secrets, SigningKey } from '#platform/config/secrets.ts';
import { openCities } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { type Log, makeLog } from '#platform/observability/log.ts';
import { makeCursorCodec } from '#platform/paging/connection.ts';
import type { Subjects } from '#platform/subjects/open-subjects.ts';
import { type Context, makeContext } from './context.ts';
import { makeCityNames } from './domain/city.ts';
import { FRENCH } from './resolvers/french.ts';
import { resolvers } from './resolvers/index.ts';
import { makeExportEvents } from './service/fhir-export.ts';
import { makeFindEvents, makeFindTrail } from './service/find-events.ts';
import { checkLog, checkPlaces, listShards, rebuildLog, retireLog, type TurnOptions, turnShard } from './service/keep-log.ts';
import { type KeepSubjectsSettings, startSubjectKeeper } from './service/keep-subjects.ts';
import { type Keyring, openKeyring } from './service/log-key.ts';
import { makeProve } from './service/prove.ts';
import { makePublication } from './service/publish-checkpoint.ts';
import { makeReadEvents } from './service/read-events.ts';
import { type RetireSettings, startRetirement } from './service/retire-shard.ts';
import { type SequencerSettings, startSequencer } from './service/sequencer.ts';
import { makeServeLog } from './service/serve-log.ts';
import { makeVerifyAuditLog, type VerifyAuditLogSettings } from './service/verify-audit-log.ts';
import { type Closing, closeAlarm } from './service/witness/alarms.ts';
import { openWitnessing, type Witnessing, type WitnessingSettings } from './service/witness/open-witnessing.ts';
import { makeServeWitness } from './service/witness/serve-witness.ts';
import { readAlarms } from './store/witness-store.ts';

export type AuditSettings = {
  readonly cities: readonly CityConfig[];
  readonly secrets: Pick<Secrets, 'cursorKey' | 'logKeys' | 'witnessKeys'> & {
    readonly databasePasswords: Pick<Secrets['databasePasswords'], 'audit' | 'sequencer'>;
  };
  readonly subjects: Subjects;
  /** Where entries of readings wait while a primary is gone; left out: such readings are refused. */
  readonly spools?: Spools | null;
  readonly log: Log;
  /** How the sequencers of the cities' logs go about it; null: none runs in this process. */
  readonly sequencing?: Pick<
    SequencerSettings,
    'pollMs' | 'maxBatch' | 'recheckMs' | 'standbyMs' | 'shardMs' | 'keeping' | 'pruneEveryMs'
  > | null;
  /** How the keys of erased people are destroyed; null: not by this process. */
  readonly shredding?: Pick<KeepSubjectsSettings, 'pollMs' | 'fullMs' | 'fault'> | null;
  /** Which logs and witnesses are believed, https://c2sp.org/tlog-policy; null: those of the cities. */
  readonly auditPolicy?: string | null;
  /** What happens to shards in the course of time; left out: nothing by itself. */
  readonly auditShards?: AuditShardsConfig | null;
  /** How witnesses are asked; null: the logs of this process ask none. */
  readonly witnessing?: WitnessingSettings['pace'] | null;
  /** How long an answer waits for a log that is gone through, and is given again. */
  readonly verifying?: VerifyAuditLogSettings;
};

/** The keys of the cities' logs that are there; those of a file are read again where one is missing. */
const openLogKeys = (secrets: Pick<Secrets, 'logKeys'>, keysFile: string | null = null): ReadonlyMap<string, Keyring> =>
  new Map(
    Object.entries(secrets.logKeys).map(([city, keys]) => [
      city,
      openKeyring(keys, keysFile === null ? undefined : async () => readLogKeysFile(keysFile)[city] ?? []),
    ]),
  );

const DAY_MS = 86_400_000;
const turningOf = (shards: AuditShardsConfig | null): Pick<SequencerSettings, 'shardMs' | 'keeping'> =>
  shards
    ? {
        ...(shards.shardDays === null ? {} : { shardMs: shards.shardDays * DAY_MS }),
        keeping: { allMs: shards.checkpointMinutes * 60_000, minutesMs: Math.max(DAY_MS, shards.checkpointMinutes * 60_000) },
      }
    : {};

/**
 * What keeps the logs, for the command line: checks and rebuilds them beside whatever signs them, closes shards and alarms. Only the entry of a closed
 * alarm names somebody and needs the keys of subjects.
 */
export const openLogKeeper = ({
  cities: configs,
  secrets,
  subjects,
  auditPolicy = null,
  witnessing: pace = {},
  log = makeLog('audit-log', 'warn', 2),
}: Pick<AuditSettings, 'cities' | 'secrets' | 'auditPolicy' | 'witnessing'> & {
  readonly subjects?: Pick<Subjects, 'of'>;
  readonly log?: Log;
}) => {
  // As a witness of another city's log one statement may run beside the command's own.
  const cities = openCities(configs, { role: 'sequencer', password: secrets.databasePasswords.sequencer, maxConnections: 2 });
  const auditors = openCities(configs, {
    role: 'audit',
    password: secrets.databasePasswords.audit,
    maxConnections: 2,
    ...(subjects ? { subjects } : {}),
  });
  const keys = openLogKeys(secrets);
  let opened: Witnessing | null = null;
  const openWitnesses = (): Witnessing => {
    opened ??= openWitnessing({
      cities: auditors,
      writers: cities,
      secrets,
      policy: auditPolicy,
      log,
      ...(pace ? { pace } : {}),
    });
    return opened;
  };
  const run =
    <T>(work: (database: CityDatabase, keys: Keyring, shard: number | null) => Promise<T>) =>
    (city: string, shard: number | null = null): Promise<T> => {
      const own = keys.get(city);
      if (!own) throw new Error(`there is no key for the log of city ${city}`);
      return work(cities.of(city), own, shard);
    };
  const keyringOf = (city: string): Keyring => {
    const own = keys.get(city);
    if (!own) throw new Error(`there is no key for the log of city ${city}`);
    return own;
  };
  return {
    check: run(checkLog),
    /** Entries that lie in no shard, which `check` of a shard cannot see. */
    unplaced: (city: string) => checkPlaces(cities.of(city)),
    rebuild: run(rebuildLog),
    shards: (city: string) => listShards(cities.of(city)),
    /** `addKey` adds a key to the city's and gives all of them. */
    beginShard: (
      city: string,
      {
        addKey,
        ...options
      }: Pick<TurnOptions, 'afterRestore' | 'isUnseen'> & { readonly addKey?: () => Promise<readonly SigningKey[]> } = {},
    ) => {
      const asked = pace && openWitnesses();
      const witnesses = asked && { cosign: asked.cosign, findPublication: makePublication(asked.policy) };
      const adding = addKey && (async () => openKeyring(await addKey()));
      return turnShard(cities.of(city), keyringOf(city), log, { ...options, witnesses, ...(adding ? { addKey: adding } : {}) });
    },
    /** What a city keeps as a witness against logs, closed alarms too; or the one with this number. */
    alarms: (city: string, number: string | null = null) => readAlarms(auditors.of(city), number),
    closeAlarm: (city: string, number: string, closing: Closing) =>
      closeAlarm({ audit: auditors.of(city), sequencer: cities.of(city) }, number, closing),
    retire: (city: string, shard: number, settings: Pick<RetireSettings, 'archive' | 'retentionDays' | 'batch' | 'onProgress'>) =>
      retireLog(cities.of(city), { audit: auditors.of(city), keys: keyringOf(city), ...settings }, shard),
    stop: async () => {
      await opened?.stop();
      await Promise.all([cities.stop(), auditors.stop()]);
    },
  };
};

/** Starts the audit subgraph: the acts of the network as auditors read them, and the log that proves them. */
export const startAudit = async ({
  cities: configs,
  secrets,
  subjects,
  spools = null,
  log,
  sequencing = {},
  shredding = {},
  auditPolicy = null,
  witnessing: pace = {},
  verifying = {},
  auditShards = null,
}: AuditSettings): Promise<Subgraph<Context>> => {
  const cities = openCities(configs, { role: 'audit', password: secrets.databasePasswords.audit, subjects, spools });
  const writers = openCities(configs, { role: 'sequencer', password: secrets.databasePasswords.sequencer, maxConnections: 4 });
  const keys = openLogKeys(secrets, auditShards?.keysFile);
  const witnessing = openWitnessing({ cities, writers, secrets, policy: auditPolicy, log, ...(pace ? { pace } : {}) });
  const findPublication = makePublication(witnessing.policy);
  const cursors = makeCursorCodec(secrets.cursorKey);
  const cosigned = pace ? { cosign: witnessing.cosign } : {};
  const sequencers = new Map(
    writers.all.flatMap((database) => {
      const own = keys.get(database.city.code);
      return own && sequencing
        ? [
            [
              database.city.code,
              startSequencer({ database, keys: own, log, ...cosigned, ...turningOf(auditShards), ...sequencing }),
            ] as const,
          ]
        : [];
    }),
  );
  const keeper = shredding ? startSubjectKeeper({ cities, subjects, log, ...shredding }) : null;
  const retirement =
    sequencing && auditShards?.archive && auditShards.retentionDays !== null
      ? startRetirement({
          cities: writers.all.flatMap((database) => {
            const own = keys.get(database.city.code);
            return own ? [{ database, audit: cities.of(database.city.code), keys: own }] : [];
          }),
          archive: auditShards.archive,
          retentionDays: auditShards.retentionDays,
          log,
        })
      : null;
  const prove = makeProve(cities, findPublication);
  const schema = buildSubgraphSchema({
    typeDefs: parse(readFileSync(new URL('../../schema/audit.graphql', import.meta.url), 'utf8')),
    resolvers: resolvers as never, // the library's type wants an index signature, the generated one has none
  });
  log.info('subgraph started', { cities: cities.codes });
  return {
    name: 'audit',
    french: FRENCH,
    schema,
    makeContext: makeContext({
      findEvents: makeFindEvents(cities, cursors),
      findTrail: makeFindTrail(cities, cursors),
      exportEvents: makeExportEvents(cities, cursors, prove),
      prove,
      verifyAuditLog: makeVerifyAuditLog(cities, keys, log, verifying),
      readEvents: makeReadEvents(cities),
      cityNames: (language) => makeCityNames(configs, language),
    }),
    health: async () => {
      // Beside the answer: what another process found shows a moment later, and a city that is silent holds up nothing.
      void witnessing.recount();
      return Object.fromEntries(await Promise.all(cities.all.map(async (db) => [db.city.code, await db.ping()] as const)));
    },
    transfer: makeServeLog(cities, { findPublication, policy: witnessing.policy, serveWitness: makeServeWitness(witnessing.witnesses) }),
    report: () => ({
      auditLog: Object.fromEntries(
        [...sequencers].map(([city, sequencer]) => {
          const { kind, ...more } = sequencer.state();
          return [city, { state: kind, ...more, ...witnessing.reportOf(city) }];
        }),
      ),
    }),
    stop: async () => {
      await Promise.all([keeper?.stop(), retirement?.stop()]);
      await Promise.all([...sequencers.values()].map((sequencer) => sequencer.stop()));
      await witnessing.stop();
      await Promise.all([cities.stop(), writers.stop()]);
    },
  };
};
