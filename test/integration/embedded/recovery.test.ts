import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type EmbeddedNetwork, startEmbeddedNetwork } from '#embedded/network.ts';
import { connect, MONTREAL, makeMemoryLog, makeTempFolders, pidOf, portOf, run, waitUntil } from './support.ts';

const folders = makeTempFolders();
const { log, lines } = makeMemoryLog();
let dataDir: string;
let network: EmbeddedNetwork;
const start = () => startEmbeddedNetwork({ dataDir, cities: MONTREAL, log, fsync: false });
const stateOf = (name: 'a' | 'b') => network.city('MTL').nodes.find((node) => node.name === name)?.state;
const isSynchronous = () => network.city('MTL').synchronous;

/** Writes and says how long the commit took; fails after 3 s. */
const write = async (text: string): Promise<number> => {
  const client = await connect(portOf(network, 'MTL', 'a'), network.superuser.user, network.superuser.password);
  try {
    const begin = performance.now();
    await client.query("SET statement_timeout = '3s'");
    await client.query('INSERT INTO note (text) VALUES ($1)', [text]);
    return performance.now() - begin;
  } finally {
    await client.end();
  }
};
const notes = async (name: 'a' | 'b'): Promise<unknown[]> =>
  (await run(network, 'MTL', name, 'SELECT text FROM note ORDER BY text')).map((row) => row['text']);

beforeAll(async () => {
  dataDir = path.join(await folders.make(), 'data');
  network = await start();
  await run(network, 'MTL', 'a', 'CREATE TABLE note (text text PRIMARY KEY)');
  await waitUntil(isSynchronous);
});
afterEach(async () => {
  // Every test hands on a whole city.
  await waitUntil(isSynchronous, 20_000);
});
afterAll(async () => {
  await network?.stop();
  await folders.cleanUp();
});

/** Signals a process, unless it has ended meanwhile, as a backend whose client went does. */
const tell = (pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ESRCH') throw error;
  }
};

describe('a server that dies', () => {
  it('is brought back, with every commit, when it is the primary', async () => {
    await write('before the crash');
    const before = pidOf(network, 'MTL', 'a');
    network.city('MTL').kill('a');
    await waitUntil(() => stateOf('a') === 'running' && pidOf(network, 'MTL', 'a') !== before);
    await write('after the crash');
    expect(await notes('a')).toEqual(expect.arrayContaining(['before the crash', 'after the crash']));
  });

  it('is brought back five times in a row, also with a busy backend', async () => {
    for (let round = 0; round < 5; round += 1) {
      const busy = await connect(portOf(network, 'MTL', 'a'), network.superuser.user, network.superuser.password);
      busy.query('SELECT count(*) FROM generate_series(1, 20000000) a, generate_series(1, 1000) b').catch(() => undefined);
      await sleep(30);
      const before = pidOf(network, 'MTL', 'a');
      network.city('MTL').kill('a');
      expect(await waitUntil(() => stateOf('a') === 'running' && pidOf(network, 'MTL', 'a') !== before)).toBeLessThan(2_500);
      await write(`round ${round}`);
      busy.end().catch(() => undefined);
    }
    expect((await notes('a')).filter((text) => String(text).startsWith('round'))).toHaveLength(5);
  });

  it('holds up no commit when it is the standby, and is followed again when it is back', async () => {
    const before = pidOf(network, 'MTL', 'b');
    network.city('MTL').kill('b');
    expect(await write('while the standby is down')).toBeLessThan(1_000);
    await waitUntil(() => stateOf('b') === 'running' && pidOf(network, 'MTL', 'b') !== before);
    await waitUntil(isSynchronous);
    await waitUntil(async () => (await notes('b')).includes('while the standby is down'));
  });

  it('holds up commits for about a second when the standby hangs', async () => {
    const pids = await standbyProcesses();
    try {
      for (const pid of pids) tell(pid, 'SIGSTOP');
      expect(await write('while the standby hangs')).toBeLessThan(2_000);
      expect(isSynchronous()).toBe(false);
      expect(await write('while the standby still hangs')).toBeLessThan(500);
    } finally {
      for (const pid of pids) tell(pid, 'SIGCONT');
    }
    await waitUntil(isSynchronous, 15_000);
    await waitUntil(async () => (await notes('b')).includes('while the standby still hangs'));
  });
});

/** The standby's postmaster and its children. */
const standbyProcesses = async (): Promise<number[]> => {
  const postmaster = pidOf(network, 'MTL', 'b');
  const found = [postmaster];
  for (const name of await fs.readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await fs.readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    if (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === String(postmaster)) found.push(Number(name));
  }
  return found;
};

describe('a server that is stopped', () => {
  it('stays stopped when somebody else stopped it in order', async () => {
    process.kill(pidOf(network, 'MTL', 'b'), 'SIGINT');
    await waitUntil(() => stateOf('b') === 'stopped');
    expect(await write('while the standby is stopped')).toBeLessThan(1_000);
    await sleep(1_000);
    expect(stateOf('b')).toBe('stopped');
    await network.city('MTL').startNode('b');
    expect(stateOf('b')).toBe('running');
  });

  it('stays stopped when we stopped it, and comes back when told', async () => {
    await network.city('MTL').stop();
    expect(network.city('MTL').nodes.map((node) => [node.state, node.pid])).toEqual([
      ['stopped', null],
      ['stopped', null],
    ]);
    await sleep(500);
    expect(stateOf('a')).toBe('stopped');
    await network.city('MTL').start();
    expect(await write('after a stop of the city')).toBeLessThan(1_000);
  });

  it('does not hold up commits after a start without its standby', async () => {
    await network.city('MTL').stop();
    await network.city('MTL').startNode('a');
    expect(await write('without a standby')).toBeLessThan(1_000);
    expect(stateOf('b')).toBe('stopped');
    await network.city('MTL').startNode('b');
    await waitUntil(async () => (await notes('b').catch((): unknown[] => [])).includes('without a standby'));
  });
});

describe('a standby that cannot follow', () => {
  it('is cloned anew when the log it needs is gone', async () => {
    await network.city('MTL').stopNode('b');
    // Gone is the slot that kept the log, and then the log.
    await run(network, 'MTL', 'a', "SELECT pg_drop_replication_slot('b')");
    await run(network, 'MTL', 'a', 'ALTER SYSTEM SET wal_keep_size = 0');
    await run(network, 'MTL', 'a', 'SELECT pg_reload_conf()');
    for (let round = 0; round < 3; round += 1)
      await run(network, 'MTL', 'a', 'SELECT pg_switch_wal()').then(() => run(network, 'MTL', 'a', 'CHECKPOINT'));
    await write('not in the log of the standby');
    await network.city('MTL').startNode('b');
    await waitUntil(isSynchronous, 20_000);
    expect(await notes('b')).toContain('not in the log of the standby');
    await run(network, 'MTL', 'a', 'ALTER SYSTEM RESET wal_keep_size');
  });

  it('is cloned anew when its data is damaged or gone', async () => {
    await network.city('MTL').stopNode('b');
    await fs.rm(path.join(dataDir, 'cities', 'MTL', 'b'), { recursive: true });
    await network.city('MTL').startNode('b');
    await waitUntil(isSynchronous, 20_000);
    expect(await notes('b')).toEqual(await notes('a'));
    expect(lines.some((line) => line.startsWith('standby cloned'))).toBe(true);
  });
});
