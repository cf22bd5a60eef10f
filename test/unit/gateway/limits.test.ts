import { buildSchema, GraphQLError, getIntrospectionQuery, introspectionFromSchema, isScalarType } from 'graphql';
import { checkVariables, GATEWAY_LIMITS, makeDocuments, pickOperation } from '#platform/graphql/limits.ts';
import { DateTime } from '#platform/graphql/scalars.ts';

const schema = buildSchema(`
  scalar DateTime
  scalar Base64
  interface Node { id: ID! }
  type Person implements Node { id: ID! name(of: Filter): String friends(first: Int = 25, after: String): Page visits: [Person!] }
  type Page { nodes: [Person!]! edges: [Edge!]! }
  type Edge { node: Person! }
  input Filter { name: String tags: [String!] at: DateTime and: [Filter!] file: Base64 count: Int }
  type Query { me: Person node(id: ID!): Node people(filter: Filter, first: Int = 25): Page whole(n: Int): Int at(when: DateTime!): String }
  type Mutation { login(name: String!, password: String!): String }
  type Subscription { a: Int b: Int }
`);
const scalar = schema.getType('DateTime');
if (isScalarType(scalar)) {
  scalar.parseValue = DateTime.parseValue;
  scalar.parseLiteral = DateTime.parseLiteral;
}
const times = (count: number, of: (index: number) => string, between = ' '): string =>
  Array.from({ length: count }, (_, i) => of(i)).join(between);

/** What is said of a document and its variables: null when it may run. */
const verdict = (query: string, variables?: Record<string, unknown>, operationName?: string): readonly GraphQLError[] | null => {
  const prepared = makeDocuments(schema, GATEWAY_LIMITS)(query);
  if (prepared.errors.length > 0) return prepared.errors;
  const operation = pickOperation(prepared, operationName);
  if (operation instanceof GraphQLError) return [operation];
  const errors = checkVariables(operation, variables, GATEWAY_LIMITS);
  return errors.length > 0 ? errors : null;
};
const codeOf = (errors: readonly GraphQLError[] | null) => errors?.[0]?.extensions['code'] ?? null;

const nested = (depth: number): string => `{ me { ${'visits { '.repeat(depth)}id${' }'.repeat(depth)} } }`;
const typeChain = (depth: number): string => `{ __type(name: "Person") { ${'ofType { '.repeat(depth)}name${' }'.repeat(depth)} } }`;

