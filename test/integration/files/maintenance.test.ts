import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { makeRotateKeys } from '#files/service/rotate-keys.ts';
import { makeFindFileTasks, makeScrubFiles } from '#files/service/scrub-files.ts';
import { CHUNK_BYTES } from '#platform/cipher/stream.ts';
import { IntegrityError, STORE_NAMES } from '#platform/vault/vault.ts';
import { ERASE_PATIENT } from '#test/support/erase-patient.ts';
import type { Harness } from './harness.ts';
import { type Keeper, type KeptFile, startKeeper, until, withKeeper } from './keeper.ts';

let house: Harness;
let keeper: Keeper;
withKeeper((started) => {
  ({ house, keeper } = started);
});
/** What rows say of the room in use is what the rows take. */
const roomIsRight = async (): Promise<void> => {
  const [row] = await house.sql(
    'MTL',
    `select r.used_bytes::int as used, r.reserved_bytes::int as reserved,
       (select coalesce(sum(size_bytes), 0)::int from files.version) as versions,
       (select coalesce(sum(size_bytes), 0)::int from files.upload where state in ('open', 'received', 'refused')) as uploads,
       (select coalesce(sum(used_bytes), 0)::int from files.subject) as "usedBySubjects",
       (select coalesce(sum(reserved_bytes), 0)::int from files.subject) as "reservedBySubjects" from files.room r`,
  );
  expect(row).toMatchObject({
    used: row?.['versions'],
    reserved: row?.['uploads'],
    usedBySubjects: row?.['used'],
    reservedBySubjects: row?.['reserved'],
  });
};
afterEach(roomIsRight);

const namesOf = (file: KeptFile): string[] =>
  STORE_NAMES.flatMap((store) => keeper.namesIn(store).filter((name) => name.includes(file.ref.id)));
const erase = (patientId: string) => house.sql('MTL', ERASE_PATIENT, [patientId]);
const tombstones = (file: KeptFile): unknown[] =>
  STORE_NAMES.map((store) => JSON.parse(readFileSync(keeper.fileOf(store, `MTL/${file.ref.id}.key`), 'utf8')));
const DESTROYED = { v: 1, destroyed: expect.any(String) };
const destroyed = (file: KeptFile): void => {
  expect(namesOf(file)).toEqual([`MTL/${file.ref.id}.key`, `MTL/${file.ref.id}.key`]);
  expect(tombstones(file)).toEqual([DESTROYED, DESTROYED]);
};

