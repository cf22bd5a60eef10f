import { buildSchema, GraphQLError, isScalarType } from 'graphql';
import { checkVariables, GATEWAY_LIMITS, type Limits, makeDocuments, pickOperation, SUBGRAPH_LIMITS } from '#platform/graphql/limits.ts';
import { Base64, ByteCount, CalendarDate, DateTime, EntryCount } from '#platform/graphql/scalars.ts';

const schema = buildSchema(`
  scalar DateTime
  scalar Date
  scalar Base64
  scalar ByteCount
  scalar EntryCount
  enum Status { FREE BUSY }
  input Name { family: String! given: [String!]! born: Date }
  input Add { city: String! capacity: Int start: DateTime status: Status people: [Name!] content: Base64 sizeBytes: ByteCount open: Boolean share: Float id: ID }
  input Filter { from: DateTime cities: [String!] }
  type Row { id: ID! rows(first: Int = 25, filter: Filter): Rows }
  type Rows { nodes: [Row!] }
  type Query { rows(first: Int = 25, filter: Filter): Rows proof(fromSize: EntryCount!, city: String): Row }
  type Mutation { login(username: String!, password: String!): Row add(input: Add!): Row both(a: Int, b: Int): Row }
`);
for (const scalar of [DateTime, CalendarDate, Base64, ByteCount, EntryCount]) {
  const own = schema.getType(scalar.name);
  if (!isScalarType(own)) throw new Error('the schema lacks a scalar');
  own.parseValue = scalar.parseValue;
  own.parseLiteral = scalar.parseLiteral;
}

const SECRET = 'caregraphdemo';
type Told = readonly [code: unknown, field: unknown, message: string];
const tell = (query: string, variables: Record<string, unknown> = {}, limits: Limits = GATEWAY_LIMITS): readonly Told[] => {
  const prepared = makeDocuments(schema, limits)(query);
  const operation = prepared.errors.length > 0 ? null : pickOperation(prepared, null);
  const errors =
    operation === null ? prepared.errors : operation instanceof GraphQLError ? [operation] : checkVariables(operation, variables, limits);
  return errors.map(({ extensions, message }) => [extensions['code'], extensions['field'], message] as const);
};

