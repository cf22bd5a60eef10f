import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeFindFileTasks, makeScrubFiles } from '#files/service/scrub-files.ts';
import type { BlobStore } from '#platform/blobs/store.ts';
import { CHUNK_BYTES, HEADER_BYTES, SEALED_CHUNK_BYTES } from '#platform/cipher/stream.ts';
import { IntegrityError, STORE_NAMES, type StoreName } from '#platform/vault/vault.ts';
import { testFiles } from '#test/support/files-config.ts';
import { type Harness, startHarness } from './harness.ts';
import { type Keeper, type KeptFile, startKeeper, until, withKeeper } from './keeper.ts';

const SIZE = 3 * CHUNK_BYTES + 77;
/** Cases below in which a key is wrong. */
const WRONG_KEYS = 4;
const at = (chunk: number): number => HEADER_BYTES + chunk * SEALED_CHUNK_BYTES;
const flip = (bytes: Buffer, where: number): Buffer => {
  const other = Buffer.from(bytes);
  other[where] = (other[where] ?? 0) ^ 1;
  return other;
};

describe.each(STORE_NAMES)('damage in the %s', (store) => {
  const other: StoreName = store === 'primary' ? 'backup' : 'primary';
  let house: Harness;
  let keeper: Keeper;
  withKeeper(
    (started) => {
      ({ house, keeper } = started);
    },
    { everyMs: 1_000 },
  );
  const blob = (file: KeptFile, of = store): string => keeper.fileOf(of, `MTL/${file.ref.id}`);
  const key = (file: KeptFile, of = store): string => keeper.fileOf(of, `MTL/${file.ref.id}.key`);
  const change = (file: string, to: (bytes: Buffer) => Buffer): void => writeFileSync(file, to(readFileSync(file)));
  const copy = (from: string, to: string): void => writeFileSync(to, readFileSync(from));

  it('is never served, and the copy is byte-identical to the good one within 5 s of its being found', async () => {
    const [patient, neighbour] = [await house.addPatient(), await house.addPatient()];
    const older = await keeper.keep(patient, randomBytes(SIZE), 'same.txt');
    const theirs = await keeper.keep(neighbour, randomBytes(SIZE));
    const cases: Record<string, (file: KeptFile) => void> = {
      'a bit flipped': (file) => change(blob(file), (bytes) => flip(bytes, at(1) + 1234)),
      'a bit of the header flipped': (file) => change(blob(file), (bytes) => flip(bytes, 30)),
      'a chunk dropped': (file) => change(blob(file), (bytes) => Buffer.concat([bytes.subarray(0, at(1)), bytes.subarray(at(2))])),
      'a chunk repeated': (file) =>
        change(blob(file), (bytes) => Buffer.concat([bytes.subarray(0, at(2)), bytes.subarray(at(1), at(2)), bytes.subarray(at(2))])),
      'chunks moved': (file) =>
        change(blob(file), (bytes) =>
          Buffer.concat([bytes.subarray(0, at(1)), bytes.subarray(at(2), at(3)), bytes.subarray(at(1), at(2)), bytes.subarray(at(3))]),
        ),
      'the tail cut': (file) => change(blob(file), (bytes) => bytes.subarray(0, -3)),
      'the last chunk cut': (file) => change(blob(file), (bytes) => bytes.subarray(0, at(3))),
      'the blob of another file': (file) => copy(blob(theirs), blob(file)),
      'the wrapped key of another patient': (file) => copy(key(theirs), key(file)),
      'blob and key of another patient': (file) => [copy(blob(theirs), blob(file)), copy(key(theirs), key(file))],
      'an older version replayed': (file) => [copy(blob(older), blob(file)), copy(key(older), key(file))],
      'the blob gone': (file) => unlinkSync(blob(file)),
      'the key gone': (file) => unlinkSync(key(file)),
    };
    const files = new Map<string, KeptFile>();
    for (const title of Object.keys(cases))
      files.set(title, await keeper.keep(patient, randomBytes(SIZE), title === 'an older version replayed' ? 'same.txt' : undefined));
    for (const [title, file] of files) expect([title, keeper.areSame(file)]).toEqual([title, true]);
    for (const [title, hurt] of Object.entries(cases)) hurt(files.get(title) as KeptFile);
    const operator = house.callerOf(house.viewer('A', 'MTL'));

    const began = performance.now();
    for (const [title, file] of files) expect([title, (await keeper.read(file)).equals(file.bytes)]).toEqual([title, true]);
    // Nobody reads the backup while the primary is well: there a scrub finds what is wrong.
    const isScrubbed = store === 'backup';
    if (isScrubbed) {
      // What is wrong with a key was seen by the reads, which look at both keys; it is written down behind them.
      await until(
        'four wrong keys are noted',
        async () => (await keeper.count('debt')) + (await house.audits('MTL', 'repairFile')).length >= WRONG_KEYS,
      );
      await makeScrubFiles(keeper.parts)(operator, { city: 'MTL' });
    }
    for (const [title, file] of files) await until(`${title}: repaired`, () => keeper.areSame(file), 5_000 - (performance.now() - began));
    console.info(
      `${files.size} damaged copies in the ${store}: all repaired ${Math.round(performance.now() - began)} ms after they were read`,
    );
    for (const [title, file] of files) {
      expect([title, await keeper.vault.check(file.ref, SIZE, store)]).toEqual([title, 'intact']);
      expect([title, await keeper.vault.check(file.ref, SIZE, other)]).toEqual([title, 'intact']);
      expect([title, (await keeper.read(file)).equals(file.bytes)]).toEqual([title, true]);
    }
    await until('no debt is left', async () => (await keeper.count('debt')) === 0);
    const repairs = await house.audits('MTL', 'repairFile');
    expect(repairs.map(({ outcome }) => outcome)).toEqual(Array.from(files, () => 0));
    if (isScrubbed) {
      const tasks = makeFindFileTasks(keeper.parts);
      await until('the scrub has ended', async () => (await tasks(operator, 'MTL')).every(({ running }) => !running));
      const [all, found] = [files.size + 2, files.size - WRONG_KEYS];
      expect(await tasks(operator, 'MTL')).toMatchObject([
        { kind: 'SCRUB', total: all, checked: all, damaged: found, repaired: found, lost: 0, waiting: 0 },
      ]);
    }
  });

  it('of both copies is an IntegrityError, told once and left as it is', async () => {
    const patient = await house.addPatient();
    const file = await keeper.keep(patient, randomBytes(SIZE));
    for (const each of STORE_NAMES) change(blob(file, each), (bytes) => flip(bytes, at(1) + 7));
    const before = STORE_NAMES.map((each) => readFileSync(blob(file, each)));
    await expect(keeper.read(file)).rejects.toThrow(IntegrityError);
    await until('it is told', async () => (await house.audits('MTL', 'repairFile', patient.patientId)).length === 2);
    await sleep(1_500);
    const entries = await house.audits('MTL', 'repairFile', patient.patientId);
    expect(entries.map(({ outcome, body }) => [outcome, JSON.parse(body).reason])).toEqual([
      [12, 'INTEGRITY_ERROR'],
      [12, 'INTEGRITY_ERROR'],
    ]);
    for (const [i, each] of STORE_NAMES.entries()) expect(readFileSync(blob(file, each)).equals(before[i] ?? Buffer.alloc(0))).toBe(true);
    expect(await keeper.count('debt', `state = 'damaged'`)).toBe(2);
    expect(house.logs()).toMatch(/"level":"error".*no store holds a content intact/);
    // Whoever brings one good copy back has the other repaired.
    const good = flip(before[0] ?? Buffer.alloc(0), at(1) + 7);
    writeFileSync(blob(file, other), good);
    await until('both are well again', () => keeper.areSame(file), 8_000);
    expect((await keeper.read(file)).equals(file.bytes)).toBe(true);
  });
});

