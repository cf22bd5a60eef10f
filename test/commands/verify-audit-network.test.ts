import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openLogKeeper } from '#audit/server.ts';
import { AuditUnavailableError } from '#platform/audit/append.ts';
import { openCities } from '#platform/database/cities.ts';
import { checkpointOf, type Fetched, until, writeEvents } from '#test/integration/audit/log-support.ts';
import { startTestApp, type TestApp } from '#test/support/app.ts';

let app: TestApp;
let folder: string;
/** A machine that has much to do may take its time to connect. */
const untilWritten = (work: () => Promise<void>): Promise<void> =>
  until(
    () =>
      work().then(
        () => true,
        (error: unknown) => {
          if (error instanceof AuditUnavailableError) return false;
          throw error;
        },
      ),
    30_000,
    'the entry',
  );
const write = async (city: string, count: number): Promise<void> => {
  const { cities, secrets, subjects } = app.network;
  const writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
  for (let i = 0; i < count; i++) await untilWritten(() => writeEvents(writers, city, 1));
  await writers.stop();
};
const fetchFile = async (name: string): Promise<Fetched> => {
  const response = await fetch(`${app.graph.url}/audit/${name}`, { signal: AbortSignal.timeout(5_000) });
  return { status: response.status, headers: {}, bytes: Buffer.from(await response.arrayBuffer()) };
};
const logged = (city: string, count: number): Promise<void> =>
  until(async () => (await checkpointOf(fetchFile, city)).checkpoint.size >= count, 20_000, 'the checkpoint');
beforeAll(async () => {
  app = await startTestApp();
  folder = mkdtempSync(path.join(tmpdir(), 'caregraph-verify-e2e-'));
  await write('MTL', 300);
  for (const city of ['MTL', 'QUE', 'SHE']) await until(async () => (await fetchFile(`${city}/checkpoint`)).status === 200, 20_000);
  await logged('MTL', 300);
}, 90_000);
afterAll(async () => {
  await app?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
}, 60_000);

type Log = {
  log: string;
  isSound: boolean;
  fault?: string;
  isStale: boolean;
  shards: {
    shard: number;
    size: number;
    witnesses: { name: string }[];
    isOpen: boolean;
    cosignedAt: string | null;
    ageSeconds: number | null;
  }[];
  notices: { kind: string; shard: number }[];
};
const verify = (...args: readonly string[]): Promise<{ readonly status: number; readonly err: string; readonly logs: readonly Log[] }> =>
  new Promise((resolve) => {
    const env = { ...process.env, NODE_OPTIONS: '', XDG_STATE_HOME: path.join(folder, 'states') };
    execFile(process.execPath, ['tools/verify-audit.ts', ...args, '--json'], { env, timeout: 40_000 }, (error, stdout, err) => {
      const logs = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Log]));
      resolve({ status: error ? Number(error.code ?? -1) : 0, err, logs });
    });
  });

