import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EmbeddedNetwork, startEmbeddedNetwork } from '#embedded/network.ts';
import { HOME_CITIES } from '#platform/config/city.ts';
import { type CityDatabase, type DatabaseOptions, openCityDatabase } from '#platform/database/city-database.ts';
import { CityUnavailableError, OverloadedError } from '#platform/database/errors.ts';
import { makeLog } from '#platform/observability/log.ts';

let network: EmbeddedNetwork;
let folder: string;
const opened: CityDatabase[] = [];
// A server of its own, for it is stopped here.
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'caregraph-busy-'));
  network = await startEmbeddedNetwork({
    dataDir: path.join(folder, 'data'),
    cities: HOME_CITIES.filter(({ code }) => code === 'MTL'),
    log: makeLog('embedded', 'warn', 2),
    fsync: false,
    standbys: false,
  });
}, 60_000);
afterAll(async () => {
  await Promise.all(opened.map((db) => db.stop()));
  await network?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const open = (options: Partial<DatabaseOptions>): CityDatabase => {
  const [city] = network.cities;
  if (!city) throw new Error('no city');
  const db = openCityDatabase(city, { role: 'scheduling', password: network.secrets.databasePasswords.scheduling, ...options });
  opened.push(db);
  return db;
};
const rest = (seconds: number) => ({ name: `rest_${seconds * 1000}`, text: `select pg_sleep(${seconds})` });
const one = { name: 'one', text: 'select 1 as one' };
/** What a statement fails with, and after how many milliseconds; throws when it succeeds. */
const failure = async (statement: Promise<unknown>): Promise<{ error: unknown; ms: number }> => {
  const from = performance.now();
  try {
    await statement;
  } catch (error) {
    return { error, ms: performance.now() - from };
  }
  throw new Error('it succeeded');
};

describe('a busy city is not taken for one that is down', () => {
  it.each([
    ['a statement', (db: CityDatabase, seconds: number) => db.named(rest(seconds), [])],
    ['a read', (db: CityDatabase, seconds: number) => db.read(rest(seconds), [])],
    ['a transaction', (db: CityDatabase, seconds: number) => db.transaction((tx) => tx.named(rest(seconds), []))],
    ['TypeORM', (db: CityDatabase, seconds: number) => db.manage((manager) => manager.query(`select pg_sleep(${seconds})`))],
  ])('%s that waits too long while both connections work is refused, and the next one is carried out', async (_name, run) => {
    const db = open({ maxConnections: 2, connectTimeoutMs: 250 });
    await run(db, 0);
    const working = [run(db, 0.9), run(db, 0.9)];
    // Nothing was answered for longer than a statement may wait: only the connections tell that the server is there.
    await sleep(400);
    const { error, ms } = await failure(run(db, 0));
    expect(error).toBeInstanceOf(OverloadedError);
    expect(ms).toBeGreaterThanOrEqual(240);
    await expect(Promise.all(working)).resolves.toHaveLength(2);
    await expect(run(db, 0)).resolves.toBeDefined();
    expect(await db.ping()).toBe(true);
  });

  it('refuses those who waited too long in a long queue, and them alone', async () => {
    const db = open({ maxConnections: 1, connectTimeoutMs: 400 });
    await db.named(rest(0.1), []);
    const ends = await Promise.allSettled(Array.from({ length: 12 }, () => db.named(rest(0.1), [])));
    const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.length).toBeLessThan(12);
    expect(failures.every((error) => error instanceof OverloadedError)).toBe(true);
    expect(await db.ping()).toBe(true);
  });

  it.each([
    ['statements', (db: CityDatabase) => db.named(rest(0.5), [])],
    ['TypeORM', (db: CityDatabase) => db.manage((manager) => manager.query('select pg_sleep(0.5)'))],
  ])('refuses at once where too many wait: %s', async (_name, run) => {
    const db = open({ maxConnections: 2, maxWaiting: 3, connectTimeoutMs: 1_400 });
    await run(db);
    const taken = Array.from({ length: 5 }, () => run(db));
    await sleep(100);
    const { error, ms } = await failure(run(db));
    expect(error).toBeInstanceOf(OverloadedError);
    expect(ms).toBeLessThan(100);
    await expect(Promise.all(taken)).resolves.toHaveLength(5);
    expect(await db.ping()).toBe(true);
  });
});

it('a stopped server is down, also for who waited while all connections worked', async () => {
  const db = open({ maxConnections: 2, connectTimeoutMs: 400, statementTimeoutMs: 5_000 });
  await db.named(one, []);
  const ends = Promise.allSettled([...[1, 2].map(() => db.named(rest(4), [])), sleep(200).then(() => db.named(one, []))]);
  await sleep(250);
  await network.stop();
  for (const end of await ends) expect(end).toMatchObject({ status: 'rejected', reason: expect.any(CityUnavailableError) });
  // Refused at once while the server is left alone, and by asking again later.
  for (const waitMs of [0, 1_100]) {
    await sleep(waitMs);
    const { error, ms } = await failure(db.named(one, []));
    expect(error).toMatchObject({ name: 'CityUnavailableError', outcome: 'not-sent' });
    expect(ms).toBeLessThan(500);
  }
  expect(await db.ping()).toBe(false);
});
