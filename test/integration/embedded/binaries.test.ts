import fs from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chooseAccount, findAccount } from '#embedded/account.ts';
import { findBinaries, packagedBinaries } from '#embedded/binaries.ts';
import { isRoot, makeTempFolders } from './support.ts';

const folders = makeTempFolders();
const account = findAccount(undefined, null);
let home: string;
let native: string;

/** The package as npm unpacks it when install scripts are off: no symbolic link. */
beforeAll(async () => {
  home = await folders.make();
  await fs.chmod(home, 0o755);
  native = path.join(home, 'package', 'native');
  const source = packagedBinaries();
  await fs.cp(source, native, { recursive: true, filter: async (file) => !(await fs.lstat(file)).isSymbolicLink() });
  await fs.copyFile(path.join(source, '..', 'package.json'), path.join(native, '..', 'package.json'));
});
afterAll(() => folders.cleanUp());

const links = async (folder: string): Promise<string[]> => {
  const entries = await fs.readdir(path.join(folder, 'lib'), { withFileTypes: true });
  return entries.filter((entry) => entry.isSymbolicLink()).map((entry) => entry.name);
};

describe('the PostgreSQL programs', () => {
  (isRoot ? it : it.skip)('are copied where the account cannot enter, with their links', async () => {
    expect(await links(native)).toEqual([]);
    await fs.chmod(path.join(native, '..'), 0o700);
    const cache = path.join(home, 'cache');
    const copied: string[] = [];
    const found = await findBinaries(account, home, { native, caches: [cache], onCopy: (folder) => copied.push(folder) });
    expect(found.postgres.startsWith(cache)).toBe(true);
    expect(copied).toHaveLength(1);
    expect((await links(copied[0] ?? '')).length).toBeGreaterThan(5);
    expect((await fs.stat(path.join(native, '..'))).mode & 0o777).toBe(0o700);
    const again = await findBinaries(account, home, { native, caches: [cache] });
    expect(again).toEqual(found);
    await fs.chmod(path.join(native, '..'), 0o755);
  });

  (isRoot ? it : it.skip)('are not started from a cache that others may write to', async () => {
    const cache = path.join(home, 'open');
    await fs.mkdir(cache);
    await fs.chmod(cache, 0o777);
    await fs.chmod(path.join(native, '..'), 0o700);
    await expect(findBinaries(account, home, { native, caches: [cache] })).rejects.toThrow(/cannot be executed by the account/);
    await fs.chmod(path.join(native, '..'), 0o755);
  });

  it('run after their missing links are restored', async () => {
    for (const name of await links(native)) await fs.rm(path.join(native, 'lib', name));
    const found = await findBinaries(account, home, { native, caches: [] });
    expect(found.postgres).toBe(path.join(native, 'bin', 'postgres'));
    expect((await links(native)).length).toBeGreaterThan(5);
  });
});

describe('the account of the servers', () => {
  const passwd =
    'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\nnode:x:1000:1000::/:/bin/sh\nours:x:1001:1001::/:/bin/sh\n';

  it.each([
    ['the first known one', undefined, null, 'node'],
    ['the one that is named', 'ours', null, 'ours'],
    ['the owner of the data', 'ours', { uid: 65_534, gid: 65_534 }, 'nobody'],
  ])('is %s', (_name, preferred, owner, expected) => {
    expect(chooseAccount(passwd, preferred, owner).name).toBe(expected);
  });

  it('is never root, and its absence is told', () => {
    expect(() => chooseAccount(passwd, 'root', null)).toThrow(/no unprivileged account/);
    expect(() => chooseAccount(passwd, 'absent', null)).toThrow(/PG_RUN_AS/);
    expect(() => chooseAccount('root:x:0:0::/root:/bin/sh\n', undefined, null)).toThrow(/Start as another user/);
  });
});
