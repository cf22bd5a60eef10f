import { startTestApp, type TestApp } from '#test/support/app.ts';
import { TRANSPORT_NAMES, TRANSPORTS } from '#test/support/transports.ts';

let app: TestApp;
let admin: string;
beforeAll(async () => {
  app = await startTestApp();
  admin = await app.tokenOf('MTLA0001');
}, 60_000);
afterAll(() => app?.stop());
afterEach(() => expect(Object.keys(Object.prototype)).toEqual([]));

const CREATE = `mutation ($input: CreatePatientInput!) {
  createPatient(input: $input) { __typename ... on CreatePatientSuccess { patient { id version name { text family given } birthDate } } ... on Refusal { message } }
}`;
const aPatient = (changes: Record<string, unknown> = {}) => ({
  name: { family: 'Tremblay', given: ['Zoé'] },
  birthDate: '1984-02-29',
  ...changes,
});
const named = (family: string, given = 'Zoé') => aPatient({ name: { family, given: [given] } });
const rows = async (): Promise<string> => {
  const counts = await Promise.all(
    ['MTL', 'QUE', 'SHE'].map(async (city) => {
      const { rows: found } = await (await app.network.admin(city)).query(
        'select (select count(*) from patients.patient) p, (select count(*) from scheduling.slot) s, (select count(*) from scheduling.appointment) a, (select count(*) from patients.account) c',
      );
      return JSON.stringify(found[0]);
    }),
  );
  return counts.join();
};
const expectBadInput = async (query: string, variables: Record<string, unknown>): Promise<void> => {
  const before = await rows();
  const answer = await app.graph.ask(query, variables, { token: admin });
  expect(new Set(answer.errors.map(({ extensions }) => extensions['code']))).toEqual(new Set(['BAD_USER_INPUT']));
  expect(answer.text).not.toMatch(/stack|select |INSERT|syntax|\.ts:/);
  expect(await rows()).toBe(before);
};

describe('mass assignment', () => {
  it.each(['id', 'version', 'role', 'city', 'balance', 'createdAt', 'unknown'])('refuses %s in a new patient', async (field) => {
    await expectBadInput(CREATE, { input: aPatient({ [field]: 'MTL' }) });
  });
  it('refuses a role at sign-up', async () => {
    await expectBadInput('mutation ($input: RegisterPatientInput!) { registerPatient(input: $input) { __typename } }', {
      input: { ...aPatient(), city: 'MTL', password: 'long enough for us', role: 'ADMIN' },
    });
  });
});

describe('injection', () => {
  const STRINGS = [
    "mtl'; DROP TABLE patients.patient;--",
    "' OR '1'='1",
    '%',
    '_',
    '\\',
    "O'Xyzzy",
    '"; select pg_sleep(10);--',
    '{"$gt":""}',
    '$(id)',
    '../../etc/passwd',
  ];
  it.each(STRINGS)('finds nothing by %j and breaks nothing', async (text) => {
    const before = await rows();
    const from = performance.now();
    const answer = await app.graph.ask<Record<string, { nodes: unknown[] } | null>>(
      'query ($t: String!) { a: patients(filter: { name: $t }) { nodes { id } } b: patients(filter: { identifier: $t }) { nodes { id } } c: practitioners(filter: { name: $t }) { nodes { id } } }',
      { t: text },
      { token: admin },
    );
    expect(performance.now() - from).toBeLessThan(2_000);
    for (const part of Object.values(answer.data ?? {})) expect(part?.nodes ?? []).toEqual([]);
    for (const { extensions } of answer.errors) expect(extensions['code']).toBe('BAD_USER_INPUT');
    expect(await rows()).toBe(before);
  });
  it.each([
    ['a city', 'query ($t: String!) { slots(filter: { cities: [$t] }) { nodes { id } } }'],
    ['a cursor', 'query ($t: String!) { slots(filter: {}, after: $t) { nodes { id } } }'],
    ['a feed cursor', 'query ($t: String!) { patients(filter: {}, after: $t) { nodes { id } } }'],
    ['a code', 'query ($t: String!) { slotsByCode(code: $t) { id } }'],
  ])('refuses SQL as %s', async (_title, query) => {
    for (const text of STRINGS) await expectBadInput(query, { t: text });
  });
});

