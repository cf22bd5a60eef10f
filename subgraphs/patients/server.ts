import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { makeTokenSigner } from '#platform/access/token.ts';
import type { Caller } from '#platform/access/viewer.ts';
import type { Spools } from '#platform/audit/spool.ts';
import type { CityConfig } from '#platform/config/city.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import { openCities } from '#platform/database/cities.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { makeCursorCodec } from '#platform/paging/connection.ts';
import type { Subjects } from '#platform/subjects/open-subjects.ts';
import type { Context } from './context.ts';
import { FRENCH } from './resolvers/french.ts';
import { resolvers } from './resolvers/index.ts';
import { type BundleImporter, makeImportBundle } from './service/import-bundle.ts';
import { makeServices } from './service/index.ts';
import { makeLoaders } from './service/loaders.ts';
import { makePasswords } from './service/passwords.ts';
import { PATIENT_ENTITIES } from './store/entities.ts';
import { forgetEnded } from './store/session-store.ts';

export type PatientsSettings = {
  readonly cities: readonly CityConfig[];
  readonly secrets: Secrets;
  readonly subjects: Pick<Subjects, 'of'>;
  /** Where entries of readings wait while a primary is gone; left out: such readings are refused. */
  readonly spools?: Spools | null;
  readonly log: Log;
  readonly clock?: () => Date;
  /** How many passwords are hashed at once; all processors but one by default. */
  readonly parallelHashes?: number;
};

const FORGET_MS = 15 * 60_000;

/** Starts the patients subgraph: the one place where its parts are wired. */
export const startPatients = async (settings: PatientsSettings): Promise<Subgraph<Context>> => {
  const { secrets, log, clock = () => new Date() } = settings;
  const [signToken, passwords] = await Promise.all([makeTokenSigner(secrets.tokenKey), makePasswords(settings.parallelHashes)]);
  const cities = openCities(settings.cities, {
    role: 'patients',
    password: secrets.databasePasswords.patients,
    entities: PATIENT_ENTITIES,
    subjects: settings.subjects,
    spools: settings.spools ?? null,
  });
  const services = makeServices({ cities, clock, cursors: makeCursorCodec(secrets.cursorKey), passwords, signToken });
  const configs = new Map(settings.cities.map((city) => [city.code, city]));
  const forgetting = setInterval(() => {
    for (const db of cities.all)
      forgetEnded(db).catch((error: unknown) =>
        log.warn('ended sessions were not cleared', { city: db.city.code, ...describeError(error) }),
      );
  }, FORGET_MS);
  forgetting.unref();
  return {
    name: 'patients',
    french: FRENCH,
    schema: buildSubgraphSchema({
      typeDefs: parse(readFileSync(new URL('../../schema/patients.graphql', import.meta.url), 'utf8')),
      resolvers: resolvers as never,
    }),
    makeContext: (caller: Caller): Context => ({
      caller,
      viewer: caller.viewer,
      services,
      loaders: makeLoaders(cities, caller),
      loadersFor: (viewer) => makeLoaders(cities, { ...caller, viewer }),
      cities: configs,
    }),
    health: async () => Object.fromEntries(await Promise.all(cities.all.map(async (db) => [db.city.code, await db.ping()] as const))),
    stop: async () => {
      clearInterval(forgetting);
      await cities.stop();
    },
  };
};

/** Opens the import of FHIR bundles, which runs in a process of its own beside the subgraph; `stop` ends its connections. */
export const openImport = (
  settings: Pick<PatientsSettings, 'cities' | 'secrets' | 'subjects' | 'clock'>,
): { readonly importBundle: BundleImporter; readonly isReachable: () => Promise<boolean>; readonly stop: () => Promise<void> } => {
  const { secrets, clock = () => new Date() } = settings;
  const cities = openCities(settings.cities, {
    role: 'patients',
    password: secrets.databasePasswords.patients,
    maxConnections: 2,
    subjects: settings.subjects,
  });
  return {
    importBundle: makeImportBundle({ cities, clock }),
    isReachable: async () => (await Promise.all(cities.all.map((db) => db.ping()))).some((answers) => answers),
    stop: cities.stop,
  };
};
