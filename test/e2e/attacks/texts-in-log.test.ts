import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Supergraph } from '@apollo/federation-internals';
import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import type { Answer } from '#test/support/graph.ts';
import { ADMIN, AUDITOR, makeWorld, PATIENT, type World } from '../audited/world.ts';

/** What nobody's record, log or page may ever say, and no alphabet of ours can. */
const WORD = 'Zwischenrufer';
const MARK = `Dre ${WORD}, 514 555 0199`;
/** The same in letters that an id may have. */
const LETTERS = '0z5145550199dretremb1ayxyz';
const IDS = ['prc', 'slt', 'apt', 'fil', 'evt'].map((kind) => `MTL-${kind}-${LETTERS}`);
const TEXTS = [MARK, '', `cm:${MARK}\n`.repeat(200), WORD, ...IDS];
const CALLERS = [PATIENT, ADMIN, AUDITOR] as const;
/** What is asked before anybody has logged in. */
const STRANGERS = new Set(['login', 'refreshSession', 'registerPatient']);

const schema: GraphQLSchema = Supergraph.build(readFileSync('schema/supergraph.graphql', 'utf8')).apiSchema().toGraphQLJSSchema();

let world: World;
let practitioner: string;
beforeAll(async () => {
  world = await makeWorld();
  practitioner = (await world.app.account('QUED0001')).practitionerId ?? '';
}, 120_000);
afterAll(() => world?.stop());

type Place = readonly string[];
type Input = GraphQLArgument | GraphQLInputField;
const isText = (type: GraphQLInputType): boolean => ['ID', 'String'].includes(getNamedType(type).name);

/** Every place of a text in the arguments of a field. */
const placesIn = (inputs: readonly Input[], above: Place = []): Place[] =>
  inputs.flatMap(({ name, type }) => {
    const named = getNamedType(type);
    if (isInputObjectType(named)) return placesIn(Object.values(named.getFields()), [...above, name]);
    return isText(type) ? [[...above, name]] : [];
  });

/** What stands at a place that is not the one looked at, so that the act gets as far as it can. */
const usual = (name: string, type: GraphQLInputType, typeOfField: string): unknown => {
  const named = getNamedType(type);
  if (isEnumType(named)) return named.getValues()[0]?.name;
  const { patient, slot, appointment, file } = world.ids;
  const day = new Date(Date.now() + 86_400_000 * 90).toISOString();
  const byName: Readonly<Record<string, unknown>> = {
    patientId: patient,
    practitionerId: practitioner,
    slotId: slot,
    appointmentId: appointment,
    fileId: file,
    id: /file/i.test(typeOfField) ? file : /slot/i.test(typeOfField) ? slot : /appointment/i.test(typeOfField) ? appointment : patient,
    city: 'MTL',
    username: 'MTLP0099',
    password: 'correct horse battery',
    contentType: 'text/plain',
    content: 'aGVsbG8=',
    sha256: 'ab'.repeat(32),
    system: named.name === 'String' ? 'urn:oid:1.2.3' : undefined,
    idempotencyKey: randomUUID(),
    value: randomUUID(),
    birthDate: '1984-02-29',
  };
  const byType: Readonly<Record<string, unknown>> = {
    Int: 1,
    Boolean: false,
    DateTime: day,
    Date: '2027-02-10',
    LocalDateTime: '2027-02-10T13:00',
    Base64: 'aGVsbG8=',
    Float: 1,
  };
  return byName[name] ?? byType[named.name] ?? 'usual';
};

/** Arguments with `text` at one place, and nothing else that need not be there. */
const fill = (inputs: readonly Input[], place: Place, text: string, field: string): Record<string, unknown> => {
  const [head, ...rest] = place;
  return Object.fromEntries(
    inputs.flatMap((input) => {
      const { name, type } = input;
      const isThere = name === head;
      if (!isThere && !isRequiredArgument(input as GraphQLArgument) && !isRequiredInputField(input as GraphQLInputField)) return [];
      const named = getNamedType(type);
      const isList = isListType(isNonNullType(type) ? type.ofType : type);
      const value = isInputObjectType(named)
        ? fill(Object.values(named.getFields()), isThere ? rest : [], text, field)
        : isThere
          ? text
          : usual(name, type, field);
      return [[name, isList ? [value] : value]];
    }),
  );
};

type Asked = {
  readonly name: string;
  readonly as: readonly (string | null)[];
  readonly send: (as: string | null, text: string) => Promise<Answer>;
};
const selectionOf = (field: GraphQLField<unknown, unknown>): string => (isCompositeType(getNamedType(field.type)) ? '{ __typename }' : '');

