import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Supergraph } from '@apollo/federation-internals';
import fc from 'fast-check';
import { type GraphQLNamedType, type GraphQLSchema, parse, validate } from 'graphql';
import { ERROR_CODES } from '#platform/graphql/errors.ts';
import { startTestApp, type TestApp } from '#test/support/app.ts';
import { breakDocument, type Dice, randomDocument } from '#test/support/documents.ts';
import type { Answer } from '#test/support/graph.ts';

/** Documents of each kind; raise it for a longer run. A failure prints its seed: `FUZZ_SEED` runs it again. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400);
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.trunc(Math.random() * 2 ** 31));
const LONGEST_REFUSAL = 4_096;

const schema: GraphQLSchema = Supergraph.build(readFileSync('schema/supergraph.graphql', 'utf8')).apiSchema().toGraphQLJSSchema();
const NAMES = Object.values(schema.getTypeMap()).flatMap((type) => [
  type.name,
  ...('getFields' in type ? Object.keys(type.getFields()) : []),
]);
const ROLES = ['patient', 'practitioner', 'admin', 'auditor', 'anonymous'] as const;
type Role = (typeof ROLES)[number];

let app: TestApp;
const tokens = {} as Record<Role, string | null>;
const ids: Record<string, string[]> = {};

beforeAll(async () => {
  app = await startTestApp();
  const names = { patient: 'MTLP0001', practitioner: 'MTLD0001', admin: 'MTLA0001', auditor: 'QUEU0001' };
  for (const [role, name] of Object.entries(names)) tokens[role as Role] = await app.tokenOf(name);
  tokens.anonymous = null;
  ids['ID'] = [
    '',
    'x',
    'MTL-pat-',
    'ZZZ-pat-000000000000000000000000',
    'MTL-slt-00000000000000000000000000',
    "' OR 1=1 --",
    '__proto__',
    '\\',
    '🦊'.repeat(50),
  ];
  const column = async (city: string, sql: string): Promise<string[]> =>
    (await (await app.network.admin(city)).query(sql)).rows.map((row: { id: string }) => row.id);
  for (const [i, city] of ['MTL', 'QUE', 'SHE'].entries()) {
    const slots = await column(
      city,
      `select id from scheduling.slot where starts_at > now() + interval '${2 + 2 * i} days' order by starts_at limit 6`,
    );
    const mine = (await app.account('MTLP0001')).patientId;
    ids['ID'].push(...slots, ...(await column(city, 'select id from patients.patient limit 4')));
    ids['ID'].push(...(await column(city, 'select id from patients.practitioner limit 3')), ...(mine ? [mine] : []));
    const booked = await app.graph.ask<{ bookAppointment: { appointment?: { id: string } } }>(
      'mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { ... on BookAppointmentSuccess { appointment { id } } } }',
      { input: { slotId: slots[0], idempotencyKey: `fuzz-${city}` } },
      { token: tokens.patient },
    );
    expect(booked.errors).toEqual([]);
    const appointment = booked.data?.bookAppointment.appointment?.id;
    if (appointment) ids['ID'].push(appointment);
    ids['ID'].push(...(await column(city, 'select event_id as id from audit.entry limit 3')));
  }
}, 60_000);
afterAll(() => app?.stop());

const valuesFor = (name: string, type: GraphQLNamedType, dice: Dice): unknown => {
  const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString();
  switch (type.name) {
    case 'ID':
      return dice.pick(ids['ID'] ?? []);
    case 'DateTime':
      return day(dice.pick([-400, -1, 1, 3, 9]));
    case 'Date':
      return dice.pick(['1984-02-29', '2027-02-10', '1850-01-01']);
    case 'LocalDateTime':
      return dice.pick(['2027-02-10T13:00', '2027-03-14T02:30', '2027-11-07T01:30-04:00']);
    case 'Int':
      return dice.pick([0, 1, 7, 365, -1, 2_147_483_647]);
    case 'String':
      if (/cit(?:y|ies)/i.test(name)) return dice.pick(['MTL', 'QUE', 'SHE', 'ZZZ']);
      if (/after/i.test(name)) return dice.pick(['', 'MQ==', 'x']);
      return dice.pick(['PHYSICIAN', 'DENTAL', 'a', 'Zoé', '%', "'", '', 'MTLM100227', 'http://hl7.org/fhir/sid/ca-ramq', 'x'.repeat(300)]);
    default:
      return undefined;
  }
};

type Sent = { readonly query: string; readonly variables: Record<string, unknown> };
const send = (role: Role, { query, variables }: Sent, theLongWay = false): Promise<Answer> =>
  app.graph.post(
    JSON.stringify({
      query,
      variables,
      // A text with its hash is left to Apollo Server and Apollo's executor.
      ...(theLongWay
        ? { extensions: { persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') } } }
        : {}),
    }),
    tokens[role] ? { authorization: `Bearer ${tokens[role]}` } : {},
  );
const codes = ({ errors }: Answer): string[] =>
  errors.map(({ extensions, path }) => `${extensions['code']} ${JSON.stringify(path)}`).sort();

/** What holds for every answer, whatever was sent: JSON of the right form, no fault of ours, known codes, refusals that are short. */
const expectSound = (sent: unknown, answer: Answer): void => {
  const faults: string[] = [];
  let body: Record<string, unknown> = {};
  try {
    body = JSON.parse(answer.text);
  } catch {
    faults.push('no JSON');
  }
  for (const key of Object.keys(body)) if (key !== 'data' && key !== 'errors') faults.push(`a member ${key}`);
  if (answer.status >= 500) faults.push(`status ${answer.status}`);
  for (const { extensions } of answer.errors) {
    if (!ERROR_CODES.includes(extensions['code'] as never) || extensions['code'] === 'INTERNAL_SERVER_ERROR')
      faults.push(String(extensions['code']));
    if (typeof extensions['requestId'] !== 'string') faults.push('no request id');
    for (const key of Object.keys(extensions))
      if (!['code', 'requestId', 'field', 'city', 'retryAfterSeconds'].includes(key)) faults.push(`shows ${key}`);
  }
  if (!('data' in body) && answer.errors.length === 0) faults.push('neither data nor errors');
  if (!('data' in body) && answer.text.length > LONGEST_REFUSAL) faults.push(`a refusal of ${answer.text.length} characters`);
  if (Object.keys(Object.prototype).length > 0) faults.push('a polluted prototype');
  if (faults.length > 0)
    throw new Error(`${faults.join(', ')}\nsent: ${JSON.stringify(sent)}\nstatus ${answer.status}: ${answer.text.slice(0, 1_500)}`);
};