describe('prototypes', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__'])('survives the alias %s', async (alias) => {
    for (const transport of TRANSPORT_NAMES) {
      const outcome = await TRANSPORTS[transport](app.graph, { query: `{ ${alias}: cities { code } }` }, admin);
      expect(Object.keys(Object.prototype)).toEqual([]);
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      if (alias.startsWith('__'))
        expect(['LIMIT_EXCEEDED', 'BAD_USER_INPUT', 'GRAPHQL_VALIDATION_FAILED']).toContain(outcome.errors[0]?.extensions['code']);
    }
  });
  it('survives __proto__ in variables', async () => {
    const body = `{"query":${JSON.stringify(CREATE)},"variables":{"__proto__":{"polluted":1},"input":{"__proto__":{"polluted":1},"name":{"family":"X","given":["Y"]},"birthDate":"1990-01-01"}}}`;
    const answer = await app.graph.post(body, { authorization: `Bearer ${admin}` });
    expect([200, 400]).toContain(answer.status);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('text', () => {
  it.each([
    ['NUL', 'Zo\u0000é'],
    ['a lone surrogate', 'Zo\ud800é'],
    ['a direction override', 'Zo\u202eé'],
    ['an isolate', '\u2066Zoé'],
    ['nothing but spaces', '   '],
    ['nothing', ''],
    ['10,000 letters', 'é'.repeat(10_000)],
    ['an escape', '\u001b[31mZoé'],
  ])('refuses a name with %s', async (_title, family) => {
    await expectBadInput(CREATE, { input: named(family) });
  });
  it.each([
    ['Éloïse', 'Éloïse'],
    ['E\u0301loi\u0308se', 'Éloïse'],
    ["O'Brien", "O'Brien"],
    ["d'Arc-Côté", "d'Arc-Côté"],
    ['Nguyễn', 'Nguyễn'],
    ['Zoé \u{1f469}\u200d', 'Zoé \u{1f469}'],
    ['  Le   Blanc ', 'Le Blanc'],
  ])('keeps %j as %j', async (family, kept) => {
    const answer = await app.graph.ask<{ createPatient: { patient: { name: { family: string } } } }>(
      CREATE,
      { input: named(family) },
      { token: admin },
    );
    expect(answer.data?.createPatient.patient.name.family).toBe(kept);
  });
  it('finds names without accents, case and word order, and takes wildcards as letters', async () => {
    await app.graph.ask(CREATE, { input: named('Gagné-Lœuvre', 'Françoise Éléonore') }, { token: admin });
    const find = async (name: string): Promise<string[]> => {
      const answer = await app.graph.ask<{ patients: { nodes: { name: { family: string } }[] } }>(
        'query ($name: String!) { patients(filter: { name: $name }) { nodes { name { family } } } }',
        { name },
        { token: admin },
      );
      return answer.data?.patients.nodes.map((node) => node.name.family) ?? [];
    };
    for (const name of ['gagne', 'GAGNÉ', 'francoise', 'eleo', 'ÉLÉONORE', 'gagne-loeuvre'])
      expect(await find(name)).toContain('Gagné-Lœuvre');
    expect(await find('G%')).toEqual([]);
    expect(await find('agné')).not.toContain('Gagné-Lœuvre');
  });
});

describe('times', () => {
  const ADD =
    'mutation ($input: AddSlotInput!) { addSlot(input: $input) { __typename ... on AddSlotSuccess { slot { id start end code } } ... on Refusal { message } } }';
  const slot = (changes: Record<string, unknown>) => ({ appointmentType: 'PHYSICIAN', capacity: 1, ...changes });
  it.each([
    ['without an offset', { start: '2027-02-10T13:00:00', end: '2027-02-10T14:00:00' }],
    ['of a leap second', { start: '2027-02-10T13:00:60Z', end: '2027-02-10T14:00:00Z' }],
    ['at 24:00', { start: '2027-02-10T24:00:00Z', end: '2027-02-11T01:00:00Z' }],
    ['of an offset of +99:99', { start: '2027-02-10T13:00:00+99:99', end: '2027-02-10T14:00:00Z' }],
    ['of the year 0', { start: '0000-02-10T13:00:00Z', end: '0000-02-10T14:00:00Z' }],
    ['of the year 9999', { start: '9999-02-10T13:00:00Z', end: '9999-02-10T14:00:00Z' }],
    ['of the year +275760', { start: '+275760-02-10T13:00:00Z', end: '+275760-02-10T14:00:00Z' }],
    ['of 29 February 2027', { start: '2027-02-29T13:00:00Z', end: '2027-02-29T14:00:00Z' }],
    ['that ends before it begins', { start: '2027-02-10T14:00:00Z', end: '2027-02-10T13:00:00Z' }],
    ['in the past', { start: '2020-02-10T13:00:00Z', end: '2020-02-10T14:00:00Z' }],
    ['that does not exist', { localStart: '2027-03-14T02:30', localEnd: '2027-03-14T03:30' }],
    ['that happens twice', { localStart: '2027-11-07T01:30', localEnd: '2027-11-07T02:30' }],
    ['given twice', { start: '2027-02-10T13:00:00Z', end: '2027-02-10T14:00:00Z', code: 'MTLA100227' }],
    ['not given', {}],
    ['of a code whose day does not exist', { code: 'MTLA300227' }],
  ])('refuses a slot %s', async (_title, changes) => {
    await expectBadInput(ADD, { input: slot(changes) });
  });
  it('says which times there are when one is skipped', async () => {
    const answer = await app.graph.ask(
      ADD,
      { input: slot({ localStart: '2027-03-14T02:30', localEnd: '2027-03-14T04:30' }) },
      { token: admin },
    );
    expect(answer.errors[0]?.message).toMatch(/03:30|01:30|03:00/);
  });
  it('takes the second 01:30 by its offset', async () => {
    const answer = await app.graph.ask<{ addSlot: { slot: { start: string } } }>(
      ADD,
      { input: slot({ localStart: '2027-11-07T01:30-05:00', localEnd: '2027-11-07T02:30' }) },
      { token: admin },
    );
    expect(answer.data?.addSlot.slot.start).toBe('2027-11-07T06:30:00.000Z');
  });
  it.each([
    ['in the future', '2999-01-01'],
    ['tomorrow', new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10)],
    ['that does not exist', '1983-02-29'],
    ['in words', 'yesterday'],
    ['of the year 1066', '1066-10-14'],
  ])('refuses a birth date %s', async (_title, birthDate) => {
    await expectBadInput(CREATE, { input: aPatient({ birthDate }) });
  });
});

describe('numbers', () => {
  const ADD =
    'mutation ($capacity: Int!) { addSlot(input: { appointmentType: "PHYSICIAN", code: "MTLA100227", capacity: $capacity }) { __typename } }';
  it.each([2 ** 31, -1, 0, 1.5, 1e21, '5', null])('refuses a capacity of %p', async (capacity) => {
    await expectBadInput(ADD, { capacity });
  });
  it.each(['1e309', 'NaN', '-Infinity'])('refuses %s in a body', async (number) => {
    const before = await rows();
    const answer = await app.graph.post(`{"query":${JSON.stringify(ADD)},"variables":{"capacity":${number}}}`, {
      authorization: `Bearer ${admin}`,
    });
    expect(answer.status).toBe(400);
    expect(answer.errors[0]?.extensions['code']).toBe('BAD_USER_INPUT');
    expect(await rows()).toBe(before);
  });
});

describe('operation names', () => {
  it.each(['a\r\nb', 'a\u001b[0m', '"}{', 'x'.repeat(65)])('refuses %j', async (operationName) => {
    const answer = await app.graph.ask('query a { cities { code } }', {}, { operationName, token: admin });
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain(operationName);
  });
});
