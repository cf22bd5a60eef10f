import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { makeFolders } from '#platform/disk/make-folders.ts';

const room = mkdtempSync(path.join(tmpdir(), 'caregraph-folders-'));
afterAll(() => rmSync(room, { recursive: true, force: true }));
const at = (...names: string[]): string => path.join(room, ...names);

describe('folders', () => {
  it('are made with those above, and made again change nothing', async () => {
    await makeFolders(at('a', 'b', 'c'), 0o700);
    for (const folder of [at('a'), at('a', 'b'), at('a', 'b', 'c')]) expect(statSync(folder).mode & 0o777).toBe(0o700);
    await makeFolders(at('a', 'b'), 0o755);
    expect(statSync(at('a', 'b')).mode & 0o777).toBe(0o700);
    await makeFolders('/');
  });
  it('are made by many at once', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => makeFolders(at('many', 'at', 'once', String(i % 3)))));
    expect(statSync(at('many', 'at', 'once', '2')).isDirectory()).toBe(true);
  });
  it('are found behind a link', async () => {
    symlinkSync(at('a'), at('link'));
    await makeFolders(at('link'));
    await makeFolders(at('link', 'new'));
    expect(statSync(at('a', 'new')).isDirectory()).toBe(true);
  });
  it('are refused where a file stands', async () => {
    writeFileSync(at('file'), '');
    await expect(makeFolders(at('file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolders(at('file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    symlinkSync(at('nowhere'), at('dangling'));
    await expect(makeFolders(at('dangling'))).rejects.toMatchObject({ code: 'EEXIST' });
  });
  (existsSync('/proc/self') ? it : it.skip)('that a system does not allow are refused, and the answer comes', async () => {
    await expect(makeFolders('/proc/caregraph/below')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
