import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { byKey } from '#platform/database/by-key.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Calls that name their rows, and calls that look alike and are none of TypeORM's. */
const SOUND = [
  'manager.findOneBy(PatientEntity, byKey({ city, id }))',
  "manager.findOne(PatientEntity, { lock: { mode: 'pessimistic_write' }, where: byKey({ city, id }) })",
  "manager.find(PatientEntity, { order: { id: 'ASC' }, where: byKey({ city, id }) })",
  "manager.find(PatientEntity, { where: byKey({ city, id }), order: { id: 'ASC' } })",
  'manager.find(PatientEntity, { ...options, where: byKey({ city, id }) })',
  "manager.update(PatientEntity, byKey({ city, id }), { status: 'x' })",
  'manager.delete<Patient>(PatientEntity, byKey({ city, id }))',
  "manager.increment(PatientEntity, byKey({ city, id }), 'version', 1)",
  'manager.existsBy(PatientEntity, byKey({ city, id }))',
  'manager.insert(PatientEntity, { city, id })',
  "map.delete('x')",
  'map.clear()',
  'cities.find((city) => city.code === code)',
  "hash.update('x').update(text)",
];
/** Calls that could mean any row. */
const UNSOUND = [
  'manager.findOneBy(PatientEntity, { city, id: undefined })',
  'manager.findOneBy(PatientEntity, { city, id: null })',
  'manager.findOne(PatientEntity, { where: { city, id } })',
  'manager.findOne(PatientEntity)',
  'manager.findOne(PatientEntity, { nested: { where: byKey({ city, id }) } })',
  'manager.find()',
  'manager.find(PatientEntity)',
  'manager.find(PatientEntity, { where: byKey({ city, id }), ...options })',
  'manager.find(PatientEntity, [byKey({ city, id }), { city }])',
  "manager.update(PatientEntity, { city, id }, { status: 'x' })",
  "manager.update(PatientEntity, key, { status: 'x' })",
  'manager.update(PatientEntity, { city }, byKey({ city, id }))',
  'manager.delete<Patient>(PatientEntity, { city, id })',
  'manager?.delete(PatientEntity, { city, id })',
  'manager!.delete(other, { city, id })',
  "manager['delete'](PatientEntity, { city, id })",
  '(manager as EntityManager).delete(PatientEntity, { city, id })',
  'tx.delete(PatientEntity, { city, id })',
  'source.manager.softDelete(other, { city, id })',
  'anything.restore(PatientEntity, { city, id })',
  "anything.increment(PatientEntity, { city, id }, 'version', 1)",
  "anything.decrement(PatientEntity, { city, id }, 'version', 1)",
  'manager.exists(PatientEntity, { where: { city, id } })',
  'manager.count(PatientEntity)',
  'manager.countBy(PatientEntity, { city, id })',
  'manager.clear(PatientEntity)',
  'manager.getRepository(PatientEntity)',
  'patientRepository.find({ where: { city, id } })',
  'source.createQueryBuilder().delete().from(PatientEntity).where({ id })',
];

/** Lines that the project's linter, with the project's settings, refuses by its own rule in `text` as the file `at`. */
const refusedLines = (folder: string, at: string, text: string): Promise<number[]> => {
  const file = path.join(folder, at);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  const biome = path.join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
  const { promise, resolve, reject } = Promise.withResolvers<number[]>();
  execFile(
    process.execPath,
    [biome, 'lint', '--reporter=github', '--max-diagnostics=none', at],
    { cwd: folder },
    (_error, stdout, stderr) => {
      // The fixture's `!` is warned of everywhere: without that the linter did not look.
      if (!stdout.includes('noNonNullAssertion')) return reject(new Error(`the linter did not run:\n${stdout}${stderr}`));
      resolve([...stdout.matchAll(/::error title=plugin,.*?line=(\d+)/g)].map(([, line]) => Number(line)));
    },
  );
  return promise;
};

describe('rows are named by their whole key', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'caregraph-lint-'));
    cpSync(path.join(ROOT, 'biome.json'), path.join(folder, 'biome.json'));
    cpSync(path.join(ROOT, 'tools/lint'), path.join(folder, 'tools/lint'), { recursive: true });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const lines = [...SOUND, ...UNSOUND].map((call) => `await ${call};`).join('\n');
  const unsound = UNSOUND.map((_call, i) => SOUND.length + i + 1);

  it.each(['subgraphs/patients/store/some-store.ts', 'platform/database/some.ts'])('the linter refuses others in %s', async (at) => {
    expect([...new Set(await refusedLines(folder, at, lines))]).toEqual(unsound);
  });

  it('tests may do as they like', async () => {
    expect(await refusedLines(folder, 'test/unit/some.test.ts', lines)).toEqual([]);
  });

  it.each([
    {},
    { city: 'MTL' },
    { id: 'x' },
    { city: 'MTL', id: undefined },
    { city: 'MTL', id: null },
    { city: 'MTL', id: '' },
    { city: 'MTL', id: 1 },
    { city: undefined, id: 'x', other: 'y' },
    { city: 'MTL', id: { not: 'x' } },
  ])('byKey(%p) throws', (key) => {
    expect(() => byKey(key as never)).toThrow(TypeError);
  });

  it('a whole key is taken as it is', () => {
    expect(byKey({ city: 'MTL', id: 'x' })).toEqual({ city: 'MTL', id: 'x' });
  });
});
