import { createHash } from 'node:crypto';
import pg from 'pg';
import type { EventFilter } from '#audit/domain/event-filter.ts';
import { startAudit } from '#audit/server.ts';
import { initSubjectKeys } from '#audit/service/init-subject-keys.ts';
import { openLogKey } from '#audit/service/log-key.ts';
import { makeProve } from '#audit/service/prove.ts';
import { makePublication } from '#audit/service/publish-checkpoint.ts';
import { makeAuditPolicy } from '#audit/service/witness/audit-policy.ts';
import { findEntries } from '#audit/store/entry-store.ts';
import { type Ask, BEFORE_ALL, readLoggedLeaves } from '#audit/store/log-store.ts';
import type { EmbeddedNetwork } from '#embedded/network.ts';
import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { readStartConfig } from '#platform/config/env.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import { makeLog } from '#platform/observability/log.ts';
import { openSubjects } from '#platform/subjects/open-subjects.ts';
import { hashLeaf } from '#platform/tlog/merkle.ts';
import { withNetwork } from '../ending.ts';
import { type Figure, makeFigure, makeLimited, quantile } from '../figure.ts';
import { readCount } from '../setting.ts';
import { type Bench, measureWrites } from './writes.ts';

const ENTRIES = readCount('AUDIT_ENTRIES', 1_000_000);
const CHUNK = 50_000;
const CITY = 'QUE';
const PAGE = 26;
const PAGES = 200;
const DAYS = 365;
const BATCH = 16_384;
const PROOFS = 1_000;
/** Rounds of the clients that write, and one before that does not count. */
const ROUNDS = 5;

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
  'act that never ends so': () => ({ act: `act${1 + 2 * pick(10)}`, outcome: 4 }),
  'act that is never that action': () => ({ act: 'act1', action: 'U' }),
  'patient and outcome': () => ({ patientId: `${CITY}-pat-${pick(20_000)}`, outcome: 4 }),
  'action DELETE in an old period': () => ({ action: 'D', from: at(0), to: at(0.1) }),
};

/** Where an entry's bytes go, each part by itself; the tree over the entries is held against what the entries take. */
const measureStorage = async (admin: pg.Client): Promise<readonly Figure[]> => {
  const { rows } = await admin.query<Readonly<Record<'bodies' | 'rows' | 'indexes' | 'tiles' | 'marks' | 'checkpoints', string>>>(
    `SELECT (SELECT sum(octet_length(body)) FROM audit.entry) AS bodies, pg_table_size('audit.entry') AS rows, pg_indexes_size('audit.entry') AS indexes,
      pg_total_relation_size('audit.log_tile') AS tiles, pg_total_relation_size('audit.log_bundle') AS marks,
      pg_total_relation_size('audit.log_checkpoint') + pg_total_relation_size('audit.log_cosignature') AS checkpoints`,
  );
  const [sizes] = rows;
  if (!sizes) throw new Error('no sizes');
  const perEntry = (...parts: readonly (keyof typeof sizes)[]): number =>
    parts.reduce((sum, part) => sum + Number(sizes[part]), 0) / ENTRIES;
  const tree = perEntry('tiles', 'marks');
  return [
    makeFigure('audit: an entry, its leaf', perEntry('bodies'), 'bytes'),
    makeFigure('audit: an entry, its row', perEntry('rows'), 'bytes'),
    makeFigure('audit: an entry, its indexes', perEntry('indexes'), 'bytes'),
    makeFigure('audit: an entry, its part of tiles', perEntry('tiles'), 'bytes'),
    makeFigure('audit: an entry, its part of marks', perEntry('marks'), 'bytes'),
    makeFigure('audit: checkpoints and cosignatures, all of them', Number(sizes.checkpoints), 'bytes'),
    makeLimited('audit: tree over entries, of what they take in storage', (100 * tree) / perEntry('rows', 'indexes'), '%', 4),
    makeFigure('audit: tree over entries, of their rows alone', (100 * tree) / perEntry('rows'), '%'),
  ];
};

const measurePages = async (readers: Cities): Promise<readonly Figure[]> => {
  const db = readers.of(CITY);
  const figures: Figure[] = [];
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
    figures.push(makeLimited(`audit: page of 25 by ${name}, p99`, quantile(times, 0.99), 'ms', 20));
  }
  return figures;
};

const measureProofs = async (readers: Cities, { secrets, cities }: EmbeddedNetwork): Promise<readonly Figure[]> => {
  const logs = cities.flatMap(({ code }) => (secrets.logKeys[code] ?? []).map((key) => ({ city: code, vkey: openLogKey(key).vkey })));
  const prove = makeProve(readers, makePublication(makeAuditPolicy(null, logs, [])));
  const times: number[] = [];
  for (let i = 0; i < PROOFS; i++) {
    const from = performance.now();
    const [proof] = await prove.proveEvents(CITY, [`${CITY}-evt-${pick(ENTRIES)}`]);
    times.push(performance.now() - from);
    if (!proof || proof instanceof Error) throw new Error('an event could not be proven');
  }
  return [
    makeFigure('audit: inclusion proof, p50', quantile(times, 0.5), 'ms'),
    makeLimited('audit: inclusion proof, p99', quantile(times, 0.99), 'ms', 5),
  ];
};

