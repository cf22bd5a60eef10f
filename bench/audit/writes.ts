import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startAudit } from '#audit/server.ts';
import { findCheckpoint } from '#audit/store/log-view-store.ts';
import type { EmbeddedNetwork } from '#embedded/network.ts';
import { appendAudit, appendAuditIn } from '#platform/audit/append.ts';
import { APPEND_AUDIT, AUDIT_COLUMNS, type AuditEvent, auditParameters, toAuditValues } from '#platform/audit/event.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import type { CityDatabase, Named } from '#platform/database/city-database.ts';
import { newId } from '#platform/database/new-id.ts';
import type { Log } from '#platform/observability/log.ts';
import type { Subjects } from '#platform/subjects/open-subjects.ts';
import { type Figure, load, makeFigure, makeLimited, median, quantile } from '../figure.ts';

const CLIENTS = 16;
const ROUND_MS = 2_500;
const PATIENTS = 20_000;
const ACTORS = 2_000;
const HASH = 'a'.repeat(64);
const ACTS = 1_500;

/** A running network with its subject keys. */
export type Bench = { readonly network: EmbeddedNetwork; readonly subjects: Subjects; readonly city: string; readonly log: Log };

/**
 * What the references write to. `raw_row` has the columns of an entry under a number as primary key, and nothing else: no other index, no check, no
 * transaction number. `raw_bytes` has the leaf alone.
 */
const RAW_TABLES = `CREATE TABLE public.raw_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, city text NOT NULL, event_id text NOT NULL,
    recorded_at timestamptz NOT NULL, act text NOT NULL, action text NOT NULL, outcome smallint NOT NULL, actor_tag bytea, patient_tag bytea,
    sealed bytea, body bytea NOT NULL);
  CREATE TABLE public.raw_bytes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL);
  CREATE TABLE public.act (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), what text NOT NULL);
  GRANT USAGE ON SCHEMA public TO scheduling;
  GRANT INSERT ON public.raw_row, public.raw_bytes TO scheduling;
  GRANT INSERT, SELECT ON public.act TO scheduling`;
const RAW_ROW: Named = { name: 'bench_raw_row', text: APPEND_AUDIT.text.replace('audit.entry', 'public.raw_row') };
const RAW_BYTES: Named = { name: 'bench_raw_bytes', text: 'INSERT INTO public.raw_bytes (body) VALUES ($1)' };

/** Acts as bookings are recorded: an actor, a patient, two entities, of as many patients and actors as a city has. */
const makeActs = (city: string) => {
  const patients = Array.from({ length: PATIENTS }, () => newId(city, 'pat'));
  const actors = Array.from({ length: ACTORS }, () => newId(city, 'acc'));
  const pick = (from: readonly string[]): string => from[Math.floor(Math.random() * from.length)] ?? '';
  return (): AuditEvent => ({
    city,
    observer: 'scheduling',
    act: 'bookAppointment',
    action: 'C',
    outcome: 0,
    purpose: 'PATRQT',
    actor: { role: 'PATIENT', city, accountId: pick(actors) },
    patientId: pick(patients),
    entities: [
      { kind: 'Slot', id: newId(city, 'slt') },
      { kind: 'Appointment', id: newId(city, 'apt'), sha256: HASH },
    ],
    requestId: randomUUID(),
  });
};

const whenSynchronous = async ({ network, city }: Bench, wanted: boolean): Promise<void> => {
  const end = Date.now() + 60_000;
  while (network.city(city).synchronous !== wanted) {
    if (Date.now() > end) throw new Error(`the standby of ${city} did not ${wanted ? 'come' : 'go'}`);
    await sleep(50);
  }
};

/** Looks every 10 ms which checkpoint a reader is shown, until it is told to stop. */
const watchCheckpoints = (db: CityDatabase) => {
  const seen: { readonly size: number; readonly seenAt: number; readonly signedAt: number }[] = [];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const found = await findCheckpoint(db, 1);
      if (found && found.size !== seen.at(-1)?.size) seen.push({ size: found.size, seenAt: Date.now(), signedAt: found.at.getTime() });
      await sleep(10);
    }
  })();
  watching.catch(() => {}); // whoever stops it is told
  const stop = (): Promise<void> => {
    isOver = true;
    return watching;
  };
  return { seen, stop };
};

/** Entries under a checkpoint a second while clients wrote, and for each entry the milliseconds from its making to its checkpoint being shown. */
const writeRound = async (db: CityDatabase, reader: CityDatabase, admin: pg.Client, act: () => AuditEvent) => {
  const ask = async <R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> =>
    (await admin.query<R>(text, values)).rows;
  const [fence] = await ask<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
  const { seen, stop } = watchCheckpoints(reader);
  const startedAt = Date.now();
  await load(CLIENTS, ROUND_MS, () => appendAudit(db, act()));
  const endedAt = Date.now();
  const [counted] = await ask<{ n: string }>('SELECT count(*) AS n FROM audit.entry WHERE city = $1', [db.city.code]);
  const total = Number(counted?.n);
  while ((seen.at(-1)?.size ?? 0) < total) {
    if (Date.now() > endedAt + 20_000) throw new Error('the sequencer did not come to the end in time');
    await sleep(10);
  }
  await stop();
  const rows = await ask<{ at: Date; body: Buffer }>(
    'SELECT recorded_at AS at, body FROM audit.entry WHERE city = $1 AND xid > $2::xid8 ORDER BY xid, id',
    [db.city.code, fence?.xid],
  );
  const within = seen.filter(({ size, signedAt }) => size > total - rows.length && signedAt <= endedAt);
  const [first, last] = [within[0], within.at(-1)];
  // Where a machine is too busy for several checkpoints a round, the round counts up to the one that covers it all.
  const perSecond =
    first && last && last !== first
      ? (last.size - first.size) / ((last.signedAt - first.signedAt) / 1000)
      : rows.length / (((seen.at(-1)?.seenAt ?? Number.NaN) - startedAt) / 1000);
  let next = 0;
  const lags = rows.map(({ at }, i) => {
    while ((seen[next]?.size ?? Number.POSITIVE_INFINITY) <= total - rows.length + i) next++;
    return (seen[next]?.seenAt ?? Number.NaN) - at.getTime();
  });
  return { perSecond, lags, bodies: rows.map(({ body }) => body) };
};