describe('documents that are refused', () => {
  it.each<[string, string, string]>([
    ['1,000 aliases', `{ ${times(1_000, (i) => `a${i}: me { id }`)} }`, 'LIMIT_EXCEEDED'],
    ['31 aliases', `{ me { ${times(31, (i) => `a${i}: id`)} } }`, 'LIMIT_EXCEEDED'],
    ['101 aliases of __typename', `{ ${times(101, (i) => `a${i}: __typename`)} }`, 'LIMIT_EXCEEDED'],
    [
      'aliases multiplied by fragments',
      `{ ...A x: me { id } } ${times(6, (i) => `fragment F${i} on Person { ${times(6, (j) => `k${i}${j}: id`)} }`)} fragment A on Query { me { ...F0 ...F1 ...F2 ...F3 ...F4 ...F5 } }`,
      'LIMIT_EXCEEDED',
    ],
    ['500 mutations', `mutation { ${times(500, (i) => `a${i}: login(name: "a", password: "b")`)} }`, 'LIMIT_EXCEEDED'],
    ['6 mutations', `mutation { ${times(6, (i) => `a${i}: login(name: "a", password: "b")`)} }`, 'LIMIT_EXCEEDED'],
    ['21 root fields', `{ ${times(10, () => 'me { id }')} ${times(11, (i) => `b${i}: me { id }`)} }`, 'LIMIT_EXCEEDED'],
    ['a depth of 13', nested(11), 'LIMIT_EXCEEDED'],
    ['a depth of 60', nested(60), 'LIMIT_EXCEEDED'],
    ['a depth of 900', nested(900), 'LIMIT_EXCEEDED'],
    [
      'a depth through fragments',
      `{ me { ...A } } fragment A on Person { visits { visits { visits { visits { visits { visits { ...B } } } } } } } fragment B on Person { visits { visits { visits { visits { visits { visits { id } } } } } } }`,
      'LIMIT_EXCEEDED',
    ],
    [
      'a fragment that contains itself',
      '{ me { ...A } } fragment A on Person { visits { ...B } } fragment B on Person { visits { ...A } }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['a fragment that spreads itself', '{ me { ...A } } fragment A on Person { ...A }', 'GRAPHQL_VALIDATION_FAILED'],
    [
      'a bomb of fragments',
      `{ me { ...F0 } } ${times(24, (i) => `fragment F${i} on Person { a: visits { ...F${i + 1} } b: visits { ...F${i + 1} } }`)} fragment F24 on Person { id }`,
      'LIMIT_EXCEEDED',
    ],
    ['51 fragments', `{ me { ${times(50, (i) => `...F${i}`)} } } ${times(50, (i) => `fragment F${i} on Person { id }`)}`, 'LIMIT_EXCEEDED'],
    ['10,000 times one field', `{ me { ${'id '.repeat(10_000)} } }`, 'LIMIT_EXCEEDED'],
    ['11 times one field', `{ me { ${'id '.repeat(11)} } }`, 'LIMIT_EXCEEDED'],
    ['5,000 directives', `{ me { id ${'@aa '.repeat(5_000)} } }`, 'LIMIT_EXCEEDED'],
    ['10 directives at one field', `{ me { id ${'@aa '.repeat(10)} } }`, 'LIMIT_EXCEEDED'],
    [
      '21 directives',
      `{ me { ${times(21, (i) => `${i < 10 ? 'id' : i < 20 ? 'name' : '__typename'} @include(if: true)`)} } }`,
      'LIMIT_EXCEEDED',
    ],
    [
      'overlapping inline fragments, 40 by 40',
      `{ node(id: "1") { ${times(40, () => `... on Person { ${times(40, (j) => ['id', 'name', '__typename'][j % 3] ?? '')} }`)} } }`,
      'LIMIT_EXCEEDED',
    ],
    [
      'overlapping inline fragments, 200 by 100',
      `{ node(id: "1") { ${times(200, () => `... on Person { ${'id '.repeat(100)} }`)} } }`,
      'LIMIT_EXCEEDED',
    ],
    ['repeats inside repeats', `{ ${times(9, () => `me { ${times(9, () => `visits { ${'id '.repeat(9)} }`)} }`)} }`, 'LIMIT_EXCEEDED'],
    [
      'pages in pages in pages',
      '{ people(first: 100) { nodes { friends(first: 100) { nodes { friends(first: 100) { nodes { id } } } } } } }',
      'LIMIT_EXCEEDED',
    ],
    ['pages in pages by default', '{ people { nodes { friends { nodes { friends { nodes { id } } } } } } }', 'LIMIT_EXCEEDED'],
    [
      'pages side by side',
      '{ people(first: 100) { nodes { a: friends(first: 60) { nodes { id } } b: friends(first: 60) { nodes { id } } } } }',
      'LIMIT_EXCEEDED',
    ],
    ['a page of 2147483647', `{ people(first: 2147483647) { nodes { id } } }`, 'BAD_USER_INPUT'],
    ['a page of 101', `{ people(first: 101) { nodes { id } } }`, 'BAD_USER_INPUT'],
    ['a page of -1', `{ people(first: -1) { nodes { id } } }`, 'BAD_USER_INPUT'],
    ['a page of 0', `{ people(first: 0) { nodes { id } } }`, 'BAD_USER_INPUT'],
    ['a page of null', `{ people(first: null) { nodes { id } } }`, 'BAD_USER_INPUT'],
    ['a chain of types', typeChain(16), 'LIMIT_EXCEEDED'],
    ['introspection in a circle', '{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }', 'LIMIT_EXCEEDED'],
    [
      'introspection in a circle of interfaces',
      '{ __type(name: "Person") { interfaces { possibleTypes { interfaces { name } } } } }',
      'LIMIT_EXCEEDED',
    ],
    [
      'introspection in a circle of fragments',
      '{ __type(name: "Person") { ...T } } fragment T on __Type { fields { type { ...U } } } fragment U on __Type { fields { type { name } } }',
      'LIMIT_EXCEEDED',
    ],
    ['a list of 101', `{ people(filter: { tags: [${'"a" '.repeat(101)}] }) { nodes { id } } }`, 'BAD_USER_INPUT'],
    ['values nested too deeply', `{ people(filter: ${'{ and: ['.repeat(20)}${'] }'.repeat(20)}) { nodes { id } } }`, 'LIMIT_EXCEEDED'],
    ['a NUL in a text', '{ people(filter: { name: "a\\u0000" }) { nodes { id } } }', 'BAD_USER_INPUT'],
    ['a direction override in a text', '{ people(filter: { name: "a\u202eb" }) { nodes { id } } }', 'BAD_USER_INPUT'],
    ['a lone surrogate', '{ people(filter: { name: "\ud800" }) { nodes { id } } }', 'BAD_USER_INPUT'],
    ['a text of 10,001 characters', `{ people(filter: { name: "${'a'.repeat(10_001)}" }) { nodes { id } } }`, 'BAD_USER_INPUT'],
    ['an alias __proto__', '{ __proto__: me { id } }', 'BAD_USER_INPUT'],
    ['an alias constructor', '{ constructor: me { id } }', 'BAD_USER_INPUT'],
    ['an alias toString', '{ me { toString: id } }', 'BAD_USER_INPUT'],
    ['an alias that begins with __', '{ __a: me { id } }', 'BAD_USER_INPUT'],
    ['a fragment named __proto__', '{ me { ...__proto__ } } fragment __proto__ on Person { id }', 'BAD_USER_INPUT'],
    ['a variable named constructor', 'query($constructor: Int) { whole(n: $constructor) }', 'BAD_USER_INPUT'],
    ['an operation whose name is too long', `query ${'a'.repeat(65)} { me { id } }`, 'BAD_USER_INPUT'],
    ['a number beyond 32 bits', '{ whole(n: 2147483648) }', 'GRAPHQL_VALIDATION_FAILED'],
    ['an instant without an offset', '{ at(when: "2027-01-01T00:00:00") }', 'BAD_USER_INPUT'],
    [
      'two root fields of a subscription under a condition',
      'subscription($x: Boolean!) { a @include(if: $x) b }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['text that is no document', '{ me { id }', 'GRAPHQL_PARSE_FAILED'],
    ['nothing', '', 'GRAPHQL_PARSE_FAILED'],
  ])('%s', (_title, query, code) => {
    const began = process.cpuUsage();
    const errors = verdict(query);
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1_000).toBeLessThan(150);
    expect(codeOf(errors)).toBe(code);
    expect(errors?.length).toBeLessThanOrEqual(5);
    const body = JSON.stringify(errors);
    expect(body.length).toBeLessThan(4_000);
    expect(body).not.toMatch(/stack size|Did you mean/);
  });

  it('a document nested 5,000 levels deep, without the words of the engine', () => {
    for (const text of ['{ me '.repeat(5_000), `{ whole(n: ${'['.repeat(1_900)}`, `query($a: ${'['.repeat(1_900)}`]) {
      const errors = verdict(text);
      expect(['GRAPHQL_PARSE_FAILED', 'LIMIT_EXCEEDED']).toContain(codeOf(errors));
      expect(JSON.stringify(errors)).not.toContain('stack');
    }
  });
  it('many wrong fields, with five errors and no suggestion', () => {
    const errors = verdict(`{ me { ${times(200, (i) => `nam${i}`)} frends { nodes { id } } } }`);
    expect(errors).toHaveLength(5);
    expect(JSON.stringify(errors)).not.toContain('friends');
  });
});

describe('documents that may run', () => {
  it.each<[string, string]>([
    ['a depth of 12', nested(10)],
    ['30 aliases', `{ me { ${times(30, (i) => `a${i}: id`)} } }`],
    ['10 aliases of one root field', `{ ${times(10, (i) => `a${i}: me { id }`)} }`],
    ['5 mutations', `mutation { ${times(5, (i) => `a${i}: login(name: "a", password: "b")`)} }`],
    ['100 pages of 100', '{ people(first: 100) { nodes { friends(first: 100) { nodes { id } } } } }'],
    [
      'the introspection of GraphiQL and Sandbox',
      getIntrospectionQuery({
        descriptions: true,
        specifiedByUrl: true,
        directiveIsRepeatable: true,
        schemaDescription: true,
        inputValueDeprecation: true,
        oneOf: true,
      }),
    ],
    ['__typename', '{ __typename me { __typename } }'],
    ['names in French', `{ people(filter: { name: "Éloïse d'Arc-Côté 👩‍⚕️" }) { nodes { id } } }`],
  ])('%s', (_title, query) => {
    expect(verdict(query)).toBeNull();
  });
  it('knows its introspection by the figures of this schema', () => {
    expect(introspectionFromSchema(schema).__schema.types.length).toBeGreaterThan(10);
  });
});

describe('variables', () => {
  const people = `query($f: Filter, $n: Int = 10) { people(filter: $f, first: $n) { nodes { id } } }`;
  let deep: unknown = {};
  for (let i = 0; i < 50; i++) deep = { and: [deep] };

  it.each<[string, Record<string, unknown>, string | null]>([
    ['none', {}, null],
    ['a page of 100', { n: 100 }, null],
    ['a page of 101', { n: 101 }, 'BAD_USER_INPUT'],
    ['a page of 0', { n: 0 }, 'BAD_USER_INPUT'],
    ['a page of -1', { n: -1 }, 'BAD_USER_INPUT'],
    ['a page of 2147483647', { n: 2_147_483_647 }, 'BAD_USER_INPUT'],
    ['a page of null', { n: null }, 'BAD_USER_INPUT'],
    ['a page of 1.5', { n: 1.5 }, 'BAD_USER_INPUT'],
    ['a page of infinity', JSON.parse('{"n":1e309}'), 'BAD_USER_INPUT'],
    ['a page that is a text', { n: '10' }, 'BAD_USER_INPUT'],
    ['a NUL', { f: { name: 'a\0' } }, 'BAD_USER_INPUT'],
    ['a lone surrogate', { f: { name: '\ud800' } }, 'BAD_USER_INPUT'],
    ['a direction override', { f: { name: '\u202e' } }, 'BAD_USER_INPUT'],
    ['10,000 code points of two units', { f: { name: '👩'.repeat(10_000) } }, null],
    ['10,001 code points', { f: { name: 'é'.repeat(10_001) } }, 'BAD_USER_INPUT'],
    ['a long file', { f: { file: 'a'.repeat(1_000_000) } }, null],
    ['a list of 100', { f: { tags: Array(100).fill('a') } }, null],
    ['a list of 101', { f: { tags: Array(101).fill('a') } }, 'BAD_USER_INPUT'],
    ['values nested too deeply', { f: deep as never }, 'BAD_USER_INPUT'],
    ['a key __proto__', JSON.parse('{"f":{"__proto__":{"polluted":true}}}'), 'BAD_USER_INPUT'],
    ['a key constructor', { constructor: { prototype: { polluted: true } } }, 'BAD_USER_INPUT'],
    ['an unknown field', { f: { role: 'ADMIN' } }, 'BAD_USER_INPUT'],
    ['an instant without an offset', { f: { at: '2027-03-14T02:30' } }, 'BAD_USER_INPUT'],
    ['2^31', { f: { count: 2 ** 31 } }, 'BAD_USER_INPUT'],
    ['-0', { f: { count: -0 } }, null],
    ['NaN', { f: { count: Number.NaN } }, 'BAD_USER_INPUT'],
  ])('%s', (_title, variables, code) => {
    expect(codeOf(verdict(people, variables))).toBe(code);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
  it('never come back in an error', () => {
    const errors = verdict(people, { f: { at: 'Éloïse-1984', count: 'Éloïse-1984', tags: { a: 'Éloïse-1984' } } });
    expect(errors).toHaveLength(3);
    expect(JSON.stringify(errors)).not.toContain('1984');
  });
  it('count in the cost', () => {
    const query = 'query($n: Int!) { people(first: $n) { nodes { friends(first: $n) { nodes { friends(first: 2) { nodes { id } } } } } } }';
    expect(verdict(query, { n: 70 })).toBeNull();
    expect(codeOf(verdict(query, { n: 71 }))).toBe('LIMIT_EXCEEDED');
  });
  it('have to be given where they are required', () => {
    expect(codeOf(verdict('query($w: DateTime!) { at(when: $w) }', {}))).toBe('BAD_USER_INPUT');
    expect(codeOf(verdict('query($w: DateTime!) { at(when: $w) }', { w: null }))).toBe('BAD_USER_INPUT');
  });
});

describe('operation names', () => {
  const two = 'query A { me { id } } query B { me { name } }';
  it.each(['A\r\nB', 'é', 'a b', '1a', 'a'.repeat(65), '{"a":1}', '\u001b[31m'])('refuses %j', (name) => {
    expect(codeOf(verdict(two, {}, name))).toBe('BAD_USER_INPUT');
  });
  it('picks the one that is meant', () => {
    expect(verdict(two, {}, 'B')).toBeNull();
    expect(codeOf(verdict(two, {}, 'C'))).toBe('BAD_USER_INPUT');
    expect(codeOf(verdict(two, {}))).toBe('BAD_USER_INPUT');
  });
});

describe('a variable that may be left out', () => {
  it.each([
    ['an argument', 'query ($v: ID = "x") { node(id: $v) { id } }', 'id'],
    ['a condition', 'query ($v: Boolean = true) { me @include(if: $v) { id } }', 'v'],
    ['a fragment', 'query ($v: Boolean = true) { me { ...A } } fragment A on Person { visits { id @skip(if: $v) } }', 'v'],
  ])('is not null where no null may stand: in %s', (_place, query, field) => {
    expect(verdict(query)).toBeNull();
    expect(verdict(query, {})).toBeNull();
    expect(verdict(query, { v: null })?.map(({ message, extensions }) => [message, extensions['code']])).toEqual([
      [`${field}: is required.`, 'BAD_USER_INPUT'],
    ]);
  });
  it('is null where a null may stand', () => {
    expect(verdict('query ($v: Int = 1) { whole(n: $v) }', { v: null })).toBeNull();
    expect(verdict('query A($v: Int = 1) { whole(n: $v) } query B($v: ID = "x") { node(id: $v) { id } }', { v: null }, 'A')).toBeNull();
  });
});

describe('documents that are kept', () => {
  it('are the same again for the same text, without the places of their tokens', () => {
    const documents = makeDocuments(schema, GATEWAY_LIMITS);
    const first = documents('{ me { id } }');
    expect(documents('{ me { id } }')).toBe(first);
    expect(first.document?.loc).toBeUndefined();
  });
  it('make room by what they weigh, not by their number', () => {
    const documents = makeDocuments(schema, GATEWAY_LIMITS);
    const small = documents('{ me { id } }');
    const large = (i: number) =>
      `query Q${i} { me { ${times(19, (n) => `${n % 2 ? 'visits' : 'friends { nodes'} { ...A }${n % 2 ? '' : ' }'}`)} } } fragment A on Person { ${times(10, () => 'id')} }`;
    for (let i = 0; i < 1_000; i++) expect(documents(large(i)).errors).toEqual([]);
    expect(documents('{ me { id } }')).not.toBe(small);
  });
  it('that are refused hold nothing of the document, and say where the fault is', () => {
    const { errors, document } = makeDocuments(schema, GATEWAY_LIMITS)('{ me {\n  nope } }');
    expect(document).toBeNull();
    expect(errors).toHaveLength(1);
    expect(errors[0]?.nodes).toBeUndefined();
    expect(errors[0]?.locations).toEqual([{ line: 2, column: 3 }]);
    expect(errors[0]?.stack).not.toContain(' at ');
  });
});

it('counts pages by the default of their variable where none is given', () => {
  const query = (size: number) =>
    `query ($n: Int = ${size}) { me { friends(first: $n) { nodes { friends(first: $n) { nodes { friends(first: 10) { nodes { id } } } } } } } }`;
  expect(codeOf(verdict(query(100)))).toBe('LIMIT_EXCEEDED');
  expect(codeOf(verdict(query(100), { n: 3 }))).toBeNull();
  expect(codeOf(verdict(query(3)))).toBeNull();
  expect(codeOf(verdict(query(3), { n: 100 }))).toBe('LIMIT_EXCEEDED');
});

describe('texts that may be long, and fields that weigh', () => {
  const files = buildSchema(`
    scalar Base64
    type File { id: ID! content: Base64 sealed(key: String!): String versions(first: Int = 25): Versions }
    type Versions { nodes: [File!] }
    input Upload { name: String sealed: String content: Base64 many: [String!] inner: Upload }
    type Query { file(id: ID!): File files(first: Int = 25): Versions text(of: String): String }
    type Mutation { upload(input: Upload!, note: String): File plain(sealed: String): File }
  `);
  const limits = {
    ...GATEWAY_LIMITS,
    longTexts: { 'Upload.sealed': 50_000, 'Upload.many': 30_000 },
    weights: { 'File.content': 200, 'File.sealed': 1_000 },
  };
  const judge = (query: string, variables: Record<string, unknown> = {}) => {
    const prepared = makeDocuments(files, limits)(query);
    const operation = prepared.errors.length > 0 ? null : pickOperation(prepared, null);
    if (!operation || operation instanceof GraphQLError) return prepared.errors.map((error) => error.message);
    return checkVariables(operation, variables, limits).map((error) => error.message);
  };
  const text = (length: number): string => 'é'.repeat(length);
  const tooLong = (limit: number, path: string) => [`${path}: is longer than ${limit} characters.`];
  const whole = 'mutation ($input: Upload!) { upload(input: $input) { id } }';
  const just = 'mutation ($s: String) { upload(input: { inner: { sealed: $s } }) { id } }';

  it('takes them where the whole input is a variable, and there alone', () => {
    expect(judge(whole, { input: { sealed: text(50_000) } })).toEqual([]);
    expect(judge(whole, { input: { sealed: text(50_001) } })).toEqual(tooLong(50_000, 'input.sealed'));
    expect(judge(whole, { input: { inner: { sealed: text(50_000) } } })).toEqual([]);
    expect(judge(whole, { input: { many: [text(30_000)] } })).toEqual([]);
    expect(judge(whole, { input: { many: [text(30_001)] } })).toEqual(tooLong(30_000, 'input.many[0]'));
    expect(judge(whole, { input: { name: text(10_001) } })).toEqual(tooLong(10_000, 'input.name'));
    expect(judge(whole, { input: { content: text(60_000) } })).toEqual([]);
    expect(judge(whole, { input: {}, other: text(10_001) })).toEqual(tooLong(10_000, 'variables'));
    expect(judge(whole, { input: { sealed: `${text(20_000)}\u0000` } })).toEqual([expect.stringMatching(/control characters/)]);
  });
  it('takes them where a variable stands just there, and nowhere else besides', () => {
    expect(judge(just, { s: text(50_000) })).toEqual([]);
    expect(judge(just, { s: text(50_001) })).toEqual(tooLong(50_000, 'input.inner.sealed'));
    const both = 'mutation ($s: String) { upload(input: { sealed: $s }, note: $s) { id } }';
    expect(judge(both, { s: text(10_000) })).toEqual([]);
    expect(judge(both, { s: text(10_001) })).toEqual(tooLong(10_000, 'input.sealed'));
    expect(judge('mutation ($s: String) { plain(sealed: $s) { id } }', { s: text(10_001) })).toEqual(tooLong(10_000, 'sealed'));
    const inFragment = 'mutation ($s: String) { upload(input: { sealed: $s }) { ...A } } fragment A on File { sealed(key: $s) }';
    expect(judge(inFragment.replace('String', 'String!'), { s: text(10_001) })).toEqual(tooLong(10_000, 'input.sealed'));
    const listed = 'mutation ($s: String!) { upload(input: { many: [$s] }) { id } }';
    expect(judge(listed, { s: text(30_000) })).toEqual([]);
    expect(judge(listed, { s: text(30_001) })).toEqual(tooLong(30_000, 'input.many[0]'));
  });
  it('takes them as literals in the same places', () => {
    const sealed = (length: number) => `mutation { upload(input: { inner: { sealed: "${text(length)}" } }) { id } }`;
    expect(judge(sealed(50_000))).toEqual([]);
    expect(judge(sealed(50_001))).toEqual(tooLong(50_000, 'input.inner.sealed'));
    expect(judge(`mutation { upload(input: { name: "${text(10_001)}" }) { id } }`)).toEqual(tooLong(10_000, 'input.name'));
    expect(judge(`mutation { upload(input: { content: "${text(60_000)}" }) { id } }`)).toEqual([]);
    expect(judge(`mutation ($u: Upload! = { sealed: "${text(50_000)}" }) { upload(input: $u) { id } }`)).toEqual([]);
    expect(judge(`mutation ($u: Upload! = { name: "${text(10_001)}" }) { upload(input: $u) { id } }`)).toEqual(
      tooLong(10_000, 'input.name'),
    );
    expect(judge(`{ file(id: "${text(10_001)}") { id } }`)).toEqual(tooLong(10_000, 'id'));
  });
  it('does not keep a document with a long literal', () => {
    const documents = makeDocuments(files, { ...limits, longTexts: { 'Upload.sealed': 300_000 } });
    const long = `mutation { upload(input: { sealed: "${'x'.repeat(250_000)}" }) { id } }`;
    expect(documents(long).errors).toEqual([]);
    expect(documents(long)).not.toBe(documents(long));
  });
  it.each([
    ['{ files(first: 50) { nodes { content } } }', true],
    ['{ files(first: 51) { nodes { content } } }', false],
    ['{ files(first: 10) { nodes { sealed(key: "k") } } }', true],
    ['{ files(first: 11) { nodes { sealed(key: "k") } } }', false],
    ['{ files(first: 25) { nodes { ...A ... on File { content } } } } fragment A on File { content }', true],
    ['{ files(first: 26) { nodes { ...A ... on File { b: content } } } } fragment A on File { content }', false],
    ['{ files(first: 5) { nodes { versions(first: 10) { nodes { content } } } } }', true],
    ['{ files(first: 5) { nodes { versions(first: 11) { nodes { content } } } } }', false],
    [`{ ${times(10, (i) => `f${i}: file(id: "a") { sealed(key: "k") }`)} }`, true],
    [`{ ${times(11, (i) => `f${i}: file(id: "a") { sealed(key: "k") }`)} }`, false],
  ])('counts what a field weighs: %s', (query, runs) => {
    expect(judge(query)).toEqual(runs ? [] : [expect.stringMatching(/too many entries; the limit is 10000/)]);
  });
  it('counts what a field weighs by the pages of variables', () => {
    const query = 'query ($n: Int) { files(first: $n) { nodes { content } } }';
    expect(judge(query, { n: 50 })).toEqual([]);
    expect(judge(query, { n: 51 })).toHaveLength(1);
  });
});
