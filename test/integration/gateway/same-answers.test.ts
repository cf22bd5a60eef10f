import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Supergraph } from '@apollo/federation-internals';
import { buildSubgraphSchema } from '@apollo/subgraph';
import fc from 'fast-check';
import {
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  parse,
  validate,
} from 'graphql';
import { startGateway } from '#gateway/server.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Served } from '#platform/http/serve-subgraph.ts';
import { ForbiddenError, NotFoundError } from '#platform/pure/faults.ts';
import { randomDocument } from '#test/support/documents.ts';
import { aSigningKey } from '#test/support/signing-key.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400);
const SDL = readFileSync('schema/supergraph.graphql', 'utf8');
const API = Supergraph.build(SDL).apiSchema().toGraphQLJSSchema();
const NAMES = ['patients', 'scheduling', 'files', 'audit'] as const;

const roll = (...parts: readonly unknown[]): number => createHash('md5').update(JSON.stringify(parts)).digest().readUInt32LE(0) / 2 ** 32;

type Thing = { readonly __typename: string; readonly key: string };
/** How often things go wrong, from 0 to 1. */
type Moods = { readonly nulls: number; readonly errors: number; readonly broken: number };

/**
 * A subgraph of the real graph whose answers follow from what is asked alone: values, nulls, errors, and, where `broken`, nulls in places
 * that must not be null.
 */
const makeDouble = (name: string, moods: Moods): Subgraph => {
  const schema: GraphQLSchema = buildSubgraphSchema({ typeDefs: parse(readFileSync(`schema/${name}.graphql`, 'utf8')) });
  const make = (type: GraphQLOutputType, key: string): unknown => {
    if (isNonNullType(type)) {
      if (moods.broken > roll(key, 'broken')) return null;
      return make(type.ofType, `${key}!`);
    }
    if (isListType(type)) {
      if (moods.nulls > roll(key, 'list')) return null;
      return Array.from({ length: Math.floor(roll(key, 'length') * 4) }, (_, i) => make(type.ofType, `${key}.${i}`));
    }
    if (!key.endsWith('!') && moods.nulls > roll(key, 'null')) return null;
    if (isAbstractType(type)) {
      const possible = schema.getPossibleTypes(type);
      return { __typename: possible[Math.floor(roll(key, 'type') * possible.length)]?.name, key } as Thing;
    }
    if (isObjectType(type)) return { __typename: type.name, key } as Thing;
    if (isEnumType(type)) {
      const values = type.getValues();
      return values[Math.floor(roll(key, 'enum') * values.length)]?.value;
    }
    switch (getNamedType(type).name) {
      case 'Int':
        return Math.floor((roll(key) - 0.5) * 2 ** 32);
      case 'Float':
        return roll(key) * 1_000;
      case 'Boolean':
        return roll(key) < 0.5;
      default:
        return `${key}"\\é\u2028`;
    }
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue;
    if (isAbstractType(type)) type.resolveType = (value: Thing) => value.__typename;
    if (!isObjectType(type) || type.name === '_Service') continue;
    for (const field of Object.values(type.getFields())) {
      field.resolve = (parent: Thing | undefined, args) => {
        const key = `${parent?.key ?? ''}/${field.name}${Object.keys(args).length > 0 ? JSON.stringify(args) : ''}`;
        if (field.name === '_entities') {
          const given = (args as { representations: Record<string, unknown>[] }).representations;
          if (moods.errors / 5 > roll(given, name, 'entities')) throw new NotFoundError();
          return given.map((each) => {
            const own = JSON.stringify(each);
            if (moods.errors > roll(own, name, 'entity')) return new NotFoundError();
            if (moods.nulls > roll(own, name, 'none')) return null;
            // What a field requires of another subgraph is part of the answer: nothing of it may be lost or invented.
            const required = Object.entries(each).filter(([field]) => !['__typename', 'id', 'nodeId', 'code'].includes(field));
            const suffix = required.length > 0 ? `|${JSON.stringify(required)}` : '';
            return { __typename: each['__typename'], key: `${String(each['id'] ?? each['code'] ?? own)}${suffix}` };
          });
        }
        if ((field.name === 'id' || field.name === 'code') && parent) return parent.key;
        if (moods.errors > roll(key, 'error')) throw roll(key, 'kind') < 0.5 ? new ForbiddenError() : new Error('surprise');
        return make(field.type, key);
      };
    }
  }
  return { name, schema, makeContext: () => ({}), health: async () => ({}), stop: async () => {} };
};

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const start = async (moods: Moods, down: readonly string[] = []): Promise<Served> => {
  const [assertionKey, tokenKey] = [aSigningKey('a'), aSigningKey('t')];
  return startGateway({
    supergraphSdl: SDL,
    subgraphs: Object.fromEntries(
      NAMES.map((name) => [
        name,
        down.includes(name)
          ? ({ kind: 'http', url: 'http://127.0.0.1:9' } as const)
          : ({ kind: 'in-process', subgraph: makeDouble(name, moods) } as const),
      ]),
    ),
    secrets: { assertionKey, tokenKeys: [tokenKey] },
    cities: ['MTL'],
    host: '127.0.0.1',
    port: 0,
    development: true,
    allowedOrigins: [],
    log: silent,
    sessionsEveryMs: 3_600_000,
  });
};

type Told = { readonly status: number; readonly data: unknown; readonly errors: readonly string[]; readonly places: readonly string[] };
const valueAt = (data: unknown, path: readonly unknown[]): unknown =>
  path.reduce((value, key) => (value as Record<string, unknown> | null)?.[key as string], data);
