import { verify } from '@node-rs/argon2';
import { hashPassword } from '#patients/service/passwords.ts';
import { appendAuditIn } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import type { CityConfig } from '#platform/config/city.ts';
import type { Cities } from '#platform/database/cities.ts';
import type { CityDatabase, Named } from '#platform/database/city-database.ts';
import { foldText } from '#platform/pure/text.ts';
import { FAMILIES, GIVEN_MEN, GIVEN_WOMEN, PLANS, STREETS } from './names.ts';
import { type Draw, demoId, demoPractitioners, demoUsername, drawFrom } from './people.ts';

/** How many patients a city's demo population has. Their login names end in 0001–0100. */
export const DEMO_PATIENTS = 100;
const RAMQ = 'http://hl7.org/fhir/sid/ca-ramq';

export type DemoPatient = {
  readonly id: string;
  readonly username: string;
  readonly family: string;
  readonly given: readonly string[];
  readonly birthDate: string;
  readonly gender: 'MALE' | 'FEMALE';
  readonly ramq: string;
  readonly contacts: readonly { readonly system: string; readonly value: string; readonly use: string }[];
  readonly addresses: readonly Readonly<Record<string, unknown>>[];
  readonly coverages: readonly { readonly id: string; readonly plan: string; readonly payor: string; readonly memberId: string }[];
};

const two = (n: number): string => String(n).padStart(2, '0');
const letters = (text: string): string =>
  foldText(text)
    .replace(/[^a-z]/g, '')
    .toUpperCase();

/** A postal code (A1A 1A1) that begins as the city's do; null where configuration names no beginning. */
const drawPostalCode = (draw: Draw, prefixes: readonly string[]): string | null => {
  if (prefixes.length === 0) return null;
  const prefix = draw.of(prefixes);
  const rest = [...'A1A1A1']
    .slice(prefix.length)
    .map((sign) => (sign === 'A' ? draw.of([...'ABCEGHJKLMNPRSTVWXYZ']) : String(draw.below(10))));
  const code = prefix + rest.join('');
  return `${code.slice(0, 3)} ${code.slice(3)}`;
};

/** The patients of a city's demo population. Pure: the same on every call. */
export const demoPatients = ({ code, name, home }: Pick<CityConfig, 'code' | 'name' | 'home'>): readonly DemoPatient[] =>
  Array.from({ length: DEMO_PATIENTS }, (_, i): DemoPatient => {
    const username = demoUsername(code, 'P', i + 1);
    const draw = drawFrom(username);
    const female = draw.below(2) === 0;
    const family = draw.of(FAMILIES);
    const names = female ? GIVEN_WOMEN : GIVEN_MEN;
    const given = [draw.of(names), ...(draw.below(3) === 0 ? [draw.of(names)] : [])].filter((each, n, all) => all.indexOf(each) === n);
    const [year, month, day] = [1934 + draw.below(88), 1 + draw.below(12), 1 + draw.below(28)];
    const initials = letters(family).padEnd(3, 'X').slice(0, 3) + letters(given[0] ?? '').slice(0, 1);
    const ramq = `${initials}${two(year % 100)}${two(month + (female ? 50 : 0))}${two(day)}${two(i % 100)}`;
    const [publicPlan, ...privatePlans] = PLANS;
    const plans = [publicPlan, ...(draw.below(10) < 7 ? [draw.of(privatePlans)] : [])];
    const postalCode = drawPostalCode(draw, home.postalPrefixes);
    return {
      id: demoId(code, 'pat', username),
      username,
      family,
      given,
      birthDate: `${year}-${two(month)}-${two(day)}`,
      gender: female ? 'FEMALE' : 'MALE',
      ramq,
      contacts: [
        {
          system: 'PHONE',
          value: `+1 ${draw.of(['514', '418', '819'])} 555 ${String(100 + draw.below(100)).padStart(4, '0')}`,
          use: 'home',
        },
        { system: 'EMAIL', value: `${username.toLowerCase()}@example.org`, use: 'home' },
      ],
      addresses: [{ lines: [`${1 + draw.below(9999)}, ${draw.of(STREETS)}`], city: name.fr, state: 'QC', postalCode, country: 'CA' }],
      coverages: plans.map(({ plan, payor }) => ({
        id: demoId(code, 'cov', `${username}|${plan}`),
        plan,
        payor,
        memberId: plan === 'RAMQ' ? ramq : `${plan.slice(0, 2)}${String(draw.below(1_000_000)).padStart(6, '0')}`,
      })),
    };
  });

const toText = ({ given, family }: { readonly given: readonly string[]; readonly family: string }): string => [...given, family].join(' ');

