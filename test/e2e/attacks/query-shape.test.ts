import { startTestApp, type TestApp } from '#test/support/app.ts';
import { type Document, TRANSPORT_NAMES, TRANSPORTS } from '#test/support/transports.ts';

let app: TestApp;
let token: string;
beforeAll(async () => {
  app = await startTestApp();
  token = await app.tokenOf('MTLP0001');
}, 60_000);
afterAll(() => app?.stop());

const times = (count: number, make: (i: number) => string): string => Array.from({ length: count }, (_, i) => make(i)).join(' ');
const nested = (depth: number, inner: string): string =>
  `${'slots(filter: {}) { nodes { practitioner { '.repeat(1)}${'slots { nodes { practitioner { '.repeat(depth)}${inner}${' } } }'.repeat(depth)} } } }`;
const LIMIT = ['LIMIT_EXCEEDED'];
const LIMIT_OR_PARSE = ['LIMIT_EXCEEDED', 'GRAPHQL_PARSE_FAILED'];

/** Rows 1, 2, 4–9, 11 of the list of hostile documents: title, document, codes of which one has to come back. */
const HOSTILE: readonly (readonly [string, Document, readonly string[]])[] = [
  ['1,000 aliases of one field', { query: `{ ${times(1000, (i) => `a${i}: slot(id: "x") { id }`)} }` }, LIMIT_OR_PARSE],
  ['101 aliases of __typename', { query: `{ ${times(101, (i) => `a${i}: __typename`)} }` }, LIMIT],
  [
    '500 logins in one request',
    { query: `mutation { ${times(500, (i) => `a${i}: login(username: "MTLP0001", password: "wrong") { __typename }`)} }` },
    LIMIT_OR_PARSE,
  ],
  [
    '20 logins in one request',
    { query: `mutation { ${times(20, (i) => `a${i}: login(username: "MTLP0001", password: "wrong") { __typename }`)} }` },
    LIMIT,
  ],
  ['a depth of 50', { query: `{ ${nested(16, 'id')} }` }, LIMIT],
  ['a depth of 5,000', { query: `${'{ a '.repeat(5000)}${'}'.repeat(5000)}` }, LIMIT_OR_PARSE],
  [
    'fragments in a circle',
    { query: '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }' },
    ['LIMIT_EXCEEDED', 'GRAPHQL_VALIDATION_FAILED'],
  ],
  [
    'a fragment bomb of 2^24',
    {
      query: `{ ...F0 } ${times(24, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`)} fragment F24 on Query { __typename }`,
    },
    LIMIT,
  ],
  ['one field 10,000 times', { query: `{ ${times(10_000, () => '__typename')} }` }, LIMIT_OR_PARSE],
  ['5,000 directives', { query: `{ __typename ${times(5000, () => '@aa')} }` }, LIMIT_OR_PARSE],
  ['10 unknown directives', { query: `{ __typename ${times(10, () => '@aa')} }` }, ['LIMIT_EXCEEDED', 'GRAPHQL_VALIDATION_FAILED']],
  ['a page of 2147483647', { query: '{ slots(filter: {}, first: 2147483647) { nodes { id } } }' }, ['BAD_USER_INPUT']],
  ['a page of -1', { query: '{ slots(filter: {}, first: -1) { nodes { id } } }' }, ['BAD_USER_INPUT']],
  ['a page of 0', { query: '{ slots(filter: {}, first: 0) { nodes { id } } }' }, ['BAD_USER_INPUT']],
  ['a page of null', { query: '{ slots(filter: {}, first: null) { nodes { id } } }' }, ['BAD_USER_INPUT']],
  [
    'a page of 101 in a variable',
    { query: 'query ($n: Int) { slots(filter: {}, first: $n) { nodes { id } } }', variables: { n: 101 } },
    ['BAD_USER_INPUT'],
  ],
  [
    'pages of 100 × 100 × 100',
    {
      query:
        '{ slots(filter: {}, first: 100) { nodes { practitioner { slots(first: 100) { nodes { practitioner { slots(first: 100) { nodes { id } } } } } } } } }',
    },
    LIMIT,
  ],
];

describe.each(TRANSPORT_NAMES)('over %s', (transport) => {
  it.each(HOSTILE)('refuses %s before it costs anything', async (_title, document, codes) => {
    const before = await app.subgraphRequests();
    const outcome = await TRANSPORTS[transport](app.graph, document, token);
    expect(codes).toContain(outcome.errors[0]?.extensions['code']);
    expect(outcome.data).toBeNull();
    if (outcome.status !== null) expect(outcome.status).toBe(400);
    expect(outcome.errors.length).toBeLessThanOrEqual(5);
    expect(outcome.bytes).toBeLessThan(4096);
    expect(JSON.stringify(outcome.errors)).not.toMatch(/Did you mean|call stack|node_modules|127\.0\.0\.1|\bat .*\.ts/);
    expect(await app.subgraphRequests()).toBe(before);
  });

  it('answers a plain question still', async () => {
    const outcome = await TRANSPORTS[transport](app.graph, { query: '{ cities { code } }' }, token);
    expect(outcome.errors).toEqual([]);
    expect(outcome.data).toEqual({ cities: [{ code: 'MTL' }, { code: 'QUE' }, { code: 'SHE' }] });
  });
});

it('refuses a batch', async () => {
  const answer = await app.graph.post(JSON.stringify(Array.from({ length: 50 }, () => ({ query: '{ __typename }' }))));
  expect(answer.status).toBe(400);
  expect(answer.errors[0]?.extensions['code']).toBe('BAD_USER_INPUT');
});
