import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { graphClient } from '#test/support/graph.ts';
import { freePort, postmasterPid, startNetwork } from '#test/support/started.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-start-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CITIES = ['MTL', 'QUE', 'SHE'];
const hasServer = (dataDir: string, city: string, node: 'a' | 'b'): boolean =>
  existsSync(path.join(dataDir, 'cities', city, node, 'postmaster.pid'));
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
const slotsSeen = async (url: string): Promise<number> => {
  const graph = graphClient(url);
  const token = await graph.login('QUEP0001');
  const answer = await graph.ask<{ slots: { nodes: { id: string }[] } }>(
    '{ slots(filter: { appointmentType: "PHYSICIAN" }, first: 50) { nodes { id } } }',
    {},
    { token },
  );
  return answer.data?.slots.nodes.length ?? 0;
};

it('starts from nothing, stops on Ctrl-C, and starts again with the same data', async () => {
  const [dataDir, port] = [path.join(folder, 'one'), await freePort()];
  const first = await startNetwork({ dataDir, port, withinMs: 120_000 });
  expect(first.output()).toContain('Demo logins');
  const seen = await slotsSeen(first.url);
  expect(seen).toBeGreaterThan(0);
  // Standbys follow behind.
  for (const end = Date.now() + 60_000; !CITIES.every((city) => hasServer(dataDir, city, 'b')); ) {
    if (Date.now() > end) throw new Error('a standby did not start in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const servers = CITIES.flatMap((city) => [postmasterPid(dataDir, city, 'a'), postmasterPid(dataDir, city, 'b')]);
  expect(servers.every(isAlive)).toBe(true);
  expect(await first.stop()).toBe(0);
  expect(servers.some(isAlive)).toBe(false);

  const second = await startNetwork({ dataDir, port });
  console.info(`first start ${Math.round(first.startedInMs)} ms, second ${Math.round(second.startedInMs)} ms`);
  expect(await slotsSeen(second.url)).toBe(seen);

  // kill -9 of the parent leaves the databases; the next start adopts them.
  const before = postmasterPid(dataDir, 'MTL');
  await second.kill();
  expect(isAlive(before)).toBe(true);
  const third = await startNetwork({ dataDir, port });
  expect(postmasterPid(dataDir, 'MTL')).toBe(before);
  expect(await slotsSeen(third.url)).toBe(seen);
  expect(await third.stop()).toBe(0);
}, 240_000);

it('runs twice side by side, once with each subgraph in a process of its own, and refuses the same data twice', async () => {
  const [one, two] = await Promise.all([
    startNetwork({ dataDir: path.join(folder, 'left'), port: await freePort(), flags: ['--processes'], withinMs: 180_000 }),
    freePort().then((port) => startNetwork({ dataDir: path.join(folder, 'right'), port, withinMs: 180_000 })),
  ]);
  expect(await slotsSeen(one.url)).toBeGreaterThan(0);
  expect(await slotsSeen(two.url)).toBeGreaterThan(0);
  await expect(startNetwork({ dataDir: path.join(folder, 'right'), port: await freePort() })).rejects.toThrow(/ended with 1/);
  expect(await slotsSeen(two.url)).toBeGreaterThan(0);
  await Promise.all([one.stop(), two.stop()]);
}, 300_000);

it('starts nothing embedded in production, and lists everything that is missing at once', async () => {
  const dataDir = path.join(folder, 'production');
  const refused = startNetwork({ dataDir, port: await freePort(), env: { NODE_ENV: 'production' } });
  await expect(refused).rejects.toThrow(/CITIES/);
  expect(existsSync(dataDir)).toBe(false);
}, 60_000);

it('names the setting where its data folder cannot be made or written', async () => {
  const file = path.join(folder, 'file');
  writeFileSync(file, '');
  const port = await freePort();
  for (const dataDir of [file, path.join(file, 'below'), path.join(folder, 'long'.repeat(100)), '/proc/caregraph/data'])
    await expect(startNetwork({ dataDir, port })).rejects.toThrow(/Choose another DATA_DIR/);
}, 60_000);

it('leaves no server where it is stopped while it starts, or where nobody reads any more what it prints', async () => {
  for (const how of ['signal', 'pipe']) {
    const dataDir = path.join(folder, `early-${how}`);
    const child = spawn(process.execPath, ['tools/start.ts'], {
      cwd: new URL('../../', import.meta.url),
      env: { ...process.env, PORT: String(await freePort()), DATA_DIR: dataDir, NODE_OPTIONS: '' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const gone = once(child, 'exit', { signal: AbortSignal.timeout(60_000) });
    child.stderr.on('error', () => {});
    child.stderr.resume();
    try {
      for (const end = Date.now() + 60_000; !CITIES.some((city) => hasServer(dataDir, city, 'a')); ) {
        if (Date.now() > end || child.exitCode !== null) throw new Error('no server was started');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if (how === 'signal') child.kill('SIGINT');
      else child.stderr.destroy();
      await gone;
      expect([how, child.exitCode]).toEqual([how, 0]);
      const left = CITIES.flatMap((city) => (['a', 'b'] as const).filter((node) => hasServer(dataDir, city, node)));
      expect([how, left]).toEqual([how, []]);
    } finally {
      child.kill('SIGKILL');
    }
  }
}, 200_000);