describe('npm run verify-audit over a running network', () => {
  it('finds the logs of all cities sound, and witnessed by the other cities', async () => {
    const { status, logs, err } = await verify(app.graph.url);
    expect([status, logs.map(({ log, isSound }) => [log, isSound])]).toEqual([
      0,
      [
        ['MTL', true],
        ['QUE', true],
        ['SHE', true],
      ],
    ]);
    expect(err.match(/TRUSTED ON FIRST USE/g)?.length).toBe(3);
    expect(logs[0]?.shards[0]?.witnesses.length).toBeGreaterThanOrEqual(1);
    expect(logs[0]?.shards[0]?.witnesses.map(({ name }) => name)).not.toContain('MTL');
  }, 60_000);

  it('takes the policy of the whole network from a file as well', async () => {
    const policy = path.join(folder, 'policy');
    writeFileSync(policy, (await fetchFile('policy')).bytes);
    const state = path.join(folder, 'by-policy.json');
    // A log that is alive is as fresh as it gets.
    const told = await verify(`${app.graph.url}/audit/QUE`, '--policy', policy, '--state', state, '--max-age', '30m');
    expect(told).toMatchObject({ status: 0, err: '', logs: [{ isStale: false, shards: [{ isOpen: true }] }] });
    const [shard] = told.logs[0]?.shards ?? [];
    expect(Date.now() - Date.parse(shard?.cosignedAt ?? '')).toBeLessThan(30 * 60_000);
    expect(shard?.ageSeconds).toBeGreaterThanOrEqual(0);
  }, 60_000);

  it('goes on into the next shard of a log without another key to trust, and over a copy of both', async () => {
    const keeper = openLogKeeper(app.network);
    try {
      await keeper.beginShard('MTL');
    } finally {
      await keeper.stop();
    }
    await write('MTL', 20);
    await logged('MTL', 20);
    const copy = path.join(folder, 'copy');
    const next = await verify(app.graph.url, '--city', 'MTL', '--mirror', copy);
    expect(next).toMatchObject({
      status: 0,
      err: '',
      logs: [{ log: 'MTL', isSound: true, shards: [{ shard: 1 }, { shard: 2 }], notices: [] }],
    });
    expect(await verify(copy)).toMatchObject({ status: 0, logs: [{ isSound: true, shards: [{ shard: 1 }, { shard: 2 }] }] });
    const lone = await verify(`${app.graph.url}/audit/MTL/1`, '--state', path.join(folder, 'lone.json'));
    expect(lone).toMatchObject({ status: 0, logs: [{ log: 'MTL/1', isSound: true, isStale: false, shards: [{ isOpen: false }] }] });
    // By the policy that the server gives for the log, whichever shard is the newest.
    for (const whose of ['MTL', 'MTL/1', 'MTL/2'])
      for (const what of [...new Set(['MTL', whose])])
        expect([
          whose,
          what,
          await verify(
            `${app.graph.url}/audit/${what}`,
            ...['--policy', `${app.graph.url}/audit/${whose}/policy`],
            ...['--state', path.join(folder, `${`${whose}-${what}`.replaceAll('/', '_')}.json`)],
          ),
        ]).toMatchObject([whose, what, { status: 0, err: '' }]);
  }, 120_000);

  it('says of a shard that was retired, asked for by itself, that it is not served any more', async () => {
    const keeper = openLogKeeper(app.network);
    const archive = path.join(folder, 'archive');
    try {
      await keeper.beginShard('SHE');
      await write('SHE', 3);
      await logged('SHE', 3);
      await keeper.retire('SHE', 1, { archive, retentionDays: 0 });
    } finally {
      await keeper.stop();
    }
    for (const more of [[], ['--policy', `${app.graph.url}/audit/SHE/policy`]]) {
      const state = (name: string): readonly string[] => ['--state', path.join(folder, `${name}${more.length}.json`), ...more];
      const alone = await verify(`${app.graph.url}/audit/SHE/1`, ...state('retired'));
      expect(alone).toMatchObject({ status: 2, logs: [] });
      expect(alone.err).toMatch(/^SHE\/1: this shard is not served any more, .*; shard 2 names its last checkpoint, .*folder SHE\/1,.*\n$/);
      const row = await verify(`${app.graph.url}/audit/SHE`, ...state('row'));
      expect(row).toMatchObject({
        status: 0,
        logs: [{ isSound: true, notices: expect.arrayContaining([expect.objectContaining({ kind: 'shard-not-served', shard: 1 })]) }],
      });
      const kept = await verify(path.join(archive, 'SHE', '1'), ...state('archive'));
      expect(kept).toMatchObject({ status: 0, logs: [{ log: 'SHE/1', isSound: true }] });
    }
  }, 90_000);

  it('says what was asked where that is no log, and of which logs a policy says nothing', async () => {
    const told = await verify(`${app.graph.url}/audit/MTK`);
    expect(told).toMatchObject({ status: 2, logs: [] });
    expect(told.err).toBe(
      `There is no log at ${app.graph.url}/audit/MTK: it has no checkpoint. The cities of the network there are MTL, QUE, SHE.\n`,
    );
    const own = ['--policy', `${app.graph.url}/audit/MTL/policy`, '--state', path.join(folder, 'own.json')];
    const some = await verify(app.graph.url, ...own);
    expect(some).toMatchObject({ status: 2, logs: [{ log: 'MTL', isSound: true }] });
    expect(some.err.match(/^(?:QUE|SHE): the policy has no key for caregraph\.example\/audit\/(?:QUE|SHE), .*$/gm)?.length).toBe(2);
  }, 60_000);
});
