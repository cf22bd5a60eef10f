import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '#test/integration/scheduling/harness.ts';
import { type Harness, startHarness } from './harness.ts';

let house: Harness;
beforeAll(async () => {
  house = await startHarness();
});
afterAll(async () => {
  await house?.stop();
});

const READ = 'query ($id: ID!) { file(id: $id) { name content copies { store state } } }';
const storeFolder = (store: string): string => path.join(house.folder, 'files', store);
/** Changes a bit in every blob of a store whose name holds `part`, but for keys. */
const flip = (store: string, part: string): number => {
  let count = 0;
  for (const name of readdirSync(storeFolder(store), { recursive: true }).map(String)) {
    const file = path.join(storeFolder(store), name);
    if (!name.includes(part) || name.endsWith('.key') || !statSync(file).isFile()) continue;
    const bytes = readFileSync(file);
    const at = bytes.length - 1;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    count++;
  }
  return count;
};
const blobOf = async (fileId: string): Promise<string> =>
  (await house.sql(fileId.slice(0, 3), 'select blob_id from files.version where file_id = $1', [fileId]))[0]?.['blob_id'];

describe('a city that is down', () => {
  it('costs its own files alone', async () => {
    const [here, there] = [await house.addPatient('MTL'), await house.addPatient('QUE')];
    const [mine, theirs] = [await house.upload(here, here.patientId, {}), await house.upload(there, there.patientId, {})];
    await house.linkOf('QUE').cut();
    try {
      const answer = await house.ask(there, READ, { id: theirs.file.id });
      expect([answer.codes, answer.data.file]).toEqual([['CITY_UNAVAILABLE'], null]);
      const files = await house.ask(
        there,
        'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Patient { files { nodes { id } } } } }',
        {
          r: [there, here].map(({ patientId }) => ({ __typename: 'Patient', id: patientId })),
        },
      );
      expect(files.codes).toEqual(expect.arrayContaining(['CITY_UNAVAILABLE', 'NOT_FOUND']));
      expect(await house.upload(there, there.patientId, {}, { language: 'fr' })).toMatchObject({
        __typename: 'CityUnavailable',
        message: expect.stringContaining('ne répond pas'),
        city: 'QUE',
        retryAfterSeconds: 2,
      });
      expect((await house.ask(there, 'mutation ($id: ID!) { deleteFile(id: $id) { __typename } }', { id: theirs.file.id })).data).toEqual({
        deleteFile: { __typename: 'CityUnavailable' },
      });
      expect((await house.ask(here, READ, { id: mine.file.id })).errors).toEqual([]);
      expect(await house.subgraph.health()).toEqual({ MTL: true, QUE: false, SHE: true });
    } finally {
      await house.linkOf('QUE').mend();
    }
    await eventually(async () => (await house.ask(there, READ, { id: theirs.file.id })).errors.length === 0);
  });
});

