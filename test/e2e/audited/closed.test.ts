import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Case, makeCases } from './acts.contract.ts';
import { OWN_ACTS, WAYS, type Way } from './fields.contract.ts';
import { AUDITOR, DOCTOR, isLate, makeWorld, PATIENT, type World } from './world.ts';

/**
 * When its entry cannot be written an act does not happen, and nothing is shown. The same calls as in `acts.test.ts` and the same ways as in
 * `fields.test.ts`, while the cities' tables of entries take nothing; afterwards the same calls once more, without a restart.
 */
const NAMES = { PATIENT, DOCTOR, AUDITOR } as const;
const ONE_FIELD = {
  Patient: 'birthDate',
  Coverage: 'plan',
  Appointment: 'status',
  MedicalFile: 'name',
  MedicalFileVersion: 'name',
  AuditEvent: 'act',
} as const satisfies Record<Way['to'], string>;
const tried = makeCases({ ids: {} } as World);
const isCalled = ({ root, breaking }: Case): boolean => !root.startsWith('Subscription.') && breaking === undefined;
const CALLS = tried.flatMap((each, i) =>
  isCalled(each) ? [[`${each.root}, ${each.ending}${each.what === undefined ? '' : ` (${each.what})`}`, i] as const] : [],
);
const READS = Object.entries(WAYS).flatMap(([edge, ways]) =>
  ways === 'act' ? [] : ways.map((way) => [`${edge} → ${way.to} (${way.by})`, way, ONE_FIELD[way.to]] as const),
);
const OWN = Object.keys(OWN_ACTS).map((name) => {
  const [type, field = ''] = name.split('.');
  const by = type === 'MedicalFile' ? 'file(id: $file) { … }' : 'file(id: $file) { versions(first: 1) { nodes { … } } }';
  const selection = field === 'sealedContent' ? 'sealedContent(publicKey: $publicKey)' : field === 'download' ? 'download { url }' : field;
  return [name, by, selection, field] as const;
});

let world: World;
let cases: readonly Case[];
const prepared = new Map<number, Record<string, unknown>>();
let variables: Readonly<Record<string, string>>;

/** Lets the cities' tables of entries take nothing, or again what they took. */
const onTables = async (statement: string): Promise<void> => {
  for (const { code } of world.network.cities) await (await world.network.admin(code)).query(statement);
};
const close = (): Promise<void> =>
  onTables(`do $$ begin
    create function audit.refuse() returns trigger language plpgsql as $f$ begin raise exception 'no room' using errcode = '53100'; end $f$;
    create trigger refuse before insert on audit.entry for each statement execute function audit.refuse();
  end $$`);
const open = (): Promise<void> => onTables('drop trigger if exists refuse on audit.entry; drop function if exists audit.refuse()');

/** What tables hold that no act of a caller fills, or that has to be written before the act is decided. */
const BESIDE: Readonly<Record<string, string>> = {
  'patients.login_attempt': 'tries are counted before a password is looked at, or a closed log would be one without a limit of tries',
  'patients.identifier_claim': 'who looks for an identifier in all cities keeps it for a moment; it ends by itself',
};
/**
 * What is written of an intent before its act, which the act's entry then completes. Without the entry the intent comes to nothing: nobody is
 * shown it, and the sweeps take it away once entries can be written.
 */
const INTENTS: Readonly<Record<string, string>> = {
  'QUE scheduling.ledger': 'a reservation at home for a place in another city, which decides and records',
  'QUE scheduling.idempotency': 'the key of that reservation',
  'QUE scheduling.quota': 'the week that it counts for',
  'MTL files.upload': 'an upload whose content is stored and not kept',
  'MTL files.file': 'the name that it would have; a file without a version is shown to nobody',
  'MTL files.room': 'the room that it would take',
  'MTL files.subject': 'the room that it would take of the patient’s',
};
/** Acts in one statement with their entry: the server does not tell which part of it found no room. */
const IN_ONE = new Set(['addSlot', 'bookAppointment', 'cancelAppointment']);
/** A hash of each table of the subgraphs. */
const tables = async (): Promise<ReadonlyMap<string, string>> => {
  const found = new Map<string, string>();
  for (const { code } of world.network.cities) {
    const admin = await world.network.admin(code);
    const { rows } = await admin.query<{ name: string }>(
      `select schemaname || '.' || tablename as name from pg_tables where schemaname in ('patients', 'scheduling', 'files') order by 1`,
    );
    for (const { name } of rows) {
      if (name in BESIDE) continue;
      const content = await admin.query<{ hash: string | null }>(
        `select md5(string_agg(t::text, '|' order by t::text)) as hash from ${name} t`,
      );
      found.set(`${code} ${name}`, content.rows[0]?.hash ?? '');
    }
  }
  return found;
};
/** The same twice in a row: what the system does by itself has come to rest. */
const restingTables = async (): Promise<ReadonlyMap<string, string>> => {
  let before = await tables();
  for (const end = Date.now() + 20_000; ; ) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const now = await tables();
    if ([...now].every(([name, hash]) => before.get(name) === hash)) return now;
    if (Date.now() > end) throw new Error('the tables do not come to rest');
    before = now;
  }
};

let atRest: ReadonlyMap<string, string>;
beforeAll(async () => {
  world = await makeWorld();
  cases = makeCases(world);
  for (const [, i] of CALLS) prepared.set(i, (await cases[i]?.prepare?.()) ?? {});
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  variables = { ...world.ids, event: await world.entry(), publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })) };
  atRest = await restingTables();
  await close();
}, 90_000);
afterAll(() => world?.stop());