describe('an erased patient', () => {
  it('leaves tombstones in both stores, and nothing in any table', async () => {
    const [patient, other] = [await house.addPatient(), await house.addPatient()];
    const files = [await keeper.keep(patient, randomBytes(CHUNK_BYTES + 9), 'a.txt'), await keeper.keep(patient, randomBytes(3), 'a.txt')];
    const left = await keeper.keep(other, randomBytes(10));
    const open = await keeper.intend(patient, randomBytes(50));
    const writer = await keeper.vault.create(keeper.refOf(open));
    await writer.write(randomBytes(50));
    await house.sql('MTL', `update files.upload set lease_until = now() where id = $1`, [open.id]);
    await erase(patient.patientId);
    await keeper.quiet();
    for (const file of files) {
      destroyed(file);
      await expect(keeper.read(file)).rejects.toThrow(IntegrityError);
    }
    await expect(writer.finish()).rejects.toThrow(IntegrityError);
    destroyed({ ref: keeper.refOf(open), bytes: Buffer.alloc(0), fileId: '', patientId: '' });
    for (const table of ['subject', 'file', 'upload']) expect(await keeper.count(table, `patient_id = '${patient.patientId}'`)).toBe(0);
    expect(await keeper.count('version', `blob_id in ('${files.map(({ ref }) => ref.id).join("','")}')`)).toBe(0);
    const entries = await house.audits('MTL', 'eraseFiles', patient.patientId);
    expect(entries.map(({ outcome, body }) => [outcome, JSON.parse(body).entities.length])).toEqual([[0, 2]]);
    expect((await keeper.read(left)).equals(left.bytes)).toBe(true);
  });

  it('is one of whom that was said: a patient who merely cannot be found loses nothing', async () => {
    const patient = await house.addPatient();
    const file = await keeper.keep(patient, randomBytes(20));
    await house.sql('MTL', 'delete from patients.patient where id = $1', [patient.patientId]);
    await keeper.quiet();
    expect(await keeper.count('file', `patient_id = '${patient.patientId}'`)).toBe(1);
    expect((await keeper.read(file)).equals(file.bytes)).toBe(true);
  });

  it('stays erased when a store that was away returns with its old key, and when a store comes back from an old copy', async () => {
    const patient = await house.addPatient();
    const file = await keeper.keep(patient, randomBytes(CHUNK_BYTES + 9));
    const home = keeper.folderOf('primary');
    cpSync(home, `${home}.copy`, { recursive: true, preserveTimestamps: true });
    renameSync(home, `${home}.away`);
    await erase(patient.patientId);
    await keeper.maintenance.round();
    expect(await keeper.count('destruction', `blob_id = '${file.ref.id}'`)).toBe(1);
    // Back with its old key: one tombstone is enough.
    rmSync(home, { recursive: true, force: true });
    renameSync(`${home}.away`, home);
    await until('the primary answers', async () => (await keeper.vault.findKey(file.ref, 'primary')) === 'kept');
    await expect(keeper.read(file)).rejects.toThrow(IntegrityError);
    for (const store of STORE_NAMES) expect(await keeper.vault.repair(file.ref, file.bytes.length, store)).toBe(false);
    await keeper.quiet();
    destroyed(file);
    // A folder from an old copy: no row knows of it any more, the other store's tombstone does.
    rmSync(home, { recursive: true });
    renameSync(`${home}.copy`, home);
    await until('the primary answers', async () => (await keeper.vault.findKey(file.ref, 'primary')) === 'kept');
    await expect(keeper.read(file)).rejects.toThrow(IntegrityError);
    expect(await keeper.vault.resume(file.ref)).toBeNull();
    await makeScrubFiles(keeper.parts)(house.callerOf(house.viewer('A', 'MTL')), { city: 'MTL' });
    await keeper.maintenance.round();
    destroyed(file);
    expect(house.logs()).toContain('a destroyed content had come back and was destroyed again');
    await keeper.quiet();
  });

  it('has nothing destroyed while somebody writes into a copy', async () => {
    const patient = await house.addPatient();
    const file = await keeper.keep(patient, randomBytes(9));
    await house.sql('MTL', `insert into files.writing values ('MTL', $1, 'another', now() + interval '1 second')`, [file.ref.id]);
    await erase(patient.patientId);
    await keeper.maintenance.round();
    expect(namesOf(file)).toHaveLength(4);
    expect(await keeper.count('destruction', `blob_id = '${file.ref.id}'`)).toBe(2);
    await keeper.quiet();
    destroyed(file);
  });
});

