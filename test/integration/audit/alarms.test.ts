import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { MAX_ALARMS, readAlarms, saveAlarm } from '#audit/store/witness-store.ts';
import { openSealed } from '#platform/audit/sealed.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { hashLeaf } from '#platform/tlog/merkle.ts';
import { makeNoteSigner } from '#platform/tlog/note.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';
import { formatAddCheckpoint } from '#platform/tlog/witness.ts';
import { auditEnv } from '#test/support/audit-env.ts';
import {
  countOf,
  openWitnessWorld,
  type Running,
  reportOf,
  textOf,
  until,
  untilCosigned,
  type WitnessWorld,
  writeAll,
} from './witness-support.ts';

const CITY = 'MTL';
const WITNESS = 'QUE';
const ORIGIN = `caregraph.example/audit/${CITY}`;
const REASON = 'the key was out; a shard with a new key was begun';
let world: WitnessWorld;
let admin: pg.Client;
let subgraph: Running;
let readers: Cities;
let folder: string;
let key: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'caregraph-alarms-'));
  world = await openWitnessWorld();
  const { cities, secrets, subjects } = world.network;
  readers = openCities(cities, { role: 'audit', password: secrets.databasePasswords.audit, subjects });
  admin = await world.network.admin(WITNESS);
  subgraph = await world.start();
  await writeAll(world.writers, CITY, 3);
  await untilCosigned(subgraph.fetch, CITY, await countOf(await world.network.admin(CITY), CITY), [WITNESS]);
  key = (await textOf(subgraph.fetch, `${CITY}/key`)).trim();
});
afterAll(async () => {
  await readers?.stop();
  await world?.end();
  await rm(folder, { recursive: true, force: true });
});

type Done = { readonly code: number; readonly stdout: string; readonly stderr: string };
/** `npm run audit-log -- …` with the settings of production. */
const run = (...args: readonly string[]): Promise<Done> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      ['tools/audit-log.ts', ...args],
      { env: auditEnv(world.network), timeout: 40_000 },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    );
  });
type Row = {
  readonly id: string;
  readonly closed_at: Date | null;
  readonly closed_by: string | null;
  readonly closed_event: string | null;
};
const rowsOf = async (): Promise<Row[]> =>
  (await admin.query<Row>('select * from audit.witness_alarm where city = $1 order by id', [WITNESS])).rows;
const closings = async () =>
  (
    await admin.query<{ event_id: string; xid: string; actor_tag: Buffer; sealed: Buffer; body: Buffer }>(
      `select event_id, xid::text, actor_tag, sealed, body from audit.entry where city = $1 and act = 'closeLogAlarm' order by id`,
      [WITNESS],
    )
  ).rows;
const alarmsInHealth = async () => {
  await subgraph.health();
  return reportOf(subgraph, WITNESS)?.alarms;
};
const untilHealth = (count: number): Promise<void> =>
  until(
    async () => JSON.stringify(await alarmsInHealth()) === JSON.stringify(count === 0 ? [] : [{ origin: ORIGIN, kind: 'fork', count }]),
    15_000,
    `${count} alarms in health`,
  );
/** The log's key signs another tree of the size where the witness stands, and the witness is shown it. */
const fork = async (other: string): Promise<void> => {
  const own = world.network.secrets.logKeys[CITY]?.[0];
  if (!own) throw new Error('no key');
  const signer = makeNoteSigner(ORIGIN, openSigningKey(Buffer.from(own.privateJwk['d'] ?? '', 'base64url')));
  const { rows } = await admin.query<{ size: number }>('select size::int from audit.witness_log where origin = $1', [ORIGIN]);
  const size = rows[0]?.size ?? 0;
  const note = await signCheckpoint({ origin: ORIGIN, size, root: hashLeaf(Buffer.from(other)) }, signer);
  const body = formatAddCheckpoint({ oldSize: size, proof: [], note });
  expect((await subgraph.fetch(`${WITNESS}/witness/add-checkpoint`, {}, 'POST', body)).status).toBe(409);
};
const forked = async (other: string): Promise<string> => {
  const before = (await rowsOf()).length;
  await fork(other);
  await until(async () => (await rowsOf()).length === before + 1, 15_000, 'the alarm');
  return `${WITNESS}-alarm-${(await rowsOf()).at(-1)?.id}`;
};
const close = (id: string, ...more: readonly string[]): Promise<Done> => run('close-alarm', id, '--reason', REASON, ...more);
const everything = async () => JSON.stringify([await rowsOf(), await countOf(admin, WITNESS)]);

