import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { makeScrubFiles } from '#files/service/scrub-files.ts';
import { KeysUnavailableError } from '#platform/keys/key-ring.ts';
import { IntegrityError, STORE_NAMES } from '#platform/vault/vault.ts';
import type { Harness } from './harness.ts';
import { type Keeper, type KeptFile, withKeeper } from './keeper.ts';

let house: Harness;
let keeper: Keeper;
withKeeper((started) => {
  ({ house, keeper } = started);
});

const patientOf = () => house.addPatient('MTL');
/** Runs something while the holder of the keys does not answer. */
const withoutKeys = async (act: () => Promise<void>): Promise<void> => {
  const { unwrap } = keeper.keys;
  Object.assign(keeper.keys, { unwrap: () => Promise.reject(new KeysUnavailableError('away')) });
  try {
    await act();
  } finally {
    Object.assign(keeper.keys, { unwrap });
  }
};
const damageBoth = ({ ref }: KeptFile): void => {
  for (const store of STORE_NAMES) {
    const file = keeper.fileOf(store, `MTL/${ref.id}`);
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(file, bytes);
  }
};
const scrub = async (): Promise<void> => {
  await makeScrubFiles(keeper.parts)(house.callerOf(house.viewer('A', 'MTL')), { city: 'MTL' });
  await keeper.maintenance.round();
};
const task = async () =>
  (await house.sql('MTL', `select running, checked::int, damaged::int, lost::int from files.task where kind = 'scrub'`))[0];

describe('where the holder of the keys does not answer', () => {
  it('no file counts as damaged or lost, and all are read again when it does', async () => {
    const kept = await keeper.keep(await patientOf(), Buffer.from('a finding'));
    await withoutKeys(async () => {
      await expect(keeper.read(kept)).rejects.toThrow(KeysUnavailableError);
      await scrub();
      expect(await task()).toMatchObject({ running: true, checked: 0, damaged: 0, lost: 0 });
    });
    expect(await keeper.count('debt')).toBe(0);
    await keeper.maintenance.round();
    expect(await task()).toMatchObject({ running: false, checked: 1, damaged: 0, lost: 0 });
    expect((await keeper.read(kept)).equals(kept.bytes)).toBe(true);
  });

  it('a content that no store holds intact is told all the same, once the keys are there', async () => {
    const patient = await patientOf();
    const kept = await keeper.keep(patient, Buffer.from('another finding'));
    damageBoth(kept);
    await expect(keeper.read(kept)).rejects.toThrow(IntegrityError);
    await withoutKeys(() => keeper.maintenance.round());
    expect(await house.audits('MTL', 'repairFile', patient.patientId)).toEqual([]);
    for (let i = 0; i < 6; i++) {
      // One after the other, and the first once more.
      const store = STORE_NAMES[i % 2];
      await house.sql(
        'MTL',
        `update files.debt set next_try_at = now() + case when store = $1 then interval '0' else interval '1 hour' end`,
        [store],
      );
      await keeper.maintenance.round();
    }
    const entries = await house.audits('MTL', 'repairFile', patient.patientId);
    expect(entries.map(({ body }) => JSON.parse(body).reason)).toEqual(['INTEGRITY_ERROR', 'INTEGRITY_ERROR']);
  });
});