/** Size of the disk that is made full. */
const DISK_BYTES = 4 * 1024 * 1024;
/** Writes until the disk takes no more, and never more than it can hold. */
const fill = (file: string): void => {
  const handle = openSync(file, 'w');
  try {
    for (let written = 0; written < DISK_BYTES; written += 4096) writeSync(handle, Buffer.alloc(4096));
    throw new Error('the disk is not full');
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(handle);
  }
};

type Mode = 'well' | 'slow';
/** A directory store that can be made slower than every deadline. */
const slowable =
  (modes: Record<string, Mode>) =>
  (store: BlobStore): BlobStore => {
    const slow = async <T>(act: () => Promise<T>): Promise<T> => {
      if (modes[store.name] === 'slow') await sleep(3_000, null, { ref: false });
      return act();
    };
    return {
      ...store,
      put: (...args) => slow(() => store.put(...args)),
      get: (...args) => slow(() => store.get(...args)),
      head: (...args) => slow(() => store.head(...args)),
      open: async (...args) => {
        const writer = await slow(() => store.open(...args));
        return {
          get offset() {
            return writer.offset;
          },
          append: (bytes) => slow(() => writer.append(bytes)),
          sync: () => slow(writer.sync),
          finish: () => slow(writer.finish),
          close: writer.close,
        };
      },
    };
  };

