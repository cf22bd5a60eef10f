import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { contextOf } from '#files/domain/file.ts';
import { makeBeginUpload } from '#files/service/begin-upload.ts';
import { makeKeepVersion } from '#files/service/keep-version.ts';
import type { Viewer } from '#platform/access/viewer.ts';
import { newId } from '#platform/database/new-id.ts';
import { eventually } from '#test/integration/scheduling/harness.ts';
import { type Harness, sha256Of, startHarness } from './harness.ts';

let house: Harness;
beforeAll(async () => {
  house = await startHarness();
});
afterAll(async () => {
  await house?.stop();
});

const DELETE = `mutation ($id: ID!) { deleteFile(id: $id) { __typename ... on DeleteFileSuccess { id } ... on Refusal { message } } }`;
const change = (act: 'attachFile' | 'detachFile') =>
  `mutation ($f: ID!, $a: ID!) { ${act}(fileId: $f, appointmentId: $a) { __typename ... on Refusal { message }
     ... on ${act === 'attachFile' ? 'Attach' : 'Detach'}FileSuccess { file { id } } } }`;
const attached = async (viewer: Viewer, appointmentId: string, patientId: string): Promise<string[]> => {
  const { data, errors } = await house.ask(
    viewer,
    'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Appointment { files { nodes { id } } } } }',
    { r: [{ __typename: 'Appointment', id: appointmentId, patient: { __typename: 'Patient', id: patientId } }] },
  );
  expect(errors).toEqual([]);
  return data._entities[0].files.nodes.map(({ id }: { id: string }) => id);
};
const blobs = (store: string, blobId: string): string[] =>
  readdirSync(path.join(house.folder, 'files', store), { recursive: true })
    .map(String)
    .filter((name) => name.includes(blobId));

describe('who adds to a patient’s files', () => {
  it.each([
    ['the patient', 'P', 'MTL', 'UploadFileSuccess'],
    ['a practitioner of the home city', 'D', 'MTL', 'UploadFileSuccess'],
    ['an admin of the home city', 'A', 'MTL', 'UploadFileSuccess'],
    ['another patient', 'P-other', 'MTL', 'PatientNotFound'],
    ['a patient elsewhere', 'P-other', 'SHE', 'PatientNotFound'],
    ['a practitioner elsewhere', 'D', 'SHE', 'FORBIDDEN'],
    ['an admin elsewhere', 'A', 'SHE', 'FORBIDDEN'],
    ['an auditor', 'U', 'MTL', 'FORBIDDEN'],
  ])('%s: %s of %s gets %s', async (_who, role, city, expected) => {
    const patient = await house.addPatient('MTL');
    const viewer =
      role === 'P'
        ? patient
        : role === 'P-other'
          ? await house.addPatient(city)
          : role === 'D'
            ? house.practitioner(city)
            : house.viewer(role as Viewer['role'], city);
    const before = await house.snapshot();
    const told = async (patientId: string): Promise<string> => {
      try {
        return (await house.upload(viewer, patientId, {})).__typename;
      } catch (error) {
        return String((error as { answer?: { codes: unknown[] } }).answer?.codes[0]);
      }
    };
    expect(await told(patient.patientId)).toBe(expected);
    if (expected === 'UploadFileSuccess') return;
    // Whether the patient exists is not told: the same for one who does not.
    expect(await told(newId('MTL', 'pat'))).toBe(expected);
    expect(await house.snapshot()).toEqual(before);
    const entries = (await house.audits('MTL', 'uploadFile')).filter(({ actor_id }) => actor_id === viewer.accountId);
    expect(entries.map(({ outcome }) => outcome)).toEqual([8, 8]);
  });

  it('tells the home’s own staff and patients that there is no such patient', async () => {
    for (const viewer of [house.practitioner('QUE'), house.viewer('A', 'QUE'), await house.addPatient('QUE')])
      expect(await house.upload(viewer, newId('QUE', 'pat'), {}, { language: 'fr' })).toEqual({
        __typename: 'PatientNotFound',
        message: 'Ce patient n’existe pas.',
      });
    expect(await house.upload(house.viewer('A', 'QUE'), 'nonsense', {})).toMatchObject({ __typename: 'PatientNotFound' });
  });

  it('asks for a login', async () => {
    const patient = await house.addPatient();
    const { codes } = await house.ask(null, 'mutation ($input: UploadFileInput!) { uploadFile(input: $input) { __typename } }', {
      input: { patientId: patient.patientId, name: 'a.txt', contentType: 'text/plain', content: 'YQ==' },
    });
    expect(codes).toEqual(['UNAUTHENTICATED']);
  });
});