/** Asks a field with variables of its own; `around` puts it inside another one. */
const asking = (kind: string, name: string, field: GraphQLField<unknown, unknown>, around: (inner: string) => string): Asked[] =>
  placesIn(field.args).map((place) => ({
    name: `${name}(${place.join('.')})`,
    as: STRANGERS.has(name) ? [null] : CALLERS,
    send: async (as, text) => {
      const given = fill(field.args, place, text, field.name);
      const used = field.args.filter(({ name: arg }) => Object.hasOwn(given, arg));
      const heads = used.map(({ name: arg, type }) => `$${arg}: ${String(type)}`).join(', ');
      const inner = `${field.name}(${used.map(({ name: arg }) => `${arg}: $${arg}`).join(', ')}) ${selectionOf(field)}`;
      const token = as === null ? null : await world.tokenOf(as);
      return world.graph.ask(`${kind} (${heads}) { ${around(inner)} }`, given, {
        token,
        headers: { 'x-request-id': WORD, 'x-forwarded-for': WORD, 'user-agent': MARK, 'accept-language': WORD },
      });
    },
  }));

/** Every root field, and every field of what they lead to, that takes a text. */
const everything = (): Asked[] => {
  const roots = [
    ['query', schema.getQueryType()],
    ['mutation', schema.getMutationType()],
  ] as const;
  const { patient, slot, appointment, file } = world.ids;
  const nested = { Patient: patient, Slot: slot, Appointment: appointment, MedicalFile: file, Practitioner: practitioner };
  return [
    ...roots.flatMap(([kind, type]) =>
      Object.values(type?.getFields() ?? {}).flatMap((field) => asking(kind, field.name, field, (inner) => inner)),
    ),
    ...Object.entries(nested).flatMap(([name, id]) => {
      const type = schema.getType(name);
      if (!isObjectType(type)) throw new Error(`no type ${name}`);
      return Object.values(type.getFields()).flatMap((field) =>
        asking('query', `${name}.${field.name}`, field, (inner) => `node(id: "${id}") { ... on ${name} { ${inner} } }`),
      );
    }),
  ];
};

/** Every leaf of every log, and the columns beside it that are read in the clear. */
const leaves = async (): Promise<readonly { readonly city: string; readonly act: string; readonly text: string }[]> =>
  (
    await Promise.all(
      world.network.cities.map(async ({ code }) => {
        const { rows } = await (await world.network.admin(code)).query<{ act: string; text: string }>(
          `select act, convert_from(body, 'UTF8') || ' ' || act || ' ' || event_id as text from audit.entry`,
        );
        return rows.map((row) => ({ city: code, ...row }));
      }),
    )
  ).flat();

it('takes texts of callers wherever it takes any, breaks at none and writes none of them into a leaf', async () => {
  const asked = everything();
  const before = (await leaves()).length;
  const broken: string[] = [];
  let count = 0;
  for (const { name, as, send } of asked) {
    const tries = as.flatMap((caller) => TEXTS.map((text) => ({ caller, text })));
    const answers = await Promise.all(tries.map(({ caller, text }) => send(caller, text)));
    for (const [i, { status, errors, text }] of answers.entries()) {
      count++;
      const codes = errors.map(({ extensions }) => String(extensions['code']));
      const what = `${name} as ${tries[i]?.caller} with text ${TEXTS.indexOf(tries[i]?.text ?? '')}`;
      if (status >= 500 || codes.includes('INTERNAL_SERVER_ERROR')) broken.push(`${what}: ${status} ${codes}`);
      if (codes.includes('GRAPHQL_VALIDATION_FAILED')) broken.push(`${name} was asked wrongly: ${text.slice(0, 300)}`);
    }
  }
  expect(broken).toEqual([]);
  for (const [kind, id] of [
    ['upload', 'upl'],
    ['download', 'dow'],
  ] as const) {
    const at = `${world.graph.url}/files/${kind}/MTL-${id}-${LETTERS}.${Date.now()}.${'a'.repeat(11)}.${'b'.repeat(43)}`;
    expect((await fetch(at, { method: kind === 'upload' ? 'PUT' : 'GET' })).status).toBe(403);
  }
  const all = await leaves();
  const told = all.filter(({ text }) => [WORD, '514 555', '5145550199'].some((told) => text.includes(told)));
  expect(told.map(({ city, act }) => `${city} ${act}`)).toEqual([]);
  // It was asked, and it was recorded.
  expect(asked.length).toBeGreaterThan(60);
  expect(count).toBeGreaterThan(asked.length * TEXTS.length);
  expect(all.length).toBeGreaterThan(before + asked.length);
  const acts = new Set(all.map(({ act }) => act));
  for (const act of [
    'revokeAccess',
    'grantAccess',
    'detachFile',
    'auditExport',
    'bookAppointment',
    'login',
    'updatePatient',
    'setRole',
    'download',
  ])
    expect([act, acts.has(act)]).toEqual([act, true]);
}, 240_000);