/** Leaves hashed where they are kept, against hashing them here. */
const measureHashing = async (ask: Ask): Promise<Figure> => {
  const bodies = `SELECT e.xid::text, e.id::text, e.body FROM audit.entry e WHERE e.city = $1 ORDER BY e.xid, e.id LIMIT ${BATCH}`;
  const [inServer, inNode]: [number[], number[]] = [[], []];
  for (let i = 0; i < 7; i++) {
    let from = performance.now();
    const leaves = await readLoggedLeaves(ask, { city: CITY, shard: 1 }, BEFORE_ALL, 0, BATCH);
    inServer.push(performance.now() - from);
    if (leaves?.hashes.length !== Math.min(BATCH, ENTRIES)) throw new Error('not all leaves were read');
    from = performance.now();
    for (const { body } of await ask<{ body: Uint8Array }>({ name: 'bench_bodies', text: bodies }, [CITY])) hashLeaf(body);
    inNode.push(performance.now() - from);
  }
  return makeFigure(`audit: ${BATCH} leaves read and hashed in the server`, quantile(inServer, 0.5), 'ms', quantile(inNode, 0.5));
};

/** A server that has just taken a year in a few seconds still writes it out, and vacuums it: it may come to rest before it is asked. */
const rest = async (admin: pg.Client): Promise<void> => {
  await admin.query('VACUUM ANALYZE');
  await admin.query('CHECKPOINT');
  const working = `SELECT FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'`;
  for (
    const deadline = Date.now() + 60_000;
    (await admin.query(working)).rowCount !== 0;
    await new Promise((done) => setTimeout(done, 100))
  )
    if (Date.now() > deadline) throw new Error('the server did not come to rest in time');
};

/** A year's entries in one city: how fast their log is made, what it takes, and how fast pages and proofs come out of it. */
const measureYear = async ({ network, subjects, log }: Bench, say: (line: string) => void): Promise<readonly Figure[]> => {
  const { cities, secrets, superuser } = network;
  const city = cities.find(({ code }) => code === CITY);
  const [node] = city?.nodes ?? [];
  if (!city || !node) throw new Error(`the network has no city ${CITY}`);
  await network.city(CITY).stopNode('b');
  const admin = new pg.Client({ ...node, ...superuser, database: city.database });
  const readers = openCities([city], { role: 'audit', password: secrets.databasePasswords.audit, subjects: SUBJECTS });
  try {
    await admin.connect();
    const filling = performance.now();
    for (let i = 0; i < ENTRIES; i += CHUNK) await admin.query(FILL, [i, Math.min(ENTRIES, i + CHUNK) - 1]);
    const filled = ENTRIES / ((performance.now() - filling) / 1000);
    say(`${ENTRIES} entries written`);
    await admin.query('VACUUM ANALYZE audit.entry');
    const sequencing = performance.now();
    const subgraph = await startAudit({ cities, secrets, subjects, log });
    try {
      for (const deadline = Date.now() + 300_000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
        const [row] = (await admin.query('SELECT size FROM audit.log_state')).rows;
        if (Number(row?.size) === ENTRIES) break;
        if (Date.now() > deadline) throw new Error('the sequencer did not come to the end in time');
      }
    } finally {
      await subgraph.stop();
    }
    const sequenced = makeFigure('audit: entries sequenced', ENTRIES / ((performance.now() - sequencing) / 1000), '1/s', filled);
    say(`sequenced at ${Math.round(sequenced.value)}/s`);
    await rest(admin);
    const ask: Ask = async ({ name, text }, values) => (await admin.query({ name, text, values: [...values] })).rows as never;
    return [
      sequenced,
      await measureHashing(ask),
      ...(await measureStorage(admin)),
      ...(await measurePages(readers)),
      ...(await measureProofs(readers, network)),
    ];
  } finally {
    await admin.end().catch(() => {});
    await readers.stop();
  }
};

export const run = (say: (line: string) => void): Promise<readonly Figure[]> => {
  const log = makeLog('bench', 'warn', 2);
  return withNetwork(log, async (network, dataDir) => {
    const { cities, secrets } = network;
    const migrator = { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS };
    await Promise.all(cities.map((city) => migrateCity(city, migrator)));
    const { subjects: config } = readStartConfig({ DATA_DIR: dataDir });
    await initSubjectKeys({ cities, secrets, subjects: config });
    const codes = cities.map(({ code }) => code);
    const subjects = await openSubjects(config, { cities: codes, indexKey: secrets.subjectIndexKey, log });
    try {
      const bench = { network, subjects, city: 'MTL', log };
      return [...(await measureWrites(bench, ROUNDS, say)), ...(await measureYear(bench, say))];
    } finally {
      await subjects.stop();
    }
  });
};
