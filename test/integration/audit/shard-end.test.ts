import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type pg from 'pg';
import { openLogKeeper } from '#audit/server.ts';
import { auditEnv } from '#test/support/audit-env.ts';
import { sizeOf } from './log-support.ts';
import { countOf, openWitnessWorld, type Running, until, untilCosigned, type WitnessWorld, writeAll } from './witness-support.ts';

const CITY = 'MTL';
const BOTH = ['QUE', 'SHE'] as const;
let world: WitnessWorld;
let admin: pg.Client;
let keeper: ReturnType<typeof openLogKeeper>;

beforeAll(async () => {
  world = await openWitnessWorld();
  admin = await world.network.admin(CITY);
  const { cities, secrets } = world.network;
  keeper = openLogKeeper({ cities, secrets, log: world.log });
  await grow();
});
afterEach(() => world.stop());
afterAll(async () => {
  await keeper?.stop();
  await world?.end();
});

/** The log grows and is cosigned to its end; afterwards nothing runs. */
const grow = async (): Promise<void> => {
  const { fetch } = await world.start();
  await writeAll(world.writers, CITY, 3);
  await until(async () => (await logged()) === (await countOf(admin, CITY)), 15_000, 'the last entry in the log');
  await untilCosigned(fetch, CITY, await sizeOf(admin, CITY), BOTH);
  await world.stop();
};
const logged = async (): Promise<number> =>
  Number((await admin.query('select sum(size) n from audit.log_state where city = $1', [CITY])).rows[0]?.n);
const linesOf = async (shard: number): Promise<string[]> =>
  (
    await admin.query<{ witness: string }>(
      `select w.witness from audit.log_cosignature w join audit.log_shard o on o.city = w.city and o.shard = w.shard and o.final_size = w.size
        where w.city = $1 and w.shard = $2 order by w.witness`,
      [CITY, shard],
    )
  ).rows.map(({ witness }) => witness);
const current = async (): Promise<number> => (await keeper.shards(CITY)).length;
const setReadable = async (isReadable: boolean): Promise<void> => {
  for (const city of BOTH)
    await (await world.network.admin(city)).query(
      `${isReadable ? 'grant' : 'revoke'} select on audit.witness_log ${isReadable ? 'to' : 'from'} sequencer`,
    );
};
const untilWitnessed = async (subgraph: Running, shard: number): Promise<void> => {
  const size = (await keeper.shards(CITY))[shard - 1]?.final?.size ?? -1;
  await untilCosigned(subgraph.fetch, `${CITY}/${shard}`, size, BOTH);
};

it('of a log whose sequencer does not run is cosigned when the command returns', async () => {
  const shard = await current();
  const size = (await sizeOf(admin, CITY)) + 1;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['tools/audit-log.ts', 'begin-shard', CITY], {
    env: auditEnv(world.network),
    timeout: 40_000,
  });
  expect(stderr).toBe('');
  expect(stdout).toContain(
    `is closed with ${size} entries; shard ${shard + 1} has begun.\nIts final checkpoint is witnessed, by ${BOTH.join(', ')}.\n`,
  );
  expect(await linesOf(shard)).toHaveLength(BOTH.length);
  expect((await keeper.shards(CITY))[shard - 1]?.final?.size).toBe(size);
  const subgraph = await world.start();
  await untilWitnessed(subgraph, shard);
}, 60_000);

it('is closed though no witness answers, says so, and gets its lines from the next sequencer', async () => {
  await grow();
  const shard = await current();
  await setReadable(false);
  try {
    const { end } = await keeper.beginShard(CITY);
    expect(end).toEqual({ isWitnessed: false, witnesses: [] });
    expect(await linesOf(shard)).toEqual([]);
  } finally {
    await setReadable(true);
  }
  const subgraph = await world.start();
  await untilWitnessed(subgraph, shard);
  expect(await linesOf(shard)).toHaveLength(BOTH.length);
}, 60_000);
