import { createHash, randomUUID } from 'node:crypto';
import { type GraphQLError, graphql, parse, subscribe } from 'graphql';
import type pg from 'pg';
import type { Viewer } from '#platform/access/viewer.ts';
import { newId } from '#platform/database/new-id.ts';
import { toGraphError } from '#platform/graphql/errors.ts';
import { makeLog } from '#platform/observability/log.ts';
import { isoWeek } from '#platform/pure/iso-week.ts';
import { makeQueues } from '#platform/pure/turns.ts';
import { addDays, atLocal, toLocal } from '#platform/pure/zoned-time.ts';
import { type Scheduling, type SchedulingSettings, startScheduling } from '#scheduling/server.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { openEntry } from '#test/support/subjects.ts';
import { linkTo } from './city-link.ts';

export const TYPES = ['PHYSICIAN', 'SURGEON', 'DENTAL'];
const ZONE = 'America/Toronto';

export type Answer = {
  // biome-ignore lint/suspicious/noExplicitAny: answers are as different as questions
  readonly data: any;
  readonly errors: readonly GraphQLError[];
  readonly codes: readonly unknown[];
};
export type SlotSpec = {
  readonly city?: string;
  readonly type?: string;
  readonly practitionerId?: string | null;
  /** Days from today, and minute of the day by the wall clock. */
  readonly day?: number;
  readonly minute?: number;
  readonly minutes?: number;
  /** Instead of day and minute. */
  readonly startsAt?: Date;
  readonly capacity?: number;
  readonly status?: 'open' | 'removed';
};

export const BOOK = `mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { __typename
  ... on Refusal { message }
  ... on BookAppointmentSuccess { replayed appointment { id status start appointmentType city { code } slot { id booked } patient { id } } }
  ... on SlotFull { alternatives { id } }
  ... on WeeklyLimitReached { week limit }
  ... on CityUnavailable { city retryAfterSeconds } } }`;
export const CANCEL = `mutation ($id: ID!) { cancelAppointment(appointmentId: $id) { __typename
  ... on Refusal { message } ... on CancelAppointmentSuccess { appointment { id status } }
  ... on NoticeWindowPassed { noticeMinutes } ... on CityUnavailable { city } } }`;