/** What the entry adds to an act, in milliseconds at the median: acts with and without it by one client, in turns. */
const measureLatency = async (db: CityDatabase, act: () => AuditEvent): Promise<readonly Figure[]> => {
  const plain: Named = { name: 'bench_act', text: `INSERT INTO public.act (what) VALUES ($1)` };
  const together: Named = {
    name: 'bench_act_audited',
    text: `WITH done AS (INSERT INTO public.act (what) VALUES ($1) RETURNING id)
      INSERT INTO audit.entry (${AUDIT_COLUMNS}) SELECT ${auditParameters(2)} FROM done`,
  };
  const what = 'x'.repeat(300);
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    'one statement, without': () => db.named(plain, [what]),
    'one statement': () => db.named(together, [what, ...toAuditValues(act(), db.subjects)]),
    'a transaction, without': () => db.transaction((tx) => tx.named(plain, [what])),
    'a transaction': () =>
      db.transaction(async (tx) => {
        await tx.named(plain, [what]);
        await appendAuditIn(tx, act());
      }),
  };
  const times = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
  for (let i = -50; i < ACTS; i++) {
    for (const [name, run] of Object.entries(ways)) {
      const from = performance.now();
      await run();
      if (i >= 0) times.get(name)?.push(performance.now() - from);
    }
  }
  const p50 = (name: string): number => quantile(times.get(name) ?? [], 0.5);
  return ['one statement', 'a transaction'].map((name) =>
    makeLimited(`audit: added to an act of ${name}, p50`, p50(name) - p50(`${name}, without`), 'ms', 0.3),
  );
};

/**
 * Entries integrated a second by 16 clients through `appendAudit`, while the logs are signed and cosigned beside them, in turns with the same
 * clients making the same rows for a plain table, and inserting the same bytes alone. An entry counts once it is under a checkpoint; the lag
 * runs from the moment before an entry is made to the moment its checkpoint is seen by a reader that looks every 10 ms.
 */
export const measureWrites = async (bench: Bench, rounds: number, say: (line: string) => void): Promise<readonly Figure[]> => {
  const { network, subjects, city: code, log } = bench;
  const { cities, secrets, superuser } = network;
  const city = cities.find((each) => each.code === code);
  const [node] = city?.nodes ?? [];
  if (!city || !node) throw new Error(`the network has no city ${code}`);
  const open = (role: 'scheduling' | 'audit', maxConnections: number): Cities =>
    openCities([city], {
      role,
      password: secrets.databasePasswords[role],
      maxConnections,
      subjects,
      connectTimeoutMs: 10_000,
      statementTimeoutMs: 10_000,
    });
  const [clients, readers] = [open('scheduling', CLIENTS), open('audit', 2)];
  const [db, reader] = [clients.of(code), readers.of(code)];
  const admin = new pg.Client({ ...node, ...superuser, database: city.database });
  await admin.connect();
  const act = makeActs(code);
  const figures: Figure[] = [];
  const subgraph = await startAudit({ cities, secrets, subjects, log });
  try {
    await admin.query(RAW_TABLES);
    for (const withStandby of [true, false]) {
      const where = withStandby ? 'with a standby' : 'without a standby';
      if (!withStandby) await network.city(code).stopNode('b');
      await whenSynchronous(bench, withStandby);
      const [integrated, rows, bytes, lags]: [number[], number[], number[], number[]] = [[], [], [], []];
      for (let round = -1; round < rounds; round++) {
        const written = await writeRound(db, reader, admin, act);
        const plain = await load(CLIENTS, ROUND_MS, async () => void (await db.named(RAW_ROW, toAuditValues(act(), db.subjects))));
        let i = 0;
        const alone = await load(
          CLIENTS,
          ROUND_MS,
          async () => void (await db.named(RAW_BYTES, [written.bodies[i++ % written.bodies.length]])),
        );
        if (round < 0) continue;
        integrated.push(written.perSecond);
        lags.push(...written.lags);
        rows.push(plain.count / plain.seconds);
        bytes.push(alone.count / alone.seconds);
        say(`${where}: integrated ${[integrated, rows, bytes].map((rates) => Math.round(rates.at(-1) ?? 0)).join(', same rows raw ')}/s`);
      }
      figures.push(
        makeFigure(`audit: entries integrated, ${where}: against the same rows raw`, median(integrated), '1/s', median(rows), 0.75),
        makeFigure(`audit: entries integrated, ${where}: against their bytes alone`, median(integrated), '1/s', median(bytes)),
        makeFigure(`audit: lag to the checkpoint at full load, ${where}, p50`, quantile(lags, 0.5), 'ms'),
        makeLimited(`audit: lag to the checkpoint at full load, ${where}, p99`, quantile(lags, 0.99), 'ms', 1_500),
      );
      if (withStandby) figures.push(...(await measureLatency(db, act)));
    }
  } finally {
    await subgraph.stop();
    await admin.end().catch(() => {});
    await Promise.all([clients.stop(), readers.stop()]);
  }
  return figures;
};
