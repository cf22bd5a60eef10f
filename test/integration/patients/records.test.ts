import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Viewer } from '#platform/access/viewer.ts';
import { newId } from '#platform/database/new-id.ts';
import { openEntry } from '#test/support/subjects.ts';
import { type Answer, type Harness, startHarness } from './harness.ts';

let h: Harness;
const viewers = new Map<string, Viewer>();
const as = (name: string): Viewer => {
  const viewer = viewers.get(name);
  if (!viewer) throw new Error(`no viewer ${name}`);
  return viewer;
};
const patientOf = (name: string): string => as(name).patientId ?? '';
const NAMES = [
  'MTLP0001',
  'MTLP0002',
  'MTLP0003',
  'MTLA0001',
  'MTLD0001',
  'MTLU0001',
  'QUEP0001',
  'QUEP0002',
  'QUEA0001',
  'QUED0001',
  'SHED0001',
];

beforeAll(async () => {
  h = await startHarness();
  for (const name of NAMES) viewers.set(name, await h.viewerOf(name));
});
afterAll(() => h?.stop());

const RECORD =
  '{ id name { text } birthDate gender contacts { value } addresses { city } identifiers { value } coverages { id plan } version city { code } }';
const ONE = `query ($id: ID!) { patient(id: $id) ${RECORD} }`;
const NODE = `query ($id: ID!) { node(id: $id) { __typename ... on Patient ${RECORD} } }`;
const ENTITY = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Patient ${RECORD} } }`;
const COVERAGE = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Coverage { id plan } } }`;
const entity = (id: string) => ({ r: [{ __typename: 'Patient', id }] });
const CREATE = `mutation ($input: CreatePatientInput!) { createPatient(input: $input) { __typename
  ... on CreatePatientSuccess { patient ${RECORD} } ... on IdentifierAlreadyUsed { system } ... on Refusal { message } } }`;
const UPDATE = `mutation ($input: UpdatePatientInput!) { updatePatient(input: $input) { __typename
  ... on UpdatePatientSuccess { patient ${RECORD} } ... on VersionConflict { current { version name { text } } } ... on Refusal { message } } }`;
const DELETE =
  'mutation ($id: ID!, $v: Int) { deletePatient(id: $id, expectedVersion: $v) { __typename ... on VersionConflict { current { version } } } }';
const audit = async (city: string, act: string): Promise<{ outcome: number; patient_id: string | null; body: Record<string, never> }[]> =>
  (
    await h.sql<{ outcome: number; city: string; event_id: string; sealed: Uint8Array; body: Buffer }>(
      city,
      'select outcome, city, event_id, sealed, body from audit.entry where city = $1 and act = $2 order by id',
      [city, act],
    )
  ).map((row) => {
    const { outcome, patient_id, body } = openEntry(h.network.subjects, row);
    return { outcome, patient_id, body: JSON.parse(body.toString()) };
  });

