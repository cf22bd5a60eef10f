import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { seedDemo } from '#embedded/demo/seed.ts';
import { type EmbeddedNetwork, startEmbeddedNetwork } from '#embedded/network.ts';
import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import { makeLog } from '#platform/observability/log.ts';
import { testFiles } from '#test/support/files-config.ts';
import { type Answer, DEMO_PASSWORD, type GraphClient, graphClient } from '#test/support/graph.ts';
import { type TestSubjects, testSubjects } from '#test/support/subjects.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-spool-'));
const spoolFolder = path.join(folder, 'spool');
let network: EmbeddedNetwork;
let keys: TestSubjects;
let app: ChildProcess | null = null;
let graph: GraphClient;
const tokens: Record<string, string> = {};
let patientId = '';
let appointmentId = '';
let slotId = '';
let fileId = '';
const SPOOL_BYTES = 300_000;

const startApp = async (): Promise<void> => {
  const file = path.join(folder, 'settings.json');
  const { cities, secrets } = network;
  const settings = {
    cities,
    secrets,
    host: '127.0.0.1',
    port: 0,
    development: true,
    allowedOrigins: [],
    appointmentTypes: ['PHYSICIAN', 'SURGEON', 'DENTAL'],
    files,
    subjects: keys.config,
    spool: { folder: spoolFolder, maxBytes: SPOOL_BYTES, alarmSeconds: 1 },
    logFile: path.join(folder, 'app.log'),
  };
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
  app = fork(new URL('./spool-app.ts', import.meta.url), [file], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
  const [ready] = (await Promise.race([
    once(app, 'message'),
    sleep(60_000, undefined, { ref: false }).then(() => {
      throw new Error('the graph did not start in time');
    }),
  ])) as [{ url: string }];
  graph = graphClient(ready.url);
};
const killApp = async (): Promise<void> => {
  if (!app || app.exitCode !== null || app.signalCode !== null) return;
  app.kill('SIGKILL');
  await once(app, 'exit');
};
let files: ReturnType<typeof testFiles>;

/** Asks until `isSo`; a busy machine and a city that changes its state may take a while. */
const until = async <T>(what: string, ask: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> => {
  for (const end = Date.now() + 45_000; ; await sleep(200)) {
    const value = await ask();
    if (isSo(value)) return value;
    if (Date.now() > end)
      throw new Error(`${what} did not come about: ${JSON.stringify((value as { text?: string }).text ?? value).slice(0, 500)}`);
  }
};
const ask = (as: string, query: string, variables: Record<string, unknown> = {}): Promise<Answer> =>
  graph.ask(query, variables, { token: tokens[as] ?? null });
const read = (as: string, query: string): Promise<Answer> => ask(as, `query ($p: ID!) { ${query} }`, { p: patientId });
type Report = { readonly state: string; readonly entries: number; readonly bytes: number };
const reportOf = async (role: string): Promise<Report> => {
  const health = (await (await fetch(`${graph.url}/health/ready`)).json()) as Record<string, Record<string, Report>>;
  return health[`auditSpool:${role}`]?.['MTL'] ?? { state: 'unknown', entries: -1, bytes: -1 };
};
const spoolText = (): string =>
  readdirSync(spoolFolder)
    .filter((name) => name.startsWith('MTL-') && name.endsWith('.spool'))
    .map((name) => readFileSync(path.join(spoolFolder, name), 'latin1'))
    .join('\n');
/** Leaves of the city's entries, as they stand in the database. */
const leaves = async (): Promise<Record<string, unknown>[]> => {
  const { cities, secrets } = network;
  const city = cities.find(({ code }) => code === 'MTL');
  for (const node of city?.nodes ?? []) {
    const client = new pg.Client({ ...node, database: city?.database, user: 'audit', password: secrets.databasePasswords.audit });
    client.on('error', () => {});
    try {
      await client.connect();
      const { rows } = await client.query<{ primary: boolean; body: Buffer | null }>(
        'select not pg_is_in_recovery() as primary, body from (select 1) one left join audit.entry on true order by id',
      );
      if (rows[0]?.primary) return rows.flatMap(({ body }) => (body ? [JSON.parse(body.toString('utf8')) as Record<string, unknown>] : []));
    } catch {
      // The other node, then.
    } finally {
      await client.end().catch(() => {});
    }
  }
  throw new Error('no primary of MTL');
};
/** The one id of an answer. */
const idIn = (answer: Answer): string => {
  const [, id] = /"id":"([^"]+)"/.exec(answer.text) ?? [];
  if (id === undefined) throw new Error(`the story could not be prepared: ${answer.text}`);
  return id;
};
const requestOf = (answer: Answer): string => answer.headers.get('x-request-id') ?? '';

