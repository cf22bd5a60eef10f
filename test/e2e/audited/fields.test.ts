import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type GraphQLField, getNamedType, isLeafType, isObjectType, isRequiredArgument } from 'graphql';
import { ARGUMENTS, OWN_ACTS, WAYS, type Way } from './fields.contract.ts';
import { fieldsOf, isPart, leadsTo, schema } from './walk.ts';
import { AUDITOR, DOCTOR, isLate, lineOf, makeWorld, PATIENT, type World } from './world.ts';

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
