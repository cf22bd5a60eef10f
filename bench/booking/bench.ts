import pg from 'pg';
import { Pool } from 'undici';
import { initSubjectKeys } from '#audit/service/init-subject-keys.ts';
import type { EmbeddedNetwork } from '#embedded/network.ts';
import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { makeTokenSigner } from '#platform/access/token.ts';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { toAuditValues } from '#platform/audit/event.ts';
import type { CityConfig } from '#platform/config/city.ts';
import { readStartConfig } from '#platform/config/env.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import { newId } from '#platform/database/new-id.ts';
import { makeLog } from '#platform/observability/log.ts';
import { openSubjects } from '#platform/subjects/open-subjects.ts';
import type { SubjectKeys } from '#platform/subjects/subject-keys.ts';
import { startScheduling } from '#scheduling/server.ts';
import { BOOK_LOCALLY, toLocalBookingValues } from '#scheduling/store/booking-store.ts';
import { startApp } from '#tools/app.ts';
import { withNetwork } from '../ending.ts';
import { type Figure, load, makeFigure, median, quantile } from '../figure.ts';

const CLIENTS = 16;
const ROUNDS = 5;
const ROUND_MS = 3_000;
const PATIENTS = 4_000;
/** Days a week apart, so that neither the day nor the week stands in a patient's way. */
const DAYS = 60;
const SLOTS_PER_DAY = 100;

type Person = { readonly city: string; readonly patientId: string; readonly accountId: string };
type World = { readonly people: readonly Person[]; readonly slots: readonly (readonly string[])[] };

/** Patients and wide slots, written straight into the tables. */
const populate = async (city: CityConfig, superuser: { user: string; password: string }): Promise<World> => {
  const client = new pg.Client({ ...city.nodes[0], ...superuser, database: city.database });
  await client.connect();
  const people = Array.from({ length: PATIENTS }, () => ({
    city: city.code,
    patientId: newId(city.code, 'pat'),
    accountId: newId(city.code, 'acc'),
  }));
  const slots = Array.from({ length: DAYS }, () => Array.from({ length: SLOTS_PER_DAY }, () => newId(city.code, 'slt')));
  try {
    await client.query(
      `insert into patients.patient (city, id, family, given, name_text, birth_date) select $1, id, 'Bench', '{Bench}', 'Bench Bench', '1980-01-01' from unnest($2::text[]) id`,
      [city.code, people.map(({ patientId }) => patientId)],
    );
    const flat = slots.flatMap((ids, day) => ids.map((id, i) => ({ id, day, i })));
    await client.query(
      `insert into scheduling.slot (city, id, code, appointment_type, starts_at, ends_at, local_date, week, capacity)
       select $1, id, 'BENCH', 'TYPE_' || i, at, at + interval '30 minutes', at::date, to_char(at, 'IYYY-"W"IW'), 1000
       from (select id, i, date_trunc('day', now()) + interval '15 hours' + (day * 7 + 30) * interval '1 day' as at
             from unnest($2::text[], $3::int[], $4::int[]) as x(id, day, i)) s`,
      [city.code, flat.map(({ id }) => id), flat.map(({ day }) => day), flat.map(({ i }) => i)],
    );
    await client.query('vacuum analyze patients.patient, scheduling.slot');
  } finally {
    await client.end();
  }
  return { people, slots };
};

/** Gives each patient of `people` one appointment a week among `slots`, never the same pair twice. */
const makePairs = (people: readonly Person[], slots: World['slots']) => {
  let next = 0;
  return (): { readonly person: Person; readonly slotId: string } => {
    const n = next++;
    const person = people[n % people.length];
    const day = slots[Math.floor(n / people.length)];
    const slotId = day?.[(n * 7919) % SLOTS_PER_DAY];
    if (!person || !slotId) throw new Error('the bench has run out of patients and days');
    return { person, slotId };
  };
};

const viewerOf = ({ city, patientId, accountId }: Person): Viewer => ({
  accountId,
  role: 'P',
  city,
  patientId,
  practitionerId: null,
  sessionId: newId(city, 'ses'),
  expiresAt: Math.floor(Date.now() / 1000) + 600,
});
const callerOf = (person: Person): Caller => ({
  viewer: viewerOf(person),
  requestId: '00000000-0000-4000-8000-000000000000',
  address: '127.0.0.1',
  language: 'en',
  origin: 'http://127.0.0.1:4000',
});

