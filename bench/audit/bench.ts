import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { EventFilter } from '#audit/domain/event-filter.ts';
import { openKeyring } from '#audit/service/log-key.ts';
import { makeProve } from '#audit/service/prove.ts';
import { startSequencer } from '#audit/service/sequencer.ts';
import { findEntries } from '#audit/store/entry-store.ts';
import { type Ask, BEFORE_ALL, readLeavesBehind } from '#audit/store/log-store.ts';
import { startEmbeddedNetwork } from '#embedded/network.ts';
import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { openCities } from '#platform/database/cities.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import { makeLog } from '#platform/observability/log.ts';
import { hashLeaf } from '#platform/tlog/merkle.ts';
import { type Figure, makeFigure, quantile } from '../figure.ts';

const ENTRIES = Number(process.env['AUDIT_ENTRIES'] ?? 1_000_000);
const CHUNK = 50_000;
const CITY = 'MTL';
const PAGE = 26;
const PAGES = 200;
const DAYS = 365;
const BATCH = 16_384;

/** A year of entries with bodies of some 600 bytes: half about one of 20,000 patients, by 2,000 actors, mostly readings that succeeded. */
const FILL = `INSERT INTO audit.entry (city, event_id, recorded_at, act, action, outcome, actor_tag, patient_tag, sealed, body)
  SELECT '${CITY}', '${CITY}-evt-' || i, timestamptz '2026-01-01' + i * interval '${DAYS} days' / ${ENTRIES}, 'act' || i % 20,
    CASE WHEN i % 5 = 0 THEN CASE WHEN i % 5000 = 0 THEN 'D' ELSE 'U' END ELSE 'R' END, CASE WHEN i % 500 = 0 THEN 8 WHEN i % 50 = 0 THEN 4 ELSE 0 END,
    decode(md5('${CITY}-acc-' || i * 7919 % 2000), 'hex'), CASE WHEN i % 2 = 0 THEN decode(md5('${CITY}-pat-' || i * 104729 % 20000), 'hex') END,
    decode('01' || repeat(md5(i::text), 12), 'hex'), convert_to('{"v":1,"id":"' || i || '","pad":"' || repeat(md5(i::text), 17) || '"}', 'UTF8')
  FROM generate_series($1::bigint, $2::bigint) AS i`;

/** Tags as the rows above have them; nothing in them opens. */
const SUBJECTS = { of: () => ({ tagOf: (id: string) => createHash('md5').update(id).digest(), keyOf: () => null }) };

const at = (share: number): Date => new Date(Date.UTC(2026, 0, 1) + share * DAYS * 86_400_000);
const pick = (count: number): number => Math.floor(Math.random() * count);
/** Each filter, with values drawn anew for each page. */
const FILTERS: Readonly<Record<string, () => EventFilter>> = {
  city: () => ({}),
  patient: () => ({ patientId: `${CITY}-pat-${pick(20_000)}` }),
  actor: () => ({ actorId: `${CITY}-acc-${pick(2_000)}` }),
  'action READ': () => ({ action: 'R' }),
  'action DELETE': () => ({ action: 'D' }),
  act: () => ({ act: `act${pick(20)}` }),
  'outcome SUCCESS': () => ({ outcome: 0 }),
  'outcome SERIOUS_FAILURE': () => ({ outcome: 8 }),
  period: () => {
    const from = Math.random() * 0.9;
    return { from: at(from), to: at(from + 0.05) };
  },
  'old period': () => ({ from: at(0), to: at(0.001 + Math.random() * 0.01) }),
  'actor in a period': () => ({ actorId: `${CITY}-acc-${pick(2_000)}`, from: at(0.1), to: at(0.3) }),
  'patient and outcome': () => ({ patientId: `${CITY}-pat-${pick(20_000)}`, outcome: 4 }),
  'action DELETE in an old period': () => ({ action: 'D', from: at(0), to: at(0.1) }),
};

