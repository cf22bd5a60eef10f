import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { EmbeddedNetwork } from '#embedded/network.ts';
import { HOME_CITIES } from '#platform/config/city.ts';
import type { Log } from '#platform/observability/log.ts';

export const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('tests that drop from root to another account are left out: this is not root');
export const MONTREAL = HOME_CITIES.filter((city) => city.code === 'MTL');

/** A folder of our own; `cleanUp` removes what was made. */
export const makeTempFolders = () => {
  const made: string[] = [];
  return {
    make: async (): Promise<string> => {
      const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'embedded-test-'));
      made.push(folder);
      return folder;
    },
    cleanUp: async (): Promise<void> => {
      for (const folder of made.splice(0)) await fs.rm(folder, { recursive: true, force: true });
    },
  };
};

/** A log that keeps what it is told. */
export const makeMemoryLog = (): { log: Log; lines: string[] } => {
  const lines: string[] = [];
  const keep = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  return { log: { debug: keep, info: keep, warn: keep, error: keep }, lines };
};

export const waitUntil = async (condition: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<number> => {
  const begin = performance.now();
  while (!(await condition())) {
    if (performance.now() - begin > limitMs) throw new Error('waited in vain');
    await sleep(10);
  }
  return performance.now() - begin;
};

export const connect = async (port: number, user: string, password: string, database = 'caregraph'): Promise<pg.Client> => {
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database, connectionTimeoutMillis: 3_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

export const portOf = (network: EmbeddedNetwork, code: string, name: 'a' | 'b'): number => {
  const node = network.city(code).nodes.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`no node ${name}`);
  return node.port;
};

export const pidOf = (network: EmbeddedNetwork, code: string, name: 'a' | 'b'): number => {
  const pid = network.city(code).nodes.find((candidate) => candidate.name === name)?.pid;
  if (typeof pid !== 'number') throw new Error(`node ${name} does not run`);
  return pid;
};

/** Runs statements as superuser in the city's database, each with a limit of `limitMs`. */
export const run = async (network: EmbeddedNetwork, code: string, name: 'a' | 'b', sql: string): Promise<Record<string, unknown>[]> => {
  const client = await connect(portOf(network, code, name), network.superuser.user, network.superuser.password);
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
};

export type Parent = {
  readonly process: ChildProcess;
  /** What it says of the running network. */
  readonly ready: Promise<{ firstStart: boolean; startMs: number; pids: number[]; uid: number }>;
  readonly ended: Promise<{ code: number | null; output: string }>;
};

/** Starts a network in a process of its own, that can be killed or run as another account. */
export const startParent = (dataDir: string, account: { uid: number; gid: number } | null = null): Parent => {
  const script = new URL('./parent.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, dataDir], {
    ...(account ?? {}),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ready = new Promise<Awaited<Parent['ready']>>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      output += `${line}\n`;
      if (line.startsWith('READY ')) resolve(JSON.parse(line.slice(6)));
    });
    child.stderr.on('data', (text) => {
      output += text;
    });
    child.once('close', () => reject(new Error(`the parent ended: ${output}`)));
  });
  ready.catch(() => undefined);
  const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, output }));
  });
  return { process: child, ready, ended };
};
