import { buildSchema, type FragmentDefinitionNode, Kind, parse } from 'graphql';
import { compileShape } from '#gateway/shape.ts';

const SCHEMA = buildSchema(`
  interface Node { id: ID! }
  type City implements Node { id: ID! name: String! }
  type Person implements Node { id: ID! name: String! born: String age: Int home: City tags: [[String!]] grade: Grade }
  enum Grade { A B }
  union Anyone = Person | City
  type Query { person: Person node: Node anyone: [Anyone!] }
`);

const write = (query: string, data: unknown, variables: Record<string, unknown> = {}) => {
  const document = parse(query);
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions) if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
  const operation = document.definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION);
  const root = SCHEMA.getQueryType();
  if (!operation || !root) throw new Error('no operation');
  let misfits = 0;
  const text = compileShape(SCHEMA, root, operation.selectionSet, fragments)(data, variables, () => misfits++);
  return { data: text === null ? null : JSON.parse(text), misfits };
};

it('keeps the conditions of each of several same fields to what is below it', () => {
  const query = `query ($x: Boolean!) { person @include(if: $x) { name } person { id } ... @skip(if: $x) { person { born } } }`;
  expect(write(query, { person: { id: '1', born: '1984' } }, { x: false })).toEqual({
    data: { person: { id: '1', born: '1984' } },
    misfits: 0,
  });
  expect(write(query, { person: { id: '1', name: 'Zoé' } }, { x: true })).toEqual({
    data: { person: { name: 'Zoé', id: '1' } },
    misfits: 0,
  });
});

it('narrows an object that was widened to an interface, whether or not its type was fetched', () => {
  const query = '{ person { ... on Node { id ... on Person { born } ... on City { name } } } }';
  expect(write(query, { person: { id: '1', born: '1984' } })).toEqual({ data: { person: { id: '1', born: '1984' } }, misfits: 0 });
});

it.each([
  ['Int of 33 bits', '{ person { age } }', { age: 2 ** 31 }, { age: null }],
  ['Int that is none', '{ person { age } }', { age: 1.5 }, { age: null }],
  ['text for an Int', '{ person { age } }', { age: '1' }, { age: null }],
  ['number for a text', '{ person { born } }', { born: 1984 }, { born: null }],
  ['value that an enum has not', '{ person { grade } }', { grade: 'C' }, { grade: null }],
  ['name of the prototype for an enum', '{ person { grade } }', { grade: 'constructor' }, { grade: null }],
  ['object for a list', '{ person { tags } }', { tags: {} }, { tags: null }],
  ['null in an inner list', '{ person { tags } }', { tags: [['a'], ['b', null]] }, { tags: [['a'], null] }],
])('shows null for a misfit: %s', (_title, query, person, shown) => {
  const { data, misfits } = write(query, { person });
  expect(data).toEqual({ person: shown });
  expect(misfits).toBeGreaterThan(0);
});

it('lets a null go up to the next place that may hold one', () => {
  expect(write('{ person { home { name } } }', { person: { home: { name: null } } }).data).toEqual({ person: { home: null } });
  expect(write('{ anyone { ... on City { name } } }', { anyone: [{ __typename: 'City', name: null }] }).data).toEqual({ anyone: null });
});

it('shows nothing of a type that is no member, and nothing that stands on a prototype', () => {
  for (const __typename of ['Query', 'Secret', '__proto__', 'constructor', 7, undefined])
    expect(write('{ node { id } }', { node: { __typename, id: '1' } }).data).toEqual({ node: null });
  expect(write('{ person { born toString: born } }', { person: {} }).data).toEqual({ person: { born: null, toString: null } });
});
