import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { startAudit } from '#audit/server.ts';
import type { Caller, RoleCode, Viewer } from '#platform/access/viewer.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { newId } from '#platform/database/new-id.ts';
import { type Executor, makeExecutor } from '#platform/graphql/executor.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { makeLog } from '#platform/observability/log.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { sizeOf, until, writeEvents } from './log-support.ts';

const log = makeLog('test', 'silent', 2);
const CITY = 'MTL';
const COUNT = 600;
let network: TestNetwork;
let admin: pg.Client;
let writers: Cities;
let subgraph: Subgraph;
let executor: Executor;

const start = async (settings: { readonly verifying?: { readonly waitMs?: number; readonly reuseMs?: number } }): Promise<void> => {
  const { cities, secrets, subjects } = network;
  // The sequencer rests, so that what is attacked stays as it is.
  subgraph = (await startAudit({
    cities,
    secrets,
    subjects,
    log,
    sequencing: null,
    witnessing: null,
    shredding: null,
    ...settings,
  })) as Subgraph;
  executor = makeExecutor(subgraph, log);
};
beforeAll(async () => {
  network = await testNetwork();
  admin = await network.admin(CITY);
  const { cities, secrets, subjects } = network;
  writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
  const first = (await startAudit({
    cities,
    secrets,
    subjects,
    log,
    sequencing: { pollMs: 20 },
    witnessing: null,
    shredding: null,
  })) as Subgraph;
  await until(async () => (await sizeOf(admin, CITY)) === 0);
  await writeEvents(writers, CITY, COUNT);
  await until(async () => (await sizeOf(admin, CITY)) === COUNT, 20_000);
  await first.stop();
  await start({ verifying: { reuseMs: 0 } });
});
afterAll(async () => {
  await subgraph?.stop();
  await writers?.stop();
  await network?.stop();
});

const aViewer = (role: RoleCode): Viewer => ({
  accountId: newId(CITY, 'acc'),
  role,
  city: CITY,
  patientId: role === 'P' ? newId(CITY, 'pat') : null,
  practitionerId: role === 'D' ? newId(CITY, 'prc') : null,
  sessionId: newId(CITY, 'ses'),
  expiresAt: Math.floor(Date.now() / 1000) + 600,
});
type View = {
  state: string;
  size: number;
  checked: number;
  shard: number | null;
  firstBadIndex: number | null;
  fault: string | null;
  startedAt: string;
  finishedAt: string | null;
  isStale: boolean | null;
  checkpoint: { size: number; cosignedAt: string | null };
};
type Answer = { data?: { verifyAuditLog: View | null }; errors?: readonly { extensions?: Record<string, unknown> }[] };
const ask = async (role: RoleCode | null, city = CITY) => {
  const viewer = role && aViewer(role);
  const caller: Caller = { viewer, requestId: randomUUID(), address: '192.0.2.1', language: 'en', origin: 'http://127.0.0.1:4000' };
  const query =
    'query ($city: String!) { verifyAuditLog(city: $city) { state size checked shard firstBadIndex fault startedAt finishedAt isStale checkpoint { size cosignedAt } } }';
  const context = subgraph.makeContext(caller);
  const { data, errors } = await (executor.run(
    { query, variables: { city } },
    caller.requestId,
    () => context,
  ) as unknown as Promise<Answer>);
  return {
    view: data?.verifyAuditLog ?? null,
    codes: (errors ?? []).map(({ extensions }) => extensions?.['code']),
    requestId: caller.requestId,
  };
};
const entriesOf = async (requestId: string) =>
  (
    await admin.query<{ act: string; outcome: number; body: Buffer }>(
      `select act, outcome, body from audit.entry where convert_from(body, 'UTF8') like '%' || $1 || '%'`,
      [requestId],
    )
  ).rows.map(({ act, outcome, body }) => [act, outcome, (JSON.parse(body.toString()) as { entities: unknown }).entities]);