describe('deleteFile', () => {
  it('takes the file with all versions out and orders their keys destroyed in both stores', async () => {
    const patient = await house.addPatient('MTL');
    const appointment = await house.addAppointment(patient.patientId);
    await house.upload(patient, patient.patientId, { name: 'a.txt', appointmentId: appointment });
    const { file } = await house.upload(patient, patient.patientId, { name: 'a.txt', bytes: Buffer.from('second') });
    const versions = await house.sql<{ blob_id: string }>('MTL', 'select blob_id from files.version where file_id = $1', [file.id]);
    expect(await house.ask(patient, DELETE, { id: file.id })).toMatchObject({
      data: { deleteFile: { __typename: 'DeleteFileSuccess', id: file.id } },
    });
    const left = await house.sql('MTL', 'select blob_id, store, reason from files.destruction order by 1, 2');
    expect(left).toEqual(
      versions
        .map(({ blob_id }) => blob_id)
        .sort()
        .flatMap((blob_id) => [
          { blob_id, store: 'backup', reason: 'erased' },
          { blob_id, store: 'primary', reason: 'erased' },
        ]),
    );
    for (const table of ['version', 'attachment'])
      expect(await house.sql('MTL', `select 1 from files.${table} where file_id = $1`, [file.id])).toEqual([]);
    expect((await house.ask(patient, 'query ($id: ID!) { file(id: $id) { id } }', { id: file.id })).codes).toEqual(['NOT_FOUND']);
    await house.subgraph.parts.maintenance.round();
    for (const { blob_id } of versions)
      for (const store of ['primary', 'backup']) expect(blobs(store, blob_id).every((name) => name.endsWith('.key'))).toBe(true);
    const again = await house.ask(patient, DELETE, { id: file.id }, { language: 'fr' });
    expect(again.data.deleteFile).toEqual({ __typename: 'FileNotFound', message: 'Ce fichier n’existe pas.' });
    const entries = await house.audits('MTL', 'deleteFile', patient.patientId);
    expect(entries.map(({ outcome, body }) => [outcome, JSON.parse(body).entities[0].sha256])).toEqual([[0, file.sha256]]);
    const { file: anew } = await house.upload(patient, patient.patientId, { name: 'a.txt' });
    expect([anew.version, anew.id === file.id]).toEqual([1, false]);
  });

  it('lets patients delete what they uploaded alone, and staff of the record everything', async () => {
    const patient = await house.addPatient('QUE');
    const doctor = house.practitioner('QUE');
    const upload = async (...uploaders: Viewer[]): Promise<string> => {
      const name = `${newId('QUE', 'nam')}.txt`;
      for (const uploader of uploaders) await house.upload(uploader, patient.patientId, { name });
      const [row] = await house.sql('QUE', 'select id from files.file where name = $1', [name]);
      return row?.['id'];
    };
    for (const id of [await upload(doctor), await upload(patient, doctor), await upload(doctor, patient)]) {
      const before = await house.snapshot();
      expect((await house.ask(patient, DELETE, { id })).codes).toEqual(['FORBIDDEN']);
      expect(await house.snapshot()).toEqual(before);
    }
    for (const viewer of [patient, doctor, house.viewer('A', 'QUE')])
      expect((await house.ask(viewer, DELETE, { id: await upload(patient) })).data.deleteFile.__typename).toBe('DeleteFileSuccess');
  });

  it('shows strangers nothing, and auditors that they may not', async () => {
    const patient = await house.addPatient('SHE');
    const { file } = await house.upload(patient, patient.patientId, {});
    const before = await house.snapshot();
    for (const viewer of [await house.addPatient('SHE'), house.practitioner('MTL'), house.viewer('A', 'QUE')])
      for (const id of [file.id, newId('SHE', 'fil'), 'nonsense'])
        expect((await house.ask(viewer, DELETE, { id })).data.deleteFile.__typename).toBe('FileNotFound');
    expect((await house.ask(house.viewer('U', 'SHE'), DELETE, { id: file.id })).codes).toEqual(['FORBIDDEN']);
    expect(await house.snapshot()).toEqual(before);
    expect((await house.audits('SHE', 'deleteFile')).map(({ outcome }) => outcome).filter((outcome) => outcome === 0)).toEqual([]);
  });

  it('ends an upload of a further version that is on its way, which brings nothing back', async () => {
    const patient = await house.addPatient('MTL');
    const { file } = await house.upload(patient, patient.patientId, { name: 'late.txt' });
    const { parts } = house.subgraph;
    const caller = house.callerOf(patient);
    const bytes = Buffer.from('late');
    const begun = await makeBeginUpload(parts)(caller, 'requestUpload', {
      patientId: patient.patientId,
      name: 'late.txt',
      contentType: 'text/plain',
      sizeBytes: bytes.length,
      sha256: sha256Of(bytes),
      expiresInSeconds: 3_600,
    });
    if (begun.kind !== 'begun') throw new Error(begun.kind);
    expect(begun.upload.fileId).toBe(file.id);
    const { city, blobId, patientId, fileId, versionId } = begun.upload;
    const writer = await parts.vault.create({ city, id: blobId, context: contextOf({ city, patientId, fileId, versionId }) });
    await writer.write(bytes);
    const stored = await writer.finish();
    expect((await house.ask(patient, DELETE, { id: file.id })).data.deleteFile.__typename).toBe('DeleteFileSuccess');
    expect(await makeKeepVersion(parts)(caller, 'finishUpload', begun.upload, stored)).toEqual({ kind: 'UploadNotFound' });
    expect((await house.ask(patient, 'query ($id: ID!) { file(id: $id) { id } }', { id: file.id })).codes).toEqual(['NOT_FOUND']);
    await eventually(async () => {
      await parts.maintenance.round();
      const [row] = await house.sql(
        'MTL',
        `select (used_bytes + reserved_bytes)::int as taken, (select count(*) from files.file where patient_id = $1)::int as files
         from files.subject where patient_id = $1`,
        [patient.patientId],
      );
      return row === undefined || (row['taken'] === 0 && row['files'] === 0);
    }, 10_000);
  });

  it('and further uploads of its name at once leave sums that add up', async () => {
    const patient = await house.addPatient('MTL');
    const { file } = await house.upload(patient, patient.patientId, { name: 'race.txt' });
    const [deleted, ...uploads] = await Promise.all([
      house.ask(patient, DELETE, { id: file.id }),
      ...Array.from({ length: 6 }, () => house.upload(patient, patient.patientId, { name: 'race.txt' })),
    ]);
    expect(deleted.data.deleteFile.__typename).toBe('DeleteFileSuccess');
    for (const { __typename } of uploads) expect(__typename).toBe('UploadFileSuccess');
    expect((await house.ask(patient, 'query ($id: ID!) { file(id: $id) { id } }', { id: file.id })).codes).toEqual(['NOT_FOUND']);
    const [sums] = await house.sql(
      'MTL',
      `select s.used_bytes = coalesce((select sum(v.size_bytes) from files.version v join files.file f on f.id = v.file_id
         where f.patient_id = s.patient_id), 0) as sound from files.subject s where s.patient_id = $1`,
      [patient.patientId],
    );
    expect(sums).toEqual({ sound: true });
  });
});

