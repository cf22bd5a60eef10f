import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { contextOf, type Upload } from '#files/domain/file.ts';
import { makeBeginUpload } from '#files/service/begin-upload.ts';
import { makeKeepVersion } from '#files/service/keep-version.ts';
import { eventually } from '#test/integration/scheduling/harness.ts';
import { ERASE_PATIENT } from '#test/support/erase-patient.ts';
import { type Harness, sha256Of, startHarness } from './harness.ts';

let house: Harness;
beforeAll(async () => {
  house = await startHarness();
});
afterAll(async () => {
  await house?.stop();
});

type Patient = Awaited<ReturnType<Harness['addPatient']>>;
const bytes = Buffer.from('one finding');
/** An upload that was asked for, with all its bytes in the stores. */
const received = async (patient: Patient, name = 'finding.txt') => {
  const { parts } = house.subgraph;
  const caller = house.callerOf(patient);
  const begun = await makeBeginUpload(parts)(caller, 'requestUpload', {
    patientId: patient.patientId,
    name,
    contentType: 'text/plain; charset=utf-8',
    sizeBytes: bytes.length,
    sha256: sha256Of(bytes).toUpperCase(),
    expiresInSeconds: 3_600,
  });
  if (begun.kind !== 'begun') throw new Error(begun.kind);
  const { city, blobId, patientId, fileId, versionId } = begun.upload;
  const writer = await parts.vault.create({ city, id: blobId, context: contextOf({ city, patientId, fileId, versionId }) });
  await writer.write(bytes);
  return { caller, upload: begun.upload, stored: await writer.finish() };
};
const versionsOf = async ({ city, fileId }: Upload): Promise<number> =>
  (await house.sql(city, 'select 1 from files.version where file_id = $1', [fileId])).length;

describe('keepVersion', () => {
  it('answers the same when it is done again, and makes one version', async () => {
    const patient = await house.addPatient('MTL');
    const { caller, upload, stored } = await received(patient);
    const keep = makeKeepVersion(house.subgraph.parts);
    const first = await keep(caller, 'finishUpload', upload, stored);
    expect(first).toMatchObject({
      kind: 'kept',
      file: { id: upload.fileId, version: 1, sha256: sha256Of(bytes), contentType: 'text/plain' },
    });
    await house.upload(patient, patient.patientId, { name: 'finding.txt', bytes: Buffer.from('newer') });
    expect(await keep(caller, 'finishUpload', upload, stored)).toEqual(first);
    expect(await versionsOf(upload)).toBe(2);
    const [room] = await house.sql('MTL', 'select used_bytes::int as used, reserved_bytes::int as reserved from files.room');
    expect(room).toEqual({ used: bytes.length + 5, reserved: 0 });
    const entries = await house.audits('MTL', 'finishUpload', patient.patientId);
    expect(entries.map(({ body }) => JSON.parse(body).action)).toEqual(['C', 'R']);
  });

  it('answers eight at once alike', async () => {
    const patient = await house.addPatient('MTL');
    const { caller, upload, stored } = await received(patient);
    const keep = makeKeepVersion(house.subgraph.parts);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => keep(caller, 'finishUpload', upload, stored)));
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
    expect([outcomes[0]?.kind, await versionsOf(upload)]).toEqual(['kept', 1]);
  });

  it('answers the same after an answer was lost on the way', async () => {
    const patient = await house.addPatient('SHE');
    const { caller, upload, stored } = await received(patient);
    const parts = { ...house.subgraph.parts };
    const losing = makeKeepVersion({
      ...parts,
      fault: (point) => {
        if (point === 'upload:after-keep') throw new Error('gone');
      },
    });
    await expect(losing(caller, 'finishUpload', upload, stored)).rejects.toThrow('gone');
    expect(await makeKeepVersion(parts)(caller, 'finishUpload', upload, stored)).toMatchObject({ kind: 'kept', file: { version: 1 } });
    expect(await versionsOf(upload)).toBe(1);
  });

  it('keeps nothing for a patient who is not listed any more, nor for one who lost the right', async () => {
    const patient = await house.addPatient('QUE');
    const { caller, upload, stored } = await received(patient);
    await house.sql('QUE', ERASE_PATIENT, [patient.patientId]);
    const keep = makeKeepVersion(house.subgraph.parts);
    expect(await keep(caller, 'finishUpload', upload, stored)).toEqual({ kind: 'PatientNotFound' });
    expect(await versionsOf(upload)).toBe(0);
    const other = await house.addPatient('QUE');
    const second = await received(other);
    await expect(keep(house.callerOf(house.practitioner('SHE')), 'finishUpload', second.upload, second.stored)).rejects.toThrow();
    expect(await versionsOf(second.upload)).toBe(0);
    await eventually(async () => {
      await house.subgraph.parts.maintenance.round();
      return (await house.sql('QUE', 'select 1 from files.upload')).length === 0;
    }, 10_000);
  });

  it('notes what a store is owed', async () => {
    const patient = await house.addPatient('SHE');
    const { caller, upload, stored } = await received(patient, 'owed.txt');
    await makeKeepVersion(house.subgraph.parts)(caller, 'finishUpload', upload, { ...stored, owed: ['backup'] });
    expect(await house.sql('SHE', 'select blob_id, store, state from files.debt')).toEqual([
      { blob_id: upload.blobId, store: 'backup', state: 'owed' },
    ]);
  });
});