describe('an upload that is over', () => {
  it.each([
    ['expired', `expires_at = now() - interval '1 second', lease_until = null`, true],
    ['left by who received it in the graph', `lease_until = now() - interval '1 second'`, true],
    ['refused', `state = 'refused', expires_at = now() - interval '1 second', lease_until = null`, true],
    ['under way', `lease_until = now() + interval '1 minute', expires_at = now() - interval '1 second'`, false],
    ['waiting at its address', `lease_until = now() - interval '1 second', address_until = now() - interval '1 second'`, false],
  ])('(%s) gives its room back and leaves nothing behind, and only then', async (_title, change, isOver) => {
    const patient = await house.addPatient();
    const bytes = randomBytes(CHUNK_BYTES + 5);
    const upload = await keeper.intend(patient, bytes);
    const writer = await keeper.vault.create(keeper.refOf(upload));
    await writer.write(bytes);
    await writer.suspend();
    await house.sql('MTL', `update files.upload set ${change} where id = $1`, [upload.id]);
    await keeper.quiet();
    const left = STORE_NAMES.flatMap((store) => keeper.namesIn(store).filter((name) => name.includes(upload.blobId)));
    expect(left).toHaveLength(isOver ? 0 : 4);
    for (const [table, where] of [
      ['upload', `id = '${upload.id}'`],
      ['file', `id = '${upload.fileId}'`],
      ['subject', `patient_id = '${patient.patientId}' and reserved_bytes > 0`],
    ] as const)
      expect([table, await keeper.count(table, where)]).toEqual([table, isOver ? 0 : 1]);
  });

  it('takes the name along only where nobody else has it', async () => {
    const patient = await house.addPatient();
    const kept = await keeper.keep(patient, randomBytes(5), 'kept.txt');
    const [again, first, second] = [
      await keeper.intend(patient, randomBytes(5), 'kept.txt'),
      await keeper.intend(patient, randomBytes(5), 'new.txt'),
      await keeper.intend(patient, randomBytes(6), 'new.txt'),
    ];
    const end = (id: string) => house.sql('MTL', `update files.upload set lease_until = now() - interval '1 second' where id = $1`, [id]);
    await end(again.id);
    await end(first.id);
    await keeper.quiet();
    expect(await keeper.count('file', `id = '${kept.fileId}' and version = 1`)).toBe(1);
    expect(await keeper.count('file', `id = '${second.fileId}'`)).toBe(1);
    await end(second.id);
    await keeper.quiet();
    expect(await keeper.count('file', `id = '${second.fileId}'`)).toBe(0);
    expect((await keeper.read(kept)).equals(kept.bytes)).toBe(true);
  });

  it('that was kept is forgotten a day later, and addresses when they end', async () => {
    const patient = await house.addPatient();
    const file = await keeper.keep(patient, randomBytes(5));
    await house.sql('MTL', `update files.upload set expires_at = now() - interval '25 hours' where blob_id = $1`, [file.ref.id]);
    await house.sql(
      'MTL',
      `insert into files.download (city, id, file_id, version, account_id, session_id, viewer, expires_at)
       values ('MTL', 'd1', $1, 1, 'a', 's', '{}', now() - interval '1 second'), ('MTL', 'd2', $1, 1, 'a', 's', '{}', now() + interval '1 minute')`,
      [file.fileId],
    );
    await keeper.maintenance.round();
    expect(await keeper.count('upload', `blob_id = '${file.ref.id}'`)).toBe(0);
    expect(await keeper.count('download')).toBe(1);
    expect((await keeper.read(file)).equals(file.bytes)).toBe(true);
  });
});

