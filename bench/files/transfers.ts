import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { initSubjectKeys } from '#audit/service/init-subject-keys.ts';
import type { EmbeddedNetwork } from '#embedded/network.ts';
import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { makeTokenSigner } from '#platform/access/token.ts';
import { readStartConfig } from '#platform/config/env.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import { newId } from '#platform/database/new-id.ts';
import { makeLog } from '#platform/observability/log.ts';
import { endChild, interrupted, withNetwork } from '../ending.ts';
import { type Figure, makeFigure, median } from '../figure.ts';
import type { Job, Person, Told } from './client.ts';
import type { ServerSettings, Usage } from './server.ts';

const MIB = 1_048_576;
const GIB = 1_073_741_824;
const SIZES = [
  { name: '64 MiB', bytes: 64 * MIB, rounds: 7 },
  { name: '1 GiB', bytes: GIB, rounds: 3 },
] as const;
/** Share of plain copies that has to be reached. */
const GOAL = 0.3;
const INLINE_BYTES = 65_536;
const INLINE_MS = 3_000;
const INLINE_ROUNDS = 3;
const AT_ONCE = 100;
const AT_ONCE_BYTES = 32 * MIB;
/** MiB by which the server may grow. */
const MAX_GROWTH = { one: 32, many: 128 };
const NEEDED_BYTES = 24 * GIB;
const DEADLINE_MS = 300_000;
const SAMPLE_MS = 20;
const CITY = 'MTL';

type Child<M, A> = { readonly ask: (message: M) => Promise<A>; readonly pid: number; readonly stop: () => Promise<void> };

const start = <M extends object | string, A>(module: string): Child<M, A> => {
  interrupted.throwIfAborted();
  const child: ChildProcess = fork(new URL(module, import.meta.url), [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  endChild(child);
  const gone = once(child, 'exit');
  return {
    pid: child.pid ?? 0,
    ask: async (message) => {
      const ended = new AbortController();
      const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(DEADLINE_MS)]);
      try {
        const answer = once(child, 'message', { signal });
        child.send(message);
        const [given] = (await Promise.race([
          answer,
          gone.then(([code]) => Promise.reject(new Error(`${module} ended with ${code}`))),
        ])) as [A];
        return given;
      } finally {
        ended.abort();
      }
    },
    stop: async () => {
      if (child.connected) child.disconnect();
      await gone;
    },
  };
};
type Server = Child<ServerSettings | 'usage', Usage & { readonly url: string }>;
type Client = Child<Job, Told>;

/** So many patients, with fresh tokens each time. */
type People = (count: number) => Promise<readonly Person[]>;
const populate = async ({ cities, secrets, superuser }: EmbeddedNetwork): Promise<People> => {
  const city = cities.find(({ code }) => code === CITY);
  if (!city) throw new Error(`no city ${CITY}`);
  const client = new pg.Client({ ...city.nodes[0], ...superuser, database: city.database });
  await client.connect();
  const patientIds = Array.from({ length: AT_ONCE }, () => newId(CITY, 'pat'));
  try {
    await client.query(
      `insert into patients.patient (city, id, family, given, name_text, birth_date) select $1, id, 'Bench', '{Bench}', 'Bench Bench', '1980-01-01' from unnest($2::text[]) id`,
      [CITY, patientIds],
    );
  } finally {
    await client.end();
  }
  const sign = await makeTokenSigner(secrets.tokenKey);
  const viewers = patientIds.map((patientId) => ({
    accountId: newId(CITY, 'acc'),
    role: 'P' as const,
    city: CITY,
    patientId,
    practitionerId: null,
    sessionId: newId(CITY, 'ses'),
  }));
  return (count) =>
    Promise.all(viewers.slice(0, count).map(async (viewer) => ({ patientId: viewer.patientId, token: await sign(viewer) })));
};

