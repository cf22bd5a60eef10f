import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Viewer } from '#platform/access/viewer.ts';
import { newId } from '#platform/database/new-id.ts';
import { ERASE_PATIENT } from '#test/support/erase-patient.ts';
import { type Harness, startHarness } from './harness.ts';

let house: Harness;
type Patient = Viewer & { readonly patientId: string };
let patient: Patient;
let fileId: string;
let appointmentId: string;
/** Viewers by what they are to a patient of MTL with an appointment at QUE. */
const who = new Map<string, Viewer | null>();
const MAY = [
  'the patient',
  'a practitioner of the home city',
  'a practitioner in care',
  'a practitioner with a grant',
  'an admin of the home city',
];
const MAY_NOT = [
  'another patient of the city',
  'a patient of another city',
  'a practitioner elsewhere',
  'a practitioner of the appointment’s city without care',
  'an admin of the appointment’s city',
  'an admin elsewhere',
  'an auditor of the home city',
];
const SECRET = 'Diagnostic de Mme Côté.txt';

beforeAll(async () => {
  house = await startHarness();
  patient = await house.addPatient('MTL');
  const carer = house.practitioner('QUE');
  const granted = house.practitioner('SHE');
  await house.grant(patient.patientId, granted.practitionerId);
  appointmentId = await house.addAppointment(patient.patientId, 'QUE', carer.practitionerId);
  for (const [name, viewer] of [
    ['the patient', patient],
    ['a practitioner of the home city', house.practitioner('MTL')],
    ['a practitioner in care', carer],
    ['a practitioner with a grant', granted],
    ['an admin of the home city', house.viewer('A', 'MTL')],
    ['another patient of the city', await house.addPatient('MTL')],
    ['a patient of another city', await house.addPatient('QUE')],
    ['a practitioner elsewhere', house.practitioner('SHE')],
    ['a practitioner of the appointment’s city without care', house.practitioner('QUE')],
    ['an admin of the appointment’s city', house.viewer('A', 'QUE')],
    ['an admin elsewhere', house.viewer('A', 'SHE')],
    ['an auditor of the home city', house.viewer('U', 'MTL')],
    ['nobody', null],
  ] as const)
    who.set(name, viewer);
  const kept = await house.upload(patient, patient.patientId, { name: SECRET, bytes: Buffer.from('secret finding'), appointmentId });
  fileId = kept.file.id;
});
afterAll(async () => {
  await house?.stop();
});

const FILE = 'id name sha256 patient { id } content versions { nodes { id version name content copies { store state } } }';
type Way = {
  readonly act: string;
  readonly ask: (viewer: Viewer | null, ids: { patient: string; file: string }) => ReturnType<Harness['ask']>;
};
const entity = (viewer: Viewer | null, reference: Record<string, unknown>, selection: string) =>
  house.ask(viewer, `query ($r: [_Any!]!) { _entities(representations: $r) { ${selection} } }`, { r: [reference] });
/** Every way from the outside to a file. */
const WAYS: Readonly<Record<string, Way>> = {
  'Patient.files': {
    act: 'files',
    ask: (viewer, ids) => entity(viewer, { __typename: 'Patient', id: ids.patient }, `... on Patient { files { nodes { ${FILE} } } }`),
  },
  'file(id)': { act: 'file', ask: (viewer, ids) => house.ask(viewer, `query ($id: ID!) { file(id: $id) { ${FILE} } }`, { id: ids.file }) },
  'node(id)': {
    act: 'node',
    ask: (viewer, ids) => entity(viewer, { __typename: 'MedicalFile', nodeId: ids.file }, `... on MedicalFile { ${FILE} }`),
  },
  'a reference': {
    act: 'file',
    ask: (viewer, ids) => entity(viewer, { __typename: 'MedicalFile', id: ids.file }, `... on MedicalFile { ${FILE} }`),
  },
  'Appointment.files': {
    act: 'appointment.files',
    ask: (viewer, ids) =>
      entity(
        viewer,
        { __typename: 'Appointment', id: appointmentId, patient: { __typename: 'Patient', id: ids.patient } },
        `... on Appointment { files { nodes { ${FILE} } } }`,
      ),
  },
};
const viewerOf = (name: string): Viewer | null => who.get(name) ?? null;
const nowhere = () => ({ patient: newId('MTL', 'pat'), file: newId('MTL', 'fil') });