const askBy = (as: Way['as'], by: string, selection: string) => {
  const query = `{ ${by.replace('…', selection)} }`;
  const used = Object.keys(variables).filter((name) => query.includes(`$${name}`));
  const declared = used.map((name) => `$${name}: ${name === 'publicKey' ? 'String' : 'ID'}!`);
  return world.ask(
    NAMES[as],
    used.length > 0 ? `query (${declared.join(', ')}) ${query}` : query,
    Object.fromEntries(used.map((name) => [name, variables[name] ?? ''])),
  );
};
/** Whether anything stands at a key, however deep. */
const isShown = (data: unknown, key: string): boolean => {
  if (Array.isArray(data)) return data.some((each) => isShown(each, key));
  if (typeof data !== 'object' || data === null) return false;
  return (
    (Object.hasOwn(data, key) && (data as Record<string, unknown>)[key] !== null) || Object.values(data).some((each) => isShown(each, key))
  );
};
const codesOf = (answer: { readonly errors: readonly { readonly extensions: Record<string, unknown> }[] }): string[] =>
  answer.errors.map(({ extensions }) => String(extensions['code']));

describe('while no entry can be written', () => {
  it.each(CALLS)('%s does not happen', async (_title, i) => {
    const asked = cases[i];
    if (!asked) throw new Error('no such case');
    const answer = await world.ask(asked.as, asked.query, prepared.get(i) ?? {});
    const root = asked.root.split('.')[1] ?? '';
    if (root === 'patients') {
      // A city that cannot record costs its own rows alone.
      expect(isShown(answer.data, 'birthDate')).toBe(false);
      return;
    }
    const codes = [...new Set(codesOf(answer))];
    if (!IN_ONE.has(root) || codes[0] !== 'STORAGE_FULL') expect(codes).toEqual(['AUDIT_UNAVAILABLE']);
    expect(answer.data).toEqual({ [root]: null });
  });
  it.each(READS)('%s shows nothing', async (_title, way, field) => {
    const answer = await askBy(way.as, way.by, field);
    expect(isShown(answer.data, field)).toBe(false);
    if (!way.by.startsWith('patients')) expect([...new Set(codesOf(answer))]).toEqual(['AUDIT_UNAVAILABLE']);
  });
  it.each(OWN)('%s shows nothing', async (_name, by, selection, field) => {
    expect(isShown((await askBy('PATIENT', by, selection)).data, field)).toBe(false);
  });
  it.each(['overWebSocket', 'overSse'] as const)('nobody follows appointments %s', async (transport) => {
    const feed = world.graph[transport](await world.tokenOf(PATIENT)).subscribe(
      'subscription ($id: ID!) { appointmentChanged(patientId: $id) { kind } }',
      { id: world.ids.patient },
    );
    expect((await feed.next())?.errors?.[0]?.extensions['code']).toBe('AUDIT_UNAVAILABLE');
    await feed.close();
  });
  it('changes no table but by intents that come to nothing', async () => {
    const now = await restingTables();
    const changed = [...now].filter(([name, hash]) => atRest.get(name) !== hash).map(([name]) => name);
    expect(changed.filter((name) => !(name in INTENTS))).toEqual([]);
    expect(Object.keys(INTENTS).filter((name) => !changed.includes(name))).toEqual([]);
  });
});

/** Fault of a store of entries that is slow: somebody holds the table, and no entry gets in. */
describe('while the table of entries is locked', () => {
  const DEADLINE_MS = 15_000;
  beforeAll(async () => {
    await open();
    for (const { code } of world.network.cities) {
      const admin = await world.network.admin(code);
      await admin.query('begin');
      await admin.query('lock table audit.entry in access exclusive mode');
    }
  });
  afterAll(async () => {
    for (const { code } of world.network.cities) await (await world.network.admin(code)).query('rollback');
  });
  const HELD = [
    'Query.patient',
    'Query.file',
    'Mutation.updatePatient',
    'Mutation.cancelAppointment',
    'Mutation.attachFile',
    'Mutation.login',
  ];
  const some = HELD.map((root) => [root, tried.findIndex((each) => each.root === root && each.ending === 'done')] as const);
  it.each(some)('%s is refused by its deadline', async (root, i) => {
    const asked = cases[i];
    if (!asked) throw new Error('no such case');
    const began = performance.now();
    const answer = await world.ask(asked.as, asked.query, prepared.get(i) ?? {});
    expect(performance.now() - began).toBeLessThan(DEADLINE_MS);
    expect(answer.text).toMatch(/"(?:AUDIT_UNAVAILABLE|CITY_UNAVAILABLE|CityUnavailable|OVERLOADED)"/);
    expect(answer.text).not.toMatch(/Success"|"Session"|"birthDate":"|"content":"/);
    expect(root).toBe(asked.root);
  });
});

describe('once entries can be written again', () => {
  beforeAll(open);
  it.each(CALLS)('%s goes as ever', async (_title, i) => {
    const asked = cases[i];
    if (!asked) throw new Error('no such case');
    let answer = await world.ask(asked.as, asked.query, prepared.get(i) ?? {});
    // A busy machine may let a city come late.
    for (let tries = 0; tries < 5 && isLate(answer); tries++) answer = await world.ask(asked.as, asked.query, prepared.get(i) ?? {});
    const shown = answer.data?.[asked.root.split('.')[1] ?? ''] as { readonly __typename?: string } | null | undefined;
    expect(codesOf(answer)).toEqual(asked.code === undefined ? [] : [asked.code]);
    if (asked.says !== undefined) expect(shown?.__typename).toBe(asked.says);
  });
});
