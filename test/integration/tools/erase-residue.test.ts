import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import type { CityConfig } from '#platform/config/city.ts';
import { auditEnv } from '#test/support/audit-env.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { turnOver } from '#tools/erase-residue/turn-over.ts';
import { until } from '../audit/log-support.ts';

let network: TestNetwork;
let city: CityConfig;
let admin: pg.Client;

beforeAll(async () => {
  network = await testNetwork();
  const found = network.cities.find(({ code }) => code === 'QUE');
  if (!found) throw new Error('no city');
  city = found;
  admin = await network.admin(city.code);
});
afterAll(() => network?.stop());

/** Files of the tables: another one once a table was written anew. */
const filesOf = async (): Promise<string> =>
  JSON.stringify(
    (
      await admin.query(
        `select relname, relfilenode from pg_class c join pg_namespace n on n.oid = relnamespace where relkind = 'r' and (nspname = any($1) or relname = 'pg_statistic') order by 1`,
        [['patients', 'scheduling', 'files']],
      )
    ).rows,
  );
const oldSegments = async (segment: string): Promise<number> =>
  Number(
    (await admin.query(`select count(*) n from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$' and substr(name, 9) <= $1`, [segment])).rows[0]
      ?.n,
  );
const run = (patienceMs: number, code = city.code) => turnOver({ ...city, code }, { ...network.superuser, patienceMs });
const other = async (): Promise<pg.Client> => {
  const node = city.nodes[0];
  const client = new pg.Client({ ...node, ...network.superuser, database: city.database });
  client.on('error', () => {});
  await client.connect();
  return client;
};

it('is refused in another city, and while a transaction or a lock keeps it; then nothing was written anew', async () => {
  const before = await filesOf();
  await expect(run(1_000, 'MTL')).rejects.toThrow('the database is of another city');
  const client = await other();
  try {
    // It has a number, and sees nothing at the moment.
    await client.query('begin');
    await client.query('select pg_current_xact_id()');
    await expect(run(1_000)).rejects.toThrow('a transaction from before is still open');
    await client.query('rollback');
    await client.query('begin isolation level repeatable read read only');
    await client.query('select 1');
    await admin.query('select pg_current_xact_id()');
    await expect(run(1_000)).rejects.toThrow('a transaction from before is still open');
    await client.query('rollback');
    expect(await filesOf()).toBe(before);
  } finally {
    await client.end();
  }
}, 60_000);

it('waits for a table that is in use, and names it', async () => {
  const client = await other();
  try {
    await client.query('begin');
    // A lock without a number: what it sees is as new as the command.
    await client.query('lock table patients.patient in access share mode');
    await expect(run(5_000)).rejects.toThrow('patients.patient is in use all the time');
    const waiting = run(30_000);
    await until(
      async () =>
        (
          await admin.query(
            `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query = 'VACUUM FULL patients.patient'`,
          )
        ).rowCount === 1,
      20_000,
      'the command at its table',
    );
    await client.query('commit');
    expect(await waiting).toMatchObject({ city: city.code });
  } finally {
    await client.end();
  }
}, 60_000);

it('writes every table anew, and no log from before is kept', async () => {
  const before = JSON.parse(await filesOf()) as { relname: string; relfilenode: number }[];
  const { rows } = await admin.query<{ segment: string }>('select substr(pg_walfile_name(pg_current_wal_insert_lsn()), 9) as segment');
  const done = await run(30_000);
  expect(done).toMatchObject({ city: city.code, nodes: 1 });
  const after = new Map((JSON.parse(await filesOf()) as typeof before).map(({ relname, relfilenode }) => [relname, relfilenode]));
  expect(before.length).toBeGreaterThan(10);
  expect(before.filter(({ relname, relfilenode }) => after.get(relname) === relfilenode)).toEqual([]);
  expect(await oldSegments(rows[0]?.segment ?? '')).toBe(0);
}, 60_000);

it('of production says which right is lacking, and which settings', () => {
  const command = (args: readonly string[], env: Readonly<Record<string, string>>) =>
    spawnSync(process.execPath, ['tools/erase-residue.ts', ...args], { encoding: 'utf8', env, timeout: 40_000 });
  const env = { ...auditEnv(network), MIGRATOR_DB_PASSWORD: network.secrets.databasePasswords.migrator };
  const refused = command(['--city', city.code], env);
  expect([refused.status, refused.stdout]).toEqual([1, '']);
  expect(refused.stderr).toBe(
    `${city.code}: the role migrator lacks a right: it owns the database, and needs GRANT pg_monitor, pg_checkpoint TO migrator; GRANT EXECUTE ON FUNCTION pg_switch_wal() TO migrator\n`,
  );
  for (const args of [['--city', 'XXX'], ['--patience', '0'], ['--nothing']]) expect([args, command(args, env).status]).toEqual([args, 2]);
  const { MIGRATOR_DB_PASSWORD: _left, ...without } = env;
  const unset = command([], without);
  expect([unset.status, unset.stdout]).toEqual([2, '']);
  expect(unset.stderr).toContain('MIGRATOR_DB_PASSWORD');
}, 60_000);
