import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { replaceFile, syncFolder } from '#platform/disk/replace-file.ts';

let folder = '';
const at = (name: string): string => path.join(folder, name);
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'replace-file-'));
});
afterEach(async () => {
  jest.restoreAllMocks();
  await fs.rm(folder, { recursive: true, force: true });
});

/** Notes what reaches the file system from here on, as `act name`; the draft's random part is `*`. A listed act fails in place of being done. */
const watch = (failing: string | null = null): string[] => {
  const seen: string[] = [];
  const tell = (act: string, file: string): void => {
    seen.push(`${act} ${file === folder ? 'folder' : path.basename(file).replace(/\.[0-9a-f]{12}\.tmp$/, '.*.tmp')}`);
    if (seen.at(-1) === failing) throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
  };
  const { open, rename } = fs;
  jest.spyOn(fs, 'open').mockImplementation(async (file, flags, mode) => {
    const name = String(file);
    tell('open', name);
    const handle = await open(file, flags, mode);
    const { sync, chown, writeFile } = handle;
    Object.assign(handle, {
      sync: async () => {
        tell('sync', name);
        await sync.call(handle);
      },
      chown: async (uid: number, gid: number) => {
        tell('chown', name);
        await chown.call(handle, uid, gid);
      },
      writeFile: async (text: string) => {
        tell('write', name);
        await writeFile.call(handle, text);
      },
    });
    return handle;
  });
  jest.spyOn(fs, 'rename').mockImplementation(async (from, to) => {
    tell('rename', String(from));
    await rename(from, to);
  });
  return seen;
};

describe('replaceFile', () => {
  it('answers when content and name stand on the disk, in that order', async () => {
    const seen = watch();
    await replaceFile(at('x'), 'new');
    const draft = ['open x.*.tmp', 'write x.*.tmp', 'sync x.*.tmp', 'rename x.*.tmp'];
    expect(seen).toEqual([...draft, ...(process.platform === 'win32' ? [] : ['open folder', 'sync folder'])]);
    expect([await fs.readFile(at('x'), 'utf8'), await fs.readdir(folder)]).toEqual(['new', ['x']]);
  });

  it('leaves the folder, or both, to the system where it is told to', async () => {
    const file = watch();
    await replaceFile(at('x'), 'new', { sync: 'file' });
    expect(file).toEqual(['open x.*.tmp', 'write x.*.tmp', 'sync x.*.tmp', 'rename x.*.tmp']);
    jest.restoreAllMocks();
    const none = watch();
    await replaceFile(at('x'), 'newer', { sync: 'none' });
    expect(none).toEqual(['open x.*.tmp', 'write x.*.tmp', 'rename x.*.tmp']);
    expect(await fs.readFile(at('x'), 'utf8')).toBe('newer');
  });

  it('is for its owner alone, or has the rights that it was told', async () => {
    await fs.writeFile(at('x'), 'old', { mode: 0o644 });
    await replaceFile(at('x'), 'new');
    await replaceFile(at('y'), 'new', { mode: 0o640 });
    const modes = await Promise.all(['x', 'y'].map(async (name) => (await fs.stat(at(name))).mode & 0o777));
    expect(modes).toEqual([0o600, 0o640]);
  });

  it('gives the file to its owner before it is shown', async () => {
    const { uid, gid } = os.userInfo();
    const seen = watch();
    await replaceFile(at('x'), 'new', { owner: { uid, gid } });
    expect(seen.slice(0, 5)).toEqual(['open x.*.tmp', 'write x.*.tmp', 'chown x.*.tmp', 'sync x.*.tmp', 'rename x.*.tmp']);
  });

  it('replaces a link, in the place of the file and of the draft, and follows none', async () => {
    await fs.writeFile(at('theirs'), 'theirs');
    await fs.symlink(at('theirs'), at('x'));
    await fs.symlink(at('theirs'), at('x.next'));
    await replaceFile(at('x'), 'new', { draft: at('x.next') });
    expect(await fs.readFile(at('theirs'), 'utf8')).toBe('theirs');
    expect((await fs.lstat(at('x'))).isFile()).toBe(true);
    expect((await fs.readdir(folder)).sort()).toEqual(['theirs', 'x']);
  });

  it('takes the place of a draft that a killed process left', async () => {
    await fs.writeFile(at('x.next'), 'a longer half', { mode: 0o666 });
    await replaceFile(at('x'), 'new', { draft: at('x.next') });
    expect([await fs.readFile(at('x'), 'utf8'), (await fs.stat(at('x'))).mode & 0o777]).toEqual(['new', 0o600]);
  });

  it.each(['write x.*.tmp', 'sync x.*.tmp', 'rename x.*.tmp'])('leaves the old file and no draft where it fails at: %s', async (step) => {
    await fs.writeFile(at('x'), 'old');
    watch(step);
    await expect(replaceFile(at('x'), 'new')).rejects.toMatchObject({ code: 'ENOSPC' });
    expect([await fs.readFile(at('x'), 'utf8'), await fs.readdir(folder)]).toEqual(['old', ['x']]);
  });

  it('says so where the name does not reach the disk', async () => {
    if (process.platform === 'win32') return console.warn('skipped: Windows does not flush folders');
    watch('sync folder');
    await expect(replaceFile(at('x'), 'new')).rejects.toMatchObject({ code: 'ENOSPC' });
  });
});

describe('syncFolder', () => {
  it('throws where there is no such folder', async () => {
    if (process.platform === 'win32') return console.warn('skipped: Windows does not flush folders');
    await expect(syncFolder(at('none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