describe('rotateKeys', () => {
  it('is for the admins of the city; for others nothing changes', async () => {
    const before = [await house.snapshot(), readFileSync((house.files.keys as { file: string }).file, 'utf8')];
    const rotate = makeRotateKeys(keeper.parts);
    const patient = await house.addPatient();
    for (const who of [patient, house.viewer('A', 'QUE'), house.viewer('U', 'MTL'), house.practitioner('MTL')])
      await expect(rotate(house.callerOf(who), { city: 'MTL', newKey: true })).rejects.toThrow(
        expect.objectContaining({ name: 'ForbiddenError' }),
      );
    await expect(rotate(house.callerOf(null), { city: 'MTL', newKey: true })).rejects.toThrow(
      expect.objectContaining({ name: 'UnauthenticatedError' }),
    );
    await expect(makeScrubFiles(keeper.parts)(house.callerOf(patient), { city: 'MTL' })).rejects.toThrow();
    await expect(makeFindFileTasks(keeper.parts)(house.callerOf(patient), 'MTL')).rejects.toThrow();
    expect([await house.snapshot(), readFileSync((house.files.keys as { file: string }).file, 'utf8')]).toEqual(before);
    expect((await house.audits('MTL', 'rotateKeys')).map(({ outcome }) => outcome)).toEqual([8, 8, 8]);
    expect((await house.audits('QUE', 'rotateKeys')).map(({ outcome }) => outcome)).toEqual([8]);
  });

  it('wraps every key anew and no content, while files are read and uploaded; what was under way follows', async () => {
    const patient = await house.addPatient();
    const files: KeptFile[] = [];
    for (let i = 0; i < 40; i++) files.push(await keeper.keep(patient, randomBytes(1000 + i)));
    const contents = files.map(({ ref }) => readFileSync(keeper.fileOf('backup', `MTL/${ref.id}`)));
    const late = await keeper.intend(patient, Buffer.from('late'));
    const writer = await keeper.vault.create(keeper.refOf(late));
    await writer.write(Buffer.from('late'));
    const old = await keeper.keys.currentKeyId('MTL');
    const admin = house.callerOf(house.viewer('A', 'MTL'));
    const began = performance.now();
    const task = await makeRotateKeys(keeper.parts)(admin, { city: 'MTL', newKey: true });
    expect(performance.now() - began).toBeLessThan(5_000);
    const total = await keeper.count('version');
    expect(task).toMatchObject({ city: 'MTL', kind: 'ROTATION', running: true, total });
    let reads = 0;
    const rotating = keeper.maintenance.round().then(() => true);
    let isOver = false;
    void rotating.then(() => {
      isOver = true;
    });
    while (!isOver) {
      const file = files[reads++ % files.length] as KeptFile;
      expect((await keeper.read(file)).equals(file.bytes)).toBe(true);
    }
    await rotating;
    const current = await keeper.keys.currentKeyId('MTL');
    expect(current).not.toBe(old);
    expect(reads).toBeGreaterThan(3);
    expect(await makeFindFileTasks(keeper.parts)(admin, 'MTL')).toContainEqual(
      expect.objectContaining({ kind: 'ROTATION', running: false, total, checked: total, repaired: total, lost: 0, waiting: 0 }),
    );
    expect(await keeper.count('version', `key_id <> '${current}'`)).toBe(0);
    expect(files.map(({ ref }) => readFileSync(keeper.fileOf('backup', `MTL/${ref.id}`)).equals(contents.shift() as Buffer))).not.toContain(
      false,
    );
    for (const { ref } of files)
      for (const store of STORE_NAMES)
        expect(JSON.parse(readFileSync(keeper.fileOf(store, `MTL/${ref.id}.key`), 'utf8'))).toMatchObject({ keyId: current });
    // The upload that was under way has the old key still, which stays usable; its version follows.
    const stored = await writer.finish();
    expect(stored.keyId).toBe(old);
    const { makeKeepVersion } = await import('#files/service/keep-version.ts');
    await makeKeepVersion(keeper.parts)(house.callerOf(patient), 'uploadFile', late, stored);
    const next = await startKeeper(house);
    await next.maintenance.round();
    expect(await keeper.count('version', `key_id <> '${current}'`)).toBe(0);
    await next.stop();
  });

  it('waits for a store that is away, and ends when it is back', async () => {
    const patient = await house.addPatient();
    const file = await keeper.keep(patient, randomBytes(100));
    const admin = house.callerOf(house.viewer('A', 'MTL'));
    await makeRotateKeys(keeper.parts)(admin, { city: 'MTL', newKey: true });
    const home = keeper.folderOf('backup');
    renameSync(home, `${home}.away`);
    await keeper.maintenance.round();
    const [waiting] = await makeFindFileTasks(keeper.parts)(admin, 'MTL');
    expect(waiting).toMatchObject({ kind: 'ROTATION', running: true, repaired: 0 });
    expect((await keeper.read(file)).equals(file.bytes)).toBe(true);
    rmSync(home, { recursive: true, force: true });
    renameSync(`${home}.away`, home);
    await until('the rotation ends', async () => {
      await keeper.maintenance.round();
      return (await makeFindFileTasks(keeper.parts)(admin, 'MTL'))[0]?.running === false;
    });
    expect(await keeper.count('version', `key_id <> '${await keeper.keys.currentKeyId('MTL')}'`)).toBe(0);
    expect(keeper.areSame(file)).toBe(true);
  });
});

