import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { copyLiveFile } from '#embedded/clone.ts';

const MIB = 1024 * 1024;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'caregraph-clone-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => path.join(folder, name);

describe('a copy of a file in use', () => {
  it.each([0, 1, MIB - 1, MIB, 3 * MIB + 7])('has all %d bytes', async (size) => {
    const bytes = Buffer.alloc(size, 'PostgreSQL');
    writeFileSync(at('whole'), bytes);
    await copyLiveFile({ from: at('whole'), to: at('copy') }, null);
    expect(readFileSync(at('copy')).equals(bytes)).toBe(true);
    expect(statSync(at('copy')).mode & 0o777).toBe(0o600);
  });
  it('comes to an end when the file is cut short meanwhile', async () => {
    writeFileSync(at('long'), Buffer.alloc(64 * MIB, 1));
    const copying = copyLiveFile({ from: at('long'), to: at('short') }, null);
    await new Promise((resolve) => setImmediate(resolve));
    truncateSync(at('long'), MIB);
    await copying;
    expect(statSync(at('short')).size).toBeLessThan(64 * MIB);
  }, 10_000);
  it('is left out when the file is gone', async () => {
    await copyLiveFile({ from: at('none'), to: at('nothing') }, null);
    expect(() => statSync(at('nothing'))).toThrow('ENOENT');
  });
});
