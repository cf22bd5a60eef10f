import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import type { CityConfig } from '#platform/config/city.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import { openCities } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { makeCursorCodec } from '#platform/paging/connection.ts';
import { type Context, makeContext } from './context.ts';
import { makeCityNames } from './domain/city.ts';
import { resolvers } from './resolvers/index.ts';
import { makeFindEvents, makeFindTrail } from './service/find-events.ts';
import { checkLog, rebuildLog } from './service/keep-log.ts';
import { type Keyring, openKeyring } from './service/log-key.ts';
import { makeProve } from './service/prove.ts';
import { makeReadEvents } from './service/read-events.ts';
import { type SequencerSettings, startSequencer } from './service/sequencer.ts';
import { makeServeLog } from './service/serve-log.ts';

export type AuditSettings = {
  readonly cities: readonly CityConfig[];
  readonly secrets: Pick<Secrets, 'cursorKey' | 'logKeys'> & {
    readonly databasePasswords: Pick<Secrets['databasePasswords'], 'audit' | 'sequencer'>;
  };
  readonly log: Log;
  /** How the sequencers of the cities' logs go about it; null: none runs in this process. */
  readonly sequencing?: Pick<SequencerSettings, 'pollMs' | 'maxBatch' | 'recheckMs' | 'standbyMs'> | null;
};

/** The keys of the cities' logs that are there. */
const openLogKeys = (secrets: Pick<Secrets, 'logKeys'>): ReadonlyMap<string, Keyring> =>
  new Map(Object.entries(secrets.logKeys).map(([city, keys]) => [city, openKeyring(keys)]));

/** What keeps the logs, for the command line: checks and rebuilds them beside whatever signs them. */
export const openLogKeeper = ({ cities: configs, secrets }: Pick<AuditSettings, 'cities' | 'secrets'>) => {
  const cities = openCities(configs, { role: 'sequencer', password: secrets.databasePasswords.sequencer, maxConnections: 1 });
  const keys = openLogKeys(secrets);
  const run =
    <T>(work: (database: CityDatabase, keys: Keyring, shard: number | null) => Promise<T>) =>
    (city: string, shard: number | null = null): Promise<T> => {
      const own = keys.get(city);
      if (!own) throw new Error(`there is no key for the log of city ${city}`);
      return work(cities.of(city), own, shard);
    };
  return { check: run(checkLog), rebuild: run(rebuildLog), stop: cities.stop };
};

/** Starts the audit subgraph: the acts of the network as auditors read them, and the log that proves them. */
export const startAudit = async ({ cities: configs, secrets, log, sequencing = {} }: AuditSettings): Promise<Subgraph<Context>> => {
  const cities = openCities(configs, { role: 'audit', password: secrets.databasePasswords.audit });
  const writers = openCities(configs, { role: 'sequencer', password: secrets.databasePasswords.sequencer, maxConnections: 1 });
  const keys = openLogKeys(secrets);
  const cursors = makeCursorCodec(secrets.cursorKey);
  const sequencers = new Map(
    writers.all.flatMap((database) => {
      const own = keys.get(database.city.code);
      return own && sequencing ? [[database.city.code, startSequencer({ database, keys: own, log, ...sequencing })] as const] : [];
    }),
  );
  const schema = buildSubgraphSchema({
    typeDefs: parse(readFileSync(new URL('../../schema/audit.graphql', import.meta.url), 'utf8')),
    resolvers: resolvers as never, // the library's type wants an index signature, the generated one has none
  });
  log.info('subgraph started', { cities: cities.codes });
  return {
    name: 'audit',
    schema,
    makeContext: makeContext({
      findEvents: makeFindEvents(cities, cursors),
      findTrail: makeFindTrail(cities, cursors),
      prove: makeProve(cities),
      readEvents: makeReadEvents(cities),
      cityNames: (language) => makeCityNames(configs, language),
    }),
    health: async () => Object.fromEntries(await Promise.all(cities.all.map(async (db) => [db.city.code, await db.ping()] as const))),
    transfer: makeServeLog(cities),
    report: () => ({
      auditLog: Object.fromEntries(
        [...sequencers].map(([city, sequencer]) => {
          const { kind, ...more } = sequencer.state();
          return [city, { state: kind, ...more }];
        }),
      ),
    }),
    stop: async () => {
      await Promise.all([...sequencers.values()].map((sequencer) => sequencer.stop()));
      await Promise.all([cities.stop(), writers.stop()]);
    },
  };
};
