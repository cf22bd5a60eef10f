import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Harness, someText, startHarness } from './harness.ts';

const KIB = 1024;
let house: Harness;
beforeAll(async () => {
  house = await startHarness({ quotas: [64 * KIB, 100 * KIB] });
});
afterAll(async () => {
  await house?.stop();
});

const usage = (city: string) =>
  house.sql<{ used: number; reserved: number; held: number }>(
    city,
    `select used_bytes::int as used, reserved_bytes::int as reserved,
       (select coalesce(sum(size_bytes), 0) from files.version)::int as held from files.room`,
  );

/** What is told to come again later, as a busy machine tells some of a hundred at once, comes again. */
const uploadAtLast = async (...args: Parameters<Harness['upload']>): ReturnType<Harness['upload']> => {
  for (const began = performance.now(); ; await sleep(100)) {
    const answer = await house.upload(...args);
    if (answer.__typename !== 'CityUnavailable' || performance.now() - began > 15_000) return answer;
  }
};

describe('quotas', () => {
  it('hold for a patient when a hundred files come at once, and the refused leave nothing', async () => {
    const patient = await house.addPatient('MTL');
    const bytes = someText(4 * KIB);
    const answers = await Promise.all(Array.from({ length: 100 }, () => uploadAtLast(patient, patient.patientId, { bytes })));
    const kept = answers.filter(({ __typename }) => __typename === 'UploadFileSuccess');
    const refused = answers.filter(({ __typename }) => __typename === 'QuotaExceeded');
    expect([kept.length, refused.length]).toEqual([16, 84]);
    for (const { usedBytes, limitBytes } of refused) {
      expect(limitBytes).toBe(64 * KIB);
      expect(usedBytes).toBeGreaterThan(60 * KIB);
      expect(usedBytes).toBeLessThanOrEqual(64 * KIB);
    }
    expect(await usage('MTL')).toEqual([{ used: 64 * KIB, reserved: 0, held: 64 * KIB }]);
    const [rows] = await house.sql(
      'MTL',
      'select count(*)::int as files, count(*) filter (where version = 0)::int as empty from files.file',
    );
    expect(rows).toEqual({ files: 16, empty: 0 });
    const entries = await house.audits('MTL', 'uploadFile', patient.patientId);
    expect(entries.filter(({ outcome, body }) => outcome === 4 && JSON.parse(body).reason === 'QuotaExceeded')).toHaveLength(84);
    expect(entries.filter(({ outcome }) => outcome === 0)).toHaveLength(16);
    expect(await house.upload(patient, patient.patientId, { bytes: Buffer.alloc(0) })).toMatchObject({ __typename: 'UploadFileSuccess' });
  });

  it('hold for a city over all its patients', async () => {
    const patients = await Promise.all(Array.from({ length: 8 }, () => house.addPatient('QUE')));
    const bytes = someText(10 * KIB);
    const answers = await Promise.all(
      patients.flatMap((patient) => Array.from({ length: 3 }, () => uploadAtLast(patient, patient.patientId, { bytes }))),
    );
    expect(answers.filter(({ __typename }) => __typename === 'UploadFileSuccess')).toHaveLength(10);
    const refused = answers.filter(({ __typename }) => __typename === 'QuotaExceeded');
    expect(refused).toHaveLength(14);
    for (const { limitBytes } of refused) expect(limitBytes).toBe(100 * KIB);
    expect(await usage('QUE')).toEqual([{ used: 100 * KIB, reserved: 0, held: 100 * KIB }]);
  });

  it('give room back when a file is deleted', async () => {
    const patient = await house.addPatient('SHE');
    const bytes = someText(40 * KIB);
    const first = await house.upload(patient, patient.patientId, { bytes, name: 'a.txt' });
    expect(await house.upload(patient, patient.patientId, { bytes, name: 'a.txt' })).toMatchObject({
      __typename: 'QuotaExceeded',
      usedBytes: 40 * KIB,
      limitBytes: 64 * KIB,
    });
    await house.ask(patient, 'mutation ($id: ID!) { deleteFile(id: $id) { __typename } }', { id: first.file.id });
    expect(await house.upload(patient, patient.patientId, { bytes, name: 'a.txt' })).toMatchObject({ __typename: 'UploadFileSuccess' });
    expect(await usage('SHE')).toEqual([{ used: 40 * KIB, reserved: 0, held: 40 * KIB }]);
  });
});