describe('attachFile and detachFile', () => {
  it('let an appointment of the patient refer to a file, as often as asked', async () => {
    const patient = await house.addPatient('MTL');
    const appointmentId = await house.addAppointment(patient.patientId, 'QUE');
    const { file } = await house.upload(patient, patient.patientId, {});
    const ask = async (act: 'attachFile' | 'detachFile'): Promise<unknown> =>
      (await house.ask(patient, change(act), { f: file.id, a: appointmentId })).data[act];
    for (let i = 0; i < 2; i++) expect(await ask('attachFile')).toEqual({ __typename: 'AttachFileSuccess', file: { id: file.id } });
    expect(await attached(patient, appointmentId, patient.patientId)).toEqual([file.id]);
    expect(await ask('detachFile')).toEqual({ __typename: 'DetachFileSuccess', file: { id: file.id } });
    expect(await ask('detachFile')).toEqual({ __typename: 'AppointmentNotFound', message: expect.any(String) });
    expect(await attached(patient, appointmentId, patient.patientId)).toEqual([]);
    expect((await house.audits('MTL', 'detachFile', patient.patientId)).map(({ outcome }) => outcome)).toEqual([0, 4]);
    expect((await house.audits('MTL', 'attachFile', patient.patientId)).map(({ outcome }) => outcome)).toEqual([0, 0]);
  });

  it.each(['', 'a\0b', 'nonsense', 'x'.repeat(10_000)])(
    'refuse what is no appointment’s id, also with an upload (%#)',
    async (appointmentId) => {
      const patient = await house.addPatient('MTL');
      const { file } = await house.upload(patient, patient.patientId, {});
      const before = await house.snapshot();
      expect(await house.upload(patient, patient.patientId, { appointmentId })).toMatchObject({ __typename: 'AppointmentNotFound' });
      const change = (act: string) =>
        house.ask(patient, `mutation ($f: ID!, $a: ID!) { ${act}(fileId: $f, appointmentId: $a) { __typename } }`, {
          f: file.id,
          a: appointmentId,
        });
      expect(await change('attachFile')).toMatchObject({ errors: [], data: { attachFile: { __typename: 'AppointmentNotFound' } } });
      expect(await change('detachFile')).toMatchObject({ errors: [], data: { detachFile: { __typename: 'AppointmentNotFound' } } });
      expect((await house.audits('MTL', 'detachFile', patient.patientId)).map(({ outcome }) => outcome)).toEqual([4]);
      expect(await house.snapshot()).toEqual(before);
    },
  );

  it('refuse another patient’s appointment, one that is not there, and strangers', async () => {
    const patient = await house.addPatient('MTL');
    const theirs = await house.addAppointment((await house.addPatient('MTL')).patientId);
    const own = await house.addAppointment(patient.patientId);
    const { file } = await house.upload(patient, patient.patientId, {});
    const before = await house.snapshot();
    for (const act of ['attachFile', 'detachFile'] as const)
      for (const a of [theirs, newId('QUE', 'apt'), 'nonsense'])
        expect((await house.ask(patient, change(act), { f: file.id, a })).data[act].__typename).toBe('AppointmentNotFound');
    for (const act of ['attachFile', 'detachFile'] as const)
      for (const viewer of [await house.addPatient('MTL'), house.practitioner('SHE'), house.viewer('A', 'QUE')])
        expect((await house.ask(viewer, change(act), { f: file.id, a: own })).data[act].__typename).toBe('FileNotFound');
    expect(await house.upload(patient, patient.patientId, { appointmentId: theirs })).toMatchObject({ __typename: 'AppointmentNotFound' });
    expect(await house.snapshot()).toEqual(before);
  });
});
