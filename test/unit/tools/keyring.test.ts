import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeKeyring, parseKeyring } from '#platform/keys/keyring-form.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-make-keyring-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const run = (...words: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['tools/keyring.ts', ...words], { encoding: 'utf8', timeout: 20_000 });
  return { status, stdout, stderr };
};

describe('npm run keyring', () => {
  const file = path.join(folder, 'keyring.json');
  it('makes a keyring that can be used, and adds cities to it', () => {
    expect(run(file, 'MTL', 'QUE')).toMatchObject({ status: 0, stdout: 'A first key for MTL, QUE.\n' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const first = readFileSync(file, 'utf8');
    expect(run(file, 'QUE', 'SHE')).toMatchObject({ status: 0, stdout: 'A first key for SHE.\n' });
    const ring = parseKeyring(readFileSync(file, 'utf8'));
    expect(ring).toMatchObject({ demo: false, cities: { ...JSON.parse(first).cities, SHE: { current: 'local:SHE:1' } } });
    expect(run(file, 'SHE')).toMatchObject({ status: 0, stdout: 'Every city had a key.\n' });
    expect(readdirSync(folder)).toEqual(['keyring.json']);
  });
  it('refuses what is no keyring of its own, and leaves it as it is', () => {
    const other = path.join(folder, 'other.json');
    for (const [content, mode] of [
      ['canary', 0o600],
      [JSON.stringify(makeKeyring(['MTL'], { demo: true })), 0o600],
      [JSON.stringify(makeKeyring(['MTL'], { demo: false })), 0o644],
    ] as const) {
      writeFileSync(other, content);
      chmodSync(other, mode);
      const { status, stderr } = run(other, 'QUE');
      expect([status, readFileSync(other, 'utf8')]).toEqual([1, content]);
      expect(stderr).not.toContain('canary');
    }
    expect(readdirSync(folder).sort()).toEqual(['keyring.json', 'other.json']);
  });
  it('says how it is used', () => {
    expect(run('--help')).toMatchObject({ status: 0, stderr: '' });
    for (const words of [[], [file], [file, 'mtl'], ['--no'], [path.join(folder, 'absent')]]) expect(run(...words).status).toBe(2);
    expect(run(path.join(folder, 'absent', 'k.json'), 'MTL').status).toBe(1);
  });
});
