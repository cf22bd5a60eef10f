import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seedDemo } from '#embedded/demo/seed.ts';
import { type EmbeddedNetwork, startEmbeddedNetwork } from '#embedded/network.ts';
import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import { makeLog } from '#platform/observability/log.ts';
import { testFiles } from '#test/support/files-config.ts';
import { DEMO_PASSWORD, type GraphClient, graphClient } from '#test/support/graph.ts';
import { type TestSubjects, testSubjects } from '#test/support/subjects.ts';
import { type App, startApp } from '#tools/app.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-down-'));
const log = makeLog('test', 'silent');
let network: EmbeddedNetwork;
let app: App;
let keys: TestSubjects;
let graph: GraphClient;
const tokens: Record<string, string> = {};

/** Logs in; a city that has just started on a busy machine may be too slow for the first statements, and says so. */
const loginSoon = async (name: string): Promise<string> => {
  for (const end = Date.now() + 30_000; ; await sleep(200)) {
    try {
      return await graph.login(name);
    } catch (error) {
      if (Date.now() > end || !(error as Error).message.includes('CITY_UNAVAILABLE')) throw error;
    }
  }
};

beforeAll(async () => {
  network = await startEmbeddedNetwork({ dataDir: path.join(folder, 'data'), log });
  const { cities, secrets } = network;
  const migrator = { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS };
  await Promise.all(cities.map((city) => migrateCity(city, migrator)));
  keys = await testSubjects(
    cities.map(({ code }) => code),
    secrets.subjectIndexKey,
  );
  await seedDemo({ cities, secrets, subjects: keys.subjects, password: DEMO_PASSWORD, now: new Date() });
  const appointmentTypes = ['PHYSICIAN', 'SURGEON', 'DENTAL'];
  app = await startApp({
    cities,
    secrets,
    host: '127.0.0.1',
    port: 0,
    development: true,
    allowedOrigins: [],
    appointmentTypes,
    files: testFiles(folder, cities),
    subjects: keys.config,
    log,
  });
  graph = graphClient(app.url);
  for (const name of ['MTLP0001', 'MTLP0002', 'QUEP0001', 'QUEP0002', 'SHEP0001']) tokens[name] = await loginSoon(name);
}, 120_000);
afterAll(async () => {
  await app?.stop();
  await keys?.stop();
  await network?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

type SlotNode = { id: string; city: { code: string }; available: number };
const findSlots = async (username: string, cities?: string[]) => {
  const from = performance.now();
  const answer = await graph.ask<{ slots: { nodes: SlotNode[]; cityStates: { city: string; state: string }[] } }>(
    'query ($filter: SlotFilter!) { slots(filter: $filter, first: 60) { nodes { id available city { code } } cityStates { city state } } }',
    { filter: { onlyAvailable: true, from: new Date(Date.now() + 2 * 86_400_000).toISOString(), ...(cities ? { cities } : {}) } },
    { token: tokens[username] ?? null },
  );
  return { ...answer.data?.slots, errors: answer.errors, ms: performance.now() - from };
};
/** The first physician slot with places for two that begins so many days from now or later. */
const slotOn = async (city: string, days: number): Promise<string | undefined> => {
  const from = new Date(Date.now() + days * 86_400_000).toISOString();
  const answer = await graph.ask<{ slots: { nodes: SlotNode[] } }>(
    'query ($filter: SlotFilter!) { slots(filter: $filter, first: 100) { nodes { id available } } }',
    { filter: { cities: [city], appointmentType: 'PHYSICIAN', onlyAvailable: true, from } },
    { token: tokens['MTLP0001'] ?? null },
  );
  return answer.data?.slots.nodes.find(({ available }) => available >= 2)?.id;
};
const book = async (username: string, slotId: string | undefined, key: string) => {
  const answer = await graph.ask<{ bookAppointment: { __typename: string; city?: string; appointment?: { id: string } } }>(
    `mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) {
      __typename ... on CityUnavailable { city retryAfterSeconds } ... on BookAppointmentSuccess { replayed appointment { id } } } }`,
    { input: { slotId, idempotencyKey: key } },
    { token: tokens[username] ?? null },
  );
  return answer.data?.bookAppointment ?? { __typename: answer.text };
};
const schedule = async (username: string) => {
  const answer = await graph.ask<{ me: { patient: { appointments: { nodes: { id: string; status: string }[] } | null } | null } }>(
    '{ me { patient { appointments { nodes { id status } } } } }',
    {},
    { token: tokens[username] ?? null },
  );
  return answer.data?.me?.patient?.appointments?.nodes ?? null;
};

it('keeps the other cities going while one is down, and loses nothing', async () => {
  // Days far enough apart that no weekend makes two of them one.
  const [early, middle, late] = [3, 7, 11];
  const [montreal, quebec, sherbrooke] = [await slotOn('MTL', early), await slotOn('QUE', early), await slotOn('SHE', middle)];
  const [atHome, away] = [await slotOn('MTL', late), await slotOn('SHE', late)];
  const kept = await book('QUEP0001', montreal, 'kept');
  expect(kept.__typename).toBe('BookAppointmentSuccess');
  const settledLater = await book('QUEP0002', montreal, 'settled');
  expect(settledLater.__typename).toBe('BookAppointmentSuccess');
  const local = await book('QUEP0001', await slotOn('QUE', late), 'inside');
  expect(local.__typename).toBe('BookAppointmentSuccess');
  await sleep(500); // confirmations are lazy

  await network.city('QUE').stop();

  for (let i = 0; i < 3; i++) {
    const during = await findSlots('MTLP0001');
    expect(during.errors).toEqual([]);
    expect(during.ms).toBeLessThan(2_000);
    expect(during.cityStates).toEqual([
      { city: 'MTL', state: 'COMPLETE' },
      { city: 'QUE', state: 'UNAVAILABLE' },
      { city: 'SHE', state: 'COMPLETE' },
    ]);
    expect(new Set(during.nodes?.map(({ city }) => city.code))).toEqual(new Set(['MTL', 'SHE']));
  }
  expect((await book('MTLP0001', atHome, 'at-home')).__typename).toBe('BookAppointmentSuccess');
  expect((await book('MTLP0002', away, 'away')).__typename).toBe('BookAppointmentSuccess');
  expect(await book('MTLP0002', quebec, 'to-the-missing')).toMatchObject({
    __typename: 'CityUnavailable',
    city: 'QUE',
    retryAfterSeconds: expect.any(Number),
  });
  expect(await book('QUEP0001', sherbrooke, 'from-the-missing')).toMatchObject({ __typename: 'CityUnavailable', city: 'QUE' });
  // The host decides a cancellation; the home hears of it when it is back.
  const cancelled = await graph.ask<{ cancelAppointment: { __typename: string } }>(
    'mutation ($id: ID!) { cancelAppointment(appointmentId: $id) { __typename } }',
    { id: settledLater.appointment?.id },
    { token: tokens['QUEP0002'] ?? null },
  );
  expect(cancelled.data?.cancelAppointment?.__typename).toBe('CancelAppointmentSuccess');
  const health = (await (await fetch(`${app.url}/health/ready`)).json()) as Record<string, unknown>;
  expect(JSON.stringify(health)).toContain('QUE');

  await network.city('QUE').start();
  const end = Date.now() + 20_000;
  while ((await findSlots('MTLP0001')).cityStates?.some(({ state }) => state !== 'COMPLETE')) {
    if (Date.now() > end) throw new Error('the city did not come back');
    await sleep(100);
  }
  // Each subgraph notices by itself.
  while ((await schedule('QUEP0001')) === null) {
    if (Date.now() > end) throw new Error('the schedule did not come back');
    await sleep(100);
  }
  expect((await schedule('QUEP0001'))?.map(({ id }) => id).toSorted()).toEqual([kept.appointment?.id, local.appointment?.id].toSorted());
  for (
    let i = 0;
    (await schedule('QUEP0002'))?.some(({ id, status }) => id === settledLater.appointment?.id && status !== 'CANCELLED');
    i++
  ) {
    if (i > 60) throw new Error('the cancellation was never settled at home');
    await sleep(250);
  }
  expect(await book('MTLP0002', quebec, 'to-the-missing')).toMatchObject({ __typename: 'BookAppointmentSuccess', replayed: false });
  expect(await book('QUEP0001', sherbrooke, 'from-the-missing')).toMatchObject({
    __typename: 'BookAppointmentSuccess',
  });
}, 120_000);

it('answers from the standby, marked stale, while a primary is stopped', async () => {
  await network.city('SHE').stopNode('a');
  let states = (await findSlots('MTLP0001')).cityStates;
  for (let i = 0; i < 40 && !states?.some(({ state }) => state === 'STALE'); i++) {
    await sleep(100);
    states = (await findSlots('MTLP0001')).cityStates;
  }
  expect(states).toContainEqual({ city: 'SHE', state: 'STALE' });
  expect(await book('SHEP0001', (await findSlots('SHEP0001', ['SHE'])).nodes?.[0]?.id, 'stale')).toMatchObject({
    __typename: 'CityUnavailable',
    city: 'SHE',
  });
  await network.city('SHE').startNode('a');
}, 60_000);
