import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import type { SubjectsConfig } from '#platform/config/subjects.ts';
import { makeKeyring } from '#platform/keys/keyring-form.ts';
import { makeLog } from '#platform/observability/log.ts';
import { initSubjects, openSubjects, type Subjects } from '#platform/subjects/open-subjects.ts';

const CITY = 'MTL';
const INDEX_KEY = 'a'.repeat(43);
const log = makeLog('test', 'silent');
const root = mkdtempSync(path.join(tmpdir(), 'caregraph-subject-stores-'));
let count = 0;
let folder = '';
let config: SubjectsConfig;
const opened: Subjects[] = [];

const storeAt = (name: string) => ({ kind: 'directory' as const, folder: path.join(folder, name), floorShare: 0 });
const begin = async (): Promise<void> => {
  folder = path.join(root, String(count++));
  const keyring = makeKeyring([CITY], { demo: false });
  config = { primary: storeAt('primary'), backup: storeAt('backup'), keys: { kind: 'keyring', keyring } };
  expect(await initSubjects(config, [CITY], async () => false)).toEqual([CITY]);
};
const open = async (watchMs = 20): Promise<Subjects> => {
  const subjects = await openSubjects(config, { cities: [CITY], indexKey: INDEX_KEY, log, watchMs });
  opened.push(subjects);
  return subjects;
};
const faultOf = async (): Promise<string> =>
  openSubjects(config, { cities: [CITY], indexKey: INDEX_KEY, log }).then(
    async (subjects) => {
      await subjects.stop();
      return 'none';
    },
    (error: Error) => error.message,
  );
