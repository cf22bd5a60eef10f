import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import type { CityConfig } from '#platform/config/city.ts';
import type { FilesConfig } from '#platform/config/files.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import { openCities } from '#platform/database/cities.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import type { Context } from './context.ts';
import { makeCityNames } from './domain/city.ts';
import { resolvers } from './resolvers/index.ts';

export type FilesSettings = {
  readonly cities: readonly CityConfig[];
  readonly secrets: Pick<Secrets, 'cursorKey' | 'sealingKeys'> & {
    readonly databasePasswords: Pick<Secrets['databasePasswords'], 'files'>;
  };
  readonly files: FilesConfig;
  readonly log: Log;
};

/** Starts the files subgraph: for now it knows the cities and watches its databases. */
export const startFiles = async ({ cities: configs, secrets, log }: FilesSettings): Promise<Subgraph<Context>> => {
  const cities = openCities(configs, { role: 'files', password: secrets.databasePasswords.files });
  const schema = buildSubgraphSchema({
    typeDefs: parse(readFileSync(new URL('../../schema/files.graphql', import.meta.url), 'utf8')),
    resolvers: resolvers as never, // the library's type wants an index signature, the generated one has none
  });
  log.info('subgraph started', { cities: cities.codes });
  return {
    name: 'files',
    schema,
    makeContext: (caller) => ({ caller, viewer: caller.viewer, services: { city: makeCityNames(configs, caller.language) } }),
    health: async () => Object.fromEntries(await Promise.all(cities.all.map(async (db) => [db.city.code, await db.ping()] as const))),
    stop: () => cities.stop(),
  };
};
