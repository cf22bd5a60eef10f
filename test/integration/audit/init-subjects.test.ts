import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { appendAudit } from '#platform/audit/append.ts';
import type { SubjectsConfig } from '#platform/config/subjects.ts';
import { openCities } from '#platform/database/cities.ts';
import { makeLog } from '#platform/observability/log.ts';
import { openSubjects } from '#platform/subjects/open-subjects.ts';
import { auditEnv } from '#test/support/audit-env.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { anEvent } from './log-support.ts';

let network: TestNetwork;
const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-init-subjects-'));
beforeAll(async () => {
  network = await testNetwork();
});
afterAll(async () => {
  await network?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** `npm run keyring -- subjects init` with the settings of production. */
const init = (config: SubjectsConfig) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['tools/keyring.ts', 'subjects', 'init'], {
    encoding: 'utf8',
    env: auditEnv(network, config),
    timeout: 50_000,
  });
  return { status, stdout, stderr };
};

it('npm run keyring -- subjects init makes keys once, and never where a log holds values that others sealed', async () => {
  const config: SubjectsConfig = {
    ...network.subjectsConfig,
    primary: { kind: 'directory', folder: path.join(folder, 'a'), floorShare: 0 },
    backup: { kind: 'directory', folder: path.join(folder, 'b'), floorShare: 0 },
  };
  expect(init(config)).toEqual({ status: 0, stdout: 'Subject keys for MTL, QUE, SHE.\n', stderr: '' });
  expect(init(config)).toEqual({ status: 0, stdout: 'Every city had subject keys.\n', stderr: '' });
  const codes = network.cities.map(({ code }) => code);
  const open = { cities: codes, indexKey: network.secrets.subjectIndexKey, log: makeLog('test', 'silent') };
  const subjects = await openSubjects(config, open);
  const { cities, secrets } = network;
  const writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
  await appendAudit(writers.of('QUE'), anEvent('QUE', { patientId: 'QUE-pat-1' }));
  await writers.stop();
  await subjects.stop();
  for (const name of ['a', 'b']) rmSync(path.join(folder, name, 'blobs'), { recursive: true });
  const again = init(config);
  expect([again.status, again.stdout]).toEqual([1, '']);
  expect(again.stderr).toMatch(/the subject keys of QUE are in neither store, and its audit log holds values that only they open/);
  await expect(openSubjects(config, open)).rejects.toThrow('the subject keys of QUE are in neither store');
}, 120_000);