describe('who sees a patient', () => {
  const ways: [string, string, (id: string) => Record<string, unknown>][] = [
    ['patient', ONE, (id) => ({ id })],
    ['node', NODE, (id) => ({ id })],
    ['_entities', ENTITY, entity],
  ];
  const table: [string, string, 'all' | 'nothing'][] = [
    ['MTLP0001', 'MTLP0001', 'all'],
    ['MTLP0001', 'MTLP0002', 'nothing'],
    ['MTLP0001', 'QUEP0001', 'nothing'],
    ['MTLD0001', 'MTLP0001', 'all'],
    ['MTLD0001', 'QUEP0001', 'nothing'],
    ['MTLA0001', 'MTLP0001', 'all'],
    ['MTLA0001', 'QUEP0001', 'nothing'],
    ['MTLU0001', 'MTLP0001', 'nothing'],
    ['QUED0001', 'QUEP0001', 'all'],
  ];
  describe.each(ways)('through %s', (_way, query, variables) => {
    it.each(table)('%s of %s: %s', async (viewer, patient, seen) => {
      const id = patientOf(patient);
      const answer = await h.ask(as(viewer), query, variables(id));
      const missing = await h.ask(as(viewer), query, variables(newId(id.slice(0, 3), 'pat')));
      if (seen === 'all') {
        expect(answer.errors).toEqual([]);
        expect(JSON.stringify(answer.data)).toContain(id);
      } else {
        expect(answer.codes).toEqual(['NOT_FOUND']);
        expect(JSON.stringify(answer)).toBe(JSON.stringify(missing));
        expect(JSON.stringify(answer)).not.toContain(id);
      }
    });
    it.each([
      '',
      'x',
      'MTL-pat-',
      'ZZZ-pat-00000000000000000000000000',
      '../../etc/passwd',
      "mtl'; DROP TABLE patients.patient;--",
      'a\u0000b',
      '\ud800',
    ])('takes the id %j for nothing', async (id) => {
      const answer = await h.ask(as('MTLD0001'), query, variables(id));
      expect(answer.codes).toEqual(['NOT_FOUND']);
    });
    it('shows nobody without a login', async () => {
      expect((await h.ask(null, query, variables(patientOf('MTLP0001')))).codes).toEqual(['UNAUTHENTICATED']);
    });
  });

  it('audits what was read with the hash of its version, and what was denied, once a request', async () => {
    const before = (await audit('QUE', 'patient')).length;
    const two = `query ($id: ID!) { a: patient(id: $id) { id } b: patient(id: $id) { name { text } } }`;
    await h.ask(as('QUED0001'), two, { id: patientOf('QUEP0001') });
    await h.ask(as('MTLP0001'), two, { id: patientOf('QUEP0001') });
    const entries = (await audit('QUE', 'patient')).slice(before);
    expect(entries.map(({ outcome, patient_id }) => ({ outcome, patient_id }))).toEqual([
      { outcome: 0, patient_id: patientOf('QUEP0001') },
      { outcome: 8, patient_id: patientOf('QUEP0001') },
    ]);
    expect(entries[0]?.body).toMatchObject({
      purpose: 'TREAT',
      entities: [{ kind: 'Patient', sha256: expect.stringMatching(/^cm:[0-9a-f]{64}$/) }],
    });
    expect(JSON.stringify(entries[0]?.body)).not.toContain(patientOf('QUEP0001'));
  });

  it('takes the same time for a patient who may not be seen and for none', async () => {
    const times: Record<'denied' | 'missing', number[]> = { denied: [], missing: [] };
    for (let i = 0; i < 150; i++) {
      for (const [kind, id] of [
        ['denied', patientOf('QUEP0001')],
        ['missing', newId('QUE', 'pat')],
      ] as const) {
        const started = performance.now();
        await h.ask(as('MTLP0001'), ONE, { id });
        times[kind].push(performance.now() - started);
      }
    }
    const median = (list: number[]): number => list.sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
    expect(Math.abs(median(times.denied) - median(times.missing))).toBeLessThan(2);
  });

  it('opens a coverage to those alone who see the whole patient', async () => {
    const { data } = await h.ask(as('MTLP0001'), ONE, { id: patientOf('MTLP0001') });
    const id = data.patient.coverages[0].id;
    const r = [{ __typename: 'Coverage', id }];
    expect((await h.ask(as('MTLP0001'), COVERAGE, { r })).data._entities[0]).toEqual({ id, plan: 'RAMQ' });
    expect((await h.ask(as('MTLD0001'), `{ node(id: "${id}") { __typename id } }`)).data.node).toEqual({ __typename: 'Coverage', id });
    const denied = await h.ask(as('MTLP0002'), COVERAGE, { r });
    const missing = await h.ask(as('MTLP0002'), COVERAGE, { r: [{ __typename: 'Coverage', id: newId('MTL', 'cov') }] });
    expect(denied.codes).toEqual(['NOT_FOUND']);
    expect(JSON.stringify(denied)).toBe(JSON.stringify(missing));
  });

  it.each([
    ['Slot', 'slt'],
    ['Appointment', 'apt'],
    ['AuditEvent', 'evt'],
    ['MedicalFile', 'fil'],
  ])('hands a %s, which another subgraph keeps, on by its node id', async (type, kind) => {
    const id = newId('QUE', kind);
    const { data } = await h.ask(as('MTLP0001'), `query ($id: ID!) { node(id: $id) { __typename ... on ${type} { nodeId } } }`, { id });
    expect(data.node).toEqual({ __typename: type, nodeId: id });
  });
});

