import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { openLogKeeper, startAudit } from '#audit/server.ts';
import type { CityConfig } from '#platform/config/city.ts';
import { openCities } from '#platform/database/cities.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { makeFetch, until, writeEvents } from './log-support.ts';
import { admin, allLogged, CITY, countOf, isIn, log, network, openWorld, start, stop, walk, write } from './shard-world.ts';

openWorld();

/** In the order of what they refer to. */
const TABLES = ['entry', 'log_shard', 'log_state', 'log_bundle', 'log_tile', 'log_checkpoint', 'log_cosignature'];
/** The cluster that the city's database is restored into. */
const ELSEWHERE = 'SHE';

describe('a database that is restored into another cluster', () => {
  it('is not signed on as it is, and goes on in a shard of its own without a loss', async () => {
    const target = await network.admin(ELSEWHERE);
    const xidOf = async (client: pg.Client): Promise<bigint> =>
      BigInt((await client.query<{ xid: string }>('select pg_snapshot_xmax(pg_current_snapshot())::text as xid')).rows[0]?.xid ?? 0);
    // The transactions of the old cluster are to be ahead of those of the new one, whatever runs there beside this test.
    while ((await xidOf(admin)) < (await xidOf(target)) + 20_000n)
      await admin.query('do $$ begin for i in 1..5000 loop perform pg_current_xact_id(); commit; end loop; end $$');
    await start();
    await isIn('signing');
    await Promise.all(Array.from({ length: 4 }, () => write(75)));
    await allLogged();
    await stop();
    await write(7);
    const logged = await countOf();

    // What pg_dump and pg_restore do: rows as they are, and the sequence where it was.
    for (const table of TABLES) {
      const { rows } = await admin.query<{ rows: string }>(`select coalesce(json_agg(t), '[]')::text as rows from audit.${table} t`);
      await target.query(
        `insert into audit.${table} ${table === 'entry' ? 'overriding system value' : ''} select * from json_populate_recordset(null::audit.${table}, $1)`,
        [rows[0]?.rows],
      );
    }
    const { rows: last } = await admin.query<{ value: string }>(
      `select last_value as value from pg_sequences where sequencename = 'entry_id_seq'`,
    );
    await target.query(`select setval('audit.entry_id_seq', $1)`, [last[0]?.value]);
    const elsewhere = network.cities.find(({ code }) => code === ELSEWHERE);
    const here = network.cities.find(({ code }) => code === CITY);
    if (!elsewhere || !here) throw new Error('the cities are not there');
    await target.query(`alter database ${pg.escapeIdentifier(elsewhere.database)} set caregraph.city = '${CITY}'`);
    const restored: CityConfig = { ...here, nodes: elsewhere.nodes, database: elsewhere.database };

    const { secrets, subjects } = network;
    const cities = [restored];
    const writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
    const keeper = openLogKeeper({ cities, secrets, log, witnessing: null });
    const subgraph = (await startAudit({
      cities,
      secrets,
      subjects,
      log,
      witnessing: null,
      sequencing: { pollMs: 20, recheckMs: 100, standbyMs: 50 },
    })) as Subgraph;
    const stateOf = () => (subgraph.report?.()?.['auditLog'] as Record<string, { state: string }> | undefined)?.[CITY]?.state;
    try {
      await until(() => stateOf() === 'restored', 15_000, 'the state restored');
      await writeEvents(writers, CITY, 9);
      await expect(keeper.beginShard(CITY)).rejects.toThrow('--after-restore');
      await keeper.beginShard(CITY, { afterRestore: true });
      await until(() => stateOf() === 'signing', 15_000, 'the state signing');
      await writeEvents(writers, CITY, 5);
      const count = async (): Promise<number> => Number((await target.query('select count(*) n from audit.entry')).rows[0].n);
      const sizes = async (): Promise<number> => Number((await target.query('select sum(size) n from audit.log_state')).rows[0].n);
      await until(async () => (await count()) === (await sizes()), 15_000, 'the last entry in the log');
      expect(await count()).toBe(logged + 9 + 5 + 1);
      if (!subgraph.transfer) throw new Error('nothing is served');
      const shards = await walk(makeFetch(subgraph.transfer));
      expect(shards.map(({ length }) => length)).toEqual([300, 1 + 7 + 9 + 5]);
      expect(new Set(shards.flat().map(({ id }) => id)).size).toBe(logged + 15);
      for (const shard of [1, 2]) expect(await keeper.check(CITY, shard)).toMatchObject({ firstBadIndex: null, canRebuild: true });
    } finally {
      await subgraph.stop();
      await keeper.stop();
      await writers.stop();
    }
  }, 90_000);
});
