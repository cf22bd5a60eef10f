import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { openLogKeeper, startAudit } from '#audit/server.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { checkpointOf, makeFetch, sizeOf, until, writeEvents } from './log-support.ts';

const CITY = 'MTL';
const COUNT = 700;
let network: TestNetwork;
let writers: Cities;
let admin: pg.Client;
let subgraph: Subgraph | null = null;
const errors: { message: string; fields: Record<string, unknown> }[] = [];
const log: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (message, fields = {}) => void errors.push({ message, fields }),
};

const start = async (more: Parameters<typeof startAudit>[0]['sequencing'] = {}): Promise<Subgraph> => {
  const { cities, secrets } = network;
  subgraph = (await startAudit({
    cities,
    secrets,
    subjects: network.subjects,
    log,
    sequencing: { pollMs: 20, recheckMs: 100, standbyMs: 50, ...more },
    witnessing: null,
  })) as Subgraph;
  return subgraph;
};
const stop = async (): Promise<void> => {
  await subgraph?.stop();
  subgraph = null;
};
type State = { state: string; firstBadIndex?: number | null };
const stateOf = (): State | undefined => (subgraph?.report?.()?.['auditLog'] as Record<string, State> | undefined)?.[CITY];
const rows = async <R extends pg.QueryResultRow>(text: string): Promise<R[]> => (await admin.query<R>(text)).rows;
const allLogged = (): Promise<void> =>
  until(async () => {
    const [row] = await rows<{ n: string }>(`select count(*) n from audit.entry where city = '${CITY}'`);
    return (await sizeOf(admin, CITY)) === Number(row?.n);
  }, 15_000);

beforeAll(async () => {
  network = await testNetwork();
  admin = await network.admin(CITY);
  writers = openCities(network.cities, {
    role: 'scheduling',
    password: network.secrets.databasePasswords.scheduling,
    subjects: network.subjects,
  });
  await start();
  await writeEvents(writers, CITY, 300);
  await allLogged();
  await writeEvents(writers, CITY, COUNT - 300);
  await allLogged();
  await stop();
  // Everything as it was published, to be put back behind each attack.
  for (const table of ['entry', 'log_state', 'log_bundle', 'log_tile', 'log_checkpoint'])
    await admin.query(`create table public.kept_${table} as table audit.${table}`);
});
afterAll(async () => {
  await stop();
  await writers?.stop();
  await network?.stop();
});
const putBack = async (): Promise<void> => {
  await admin.query('begin');
  for (const table of ['log_checkpoint', 'log_tile', 'log_bundle', 'log_state', 'entry']) await admin.query(`delete from audit.${table}`);
  for (const table of ['entry', 'log_state', 'log_bundle', 'log_tile', 'log_checkpoint'])
    await admin.query(
      `insert into audit.${table} ${table === 'entry' ? 'overriding system value' : ''} select * from public.kept_${table}`,
    );
  await admin.query('commit');
};

/** The entry of a leaf, as a condition. */
const leaf = (index: number) =>
  `(xid, id) = (select xid, id from audit.entry where city = '${CITY}' order by xid, id offset ${index} limit 1)`;
const FLIP = `set_byte(data, 32 * 5, get_byte(data, 32 * 5) # 1)`;
const OTHER_BODY = `convert_to(replace(convert_from(body, 'UTF8'), '"bookAppointment"', '"cancelAppointment"'), 'UTF8')`;
/** What somebody with every right in the database might do, and the first entry that is no longer what was published. */
const ATTACKS: readonly (readonly [what: string, sql: string, first: number | readonly [from: number, to: number] | null])[] = [
  ['changes an entry', `update audit.entry set body = ${OTHER_BODY} where ${leaf(37)}`, 37],
  ['changes the last entry', `update audit.entry set body = ${OTHER_BODY} where ${leaf(COUNT - 1)}`, COUNT - 1],
  ['takes an entry away', `delete from audit.entry where ${leaf(300)}`, 300],
  [
    'takes the last entries away',
    `delete from audit.entry where (xid, id) > (select xid, id from audit.entry order by xid, id offset 689 limit 1)`,
    690,
  ],
  [
    'puts an entry in between',
    `insert into audit.entry (city, id, xid, event_id, recorded_at, act, action, outcome, sealed, body) overriding system value
       select city, -1, xid, event_id || 'x', recorded_at, act, action, outcome, sealed, body from audit.entry where ${leaf(512)}`,
    512,
  ],
  [
    'swaps two entries',
    `update audit.entry e set body = o.body from (select id, lead(body, 2) over w as body, row_number() over w as n from audit.entry window w as (order by xid, id)
       union all select id, lag(body, 2) over w, -row_number() over w from audit.entry window w as (order by xid, id)) o
     where e.id = o.id and o.n in (101, -103)`,
    100,
  ],
  ['changes a full tile', `update audit.log_tile set data = ${FLIP} where level = 0 and n = 1`, 261],
  ['changes the tile at the edge', `update audit.log_tile set data = ${FLIP} where level = 0 and n = 2`, 517],
  ['changes a tile above', `update audit.log_tile set data = set_byte(data, 33, get_byte(data, 33) # 1) where level = 1 and n = 0`, 256],
  ['takes a tile away', `delete from audit.log_tile where level = 0 and n = 0`, 0],
  [
    'changes an entry and its tile',
    `update audit.entry set body = ${OTHER_BODY} where ${leaf(37)};
     update audit.log_tile t set data = overlay(data placing (select sha256('\\x00'::bytea || body) from audit.entry where ${leaf(37)}) from 32 * 37 + 1) where level = 0 and n = 0`,
    // No tile testifies any more: the last checkpoint that still holds is what is left.
    [0, 37],
  ],
  [
    'turns the state back',
    `update audit.log_state set size = 300, (xid, entry_id) = (select xid, id from audit.entry order by xid, id offset 299 limit 1)`,
    300,
  ],
  [
    'moves the place of the last entry',
    `update audit.log_state set (xid, entry_id) = (select xid, id from audit.entry order by xid, id offset 400 limit 1)`,
    COUNT - 1,
  ],
  ['moves a mark', `update audit.log_bundle set entry_id = entry_id + 1 where n = 1`, 256],
  ['takes the last checkpoint away', `delete from audit.log_checkpoint where size = (select max(size) from audit.log_checkpoint)`, null],
  [
    'forges a checkpoint',
    `update audit.log_checkpoint set note = replace(note, E'\\n${COUNT}\\n', E'\\n${COUNT + 1}\\n') where size = ${COUNT}`,
    null,
  ],
];

