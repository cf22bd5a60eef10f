import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { openLogKeeper } from '#audit/server.ts';
import { evidenceOf } from '#audit/service/witness/alarms.ts';
import { openCheckpoint } from '#platform/tlog/checkpoint.ts';
import { checkEvidence, parseEvidence } from '#platform/tlog/evidence.ts';
import { EMPTY_ROOT, proveConsistency, verifyConsistency } from '#platform/tlog/merkle.ts';
import { formatNote, makeNoteVerifier, parseNote } from '#platform/tlog/note.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { formatAddCheckpoint } from '#platform/tlog/witness.ts';
import { bodiesOf, type Fetch, sizeOf, sourceOf } from './log-support.ts';
import {
  countOf,
  openWitnessWorld,
  publishedOf,
  type Report,
  type Running,
  reportOf,
  textOf,
  until,
  untilCosigned,
  viewOf,
  type WitnessWorld,
  writeAll,
} from './witness-support.ts';

let world: WitnessWorld;
beforeAll(async () => {
  world = await openWitnessWorld();
});
afterEach(() => world.stop());
afterAll(() => world?.end());

/** The tables of a log, children first. */
const TABLES = ['log_cosignature', 'log_checkpoint', 'log_tile', 'log_bundle', 'log_state', 'log_shard', 'entry'] as const;
const keep = async (admin: pg.Client, name: string): Promise<void> => {
  for (const table of TABLES) await admin.query(`create table public.${name}_${table} as table audit.${table}`);
};
/** Puts a copy of the database's log in the place of what is there. */
const restore = async (admin: pg.Client, name: string): Promise<void> => {
  await admin.query('begin');
  for (const table of TABLES) await admin.query(`delete from audit.${table}`);
  for (const table of TABLES.toReversed())
    await admin.query(
      `insert into audit.${table} ${table === 'entry' ? 'overriding system value ' : ''}select * from public.${name}_${table}`,
    );
  await admin.query('commit');
};
const standing = async (witness: string, of: string): Promise<{ size: number; root: string } | null> => {
  const { rows } = await (await world.network.admin(witness)).query(
    `select size::int, encode(root, 'hex') as root from audit.witness_log where city = $1 and origin = $2`,
    [witness, `caregraph.example/audit/${of}`],
  );
  return rows[0] ?? null;
};