beforeAll(async () => {
  const log = makeLog('test', 'silent');
  network = await startEmbeddedNetwork({ dataDir: path.join(folder, 'data'), log });
  const { cities, secrets } = network;
  const migrator = { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS };
  await Promise.all(cities.map((city) => migrateCity(city, migrator)));
  const codes = cities.map(({ code }) => code);
  keys = await testSubjects(codes, secrets.subjectIndexKey);
  await seedDemo({ cities, secrets, subjects: keys.subjects, password: DEMO_PASSWORD, now: new Date() });
  files = testFiles(folder, cities);
  await startApp();
  for (const name of ['MTLP0001', 'MTLP0009', 'MTLD0001', 'MTLA0001', 'QUEU0001']) tokens[name] = await graph.login(name);
  const me = await until(
    'the story',
    () => graph.ask<{ me: { patient: { id: string } } | null }>('{ me { patient { id } } }', {}, { token: tokens['MTLP0001'] ?? null }),
    ({ data }) => Boolean(data?.me?.patient),
  );
  patientId = me.data?.me?.patient.id ?? '';
  const input = {
    appointmentType: 'PHYSICIAN',
    capacity: 2,
    start: new Date(Date.now() + 40 * 86_400_000).toISOString(),
    end: new Date(Date.now() + 40 * 86_400_000 + 1_800_000).toISOString(),
  };
  const slot = await ask(
    'MTLA0001',
    'mutation ($input: AddSlotInput!) { addSlot(input: $input) { ... on AddSlotSuccess { slot { id } } } }',
    { input },
  );
  slotId = idIn(slot);
  const booked = await ask(
    'MTLP0001',
    'mutation ($s: ID!) { bookAppointment(input: { slotId: $s, idempotencyKey: "k" }) { ... on BookAppointmentSuccess { appointment { id } } } }',
    { s: slotId },
  );
  appointmentId = idIn(booked);
  const kept = await ask(
    'MTLP0001',
    'mutation ($i: UploadFileInput!) { uploadFile(input: $i) { ... on UploadFileSuccess { file { id } } } }',
    { i: { patientId, name: 'canary-report.txt', contentType: 'text/plain', content: Buffer.from('canary findings').toString('base64') } },
  );
  fileId = idIn(kept);
  // The standby has to have heard of it.
  await sleep(1_000);
}, 180_000);
afterAll(async () => {
  await killApp();
  await keys?.stop();
  await network?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** What a reading answers while the primary is gone: who, the selection, and where `asOf` stands. */
const READINGS: readonly (readonly [string, string, readonly string[]])[] = [
  ['MTLP0001', 'patient(id: $p) { birthDate asOf }', ['patient']],
  ['MTLD0001', 'node(id: $p) { ... on Patient { name { text } asOf } }', ['node']],
  ['MTLP0001', 'patient(id: $p) { appointments { nodes { id status asOf } asOf } }', ['appointments', 'patient']],
  ['MTLP0001', 'patient(id: $p) { files { nodes { id name asOf } asOf } }', ['files', 'patient']],
  ['MTLP0001', 'patient(id: $p) { coverages { plan } asOf }', ['patient']],
];

it('answers readings from the standby while a primary is gone, each recorded on the disk first, and writes them once it is back', async () => {
  const before = (await leaves()).length;
  await network.city('MTL').stopNode('a');
  await until(
    'a stale answer',
    () => read('MTLP0001', 'patient(id: $p) { asOf }'),
    ({ data, errors }) => errors.length === 0 && typeof (data?.['patient'] as { asOf?: unknown } | null)?.asOf === 'string',
  );
  const expected: (readonly [string, readonly string[], string])[] = [];
  for (const [as, query, acts] of READINGS) {
    const answer = await until(
      query,
      () => read(as, query),
      ({ errors }) => errors.length === 0,
    );
    expect(answer.text).toMatch(/"asOf":"20/);
    expected.push([requestOf(answer), acts, 'success']);
  }
  const more: readonly (readonly [string, string, Record<string, unknown>, readonly string[]])[] = [
    ['MTLP0001', 'query ($id: ID!) { appointment(id: $id) { status asOf } }', { id: appointmentId }, ['appointment']],
    ['MTLA0001', 'query ($id: ID!) { slot(id: $id) { appointments { nodes { id asOf } asOf } } }', { id: slotId }, ['Slot.appointments']],
    ['MTLP0001', 'query ($id: ID!) { file(id: $id) { name content asOf } }', { id: fileId }, ['content', 'file']],
    ['MTLP0001', '{ me { patient { birthDate asOf } } }', {}, ['patient']],
    ['MTLP0001', '{ patients { nodes { birthDate asOf } cityStates { city state asOf } } }', {}, ['patients']],
  ];
  for (const [as, query, variables, acts] of more) {
    const answer = await until(
      query,
      () => ask(as, query, variables),
      ({ errors, text }) => errors.length === 0 && /"asOf":"20/.test(text),
    );
    expected.push([requestOf(answer), acts, 'success']);
  }
  const denied = await until(
    'a denial',
    () => read('MTLP0009', 'patient(id: $p) { birthDate }'),
    ({ text }) => text.includes('NOT_FOUND'),
  );
  expect(denied.data).toEqual({ patient: null });
  expected.push([requestOf(denied), ['patient'], 'denied']);

  // Nothing that changes or decides is told afterwards.
  const refused: readonly (readonly [string, string, Record<string, unknown>])[] = [
    ['MTLP0001', 'mutation ($id: ID!) { cancelAppointment(appointmentId: $id) { __typename } }', { id: appointmentId }],
    ['MTLP0001', 'query ($id: ID!) { file(id: $id) { downloadUrl } }', { id: fileId }],
    [
      'MTLD0001',
      'mutation ($id: ID!) { updatePatient(input: { id: $id, expectedVersion: 1, birthDate: "1970-01-01" }) { __typename } }',
      { id: patientId },
    ],
    [
      'MTLP0009',
      'mutation ($id: ID!) { updatePatient(input: { id: $id, expectedVersion: 1, birthDate: "1970-01-01" }) { __typename } }',
      { id: patientId },
    ],
  ];
  for (const [as, query, variables] of refused)
    expect((await ask(as, query, variables)).text).toMatch(/CityUnavailable|CITY_UNAVAILABLE|AUDIT_UNAVAILABLE/);

  for (const role of ['patients', 'scheduling', 'files']) expect(await reportOf(role)).toMatchObject({ entries: expect.any(Number) });
  expect((await reportOf('patients')).entries).toBeGreaterThan(5);
  const waiting = spoolText();
  for (const canary of [patientId, 'MTLP0001', 'canary', '1970-01-01', appointmentId === '' ? '?' : patientId.slice(8)])
    expect([canary, waiting.includes(canary)]).toEqual([canary, false]);
  for (const name of readdirSync(spoolFolder).filter((each) => each.endsWith('.spool')))
    expect([name, statSync(path.join(spoolFolder, name)).mode & 0o777]).toEqual([name, 0o600]);

  // The process dies with what waits, and another one goes on with it.
  await killApp();
  await startApp();
  const wentOn = await until(
    'a stale answer',
    () => read('MTLP0001', 'patient(id: $p) { asOf }'),
    ({ errors }) => errors.length === 0,
  );
  expected.push([requestOf(wentOn), ['patient'], 'success']);
  expect((await reportOf('patients')).entries).toBeGreaterThan(6);
  const wentDownUntil = Date.now();

  await network.city('MTL').startNode('a');
  for (const role of ['patients', 'scheduling', 'files'])
    await until(
      `the spool of ${role}`,
      () => reportOf(role),
      ({ state }) => state === 'empty',
    );
  const after = await leaves();
  expect(after.length).toBeGreaterThan(before);
  for (const [requestId, acts, outcome] of expected) {
    const found = after.filter((leaf) => leaf['requestId'] === requestId);
    expect([acts, found.map((leaf) => leaf['act']).toSorted()]).toEqual([acts, [...acts]]);
    for (const leaf of found) {
      expect(leaf).toMatchObject({ spooled: true, outcome: outcome === 'denied' ? '8' : '0' });
      expect(Date.parse(String(leaf['recorded']))).toBeLessThanOrEqual(wentDownUntil);
    }
  }
  const ids = after.map((leaf) => leaf['id']);
  expect(new Set(ids).size).toBe(ids.length);
  expect(after.filter((leaf) => leaf['spooled'] === true && leaf['action'] !== 'R')).toEqual([]);
  const fresh = await until(
    'a fresh answer',
    () => read('MTLP0001', 'patient(id: $p) { birthDate asOf }'),
    ({ data, errors }) => {
      return errors.length === 0 && (data?.['patient'] as { asOf: unknown } | null)?.asOf === null;
    },
  );
  const leaf = (await leaves()).find((each) => each['requestId'] === requestOf(fresh));
  expect([leaf?.['act'], leaf?.['spooled']]).toEqual(['patient', undefined]);
}, 240_000);

it('refuses readings once the spool is full, and takes them again when it was written', async () => {
  await network.city('MTL').stopNode('a');
  const answered: string[] = [];
  const full = await until(
    'a full spool',
    async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => read('MTLP0001', 'patient(id: $p) { birthDate }')));
      for (const answer of answers) if (answer.errors.length === 0) answered.push(requestOf(answer));
      return answers;
    },
    (answers) => answers.some(({ text }) => text.includes('AUDIT_UNAVAILABLE')) && answered.length > 0,
  );
  const refused = full.find(({ text }) => text.includes('AUDIT_UNAVAILABLE'));
  expect(refused?.data).toEqual({ patient: null });
  expect(
    await until(
      'the alarm',
      () => reportOf('patients'),
      ({ state }) => state === 'full',
    ),
  ).toMatchObject({ state: 'full' });
  expect((await reportOf('patients')).bytes).toBeLessThanOrEqual(SPOOL_BYTES);
  await network.city('MTL').startNode('a');
  await until(
    'the spool',
    () => reportOf('patients'),
    ({ state }) => state === 'empty',
  );
  const after = await leaves();
  const found = after.filter((leaf) => answered.includes(String(leaf['requestId'])));
  expect(found.length).toBe(answered.length);
  expect(after.filter((leaf) => leaf['requestId'] === (refused ? requestOf(refused) : ''))).toEqual([]);
}, 240_000);