describe('an alarm of a witness', () => {
  let id: string;
  beforeAll(async () => {
    id = await forked('one');
    await untilHealth(1);
  });

  it('is listed with its notes in a file, which anybody can check by the key of the log alone', async () => {
    const listed = await run('alarms', '--evidence', folder);
    expect([listed.code, listed.stderr]).toEqual([0, '']);
    expect(listed.stdout).toContain(`${id}  fork  ${ORIGIN} signed two trees of `);
    expect(listed.stdout).toContain('; open\n');
    const file = path.join(folder, `${id}.json`);
    const { notes } = JSON.parse(await readFile(file, 'utf8')) as { notes: string[] };
    const [alarm] = await readAlarms(readers.of(WITNESS));
    expect(notes).toEqual([alarm?.known.note, alarm?.note]);
    const checked = await run('check-evidence', file, '--key', key);
    expect(checked).toMatchObject({ code: 0, stderr: '' });
    expect(checked.stdout).toMatch(/^The key of caregraph\.example\/audit\/MTL signed two different trees of \d+ entries\.\n$/);
    const others = (await textOf(subgraph.fetch, 'SHE/key')).trim();
    expect(await run('check-evidence', file, '--key', others)).toMatchObject({ code: 1, stdout: '' });
    const harmless = path.join(folder, 'harmless.json');
    await writeFile(harmless, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), notes: [notes[0], notes[0]] }));
    expect(await run('check-evidence', harmless, '--key', key)).toMatchObject({
      code: 1,
      stderr: 'Proves nothing: the notes do not contradict each other\n',
    });
  }, 60_000);

  it.each([
    ['no reason', ['close-alarm', 'QUE-alarm-1'], '--reason: is missing'],
    ['an empty one', ['close-alarm', 'QUE-alarm-1', '--reason', ' '], '--reason: is missing'],
    ['one of two lines', ['close-alarm', 'QUE-alarm-1', '--reason', 'a\nb'], '--reason: is missing'],
    ['nobody', ['close-alarm', 'QUE-alarm-1', '--reason', 'a', '--by', ''], '--by: is missing'],
    ['no ID', ['close-alarm', '1', '--reason', 'a'], 'by its ID'],
    ['no such city', ['close-alarm', 'XXX-alarm-1', '--reason', 'a'], 'no such city'],
    ['a flag of another command', ['alarms', '--reason', 'a'], '--reason is not for alarms'],
  ])('is not closed with %s', async (_what, args, message) => {
    const before = await everything();
    const done = await run(...args);
    expect([done.code, done.stdout]).toEqual([2, '']);
    expect(done.stderr).toContain(message);
    expect(await everything()).toBe(before);
  });

  it.each(['patients', 'scheduling', 'files', 'audit', 'relay'] as const)('is not closed or changed by the role %s', async (role) => {
    const before = await everything();
    await admin.query(`set role ${role}`);
    try {
      for (const text of [
        `select audit.close_witness_alarm('QUE', 1, 'x', 'x', 'x', 'x', now(), null, '', '{}')`,
        `update audit.witness_alarm set closed_at = now(), closed_by = 'x', closed_user = 'x', closed_reason = 'x', closed_event = 'x'`,
        `delete from audit.witness_alarm`,
      ])
        await expect(admin.query(text)).rejects.toMatchObject({ code: '42501' });
    } finally {
      await admin.query('reset role');
    }
    expect(await everything()).toBe(before);
  });
  it('is not changed by the role that closes it in any other way', async () => {
    const before = await everything();
    await admin.query('set role sequencer');
    try {
      for (const text of [`update audit.witness_alarm set kind = kind`, `delete from audit.witness_alarm`])
        await expect(admin.query(text)).rejects.toMatchObject({ code: '42501' });
    } finally {
      await admin.query('reset role');
    }
    expect(await everything()).toBe(before);
  });

  it('stays open where the entry cannot be written', async () => {
    await admin.query(`create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'full'; end $$`);
    await admin.query(
      `create trigger refuse before insert on audit.entry for each row when (new.act = 'closeLogAlarm') execute function public.refuse()`,
    );
    try {
      const before = await everything();
      expect(await close(id)).toMatchObject({ code: 1, stdout: '' });
      expect(await everything()).toBe(before);
    } finally {
      await admin.query('drop trigger refuse on audit.entry');
    }
  });

  it('is closed once by several at the same time: with who, when and why, and an entry of the same transaction', async () => {
    const done = await Promise.all(['alice', 'bob'].map((by) => close(id, '--by', by)));
    expect(done.map(({ code }) => code).sort()).toEqual([0, 1]);
    const winner = done[0]?.code === 0 ? 'alice' : 'bob';
    expect(done.find(({ code }) => code === 1)?.stderr).toContain(`${id} is closed already`);
    const [alarm, ...others] = await readAlarms(readers.of(WITNESS));
    expect(others).toEqual([]);
    expect(alarm?.closed).toMatchObject({ by: winner, user: expect.stringMatching(/./), reason: REASON });
    const [entry, ...more] = await closings();
    expect(more).toEqual([]);
    expect(entry?.event_id).toBe(alarm?.closed?.event);
    const { rows } = await admin.query<{ xmin: string }>('select xmin::text from audit.witness_alarm where city = $1', [WITNESS]);
    expect(String(BigInt(entry?.xid ?? 0) % 2n ** 32n)).toBe(rows[0]?.xmin);
    const evidence = await readFile(path.join(folder, `${id}.json`), 'utf8');
    expect(JSON.parse(entry?.body.toString() ?? '')).toMatchObject({
      act: 'closeLogAlarm',
      action: 'E',
      outcome: '0',
      entities: [
        { kind: 'AuditLog', what: ORIGIN },
        { kind: 'AuditLogAlarm', what: id, sha256: hash('sha256', evidence, 'hex') },
      ],
    });
    // Who and why are committed to, and open with the keys of this city.
    expect(entry?.body.toString()).not.toMatch(/alice|bob|the key was out/);
    const keys = world.network.subjects.of(WITNESS);
    expect(entry?.actor_tag.equals(keys.tagOf(`operator:${winner}`))).toBe(true);
    const sealed = openSealed(entry?.sealed ?? Buffer.alloc(0), entry?.event_id ?? '', keys);
    expect([sealed.get('actor')?.value, sealed.get('value:reason')?.value, sealed.get('value:user')?.value]).toEqual([
      `operator:${winner}`,
      REASON,
      alarm?.closed?.user,
    ]);
    await untilHealth(0);
    expect(reportOf(subgraph, CITY)?.state).toBe('signing');
    const listed = await run('alarms', id, '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject({
      id,
      kind: 'fork',
      origin: ORIGIN,
      closed: { by: winner, reason: REASON },
      again: null,
    });
    expect(await run('alarms', '--open')).toEqual({ code: 0, stdout: 'There are no alarms.\n', stderr: '' });
  }, 60_000);

  it('that is closed or unknown is not closed again', async () => {
    const before = await everything();
    const again = await close(id);
    expect([again.code, again.stdout]).toEqual([1, '']);
    expect(again.stderr).toContain(`${id} is closed already`);
    const unknown = await close(`${WITNESS}-alarm-999`);
    expect([unknown.code, unknown.stderr]).toEqual([1, `city ${WITNESS} keeps no alarm ${WITNESS}-alarm-999\n`]);
    expect((await run('alarms', `${WITNESS}-alarm-999`)).code).toBe(1);
    expect(await everything()).toBe(before);
  });

  it('is a new one where the same notes are shown again, or others', async () => {
    const same = await forked('one');
    await fork('one');
    const other = await forked('two');
    await untilHealth(2);
    const kept = await readAlarms(readers.of(WITNESS));
    expect(
      kept.map((each) => [`${WITNESS}-alarm-${each.id}`, each.again && `${WITNESS}-alarm-${each.again}`, each.closed === null]),
    ).toEqual([
      [id, null, false],
      [same, id, true],
      [other, null, true],
    ]);
    expect(await close(same)).toMatchObject({ code: 0 });
    expect(await close(other)).toMatchObject({ code: 0 });
    await untilHealth(0);
    expect(await closings()).toHaveLength(3);
  }, 60_000);

  it('can be raised however many were closed, and open ones are bounded', async () => {
    const [first] = await readAlarms(readers.of(WITNESS));
    if (!first) throw new Error('no alarm');
    const raise = (i: number): Promise<boolean> =>
      readers.of(WITNESS).transaction((tx) => saveAlarm(tx, WITNESS, { ...first, root: hashLeaf(Buffer.from(`bound ${i}`)) }));
    for (let i = 0; i < MAX_ALARMS; i++) expect(await raise(i)).toBe(true);
    expect(await raise(MAX_ALARMS)).toBe(false);
    const last = (await rowsOf()).at(-1)?.id;
    expect(await close(`${WITNESS}-alarm-${last}`)).toMatchObject({ code: 0 });
    expect(await raise(MAX_ALARMS)).toBe(true);
    expect(await raise(MAX_ALARMS)).toBe(false);
  }, 60_000);
});
