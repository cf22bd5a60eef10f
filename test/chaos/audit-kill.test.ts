import { randomInt, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openLogKeeper } from '#audit/server.ts';
import { readNetwork } from '#embedded/read-network.ts';
import { appendAudit, appendAuditIn } from '#platform/audit/append.ts';
import { readStartConfig } from '#platform/config/env.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { makeLog } from '#platform/observability/log.ts';
import { openSubjects, type Subjects } from '#platform/subjects/open-subjects.ts';
import { hashLeaf, openTree, proveConsistency, verifyConsistency } from '#platform/tlog/merkle.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { anEvent, checkpointOf, entriesOf, type Fetched, sourceOf, until } from '#test/integration/audit/log-support.ts';
import { connectAs, freePort, postmasterPid, type Started, startNetwork } from '#test/support/started.ts';

/** Kills in all: `CHAOS_ROUNDS=100 npm run test:chaos -- test/chaos/audit-kill` for the long run. */
const ROUNDS = Number(process.env['CHAOS_ROUNDS'] ?? 8);
const CITIES = ['MTL', 'QUE', 'SHE'];
const CLIENTS = 6;
/** Clients whose transactions stay open while others commit; a log that did not wait for them would lose what they wrote. */
const SLOW_CLIENTS = 3;
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

/** What strangers were shown of a city: the root of each size, in the order in which they saw them. */
type Seen = Map<number, string>;
const newestOf = (seen: Seen | undefined): number => [...(seen?.keys() ?? [])].at(-1) ?? 0;

describe('the audit logs', () => {
  it(`lose nothing and log nothing twice through ${ROUNDS} kills of the sequencer and of PostgreSQL under load`, async () => {
    const acknowledged = new Map<string, Set<string>>(CITIES.map((city) => [city, new Set()]));
    const rolledBack = new Set<string>();
    const published = new Map<string, Seen>(CITIES.map((city) => [city, new Map()]));
    let over = false;
    let failures = 0;
    const cityOf = (client: number): string => CITIES[client % CITIES.length] ?? 'MTL';
    const fast = Array.from({ length: CLIENTS }, async (_none, i) => {
      const city = cityOf(i);
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
    const slow = Array.from({ length: SLOW_CLIENTS }, async (_none, i) => {
      const city = cityOf(i);
      while (!over) {
        const ids: string[] = [];
        const isGivenUp = randomInt(4) === 0;
        try {
          await writers.of(city).transaction(async (tx) => {
            ids.length = 0; // it may run again
            for (let n = randomInt(1, 4); n > 0; n--) {
              const requestId = randomUUID();
              ids.push(requestId);
              if (isGivenUp) rolledBack.add(requestId);
              await appendAuditIn(tx, anEvent(city, { requestId }));
              await sleep(randomInt(120));
            }
            if (isGivenUp) throw new Error('given up');
          });
          for (const requestId of ids) acknowledged.get(city)?.add(requestId);
        } catch {
          if (!isGivenUp) failures++;
          await sleep(50);
        }
      }
    });
    let contradiction: unknown = null;
    const watchers = CITIES.map(async (city) => {
      const seen = published.get(city) as Seen;
      while (!over) {
        const found = await checkpointOf(fetchFile, city).catch(() => null);
        if (found) {
          const { size } = found.checkpoint;
          const root = Buffer.from(found.checkpoint.root).toString('base64');
          if (seen.has(size) ? seen.get(size) !== root : size < newestOf(seen)) contradiction ??= { city, size, newest: newestOf(seen) };
          seen.set(size, root);
        }
        await sleep(50);
      }
    });
    const kills: Record<string, number> = {};
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const hit = round % 2 === 0 ? 'sequencer' : 'PostgreSQL';
        const city = CITIES[Math.floor(round / 2) % CITIES.length] ?? 'MTL';
        // A kill hits a log that lives: each city has been shown a checkpoint that is newer than the last kill.
        const before = new Map(CITIES.map((each) => [each, newestOf(published.get(each))]));
        await until(
          () =>
            CITIES.every((each) => newestOf(published.get(each)) > (before.get(each) ?? 0)) && childOf('subgraphs/audit/main.ts') !== null,
          90_000,
          `a checkpoint of every city after ${round} kills`,
        );
        await sleep(randomInt(300));
        const pid = hit === 'sequencer' ? childOf('subgraphs/audit/main.ts') : postmasterPid(dataDir, city);
        if (pid === null) throw new Error(`the ${hit} was gone before it was killed`);
        process.kill(pid, 'SIGKILL');
        kills[hit] = (kills[hit] ?? 0) + 1;
      }
    } finally {
      over = true;
      await Promise.all([...fast, ...slow, ...watchers]);
    }
    expect(contradiction).toBeNull();
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
          90_000,
          `the log of ${city}`,
        );
        const { checkpoint } = await checkpointOf(fetchFile, city);
        const source = sourceOf(fetchFile, city);
        const entries = await entriesOf(source, checkpoint.size);
        // Committed = logged, each once.
        const count = await countOf();
        const committed = await client.query<{ body: Buffer }>('select body from audit.entry where city = $1', [city]);
        await client.end();
        expect(entries).toHaveLength(count);
        const inTables = committed.rows.map(({ body }) => Buffer.from(hashLeaf(body)).toString('hex')).sort();
        const inLog = entries.map((entry) => Buffer.from(hashLeaf(entry)).toString('hex')).sort();
        expect(inLog.filter((hash, i) => hash !== inTables[i])).toEqual([]);
        const requests = entries.map((entry) => JSON.parse(Buffer.from(entry).toString()) as { id: string; requestId: string });
        expect(new Set(requests.map(({ id }) => id)).size).toBe(count);
        const logged = new Set(requests.map(({ requestId }) => requestId));
        expect([...(acknowledged.get(city) ?? [])].filter((requestId) => !logged.has(requestId))).toEqual([]);
        expect([...rolledBack].filter((requestId) => logged.has(requestId))).toEqual([]);
        // Whatever a stranger was shown is the root of a beginning, and each leads to the next.
        const shown = published.get(city) as Seen;
        const tree = openTree();
        let matched = 0;
        for (const entry of entries) {
          tree.append(hashLeaf(entry));
          const root = shown.get(tree.size);
          if (root === undefined) continue;
          expect(Buffer.from(tree.root()).toString('base64')).toBe(root);
          matched++;
        }
        const sizes = [...shown.keys()].filter((size) => size > 0);
        expect(matched).toBe(sizes.length);
        expect(matched).toBeGreaterThan(0);
        const read = openTileReader(checkpoint.size, checkpoint.root, source);
        const rootOf = (size: number): Buffer => Buffer.from(shown.get(size) ?? '', 'base64');
        for (const [i, to] of sizes.entries()) {
          const from = sizes[i - 1];
          if (from === undefined) continue;
          expect(verifyConsistency(from, to, rootOf(from), rootOf(to), await proveConsistency(from, to, read))).toBe(true);
        }
        const inspected = await keeper.check(city);
        expect(inspected).toMatchObject({ size: count, firstBadIndex: null });
        figures.push(
          `${city} ${count} entries (${acknowledged.get(city)?.size} acknowledged), ${sizes.length} checkpoints seen, ${inspected.checkpoints} in the table`,
        );
      }
    } finally {
      await keeper.stop();
    }
    console.info(`killed ${JSON.stringify(kills)}; ${failures} writes without an answer; ${figures.join('; ')}; 0 lost, 0 twice`);
  }, 1_800_000);
});