describe('stores', () => {
  it('are read one for the other, and neither gives wrong bytes', async () => {
    const patient = await house.addPatient('MTL');
    const { file } = await house.upload(patient, patient.patientId, { bytes: Buffer.from('truth') });
    const blobId = await blobOf(file.id);
    expect(flip('primary', blobId)).toBeGreaterThan(0);
    const first = await house.ask(patient, READ, { id: file.id });
    expect([first.errors, first.data.file.content]).toEqual([[], Buffer.from('truth').toString('base64')]);
    await house.subgraph.parts.maintenance.round();
    const repaired = await house.ask(patient, READ, { id: file.id });
    expect(repaired.data.file.copies.map(({ state }: { state: string }) => state)).toEqual(['STORED', 'STORED']);
    flip('primary', blobId);
    flip('backup', blobId);
    const lost = await house.ask(patient, READ, { id: file.id });
    expect([lost.codes, lost.data.file.content, lost.data.file.name]).toEqual([['INTEGRITY_ERROR'], null, file.name]);
    const failed = (await house.audits('MTL', 'content', patient.patientId)).filter(({ outcome }) => outcome === 12);
    expect(failed.map(({ body }) => JSON.parse(body).reason)).toEqual(['INTEGRITY_ERROR']);
  });

  it('give no content but the one that the row tells of', async () => {
    const patient = await house.addPatient('QUE');
    const ids: string[] = [];
    for (const name of ['one.txt', 'two.txt', 'three.txt'])
      ids.push((await house.upload(patient, patient.patientId, { name, bytes: Buffer.from(name.padEnd(9)) })).file.id);
    const [one = '', two = '', three = ''] = ids;
    const [first, second] = [await blobOf(one), await blobOf(two)];
    for (const [id, blob] of [
      [one, 'between'],
      [two, first],
      [one, second],
    ])
      await house.sql('QUE', 'update files.version set blob_id = $2 where file_id = $1', [id, blob]);
    await house.sql('QUE', "update files.version set sha256 = repeat('0', 64) where file_id = $1", [three]);
    for (const id of ids) expect((await house.ask(patient, READ, { id })).codes).toEqual(['INTEGRITY_ERROR']);
  });

  it('owe what one of them did not take, which is shown and paid', async () => {
    const patient = await house.addPatient('SHE');
    renameSync(storeFolder('backup'), `${storeFolder('backup')}.away`);
    const copies: unknown[] = [];
    let id = '';
    try {
      const kept = await house.upload(patient, patient.patientId, { bytes: Buffer.from('owed') });
      expect(kept.__typename).toBe('UploadFileSuccess');
      copies.push(...kept.file.copies);
      ({ id } = kept.file);
    } finally {
      renameSync(`${storeFolder('backup')}.away`, storeFolder('backup'));
    }
    expect(copies).toEqual([
      { store: 'primary', state: 'STORED' },
      { store: 'backup', state: 'OWED' },
    ]);
    await eventually(async () => {
      await house.subgraph.parts.maintenance.round();
      const { data } = await house.ask(patient, READ, { id });
      return data.file.copies.every(({ state }: { state: string }) => state === 'STORED');
    }, 10_000);
  });

  it('that are both away refuse an upload and leave no trace of it', async () => {
    const patient = await house.addPatient('SHE');
    for (const store of ['primary', 'backup']) renameSync(storeFolder(store), `${storeFolder(store)}.away`);
    try {
      const { codes } = await house
        .upload(patient, patient.patientId, {})
        .then(() => ({ codes: ['kept'] }))
        .catch((error: { answer?: { codes: unknown[] } }) => ({ codes: error.answer?.codes ?? [error] }));
      expect(codes).toEqual(['SUBGRAPH_UNAVAILABLE']);
    } finally {
      for (const store of ['primary', 'backup']) renameSync(`${storeFolder(store)}.away`, storeFolder(store));
    }
    await eventually(async () => {
      await house.subgraph.parts.maintenance.round();
      const [row] = await house.sql(
        'SHE',
        `select (select count(*) from files.upload where patient_id = $1)::int as uploads,
           (select count(*) from files.file where patient_id = $1)::int as files, reserved_bytes::int as reserved
         from files.subject where patient_id = $1`,
        [patient.patientId],
      );
      return (row?.['uploads'] ?? 0) === 0 && (row?.['files'] ?? 0) === 0 && (row?.['reserved'] ?? 0) === 0;
    }, 10_000);
  });
});

describe('what is written where nobody should look', () => {
  it('holds no content, name or key in the clear', async () => {
    const patient = await house.addPatient('MTL');
    const canary = 'KANARIENVOGEL-7731';
    await house.upload(patient, patient.patientId, { name: `${canary}.txt`, bytes: Buffer.from(`content ${canary}`) });
    await house.upload(patient, patient.patientId, { name: `${canary}/x`, bytes: Buffer.from('a') }).catch(() => {});
    expect(house.logs()).not.toContain(canary);
    for (const store of ['primary', 'backup'])
      for (const name of readdirSync(storeFolder(store), { recursive: true }).map(String)) {
        expect(name).not.toContain(canary);
        const file = path.join(storeFolder(store), name);
        if (statSync(file).isFile()) expect(readFileSync(file).includes(canary)).toBe(false);
      }
    for (const { body } of await house.audits('MTL', 'uploadFile')) expect(body).not.toContain(canary);
  });
});