describe('verifyAuditLog', () => {
  it('finds a log sound, and is recorded', async () => {
    const { view, codes, requestId } = await ask('U');
    expect(codes).toEqual([]);
    expect(view).toMatchObject({ state: 'SOUND', size: COUNT, checked: COUNT, shard: null, firstBadIndex: null, fault: null });
    expect(view?.finishedAt).not.toBeNull();
    // Nobody witnesses here, so nothing says how old the checkpoint is.
    expect([view?.checkpoint, view?.isStale]).toEqual([{ size: COUNT, cosignedAt: null }, null]);
    expect(await entriesOf(requestId)).toEqual([['verifyAuditLog', 0, [{ kind: 'AuditLog', what: CITY }]]]);
  });

  it('is for auditors alone: others are denied, which is recorded, and nothing is gone through', async () => {
    for (const role of ['P', 'D', 'A'] as const) {
      const { view, codes, requestId } = await ask(role);
      expect([role, view, codes]).toEqual([role, null, ['FORBIDDEN']]);
      expect(await entriesOf(requestId)).toEqual([['verifyAuditLog', 8, [{ kind: 'AuditLog', what: CITY }]]]);
    }
    const nobody = await ask(null);
    expect([nobody.view, nobody.codes]).toEqual([null, ['UNAUTHENTICATED']]);
    const other = await ask('U', 'XXX');
    expect([other.view, other.codes, await entriesOf(other.requestId)]).toEqual([null, ['BAD_USER_INPUT'], [['verifyAuditLog', 4, []]]]);
  });

  const leaf = (index: number): string =>
    `(xid, id) = (select xid, id from audit.entry where city = '${CITY}' order by xid, id offset ${index} limit 1)`;
  it.each([
    [
      'an entry that was changed',
      `update audit.entry set body = convert_to(replace(convert_from(body, 'UTF8'), '"bookAppointment"', '"x"'), 'UTF8') where ${leaf(37)}`,
      37,
      'ENTRIES',
    ],
    ['an entry that was taken away', `delete from audit.entry where ${leaf(300)}`, 300, 'ENTRIES'],
    [
      'a tile that was changed',
      `update audit.log_tile set data = set_byte(data, 160, get_byte(data, 160) # 1) where level = 0 and n = 1`,
      261,
      'TILES',
    ],
  ])('names %s', async (_what, sql, index, fault) => {
    await admin.query('create table public.kept_entry as table audit.entry; create table public.kept_tile as table audit.log_tile');
    try {
      await admin.query(sql);
      expect((await ask('U')).view).toMatchObject({ state: 'BROKEN', shard: 1, firstBadIndex: index, fault });
    } finally {
      // What was recorded meanwhile is not in the log yet, and goes.
      await admin.query(`delete from audit.entry; insert into audit.entry overriding system value select * from public.kept_entry;
        delete from audit.log_tile; insert into audit.log_tile select * from public.kept_tile; drop table public.kept_entry, public.kept_tile`);
    }
    expect((await ask('U')).view).toMatchObject({ state: 'SOUND' });
  });

  it('goes through a log once however many ask, and tells how far it is to whoever does not wait', async () => {
    await subgraph.stop();
    await start({ verifying: { waitMs: 0, reuseMs: 60_000 } });
    const asked = await Promise.all(Array.from({ length: 10 }, () => ask('U')));
    expect(new Set(asked.map(({ view }) => view?.startedAt)).size).toBe(1);
    expect(asked.map(({ view }) => view?.state)).toContain('RUNNING');
    await until(async () => (await ask('U')).view?.state === 'SOUND');
    const later = (await ask('U')).view;
    expect(later).toMatchObject({ state: 'SOUND', checked: COUNT, startedAt: asked[0]?.view?.startedAt });
    const other = (await ask('U', 'QUE')).view;
    expect(other?.startedAt).not.toBe(later?.startedAt);
  });
});
