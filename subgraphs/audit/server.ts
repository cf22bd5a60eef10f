import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import type { CityConfig } from '#platform/config/city.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import { openCities } from '#platform/database/cities.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { makeCursorCodec } from '#platform/paging/connection.ts';
import { type Context, makeContext } from './context.ts';
import { makeCityNames } from './domain/city.ts';
import { resolvers } from './resolvers/index.ts';
import { makeFindEvents } from './service/find-events.ts';
import { makeReadEvents } from './service/read-events.ts';

export type AuditSettings = {
  readonly cities: readonly CityConfig[];
  readonly secrets: Pick<Secrets, 'cursorKey'> & { readonly databasePasswords: Pick<Secrets['databasePasswords'], 'audit'> };
  readonly log: Log;
};

/** Starts the audit subgraph: the acts of the network as auditors read them. */
export const startAudit = async ({ cities: configs, secrets, log }: AuditSettings): Promise<Subgraph<Context>> => {
  const cities = openCities(configs, { role: 'audit', password: secrets.databasePasswords.audit });
  const schema = buildSubgraphSchema({
    typeDefs: parse(readFileSync(new URL('../../schema/audit.graphql', import.meta.url), 'utf8')),
    resolvers: resolvers as never, // the library's type wants an index signature, the generated one has none
  });
  log.info('subgraph started', { cities: cities.codes });
  return {
    name: 'audit',
    schema,
    makeContext: makeContext({
      findEvents: makeFindEvents(cities, makeCursorCodec(secrets.cursorKey)),
      readEvents: makeReadEvents(cities),
      cityNames: (language) => makeCityNames(configs, language),
    }),
    health: async () => Object.fromEntries(await Promise.all(cities.all.map(async (db) => [db.city.code, await db.ping()] as const))),
    stop: () => cities.stop(),
  };
};