describe('who sees a patient in care elsewhere', () => {
  const FULL = ['birthDate', 'gender', 'contacts', 'addresses', 'identifiers', 'coverages', 'version'];
  beforeAll(async () => {
    const columns = await h.sql<{ column_name: string }>(
      'QUE',
      `select column_name from information_schema.columns where table_schema = 'directory' and table_name = 'care' order by 1`,
    );
    expect(columns.map(({ column_name }) => column_name)).toEqual(['city', 'host_city', 'patient_id', 'practitioner_id', 'until']);
    // A ledger row needs a whole booking: in this copy of the databases the view is a table that the test fills.
    for (const city of ['MTL', 'QUE']) {
      await h.sql(city, 'drop view directory.care cascade');
      await h.sql(
        city,
        'create table directory.care (city text, patient_id text, practitioner_id text, host_city text, until timestamptz)',
      );
      await h.sql(city, 'grant select on directory.care to patients');
    }
    const { patientId } = as('QUEP0001');
    const row = (practitionerId: string | null, hostCity: string, until: string) =>
      h.sql('QUE', `insert into directory.care values ('QUE', $1, $2, $3, now() + $4::interval)`, [
        patientId,
        practitionerId,
        hostCity,
        until,
      ]);
    await row(as('MTLD0001').practitionerId, 'MTL', '10 days');
    await row(as('SHED0001').practitionerId, 'SHE', '-1 minute');
  });

  it('shows the whole record to the practitioner of the appointment', async () => {
    const { data, errors } = await h.ask(as('MTLD0001'), ONE, { id: patientOf('QUEP0001') });
    expect(errors).toEqual([]);
    expect(data.patient.birthDate).toMatch(/^\d{4}-/);
  });
  it('shows nothing once the time after the appointment is over', async () => {
    expect((await h.ask(as('SHED0001'), ONE, { id: patientOf('QUEP0001') })).codes).toEqual(['NOT_FOUND']);
  });
  it.each(FULL)('shows the host city’s admin the name and not %s', async (field) => {
    const selection = ['contacts', 'identifiers'].includes(field)
      ? `${field} { value }`
      : field === 'addresses'
        ? 'addresses { city }'
        : field === 'coverages'
          ? 'coverages { id }'
          : field;
    const { data, errors } = await h.ask(
      as('MTLA0001'),
      `query ($id: ID!) { patient(id: $id) { id name { text } city { code } ${selection} } }`,
      {
        id: patientOf('QUEP0001'),
      },
    );
    expect(errors).toMatchObject([{ path: ['patient', field], extensions: { code: 'FORBIDDEN' } }]);
    expect(data.patient).toMatchObject({ id: patientOf('QUEP0001'), city: { code: 'QUE' }, [field]: null });
    expect(data.patient.name.text).not.toBe('');
  });
  it('refuses the host city’s admin a coverage, and says so in the entry', async () => {
    const { data } = await h.ask(as('QUEP0001'), ONE, { id: patientOf('QUEP0001') });
    const id = data.patient.coverages[0].id;
    const before = (await audit('QUE', 'coverage')).length;
    const refused = await h.ask(as('MTLA0001'), COVERAGE, { r: [{ __typename: 'Coverage', id }] });
    expect(refused.codes).toEqual(['NOT_FOUND']);
    const entries = (await audit('QUE', 'coverage')).slice(before);
    expect(entries).toMatchObject([{ outcome: 8, patient_id: patientOf('QUEP0001'), body: { reason: 'NOT_FOUND' } }]);
    // Neither does it tell the version of the record that was not shown.
    expect(JSON.stringify(entries)).not.toContain('sha256');
  });
  it('lists patients in care beside the own city’s, and never looks for a visitor by what may not be seen', async () => {
    const LIST = 'query ($f: PatientFilter) { patients(filter: $f, first: 100) { nodes { id name { text } } cityStates { city state } } }';
    const ofDoctor = await h.ask(as('MTLD0001'), LIST, { f: { city: 'QUE' } });
    expect(ofDoctor.data.patients.nodes.map(({ id }: { id: string }) => id)).toEqual([patientOf('QUEP0001')]);
    const ofAdmin = await h.ask(as('MTLA0001'), LIST, { f: { city: 'QUE' } });
    expect(ofAdmin.data.patients.nodes.map(({ id }: { id: string }) => id)).toEqual([patientOf('QUEP0001')]);
    const own = (await h.ask(as('QUEP0001'), ONE, { id: patientOf('QUEP0001') })).data.patient;
    const probe = await h.ask(as('MTLA0001'), LIST, { f: { city: 'QUE', birthDate: own.birthDate } });
    expect(probe.data.patients.nodes).toEqual([]);
  });

  it('opens and closes a record by a grant', async () => {
    const GRANT = `mutation ($p: ID!, $d: ID!, $n: Int!) { grantAccess(patientId: $p, practitionerId: $d, days: $n) { __typename ... on GrantAccessSuccess { until } } }`;
    const REVOKE = 'mutation ($p: ID!, $d: ID!) { revokeAccess(patientId: $p, practitionerId: $d) { __typename } }';
    const p = patientOf('QUEP0002');
    const d = as('MTLD0001').practitionerId;
    expect((await h.ask(as('MTLD0001'), ONE, { id: p })).codes).toEqual(['NOT_FOUND']);
    expect((await h.ask(as('QUEP0001'), GRANT, { p, d, n: 3 })).data.grantAccess).toEqual({ __typename: 'PatientNotFound' });
    expect((await h.ask(as('MTLA0001'), GRANT, { p, d, n: 3 })).codes).toEqual(['FORBIDDEN']);
    expect((await h.ask(as('QUEP0002'), GRANT, { p, d: newId('MTL', 'prc'), n: 3 })).data.grantAccess.__typename).toBe(
      'PractitionerNotFound',
    );
    expect((await h.ask(as('QUEP0002'), GRANT, { p, d, n: 0 })).codes).toEqual(['BAD_USER_INPUT']);
    expect((await h.ask(as('QUEP0002'), GRANT, { p, d, n: 3 })).data.grantAccess.__typename).toBe('GrantAccessSuccess');
    expect((await h.ask(as('QUEP0002'), GRANT, { p, d, n: 5 })).data.grantAccess.__typename).toBe('GrantAccessSuccess');
    expect((await h.ask(as('MTLD0001'), ONE, { id: p })).errors).toEqual([]);
    expect((await h.ask(as('QUEA0001'), REVOKE, { p, d })).data.revokeAccess.__typename).toBe('RevokeAccessSuccess');
    expect((await h.ask(as('MTLD0001'), ONE, { id: p })).codes).toEqual(['NOT_FOUND']);
    // It has ended: there is nothing to end any more.
    expect((await h.ask(as('QUEA0001'), REVOKE, { p, d })).data.revokeAccess.__typename).toBe('PractitionerNotFound');
  });

  const GRANT = 'mutation ($p: ID!, $d: ID!) { grantAccess(patientId: $p, practitionerId: $d, days: 3) { __typename } }';
  const REVOKE =
    'mutation ($p: ID!, $d: ID!) { revokeAccess(patientId: $p, practitionerId: $d) { __typename ... on Refusal { message } } }';
  const grants = () => h.sql('QUE', 'select patient_id, practitioner_id, until from patients.access_grant order by 1, 2');

  it.each<[string, () => string | null]>([
    ['a text', () => 'Dre Tremblay, 514 555 0199'],
    ['nothing', () => ''],
    ['a text of 10,000 characters', () => 'Tremblay'.repeat(1_250)],
    ['an id and a line break', () => `${as('MTLD0001').practitionerId}\n`],
    ['the id of something else', () => patientOf('MTLP0001')],
    ['the id of a practitioner who is not there', () => newId('MTL', 'prc')],
    ['a practitioner without a grant', () => as('SHED0001').practitionerId],
    ['a practitioner of a city that there is not', () => newId('XYZ', 'prc')],
  ])('ends no grant for %s, refuses, and puts nothing of it into the log', async (_what, idOf) => {
    const d = idOf();
    const p = patientOf('QUEP0002');
    const before = { grants: await grants(), log: await audit('QUE', 'revokeAccess') };
    const { data, errors } = await h.ask(as('QUEP0002'), REVOKE, { p, d });
    expect(errors).toEqual([]);
    expect(data.revokeAccess).toEqual({ __typename: 'PractitionerNotFound', message: expect.any(String) });
    const log = await audit('QUE', 'revokeAccess');
    expect(await grants()).toEqual(before.grants);
    expect(log).toHaveLength(before.log.length + 1);
    expect(log.at(-1)).toMatchObject({
      outcome: 4,
      patient_id: p,
      body: { reason: 'PractitionerNotFound', entities: [{ kind: 'Patient', what: expect.stringMatching(/^cm:/) }] },
    });
    if (d) expect(JSON.stringify(log.at(-1)?.body)).not.toContain(JSON.stringify(d).slice(1, -1));
  });

  it('ends no grant that has ended by itself', async () => {
    const p = patientOf('QUEP0002');
    const d = as('SHED0001').practitionerId;
    expect((await h.ask(as('QUEP0002'), GRANT, { p, d })).data.grantAccess.__typename).toBe('GrantAccessSuccess');
    await h.sql('QUE', "update patients.access_grant set until = now() - interval '1 second' where practitioner_id = $1", [d]);
    expect((await h.ask(as('QUEP0002'), REVOKE, { p, d })).data.revokeAccess.__typename).toBe('PractitionerNotFound');
    expect((await audit('QUE', 'revokeAccess')).at(-1)).toMatchObject({ outcome: 4 });
  });

  it('gives no grant within a city, where the rules give access already', async () => {
    const before = await grants();
    const p = patientOf('QUEP0002');
    const d = as('QUED0001').practitionerId;
    expect((await h.ask(as('QUED0001'), ONE, { id: p })).errors).toEqual([]);
    for (const viewer of ['QUEP0002', 'QUEA0001'])
      expect((await h.ask(as(viewer), GRANT, { p, d })).data.grantAccess).toEqual({ __typename: 'PractitionerNotFound' });
    expect(await grants()).toEqual(before);
    expect((await audit('QUE', 'grantAccess')).at(-1)).toMatchObject({ outcome: 4, body: { reason: 'PractitionerNotFound' } });
  });
});

