import fs from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { type CityConfig, HOME_CITIES } from '#platform/config/city.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import { makeFolders } from '#platform/disk/make-folders.ts';
import { replaceFile } from '#platform/disk/replace-file.ts';
import type { Log } from '#platform/observability/log.ts';
import { makeQueue } from '#platform/pure/turns.ts';
import { findAccount } from './account.ts';
import { findBinaries } from './binaries.ts';
import { type EmbeddedCity, holdsClusters, type ManagedCity, makeCity, type NodeName } from './city.ts';
import { EmbeddedFailure, toPlainFailure } from './failure.ts';
import { makeFolder, readText } from './files.ts';
import { takeLock } from './lock.ts';
import { isFree, pickPort } from './ports.ts';
import { loadSecrets } from './secrets.ts';
import { DATABASE, SUPERUSER } from './setup.ts';

export type { EmbeddedCity } from './city.ts';
export { EmbeddedFailure } from './failure.ts';

/** The running network: a cluster for each city, on 127.0.0.1. */
export type EmbeddedNetwork = {
  /** With the servers' addresses. */
  readonly cities: readonly CityConfig[];
  readonly secrets: Secrets;
  /** For migrations and tests; the same in every city. */
  readonly superuser: { readonly user: string; readonly password: string };
  /** Whether the data was made by this start. */
  readonly firstStart: boolean;
  /** Throws EmbeddedFailure for a code the network does not have. */
  city(code: string): EmbeddedCity;
  /** Ends every server, also adopted ones, and gives the data folder free. */
  stop(): Promise<void>;
};

export type EmbeddedOptions = {
  /** Made when it is not there. */
  readonly dataDir: string;
  /** The home cities unless told otherwise. */
  readonly cities?: readonly Omit<CityConfig, 'nodes' | 'database' | 'tls'>[];
  readonly log: Log;
  /** Hears short lines about how far the start has come. */
  readonly onProgress?: (step: string) => void;
  /** Off only where the data is thrown away. */
  readonly fsync?: boolean;
  readonly standbys?: boolean;
  /** Account the servers run as when this process is root. */
  readonly runAs?: string | undefined;
};

const NEEDED_BYTES_PER_SERVER = 150 * 1024 * 1024;

const portsFile = z.object({
  version: z.literal(1),
  ports: z.record(z.string(), z.record(z.string(), z.number().int().min(1024).max(65_535))),
});
type Ports = z.infer<typeof portsFile>['ports'];

const readPorts = async (file: string): Promise<Ports> => {
  try {
    return portsFile.parse(JSON.parse((await readText(file)) ?? '')).ports;
  } catch {
    // Ports are only remembered for convenience: others will do.
    return {};
  }
};

const makeDataDir = async (dataDir: string): Promise<void> => {
  await makeFolders(path.dirname(dataDir));
  await makeFolder(dataDir, 0o700);
  // The servers' account, where it is another one, passes through to its own folder by a folder handle, or by these bits.
  await makeFolder(path.join(dataDir, 'cities'), 0o711);
  await makeFolder(path.join(dataDir, 'logs'), 0o700);
};

/** The owner of data that is there, so that the servers run as the account that made it. */
const findOwner = async (citiesFolder: string, codes: readonly string[]): Promise<{ uid: number; gid: number } | null> => {
  for (const code of codes) {
    for (const name of ['a', 'b']) {
      const stat = await fs.stat(path.join(citiesFolder, code, name)).catch(() => null);
      if (stat !== null) return { uid: stat.uid, gid: stat.gid };
    }
  }
  return null;
};

const requireSpace = async (dataDir: string, servers: number): Promise<void> => {
  const { bavail, bsize } = await fs.statfs(dataDir);
  const needed = servers * NEEDED_BYTES_PER_SERVER;
  if (bavail * bsize >= needed) return;
  const megabytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);
  throw new EmbeddedFailure(
    `The disk of ${dataDir} has ${megabytes(bavail * bsize)} MB free; a first start takes about ${megabytes(needed)} MB. Free some space, or choose another DATA_DIR.`,
  );
};

const requireAccess = (dataDir: string, uid: number): void => {
  const mine = process.getuid?.();
  if (mine === undefined || mine === 0 || uid === mine) return;
  throw new EmbeddedFailure(
    `The data in ${dataDir} belongs to another account (uid ${uid}). Start as that account, or choose another DATA_DIR.`,
  );
};