/** The scheduling subgraph on a copy of the databases of its own. */
export const startHarness = async (settings: Partial<SchedulingSettings> = {}) => {
  const network: TestNetwork = await testNetwork();
  const log = makeLog('scheduling', 'error', 2);
  const links = Object.fromEntries(await Promise.all(network.cities.map(async (city) => [city.code, await linkTo(city)] as const)));
  const cities = Object.values(links).map(({ city }) => city);
  const linkOf = (city: string) => {
    const link = links[city];
    if (!link) throw new Error(`no city ${city}`);
    return link;
  };
  const start = (more: Partial<SchedulingSettings> = {}): Promise<Scheduling> =>
    startScheduling({
      cities,
      secrets: network.secrets,
      subjects: network.subjects,
      log,
      appointmentTypes: TYPES,
      sweep: false,
      ...settings,
      ...more,
    });
  const subgraph = await start();
  const clients = new Map<string, Promise<pg.Client>>();
  /** One after the other, as a client has one connection. */
  const lines = makeQueues();
  const sql = <R extends pg.QueryResultRow>(city: string, text: string, values: unknown[] = []): Promise<R[]> => {
    const client = clients.get(city) ?? network.admin(city);
    clients.set(city, client);
    return lines.run(city, async () => (await (await client).query<R>(text, values)).rows);
  };

  const addPatient = async (city = 'MTL'): Promise<Viewer> => {
    const patientId = newId(city, 'pat');
    await sql(city, `insert into patients.patient (city, id, family, given, name_text) values ($1, $2, 'Test', '{Pat}', 'Pat Test')`, [
      city,
      patientId,
    ]);
    return viewer('P', city, { patientId });
  };
  const addPractitioner = async (city = 'MTL'): Promise<Viewer> => {
    const practitionerId = newId(city, 'prc');
    await sql(
      city,
      `insert into patients.practitioner (city, id, family, given, name_text, specialties) values ($1, $2, 'Test', '{Doc}', 'Doc Test', '{PHYSICIAN}')`,
      [city, practitionerId],
    );
    return viewer('D', city, { practitionerId });
  };
  const viewer = (role: Viewer['role'], city: string, more: Partial<Viewer> = {}): Viewer => ({
    accountId: newId(city, 'acc'),
    role,
    city,
    patientId: null,
    practitionerId: null,
    sessionId: newId(city, 'ses'),
    expiresAt: Math.floor(Date.now() / 1000) + 600,
    ...more,
  });
  const addSlot = async (spec: SlotSpec = {}): Promise<string> => {
    const { city = 'MTL', type = 'PHYSICIAN', practitionerId = null, day = 3, minute = 9 * 60, minutes = 30, capacity = 5 } = spec;
    const startsAt = spec.startsAt ?? atLocal(ZONE, addDays(toLocal(ZONE, new Date()).date, day), minute);
    const { date } = toLocal(ZONE, startsAt);
    const id = newId(city, 'slt');
    await sql(
      city,
      `insert into scheduling.slot (city, id, code, appointment_type, practitioner_id, starts_at, ends_at, local_date, week, capacity, status)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [
        city,
        id,
        `${city}M010127`,
        type,
        practitionerId,
        startsAt,
        new Date(startsAt.getTime() + minutes * 60_000),
        date,
        isoWeek(date),
        capacity,
        spec.status ?? 'open',
      ],
    );
    return id;
  };

  const contextOf = (who: Viewer | null, of: Scheduling = subgraph, language: 'en' | 'fr' = 'en') =>
    of.makeContext({ viewer: who, requestId: randomUUID(), address: '127.0.0.1', language, origin: 'http://127.0.0.1:4000' });
  /** Asks the schema with a context of its own, as one request of the gateway would. */
  const ask = async (who: Viewer | null, source: string, variableValues: Record<string, unknown> = {}, of = subgraph): Promise<Answer> => {
    const { data, errors = [] } = await graphql({ schema: of.schema, source, variableValues, contextValue: contextOf(who, of) });
    const told = errors.map((error) => toGraphError(error) ?? error);
    return { data, errors: told, codes: told.map(({ extensions }) => extensions['code']) };
  };
  const book = async (
    who: Viewer,
    slotId: string,
    { key = randomUUID(), patientId, of = subgraph }: { key?: string; patientId?: string; of?: Scheduling } = {},
  ) => {
    const answer = await ask(who, BOOK, { input: { slotId, idempotencyKey: key, ...(patientId ? { patientId } : {}) } }, of);
    if (!answer.data?.bookAppointment) throw new Error(JSON.stringify(answer.errors));
    return answer.data.bookAppointment;
  };
  const cancel = async (who: Viewer, id: string, of = subgraph) => {
    const answer = await ask(who, CANCEL, { id }, of);
    if (!answer.data?.cancelAppointment) throw new Error(JSON.stringify(answer.errors));
    return answer.data.cancelAppointment;
  };
  const follow = async (who: Viewer | null, source: string, variableValues: Record<string, unknown> = {}, of = subgraph) => {
    const result = await subscribe({ schema: of.schema, document: parse(source), variableValues, contextValue: contextOf(who, of) });
    return result as AsyncGenerator<Answer> & { errors?: readonly GraphQLError[] };
  };

  /** What a row of each table says in all cities: seats, ledgers and week's places that do not add up. */
  const contradictions = async (): Promise<string[]> => {
    const found: string[] = [];
    const booked = new Map<string, string>();
    const live = new Map<string, string>();
    for (const { code: city } of network.cities) {
      for (const row of await sql<{ id: string }>(
        city,
        `select s.id from scheduling.slot s
         left join (select slot_id, count(*)::int n from scheduling.appointment where status = 'booked' group by 1) a on a.slot_id = s.id
         where s.booked <> coalesce(a.n, 0) or s.booked > s.capacity`,
      ))
        found.push(`slot ${row.id} does not count its appointments`);
      for (const row of await sql<{ patient_id: string }>(
        city,
        `select q.patient_id from scheduling.quota q
         left join (select patient_id, week, count(*)::int n from scheduling.ledger
           where state in ('pending', 'confirmed') and host_city <> city group by 1, 2) l using (patient_id, week)
         where q.used <> coalesce(l.n, 0)`,
      ))
        found.push(`quota of ${row.patient_id} does not count the ledger`);
      for (const row of await sql<{ id: string; host: string }>(
        city,
        `select id, host_city as host from scheduling.ledger where state in ('pending', 'confirmed')`,
      ))
        live.set(row.id, row.host);
      for (const row of await sql<{ id: string }>(city, `select id from scheduling.appointment where status = 'booked'`))
        booked.set(row.id, city);
      for (const row of await sql<{ appointment_id: string }>(city, 'select appointment_id from scheduling.settlement'))
        found.push(`settlement ${row.appointment_id} is owed`);
      for (const row of await sql<{ key: string }>(city, `select key from scheduling.idempotency where state = 'pending'`))
        found.push(`key ${row.key} is pending`);
      for (const row of await sql<{ id: string }>(city, `select id from scheduling.ledger where state = 'pending'`))
        found.push(`ledger ${row.id} is pending`);
    }
    for (const [id, host] of live) if (booked.get(id) !== host) found.push(`ledger ${id} has no seat`);
    for (const [id] of booked) if (!live.has(id)) found.push(`seat ${id} has no ledger`);
    return found;
  };
  /**
   * Everything that bookings have written, by city and table, so that a refusal can be shown to have written nothing but its key and its
   * audit entry (and what it takes to fence an id off).
   */
  const snapshot = async (): Promise<Record<string, string>> => {
    await subgraph.parts.confirmer.flush();
    const traces: Record<string, string> = {
      appointment: "and status <> 'void'",
      ledger: "and state <> 'released'",
      quota: 'and used > 0',
    };
    const parts: Record<string, string> = {};
    for (const { code: city } of cities)
      for (const table of ['slot', 'appointment', 'ledger', 'quota', 'outbox', 'settlement']) {
        const rows = await sql(city, `select * from scheduling.${table} where city = $1 ${traces[table] ?? ''} order by 2, 3`, [city]);
        parts[`${city} ${table}`] = `${rows.length} rows ${createHash('sha256').update(JSON.stringify(rows)).digest('hex')}`;
      }
    return parts;
  };
  const audits = async (
    city: string,
    act: string,
  ): Promise<{ outcome: number; body: string; patient_id: string | null; actor_id: string | null }[]> =>
    (
      await sql<{ outcome: number; body: string; city: string; event_id: string; sealed: Uint8Array }>(
        city,
        `select outcome, convert_from(body, 'UTF8') as body, city, event_id, sealed from audit.entry where act = $1 order by id`,
        [act],
      )
    ).map((row) => {
      const { outcome, body, patient_id, actor_id } = openEntry(network.subjects, row);
      return { outcome, body, patient_id, actor_id };
    });

  return {
    network,
    subgraph,
    start,
    sql,
    addPatient,
    addPractitioner,
    addSlot,
    viewer,
    contextOf,
    ask,
    book,
    cancel,
    follow,
    contradictions,
    snapshot,
    audits,
    linkOf,
    /** Whether every city answers the subgraph, which leaves one that was away alone for a moment. */
    isWell: async () => Object.values(await subgraph.health()).every(Boolean),
    stop: async () => {
      await subgraph.stop();
      for (const link of Object.values(links)) await link.cut();
      await network.stop();
    },
  };
};
export type Harness = Awaited<ReturnType<typeof startHarness>>;

/** Repeats a look until it finds, or fails after `withinMs`. */
export const eventually = async <T>(look: () => Promise<T | null | false>, withinMs = 5_000): Promise<T> => {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== false) return found;
    if (Date.now() > deadline) throw new Error('it did not come about in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