describe('a log that contradicts what was published', () => {
  it.each(ATTACKS)('when somebody %s is not signed on, and the first bad entry is named', async (_what, sql, first) => {
    await admin.query(sql);
    const before = await rows('select size, note from audit.log_checkpoint order by size');
    errors.length = 0;
    const { transfer } = await start();
    try {
      await until(() => typeof stateOf()?.firstBadIndex === 'number', 10_000, 'the alarm');
      const told = stateOf();
      expect(told).toMatchObject({ state: 'broken' });
      const [from, to] = first === null ? [0, COUNT] : typeof first === 'number' ? [first, first] : first;
      expect(told?.firstBadIndex).toBeGreaterThanOrEqual(from);
      expect(told?.firstBadIndex).toBeLessThanOrEqual(to);
      expect(errors).toEqual([
        expect.objectContaining({ fields: { city: CITY, firstBadIndex: told?.firstBadIndex, fault: expect.any(String) } }),
      ]);
      // Entries are still taken, and readers go on.
      await writeEvents(writers, CITY, 2);
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(await rows('select size, note from audit.log_checkpoint order by size')).toEqual(before);
      if (transfer) expect((await makeFetch(transfer)(`${CITY}/checkpoint`)).status).toBe(200);
    } finally {
      await stop();
      await putBack();
    }
  });

  it('is made anew from its entries where these are still those that were published, and only there', async () => {
    const keeper = openLogKeeper(network);
    try {
      expect(await keeper.check(CITY)).toMatchObject({ size: COUNT, firstBadIndex: null, canRebuild: true });
      await admin.query(`delete from audit.log_tile; delete from audit.log_bundle where n = 1; update audit.log_state set size = 5`);
      expect(await keeper.check(CITY)).toMatchObject({ firstBadIndex: 0, canRebuild: true });
      expect(await keeper.rebuild(CITY)).toMatchObject({ isRebuilt: true });
      for (const table of ['log_tile', 'log_bundle', 'log_state'])
        expect(
          await rows(
            `(select * from audit.${table} except select * from public.kept_${table}) union all (select * from public.kept_${table} except select * from audit.${table})`,
          ),
        ).toEqual([]);

      await admin.query(
        `update audit.entry set body = ${OTHER_BODY} where ${leaf(37)}; update audit.log_tile set data = ${FLIP} where level = 0 and n = 2`,
      );
      const spoilt = await rows('select * from audit.log_tile order by level, n');
      expect(await keeper.rebuild(CITY)).toMatchObject({ found: { firstBadIndex: 37, canRebuild: false }, isRebuilt: false });
      expect(await rows('select * from audit.log_tile order by level, n')).toEqual(spoilt);
    } finally {
      await keeper.stop();
      await putBack();
    }
  });

  it('while it runs is found as well, and signed again once it is whole', async () => {
    await start();
    await until(() => stateOf()?.state === 'signing');
    await admin.query(`update audit.entry set body = ${OTHER_BODY} where ${leaf(600)}`);
    await until(() => stateOf()?.state === 'broken' && stateOf()?.firstBadIndex === 600, 10_000, 'the alarm');
    await putBack();
    await writeEvents(writers, CITY, 3);
    await until(() => stateOf()?.state === 'signing', 10_000, 'signing again');
    await allLogged();
    expect(await sizeOf(admin, CITY)).toBe(COUNT + 3);
    await stop();
    await putBack();
  });

  it('stays as it is where nothing was done to it', async () => {
    const { transfer } = await start();
    await until(() => stateOf()?.state === 'signing');
    if (!transfer) throw new Error('nothing is served');
    expect((await checkpointOf(makeFetch(transfer), CITY)).checkpoint.size).toBe(COUNT);
  });
});