describe('one store away', () => {
  const modes: Record<string, Mode> = {};
  let folder: string;
  let house: Harness;
  let keeper: Keeper;
  let isMounted = false;
  const mounts = (...args: string[]): boolean => {
    try {
      execFileSync('/bin/mount', args, { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'caregraph-stores-'));
    const files = testFiles(folder, [{ code: 'MTL' }, { code: 'QUE' }, { code: 'SHE' }]);
    const backup = path.join(folder, 'files', 'backup');
    mkdirSync(backup, { recursive: true });
    isMounted = mounts('-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', backup);
    if (!isMounted) console.info('this desk lets nobody mount a small disk: a full and a read-only one are left out');
    house = await startHarness({ files });
    keeper = await startKeeper(house, { everyMs: 300, wrap: slowable(modes), files, chunkDeadlineMs: 1_000 });
  });
  afterAll(async () => {
    try {
      await keeper?.stop();
      await house?.stop();
    } finally {
      if (isMounted) execFileSync('/bin/umount', ['-l', path.join(folder, 'files', 'backup')]);
      if (folder) rmSync(folder, { recursive: true, force: true });
    }
  });

  const whileAway = async (store: StoreName, back: () => void): Promise<void> => {
    const patient = await house.addPatient();
    const bytes = randomBytes(CHUNK_BYTES + 5);
    const file = await keeper.keep(patient, bytes);
    expect(await keeper.count('debt', `blob_id = '${file.ref.id}' and store = '${store}' and state = 'owed'`)).toBe(1);
    const began = performance.now();
    expect((await keeper.read(file)).equals(bytes)).toBe(true);
    expect(performance.now() - began).toBeLessThan(2_500);
    await sleep(1_000);
    expect(await keeper.count('debt', `blob_id = '${file.ref.id}'`)).toBe(1);
    back();
    await until('the debt is paid', async () => (await keeper.count('debt')) === 0, 8_000);
    expect(keeper.areSame(file)).toBe(true);
    expect(await keeper.vault.check(file.ref, bytes.length, store)).toBe('intact');
    expect((await house.audits('MTL', 'repairFile', patient.patientId)).map(({ outcome }) => outcome)).toEqual([0]);
  };

  it.each(STORE_NAMES)('(%s, slow): reads go on, what is written is owed and paid', async (store) => {
    modes[store] = 'slow';
    await whileAway(store, () => {
      modes[store] = 'well';
    });
  });

  it('(primary, its folder gone): reads go on, what is written is owed and paid', async () => {
    const home = keeper.folderOf('primary');
    renameSync(home, `${home}.away`);
    await whileAway('primary', () => {
      rmSync(home, { recursive: true, force: true });
      renameSync(`${home}.away`, home);
    });
  });

  it('(backup, read-only): reads go on, what is written is owed and paid', async () => {
    if (!isMounted) return console.info('left out: no disk of its own');
    const home = keeper.folderOf('backup');
    execFileSync('/bin/mount', ['-o', 'remount,ro', home]);
    await whileAway('backup', () => execFileSync('/bin/mount', ['-o', 'remount,rw', home]));
  });

  it('(backup, full): reads go on, what is written is owed and paid', async () => {
    if (!isMounted) return console.info('left out: no disk of its own');
    const home = keeper.folderOf('backup');
    // Only ever the small disk of this test, and no more than it holds.
    expect(statfsSync(home).blocks * statfsSync(home).bsize).toBe(DISK_BYTES);
    fill(path.join(home, 'filler'));
    await whileAway('backup', () => {
      rmSync(path.join(home, 'filler'), { force: true });
    });
  });
});
