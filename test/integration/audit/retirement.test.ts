import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { makeVerifyAuditLog } from '#audit/service/verify-audit-log.ts';
import type { Caller } from '#platform/access/viewer.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { tilePath } from '#platform/tlog/tiles.ts';
import { until } from './log-support.ts';
import {
  admin,
  allLogged,
  CITY,
  countOf,
  isIn,
  keeper,
  log,
  network,
  openWorld,
  rows,
  said,
  start,
  stateOf,
  stop,
  write,
} from './shard-world.ts';

openWorld();

const ENTRIES = 40;
const LATE = 5;
let folder: string;
let auditors: Cities | null = null;
const archive = (): string => path.join(folder, 'archive');
const retire = (shard: number) => keeper.retire(CITY, shard, { archive: archive(), retentionDays: 0 });
const leavesOf = async (shard: number): Promise<number> =>
  Number((await rows<{ size: string }>('select size from audit.log_state where shard = $1', [shard]))[0]?.size);
const idsOfLate = async (): Promise<string[]> =>
  (await rows<{ id: string }>('select id from audit.entry order by id desc limit $1', [LATE])).map(({ id }) => id).reverse();

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'caregraph-retirement-'));
  await start();
  await isIn('signing');
  await write(ENTRIES);
  await allLogged();
  await keeper.beginShard(CITY);
  await write(3);
  await allLogged();
  await stop();
});
afterEach(stop);
afterAll(async () => {
  await auditors?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Retires shard 1 in a process of its own, which is killed once `isThere`; gives what it said. */
const killWhen = async (isThere: (said: string) => Promise<boolean>): Promise<string> => {
  const child = spawn(process.execPath, [path.resolve('test/integration/audit/retire-child.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
  let heard = '';
  child.stdout.on('data', (bytes: Buffer) => {
    heard += bytes.toString();
  });
  const { cities, secrets } = network;
  child.stdin.end(JSON.stringify({ cities, secrets, city: CITY, shard: 1, archive: archive() }));
  try {
    await until(() => isThere(heard), 30_000, 'the place to kill it at');
    child.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
  } finally {
    child.kill('SIGKILL');
  }
  return heard;
};
/** Locks that are held; none once the connection of a killed process has ended. */
const locks = (): Promise<unknown[]> =>
  rows(`select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
    and pid <> pg_backend_pid()`);
const told = (): Promise<unknown[]> => rows(`select from audit.entry where act = 'retireLogShard'`);

describe('a retirement whose process is killed', () => {
  it('has deleted a part, and a restored backup waits until it is finished', async () => {
    const heard = await killWhen(async (said) => said.includes('deleting 8\n'));
    expect(heard).not.toContain('done');
    const [row] = await keeper.shards(CITY);
    expect([row?.archivedAt !== null, row?.retiredAt]).toEqual([true, null]);
    const left = Number((await rows<{ n: string }>(`select count(*) n from audit.entry where act = 'bookAppointment'`))[0]?.n);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(ENTRIES);
    const before = await rows('select * from audit.log_shard order by shard');
    await expect(keeper.beginShard(CITY, { afterRestore: true })).rejects.toThrow(`npm run audit-log -- retire ${CITY} 1`);
    await expect(admin.query(`select audit.part_log_times('${CITY}')`)).rejects.toMatchObject({ code: '55000' });
    expect(await rows('select * from audit.log_shard order by shard')).toEqual(before);
  });

  it('between the last deletion and the entry that tells of it: neither that nor the mark is there', async () => {
    const KEY = 7_700_001;
    const waiting = `select pid from pg_stat_activity where usename = 'sequencer' and datname = current_database() and wait_event = 'advisory'
      and query like '%retire_log_shard%'`;
    await admin.query(
      `create function public.hold_entry() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(${KEY}); return new; end $$`,
    );
    await admin.query(
      `create trigger hold before insert on audit.entry for each row when (new.act = 'retireLogShard') execute function public.hold_entry()`,
    );
    await admin.query(`select pg_advisory_lock(${KEY})`);
    try {
      await until(async () => (await locks()).length === 0, 15_000, 'the end of the killed connection');
      const heard = await killWhen(async () => (await rows(waiting)).length === 1);
      expect(heard).not.toContain('done');
      await admin.query(`select pg_terminate_backend(pid) from (${waiting}) w`);
      await until(async () => (await rows(waiting)).length === 0, 15_000, 'the end of its statement');
    } finally {
      await admin.query(`select pg_advisory_unlock(${KEY})`);
      await admin.query('drop trigger hold on audit.entry');
      await admin.query('drop function public.hold_entry');
    }
    expect(await rows('select from audit.log_tile where shard = 1')).toEqual([]);
    expect((await keeper.shards(CITY))[0]?.retiredAt).toBeNull();
    expect(await told()).toEqual([]);
  });

  it('takes nothing that was written since, whatever transaction numbers it has', async () => {
    // As it is where the database was restored into a cluster whose numbers begin lower.
    await until(async () => (await locks()).length === 0, 15_000, 'the end of the killed connection');
    const count = await countOf();
    const other = path.join(folder, 'other');
    await expect(keeper.retire(CITY, 1, { archive: other, retentionDays: 0 })).rejects.toThrow(
      `was archived before and is not in ${other}/${CITY}/1: name its archive with --archive or AUDIT_ARCHIVE_DIR`,
    );
    expect([await countOf(), existsSync(other)]).toEqual([count, false]);
    await write(LATE);
    const late = await idsOfLate();
    const [last] = await rows<{ xid: string }>('select xid from audit.log_state where shard = 1');
    await admin.query('update audit.entry set xid = $1 where id = any($2)', [String(BigInt(last?.xid ?? 0) - 1n), late]);
    await retire(1);
    expect((await rows<{ id: string }>('select id from audit.entry where id = any($1) order by id', [late])).map(({ id }) => id)).toEqual(
      late,
    );
    expect((await keeper.shards(CITY))[0]?.retiredAt).toEqual(expect.any(Date));
    expect(await told()).toHaveLength(1);
    // Once more does nothing.
    expect(await retire(1)).toMatchObject({ deleted: 0 });
    expect(await told()).toHaveLength(1);
  });
});

describe('entries that lie in no shard', () => {
  it('are counted, and the first is named, by the command, by health and by verifyAuditLog', async () => {
    const late = await idsOfLate();
    const numbered = {
      count: LATE,
      firstId: (
        await rows<{ id: string }>(
          `select min(id) id from audit.entry where id < any($1) and act = 'bookAppointment' and xid < (select begin_xid from audit.log_shard where shard = 2)`,
          [late],
        )
      )[0]?.id,
    };
    const found = await keeper.unplaced(CITY);
    expect(found).toEqual(numbered);
    await start();
    await isIn('signing');
    await until(() => (stateOf() as { unplaced?: number })?.unplaced === LATE, 15_000, 'the count in health');
    expect(stateOf()).toMatchObject({ state: 'signing', unplaced: LATE, firstUnplacedId: found.firstId });
    expect(said.filter(({ message }) => message === 'entries lie in no shard of the audit log')).toMatchObject([
      { level: 'error', fields: { unplaced: LATE, firstUnplacedId: found.firstId } },
    ]);
    const { cities, secrets, subjects } = network;
    auditors = openCities(cities, { role: 'audit', password: secrets.databasePasswords.audit, subjects });
    const verify = makeVerifyAuditLog(auditors, new Map(), log, { waitMs: 15_000 });
    const viewer = {
      accountId: `${CITY}-acc-unplaced`,
      role: 'U',
      city: CITY,
      patientId: null,
      practitionerId: null,
      sessionId: `${CITY}-ses-unplaced`,
      expiresAt: Math.floor(Date.now() / 1000) + 600,
    } as const;
    const caller: Caller = { viewer, requestId: 'unplaced', address: '192.0.2.1', language: 'en', origin: 'http://127.0.0.1:4000' };
    const [first] = await rows<{ event_id: string }>('select event_id from audit.entry where id = $1', [found.firstId]);
    expect(await verify(caller, CITY)).toMatchObject({
      state: 'BROKEN',
      fault: 'UNPLACED',
      unplaced: LATE,
      firstUnplaced: first?.event_id,
      shard: null,
      firstBadIndex: null,
    });
    // What is not there any more is no longer told of, and the log was signed all the while.
    await admin.query(`delete from audit.entry where xid < (select begin_xid from audit.log_shard where shard = 2)`);
    await until(() => (stateOf() as { unplaced?: number })?.unplaced === undefined, 15_000, 'health without a count');
    await write(1);
    await allLoggedNow();
    expect(stateOf()).toEqual(expect.objectContaining({ state: 'signing' }));
    expect(await keeper.unplaced(CITY)).toEqual({ count: 0, firstId: null });
    await stop();
  });
});

const allLoggedNow = (): Promise<void> =>
  until(
    async () =>
      Number(
        (
          await rows<{ n: string }>(
            'select sum(size) n from audit.log_state join audit.log_shard using (city, shard) where retired_at is null',
          )
        )[0]?.n,
      ) === (await countOf()),
    20_000,
    'the last entry in the log',
  );

describe('shards that are old enough', () => {
  it('are retired by themselves, and not while the database is taken for a restored backup', async () => {
    await start();
    await isIn('signing');
    await keeper.beginShard(CITY);
    await write(2);
    await allLoggedNow();
    await stop();
    const shards = { shardDays: null, checkpointMinutes: 60, archive: archive(), retentionDays: 0, keysFile: null };
    const [own] = await rows<{ cluster: string }>('select cluster from audit.log_shard where closed_at is null');
    await admin.query(`update audit.log_shard set cluster = '1' where closed_at is null`);
    await admin.query(`update audit.log_state set xid = '1000000000000' where shard = 3`);
    const count = await countOf();
    await start({}, undefined, shards);
    await isIn('restored');
    await stop();
    expect([await countOf(), existsSync(path.join(archive(), CITY, '2'))]).toEqual([count, false]);

    await admin.query('update audit.log_shard set cluster = $1 where closed_at is null', [own?.cluster]);
    await admin.query(`update audit.log_state set xid = (select max(xid) from audit.entry) where shard = 3`);
    await start({}, undefined, shards);
    await until(async () => (await keeper.shards(CITY))[1]?.retiredAt instanceof Date, 20_000, 'a retired shard');
    await until(
      () => said.some(({ message, fields }) => message === 'a shard of the audit log was retired' && fields['shard'] === 2),
      15_000,
    );
    await allLoggedNow();
    await stop();
    expect((await keeper.shards(CITY))[2]).toMatchObject({ closedAt: null, retiredAt: null });
    expect(await keeper.check(CITY)).toMatchObject({ firstBadIndex: null });
  });

  it('are verified in the archive by the verifier of the command line, which names a change', async () => {
    for (const shard of [1, 2]) {
      const where = path.join(archive(), CITY, String(shard));
      const vkey = (await readFile(path.join(where, 'key'), 'utf8')).trim();
      // Each time as somebody who never saw the log before.
      const verify = (time: number) => {
        const args = ['tools/verify-audit.ts', where, '--key', vkey, '--state', path.join(folder, `state-${shard}-${time}`), '--json'];
        return promisify(execFile)(process.execPath, args, { timeout: 60_000 });
      };
      const { stdout } = await verify(1);
      expect(stdout).toContain(`"size":${await leavesOf(shard)}`);
      if (shard === 1) continue;
      const bundle = path.join(where, tilePath({ level: 'entries', index: 0, width: await leavesOf(shard) }));
      const bytes = await readFile(bundle);
      await writeFile(
        bundle,
        bytes.map((byte, i) => (i === 50 ? byte ^ 1 : byte)),
      );
      await expect(verify(2)).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining('"firstBadIndex":0') });
    }
  });
});

describe('the role that signs', () => {
  it('cannot open a shard again, give it another end, or make it older', async () => {
    const before = await rows('select * from audit.log_shard order by shard');
    for (const change of [
      'update audit.log_shard set closed_at = null, final_size = null, final_note = null where shard = 1',
      `update audit.log_shard set closed_at = now() - interval '20 years' where shard = 2`,
      `update audit.log_shard set final_note = 'x' where shard = 1`,
      `update audit.log_shard set archive_sha256 = 'x' where shard = 1`,
      'update audit.log_state set closed = false where shard = 1',
      'update audit.log_shard set max_id = 1 where shard = 3',
      `select audit.retire_log_shard('${CITY}', 1, interval '-1 day', 1, 'x', now(), '', '')`,
    ]) {
      await admin.query('set role sequencer');
      const outcome = await admin.query(change).then(
        () => 'done',
        ({ code }: { code: string }) => code,
      );
      await admin.query('reset role');
      expect([change, outcome]).toEqual([change, expect.stringMatching(/^(?:23514|42501)$/)]);
    }
    expect(await rows('select * from audit.log_shard order by shard')).toEqual(before);
  });
});

describe('a log that is known to be broken', () => {
  it('is not closed with a signature, and is once it is whole again', async () => {
    await start();
    await isIn('signing');
    await Promise.all(Array.from({ length: 4 }, () => write(70)));
    await allLoggedNow();
    const [changed] = await rows<{ id: string; body: Buffer }>(
      `select id, body from audit.entry where xid > (select begin_xid from audit.log_shard where shard = 3) order by xid, id offset 20 limit 1`,
    );
    const putBody = (body: Buffer | undefined) => admin.query('update audit.entry set body = $1 where id = $2', [body, changed?.id]);
    await putBody(changed?.body.map((byte, i) => (i === 50 ? byte ^ 1 : byte)) as Buffer);
    await isIn('broken');
    const before = await rows('select * from audit.log_shard order by shard');
    const signed = await rows('select shard, size from audit.log_checkpoint order by shard, size');
    // Health says so a moment before the other connections are told.
    await until(() => said.some(({ message }) => message.startsWith('the audit log contradicts')), 15_000);
    await expect(keeper.beginShard(CITY)).rejects.toThrow('its end is not signed');
    expect(await rows('select * from audit.log_shard order by shard')).toEqual(before);
    expect(await rows('select shard, size from audit.log_checkpoint order by shard, size')).toEqual(signed);
    await putBody(changed?.body);
    await isIn('signing');
    expect(await keeper.beginShard(CITY)).toMatchObject({ shard: 4 });
  });
});
