import { hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import type { CityConfig } from '#platform/config/city.ts';
import type { FilesConfig } from '#platform/config/files.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import { openCities } from '#platform/database/cities.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { KeysUnavailableError } from '#platform/keys/key-ring.ts';
import type { Log } from '#platform/observability/log.ts';
import { makeCursorCodec } from '#platform/paging/connection.ts';
import type { Context } from './context.ts';
import { makeCityNames } from './domain/city.ts';
import { resolvers } from './resolvers/index.ts';
import { closedVault } from './service/closed-vault.ts';
import type { Parts } from './service/parts.ts';

export type FilesSettings = {
  readonly cities: readonly CityConfig[];
  readonly secrets: Pick<Secrets, 'cursorKey' | 'sealingKeys'> & {
    readonly databasePasswords: Pick<Secrets['databasePasswords'], 'files'>;
  };
  readonly files: FilesConfig;
  readonly log: Log;
  readonly clock?: () => Date;
  /** Called at the steps of an act; a test ends the story there by throwing or by ending the process. */
  readonly faults?: Parts['fault'];
  /** How often what is owed, ended or erased is looked for, in milliseconds; 0: only when told. */
  readonly sweepEveryMs?: number;
};

/** The subgraph with its inner parts, for tests and benchmarks. */
export type Files = Subgraph<Context> & { readonly parts: Parts };

const typeDefs = parse(readFileSync(new URL('../../schema/files.graphql', import.meta.url), 'utf8'));

/** Starts the files subgraph: the one place where its parts are wired. */
export const startFiles = async (settings: FilesSettings): Promise<Files> => {
  const { secrets, log, files, clock = () => new Date(), faults = () => {} } = settings;
  const cities = openCities(settings.cities, { role: 'files', password: secrets.databasePasswords.files, maxWaiting: 1_000 });
  const away = async (): Promise<never> => {
    throw new KeysUnavailableError();
  };
  const parts: Parts = {
    cities,
    clock,
    cursors: makeCursorCodec(secrets.cursorKey),
    vault: closedVault(),
    keys: { currentKeyId: away, wrap: away, unwrap: away, makeKey: async () => null, stop: async () => {} },
    sealing: secrets.sealingKeys,
    addressKey: new Uint8Array(hkdfSync('sha256', Buffer.from(secrets.cursorKey, 'base64url'), '', 'caregraph files address', 32)),
    quotas: { patientBytes: files.patientQuotaBytes, cityBytes: files.cityQuotaBytes },
    log,
    fault: faults,
  };
  const schema = buildSubgraphSchema({ typeDefs, resolvers: resolvers as never }); // the library wants an index signature
  log.info('subgraph started', { cities: cities.codes });
  return {
    name: 'files',
    schema,
    makeContext: (caller) => ({ caller, viewer: caller.viewer, services: { city: makeCityNames(settings.cities, caller.language) } }),
    health: async () => Object.fromEntries(await Promise.all(cities.all.map(async (db) => [db.city.code, await db.ping()] as const))),
    stop: async () => {
      await parts.vault.stop();
      await parts.keys.stop();
      await cities.stop();
    },
    parts,
  };
};
