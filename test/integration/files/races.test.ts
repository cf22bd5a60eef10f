import { existsSync, rmSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { makeUploadFile } from '#files/service/upload-file.ts';
import { StoreUnavailableError } from '#platform/blobs/store.ts';
import { STORE_NAMES } from '#platform/vault/vault.ts';
import { ERASE_PATIENT } from '#test/support/erase-patient.ts';
import { type Harness, someText, startHarness } from './harness.ts';
import { type Keeper, startKeeper, until, withKeeper } from './keeper.ts';

let house: Harness;
let keeper: Keeper;
let isBackupAway = false;
withKeeper(
  (started) => {
    ({ house, keeper } = started);
  },
  {
    wrap: (store) => ({
      ...store,
      put: async (key, bytes) => {
        if (isBackupAway && store.name === 'backup') throw new StoreUnavailableError('backup');
        return store.put(key, bytes);
      },
    }),
  },
);

describe('an upload inside the graph that takes longer than its lease', () => {
  it('begins anew when its own process cleared it', async () => {
    const patient = await house.addPatient('QUE');
    const { parts } = house.subgraph;
    let tries = 0;
    const slow = makeUploadFile({
      ...parts,
      fault: async (point) => {
        if (point !== 'upload:first-chunk' || ++tries > 1) return;
        await house.sql(
          'QUE',
          `update files.upload set lease_until = now() - interval '1 second', expires_at = now() - interval '1 second'`,
        );
        await parts.maintenance.round();
      },
    });
    const outcome = await slow(house.callerOf(patient), {
      patientId: patient.patientId,
      name: 'slow.txt',
      contentType: 'text/plain',
      content: Buffer.from('slow'),
    });
    expect([outcome.kind, tries]).toEqual(['kept', 2]);
    await keeper.quiet('QUE');
    for (const name of STORE_NAMES) expect(keeper.namesIn(name).filter((key) => key.includes('QUE'))).toHaveLength(2);
  });

  it('leaves nothing of its first try when another process cleared it under its hands, and is kept all the same', async () => {
    const patient = await house.addPatient('SHE');
    const { parts } = house.subgraph;
    let tries = 0;
    const slow = makeUploadFile({
      ...parts,
      fault: async (point) => {
        if (point !== 'upload:first-chunk' || ++tries > 1) return;
        await house.sql(
          'SHE',
          `update files.upload set lease_until = now() - interval '1 second', expires_at = now() - interval '1 second'`,
        );
        await keeper.maintenance.round();
        await keeper.quiet('SHE');
      },
    });
    const outcome = await slow(house.callerOf(patient), {
      patientId: patient.patientId,
      name: 'slow.txt',
      contentType: 'text/plain',
      content: Buffer.from('slow'),
    });
    expect([outcome.kind, tries]).toEqual(['kept', 2]);
    await keeper.quiet('SHE');
    const [version] = await house.sql<{ blob_id: string }>('SHE', 'select blob_id from files.version where city = $1', ['SHE']);
    const expected = [`SHE/${version?.blob_id}`, `SHE/${version?.blob_id}.key`];
    for (const name of STORE_NAMES)
      expect(
        keeper
          .namesIn(name)
          .filter((key) => key.includes('SHE'))
          .toSorted(),
      ).toEqual(expected);
  });
});

describe('a process that was held up until its right to write had ended', () => {
  it.each(['rewrap', 'repair'] as const)('brings no key back into a store whose destruction is done (%s)', async (title) => {
    const patient = await house.addPatient('MTL');
    const kept = await keeper.keep(patient, someText(1_000));
    let isHeldUp = false;
    const held = await startKeeper(house, {
      wrap: (store) => ({
        ...store,
        put: async (key, bytes) => {
          if (!isHeldUp && store.name === 'primary' && key === `MTL/${kept.ref.id}.key`) {
            isHeldUp = true;
            await house.sql('MTL', ERASE_PATIENT, [patient.patientId]);
            isBackupAway = true;
            await house.sql('MTL', 'delete from files.writing');
            // The other store's turn comes later.
            await keeper.maintenance.round();
            await until('the key is destroyed', async () => (await keeper.vault.findKey(kept.ref, 'primary')) === 'destroyed');
            await until(
              'its row is gone',
              async () => (await keeper.count('destruction', `blob_id = '${kept.ref.id}' and store = 'primary'`)) === 0,
            );
            isBackupAway = false;
          }
          return store.put(key, bytes);
        },
      }),
    });
    try {
      if (title === 'repair') {
        await house.sql('MTL', `insert into files.debt (city, blob_id, store, state) values ('MTL', $1, 'primary', 'damaged')`, [
          kept.ref.id,
        ]);
        rmSync(held.fileOf('primary', `MTL/${kept.ref.id}.key`));
      } else {
        await house.sql(
          'MTL',
          `insert into files.task (city, kind) values ('MTL', 'rotation') on conflict (city, kind) do update set running = true, position = ''`,
        );
        await house.sql('MTL', `update files.version set key_id = 'old' where blob_id = $1`, [kept.ref.id]);
        await held.keys.makeKey('MTL');
      }
      await held.maintenance.round();
      expect(isHeldUp).toBe(true);
      await keeper.quiet('MTL');
      for (const name of STORE_NAMES) expect(await keeper.vault.findKey(kept.ref, name)).toBe('destroyed');
    } finally {
      await held.stop();
    }
  });
});

describe('a store whose disk is missing at the start', () => {
  it('is not made anew while keys in it have still to be destroyed', async () => {
    const other = await startHarness();
    try {
      const { folder } = other.files.backup as { readonly folder: string };
      await other.sql(
        'MTL',
        `insert into files.destruction (city, blob_id, store, reason) values ('MTL', 'MTL-blb-x', 'backup', 'erased')`,
      );
      await other.subgraph.stop();
      rmSync(folder, { recursive: true });
      const again = await other.start();
      try {
        await again.parts.maintenance.round();
        expect(existsSync(folder)).toBe(false);
        expect(await other.sql('MTL', 'select store from files.destruction')).toEqual([{ store: 'backup' }]);
      } finally {
        await again.stop();
      }
    } finally {
      await other.stop();
    }
  });
});
