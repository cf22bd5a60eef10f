import { randomInt, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openLogKeeper } from '#audit/server.ts';
import { readNetwork } from '#embedded/read-network.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { readStartConfig } from '#platform/config/env.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { makeLog } from '#platform/observability/log.ts';
import { openSubjects, type Subjects } from '#platform/subjects/open-subjects.ts';
import { hashLeaf, openTree } from '#platform/tlog/merkle.ts';
import { anEvent, checkpointOf, entriesOf, type Fetched, sourceOf, until } from '#test/integration/audit/log-support.ts';
import { connectAs, freePort, postmasterPid, type Started, startNetwork } from '#test/support/started.ts';

/** Kills in all: `CHAOS_ROUNDS=100 npm run test:chaos -- test/chaos/audit-kill` for the long run. */
const ROUNDS = Number(process.env['CHAOS_ROUNDS'] ?? 6);
const CITIES = ['MTL', 'QUE', 'SHE'];
const CLIENTS = 9;
let folder: string;
let dataDir: string;
let started: Started;
let writers: Cities;
let subjects: Subjects;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'caregraph-audit-chaos-'));
  dataDir = path.join(folder, 'data');
  started = await startNetwork({ dataDir, port: await freePort(), flags: ['--processes'], withinMs: 120_000 });
  const { cities, secrets } = await readNetwork(dataDir);
  const { subjects: keys } = readStartConfig({ DATA_DIR: dataDir });
  const codes = cities.map(({ code }) => code);
  subjects = await openSubjects(keys, { cities: codes, indexKey: secrets.subjectIndexKey, log: makeLog('test', 'silent') });
  writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
}, 150_000);
afterAll(async () => {
  await writers?.stop();
  await subjects?.stop();
  await started?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const childOf = (module: string): number | null => {
  const { pid } = started.process;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return Number(children.find((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(module)) ?? 0) || null;
};
const fetchFile = async (name: string): Promise<Fetched> => {
  const response = await fetch(`${started.url}/audit/${name}`, { signal: AbortSignal.timeout(5_000) });
  return { status: response.status, headers: {}, bytes: Buffer.from(await response.arrayBuffer()) };
};

describe('the audit logs', () => {
  it(`lose nothing and log nothing twice through ${ROUNDS} kills of the sequencer and of PostgreSQL under load`, async () => {
    const acknowledged = new Map<string, Set<string>>(CITIES.map((city) => [city, new Set()]));
    const published = new Map<string, Map<number, string>>(CITIES.map((city) => [city, new Map()]));
    let over = false;
    let failures = 0;
    const load = Array.from({ length: CLIENTS }, async (_none, i) => {
      const city = CITIES[i % CITIES.length] ?? 'MTL';
      while (!over) {
        const requestId = randomUUID();
        try {
          await appendAudit(writers.of(city), anEvent(city, { requestId }));
          acknowledged.get(city)?.add(requestId);
        } catch {
          failures++; // whether it was committed is not known
          await sleep(50);
        }
        await sleep(randomInt(8));
      }
    });
    const watchers = CITIES.map(async (city) => {
      while (!over) {
        try {
          const { checkpoint } = await checkpointOf(fetchFile, city);
          const root = Buffer.from(checkpoint.root).toString('base64');
          const known = published.get(city)?.get(checkpoint.size);
          expect(known ?? root).toBe(root);
          published.get(city)?.set(checkpoint.size, root);
        } catch (error) {
          if (error instanceof Error && 'matcherResult' in error) throw error;
        }
        await sleep(100);
      }
    });
    const kills: Record<string, number> = {};
    for (let round = 0; round < ROUNDS; round++) {
      // Whoever was killed last is back, and has signed or is about to.
      await until(() => childOf('subgraphs/audit/main.ts') !== null, 30_000, 'the sequencer’s process');
      await sleep(500 + randomInt(900));
      const [what, pid] =
        round % 2 === 0
          ? ['sequencer', childOf('subgraphs/audit/main.ts')]
          : ['PostgreSQL', postmasterPid(dataDir, CITIES[round % 3] ?? 'MTL')];
      if (pid === null) throw new Error(`the ${what} was gone before it was killed`);
      process.kill(pid as number, 'SIGKILL');
      kills[what as string] = (kills[what as string] ?? 0) + 1;
      await sleep(400);
    }
    over = true;
    await Promise.all([...load, ...watchers]);
    expect(Object.values(kills).reduce((sum, count) => sum + count, 0)).toBe(ROUNDS);

    const { cities, secrets } = await readNetwork(dataDir);
    const keeper = openLogKeeper({ cities, secrets });
    const figures: string[] = [];
    try {
      for (const city of CITIES) {
        // The last one killed may still be on its way back.
        await until(
          () =>
            connectAs(dataDir, city, 'audit').then(
              (probe) => probe.end().then(() => true),
              () => false,
            ),
          60_000,
          `the primary of ${city}`,
        );
        const client = await connectAs(dataDir, city, 'audit');
        const countOf = async () => Number((await client.query('select count(*) n from audit.entry where city = $1', [city])).rows[0].n);
        await until(
          async () => (await checkpointOf(fetchFile, city).catch(() => null))?.checkpoint.size === (await countOf()),
          60_000,
          `the log of ${city}`,
        );
        const { checkpoint } = await checkpointOf(fetchFile, city);
        const entries = await entriesOf(sourceOf(fetchFile, city), checkpoint.size);
        // Committed = logged, each once.
        const count = await countOf();
        await client.end();
        expect(entries).toHaveLength(count);
        const requests = entries.map((entry) => JSON.parse(Buffer.from(entry).toString()) as { id: string; requestId: string });
        expect(new Set(requests.map(({ id }) => id)).size).toBe(count);
        const logged = new Set(requests.map(({ requestId }) => requestId));
        expect([...(acknowledged.get(city) ?? [])].filter((requestId) => !logged.has(requestId))).toEqual([]);
        // Whatever a stranger was shown is the root of a beginning.
        const tree = openTree();
        const shown = published.get(city) ?? new Map();
        let matched = 0;
        for (const entry of entries) {
          tree.append(hashLeaf(entry));
          const root = shown.get(tree.size);
          if (root === undefined) continue;
          expect(Buffer.from(tree.root()).toString('base64')).toBe(root);
          matched++;
        }
        expect(matched).toBe([...shown.keys()].filter((size) => size > 0).length);
        expect(matched).toBeGreaterThan(0);
        const inspected = await keeper.check(city);
        expect(inspected).toMatchObject({ size: count, firstBadIndex: null });
        figures.push(`${city} ${count} entries (${acknowledged.get(city)?.size} acknowledged), ${inspected.checkpoints} checkpoints`);
      }
    } finally {
      await keeper.stop();
    }
    console.info(`killed ${JSON.stringify(kills)}; ${failures} writes without an answer; ${figures.join('; ')}; 0 lost, 0 twice`);
  }, 900_000);
});
