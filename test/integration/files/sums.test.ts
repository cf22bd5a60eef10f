import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeKeepVersion } from '#files/service/keep-version.ts';
import { makeUploadFile } from '#files/service/upload-file.ts';
import { ERASE_PATIENT } from '#test/support/erase-patient.ts';
import { type Harness, someText, startHarness } from './harness.ts';
import { type Keeper, startKeeper } from './keeper.ts';

let house: Harness;
let keepers: Keeper[];
beforeAll(async () => {
  house = await startHarness({ quotas: [20_000, 90_000] });
  keepers = [await startKeeper(house), await startKeeper(house)];
});
afterAll(async () => {
  for (const keeper of keepers ?? []) await keeper.stop();
  await house?.stop();
});

/** Room of the city, room of all patients, and what there is of versions and uploads that have not ended. */
const sums = async () => {
  const [row] = await house.sql<Record<string, number>>(
    'MTL',
    `select (select used_bytes::int from files.room) as room_used, (select reserved_bytes::int from files.room) as room_reserved,
       (select coalesce(sum(used_bytes), 0)::int from files.subject) as subjects_used,
       (select coalesce(sum(reserved_bytes), 0)::int from files.subject) as subjects_reserved,
       (select coalesce(sum(size_bytes), 0)::int from files.version) as versions,
       (select coalesce(sum(size_bytes), 0)::int from files.upload where state <> 'kept') as uploads,
       (select count(*)::int from files.subject s where s.used_bytes <> (select coalesce(sum(v.size_bytes), 0) from files.version v
          join files.file f on f.city = v.city and f.id = v.file_id where f.patient_id = s.patient_id)) as wrong_patients`,
  );
  return row;
};

describe('room', () => {
  it('adds up after everything that can become of an upload, in any order and at once', async () => {
    const seed = randomInt(1, 2 ** 31);
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return state % below;
    };
    const patients = await Promise.all(Array.from({ length: 6 }, () => house.addPatient('MTL')));
    const failing = makeUploadFile({
      ...house.subgraph.parts,
      fault: (point) => {
        if (point === 'upload:first-chunk') throw new Error('a fault');
      },
    });
    const step = async (): Promise<unknown> => {
      const patient = patients[random(patients.length)];
      const keeper = keepers[random(2)];
      if (!patient || !keeper) throw new Error('nobody');
      const name = `${'abc'[random(3)]}.txt`;
      const bytes = someText(1 + random(6_000));
      const caller = house.callerOf(patient);
      const input = { patientId: patient.patientId, name, contentType: 'text/plain', content: bytes };
      switch (random(9)) {
        case 0:
          return failing(caller, input);
        case 1: {
          // An upload that nobody goes on with.
          const upload = await keeper.intend(patient, bytes, name);
          return house.sql('MTL', `update files.upload set expires_at = now(), lease = null, lease_until = null where id = $1`, [
            upload.id,
          ]);
        }
        case 2: {
          // The same answer is asked for twice at once.
          const upload = await keeper.intend(patient, bytes, name);
          const writer = await keeper.vault.create(keeper.refOf(upload));
          await writer.write(bytes);
          const stored = await writer.finish();
          const keep = makeKeepVersion(keeper.parts);
          return Promise.all([keep(caller, 'uploadFile', upload, stored), keep(caller, 'uploadFile', upload, stored)]);
        }
        case 3:
        case 4: {
          const [file] = await house.sql<{ id: string }>('MTL', 'select id from files.file where patient_id = $1 and version > 0 limit 1', [
            patient.patientId,
          ]);
          return house.ask(patient, 'mutation ($id: ID!) { deleteFile(id: $id) { __typename } }', { id: file?.id ?? 'none' });
        }
        case 5:
          return keeper.maintenance.round();
        case 6:
          return random(4) === 0 ? house.sql('MTL', ERASE_PATIENT, [patient.patientId]) : null;
        default:
          return house.upload(patient, patient.patientId, { name, bytes });
      }
    };
    const faults: string[] = [];
    for (let round = 0; round < 12; round++)
      await Promise.all(
        Array.from({ length: 12 }, () => step().catch((error: unknown) => faults.push(error instanceof Error ? error.message : 'unknown'))),
      );
    // What a quota, an erasure or the fault itself refuses is no surprise; a broken rule of the tables is.
    expect({ seed, faults: faults.filter((each) => /constraint|deadlock|violates|INTERNAL/.test(each)) }).toEqual({ seed, faults: [] });
    await house.sql('MTL', `update files.upload set lease_until = now() - interval '1 second', expires_at = now() where state <> 'kept'`);
    for (const keeper of keepers) {
      await keeper.maintenance.round();
      // The destruction of an upload that was under way waits for the end of its lease; nobody is writing any more.
      await house.sql('MTL', 'update files.destruction set next_try_at = now()');
      await keeper.quiet('MTL', 20_000);
    }
    const { versions = -1, ...rest } = (await sums()) ?? {};
    expect({ seed, ...rest }).toEqual({
      seed,
      room_used: versions,
      room_reserved: 0,
      subjects_used: versions,
      subjects_reserved: 0,
      uploads: 0,
      wrong_patients: 0,
    });
    const blobs = await house.sql<{ blob_id: string }>('MTL', 'select blob_id from files.version');
    const known = new Set(blobs.map(({ blob_id }) => blob_id));
    for (const store of ['primary', 'backup'] as const) {
      const names = keepers[0]?.namesIn(store).filter((name) => name.includes('blb')) ?? [];
      expect({ seed, strangers: names.filter((name) => !name.endsWith('.key') && !known.has(name.split('/')[1] ?? '')) }).toEqual({
        seed,
        strangers: [],
      });
      expect({ seed, store, count: names.filter((name) => !name.endsWith('.key')).length }).toEqual({ seed, store, count: known.size });
    }
  });
});
