import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Harness, sha256Of, someText, startHarness } from './harness.ts';

let house: Harness;
beforeAll(async () => {
  house = await startHarness();
});
afterAll(async () => {
  await house?.stop();
});

const CONTENT = '{ file(id: $id) { id content } }';

describe('uploadFile', () => {
  it.each([0, 1, 256 * 1024])('keeps %i bytes and gives them back', async (size) => {
    const patient = await house.addPatient();
    const bytes = someText(size);
    const kept = await house.upload(patient, patient.patientId, { bytes, name: 'Écho cœur d’Éloïse.txt', priority: 'HIGH' });
    expect(kept).toEqual({
      __typename: 'UploadFileSuccess',
      file: {
        id: expect.stringMatching(/^MTL-fil-/),
        name: 'Écho cœur d’Éloïse.txt',
        contentType: 'text/plain',
        priority: 'HIGH',
        sizeBytes: size,
        sha256: sha256Of(bytes),
        version: 1,
        createdAt: expect.any(String),
        copies: [
          { store: 'primary', state: 'STORED' },
          { store: 'backup', state: 'STORED' },
        ],
        patient: { id: patient.patientId },
      },
    });
    const read = await house.ask(patient, `query ($id: ID!) ${CONTENT}`, { id: kept.file.id });
    expect(read.errors).toEqual([]);
    expect(Buffer.from(read.data.file.content, 'base64').equals(bytes)).toBe(true);
  });
});