/** Ports of all nodes: remembered, and another one where somebody else has taken it. */
const makePortBook = async (dataDir: string) => {
  const file = path.join(dataDir, 'network.json');
  const ports = await readPorts(file);
  const taken = (): Set<number> => new Set(Object.values(ports).flatMap((nodes) => Object.values(nodes)));
  /** One after the other, so that no two nodes get the same. */
  const inTurn = makeQueue();
  const pick = async (code: string, name: NodeName): Promise<void> => {
    const port = await pickPort(dataDir, taken());
    ports[code] = { ...ports[code], [name]: port };
  };
  return {
    /** Zero before a port has been given. */
    portOf: (code: string, name: NodeName): number => ports[code]?.[name] ?? 0,
    set: (code: string, name: NodeName, port: number): void => {
      ports[code] = { ...ports[code], [name]: port };
    },
    ensureFree: (code: string, name: NodeName): Promise<void> =>
      inTurn(async () => {
        const port = ports[code]?.[name];
        if (port === undefined || !(await isFree(port))) await pick(code, name);
      }),
    pickAgain: (code: string, name: NodeName): Promise<void> => inTurn(() => pick(code, name)),
    save: (): Promise<void> => inTurn(() => replaceFile(file, `${JSON.stringify({ version: 1, ports }, null, 2)}\n`, { sync: 'none' })),
  };
};

const startLocked = async (options: EmbeddedOptions, dataDir: string, releaseLock: () => Promise<void>): Promise<EmbeddedNetwork> => {
  const { log, fsync = true, standbys = true, onProgress = () => undefined } = options;
  const cityList = options.cities ?? HOME_CITIES;
  const wrong = cityList.find(
    (city, index) => !/^[A-Z]{3}$/.test(city.code) || cityList.findIndex((other) => other.code === city.code) !== index,
  );
  if (wrong !== undefined) throw new EmbeddedFailure(`"${wrong.code}" is no code of a city, or is given twice: three capitals, each once.`);
  const citiesFolder = path.join(dataDir, 'cities');
  const codes = cityList.map((city) => city.code);
  const owner = await findOwner(citiesFolder, codes);
  if (owner !== null) requireAccess(dataDir, owner.uid);
  const account = findAccount(options.runAs ?? process.env['PG_RUN_AS'], owner);
  const firstStart = !(await holdsClusters(citiesFolder));
  const secrets = await loadSecrets(dataDir, !firstStart);
  if (firstStart) await requireSpace(dataDir, cityList.length * (standbys ? 2 : 1));
  const binaries = await findBinaries(account, dataDir, { onCopy: (folder) => onProgress(`PostgreSQL runs from ${folder}`) });

  const book = await makePortBook(dataDir);
  let portsAreTold = false;
  const cities: ManagedCity[] = await Promise.all(
    codes.map(async (code) => {
      const folder = path.join(citiesFolder, code);
      await makeFolder(folder, 0o711);
      return makeCity({
        code,
        folder,
        logFolder: path.join(dataDir, 'logs'),
        binaries,
        account,
        secrets,
        log,
        fsync,
        hasStandby: standbys,
        onProgress,
        portOf: (name) => book.portOf(code, name),
        choosePort: async (name) => {
          if (portsAreTold) return false;
          await book.pickAgain(code, name);
          await book.save();
          return true;
        },
      });
    }),
  );

  // Servers and timers hold no process by themselves; a network that runs does, until it is stopped.
  const keepAlive = setInterval(() => undefined, 60_000);
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= Promise.all(cities.map((city) => city.close()))
      .then(releaseLock)
      .finally(() => clearInterval(keepAlive));
    return stopping;
  };
  try {
    await Promise.all(cities.map((city) => city.adopt()));
    for (const city of cities) {
      for (const node of city.nodes) {
        if (node.pid === null) await book.ensureFree(city.code, node.name);
        else book.set(city.code, node.name, node.port);
      }
    }
    await book.save();
    // All of them come to an end before anything is stopped again.
    const opened = await Promise.allSettled(cities.map((city) => city.open()));
    const failed = opened.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  } catch (error) {
    await stop();
    throw error;
  }
  portsAreTold = true;

  const byCode = new Map(cities.map((city) => [city.code, city]));
  return {
    cities: cityList.map((city) => ({
      ...city,
      database: DATABASE,
      tls: false,
      nodes: (byCode.get(city.code)?.nodes ?? []).map((node) => ({ host: '127.0.0.1', port: node.port })),
    })),
    secrets: secrets.secrets,
    superuser: { user: SUPERUSER, password: secrets.superuserPassword },
    firstStart,
    city: (code) => {
      const found = byCode.get(code);
      if (found === undefined) throw new EmbeddedFailure(`The network has no city ${code}.`);
      return found;
    },
    stop,
  };
};

/**
 * Brings up every city's servers, or takes over those that a killed process left running. Resolves when all primaries take connections
 * and have roles, database and extensions; standbys follow behind, and commits wait for a standby once it streams.
 * Throws EmbeddedFailure, with a message for people, when it cannot; nothing runs then.
 */
export const startEmbeddedNetwork = async (options: EmbeddedOptions): Promise<EmbeddedNetwork> => {
  const dataDir = path.resolve(options.dataDir);
  try {
    await makeDataDir(dataDir);
    const releaseLock = await takeLock(dataDir);
    try {
      return await startLocked(options, dataDir, releaseLock);
    } catch (error) {
      await releaseLock();
      throw error;
    }
  } catch (error) {
    throw toPlainFailure(error, dataDir);
  }
};
