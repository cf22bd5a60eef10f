import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
  isUnionType,
} from 'graphql';
import { toApiSchema } from '#tools/graph-changes.ts';
import { ARGUMENTS, OWN_ACTS, PARTS, PERSONAL, type Personal, REASONS, WAYS, type Way } from './fields.contract.ts';
import { AUDITOR, DOCTOR, isLate, lineOf, makeWorld, PATIENT, type World } from './world.ts';

const schema = toApiSchema(readFileSync('schema/supergraph.graphql', 'utf8'));
const roots = new Set([schema.getQueryType()?.name, schema.getMutationType()?.name, schema.getSubscriptionType()?.name]);
const objects = Object.values(schema.getTypeMap()).filter(
  (type): type is GraphQLObjectType => isObjectType(type) && !type.name.startsWith('__'),
);
const fieldsOf = (type: GraphQLObjectType): readonly GraphQLField<unknown, unknown>[] => Object.values(type.getFields());
const isPersonal = (name: string): name is Personal => (PERSONAL as readonly string[]).includes(name);
const isPart = (name: string): boolean => PARTS.includes(name);
const isRoot = (name: string): boolean => roots.has(name);
const coordinates = objects.flatMap((type) => fieldsOf(type).map((field) => ({ type, field, name: `${type.name}.${field.name}` })));
const listed = Object.entries(REASONS).flatMap(([type, rows]) =>
  rows.flatMap(([names]) => names.split(' ').map((name) => `${type}.${name}`)),
);

/** Objects that stand for nothing themselves, but hold what a field leads to. */
const CARRIERS = /(Connection|Edge|Success|Change)$|^VersionConflict$/;
/** The personal objects that a field's type leads to, through pages, edges, successes and members of unions. */
const leadsTo = (type: GraphQLNamedType): ReadonlySet<Personal> => {
  const found = new Set<Personal>();
  const seen = new Set<string>();
  const walk = (at: GraphQLNamedType): void => {
    if (seen.has(at.name)) return;
    seen.add(at.name);
    if (isPersonal(at.name)) found.add(at.name);
    else if (isUnionType(at) || at.name === 'Node') for (const each of schema.getPossibleTypes(at as never)) walk(each);
    else if (isObjectType(at) && CARRIERS.test(at.name)) for (const field of fieldsOf(at)) walk(getNamedType(field.type));
  };
  walk(type);
  return found;
};
const edges = new Map(
  coordinates
    .filter(({ type }) => !CARRIERS.test(type.name))
    .map(({ field, name }) => [name, leadsTo(getNamedType(field.type))] as const)
    .filter(([, found]) => found.size > 0),
);

describe('every field of the graph', () => {
  it('tells of a person and is tried below, is part of what does, or has a reason to leave no entry', () => {
    const known = new Set(listed);
    expect(
      coordinates
        .filter(({ type, name }) => !isPersonal(type.name) && !isPart(type.name) && !isRoot(type.name) && !known.has(name))
        .map(({ name }) => name),
    ).toEqual([]);
  });
  it('has no reason that nothing needs any more, and none twice', () => {
    const there = new Set(coordinates.filter(({ type }) => !isPersonal(type.name) && !isPart(type.name)).map(({ name }) => name));
    expect(listed.filter((name, i) => !there.has(name) || listed.indexOf(name) !== i)).toEqual([]);
    expect([...PERSONAL, ...PARTS].filter((name) => !isObjectType(schema.getType(name)))).toEqual([]);
    const all = new Set(coordinates.map(({ name }) => name));
    expect(Object.keys(OWN_ACTS).filter((name) => !all.has(name))).toEqual([]);
  });
  it('shows a part of a personal object nowhere else', () => {
    // Names of the staff are open; everything else that shows a part has to be personal or such a part.
    const open = new Set(['Practitioner.name']);
    expect(
      coordinates
        .filter(({ type, field }) => isPart(getNamedType(field.type).name) && !isPersonal(type.name) && !isPart(type.name))
        .map(({ name }) => name)
        .filter((name) => !open.has(name)),
    ).toEqual([]);
  });
  it('that leads to a person is gone by a way below, or by the test of its act', () => {
    expect([...edges.keys()].filter((name) => !(name in WAYS))).toEqual([]);
    expect(Object.keys(WAYS).filter((name) => !edges.has(name))).toEqual([]);
    for (const [name, found] of edges) {
      const ways = WAYS[name];
      if (ways === 'act') expect([name, /^(Mutation|Subscription)\./.test(name)]).toEqual([name, true]);
      else expect([name, new Set(ways?.map(({ to }) => to))]).toEqual([name, found]);
    }
  });
});