/** What the server logged as surprises so far. */
const surprises = (): number => (readFileSync(app.logFile, 'utf8').match(/"level":"(?:error|fatal)"/g) ?? []).length;

const anything = fc.record({ seed: fc.integer(), size: fc.integer({ min: 1, max: 40 }), role: fc.constantFrom(...ROLES) });
const parameters = { numRuns: RUNS, seed: SEED };

it('answers any query as Apollo’s executor does, and never with a fault of ours', async () => {
  let [compared, moving, invalid] = [0, 0, 0];
  const before = surprises();
  await fc.assert(
    fc.asyncProperty(anything, async ({ seed, size, role }) => {
      const sent = randomDocument(schema, seed, { kind: 'query', size, valuesFor });
      if (validate(schema, parse(sent.query)).length > 0) {
        invalid++;
        return;
      }
      const first = await send(role, sent);
      expectSound({ role, ...sent }, first);
      const long = await send(role, sent, true);
      const shown = (answer: Answer) => ({
        status: answer.status,
        data: answer.data,
        ...(answer.errors.length < 5 ? { codes: codes(answer) } : {}),
      });
      if (JSON.stringify(shown(first)) !== JSON.stringify(shown(long))) {
        // Reading is audited, so what shows the audit trail changes from one reading to the next; then nothing can be compared.
        const second = await send(role, sent);
        if (JSON.stringify(shown(first)) !== JSON.stringify(shown(second))) {
          moving++;
          return;
        }
      }
      compared++;
      expect({ role, ...sent, ...shown(first) }).toEqual({ role, ...sent, ...shown(long) });
    }),
    parameters,
  );
  expect(surprises()).toBe(before);
  expect(compared).toBeGreaterThan(RUNS / 2);
  expect(invalid + moving).toBeLessThan(RUNS / 2);
}, 600_000);

it('answers any mutation without a fault of ours', async () => {
  const before = surprises();
  // Left out: what ends the session of the test's own tokens, and what hashes passwords, which takes long on purpose.
  const without = ['logout', 'setRole', 'login', 'registerPatient'];
  await fc.assert(
    fc.asyncProperty(anything, async ({ seed, size, role }) => {
      const sent = randomDocument(schema, seed, { kind: 'mutation', size, valuesFor, without });
      if (validate(schema, parse(sent.query)).length > 0) return;
      expectSound({ role, ...sent }, await send(role, sent));
    }),
    parameters,
  );
  expect(surprises()).toBe(before);
}, 600_000);

it('refuses any broken document shortly, and goes on', async () => {
  const before = surprises();
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(anything, fc.integer(), fc.constantFrom('query', 'mutation'), async ({ seed, size, role }, how, kind) => {
      const without = ['logout', 'setRole', 'login', 'registerPatient'];
      const sound = randomDocument(schema, seed, { kind, size, valuesFor, without });
      const query = breakDocument(sound, NAMES, how);
      if (/\b(?:logout|setRole|login|registerPatient)\b/.test(query)) return;
      const answer = await send(role, { query, variables: sound.variables });
      if (!answer.text.startsWith('{"data"') && answer.data === null) refused++;
      expectSound({ role, query, variables: sound.variables }, answer);
    }),
    parameters,
  );
  expect(surprises()).toBe(before);
  expect(refused).toBeGreaterThan(RUNS / 3);
}, 600_000);

it('refuses any bytes and any JSON as a body, and goes on', async () => {
  const before = surprises();
  const members = fc.record(
    {
      query: fc.oneof(fc.jsonValue(), fc.constant('{ cities { code } }'), fc.string({ unit: 'binary' })),
      variables: fc.jsonValue(),
      operationName: fc.jsonValue(),
      extensions: fc.oneof(fc.jsonValue(), fc.record({ persistedQuery: fc.jsonValue() })),
    },
    { requiredKeys: [] },
  );
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    members.map((value) => Buffer.from(JSON.stringify(value))),
  );
  await fc.assert(
    fc.asyncProperty(body, fc.constantFrom(...ROLES), async (bytes, role) => {
      const response = await fetch(app.graph.endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(tokens[role] ? { authorization: `Bearer ${tokens[role]}` } : {}) },
        body: new Uint8Array(bytes),
      });
      const text = await response.text();
      const { data = null, errors = [] } = JSON.parse(text) as { data?: Record<string, unknown> | null; errors?: Answer['errors'] };
      expectSound(bytes.toString('latin1'), { status: response.status, headers: response.headers, text, data, errors });
    }),
    parameters,
  );
  expect(surprises()).toBe(before);
  const answer = await app.graph.ask('{ cities { code } }', {}, { token: tokens.patient });
  expect(answer.data).toEqual({ cities: [{ code: 'MTL' }, { code: 'QUE' }, { code: 'SHE' }] });
}, 600_000);
