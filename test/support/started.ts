import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll } from '@jest/globals';
import pg from 'pg';
import type { DatabaseRole } from '#platform/config/secrets.ts';

/** A free port below the range that the system gives to outgoing connections. */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 8_000);
    const server = net.createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (free) return port;
  }
};

/** The network as a user starts it, in a process of its own. */
export type Started = {
  readonly url: string;
  readonly process: ChildProcess;
  /** Milliseconds from spawn to the first answer of the graph. */
  readonly startedInMs: number;
  readonly output: () => string;
  /** Ctrl-C; resolves with the exit code. */
  readonly stop: () => Promise<number | null>;
  /** `kill -9` of the process that was started; its databases go on. */
  readonly kill: () => Promise<void>;
};

/** Networks that run. What a test that failed left running is ended with its file, or Jest would wait for it. */
const running = new Set<ChildProcess>();
const END_MS = 20_000;
afterAll(async () => {
  await Promise.all(
    [...running].map(async (child) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
      child.kill('SIGINT');
      await once(child, 'exit');
      clearTimeout(timer);
    }),
  );
}, END_MS + 10_000);

const answers = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{ __typename }"}',
      signal: AbortSignal.timeout(1_000),
    });
    return response.status === 200;
  } catch {
    return false;
  }
};

/** Runs `tools/start.ts` and waits for its first answer. Throws with what it printed when it ends before. */
export const startNetwork = async (settings: {
  readonly dataDir: string;
  readonly port: number;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly withinMs?: number;
}): Promise<Started> => {
  const root = new URL('../../', import.meta.url);
  const from = performance.now();
  const child = spawn(process.execPath, ['tools/start.ts', ...(settings.flags ?? [])], {
    cwd: root,
    env: { ...process.env, PORT: String(settings.port), DATA_DIR: settings.dataDir, NODE_OPTIONS: '', ...settings.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  }
  const url = `http://127.0.0.1:${settings.port}`;
  const end = Date.now() + (settings.withinMs ?? 60_000);
  while (!output.includes('Ctrl-C stops everything') || !(await answers(url))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the network ended with ${child.exitCode}:\n${output}`);
    if (Date.now() > end) {
      child.kill('SIGTERM');
      throw new Error(`the network did not answer in time:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const ended = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  return {
    url,
    process: child,
    startedInMs: performance.now() - from,
    output: () => output,
    stop: async () => {
      child.kill('SIGINT');
      await ended();
      return child.exitCode;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended();
    },
  };
};

type NodePorts = Readonly<Record<string, Readonly<Record<'a' | 'b', number>>>>;
const read = (dataDir: string, file: string) => JSON.parse(readFileSync(path.join(dataDir, file), 'utf8'));

/** A client of a started network's city, as one of its roles; on whichever node is the primary. */
export const connectAs = async (dataDir: string, city: string, role: DatabaseRole | 'postgres'): Promise<pg.Client> => {
  const ports = (read(dataDir, 'network.json') as { ports: NodePorts }).ports[city];
  const secrets = read(dataDir, 'secrets.json') as { databasePasswords: Record<string, string>; superuserPassword: string };
  const password = role === 'postgres' ? secrets.superuserPassword : secrets.databasePasswords[role];
  for (const port of Object.values(ports ?? {})) {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: role,
      password: password ?? '',
      database: 'caregraph',
      connectionTimeoutMillis: 2_000,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      if ((await client.query('select pg_is_in_recovery() as r')).rows[0]?.r === false) return client;
      await client.end();
    } catch {
      // the other node may be the primary
    }
  }
  throw new Error(`no primary of ${city}`);
};

/** Process id of a city's postmaster. */
export const postmasterPid = (dataDir: string, city: string, node: 'a' | 'b' = 'a'): number =>
  Number(readFileSync(path.join(dataDir, 'cities', city, node, 'postmaster.pid'), 'utf8').split('\n')[0]);