/** Rows of a table from one JSON parameter ($2), in the city $1; what is there already stays. */
const insert = (table: string, columns: string, types: string, values = columns): Named => ({
  name: `demo_${table}`,
  text: `INSERT INTO patients.${table} (city, ${columns}) SELECT $1, ${values} FROM jsonb_to_recordset($2::jsonb) AS x(${types}) ON CONFLICT DO NOTHING`,
});
const GIVEN = 'ARRAY(SELECT jsonb_array_elements_text(x.given))';
const INSERTS = {
  practitioner: insert(
    'practitioner',
    'id, family, given, name_text, specialties',
    'id text, family text, given jsonb, name_text text, specialties jsonb',
    `id, family, ${GIVEN}, name_text, ARRAY(SELECT jsonb_array_elements_text(x.specialties))`,
  ),
  patient: insert(
    'patient',
    'id, family, given, name_text, birth_date, gender, contacts, addresses',
    'id text, family text, given jsonb, name_text text, birth_date date, gender text, contacts jsonb, addresses jsonb',
    `id, family, ${GIVEN}, name_text, birth_date, gender, contacts, addresses`,
  ),
  identifier: insert(
    'identifier',
    'id, patient_id, position, system, value, type',
    'id text, patient_id text, position smallint, system text, value text, type text',
  ),
  coverage: insert(
    'coverage',
    'id, patient_id, position, plan, payor, member_id',
    'id text, patient_id text, position smallint, plan text, payor text, member_id text',
  ),
  account: insert(
    'account',
    'id, username, password_hash, role, patient_id, practitioner_id',
    'id text, username text, password_hash text, role text, patient_id text, practitioner_id text',
  ),
  sequence: insert('username_sequence', 'role, next', 'role text, next integer'),
} as const;

const SEEDED: Named = {
  name: 'demo_seeded',
  text: `SELECT (SELECT count(*) FROM patients.username_sequence WHERE city = $1) >= 4 AS seeded,
    (SELECT password_hash FROM patients.account WHERE city = $1 AND id = ANY ($2::text[]) LIMIT 1) AS hash`,
};
const NEW_PASSWORD: Named = {
  name: 'demo_password',
  text: 'UPDATE patients.account SET password_hash = $3 WHERE city = $1 AND id = ANY ($2::text[])',
};

const demoAccounts = (city: string, patients: readonly DemoPatient[]) =>
  [
    ...patients.map(({ id, username }) => ({ username, role: 'P', patient_id: id, practitioner_id: null })),
    ...demoPractitioners(city).map(({ id, username }) => ({ username, role: 'D', patient_id: null, practitioner_id: id })),
    { username: demoUsername(city, 'A', 1), role: 'A', patient_id: null, practitioner_id: null },
    { username: demoUsername(city, 'U', 1), role: 'U', patient_id: null, practitioner_id: null },
  ].map((account) => ({ ...account, id: demoId(city, 'acc', account.username) }));

const seedCity = async (db: CityDatabase, password: string): Promise<void> => {
  const city = db.city.code;
  const patients = demoPatients(db.city);
  const accounts = demoAccounts(city, patients);
  const accountIds = accounts.map(({ id }) => id);
  const [before] = await db.named<{ seeded: boolean; hash: string | null }>(SEEDED, [city, accountIds]);
  if (before?.seeded) {
    // Somebody who was erased since does not come back; a password that was changed by configuration holds from now on.
    if (before.hash !== null && !(await verify(before.hash, password.normalize('NFC'))))
      await db.named(NEW_PASSWORD, [city, accountIds, await hashPassword(password)]);
    return;
  }
  const password_hash = await hashPassword(password);
  const practitioners = demoPractitioners(city);
  const rows: Readonly<Record<keyof typeof INSERTS, readonly object[]>> = {
    practitioner: practitioners.map((each) => ({ ...each, name_text: toText(each) })),
    patient: patients.map(({ birthDate, ...each }) => ({ ...each, name_text: toText(each), birth_date: birthDate })),
    identifier: patients.map(({ id, username, ramq }) => ({
      id: demoId(city, 'idn', username),
      patient_id: id,
      position: 0,
      system: RAMQ,
      value: ramq,
      type: 'JHN',
    })),
    coverage: patients.flatMap(({ id, coverages }) =>
      coverages.map(({ memberId, ...coverage }, position) => ({ ...coverage, patient_id: id, position, member_id: memberId })),
    ),
    account: accounts.map((account) => ({ ...account, password_hash })),
    sequence: ['P', 'D', 'A', 'U'].map((role) => ({ role, next: DEMO_PATIENTS + 1 })),
  };
  await db.transaction(
    async (tx) => {
      for (const [table, statement] of Object.entries(INSERTS))
        await tx.named(statement, [city, JSON.stringify(rows[table as keyof typeof INSERTS])]);
      await appendAuditIn(tx, {
        city,
        observer: 'patients',
        act: 'seedDemo',
        action: 'C',
        outcome: Outcome.SUCCESS,
        purpose: 'SYSADMIN',
        actor: { role: 'SERVICE', city, accountId: 'demo' },
        requestId: demoId(city, 'evt', 'seed'),
      });
    },
    { statementTimeoutMs: 30_000 },
  );
};

/**
 * Writes the demo population's people, in every city: patients, practitioners, and accounts under one password. Ids depend on city and
 * login name alone. Done again it writes nothing, except that another password replaces the one before.
 */
export const seedDemoPatients = async ({ cities, password }: { readonly cities: Cities; readonly password: string }): Promise<void> => {
  await Promise.all(cities.all.map((db) => seedCity(db, password)));
};
