import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '#platform/database/new-id.ts';
import { type Harness, PASSWORD, startHarness } from './harness.ts';

let h: Harness;
beforeAll(async () => {
  h = await startHarness(['QUE']);
});
afterAll(() => h?.stop());

const LOGIN = 'mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { __typename } }';
const CREATE =
  'mutation ($input: CreatePatientInput!) { createPatient(input: $input) { __typename ... on CityUnavailable { city retryAfterSeconds } } }';
const sound = { name: { family: 'Roy', given: ['Zoé'] }, birthDate: '1984-02-29', identifiers: [{ system: 'urn:x:mr', value: '1' }] };

describe('with a city down', () => {
  it('lists the others’ patients in time and says which city is missing', async () => {
    const started = performance.now();
    const { data, errors } = await h.ask(
      await h.viewerOf('MTLD0001'),
      '{ patients(first: 5) { nodes { id } cityStates { city state asOf } } }',
    );
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(errors).toEqual([]);
    expect(data.patients.nodes).toHaveLength(5);
    expect(data.patients.cityStates).toEqual([
      { city: 'MTL', state: 'COMPLETE', asOf: null },
      { city: 'QUE', state: 'UNAVAILABLE', asOf: null },
      { city: 'SHE', state: 'COMPLETE', asOf: null },
    ]);
  });
  it('costs what belongs to it and nothing else of a request', async () => {
    const viewer = await h.viewerOf('MTLP0001');
    const query = 'query ($here: ID!, $there: ID!) { here: patient(id: $here) { id } there: patient(id: $there) { id } }';
    const { data, errors } = await h.ask(viewer, query, { here: viewer.patientId, there: newId('QUE', 'pat') });
    expect(data).toEqual({ here: { id: viewer.patientId }, there: null });
    expect(errors).toMatchObject([{ path: ['there'], extensions: { code: 'CITY_UNAVAILABLE', city: 'QUE' } }]);
  });
  it('refuses to write there, and lets the others write', async () => {
    const refused = await h.ask(await h.viewerOf('QUED0001'), CREATE, { input: sound });
    expect(refused.data.createPatient).toEqual({ __typename: 'CityUnavailable', city: 'QUE', retryAfterSeconds: 2 });
    const done = await h.ask(await h.viewerOf('SHED0001'), CREATE, { input: sound });
    expect(done.data.createPatient).toEqual({ __typename: 'CreatePatientSuccess' });
  });
  it('logs nobody in there, whether they exist or not', async () => {
    for (const u of ['QUEP0001', 'QUEP9999']) expect((await h.ask(null, LOGIN, { u, p: PASSWORD })).codes).toEqual(['CITY_UNAVAILABLE']);
    expect((await h.ask(null, LOGIN, { u: 'MTLP0001', p: PASSWORD })).data.login.__typename).toBe('Session');
  });
  it('still tells which sessions of the others were ended, and its health', async () => {
    expect((await h.ask(null, '{ revokedSessions }')).errors).toEqual([]);
    expect(await h.subgraph.health()).toEqual({ MTL: true, QUE: false, SHE: true });
  });
});

describe('where the audit table takes no entry', () => {
  beforeAll(async () => {
    await h.sql('SHE', 'alter table audit.entry add constraint closed check (false) not valid');
  });
  it('shows no record', async () => {
    const viewer = await h.viewerOf('SHEP0001');
    const { data, codes } = await h.ask(viewer, 'query ($id: ID!) { patient(id: $id) { id name { text } } }', { id: viewer.patientId });
    expect(data.patient).toBeNull();
    expect(codes).toEqual(['AUDIT_UNAVAILABLE']);
  });
  it('lists nobody', async () => {
    const { data } = await h.ask(await h.viewerOf('SHED0001'), '{ patients { nodes { id } cityStates { city state } } }');
    expect(data.patients.nodes).toEqual([]);
    expect(data.patients.cityStates).toContainEqual({ city: 'SHE', state: 'UNAVAILABLE' });
  });
  it.each(['createPatient', 'deletePatient', 'setRole', 'login'])('does not %s', async (act) => {
    const before = await h.sql(
      'SHE',
      'select (select count(*) from patients.patient), (select count(*) from patients.session), (select max(username) from patients.account)',
    );
    const asked = {
      createPatient: async () => h.ask(await h.viewerOf('SHED0001'), CREATE, { input: { ...sound, identifiers: [] } }),
      deletePatient: async () =>
        h.ask(await h.viewerOf('SHEA0001'), 'mutation ($id: ID!) { deletePatient(id: $id) { __typename } }', {
          id: (await h.viewerOf('SHEP0002')).patientId,
        }),
      setRole: async () => h.ask(await h.viewerOf('SHEA0001'), 'mutation { setRole(username: "SHEP0002", role: AUDITOR) { __typename } }'),
      login: async () => h.ask(null, LOGIN, { u: 'SHEP0001', p: PASSWORD }),
    }[act];
    expect((await asked?.())?.codes).toEqual(['AUDIT_UNAVAILABLE']);
    expect(
      await h.sql(
        'SHE',
        'select (select count(*) from patients.patient), (select count(*) from patients.session), (select max(username) from patients.account)',
      ),
    ).toEqual(before);
  });
});