export const run = async (say: (line: string) => void): Promise<readonly Figure[]> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-bench-'));
  const log = makeLog('bench', 'warn', 2);
  const network = await startEmbeddedNetwork({ dataDir: path.join(folder, 'data'), log, standbys: false });
  const { secrets, superuser } = network;
  const city = network.cities.find(({ code }) => code === CITY);
  const [node] = city?.nodes ?? [];
  const logKeys = secrets.logKeys[CITY];
  if (!city || !node || !logKeys) throw new Error(`the network has no city ${CITY}`);
  const figures: Figure[] = [];
  const admin = new pg.Client({ ...node, ...superuser, database: city.database });
  const readers = openCities([city], { role: 'audit', password: secrets.databasePasswords.audit, subjects: SUBJECTS });
  const writers = openCities([city], { role: 'sequencer', password: secrets.databasePasswords.sequencer });
  try {
    await migrateCity(city, { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS });
    await admin.connect();
    const filling = performance.now();
    for (let i = 0; i < ENTRIES; i += CHUNK) await admin.query(FILL, [i, Math.min(ENTRIES, i + CHUNK) - 1]);
    const filled = ENTRIES / ((performance.now() - filling) / 1000);
    say(`${ENTRIES} entries written`);
    await admin.query('VACUUM ANALYZE audit.entry');

    const client = await writers.of(CITY).dedicated();
    const ask: Ask = async ({ name, text }, values) => (await client.query({ name, text, values: [...values] })).rows as never;
    const [inServer, inNode]: [number[], number[]] = [[], []];
    for (let i = 0; i < 7; i++) {
      let from = performance.now();
      await readLeavesBehind(ask, { city: CITY, shard: 1 }, BEFORE_ALL, 0, BATCH);
      inServer.push(performance.now() - from);
      from = performance.now();
      const { rows } = await client.query(
        `SELECT xid::text, id::text, body FROM audit.entry WHERE city = $1 AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, id LIMIT ${BATCH}`,
        [CITY],
      );
      for (const row of rows) hashLeaf(row.body);
      inNode.push(performance.now() - from);
    }
    await client.end();
    figures.push(makeFigure(`audit: ${BATCH} leaves read and hashed in the server`, quantile(inServer, 0.5), 'ms', quantile(inNode, 0.5)));

    const sequencer = startSequencer({ database: writers.of(CITY), keys: openKeyring(logKeys), log });
    const sequencing = performance.now();
    const deadline = Date.now() + 300_000;
    for (;;) {
      const [row] = (await admin.query('SELECT size FROM audit.log_state')).rows;
      if (Number(row?.size) === ENTRIES) break;
      if (Date.now() > deadline) throw new Error('the sequencer did not come to the end in time');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    figures.push(makeFigure('audit: entries sequenced', ENTRIES / ((performance.now() - sequencing) / 1000), '1/s', filled));
    await sequencer.stop();
    const [sizes] = (
      await admin.query(`SELECT (SELECT sum(octet_length(body)) FROM audit.entry) AS bodies,
        pg_total_relation_size('audit.log_tile') + pg_total_relation_size('audit.log_bundle') + pg_total_relation_size('audit.log_checkpoint') AS log`)
    ).rows;
    figures.push(
      makeFigure('audit: tiles, marks and checkpoints', Number(sizes.log) / ENTRIES, 'bytes an entry', Number(sizes.bodies) / ENTRIES),
    );
    await admin.query('VACUUM ANALYZE');

    const db = readers.of(CITY);
    for (const [name, draw] of Object.entries(FILTERS)) {
      const times: number[] = [];
      for (let page = 0; page < PAGES; ) {
        const filter = draw();
        let after: string | undefined;
        // A few pages on, as an auditor walks.
        for (let step = 0; step < 4 && page < PAGES; step++, page++) {
          const from = performance.now();
          const { rows } = await findEntries(db, filter, after, PAGE);
          times.push(performance.now() - from);
          after = rows.at(-1)?.position;
          if (rows.length < PAGE) break;
        }
        page++;
      }
      figures.push(makeFigure(`audit: page of 25 by ${name}, p50`, quantile(times, 0.5), 'ms'));
      figures.push(makeFigure(`audit: page of 25 by ${name}, p99`, quantile(times, 0.99), 'ms'));
    }
    const prove = makeProve(readers);
    const times: number[] = [];
    for (let i = 0; i < 500; i++) {
      const from = performance.now();
      const [proof] = await prove.proveEvents(CITY, [`${CITY}-evt-${pick(ENTRIES)}`]);
      times.push(performance.now() - from);
      if (!proof || proof instanceof Error) throw new Error('an event could not be proven');
    }
    figures.push(makeFigure('audit: inclusion proof, p50', quantile(times, 0.5), 'ms'));
    figures.push(makeFigure('audit: inclusion proof, p99', quantile(times, 0.99), 'ms'));
  } finally {
    await admin.end().catch(() => {});
    await Promise.all([readers.stop(), writers.stop()]);
    await network.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return figures;
};
