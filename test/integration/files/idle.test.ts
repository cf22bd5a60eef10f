import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Harness, startHarness } from './harness.ts';

let house: Harness;
beforeAll(async () => {
  house = await startHarness();
});
afterAll(async () => {
  await house?.stop();
});

const MANY = 30_000;

describe('maintenance that has nothing to do', () => {
  it('reads no large table from end to end', async () => {
    await house.sql(
      'MTL',
      `insert into files.upload (city, id, blob_id, patient_id, file_id, version_id, name, content_type, priority, size_bytes, sha256,
         account_id, session_id, state, expires_at)
       select 'MTL', 'u' || i, 'b' || i, 'p', 'f', 'v', 'n', 'text/plain', 1, 1, 'x', 'a', 's', 'kept', now() - interval '1 hour'
       from generate_series(1, $1::int) i`,
      [MANY],
    );
    await house.sql(
      'MTL',
      `insert into files.file (city, id, patient_id, name, name_fold, priority, content_type, size_bytes, sha256, version)
       select 'MTL', 'f' || i, 'p' || i, 'n', 'n', 1, 'text/plain', 1, 'x', 1 from generate_series(1, $1::int) i`,
      [MANY],
    );
    await house.sql('MTL', `insert into files.subject (city, patient_id) select 'MTL', 'p' || i from generate_series(1, $1::int) i`, [
      MANY,
    ]);
    await house.sql(
      'MTL',
      `insert into files.version (city, file_id, version, id, blob_id, key_id, priority, content_type, size_bytes, sha256, created_by)
       select 'MTL', 'f' || i, 1, 'v' || i, 'b' || i, 'k', 1, 'text/plain', 1, 'x', 'a' from generate_series(1, $1::int) i`,
      [MANY],
    );
    // A scrub has just been made.
    await house.sql('MTL', `insert into files.task (city, kind, running) values ('MTL', 'scrub', false)`);
    await house.sql('MTL', 'vacuum analyze files.upload, files.file, files.subject, files.version');
    const scans = async (): Promise<Record<string, number>> => {
      await house.sql('MTL', 'select pg_stat_clear_snapshot()');
      const rows = await house.sql<{ name: string; n: number }>(
        'MTL',
        `select relname as name, coalesce(seq_scan, 0)::int as n from pg_stat_user_tables
         where schemaname = 'files' and relname in ('upload', 'file', 'subject', 'version') order by relname`,
      );
      return Object.fromEntries(rows.map(({ name, n }) => [name, n]));
    };
    // Figures of another connection are told a second late.
    await sleep(1_500);
    const before = await scans();
    for (let i = 0; i < 8; i++) await house.subgraph.parts.maintenance.round();
    await sleep(1_500);
    await house.subgraph.parts.maintenance.round();
    await sleep(1_500);
    expect(await scans()).toEqual(before);
  });
});