describe('a log whose past is another one', () => {
  const CITY = 'MTL';
  const ORIGIN = `caregraph.example/audit/${CITY}`;
  const BOTH = ['QUE', 'SHE'] as const;
  let admin: pg.Client;
  let copies = 0;
  let [older, whole] = ['', ''];
  /** Sizes of the two copies: of an old one, and of the log as its witnesses know it. */
  let [before, known] = [0, 0];
  beforeAll(async () => {
    admin = await world.network.admin(CITY);
  });
  /** The log grows under its witnesses' eyes, and is copied on the way and at the end. Nothing runs afterwards. */
  const grow = async (): Promise<void> => {
    const first = await world.start();
    await writeAll(world.writers, CITY, 11);
    before = await countOf(admin, CITY);
    await untilCosigned(first.fetch, CITY, before, BOTH);
    await world.stop();
    older = `copy${++copies}`;
    await keep(admin, older);
    const { fetch } = await world.start();
    await writeAll(world.writers, CITY, 20);
    known = await countOf(admin, CITY);
    await untilCosigned(fetch, CITY, known, BOTH);
    await world.stop();
    whole = `copy${++copies}`;
    await keep(admin, whole);
  };
  /** What is there is signed by the log's key, without a witness, as somebody with the key and the database would do it. */
  const signAlone = async (): Promise<void> => {
    await world.start({ witnessing: null });
    await until(async () => (await sizeOf(admin, CITY)) === (await countOf(admin, CITY)), 15_000, 'the last entry in the log');
    await world.stop();
  };

  const holdersOf = () =>
    world.errors().filter(({ message }) => message === 'a witness holds a checkpoint that the audit log signed and does not follow');
  /** It stopped, said why, says so once, and acts are recorded all the same. */
  const expectStopped = async (subgraph: Running, told: Partial<Report>): Promise<void> => {
    await until(() => reportOf(subgraph, CITY)?.state === 'broken' && reportOf(subgraph, CITY)?.firstBadIndex !== null, 15_000, 'the stop');
    expect(reportOf(subgraph, CITY)).toMatchObject({ state: 'broken', ...told });
    const [size, entries] = [await sizeOf(admin, CITY), await countOf(admin, CITY)];
    await writeAll(world.writers, CITY, 3);
    expect(await countOf(admin, CITY)).toBeGreaterThanOrEqual(entries + 3);
    // Several looks later nothing more is signed.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await sizeOf(admin, CITY)).toBe(size);
    expect(
      holdersOf()
        .map(({ fields }) => fields['witness'])
        .sort(),
    ).toEqual(BOTH);
    const stops = world.errors().filter(({ message }) => message === 'the audit log contradicts its checkpoints, nothing is signed');
    expect(stops).toHaveLength(1);
    // Other cities go on, and the witnesses stand where they stood.
    await until(() => reportOf(subgraph, 'SHE')?.state === 'signing');
    for (const witness of BOTH) expect(await standing(witness, CITY)).toMatchObject({ size: known });
  };
  /** Sends a witness what the log shows now. */
  const sendTo = async (subgraph: { fetch: Fetch }, witness: string, oldSize: number): Promise<number> => {
    const { rows } = await admin.query<{ note: string }>('select note from audit.log_checkpoint order by size desc limit 1');
    const note = parseNote(rows[0]?.note ?? '');
    const { checkpoint } = await openCheckpoint(formatNote(note), [makeNoteVerifier((await textOf(subgraph.fetch, `${CITY}/key`)).trim())]);
    const read = openTileReader(checkpoint.size, checkpoint.root, sourceOf(subgraph.fetch, CITY));
    const proof = oldSize === checkpoint.size ? [] : await proveConsistency(oldSize, checkpoint.size, read);
    return (await subgraph.fetch(`${witness}/witness/add-checkpoint`, {}, 'POST', formatAddCheckpoint({ oldSize, proof, note }))).status;
  };
  const expectAlarm = async (subgraph: Running, witness: string, kind: string, reason: string): Promise<void> => {
    await until(
      async () => {
        await subgraph.health();
        return reportOf(subgraph, witness)?.alarms.some((each) => each.kind === kind && each.origin === ORIGIN) ?? false;
      },
      15_000,
      'the alarm',
    );
    const bodies = await bodiesOf(await world.network.admin(witness), witness);
    expect(bodies.map((body) => JSON.parse(Buffer.from(body).toString()))).toContainEqual(
      expect.objectContaining({ act: 'witnessAlarm', reason, city: witness, entities: [{ kind: 'AuditLog', what: ORIGIN }] }),
    );
    expect(
      world.errors().filter(({ message, fields }) => message.startsWith('a log contradicts') && fields['city'] === witness),
    ).toHaveLength(1);
  };

  it('restored from an older copy: nothing is signed; with the true log it goes on by itself', async () => {
    await grow();
    await restore(admin, older);
    const subgraph = await world.start();
    await expectStopped(subgraph, { witnessSize: known, firstBadIndex: before });
    await restore(admin, whole);
    await until(() => reportOf(subgraph, CITY)?.state === 'signing', 15_000, 'signing');
    await writeAll(world.writers, CITY, 1);
    await untilCosigned(subgraph.fetch, CITY, await countOf(admin, CITY), BOTH);
  }, 60_000);

  it('cut off at its end and gone on with otherwise: found although it is longer, and where; the witness keeps the proof', async () => {
    await grow();
    await restore(admin, older);
    await writeAll(world.writers, CITY, 27);
    await signAlone();
    const subgraph = await world.start();
    await expectStopped(subgraph, { witnessSize: known, firstBadIndex: before });
    expect(await sendTo(subgraph, 'QUE', known)).toBe(422);
    await expectAlarm(subgraph, 'QUE', 'rewritten', 'LOG_REWRITTEN');
    expect(reportOf(subgraph, 'SHE')?.alarms).toEqual([]);

    // To close the alarm starts nothing: the witnesses hold what they held. What was lost is given up by a command of its own.
    const { cities, secrets, subjects } = world.network;
    const keeper = openLogKeeper({ cities, secrets, subjects, log: world.log });
    try {
      const [alarm] = await keeper.alarms('QUE');
      const { foundRoot, known: held, size, root, proof } = alarm ?? {};
      expect(verifyConsistency(held?.size ?? 0, size ?? 0, foundRoot ?? EMPTY_ROOT, root ?? EMPTY_ROOT, proof ?? [])).toBe(true);
      const shown = await checkEvidence(parseEvidence(alarm ? (evidenceOf(alarm) ?? '') : ''), [
        makeNoteVerifier((await textOf(subgraph.fetch, `${CITY}/key`)).trim()),
      ]);
      expect(shown).toEqual({ origin: ORIGIN, knownSize: known, size });
      await keeper.closeAlarm('QUE', alarm?.id ?? '', { by: 'operator', user: 'test', reason: 'restored from a backup' });
      const untilClosed = (): Promise<void> =>
        until(
          async () => {
            await subgraph.health();
            return reportOf(subgraph, 'QUE')?.alarms.length === 0;
          },
          15_000,
          'no open alarm',
        );
      await untilClosed();
      await expect(keeper.beginShard(CITY)).rejects.toThrow('contradicts itself or a witness');
      expect(reportOf(subgraph, CITY)?.state).toBe('broken');
      const { origin } = await keeper.beginShard(CITY, { afterRestore: true });
      expect(origin).toBe(`${ORIGIN}/2`);
      await until(() => reportOf(subgraph, CITY)?.state === 'signing', 15_000, 'signing');
      await writeAll(world.writers, CITY, 1);
      await until(async () => (await publishedOf(subgraph.fetch, CITY)).judgement.kind === 'accepted', 15_000, 'a witnessed checkpoint');
      // A new start of the log asks for the end of the shard before as well, and is no new evidence.
      await world.stop();
      const again = await world.start();
      await until(
        () => again.report !== undefined && BOTH.every((name) => reportOf(again, CITY)?.witnesses[name]?.state === 'cosigning'),
        15_000,
        'the witnesses of the new shard',
      );
      await until(() => holdersOf().length === BOTH.length, 15_000, 'what the witnesses hold of the shard before');
      for (const witness of BOTH) expect((await keeper.alarms(witness)).filter(({ closed }) => !closed)).toEqual([]);
    } finally {
      await keeper.stop();
    }
    await world.stop();
    await restore(admin, whole);
  }, 60_000);

  it('cut off at its end while nothing runs: no shard is ended by command, and nothing is written', async () => {
    await grow();
    await restore(admin, older);
    const { cities, secrets } = world.network;
    const keeper = openLogKeeper({ cities, secrets, log: world.log });
    try {
      const count = await countOf(admin, CITY);
      const shards = JSON.stringify(await keeper.shards(CITY), (name, value) => (name === 'ageMs' ? 0 : value));
      await expect(keeper.beginShard(CITY)).rejects.toThrow(`holds ${known} entries that the log does not follow`);
      expect(await countOf(admin, CITY)).toBe(count);
      expect(JSON.stringify(await keeper.shards(CITY), (name, value) => (name === 'ageMs' ? 0 : value))).toBe(shards);
    } finally {
      await keeper.stop();
    }
    await restore(admin, whole);
  }, 60_000);

  it('written anew from an old entry on, with tiles, checkpoints and signatures: found as a fork', async () => {
    await grow();
    await admin.query(
      `update audit.entry set body = convert_to(replace(convert_from(body, 'UTF8'), 'bookAppointment', 'cancelAppointm_'), 'UTF8')
        where id = (select id from audit.entry where convert_from(body, 'UTF8') like '%bookAppointment%' order by xid, id offset 3 limit 1)`,
    );
    for (const table of TABLES) if (table !== 'entry') await admin.query(`delete from audit.${table}`);
    await signAlone();
    const subgraph = await world.start();
    await expectStopped(subgraph, { witnessSize: known, firstBadIndex: 0 });
    expect(await sendTo(subgraph, 'SHE', known)).toBe(409);
    await expectAlarm(subgraph, 'SHE', 'fork', 'LOG_FORKED');
    await world.stop();
    await restore(admin, whole);
  }, 60_000);

  it('is found by a witness that comes back later, while the log is signed', async () => {
    await grow();
    await restore(admin, older);
    // Both witnesses are away: their tables cannot be read.
    const admins = await Promise.all(BOTH.map((city) => world.network.admin(city)));
    for (const each of admins) await each.query('revoke select on audit.witness_log from sequencer');
    const subgraph = await world.start();
    await until(() => reportOf(subgraph, CITY)?.state === 'signing');
    await writeAll(world.writers, CITY, 3);
    const newest = await countOf(admin, CITY);
    await until(async () => (await sizeOf(admin, CITY)) === newest);
    // The copy's last checkpoint has its lines, and gives way to what none of them saw.
    await until(async () => (await viewOf(subgraph, CITY))?.size === newest, 15_000, 'the newest');
    expect((await viewOf(subgraph, CITY))?.isWitnessed).toBe(false);
    await until(() => reportOf(subgraph, CITY)?.witnesses['QUE']?.state === 'away');
    for (const each of admins) await each.query('grant select on audit.witness_log to sequencer');
    await until(() => reportOf(subgraph, CITY)?.state === 'broken', 15_000, 'the stop');
    await until(() => reportOf(subgraph, CITY)?.witnessSize === known, 15_000, 'what is held');
    await world.stop();
    await restore(admin, whole);
  }, 60_000);

  it('a witness that lost its memory, and one that was restored itself, cosign on', async () => {
    await grow();
    const que = await world.network.admin('QUE');
    await que.query('delete from audit.witness_log where origin = $1', [ORIGIN]);
    const subgraph = await world.start();
    await writeAll(world.writers, CITY, 2);
    await untilCosigned(subgraph.fetch, CITY, await countOf(admin, CITY), BOTH);
    expect(reportOf(subgraph, CITY)?.state).toBe('signing');
    expect(world.errors()).toEqual([]);
  }, 60_000);
});
