import { hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import type { Spools } from '#platform/audit/spool.ts';
import { openStore } from '#platform/blobs/open-store.ts';
import type { BlobStore } from '#platform/blobs/store.ts';
import type { CityConfig } from '#platform/config/city.ts';
import type { FilesConfig } from '#platform/config/files.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { openKeys } from '#platform/keys/open-keys.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { makeCursorCodec } from '#platform/paging/connection.ts';
import { serverKeyOf } from '#platform/sealing/seal.ts';
import type { Subjects } from '#platform/subjects/open-subjects.ts';
import { openVault } from '#platform/vault/open-vault.ts';
import type { Context, Services } from './context.ts';
import { makeCityNames } from './domain/city.ts';
import { ALLOWED_TYPES } from './domain/content-type.ts';
import { FRENCH } from './resolvers/french.ts';
import { resolvers } from './resolvers/index.ts';
import { makeChangeFile } from './service/change-file.ts';
import { makeLoaders } from './service/loaders.ts';
import { makeDamageNotes } from './service/maintenance/damage-notes.ts';
import { type Maintenance, startMaintenance } from './service/maintenance/start-maintenance.ts';
import type { Parts } from './service/parts.ts';
import { makeReadContent } from './service/read-content.ts';
import { makeReadFiles } from './service/read-files.ts';
import { makeRotateKeys } from './service/rotate-keys.ts';
import { makeFindFileTasks, makeScrubFiles } from './service/scrub-files.ts';
import { makeTransfers } from './service/transfer/make-transfers.ts';
import { makeUploadFile } from './service/upload-file.ts';
import { makeWriteTurns } from './service/write-turns.ts';
import { keepsContents } from './store/file-store.ts';

export type FilesSettings = {
  readonly cities: readonly CityConfig[];
  readonly secrets: Pick<Secrets, 'cursorKey' | 'sealingKeys'> & {
    readonly databasePasswords: Pick<Secrets['databasePasswords'], 'files'>;
  };
  readonly files: FilesConfig;
  readonly subjects: Pick<Subjects, 'of'>;
  /** Where entries of readings wait while a primary is gone; left out: such readings are refused. */
  readonly spools?: Spools | null;
  readonly log: Log;
  readonly clock?: () => Date;
  /** Called at the steps of an act; a test ends the story there by throwing or by ending the process. */
  readonly faults?: Parts['fault'];
  /** How often what is owed, ended or erased is looked for, in milliseconds; 0: only when told. */
  readonly sweepEveryMs?: number;
};

/** The subgraph with its inner parts, for tests and benchmarks. */
export type Files = Subgraph<Context> & { readonly parts: Parts & { readonly maintenance: Maintenance } };

const typeDefs = parse(readFileSync(new URL('../../schema/files.graphql', import.meta.url), 'utf8'));

/** Whether no city keeps a content, so that an empty folder is a new store and no disk that is missing. A city that is down may keep some. */
const isNewNetwork = async (cities: Cities): Promise<boolean> => {
  const found = await Promise.allSettled(cities.all.map(keepsContents));
  return found.every((each) => each.status === 'fulfilled' && !each.value);
};

/** Looks whether a store is there; without it the subgraph starts all the same, and whoever needs the store waits for it. */
const look = async (store: BlobStore, log: Log): Promise<void> => {
  try {
    await store.head('look');
  } catch (error) {
    log.error('a store is not there', { store: store.name, ...describeError(error) });
  }
};

/** Starts the files subgraph: the one place where its parts are wired. */
export const startFiles = async (settings: FilesSettings): Promise<Files> => {
  const { secrets, log, files, clock = () => new Date(), faults: fault = () => {} } = settings;
  const cities = openCities(settings.cities, {
    role: 'files',
    password: secrets.databasePasswords.files,
    maxWaiting: 1_000,
    subjects: settings.subjects,
    spools: settings.spools ?? null,
  });
  const opened: { readonly stop: () => Promise<void> }[] = [cities];
  try {
    const create = await isNewNetwork(cities);
    const open = async (name: 'primary' | 'backup'): Promise<BlobStore> => {
      const store = await openStore(name, files[name], { create });
      opened.unshift(store);
      await look(store, log);
      return store;
    };
    const stores = { primary: await open('primary'), backup: await open('backup') };
    const keys = await openKeys(files.keys, cities.codes);
    opened.unshift(keys);
    const notes = makeDamageNotes({ cities, log });
    const vault = openVault({ stores, keys, log, fault, events: notes });
    const parts: Parts = {
      cities,
      clock,
      cursors: makeCursorCodec(secrets.cursorKey),
      vault,
      keys,
      sealing: secrets.sealingKeys,
      addressKey: new Uint8Array(hkdfSync('sha256', Buffer.from(secrets.cursorKey, 'base64url'), '', 'caregraph files address', 32)),
      quotas: { patientBytes: files.patientQuotaBytes, cityBytes: files.cityQuotaBytes },
      inTurn: makeWriteTurns(),
      log,
      fault,
    };
    const serverKey = serverKeyOf(secrets.sealingKeys);
    const { transfer, ...transfers } = makeTransfers(parts);
    const services: Services = {
      ...makeReadFiles(parts),
      ...makeReadContent(parts),
      ...makeChangeFile(parts),
      ...transfers,
      uploadFile: makeUploadFile(parts),
      rotateKeys: makeRotateKeys(parts),
      scrubFiles: makeScrubFiles(parts),
      fileTasks: makeFindFileTasks(parts),
      serverKey: () => serverKey,
    };
    const schema = buildSubgraphSchema({ typeDefs, resolvers: resolvers as never }); // the library wants an index signature
    const maintenance = startMaintenance(parts, {
      notes,
      ...(settings.sweepEveryMs === undefined ? {} : { everyMs: settings.sweepEveryMs }),
    });
    log.info('subgraph started', { cities: cities.codes });
    return {
      name: 'files',
      french: FRENCH,
      schema,
      makeContext: (caller) => ({
        caller,
        viewer: caller.viewer,
        services,
        loaders: makeLoaders(cities, caller),
        city: makeCityNames(settings.cities, caller.language),
        allowedTypes: ALLOWED_TYPES,
      }),
      transfer,
      health: async () => Object.fromEntries(await Promise.all(cities.all.map(async (db) => [db.city.code, await db.ping()] as const))),
      // What uses the stores first, the stores with their keys, then the databases.
      stop: async () => {
        await maintenance.stop();
        await vault.stop();
        await cities.stop();
      },
      parts: { ...parts, maintenance },
    };
  } catch (error) {
    for (const each of opened) await each.stop();
    throw error;
  }
};
