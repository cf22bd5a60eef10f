import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { seedDemoPatients } from '#embedded/demo/patients.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { type Harness, PASSWORD, startHarness } from './harness.ts';

let h: Harness;
let cities: Cities;
const LOGIN = 'mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { __typename } }';
const login = async (u: string, p: string): Promise<string> => (await h.ask(null, LOGIN, { u, p })).data.login.__typename;
const TABLES = ['patient', 'identifier', 'coverage', 'practitioner', 'account', 'username_sequence'];
const content = async () => {
  const rows: unknown[] = [];
  for (const table of TABLES) rows.push(await h.sql('QUE', `select * from patients.${table} order by 1, 2, 3`));
  return rows;
};

beforeAll(async () => {
  h = await startHarness();
  cities = openCities(h.network.cities, {
    role: 'patients',
    password: h.network.secrets.databasePasswords.patients,
    subjects: h.network.subjects,
  });
});
afterAll(async () => {
  await cities?.stop();
  await h?.stop();
});

it('has 100 patients, practitioners, an admin and an auditor in every city, and all can log in', async () => {
  for (const code of cities.codes) {
    const roles = await h.sql(code, 'select role, count(*)::integer as n from patients.account group by role order by role');
    expect(roles).toEqual([
      { role: 'A', n: 1 },
      { role: 'D', n: 8 },
      { role: 'P', n: 100 },
      { role: 'U', n: 1 },
    ]);
    for (const name of ['P0001', 'P0100', 'D0001', 'D0008', 'A0001', 'U0001']) expect(await login(code + name, PASSWORD)).toBe('Session');
  }
});

it('changes nothing when it is done again, and brings nobody back who was erased', async () => {
  const id = (await h.viewerOf('QUEP0050')).patientId;
  const erased = await h.ask(await h.viewerOf('QUEA0001'), 'mutation ($id: ID!) { deletePatient(id: $id) { __typename } }', { id });
  expect(erased.data.deletePatient.__typename).toBe('DeletePatientSuccess');
  const before = await content();
  const started = performance.now();
  await seedDemoPatients({ cities, password: PASSWORD });
  expect(performance.now() - started).toBeLessThan(2_000);
  expect(await content()).toEqual(before);
});

it('takes a new password over from configuration', async () => {
  await seedDemoPatients({ cities, password: 'another-password' });
  expect(await login('SHEP0001', PASSWORD)).toBe('InvalidCredentials');
  expect(await login('SHEP0001', 'another-password')).toBe('Session');
});