const filesIn = (store: string): string[] =>
  readdirSync(path.join(folder, store, 'blobs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('subjects.'))
    .map((name) => path.join(folder, store, 'blobs', name));
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  const end = Date.now() + 25_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('it did not come in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
const keyOf = (subjects: Subjects, id: string) => subjects.of(CITY).keyOf(subjects.tagOf(id));
const bytesOf = (subjects: Subjects, id: string): string | null => keyOf(subjects, id)?.export().toString('hex') ?? null;

afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.stop()));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the stores of subject keys', () => {
  it('give every process the same keys, and none for whom they were destroyed', async () => {
    await begin();
    const [one, two] = [await open(), await open()];
    const ids = ['MTL-pat-1', 'MTL-pat-2', 'login:MTLP0001'];
    const before = ids.map((id) => bytesOf(one, id));
    expect(new Set(before).size).toBe(3);
    expect(ids.map((id) => bytesOf(two, id))).toEqual(before);
    await one.destroy(CITY, [one.tagOf('MTL-pat-1')]);
    expect(keyOf(one, 'MTL-pat-1')).toBeNull();
    await until(() => keyOf(two, 'MTL-pat-1') === null);
    for (const each of [one, two, await open()]) expect(ids.slice(1).map((id) => bytesOf(each, id))).toEqual(before.slice(1));
    expect(keyOf(await open(), 'MTL-pat-1')).toBeNull();
  });

  it('hold one state each, the same, sealed, and the wrapped key of the one before is overwritten', async () => {
    await begin();
    const subjects = await open();
    const [wrapped = ''] = filesIn('primary').filter((name) => name.endsWith('.key'));
    const old = readFileSync(wrapped);
    await subjects.destroy(CITY, [subjects.tagOf('x')]);
    expect(existsSync(wrapped)).toBe(false);
    for (const store of ['primary', 'backup']) {
      const files = filesIn(store);
      expect(files.map((name) => name.slice(name.lastIndexOf('.'))).sort()).toEqual(['.key', '.state']);
      for (const name of files) expect(readFileSync(name).includes(old.subarray(20, 60))).toBe(false);
    }
    const names = filesIn('primary').map((name) => path.relative(path.join(folder, 'primary'), name));
    for (const name of names)
      expect(readFileSync(path.join(folder, 'primary', name)).equals(readFileSync(path.join(folder, 'backup', name)))).toBe(true);
    const text = readFileSync(filesIn('primary').find((name) => name.endsWith('.state')) ?? '');
    expect(text.includes(subjects.tagOf('x'))).toBe(false);
  });

  it('write nothing for subjects that come, and nothing when told twice', async () => {
    await begin();
    const subjects = await open();
    const before = filesIn('primary');
    for (let i = 0; i < 100; i++) keyOf(subjects, `MTL-pat-${i}`);
    expect(filesIn('primary')).toEqual(before);
    await subjects.destroy(CITY, [subjects.tagOf('MTL-pat-1'), subjects.tagOf('MTL-pat-2')]);
    const after = filesIn('primary');
    expect(after).not.toEqual(before);
    await subjects.destroy(CITY, [subjects.tagOf('MTL-pat-2'), subjects.tagOf('MTL-pat-1')]);
    expect(filesIn('primary')).toEqual(after);
  });

  it.each([
    ['a state is cut', 'primary', '.state', (file: string) => writeFileSync(file, readFileSync(file).subarray(0, 30))],
    [
      'a bit of a state is flipped',
      'primary',
      '.state',
      (file: string) => {
        const bytes = readFileSync(file);
        bytes[40] = (bytes[40] ?? 0) ^ 1;
        writeFileSync(file, bytes);
      },
    ],
    ['a wrapped key is gone', 'backup', '.key', (file: string) => rmSync(file)],
    ['a wrapped key is another', 'primary', '.key', (file: string) => writeFileSync(file, '{"keyId":"local:MTL:1","wrapped":"AAAA"}')],
  ])('are healed out of the other one where %s', async (_title, store, end, harm) => {
    await begin();
    const before = bytesOf(await open(), 'x');
    const file = filesIn(store).find((name) => name.endsWith(end)) ?? '';
    const sound = readFileSync(file);
    harm(file);
    const subjects = await open();
    expect(bytesOf(subjects, 'x')).toBe(before);
    await subjects.destroy(CITY, []);
    expect(readFileSync(file).equals(sound)).toBe(true);
  });

  it('refuse the start where no copy opens, and say what to do, and no new key takes its place', async () => {
    await begin();
    await (await open()).stop();
    opened.length = 0;
    for (const store of ['primary', 'backup']) for (const file of filesIn(store)) if (file.endsWith('.key')) rmSync(file);
    expect(await faultOf()).toMatch(/the subject keys of MTL do not open in either store.*put a copy/s);
    await expect(initSubjects(config, [CITY], async () => false)).rejects.toThrow('do not open');
    for (const store of ['primary', 'backup']) for (const file of filesIn(store)) rmSync(file);
    expect(await faultOf()).toMatch(/in neither store; in a new network make them: npm run keyring -- subjects init/);
    await expect(initSubjects(config, [CITY], async () => true)).rejects.toThrow('holds values that only they open');
    expect(filesIn('primary')).toEqual([]);
    for (const store of ['primary', 'backup']) rmSync(path.join(folder, store), { recursive: true });
    expect(await faultOf()).toMatch(/cannot be read: a store does not answer.*Bring the stores back/s);
    expect(existsSync(path.join(folder, 'primary'))).toBe(false);
  });

  it('refuse the start under another keyring', async () => {
    await begin();
    config = { ...config, keys: { kind: 'keyring', keyring: makeKeyring([CITY], { demo: false }) } };
    expect(await faultOf()).toMatch(/do not open in either store/);
  });

  it('refuse the start under another index key, under which nobody would be found or erased', async () => {
    await begin();
    const subjects = await open();
    await subjects.destroy(CITY, []);
    expect(await faultOf()).toBe('none');
    const other = openSubjects(config, { cities: [CITY], indexKey: 'b'.repeat(43), log });
    await expect(other).rejects.toThrow(/SUBJECT_INDEX_KEY is not the one that the audit log of MTL was written with/);
    // One store tells as well as both.
    rmSync(path.join(folder, 'primary'), { recursive: true });
    await expect(openSubjects(config, { cities: [CITY], indexKey: 'b'.repeat(43), log })).rejects.toThrow(/SUBJECT_INDEX_KEY/);
  });

  it('are not done with an erasure before both have it, and finish when the other one is back', async () => {
    await begin();
    const subjects = await open();
    const tag = subjects.tagOf('x');
    const away = path.join(folder, 'away');
    await rename(path.join(folder, 'backup'), away);
    await expect(subjects.destroy(CITY, [tag])).rejects.toThrow('backup');
    await expect(subjects.destroy(CITY, [tag])).rejects.toThrow('backup');
    await rename(away, path.join(folder, 'backup'));
    await until(() =>
      subjects.destroy(CITY, [tag]).then(
        () => true,
        () => false,
      ),
    );
    expect(
      filesIn('backup')
        .map((name) => path.basename(name))
        .sort(),
    ).toEqual(
      filesIn('primary')
        .map((name) => path.basename(name))
        .sort(),
    );
    rmSync(path.join(folder, 'primary'), { recursive: true });
    expect(keyOf(await open(), 'x')).toBeNull();
  });

  it('bring no key back into a process that saw it go, and none for good, when they are set back to an old copy', async () => {
    await begin();
    const subjects = await open();
    const tag = subjects.tagOf('x');
    for (const store of ['primary', 'backup']) await cp(path.join(folder, store), path.join(folder, `${store}.old`), { recursive: true });
    await subjects.destroy(CITY, [tag, subjects.tagOf('y')]);
    await subjects.destroy(CITY, [subjects.tagOf('z')]);
    for (const store of ['primary', 'backup']) {
      rmSync(path.join(folder, store, 'blobs'), { recursive: true });
      await cp(path.join(folder, `${store}.old`, 'blobs'), path.join(folder, store, 'blobs'), { recursive: true });
    }
    // What stood there is gone, so every process looks again; it goes on without the key.
    const fresh = await open();
    expect(keyOf(fresh, 'x')).not.toBeNull();
    await fresh.stop();
    opened.splice(opened.indexOf(fresh), 1);
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(keyOf(subjects, 'x')).toBeNull();
    }
    await subjects.destroy(CITY, []);
    for (const id of ['x', 'y', 'z']) expect(keyOf(await open(), id)).toBeNull();
  });

  it('merge what two writers wrote at once', async () => {
    await begin();
    const [one, two] = [await open(), await open()];
    await Promise.all([one.destroy(CITY, [one.tagOf('x')]), two.destroy(CITY, [two.tagOf('y')])]).catch(() => {});
    await one.destroy(CITY, [one.tagOf('x'), one.tagOf('y')]);
    const fresh = await open();
    expect([keyOf(fresh, 'x'), keyOf(fresh, 'y')]).toEqual([null, null]);
    expect(keyOf(fresh, 'z')).not.toBeNull();
    expect(filesIn('primary')).toHaveLength(2);
  });
});