describe('a value in the document that does not fit', () => {
  it.each<[string, string, string, string]>([
    ['login(username: "x", password: caregraphdemo)', 'GRAPHQL_VALIDATION_FAILED', 'password', 'is a text in quotes.'],
    ['login(username: "x", password: 19840229)', 'GRAPHQL_VALIDATION_FAILED', 'password', 'is a text in quotes.'],
    ['login(username: "x", password: ["caregraphdemo"])', 'GRAPHQL_VALIDATION_FAILED', 'password', 'is a text in quotes.'],
    ['login(username: "x", password: {caregraphdemo: 1})', 'GRAPHQL_VALIDATION_FAILED', 'password', 'is a text in quotes.'],
    ['login(username: "x", password: null)', 'GRAPHQL_VALIDATION_FAILED', 'password', 'is required.'],
    ['add(input: {city: "MTL", status: caregraphdemo})', 'GRAPHQL_VALIDATION_FAILED', 'input.status', 'is none of the values of Status.'],
    ['add(input: {city: "MTL", status: "caregraphdemo"})', 'GRAPHQL_VALIDATION_FAILED', 'input.status', 'is none of the values of Status.'],
    [
      'add(input: {city: "MTL", capacity: "caregraphdemo"})',
      'GRAPHQL_VALIDATION_FAILED',
      'input.capacity',
      'is a whole number from -2147483648 to 2147483647.',
    ],
    ['add(input: {city: "MTL", open: "caregraphdemo"})', 'GRAPHQL_VALIDATION_FAILED', 'input.open', 'is true or false.'],
    ['add(input: {city: "MTL", share: "caregraphdemo"})', 'GRAPHQL_VALIDATION_FAILED', 'input.share', 'is a number.'],
    ['add(input: {city: "MTL", id: caregraphdemo})', 'GRAPHQL_VALIDATION_FAILED', 'input.id', 'is an id in quotes.'],
    ['add(input: {capacity: 1})', 'GRAPHQL_VALIDATION_FAILED', 'input.city', 'is required.'],
    ['add(input: "caregraphdemo")', 'GRAPHQL_VALIDATION_FAILED', 'input', 'is an object of type Add.'],
    [
      'add(input: {city: "MTL", people: [{family: "a", given: []}, {family: 19840229, given: []}]})',
      'GRAPHQL_VALIDATION_FAILED',
      'input.people[1].family',
      'is a text in quotes.',
    ],
    [
      'add(input: {city: "MTL", people: [{family: "a", given: ["b", caregraphdemo]}]})',
      'GRAPHQL_VALIDATION_FAILED',
      'input.people[0].given[1]',
      'is a text in quotes.',
    ],
    ['add(input: {city: "MTL", people: [{given: []}]})', 'GRAPHQL_VALIDATION_FAILED', 'input.people[0].family', 'is required.'],
    [
      'add(input: {city: "MTL", nope: "caregraphdemo"})',
      'GRAPHQL_VALIDATION_FAILED',
      'input',
      'Field "nope" is not defined by type "Add".',
    ],
    [
      'add(input: {city: "MTL", people: [{family: "a", given: [], born: "19840229"}]})',
      'BAD_USER_INPUT',
      'input.people[0].born',
      'A Date is a day that exists, such as 1984-02-29.',
    ],
    ['add(input: {city: "MTL", start: caregraphdemo})', 'BAD_USER_INPUT', 'input.start', 'A DateTime is written as a text in quotes.'],
    [
      'add(input: {city: "MTL", content: "%%"})',
      'BAD_USER_INPUT',
      'input.content',
      'A Base64 is bytes in base64 with padding (RFC 4648, section 4), without line breaks.',
    ],
    [
      'add(input: {city: "MTL", sizeBytes: -1})',
      'BAD_USER_INPUT',
      'input.sizeBytes',
      'A ByteCount is a whole number from 0 to 9007199254740991.',
    ],
    ['add(input: {city: "caregraphdemo\\u0000"})', 'BAD_USER_INPUT', 'input.city', 'holds control characters; send plain text.'],
    [`add(input: {city: "${'caregraphdemo'.repeat(800)}"})`, 'BAD_USER_INPUT', 'input.city', 'is longer than 10000 characters.'],
  ])('document %#', (call, code, field, text) => {
    for (const limits of [GATEWAY_LIMITS, SUBGRAPH_LIMITS]) {
      if (limits === SUBGRAPH_LIMITS && text.startsWith('is longer')) continue;
      const told = tell(`mutation { ${call} { id } }`, {}, limits);
      expect(told).toEqual([[code, field, `${field}: ${text}`]]);
      expect(JSON.stringify(told)).not.toMatch(/caregraphdemo|19840229/);
    }
  });
  it.each<[string, string, string]>([
    [
      '{ rows(filter: {from: "2027-01-01"}) { nodes { id } } }',
      'filter.from',
      'A DateTime is an instant with an offset, such as 2027-02-10T13:00:00-05:00.',
    ],
    ['{ rows(filter: {cities: ["a", "b\\u0000"]}) { nodes { id } } }', 'filter.cities[1]', 'holds control characters; send plain text.'],
    ['{ proof(fromSize: -1) { id } }', 'fromSize', 'An EntryCount is a whole number from 0 to 9007199254740991.'],
    ['{ rows(first: 101) { nodes { id } } }', 'first', 'is a whole number from 1 to 100.'],
    ['{ rows { nodes { ...A } } } fragment A on Row { rows(first: 0) { nodes { id } } }', 'first', 'is a whole number from 1 to 100.'],
    [
      'query ($f: Filter = {from: "2027-01-01"}) { rows(filter: $f) { nodes { id } } }',
      'filter.from',
      'A DateTime is an instant with an offset, such as 2027-02-10T13:00:00-05:00.',
    ],
    [`{ rows(filter: {cities: [${'"a" '.repeat(101)}]}) { nodes { id } } }`, 'filter.cities', 'has more than 100 elements.'],
  ])('document %#', (query, field, text) => {
    expect(tell(query)).toEqual([['BAD_USER_INPUT', field, `${field}: ${text}`]]);
  });
  it('says where it is', () => {
    const { errors } = makeDocuments(schema, GATEWAY_LIMITS)('mutation {\n  login(username: "x", password: caregraphdemo) { id } }');
    expect(errors[0]?.locations).toEqual([{ line: 2, column: 34 }]);
    expect(errors[0]?.nodes).toBeUndefined();
  });
});

