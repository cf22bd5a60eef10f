import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';

const migrate = (args: readonly string[], env: Record<string, string> = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['tools/migrate.ts', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  return { status, stdout, stderr };
};
const city = (code: string, port: number) => ({
  code,
  name: { en: 'Somewhere', fr: 'Quelque part' },
  timeZone: 'America/Toronto',
  home: { towns: [], postalPrefixes: [] },
  dsn: `postgres://127.0.0.1:${port}/caregraph`,
});

describe('npm run migrate', () => {
  it('explains itself', () => {
    expect(migrate(['--help'])).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage: npm run migrate'), stderr: '' });
  });

  it('lists every setting that is missing at once', () => {
    const { status, stderr } = migrate([]);
    expect(status).toBe(2);
    expect(stderr).toContain('CITIES is missing');
    expect(stderr).toContain('MIGRATOR_DB_PASSWORD is missing');
  });

  it('says which city could not be reached and goes on to the next', () => {
    const env = { CITIES: JSON.stringify([city('MTL', 1), city('QUE', 1)]), MIGRATOR_DB_PASSWORD: 'sixteen-characters' };
    const { status, stdout, stderr } = migrate(['--json'], env);
    expect(status).toBe(1);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(['MTL', 'QUE'].map((code) => ({ city: code, error: `no primary of city ${code} could be reached for migration` })));
    expect(stdout + stderr).not.toContain('sixteen-characters');
  });

  it('knows no other city and no other option', () => {
    const env = { CITIES: JSON.stringify([city('MTL', 1)]), MIGRATOR_DB_PASSWORD: 'sixteen-characters' };
    expect(migrate(['--city', 'XXX'], env)).toMatchObject({ status: 2, stderr: expect.stringContaining('CITIES has no such city') });
    expect(migrate(['--nope'], env).status).toBe(2);
  });
});