describe('a scrub', () => {
  it('goes on where another process left it, and counts blobs that no row knows', async () => {
    const patient = await house.addPatient();
    for (let i = 0; i < 20; i++) await keeper.keep(patient, randomBytes(10));
    const total = await keeper.count('version');
    const stranger = { city: 'MTL', id: 'MTL-blb-00000000000000000000000000', context: {} };
    const writer = await keeper.vault.create(stranger);
    await writer.write(randomBytes(10));
    await writer.finish();
    const admin = house.callerOf(house.viewer('A', 'MTL'));
    expect(await makeScrubFiles(keeper.parts)(admin, { city: 'MTL' })).toMatchObject({ running: true, total });
    // Another one had come half-way when it died.
    const [half] = await house.sql<{ blob_id: string }>('MTL', 'select blob_id from files.version order by blob_id offset 9 limit 1');
    await house.sql('MTL', `update files.task set position = $1, checked = 10, lease = 'dead', lease_until = now() where kind = 'scrub'`, [
      half?.blob_id,
    ]);
    const dayLater = keeper.fileOf('primary', `MTL/${stranger.id}`);
    for (const store of STORE_NAMES)
      for (const key of [`MTL/${stranger.id}`, `MTL/${stranger.id}.key`]) {
        const { utimesSync } = await import('node:fs');
        utimesSync(keeper.fileOf(store, key), 1, 1);
      }
    await keeper.maintenance.round();
    expect(await makeFindFileTasks(keeper.parts)(admin, 'MTL')).toContainEqual(
      expect.objectContaining({ kind: 'SCRUB', running: false, total, checked: total, damaged: 0, lost: 0, waiting: 0 }),
    );
    expect(existsSync(dayLater)).toBe(true);
    expect(house.logs().match(/a blob is known to no row/g)).toHaveLength(2);
    for (const store of STORE_NAMES) await keeper.vault.discard(stranger, store);
  });

  it('begins by itself when it is time', async () => {
    const daily = await startKeeper(house, { scrubEveryMs: 60_000 });
    await house.sql('MTL', `update files.task set started_at = now() - interval '2 minutes' where kind = 'scrub'`);
    await daily.maintenance.round();
    const [row] = await house.sql(
      'MTL',
      `select running, started_at > now() - interval '1 minute' as fresh from files.task where kind = 'scrub'`,
    );
    expect(row).toEqual({ running: false, fresh: true });
    await daily.stop();
  });
});

describe('several processes', () => {
  it('pay each debt once', async () => {
    const patient = await house.addPatient();
    const others = await Promise.all([startKeeper(house), startKeeper(house)]);
    const home = keeper.folderOf('backup');
    renameSync(home, `${home}.away`);
    const files: KeptFile[] = [];
    for (let i = 0; i < 60; i++) files.push(await keeper.keep(patient, randomBytes(2000)));
    expect(await keeper.count('debt')).toBe(60);
    rmSync(home, { recursive: true, force: true });
    renameSync(`${home}.away`, home);
    await until('all is paid', async () => {
      await Promise.all([keeper, ...others].map(({ maintenance }) => maintenance.round()));
      return (await keeper.count('debt')) === 0;
    });
    expect(files.every(keeper.areSame)).toBe(true);
    expect(await house.audits('MTL', 'repairFile', patient.patientId)).toHaveLength(60);
    expect(await keeper.count('writing', 'lease_until > now()')).toBe(0);
    for (const other of others) await other.stop();
  });
});