describe('a document that cannot be read', () => {
  it.each([
    'mutation { login(username: "x", password "caregraphdemo") { id } }',
    'mutation { login(username: "x", password: "a" "caregraphdemo") { id } }',
    'mutation { login(username: "x", password: """a""" """caregraphdemo""") { id } }',
    'mutation { login(username: "x", password: $ "caregraphdemo") { id } }',
    'query ($p: String = $caregraphdemo) { rows { nodes { id } } }',
    'mutation { login(username: "x", password: caregraphdemo-1) { id } }',
    'mutation { login(username: "x", password: 7caregraphdemo) { id } }',
    'mutation { login(username: "x", password: 19840229 }',
    'mutation { login(username: "x", password: "\\ucaregraphdemo") { id } }',
    'mutation { login(username: "x", password: "\\qcaregraphdemo") { id } }',
    'mutation { login(username: "x", password: "caregraphdemo\n") { id } }',
    'mutation { login(username: "x", password: \'caregraphdemo\') { id } }',
    'mutation { login(username: "x", password: &caregraphdemo) { id } }',
    'caregraphdemo',
    '"caregraphdemo"',
    'mutation caregraphdemo caregraphdemo { a }',
  ])('document %#', (query) => {
    const told = tell(query);
    expect(told).toEqual([['GRAPHQL_PARSE_FAILED', undefined, expect.stringMatching(/^Syntax Error: [^\n]{5,}$/)]]);
    expect(JSON.stringify(told)).not.toMatch(/careg|\\ucare|qcare|19840229|"7|"c"/);
  });
  it('names the marks that were expected', () => {
    expect(tell('mutation { login(username "caregraphdemo") { id } }')[0]?.[2]).toBe('Syntax Error: Expected ":", found String.');
  });
});

describe('a value in a variable that does not fit', () => {
  const ADD = 'mutation ($i: Add!) { add(input: $i) { id } }';
  const sound = { city: 'MTL' };
  it.each<[Record<string, unknown>, string, string]>([
    [{ ...sound, capacity: SECRET }, 'input.capacity', 'is a whole number from -2147483648 to 2147483647.'],
    [{ ...sound, status: SECRET }, 'input.status', 'is none of the values of Status.'],
    [{ ...sound, start: SECRET }, 'input.start', 'A DateTime is an instant with an offset, such as 2027-02-10T13:00:00-05:00.'],
    [{ ...sound, people: [{ family: 7, given: [] }] }, 'input.people[0].family', 'is a text.'],
    [
      { ...sound, people: [{ family: SECRET, given: [], born: SECRET }] },
      'input.people[0].born',
      'A Date is a day that exists, such as 1984-02-29.',
    ],
    [{ ...sound, people: [{ family: SECRET }] }, 'input.people[0].given', 'is required.'],
    [{ ...sound, people: [{ family: SECRET, given: [null] }] }, 'input.people[0].given[0]', 'is required.'],
    [{ ...sound, people: SECRET }, 'input.people', 'is an object of type Name.'],
    [{ ...sound, content: '%%' }, 'input.content', 'A Base64 is bytes in base64 with padding (RFC 4648, section 4), without line breaks.'],
    [{ ...sound, sizeBytes: -1 }, 'input.sizeBytes', 'A ByteCount is a whole number from 0 to 9007199254740991.'],
    [{ ...sound, open: SECRET }, 'input.open', 'is true or false.'],
    [{ ...sound, share: SECRET }, 'input.share', 'is a number.'],
    [{ ...sound, id: { a: SECRET } }, 'input.id', 'is an id, sent as a text.'],
    [{ capacity: 1 }, 'input.city', 'is required.'],
    [{ city: `${SECRET}\0` }, 'input.city', 'holds control characters; send plain text.'],
    [{ city: SECRET.repeat(800) }, 'input.city', 'is longer than 10000 characters.'],
    [
      { ...sound, people: [{ family: SECRET, given: ['a', `${SECRET}\u202e`] }] },
      'input.people[0].given[1]',
      'holds control characters; send plain text.',
    ],
    [{ ...sound, nope: SECRET }, 'input', 'Field "nope" is not defined by type "Add".'],
    [{ ...sound, [`${SECRET} ${SECRET}`]: 1 }, 'input', 'is an object of type Add.'],
  ])('%#: at %s', (i, field, text) => {
    const told = tell(ADD, { i });
    expect(told).toEqual([['BAD_USER_INPUT', field, `${field}: ${text}`]]);
    expect(JSON.stringify(told)).not.toContain(SECRET);
  });
  it.each<[string, Record<string, unknown>, string]>([
    ['mutation ($x: Int) { both(b: $x) { id } }', { x: SECRET }, 'b'],
    ['mutation ($x: Int) { both(b: $x, a: $x) { id } }', { x: SECRET }, 'b'],
    ['mutation ($c: Int) { add(input: {city: "MTL", capacity: $c}) { id } }', { c: SECRET }, 'input.capacity'],
    [
      'mutation ($g: String!) { add(input: {city: "MTL", people: [{family: "a", given: ["b", $g]}]}) { id } }',
      { g: 7 },
      'input.people[0].given[1]',
    ],
    ['query ($n: Int) { rows(first: $n) { nodes { id } } }', { n: 101 }, 'first'],
    ['query ($n: Int = 5) { rows { nodes { ...A } } } fragment A on Row { rows(first: $n) { nodes { id } } }', { n: 0 }, 'first'],
    [
      'query ($d: DateTime) { rows { nodes { ...A } } } fragment A on Row { rows(filter: {from: $d}) { nodes { id } } }',
      { d: SECRET },
      'filter.from',
    ],
    ['query ($b: Boolean!) { rows @include(if: $b) { nodes { id } } }', { b: SECRET }, 'b'],
    ['query A($p: String!) { proof(fromSize: 1, city: $p) @skip(if: false) { id } }', {}, 'city'],
  ])('is told where the document uses it: %s', (query, variables, field) => {
    const told = tell(query, variables);
    expect(told).toEqual([['BAD_USER_INPUT', field, expect.stringContaining(`${field}: `)]]);
    expect(JSON.stringify(told)).not.toContain(SECRET);
  });
  it('is told of the request where the document does not know it', () => {
    const told = tell('query ($n: Int) { rows(first: $n) { nodes { id } } }', { [SECRET]: `${SECRET}\0` });
    expect(told).toEqual([['BAD_USER_INPUT', undefined, 'variables: holds control characters; send plain text.']]);
  });
});