const statusOf = (pid: number, name: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;
/** Whether the kernel counts a process' highest memory anew when it is told to (Linux). */
const canReset = (pid: number): boolean => {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
};

/** Bytes by which the server's memory rises at most while `work` is done: as the kernel counts it, or by asking every 20 ms. */
const growthOf = async (server: Server, work: () => Promise<unknown>): Promise<number> => {
  if (canReset(server.pid)) {
    const before = statusOf(server.pid, 'VmRSS');
    await work();
    return statusOf(server.pid, 'VmHWM') - before;
  }
  const before = (await server.ask('usage')).rssBytes;
  let highest = before;
  let isDone = false;
  const sampling = (async () => {
    while (!isDone) {
      highest = Math.max(highest, (await server.ask('usage')).rssBytes);
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
  })();
  try {
    await work();
  } finally {
    isDone = true;
    await sampling;
  }
  return highest - before;
};

/**
 * Files through the whole system: databases with synchronous standbys, all servers in one process behind a real socket, two stores in folders
 * of one disk, and a client in a process of its own; against plain copies that the same client writes and reads in the same folder, in turns.
 * Server, client and databases share the machine's cores, so the client's work counts against the system and not against the copies.
 */
export const measureTransfers = async (say: (line: string) => void): Promise<readonly Figure[]> => {
  const { bavail, bsize } = statfsSync(tmpdir());
  if (bavail * bsize < NEEDED_BYTES)
    throw new Error(`the files benchmark needs ${NEEDED_BYTES / GIB} GiB of free space in the folder for temporary files (TMPDIR)`);
  return withNetwork(makeLog('bench', 'error', 2), async (network, dataDir) => {
    const client: Client = start('./client.ts');
    const servers: Server[] = [];
    try {
      const { cities, secrets } = network;
      const migrator = { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS };
      await Promise.all(cities.map((city) => migrateCity(city, migrator)));
      const people = await populate(network);
      const somebody = async (): Promise<Person> => {
        const [person] = await people(1);
        if (!person) throw new Error('nobody is there');
        return person;
      };
      const deadline = Date.now() + 20_000;
      while (cities.some(({ code }) => !network.city(code).synchronous) && Date.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 50));
      const copies = path.join(dataDir, 'files', 'copies');
      mkdirSync(copies, { recursive: true });
      const begin = async (): Promise<{ readonly server: Server; readonly url: string }> => {
        const server: Server = start('./server.ts');
        servers.push(server);
        const { files, subjects } = readStartConfig({ DATA_DIR: dataDir });
        await initSubjectKeys({ cities, secrets, subjects });
        const { url } = await server.ask({ cities, secrets, files, subjects });
        return { server, url };
      };
      const end = async (server: Server): Promise<void> => {
        servers.splice(servers.indexOf(server), 1);
        await server.stop();
      };
      const figures: Figure[] = [];
      const mibOf = (bytes: number): number => Math.max(1, bytes / MIB);

      const { server, url } = await begin();
      const upload = async (at: string, bytes: number): Promise<Told> =>
        client.ask({ kind: 'upload', url: at, bytes, people: await people(1) });
      const download = async (at: string, bytes: number, fileId = ''): Promise<Told> =>
        client.ask({ kind: 'download', url: at, bytes, fileId, person: await somebody() });
      for (const { name, bytes, rounds } of SIZES) {
        const speeds = { upload: [] as number[], download: [] as number[], write: [] as number[], read: [] as number[] };
        const ratios = { upload: [] as number[], download: [] as number[] };
        const cpu = { upload: [] as number[], download: [] as number[] };
        for (let round = -1; round < rounds; round++) {
          const written = await client.ask({ kind: 'write', folder: copies, bytes });
          const before = await server.ask('usage');
          const sent = await upload(url, bytes);
          const between = await server.ask('usage');
          // What was just written lies in the page cache: of both.
          const readBack = await client.ask({ kind: 'read', folder: copies });
          const idle = await server.ask('usage');
          const fetched = await download(url, bytes, sent.fileIds[0]);
          const after = await server.ask('usage');
          if (round < 0) continue;
          speeds.write.push(bytes / written.seconds / 1e6);
          speeds.upload.push(bytes / sent.seconds / 1e6);
          speeds.read.push(bytes / readBack.seconds / 1e6);
          speeds.download.push(bytes / fetched.seconds / 1e6);
          ratios.upload.push(written.seconds / sent.seconds);
          ratios.download.push(readBack.seconds / fetched.seconds);
          cpu.upload.push(bytes / (between.cpuSeconds - before.cpuSeconds) / 1e6);
          cpu.download.push(bytes / (after.cpuSeconds - idle.cpuSeconds) / 1e6);
          say(
            `files: ${name}, up ${speeds.upload.at(-1)?.toFixed(0)} of ${speeds.write.at(-1)?.toFixed(0)}, down ${speeds.download.at(-1)?.toFixed(0)} of ${speeds.read.at(-1)?.toFixed(0)} MB/s`,
          );
        }
        for (const [way, against] of [
          ['upload', 'two flushed copies'],
          ['download', 'reading one copy'],
        ] as const) {
          const value = median(speeds[way]);
          figures.push(makeFigure(`files: ${way} ${name}, against ${against}`, value, 'MB/s', value / median(ratios[way]), GOAL));
          figures.push(makeFigure(`files: ${way} ${name}, by the servers' processor time`, median(cpu[way]), 'MB per CPU second'));
        }
      }
      await client.ask({ kind: 'clear', folder: copies });

      for (const how of ['inline', 'sealed'] as const) {
        const common = { url, bytes: INLINE_BYTES, person: await somebody() };
        const rates: Record<'upload' | 'download', number[]> = { upload: [], download: [] };
        for (let round = -1; round < INLINE_ROUNDS; round++) {
          const sent = await client.ask({ ...common, ms: INLINE_MS, kind: `${how}-upload`, fileIds: [] });
          const fetched = await client.ask({ ...common, ms: INLINE_MS, kind: `${how}-download`, fileIds: sent.fileIds });
          if (round < 0) continue;
          rates.upload.push(sent.perSecond);
          rates.download.push(fetched.perSecond);
          say(`files: 64 KiB ${how}, up ${sent.perSecond.toFixed(0)}/s, down ${fetched.perSecond.toFixed(0)}/s`);
        }
        for (const way of ['upload', 'download'] as const)
          figures.push(
            makeFigure(`files: ${way} of 64 KiB within the graph${how === 'sealed' ? ', sealed' : ''}`, median(rates[way]), '1/s'),
          );
      }
      await end(server);

      // Memory is measured on servers that have carried 64 MiB each way before, so that code and its heap are there.
      const fresh = async <T>(work: (server: Server, url: string) => Promise<T>): Promise<T> => {
        const begun = await begin();
        const { fileIds } = await upload(begun.url, 64 * MIB);
        await download(begun.url, 64 * MIB, fileIds[0]);
        const told = await work(begun.server, begun.url);
        await end(begun.server);
        return told;
      };
      const one = await fresh((measured, at) =>
        growthOf(measured, async () => {
          const { fileIds } = await upload(at, GIB);
          await download(at, GIB, fileIds[0]);
        }),
      );
      say(`files: one of 1 GiB up and down, the servers grew by ${(one / MIB).toFixed(1)} MiB`);
      const many = await fresh((measured, at) =>
        growthOf(measured, async () => client.ask({ kind: 'upload', url: at, bytes: AT_ONCE_BYTES, people: await people(AT_ONCE) })),
      );
      say(`files: ${AT_ONCE} uploads of 32 MiB at once, the servers grew by ${(many / MIB).toFixed(1)} MiB`);
      figures.push(
        makeFigure('files: 1 GiB up and down, growth allowed over growth seen', MAX_GROWTH.one, 'MiB', mibOf(one), 1),
        makeFigure(`files: ${AT_ONCE} uploads of 32 MiB at once, growth allowed over growth seen`, MAX_GROWTH.many, 'MiB', mibOf(many), 1),
      );
      return figures;
    } finally {
      await Promise.all([...servers, client].map((child) => child.stop()));
    }
  });
};