describe('creating', () => {
  const sound = { name: { family: 'Tremblay', given: ['Éloïse'] }, birthDate: '1984-02-29' };
  const RAMQ = 'http://hl7.org/fhir/sid/ca-ramq';

  it('writes the record in the caller’s city with its audit entry', async () => {
    const { data, errors } = await h.ask(as('MTLD0001'), CREATE, { input: { ...sound, coverages: [{ plan: 'RAMQ', payor: 'RAMQ' }] } });
    expect(errors).toEqual([]);
    const { patient } = data.createPatient;
    expect(patient).toMatchObject({
      version: 1,
      birthDate: '1984-02-29',
      gender: 'UNKNOWN',
      city: { code: 'MTL' },
      coverages: [{ plan: 'RAMQ' }],
    });
    expect((await audit('MTL', 'createPatient')).filter(({ patient_id }) => patient_id === patient.id)).toMatchObject([{ outcome: 0 }]);
  });
  it.each([
    ['MTLP0001', 'FORBIDDEN'],
    ['MTLU0001', 'FORBIDDEN'],
  ])('is not for %s', async (name, code) => {
    const before = await h.sql('MTL', 'select count(*) from patients.patient');
    expect((await h.ask(as(name), CREATE, { input: sound })).codes).toEqual([code]);
    expect(await h.sql('MTL', 'select count(*) from patients.patient')).toEqual(before);
    expect((await audit('MTL', 'createPatient')).at(-1)).toMatchObject({ outcome: 8 });
  });
  it('gives one of several cities an identifier that all of them write at once', async () => {
    const doctors = await Promise.all(['MTLD0001', 'QUED0001', 'SHED0001'].map((name) => h.viewerOf(name)));
    for (let round = 0; round < 12; round++) {
      const input = { ...sound, identifiers: [{ system: 'urn:x:race', value: `round ${round}` }] };
      const race = await Promise.all([...doctors, ...doctors].map((doctor) => h.ask(doctor, CREATE, { input })));
      expect(race.flatMap(({ errors }) => errors)).toEqual([]);
      expect(race.map(({ data }) => data.createPatient.__typename).sort()).toEqual([
        'CreatePatientSuccess',
        ...Array(5).fill('IdentifierAlreadyUsed'),
      ]);
    }
    for (const city of ['MTL', 'QUE', 'SHE']) expect(await h.sql(city, 'select 1 from patients.identifier_claim')).toEqual([]);
  });
  it('passes over a claim that its act left behind', async () => {
    const value = 'left behind';
    await h.sql(
      'QUE',
      `insert into patients.identifier_claim select 'QUE', encode(sha256('urn:x:race|left behind'), 'hex'), 'gone', now() - interval '31 s'`,
    );
    const input = { ...sound, identifiers: [{ system: 'urn:x:race', value }] };
    const { data } = await h.ask(await h.viewerOf('MTLD0001'), CREATE, { input });
    expect(data.createPatient.__typename).toBe('CreatePatientSuccess');
    await h.sql('QUE', 'delete from patients.identifier_claim');
  });
  it('refuses an identifier that a patient of any city has, whatever its spelling', async () => {
    const mine = { ...sound, identifiers: [{ system: RAMQ, value: 'TREE 8452 2915' }] };
    expect((await h.ask(as('MTLD0001'), CREATE, { input: mine })).data.createPatient.__typename).toBe('CreatePatientSuccess');
    for (const doctor of ['MTLD0001', 'QUED0001']) {
      const again = await h.ask(as(doctor), CREATE, { input: { ...mine, identifiers: [{ system: RAMQ, value: 'tree84522915' }] } });
      expect(again.data.createPatient).toMatchObject({ __typename: 'IdentifierAlreadyUsed', system: RAMQ });
    }
    const both = { ...sound, identifiers: [{ system: RAMQ, value: 'ABCD84522915' }] };
    const race = await Promise.all(Array.from({ length: 8 }, () => h.ask(as('MTLD0001'), CREATE, { input: both })));
    expect(race.filter(({ data }) => data.createPatient.__typename === 'CreatePatientSuccess')).toHaveLength(1);
    expect(race.filter(({ data }) => data.createPatient.__typename === 'IdentifierAlreadyUsed')).toHaveLength(7);
  });
  it.each<[string, object]>([
    ['a RAMQ number without a day of birth', { identifiers: [{ system: RAMQ, value: 'TREE84132915' }] }],
    ['a birth date in the future', { birthDate: '2199-01-01' }],
    ['a NUL', { name: { family: 'a\u0000b', given: ['x'] } }],
    ['a lone surrogate', { name: { family: '\ud800', given: ['x'] } }],
    ['a direction override', { name: { family: 'a\u202eb', given: ['x'] } }],
    ['spaces alone', { name: { family: '   ', given: ['x'] } }],
    ['zero-width characters alone', { name: { family: '\u200b\u200d', given: ['x'] } }],
    ['10,000 characters', { name: { family: 'x'.repeat(10_000), given: ['x'] } }],
    ['a combining storm', { name: { family: `e${'\u0301'.repeat(200)}`, given: ['x'] } }],
    ['eleven given names', { name: { family: 'x', given: Array(11).fill('x') } }],
    ['21 contacts', { contacts: Array(21).fill({ system: 'PHONE', value: '1' }) }],
    ['eleven coverages', { coverages: Array(11).fill({ plan: 'RAMQ', payor: 'x' }) }],
    ['one identifier twice', { identifiers: Array(2).fill({ system: 'urn:x:y', value: '1' }) }],
  ])('refuses %s', async (_what, part) => {
    const { codes, errors } = await h.ask(as('MTLD0001'), CREATE, { input: { ...sound, ...part } });
    expect(codes).toEqual(['BAD_USER_INPUT']);
    expect(errors[0]?.message).toMatch(/^input\./);
  });
  it.each(['2027-02-29', '1849-12-31', '0000-01-01', '+275760-01-01', '1984-02-29T00:00:00Z', '', 'today'])(
    'refuses the day %j',
    async (birthDate) => {
      expect((await h.ask(as('MTLD0001'), CREATE, { input: { ...sound, birthDate } })).data).toBeUndefined();
    },
  );
  it.each(['role', 'city', 'id', 'version', 'createdAt', 'balance', '__proto__x'])('knows no field %s', async (field) => {
    const { data, errors } = await h.ask(as('MTLD0001'), CREATE, { input: { ...sound, [field]: 'x' } });
    expect(data).toBeUndefined();
    expect(errors).toHaveLength(1);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
  it('keeps names in NFC, and 4-byte characters whole', async () => {
    const { data } = await h.ask(as('MTLD0001'), CREATE, {
      input: { ...sound, name: { family: "d'Arc-Côté 🏥", given: ['Éloïse'.normalize('NFD')] } },
    });
    expect(data.createPatient.patient.name.text).toBe("Éloïse d'Arc-Côté 🏥".normalize('NFC'));
  });
});

describe('changing', () => {
  const create = async (): Promise<string> => {
    const input = { name: { family: 'Gagnon', given: ['Léa'] }, birthDate: '1990-01-02', contacts: [{ system: 'PHONE', value: '514' }] };
    return (await h.ask(as('MTLD0001'), CREATE, { input })).data.createPatient.patient.id;
  };
  it('writes what is named, keeps the rest, and raises the version', async () => {
    const id = await create();
    const { data } = await h.ask(as('MTLD0001'), UPDATE, {
      input: { id, expectedVersion: 1, coverages: [{ plan: 'SUNLIFE', payor: 'Sun Life' }] },
    });
    expect(data.updatePatient.patient).toMatchObject({
      version: 2,
      name: { text: 'Léa Gagnon' },
      contacts: [{ value: '514' }],
      coverages: [{ plan: 'SUNLIFE' }],
    });
    expect((await h.ask(as('MTLD0001'), ONE, { id })).data.patient).toEqual(data.updatePatient.patient);
  });
  it('keeps the version where nothing is new, however the same is said, and records the act', async () => {
    const id = await create();
    const filled = await h.ask(as('MTLD0001'), UPDATE, {
      input: {
        id,
        expectedVersion: 1,
        addresses: [{ lines: ['1, rue Saint-Denis'], city: 'Montréal' }],
        identifiers: [{ system: 'urn:oid:1.2.3', value: `keeps-${id}`, type: 'MR' }],
        coverages: [{ plan: 'SUNLIFE', payor: 'Sun Life', memberId: '7' }],
      },
    });
    const before = filled.data.updatePatient.patient;
    const VERSION = 'select version, updated_at from patients.patient where id = $1';
    const stored = await h.sql('MTL', VERSION, [id]);
    const same = [
      {},
      { name: null, contacts: null },
      { name: { family: '  Gagnon ', given: ['Léa'.normalize('NFD')] }, birthDate: '1990-01-02', gender: 'UNKNOWN' },
      { contacts: [{ value: '514', system: 'PHONE', use: null }] },
      {
        addresses: [{ city: 'Montréal', lines: ['1, rue  Saint-Denis'] }],
        coverages: [{ memberId: '7', payor: 'Sun Life', plan: 'SUNLIFE' }],
      },
      { identifiers: [{ type: 'MR', value: `keeps-${id}`, system: 'urn:oid:1.2.3' }] },
    ];
    for (const input of same) {
      const { data, errors } = await h.ask(as('MTLD0001'), UPDATE, { input: { id, expectedVersion: 2, ...input } });
      expect(errors).toEqual([]);
      expect(data.updatePatient).toEqual({ __typename: 'UpdatePatientSuccess', patient: before });
    }
    expect(await h.sql('MTL', VERSION, [id])).toEqual(stored);
    const acts = (await audit('MTL', 'updatePatient')).filter(({ patient_id }) => patient_id === id);
    expect(acts.map(({ outcome }) => outcome)).toEqual([0, ...same.map(() => 0)]);
    // Another version is a conflict all the same, and one thing that is new is a version.
    const ask = (input: object) => h.ask(as('MTLD0001'), UPDATE, { input: { id, ...input } });
    expect((await ask({ expectedVersion: 1 })).data.updatePatient.__typename).toBe('VersionConflict');
    expect((await ask({ expectedVersion: 2, contacts: [] })).data.updatePatient.patient).toMatchObject({ version: 3, contacts: [] });
  });
  it('tells a conflict with the current record, also when eight change it at once', async () => {
    const id = await create();
    const change = (n: number) => ({ input: { id, expectedVersion: 1, name: { family: `Roy ${n}`, given: ['Léa'] } } });
    const all = await Promise.all(Array.from({ length: 8 }, (_, n) => h.ask(as('MTLD0001'), UPDATE, change(n))));
    const kinds = all.map(({ data }) => data.updatePatient.__typename).sort();
    expect(kinds).toEqual(['UpdatePatientSuccess', ...Array(7).fill('VersionConflict')]);
    const conflict = all.find(({ data }) => data.updatePatient.__typename === 'VersionConflict');
    expect(conflict?.data.updatePatient.current.version).toBe(2);
  });
  it.each<[string, string, string]>([
    ['MTLD0001', 'QUEP0002', 'FORBIDDEN'],
    ['MTLA0001', 'QUEP0002', 'FORBIDDEN'],
    ['MTLU0001', 'MTLP0001', 'FORBIDDEN'],
    ['MTLP0001', 'MTLP0002', 'PatientNotFound'],
  ])('%s may not change %s, and learns nothing of whether they are there', async (viewer, patient, told) => {
    const id = patientOf(patient);
    const change = (of: string) => h.ask(as(viewer), UPDATE, { input: { id: of, expectedVersion: 1, gender: 'OTHER' } });
    const answer = await change(id);
    const missing = await change(newId(id.slice(0, 3), 'pat'));
    expect(answer.codes[0] ?? answer.data.updatePatient.__typename).toBe(told);
    expect(JSON.stringify(answer)).toBe(JSON.stringify(missing));
    expect((await audit(id.slice(0, 3), 'updatePatient')).filter(({ patient_id }) => patient_id === id).at(-1)).toMatchObject({
      outcome: 8,
    });
  });
  it('lets patients correct their own record', async () => {
    const { data } = await h.ask(as('MTLP0003'), UPDATE, { input: { id: patientOf('MTLP0003'), expectedVersion: 1, contacts: [] } });
    expect(data.updatePatient).toMatchObject({ __typename: 'UpdatePatientSuccess', patient: { version: 2, contacts: [] } });
  });
});

describe('erasing', () => {
  it('is for the home city’s admin', async () => {
    const id = patientOf('QUEP0002');
    for (const viewer of ['QUED0001', 'QUEP0002', 'MTLA0001', 'MTLU0001'])
      expect((await h.ask(as(viewer), DELETE, { id })).codes).toEqual(['FORBIDDEN']);
    expect(await h.sql('QUE', 'select id from directory.patient where id = $1', [id])).toHaveLength(1);
    expect((await h.ask(as('QUEA0001'), DELETE, { id: newId('QUE', 'pat') })).data.deletePatient.__typename).toBe('PatientNotFound');
  });
  it('takes record, identifiers, coverages and account away and ends the sessions', async () => {
    const login = await h.ask(
      null,
      'mutation { login(username: "QUEP0003", password: "caregraph-demo") { ... on Session { token account { patient { id version } } } } }',
    );
    const { id, version } = login.data.login.account.patient;
    const stale = await h.ask(as('QUEA0001'), DELETE, { id, v: version + 1 });
    expect(stale.data.deletePatient).toEqual({ __typename: 'VersionConflict', current: { version } });
    expect((await h.ask(as('QUEA0001'), DELETE, { id, v: version })).data.deletePatient.__typename).toBe('DeletePatientSuccess');
    const said = await (await h.network.admin('QUE')).query('select city, patient_id from directory.erasure where patient_id = $1', [id]);
    expect(said.rows).toEqual([{ city: 'QUE', patient_id: id }]);
    for (const table of ['patient', 'identifier', 'coverage', 'account'])
      expect(await h.sql('QUE', `select 1 from patients.${table} where ${table === 'patient' ? 'id' : 'patient_id'} = $1`, [id])).toEqual(
        [],
      );
    expect(await h.sql('QUE', 'select 1 from directory.patient where id = $1', [id])).toEqual([]);
    expect((await h.ask(null, '{ revokedSessions }')).data.revokedSessions).toHaveLength(1);
    expect((await audit('QUE', 'deletePatient')).filter(({ patient_id }) => patient_id === id)).toMatchObject([
      { outcome: 4 },
      { outcome: 0 },
    ]);
  });
  /** Does in one transaction what another act would do, while `act` is on its way. */
  const meanwhile = async (statements: readonly [string, unknown[]][], act: () => Promise<Answer>): Promise<Answer> => {
    await h.sql('MTL', 'begin');
    for (const [text, values] of statements) await h.sql('MTL', text, values);
    const late = act();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await h.sql('MTL', 'commit');
    return late;
  };
  it('meets a grant that comes at the same moment: there is no such patient', async () => {
    const viewer = await h.viewerOf('MTLP0041');
    const id = viewer.patientId;
    const practitionerId = (await h.viewerOf('QUED0002')).practitionerId;
    const answer = await meanwhile(
      [
        ['delete from patients.account where patient_id = $1', [id]],
        ['delete from patients.patient where id = $1', [id]],
      ],
      () =>
        h.ask(viewer, 'mutation ($p: ID!, $d: ID!) { grantAccess(patientId: $p, practitionerId: $d, days: 3) { __typename } }', {
          p: id,
          d: practitionerId,
        }),
    );
    expect(answer.errors).toEqual([]);
    expect(answer.data.grantAccess.__typename).toBe('PatientNotFound');
  });
  it('leaves the login to an account that becomes one of the staff at the same moment', async () => {
    const { accountId, patientId } = await h.viewerOf('MTLP0042');
    const answer = await meanwhile([[`update patients.account set username = 'MTLU9042', role = 'U' where id = $1`, [accountId]]], () =>
      h.ask(as('MTLA0001'), DELETE, { id: patientId }),
    );
    expect(answer.data.deletePatient.__typename).toBe('DeletePatientSuccess');
    expect(await h.sql('MTL', 'select role, patient_id from patients.account where id = $1', [accountId])).toEqual([
      { role: 'U', patient_id: null },
    ]);
  });
});

describe('searching', () => {
  const LIST = `query ($f: PatientFilter, $n: Int, $a: String) { patients(filter: $f, first: $n, after: $a) {
    edges { cursor node { id name { text family } } } pageInfo { hasNextPage hasPreviousPage endCursor } cityStates { city state } } }`;
  const found = (answer: Answer): string[] =>
    answer.data.patients.edges.map(({ node }: { node: { name: { text: string } } }) => node.name.text);
  beforeAll(async () => {
    for (const [family, given] of [
      ["d'Arc-Côté", 'Éloïse'],
      ["O'Brien", 'Zoé'],
      ['100% Réel_nom', 'Bœuf'],
    ])
      await h.ask(as('QUED0001'), CREATE, { input: { name: { family, given: [given, 'Xyzzy'] }, birthDate: '1971-03-04' } });
  });
  it.each([
    ['eloise xyzzy', "Éloïse Xyzzy d'Arc-Côté"],
    ['XYZZY ÉLO', "Éloïse Xyzzy d'Arc-Côté"],
    ['xyzzy arc', "Éloïse Xyzzy d'Arc-Côté"],
    ['cote xyz', "Éloïse Xyzzy d'Arc-Côté"],
    [`${'Éloïse'.normalize('NFD')} Xyzzy`, "Éloïse Xyzzy d'Arc-Côté"],
    ['o’brien xyzzy', "Zoé Xyzzy O'Brien"],
    ['boeuf', 'Bœuf Xyzzy 100% Réel_nom'],
    ['100%', 'Bœuf Xyzzy 100% Réel_nom'],
    ['reel_n', 'Bœuf Xyzzy 100% Réel_nom'],
  ])('finds by %j', async (name, text) => {
    expect(found(await h.ask(as('QUED0001'), LIST, { f: { name } }))).toEqual([text]);
  });
  it.each(['%', '_', '%zzy', 'yzzy', '\\', "' OR 1=1 --", "mtl'; DROP TABLE patients.patient; --", '(x+x+)+y', `${'a'.repeat(99)}!`])(
    'takes %j literally and is quick',
    async (name) => {
      const started = performance.now();
      expect(found(await h.ask(as('QUED0001'), LIST, { f: { name } }))).toEqual([]);
      expect(performance.now() - started).toBeLessThan(500);
      expect(await h.sql('QUE', 'select count(*) > 100 as whole from patients.patient')).toEqual([{ whole: true }]);
    },
  );
  it('refuses names that are too long and cities that are none', async () => {
    expect((await h.ask(as('QUED0001'), LIST, { f: { name: 'a'.repeat(101) } })).codes).toEqual(['BAD_USER_INPUT']);
    expect((await h.ask(as('QUED0001'), LIST, { f: { city: "mtl'; DROP--" } })).codes).toEqual(['BAD_USER_INPUT']);
    for (const n of [0, -1, 101, null]) expect((await h.ask(as('QUED0001'), LIST, { n })).codes).toEqual(['BAD_USER_INPUT']);
  });
  it.each(['', '   ', '\u200b'])('refuses %j, which asks for nothing, whatever it stands for', async (nothing) => {
    const before = await audit('QUE', 'patients');
    for (const field of ['name', 'identifier', 'city']) {
      const { codes, errors } = await h.ask(as('QUED0001'), LIST, { f: { [field]: nothing } });
      expect([codes, errors[0]?.message]).toEqual([['BAD_USER_INPUT'], expect.stringContaining(`filter.${field}`)]);
    }
    for (const field of ['name', 'specialty', 'city']) {
      const asked = `query ($f: PractitionerFilter) { practitioners(filter: $f) { nodes { id } } }`;
      const { codes, errors } = await h.ask(as('QUED0001'), asked, { f: { [field]: nothing } });
      expect([codes, errors[0]?.message]).toEqual([['BAD_USER_INPUT'], expect.stringContaining(`filter.${field}`)]);
    }
    expect(await audit('QUE', 'patients')).toEqual(before);
    expect(found(await h.ask(as('QUED0001'), LIST, { f: { name: null, identifier: null, city: null } })).length).toBeGreaterThan(20);
  });
  it('finds by birth date and by identifier', async () => {
    expect(found(await h.ask(as('QUED0001'), LIST, { f: { birthDate: '1971-03-04', name: 'zoe' } }))).toEqual(["Zoé Xyzzy O'Brien"]);
    const own = (await h.ask(as('QUEP0001'), ONE, { id: patientOf('QUEP0001') })).data.patient;
    const byNumber = await h.ask(as('QUED0001'), LIST, { f: { identifier: own.identifiers[0].value.toLowerCase() } });
    expect(found(byNumber)).toEqual([own.name.text]);
    expect(found(await h.ask(as('QUED0001'), LIST, { f: { identifier: own.identifiers[0].value.slice(0, 8) } }))).toEqual([]);
  });
  it('gives every patient of the city once, in order, page by page', async () => {
    const ids: string[] = [];
    const families: string[] = [];
    let a: string | null = null;
    do {
      const { data }: Answer = await h.ask(as('SHED0001'), LIST, { f: { city: 'SHE' }, n: 17, a });
      for (const { node } of data.patients.edges) {
        ids.push(node.id);
        families.push(node.name.family);
      }
      a = data.patients.pageInfo.hasNextPage ? data.patients.pageInfo.endCursor : null;
    } while (a !== null);
    expect(new Set(ids).size).toBe(ids.length);
    expect(await h.sql('SHE', 'select count(*)::int as all from patients.patient')).toEqual([{ all: ids.length }]);
    const fold = (text: string) =>
      text
        .normalize('NFD')
        .replace(/\p{M}/gu, '')
        .toLowerCase()
        .replace(/[-'.\s]+/g, ' ');
    expect(families.map(fold)).toEqual(families.map(fold).sort());
  });
  it('refuses a cursor of another viewer, another filter, or none at all', async () => {
    const { data } = await h.ask(as('QUED0001'), LIST, { n: 3 });
    const a = data.patients.pageInfo.endCursor;
    expect((await h.ask(as('QUED0001'), LIST, { n: 3, a })).errors).toEqual([]);
    expect((await h.ask(as('QUEA0001'), LIST, { n: 3, a })).codes).toEqual(['BAD_USER_INPUT']);
    expect((await h.ask(as('QUED0001'), LIST, { n: 3, a, f: { name: 'a' } })).codes).toEqual(['BAD_USER_INPUT']);
    for (const junk of ['', ' ', 'x', 'eyJ9', `${a}x`, a.slice(1)])
      expect((await h.ask(as('QUED0001'), LIST, { n: 3, a: junk })).codes).toEqual(['BAD_USER_INPUT']);
  });
  it('shows patients themselves alone and auditors nobody', async () => {
    const own = await h.ask(as('MTLP0001'), LIST, {});
    expect(own.data.patients.edges.map(({ node }: { node: { id: string } }) => node.id)).toEqual([patientOf('MTLP0001')]);
    expect(own.data.patients.cityStates).toEqual([{ city: 'MTL', state: 'COMPLETE' }]);
    expect(found(await h.ask(as('MTLU0001'), LIST, {}))).toEqual([]);
    expect((await h.ask(null, LIST, {})).codes).toEqual(['UNAUTHENTICATED']);
  });
  it('lists practitioners of all cities by specialty', async () => {
    const { data, errors } = await h.ask(
      as('MTLP0001'),
      '{ practitioners(filter: { specialty: "DENTAL" }) { nodes { id specialties city { code } } cityStates { city state } } }',
    );
    expect(errors).toEqual([]);
    expect(new Set(data.practitioners.nodes.map(({ city }: { city: { code: string } }) => city.code))).toEqual(
      new Set(['MTL', 'QUE', 'SHE']),
    );
    expect(data.practitioners.nodes).toHaveLength(6);
  });
});