/** What a body says, without what differs from request to request, its errors in an order of their own. */
const ask = async (gateway: Served, body: Record<string, unknown>): Promise<Told> => {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { data, errors } = JSON.parse(await response.text()) as {
    data?: unknown;
    errors?: { message: string; path?: unknown[]; extensions: { code: string } }[];
  };
  expect(JSON.stringify(errors?.map(({ path }) => path) ?? [])).not.toContain('_entities');
  // What cannot be reached is told at the field that is null because of it.
  const places: string[] = [];
  for (const { path, extensions } of errors ?? []) {
    if (extensions.code !== 'SUBGRAPH_UNAVAILABLE') continue;
    expect({ body, path, value: path === undefined ? path : (valueAt(data, path) ?? null) }).toEqual({
      body,
      path: expect.any(Array),
      value: null,
    });
    places.push(JSON.stringify(path));
  }
  expect(new Set(places).size).toBe(places.length);
  return {
    status: response.status,
    data,
    errors: (errors ?? []).map(({ message, path, extensions }) => `${extensions.code} ${JSON.stringify(path)} ${message}`).sort(),
    places,
  };
};
/** A text with its hash is left to Apollo Server and Apollo's executor. */
const theLongWay = (query: string, variables: unknown) => ({
  query,
  variables,
  extensions: { persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') } },
});

describe.each([
  ['all is well', { nulls: 0.05, errors: 0, broken: 0 }, []],
  ['much is missing', { nulls: 0.25, errors: 0, broken: 0 }, []],
  ['fields fail', { nulls: 0.05, errors: 0.15, broken: 0 }, []],
  ['results do not fit', { nulls: 0.05, errors: 0.03, broken: 0.05 }, []],
  ['one subgraph is down', { nulls: 0.05, errors: 0.02, broken: 0 }, ['scheduling']],
  ['another is down', { nulls: 0.05, errors: 0.02, broken: 0 }, ['patients']],
] as const)('where %s', (_title, moods, down) => {
  let gateway: Served;
  beforeAll(async () => {
    gateway = await start(moods, down);
  });
  afterAll(() => gateway?.stop());

  it('the short way and the long way give the same answer to any document', async () => {
    let [compared, invalid, unreached] = [0, 0, 0];
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 40 }), fc.boolean(), async (seed, size, isMutation) => {
        const { query, variables } = randomDocument(API, seed, {
          kind: isMutation && size < 15 ? 'mutation' : 'query',
          size,
          valuesFor: (_name, type, dice) => {
            if (type.name === 'DateTime') return dice.pick(['2027-02-10T13:00:00Z', '2027-02-10T13:00:00-05:00']);
            if (type.name === 'Date') return '2027-02-10';
            if (type.name === 'LocalDateTime') return '2027-02-10T13:00';
            if (type.name === 'ID') return dice.pick(['a', 'b', 'MTL-pat-1']);
            return undefined;
          },
        });
        if (validate(API, parse(query)).length > 0) {
          invalid++;
          return;
        }
        const short = await ask(gateway, { query, variables });
        const long = await ask(gateway, theLongWay(query, variables));
        compared++;
        unreached += short.places.length;
        const shown = (told: Told) => ({
          status: told.status,
          data: told.data,
          ...(told.errors.length < 5 ? { errors: told.errors } : {}),
        });
        expect({ query, variables, ...shown(short) }).toEqual({ query, variables, ...shown(long) });
      }),
      { numRuns: Math.ceil(RUNS / 6), endOnFailure: false },
    );
    expect(invalid).toBeLessThan(compared / 4);
    expect(unreached > 10).toBe(down.length > 0);
  }, 600_000);

  it('both give a field what it requires of another subgraph, also where that is null, in lists and behind fragments', async () => {
    const bodies = [
      'appointment(id: "K") { files { nodes { name } } }',
      'appointment(id: "K") { id files(first: 2) { nodes { id name patient { id } } } patient { id } }',
      'appointment(id: "K") { patient { files { nodes { id } } } ... on Appointment { files { nodes { contentType } } } }',
      'node(id: "K") { __typename id ... on Appointment { files { nodes { name } } start } }',
      'patient(id: "K") { id appointments { nodes { id files { nodes { name } } } } }',
      'a: appointment(id: "K") { files { nodes { name } } } b: appointment(id: "K2") { id files { nodes { name } } }',
      'appointment(id: "K") { files { nodes { patient { id } } } } patient(id: "K") { files { nodes { id } } }',
    ];
    let seen = 0;
    for (const body of bodies)
      for (let i = 0; i < 10; i++) {
        const query = `{ ${body.replaceAll('K2', `MTL-app-${i + 1}`).replaceAll('K', `MTL-app-${i}`)} }`;
        if (validate(API, parse(query)).length > 0) throw new Error(`no such query: ${validate(API, parse(query))[0]?.message}`);
        const [short, long] = [await ask(gateway, { query }), await ask(gateway, theLongWay(query, {}))];
        const shown = ({ status, data, errors }: Told) => ({ status, data, errors: errors.length < 5 ? errors : [] });
        expect({ query, ...shown(short) }).toEqual({ query, ...shown(long) });
        if (JSON.stringify(short.data).includes('[[\\"patient')) seen++;
      }
    if (down.length === 0) expect(seen).toBeGreaterThan(3);
  }, 60_000);
});