/** Waits until the logs have taken in what the measurements before have left to them: no sequencer ran beside those. */
const whenLogged = async ({ cities, superuser }: EmbeddedNetwork): Promise<void> => {
  const end = Date.now() + 60_000;
  for (const city of cities) {
    const client = new pg.Client({ ...city.nodes[0], ...superuser, database: city.database });
    await client.connect();
    try {
      const isLogged = async (): Promise<boolean> => {
        const { rows } = await client.query<{ logged: boolean }>(
          'select coalesce((select sum(size) from audit.log_state), 0) >= (select count(*) from audit.entry) as logged',
        );
        return rows[0]?.logged === true;
      };
      while (!(await isLogged())) {
        if (Date.now() > end) throw new Error(`the log of ${city.code} did not come to its end`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    } finally {
      await client.end();
    }
  }
};

/** The values of a same-city booking as the service makes them, made before the clock starts. */
const rawValues = ({ person, slotId }: { person: Person; slotId: string }, key: string, subjects: SubjectKeys): unknown[] => {
  const appointmentId = newId(person.city, 'apt');
  return [
    ...toLocalBookingValues({
      city: person.city,
      slotId,
      appointmentId,
      patientId: person.patientId,
      callerId: person.accountId,
      key,
      operation: 'bookAppointment',
      inputHash: 'a'.repeat(64),
      audit: toAuditValues(
        {
          city: person.city,
          observer: 'scheduling',
          act: 'bookAppointment',
          action: 'C',
          outcome: 0,
          purpose: 'PATRQT',
          actor: { role: 'PATIENT', city: person.city, accountId: person.accountId },
          patientId: person.patientId,
          entities: [
            { kind: 'Slot', id: slotId },
            { kind: 'Appointment', id: appointmentId, sha256: 'a'.repeat(64) },
          ],
          requestId: '00000000-0000-4000-8000-000000000000',
        },
        subjects,
      ),
    }),
  ];
};

/**
 * Booking on a network as `npm start` makes it (fsync on, synchronous standbys): the service within one city against raw `pg` clients
 * that run the same statement with values made beforehand, in turns; across cities; on one hot slot; and the whole way through the graph.
 */
export const run = (say: (line: string) => void): Promise<readonly Figure[]> => {
  const log = makeLog('bench', 'error', 2);
  return withNetwork(log, async (network, dataDir) => {
    const { cities, secrets, superuser } = network;
    const migrator = { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS };
    await Promise.all(cities.map((city) => migrateCity(city, migrator)));
    const worlds = Object.fromEntries(await Promise.all(cities.map(async (city) => [city.code, await populate(city, superuser)] as const)));
    const worldOf = (code: string): World => worlds[code] as World;
    const deadline = Date.now() + 20_000;
    while (cities.some(({ code }) => !network.city(code).synchronous) && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50));

    const figures: Figure[] = [];
    const [montreal] = cities;
    if (!montreal) throw new Error('no city');
    const config = readStartConfig({ DATA_DIR: dataDir });
    await initSubjectKeys({ cities, secrets, subjects: config.subjects });
    const codes = cities.map(({ code }) => code);
    const subjects = await openSubjects(config.subjects, { cities: codes, indexKey: secrets.subjectIndexKey, log });
    const scheduling = await startScheduling({ cities, secrets, subjects, log, appointmentTypes: ['PHYSICIAN'], maxConnections: CLIENTS });
    const raw = await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const client = new pg.Client({
          ...montreal.nodes[0],
          user: 'scheduling',
          password: secrets.databasePasswords.scheduling,
          database: montreal.database,
        });
        await client.connect();
        return client;
      }),
    );
    try {
      const { bookAppointment } = scheduling.parts.services;
      let serial = 0;
      const book = async ({ person, slotId }: { person: Person; slotId: string }): Promise<void> => {
        const outcome = await bookAppointment(callerOf(person), { slotId, idempotencyKey: `k${serial++}` });
        if (outcome.kind !== 'booked') throw new Error(`refused: ${outcome.refusal.kind}`);
      };
      const { people, slots } = worldOf('MTL');
      const nextLocal = makePairs(people, slots);
      const local: number[] = [];
      const reference: number[] = [];
      const localTimes: number[] = [];
      for (let round = -1; round < ROUNDS; round++) {
        const service = await load(CLIENTS, ROUND_MS, () => book(nextLocal()));
        const prepared = Array.from({ length: Math.ceil((service.count / service.seconds) * (ROUND_MS / 1000) * 2.5) }, (_, i) =>
          rawValues(nextLocal(), `r${round}-${i}`, subjects.of('MTL')),
        );
        let at = 0;
        const plain = await load(CLIENTS, ROUND_MS, async (client) => {
          const values = prepared[at++];
          if (!values) throw new Error('the reference has run out of prepared values');
          const { rowCount } = (await raw[client]?.query({ ...BOOK_LOCALLY, values })) ?? { rowCount: 0 };
          if (rowCount !== 1) throw new Error('the reference was refused');
        });
        if (round < 0) continue;
        local.push(service.count / service.seconds);
        localTimes.push(...service.times);
        reference.push(plain.count / plain.seconds);
        say(`same city ${Math.round(local.at(-1) ?? 0)}/s, raw ${Math.round(reference.at(-1) ?? 0)}/s`);
      }
      figures.push(
        makeFigure('booking, same city: service against raw pg on the same statement', median(local), '1/s', median(reference), 0.7),
      );
      figures.push(makeFigure('booking, same city: p99', quantile(localTimes, 0.99), 'ms'));

      const nextAway = makePairs(worldOf('QUE').people, worldOf('SHE').slots);
      const away: number[] = [];
      const near: number[] = [];
      const nextNear = makePairs(worldOf('SHE').people, worldOf('SHE').slots.toReversed());
      for (let round = -1; round < ROUNDS; round++) {
        const across = await load(CLIENTS, ROUND_MS, () => book(nextAway()));
        const within = await load(CLIENTS, ROUND_MS, () => book(nextNear()));
        if (round < 0) continue;
        away.push(across.count / across.seconds);
        near.push(within.count / within.seconds);
        say(`across cities ${Math.round(away.at(-1) ?? 0)}/s, within ${Math.round(near.at(-1) ?? 0)}/s`);
      }
      figures.push(makeFigure('booking, across cities: saga against same city', median(away), '1/s', median(near), 0.3));

      const hot: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const slotId = worldOf('QUE').slots[DAYS - 1 - round]?.[0] ?? '';
        let person = 0;
        const { count, seconds } = await load(CLIENTS, 1_000, async () => {
          const next = worldOf('QUE').people[person++];
          if (next && person <= 1_000) await book({ person: next, slotId });
          else await new Promise((resolve) => setTimeout(resolve, 1_000));
        });
        hot.push(Math.min(count, 1_000) / seconds);
      }
      figures.push(makeFigure('booking, one hot slot: against same city', median(hot), '1/s', median(local)));
    } finally {
      await Promise.all(raw.map((client) => client.end()));
      await scheduling.stop();
      await subjects.stop();
    }

    const app = await startApp({
      cities,
      secrets,
      host: '127.0.0.1',
      port: 0,
      development: false,
      allowedOrigins: [],
      appointmentTypes: ['PHYSICIAN'],
      files: config.files,
      subjects: config.subjects,
      log: makeLog('bench', 'info', '/dev/null'),
    });
    const pool = new Pool(app.url, { connections: CLIENTS });
    try {
      await whenLogged(network);
      const sign = await makeTokenSigner(secrets.tokenKey);
      const { people, slots } = worldOf('SHE');
      const tokens = new Map(
        await Promise.all(people.slice(0, 1_000).map(async (person) => [person.patientId, await sign(viewerOf(person))] as const)),
      );
      const next = makePairs(people.slice(0, 1_000), slots.slice(0, 12));
      const query = `mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { __typename ... on BookAppointmentSuccess { replayed appointment { id start status slot { id available } } } } }`;
      let serial = 0;
      const throughGraph = async (): Promise<void> => {
        const { person, slotId } = next();
        const { body } = await pool.request({
          path: '/graphql',
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${tokens.get(person.patientId)}` },
          body: JSON.stringify({ query, variables: { input: { slotId, idempotencyKey: `g${serial++}` } } }),
        });
        const text = await body.text();
        if (!text.includes('"BookAppointmentSuccess"')) throw new Error(text.slice(0, 300));
      };
      await load(CLIENTS, ROUND_MS, throughGraph);
      const { count, seconds, times } = await load(CLIENTS, 4_000, throughGraph);
      figures.push(makeFigure('booking, whole way through the graph', count / seconds, '1/s'));
      figures.push(makeFigure('booking, whole way through the graph: p50', quantile(times, 0.5), 'ms'));
      figures.push(makeFigure('booking, whole way through the graph: p99', quantile(times, 0.99), 'ms'));
    } finally {
      await pool.close();
      await app.stop();
    }
    return figures;
  });
};
