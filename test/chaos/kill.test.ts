import { randomInt, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { makeTokenSigner } from '#platform/access/token.ts';
import { newId } from '#platform/database/new-id.ts';
import { graphClient } from '#test/support/graph.ts';
import { connectAs, freePort, postmasterPid, type Started, startNetwork } from '#test/support/started.ts';

const ROUNDS = Number(process.env['CHAOS_ROUNDS'] ?? 20);
const CITIES = ['MTL', 'QUE', 'SHE'] as const;
const CLIENTS = 12;

let folder: string;
let dataDir: string;
let port: number;
let started: Started;

const kill = (pid: number): void => void process.kill(pid, 'SIGKILL');
const cityOf = (round: number): string => CITIES[round % CITIES.length] ?? 'MTL';
/** The process that runs a module, among those that the started one has spawned. */
const childOf = (module: string): number => {
  const { pid } = started.process;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const found = children.find((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(module));
  if (!found) throw new Error(`nothing runs ${module}`);
  return Number(found);
};
const killPrimary = async (round: number): Promise<void> => {
  kill(postmasterPid(dataDir, cityOf(round)));
  await sleep(600);
};

/** How the network runs, and what is killed in each round. */
const MODES = [
  {
    title: 'in one process',
    flags: [],
    rounds: ROUNDS,
    strike: async (round: number): Promise<string> => {
      if (round % 2 === 1) {
        await killPrimary(round);
        return 'a primary';
      }
      await started.kill();
      started = await startNetwork({ dataDir, port, withinMs: 60_000 });
      return 'the gateway with all subgraphs';
    },
  },
  {
    title: 'with each part in a process of its own',
    flags: ['--processes'],
    rounds: Math.ceil(ROUNDS / 2),
    strike: async (round: number): Promise<string> => {
      if (round % 4 === 2) {
        await killPrimary(round);
        return 'a primary';
      }
      if (round % 4 === 3) {
        kill(postmasterPid(dataDir, cityOf(round), 'b'));
        await sleep(600);
        return 'a standby';
      }
      const [name, module] = round % 4 === 0 ? ['the gateway', 'gateway/main.ts'] : ['scheduling', 'subgraphs/scheduling/main.ts'];
      kill(childOf(module));
      await sleep(600);
      return name;
    },
  },
] as const;

type Patient = { readonly city: string; readonly patientId: string; readonly token: () => Promise<string> };
/** One booking as a client saw it; `unknown` until an answer came. */
type Act = { readonly key: string; readonly patient: Patient; readonly slotId: string; answer: string; appointmentId: string | null };

const patientsOf = async (): Promise<Patient[]> => {
  const sign = await makeTokenSigner(JSON.parse(readFileSync(path.join(dataDir, 'secrets.json'), 'utf8')).tokenKey);
  const all = await Promise.all(
    CITIES.map(async (city) => {
      const client = await connectAs(dataDir, city, 'patients');
      const { rows } = await client.query(
        `select id, patient_id from patients.account where city = $1 and role = 'P' order by username limit 100`,
        [city],
      );
      await client.end();
      return rows.map((row): Patient => {
        const viewer = {
          accountId: row.id,
          role: 'P',
          city,
          patientId: row.patient_id,
          practitionerId: null,
          sessionId: newId(city, 'ses'),
        } as const;
        return { city, patientId: row.patient_id, token: () => sign(viewer) };
      });
    }),
  );
  return all.flat();
};

const addSlots = async (): Promise<{ city: string; id: string }[]> => {
  const graph = graphClient(started.url);
  const slots: { city: string; id: string }[] = [];
  for (const city of CITIES) {
    const token = await graph.login(`${city}A0001`);
    for (let i = 0; i < 60; i++) {
      const start = new Date(Date.now() + (30 + i) * 86_400_000);
      start.setUTCHours(3 + (i % 3), 0, 0, 0);
      const answer = await graph.ask<{ addSlot: { slot?: { id: string } } }>(
        'mutation ($input: AddSlotInput!) { addSlot(input: $input) { __typename ... on AddSlotSuccess { slot { id } } ... on Refusal { message } } }',
        {
          input: {
            appointmentType: 'PHYSICIAN',
            capacity: 30,
            start: start.toISOString(),
            end: new Date(start.getTime() + 1_800_000).toISOString(),
          },
        },
        { token },
      );
      const id = answer.data?.addSlot.slot?.id;
      if (!id) throw new Error(answer.text);
      slots.push({ city, id });
    }
  }
  return slots;
};

const attempt = async (act: Act): Promise<void> => {
  try {
    const answer = await graphClient(started.url).ask<{ bookAppointment: { __typename: string; appointment?: { id: string } } | null }>(
      'mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { __typename ... on BookAppointmentSuccess { appointment { id } } } }',
      { input: { slotId: act.slotId, idempotencyKey: act.key } },
      { token: await act.patient.token() },
    );
    const outcome = answer.data?.bookAppointment;
    if (outcome && outcome.__typename !== 'CityUnavailable') {
      act.answer = outcome.__typename;
      act.appointmentId = outcome.appointment?.id ?? null;
    }
  } catch {
    // the connection broke: what became of it is unknown until the same key is asked again
  }
};

const query = async <R extends pg.QueryResultRow>(city: string, role: 'scheduling' | 'audit', sql: string): Promise<R[]> => {
  const client = await connectAs(dataDir, city, role);
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
};
const untilAnswers = async (): Promise<void> => {
  for (let i = 0; i < 600; i++) {
    const ready = await fetch(`${started.url}/health/ready`).then(
      (response) => response.json() as Promise<{ cities?: Record<string, unknown> }>,
      () => null,
    );
    if (ready && Object.values(ready.cities ?? {}).length === 3 && !JSON.stringify(ready.cities).match(/false|down|unavailable/i)) return;
    await sleep(100);
  }
  throw new Error('the network did not come back');
};

describe.each(MODES)('$title', ({ flags, rounds, strike }) => {
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'caregraph-chaos-'));
    dataDir = path.join(folder, 'data');
    port = await freePort();
    started = await startNetwork({ dataDir, port, flags, withinMs: 120_000 });
  }, 150_000);
  afterAll(async () => {
    await started?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  it(`keeps every promise through ${rounds} rounds of kill -9 in the middle of bookings across cities`, async () => {
    const [patients, slots] = [await patientsOf(), await addSlots()];
    const acts: Act[] = [];
    const kills: Record<string, number> = {};
    for (let round = 0; round < rounds; round++) {
      let over = false;
      const load = Array.from({ length: CLIENTS }, async () => {
        while (!over) {
          const patient = patients[randomInt(patients.length)];
          const slot = slots[randomInt(slots.length)];
          if (!patient || !slot || patient.city === slot.city) continue;
          const act: Act = { key: randomUUID(), patient, slotId: slot.id, answer: 'unknown', appointmentId: null };
          acts.push(act);
          await attempt(act);
          // Slow enough that seats and weeks last for all rounds.
          await sleep(20 + randomInt(80));
        }
      });
      await sleep(300 + randomInt(400));
      const struck = await strike(round);
      kills[struck] = (kills[struck] ?? 0) + 1;
      over = true;
      await Promise.all(load);
      await untilAnswers();
    }

    // Whoever got no answer asks again with the same key, as a client would.
    for (let tries = 0; tries < 20 && acts.some(({ answer }) => answer === 'unknown'); tries++) {
      for (const act of acts) if (act.answer === 'unknown') await attempt(act);
      await sleep(500);
    }
    expect(acts.filter(({ answer }) => answer === 'unknown').length).toBe(0);
    const booked = acts.filter(({ answer }) => answer === 'BookAppointmentSuccess');
    expect(booked.length).toBeGreaterThan(rounds);
    expect(Object.values(kills).reduce((sum, count) => sum + count, 0)).toBe(rounds);

    // The sweepers settle what is left.
    for (let i = 0; i < 60; i++) {
      const pending = await Promise.all(
        CITIES.map((city) => query<{ n: string }>(city, 'scheduling', `select count(*) n from scheduling.ledger where state = 'pending'`)),
      );
      if (pending.every(([row]) => Number(row?.n) === 0)) break;
      await sleep(500);
    }

    type Seat = { id: string; host: string };
    const seats: Seat[] = [];
    const ledger: { id: string; state: string }[] = [];
    const told: string[] = [];
    for (const city of CITIES) {
      const oversold = await query(
        city,
        'scheduling',
        `select s.id from scheduling.slot s left join (select slot_id, count(*) k from scheduling.appointment where status = 'booked' group by 1) a on a.slot_id = s.id
       where s.booked <> coalesce(a.k, 0) or s.booked > s.capacity`,
      );
      expect(oversold).toEqual([]);
      const leaked = await query(
        city,
        'scheduling',
        `select q.patient_id from scheduling.quota q
       left join (select patient_id, week, count(*) k from scheduling.ledger where state in ('pending', 'confirmed') and host_city <> city group by 1, 2) l using (patient_id, week)
       where q.used <> coalesce(l.k, 0) or q.used > 3`,
      );
      expect(leaked).toEqual([]);
      seats.push(
        ...(await query<Seat>(
          city,
          'scheduling',
          `select id, city as host from scheduling.appointment where status = 'booked' and patient_city <> city`,
        )),
      );
      ledger.push(
        ...(await query<{ id: string; state: string }>(
          city,
          'scheduling',
          `select id, state from scheduling.ledger where host_city <> city and state in ('pending', 'confirmed')`,
        )),
      );
      const events = await query<{ id: string }>(
        city,
        'audit',
        `select entity ->> 'what' as id from audit.entry, jsonb_array_elements(convert_from(body, 'UTF8')::jsonb -> 'entities') entity
       where act = 'bookAppointment' and action <> 'R' and outcome = 0 and entity ->> 'kind' = 'Appointment'`,
      );
      told.push(...events.map(({ id }) => id));
    }
    // No acknowledged booking is lost, none stands twice, none stands that nobody asked for.
    expect(new Set(booked.map(({ appointmentId }) => appointmentId)).size).toBe(booked.length);
    expect(seats.map(({ id }) => id).toSorted()).toEqual(booked.map(({ appointmentId }) => appointmentId ?? '').toSorted());
    // Each is told once, by the city that decided it; answers told again are readings.
    expect(told.toSorted()).toEqual(seats.map(({ id }) => id).toSorted());
    expect(ledger.map(({ id }) => id).toSorted()).toEqual(seats.map(({ id }) => id).toSorted());
    expect(new Set(ledger.map(({ state }) => state))).toEqual(new Set(['confirmed']));
    const list = Object.entries(kills).map(([what, count]) => `${what} ${count} times`);
    console.info(`${acts.length} bookings tried, ${booked.length} booked; killed: ${list.join(', ')}`);
  }, 900_000);
});