const NAMES = { PATIENT, DOCTOR, AUDITOR } as const;
/** The selection of a field that needs no other entry than the object's own; null where it leads on to a personal object. */
const selectionOf = (field: GraphQLField<unknown, unknown>): string | null => {
  const type = getNamedType(field.type);
  const args = field.args.filter(isRequiredArgument).map(({ name }) => `${name}: ${ARGUMENTS[name] ?? `MISSING_${name}`}`);
  const head = `${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''}`;
  if (isLeafType(type)) return head;
  if (leadsTo(type).size > 0) return null;
  const below = isObjectType(type) ? fieldsOf(type).filter((each) => isPart(type.name) || isLeafType(getNamedType(each.type))) : [];
  const inner = below.flatMap((each) => selectionOf(each) ?? []);
  return `${head} { ${inner.join(' ')} }`;
};
const cases = Object.entries(WAYS).flatMap(([edge, ways]) =>
  ways === 'act'
    ? []
    : ways.flatMap((way) => {
        const type = schema.getType(way.to);
        return isObjectType(type)
          ? fieldsOf(type).flatMap((field) => {
              const selection = selectionOf(field);
              return selection === null ? [] : [{ edge, way, field: field.name, selection, own: OWN_ACTS[`${way.to}.${field.name}`] }];
            })
          : [];
      }),
);

let world: World;
let variables: Readonly<Record<string, string>>;
beforeAll(async () => {
  world = await makeWorld();
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { entries } = await world.during(() =>
    world.ask(PATIENT, 'query ($id: ID!) { patient(id: $id) { id } }', { id: world.ids.patient }),
  );
  variables = {
    ...world.ids,
    event: entries[0]?.id ?? '',
    publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
  };
}, 60_000);
afterAll(() => world?.stop());

const askBy = (way: Way, selection: string) => {
  const query = `{ ${way.by.replace('…', selection)} }`;
  const used = Object.keys(variables).filter((name) => query.includes(`$${name}`));
  const declared = used.map((name) => `$${name}: ${name === 'publicKey' ? 'String' : 'ID'}!`);
  return world.ask(
    NAMES[way.as],
    used.length > 0 ? `query (${declared.join(', ')}) ${query}` : query,
    Object.fromEntries(used.map((name) => [name, variables[name] ?? ''])),
  );
};
/** Whether the place that `…` stood for holds something. */
const isShown = (data: unknown, key: string): boolean => {
  if (Array.isArray(data)) return data.some((each) => isShown(each, key));
  if (typeof data !== 'object' || data === null) return false;
  return Object.hasOwn(data, key) || Object.values(data).some((each) => isShown(each, key));
};

describe('each field of what tells of a person', () => {
  it('is tried by every way', () => {
    expect(cases.length).toBeGreaterThan(150);
    expect(cases.filter(({ selection }) => selection.includes('MISSING_'))).toEqual([]);
  });

  it.each(cases.map((each) => [`${each.edge} → ${each.way.to}.${each.field} (${each.way.by})`, each] as const))(
    '%s leaves the entries of its way',
    async (_title, { way, field, selection, own }) => {
      let { answer, entries } = await world.during(() => askBy(way, selection));
      for (let tries = 0; tries < 5 && isLate(answer); tries++) ({ answer, entries } = await world.during(() => askBy(way, selection)));
      expect(answer.errors).toEqual([]);
      expect([field, isShown(answer.data, field)]).toEqual([field, true]);
      const requestId = answer.headers.get('x-request-id');
      const account = await world.app.account(NAMES[way.as]);
      const acts = entries.map(({ act }) => act);
      const expected = [...((field === 'id' ? way.forId : undefined) ?? way.acts), ...(own === undefined ? [] : [own])];
      expect(acts.toSorted()).toEqual(expected.toSorted());
      for (const entry of entries) {
        expect([lineOf(entry), entry.outcome, entry.requestId, entry.accountId]).toEqual([lineOf(entry), 'SUCCESS', requestId, account.id]);
        if (!entry.act.startsWith('audit')) expect([lineOf(entry), entry.patientId]).toEqual([lineOf(entry), world.ids.patient]);
        // The hash of the version that was shown, for everything that has versions.
        for (const { kind, sha256 } of entry.entities)
          if (kind !== 'Slot')
            expect([lineOf(entry), kind, sha256]).toEqual([lineOf(entry), kind, expect.stringMatching(/^[0-9a-f]{64}$/)]);
      }
    },
  );
});