describe.each(Object.keys(WAYS))('%s', (name) => {
  const way = WAYS[name];
  const ask: Way['ask'] = (...given) => {
    if (!way) throw new Error('no way');
    return way.ask(...given);
  };

  it.each(MAY)('shows the file to %s', async (viewer) => {
    const { data, errors } = await ask(viewerOf(viewer), { patient: patient.patientId, file: fileId });
    expect(errors).toEqual([]);
    const text = JSON.stringify(data);
    expect(text).toContain(fileId);
    expect(text).toContain(SECRET);
    expect(text.split(Buffer.from('secret finding').toString('base64'))).toHaveLength(3);
  });

  it.each(MAY_NOT)('hides it from %s, like one that is not there', async (viewer) => {
    const hidden = await ask(viewerOf(viewer), { patient: patient.patientId, file: fileId });
    const missing = await ask(viewerOf(viewer), nowhere());
    expect(hidden.codes).toEqual(['NOT_FOUND']);
    expect(JSON.stringify(hidden)).toBe(JSON.stringify(missing));
    expect(JSON.stringify(hidden)).not.toContain(SECRET);
  });

  it('asks for a login', async () => {
    const { codes, data } = await ask(null, { patient: patient.patientId, file: fileId });
    expect(codes).toEqual(['UNAUTHENTICATED']);
    expect(JSON.stringify(data)).not.toContain(SECRET);
  });

  it('audits who saw which content, and who was turned away', async () => {
    const act = way?.act ?? '';
    const viewer = house.practitioner('MTL');
    const stranger = house.practitioner('SHE');
    await ask(viewer, { patient: patient.patientId, file: fileId });
    await ask(stranger, { patient: patient.patientId, file: fileId });
    const entries = await house.audits('MTL', act, patient.patientId);
    const mine = entries.filter(({ actor_id }) => actor_id === viewer.accountId);
    expect(mine.map(({ outcome }) => outcome)).toEqual([0]);
    expect(JSON.parse(mine[0]?.body ?? '').entities).toEqual([
      { kind: 'MedicalFile', what: fileId, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    expect(entries.filter(({ actor_id }) => actor_id === stranger.accountId).map(({ outcome }) => outcome)).toEqual([8]);
    const contents = (await house.audits('MTL', 'content', patient.patientId)).filter(({ actor_id }) => actor_id === viewer.accountId);
    expect(contents.map(({ outcome }) => outcome)).toEqual([0, 0]);
    for (const { body } of [...entries, ...contents]) expect(body).not.toContain('Diagnostic');
  });
});

describe('a file’s ways', () => {
  it('lead nowhere from nonsense', async () => {
    for (const id of ['', 'nonsense', 'XXX-fil-00000000000000000000000000', patient.patientId, `${fileId}x`, "' or 1=1"])
      expect((await house.ask(patient, 'query ($id: ID!) { file(id: $id) { id } }', { id })).codes).toEqual(['NOT_FOUND']);
  });

  it('give no files of an appointment whose patient the caller does not see', async () => {
    const { data, errors } = await entity(
      house.viewer('A', 'QUE'),
      { __typename: 'Appointment', id: appointmentId, patient: null },
      '... on Appointment { files { nodes { id } } }',
    );
    expect([data._entities, errors]).toEqual([[{ files: null }], []]);
  });

  it('give nothing of another patient by an appointment', async () => {
    const other = await house.addPatient('MTL');
    const { data } = await entity(
      other,
      { __typename: 'Appointment', id: appointmentId, patient: { __typename: 'Patient', id: other.patientId } },
      '... on Appointment { files { nodes { id } } }',
    );
    expect(data._entities).toEqual([{ files: { nodes: [] } }]);
  });

  it('end with the patient’s record', async () => {
    const gone = await house.addPatient('SHE');
    const { file } = await house.upload(gone, gone.patientId, {});
    await house.sql('SHE', ERASE_PATIENT, [gone.patientId]);
    expect((await house.ask(gone, 'query ($id: ID!) { file(id: $id) { id } }', { id: file.id })).codes).toEqual(['NOT_FOUND']);
    expect((await entity(gone, { __typename: 'Patient', id: gone.patientId }, '... on Patient { files { nodes { id } } }')).codes).toEqual([
      'NOT_FOUND',
    ]);
  });

  it('ask each city once for many files', async () => {
    const files = await Promise.all(
      ['MTL', 'QUE', 'SHE'].flatMap((city) =>
        Array.from({ length: 5 }, async () => {
          const owner = await house.addPatient(city);
          const doctor = house.practitioner(city);
          await house.upload(doctor, owner.patientId, {});
          return house.upload(owner, owner.patientId, { name: 'mine.txt' });
        }),
      ),
    );
    const doctor = house.practitioner('MTL');
    const { data, codes } = await house.ask(
      doctor,
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on MedicalFile { id copies { state } } } }',
      { r: files.map(({ file }) => ({ __typename: 'MedicalFile', id: file.id })) },
    );
    expect(data._entities.filter(Boolean)).toHaveLength(5);
    expect(codes).toEqual(Array(10).fill('NOT_FOUND'));
    const entries = (await house.audits('MTL', 'file')).filter(({ actor_id }) => actor_id === doctor.accountId);
    expect(entries).toHaveLength(5);
  });
});

describe('Patient.files', () => {
  const LIST = `query ($r: [_Any!]!, $name: String, $priority: FilePriority, $first: Int, $after: String) {
    _entities(representations: $r) { ... on Patient { files(name: $name, priority: $priority, first: $first, after: $after) {
      edges { cursor node { id name priority } } pageInfo { hasNextPage hasPreviousPage endCursor } } } } }`;
  const list = (viewer: Viewer, patientId: string, input: Record<string, unknown> = {}) =>
    house.ask(viewer, LIST, { r: [{ __typename: 'Patient', id: patientId }], ...input });
  type Edges = readonly { readonly node: { readonly name: string } }[];
  const namesOf = (edges: Edges): string[] => edges.map(({ node }) => node.name);
  let owner: Patient;
  beforeAll(async () => {
    owner = await house.addPatient('QUE');
    for (const [name, priority] of [
      ['a low.txt', 'LOW'],
      ['b medium.txt', 'MEDIUM'],
      ['c high.txt', 'HIGH'],
      ['d medium.txt', 'MEDIUM'],
      ['Écho CŒUR 100%.txt', 'HIGH'],
      ['e_low.txt', 'LOW'],
      ['œdème.txt', 'LOW'],
    ])
      await house.upload(owner, owner.patientId, { name, priority });
  });
  const ORDER = ['Écho CŒUR 100%.txt', 'c high.txt', 'd medium.txt', 'b medium.txt', 'œdème.txt', 'e_low.txt', 'a low.txt'];

  it('goes by priority, then newest first', async () => {
    const { data, errors } = await list(owner, owner.patientId);
    expect(errors).toEqual([]);
    expect(namesOf(data._entities[0].files.edges)).toEqual(ORDER);
  });

  it.each([1, 2, 3])('gives every file once by pages of %i, also while others come', async (first) => {
    const seen: string[] = [];
    let after: string | null = null;
    for (let page = 0; page < 10; page++) {
      const { data, errors } = await list(owner, owner.patientId, { first, after });
      expect(errors).toEqual([]);
      const { edges, pageInfo } = data._entities[0].files;
      seen.push(...namesOf(edges));
      expect(pageInfo.hasPreviousPage).toBe(page > 0);
      after = pageInfo.endCursor;
      if (!pageInfo.hasNextPage) break;
    }
    expect(seen).toEqual(ORDER);
  });

  it('moves a file with a new version', async () => {
    const mover = await house.addPatient('SHE');
    for (const [name, priority] of [
      ['x', 'LOW'],
      ['y', 'MEDIUM'],
      ['x', 'HIGH'],
    ])
      await house.upload(mover, mover.patientId, { name, priority });
    const { data } = await list(mover, mover.patientId);
    expect(namesOf(data._entities[0].files.edges)).toEqual(['x', 'y']);
  });

  it.each([
    ['coeur', ['Écho CŒUR 100%.txt']],
    ['ECHO', ['Écho CŒUR 100%.txt']],
    ['oedeme', ['œdème.txt']],
    ['%', ['Écho CŒUR 100%.txt']],
    ['_', ['e_low.txt']],
    ['\\', []],
    ["' or true --", []],
    ['medium', ['d medium.txt', 'b medium.txt']],
    ['', ORDER],
  ])('finds names by %j', async (name, found) => {
    const { data, errors } = await list(owner, owner.patientId, { name });
    expect(errors).toEqual([]);
    expect(namesOf(data._entities[0].files.edges)).toEqual(found);
  });

  it('filters by priority', async () => {
    const { data } = await list(owner, owner.patientId, { priority: 'MEDIUM', name: 'b' });
    expect(namesOf(data._entities[0].files.edges)).toEqual(['b medium.txt']);
  });

  it('takes a cursor of the same list by the same viewer alone', async () => {
    const { data } = await list(owner, owner.patientId, { first: 2 });
    const after = data._entities[0].files.pageInfo.endCursor;
    const doctor = house.practitioner('QUE');
    for (const [viewer, input] of [
      [owner, { after, name: 'low' }],
      [owner, { after, priority: 'LOW' }],
      [owner, { after: `${after}x` }],
      [owner, { after: 'abc' }],
      [doctor, { after }],
      [owner, { first: 0 }],
      [owner, { first: 101 }],
      [owner, { name: 'n'.repeat(256) }],
      [owner, { name: 'a\0b' }],
    ] as const) {
      const { codes } = await list(viewer, owner.patientId, input);
      expect(codes).toEqual(['BAD_USER_INPUT']);
    }
  });
});

describe('a reading that cannot be audited', () => {
  it('shows nothing', async () => {
    const owner = await house.addPatient('SHE');
    const { file } = await house.upload(owner, owner.patientId, { name: 'hidden.txt' });
    const seen = async () => {
      const answers = [
        await house.ask(owner, 'query ($id: ID!) { file(id: $id) { name } }', { id: file.id }),
        await entity(owner, { __typename: 'Patient', id: owner.patientId }, '... on Patient { files { nodes { name } } }'),
      ];
      return answers.map(({ codes, data }) => [codes, JSON.stringify(data).includes('hidden.txt')]);
    };
    await house.sql('SHE', 'revoke insert on audit.entry from files');
    await house.sql(
      'SHE',
      'revoke insert (city, event_id, recorded_at, act, action, outcome, actor_tag, patient_tag, sealed, body) on audit.entry from files',
    );
    try {
      expect(await seen()).toEqual([
        [['AUDIT_UNAVAILABLE'], false],
        [['AUDIT_UNAVAILABLE'], false],
      ]);
      const before = await house.snapshot();
      await expect(house.upload(owner, owner.patientId, {})).rejects.toThrow('AUDIT_UNAVAILABLE');
      const after = await house.snapshot();
      expect([after['SHE version'], after['SHE file']]).toEqual([before['SHE version'], expect.any(String)]);
    } finally {
      await house.sql(
        'SHE',
        'grant insert (city, event_id, recorded_at, act, action, outcome, actor_tag, patient_tag, sealed, body) on audit.entry to files',
      );
    }
    expect(await seen()).toEqual([
      [[], true],
      [[], true],
    ]);
  });
});

describe('many contents', () => {
  it('are given up to a limit for one request', async () => {
    const owner = await house.addPatient('SHE');
    await house.upload(owner, owner.patientId, { name: 'big.txt', bytes: Buffer.alloc(256 * 1024, 'x') });
    const { file } = await house.upload(owner, owner.patientId, { name: 'big.txt', bytes: Buffer.alloc(256 * 1024, 'y') });
    const fields = Array.from({ length: 34 }, (_, i) => `c${i}: content`).join(' ');
    const { codes } = await house.ask(owner, `query ($id: ID!) { file(id: $id) { ${fields} } }`, { id: file.id });
    expect(codes).toEqual(['LIMIT_EXCEEDED', 'LIMIT_EXCEEDED']);
  });
});
