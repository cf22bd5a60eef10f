import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Scheduling } from '#scheduling/server.ts';
import { ERASE_PATIENT } from '#test/support/erase-patient.ts';
import { eventually, type Harness, startHarness } from './harness.ts';

let house: Harness;
const started: Scheduling[] = [];
beforeAll(async () => {
  house = await startHarness();
});
afterEach(async () => {
  for (const subgraph of started.splice(0)) await subgraph.stop();
});
afterAll(async () => {
  await house?.stop();
});

/** A process that ends its story at a step: from there on it does nothing more. */
const startDying = async (point: string): Promise<Scheduling> => {
  let isDead = false;
  const subgraph = await house.start({
    feed: false,
    faults: (at) => {
      if (at === point) isDead = true;
      if (isDead) throw new Error(`ended ${at}`);
    },
  });
  started.push(subgraph);
  return subgraph;
};
/** A minute of the day that no other test of this file uses. */
let minute = 480;
const freshMinute = (): number => {
  minute += 31;
  return minute;
};

describe('a booking across cities that ends half-way', () => {
  it.each(['after-reserve', 'after-seat', 'before-confirm', 'after-confirm', 'before-refuse', 'after-refuse'])(
    'is finished when the process ends %s',
    async (point) => {
      const isRefusal = point.endsWith('refuse');
      const patient = await house.addPatient('QUE');
      const slotId = await house.addSlot({ city: 'MTL', day: 3, minute: freshMinute(), capacity: 1 });
      if (isRefusal) await house.book(await house.addPatient('MTL'), slotId);
      const dying = await startDying(point);
      const key = randomUUID();
      await house.book(patient, slotId, { key, of: dying }).catch(() => {});
      await dying.parts.confirmer.flush();
      const twoAtOnce = await Promise.all([
        house.subgraph.parts.recovery.sweep({ olderThanMs: 0 }),
        house.subgraph.parts.recovery.sweep({ olderThanMs: 0 }),
      ]);
      expect(twoAtOnce.every(({ waits }) => waits === 0)).toBe(true);
      expect(await house.contradictions()).toEqual([]);
      const answer = await house.book(patient, slotId, { key });
      const isReplay = ['after-seat', 'before-confirm', 'after-confirm'].includes(point);
      expect(answer).toMatchObject(isRefusal ? { __typename: 'SlotFull' } : { __typename: 'BookAppointmentSuccess', replayed: isReplay });
      await house.subgraph.parts.confirmer.flush();
      expect(await house.contradictions()).toEqual([]);
      const seats = await house.sql('MTL', `select 1 from scheduling.appointment where slot_id = $1 and status = 'booked'`, [slotId]);
      expect(seats.length).toBe(1);
      const successes = (await house.audits('MTL', 'bookAppointment')).filter(
        (each) => each.patient_id === patient.patientId && each.outcome === 0,
      );
      expect(successes.length).toBe(isRefusal ? 0 : 1);
    },
  );

  it.each(['after-cancel', 'after-settle'])('frees the week’s place when the process ends %s', async (point) => {
    const patient = await house.addPatient('QUE');
    const { appointment } = await house.book(patient, await house.addSlot({ city: 'SHE', day: 4, minute: freshMinute() }));
    await house.subgraph.parts.confirmer.flush();
    const dying = await startDying(point);
    await house.cancel(patient, appointment.id, dying).catch(() => {});
    await house.subgraph.parts.recovery.sweep();
    expect(await house.contradictions()).toEqual([]);
    expect(await house.sql('QUE', 'select used from scheduling.quota where patient_id = $1', [patient.patientId])).toEqual([{ used: 0 }]);
    expect(await house.cancel(patient, appointment.id)).toMatchObject({ appointment: { status: 'CANCELLED' } });
  });

  it('settles what was cancelled before home had heard of the booking', async () => {
    const patient = await house.addPatient('QUE');
    const dying = await startDying('before-confirm');
    const { appointment } = await house.book(patient, await house.addSlot({ city: 'SHE', day: 6 }), { of: dying });
    expect(await house.cancel(patient, appointment.id)).toMatchObject({ appointment: { status: 'CANCELLED' } });
    await house.subgraph.parts.recovery.sweep({ olderThanMs: 0 });
    expect(await house.contradictions()).toEqual([]);
    const told = await house.sql<{ kind: string }>(
      'QUE',
      `select kind from scheduling.outbox where topic = 'appointment' and subject = $1 order by xid, seq`,
      [patient.patientId],
    );
    expect(told.map(({ kind }) => kind)).toEqual(['BOOKED', 'CANCELLED']);
  });
});

describe('a booking across cities that stalls while the sweeper ends it', () => {
  it.each([
    ['before-reserve', 'BookAppointmentSuccess'],
    ['after-reserve', 'CityUnavailable'],
    ['after-seat', 'BookAppointmentSuccess'],
    ['before-confirm', 'BookAppointmentSuccess'],
    ['after-confirm', 'BookAppointmentSuccess'],
    ['before-refuse', 'CityUnavailable'],
    ['after-refuse', 'SlotFull'],
  ])('%s: tells what was decided, once', async (point, told) => {
    const isRefusal = point.endsWith('refuse');
    const patient = await house.addPatient('QUE');
    const slotId = await house.addSlot({ city: 'MTL', day: 4, minute: freshMinute(), capacity: 1 });
    if (isRefusal) await house.book(await house.addPatient('MTL'), slotId);
    const slow = await house.start({
      feed: false,
      faults: async (at) => {
        if (at === point) await house.subgraph.parts.recovery.sweep({ olderThanMs: 0 });
      },
    });
    started.push(slow);
    const key = randomUUID();
    expect(await house.book(patient, slotId, { key, of: slow })).toMatchObject({ __typename: told });
    await slow.parts.confirmer.flush();
    expect(await house.contradictions()).toEqual([]);
    expect(await house.book(patient, slotId, { key })).toMatchObject(
      isRefusal ? { __typename: 'SlotFull' } : { __typename: 'BookAppointmentSuccess', replayed: told === 'BookAppointmentSuccess' },
    );
    await house.subgraph.parts.confirmer.flush();
    expect(await house.contradictions()).toEqual([]);
    const outcomes = (await house.audits('MTL', 'bookAppointment'))
      .filter((each) => each.patient_id === patient.patientId)
      .map(({ outcome }) => outcome);
    // What was given up half-way is a failure of its own; then comes what the next try met.
    expect(outcomes).toEqual([...(told === 'CityUnavailable' ? [12] : []), isRefusal ? 4 : 0]);
  });
});

describe('an erased patient', () => {
  it.each([
    ['host', 'SHE'],
    ['home', 'QUE'],
  ])('keeps no place, also where the %s was away', async (_which, away) => {
    const patient = await house.addPatient('QUE');
    const booked: string[] = [];
    for (const [city, day] of [
      ['SHE', 5],
      ['QUE', 6],
    ] as const)
      booked.push((await house.book(patient, await house.addSlot({ city, day, minute: freshMinute() }))).appointment.id);
    await house.subgraph.parts.confirmer.flush();
    await house.sql('QUE', ERASE_PATIENT, [patient.patientId]);
    const sweepAnew = async () => {
      const sweeper = await house.start({ feed: false });
      started.push(sweeper);
      return sweeper.parts.recovery.sweep();
    };
    const link = house.linkOf(away);
    await link.cut();
    try {
      await sweepAnew();
    } finally {
      await link.mend();
    }
    await eventually(house.isWell);
    await Promise.all([sweepAnew(), sweepAnew()]);
    expect(await house.contradictions()).toEqual([]);
    for (const id of booked) {
      const city = id.slice(0, 3);
      expect(await house.sql(city, 'select status from scheduling.appointment where id = $1', [id])).toEqual([{ status: 'cancelled' }]);
      const acts = (await house.audits(city, 'cancelAppointment')).filter(({ body }) => body.includes(id));
      expect(acts.map(({ outcome }) => outcome)).toEqual([0]);
    }
    expect(await house.sql('QUE', 'select used from scheduling.quota where patient_id = $1', [patient.patientId])).toEqual([{ used: 0 }]);
  });
});

describe('while a city is away', () => {
  it('refuses bookings there, leaves others alone, and binds nothing of the patient’s', async () => {
    const patient = await house.addPatient('QUE');
    const slotId = await house.addSlot({ city: 'SHE', day: 8 });
    const other = await house.addSlot({ city: 'MTL', day: 9 });
    const known = await house.addPatient('MTL');
    await house.book(known, slotId); // its facts are known now
    await house.subgraph.parts.confirmer.flush();
    const link = house.linkOf('SHE');
    await link.cut();
    try {
      const key = randomUUID();
      expect(await house.book(patient, slotId, { key })).toMatchObject({
        __typename: 'CityUnavailable',
        city: 'SHE',
        retryAfterSeconds: 2,
      });
      expect(await house.book(patient, other)).toMatchObject({ __typename: 'BookAppointmentSuccess' });
      const listed = await house.ask(patient, 'query { slots(filter: {}) { nodes { id city { code } } cityStates { city state } } }');
      expect(listed.data.slots.cityStates).toContainEqual({ city: 'SHE', state: 'UNAVAILABLE' });
      expect(listed.data.slots.cityStates).toContainEqual({ city: 'MTL', state: 'COMPLETE' });
      await link.mend();
      const answer = await eventually(async () => {
        const next = await house.book(patient, slotId, { key });
        return next.__typename === 'CityUnavailable' ? null : next;
      });
      expect(answer).toMatchObject({ __typename: 'BookAppointmentSuccess' });
    } finally {
      await link.mend();
    }
    await house.subgraph.parts.confirmer.flush();
    await house.subgraph.parts.recovery.sweep({ olderThanMs: 0 });
    expect(await house.contradictions()).toEqual([]);
  });

  it('books nobody whose home is away, and settles a cancellation when the home returns', async () => {
    const patient = await house.addPatient('SHE');
    const { appointment } = await house.book(patient, await house.addSlot({ city: 'QUE', day: 10 }));
    await house.subgraph.parts.confirmer.flush();
    const next = await house.addSlot({ city: 'QUE', day: 11 });
    const link = house.linkOf('SHE');
    await link.cut();
    try {
      expect(await house.book(patient, next)).toMatchObject({ __typename: 'CityUnavailable', city: 'SHE' });
      expect(await house.cancel(patient, appointment.id)).toMatchObject({ appointment: { status: 'CANCELLED' } });
      expect((await house.contradictions()).length).toBeGreaterThan(0);
      // The home cannot enter the failed booking, so the host has it.
      const failed = (await house.audits('QUE', 'bookAppointment')).filter((each) => each.patient_id === patient.patientId);
      expect(failed.map(({ outcome }) => outcome)).toEqual([0, 12]);
    } finally {
      await link.mend();
    }
    await eventually(async () => {
      await house.subgraph.parts.recovery.sweep();
      return (await house.contradictions()).length === 0;
    });
  });
});

describe('what is owed to a city that is down for long', () => {
  it('does not stand before what is owed to others', async () => {
    const patient = await house.addPatient('SHE');
    const { appointment } = await house.book(patient, await house.addSlot({ city: 'MTL', day: 13 }));
    await house.subgraph.parts.confirmer.flush();
    const link = house.linkOf('QUE');
    await link.cut();
    try {
      await house.sql(
        'MTL',
        `insert into scheduling.settlement (city, appointment_id, patient_city, created_at)
         select 'MTL', 'MTL-apt-owed' || n, 'QUE', now() - interval '1 day' from generate_series(1, 600) n`,
      );
      await house.sql('MTL', `update scheduling.appointment set status = 'cancelled', cancelled_at = now() where id = $1`, [
        appointment.id,
      ]);
      await house.sql(
        'MTL',
        'update scheduling.slot s set booked = booked - 1 from scheduling.appointment a where a.id = $1 and s.id = a.slot_id',
        [appointment.id],
      );
      await house.sql('MTL', `insert into scheduling.settlement (city, appointment_id, patient_city) values ('MTL', $1, 'SHE')`, [
        appointment.id,
      ]);
      await house.subgraph.parts.recovery.sweep();
      expect(await house.sql('SHE', 'select state from scheduling.ledger where id = $1', [appointment.id])).toEqual([
        { state: 'cancelled' },
      ]);
    } finally {
      await link.mend();
      await house.sql('MTL', `delete from scheduling.settlement where appointment_id like 'MTL-apt-owed%'`);
    }
    await eventually(house.isWell);
  });
});

describe('a storm', () => {
  it('of cut links loses no acknowledged booking, sells no seat twice, and audits each act once', async () => {
    const codes = ['MTL', 'QUE', 'SHE'];
    const patients = await Promise.all(Array.from({ length: 60 }, (_, i) => house.addPatient(codes[i % 3])));
    const slots = await Promise.all(
      Array.from({ length: 45 }, (_, i) =>
        house.addSlot({
          city: codes[i % 3] ?? '',
          day: 20 + (i % 9),
          minute: 500 + i * 7,
          capacity: 3,
          type: i % 2 ? 'DENTAL' : 'PHYSICIAN',
        }),
      ),
    );
    const counts = async (): Promise<number> => {
      let successes = 0;
      // An answer told again under its key is a reading (R).
      for (const city of codes)
        for (const { outcome, body } of await house.audits(city, 'bookAppointment'))
          if (outcome === 0 && JSON.parse(body).action === 'C') successes += 1;
      let seats = 0;
      for (const city of codes)
        seats += (await house.sql(city, `select 1 from scheduling.appointment where status in ('booked', 'cancelled')`)).length;
      return successes - seats;
    };
    const storm = await house.start({ feed: false, sweep: true, sweepEveryMs: 100 });
    started.push(storm);
    const acknowledged = new Map<string, string>();
    const cancelled = new Set<string>();
    const began = Date.now();
    // A machine that has much to do takes longer to get through enough of it.
    const goesOn = (): boolean => Date.now() - began < (acknowledged.size > 20 ? 4_000 : 25_000);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;
    const clients = Array.from({ length: 12 }, async () => {
      while (goesOn()) {
        const patient = pick(patients);
        const slotId = pick(slots);
        const key = randomUUID();
        for (let attempt = 0; attempt < 3; attempt++) {
          const answer = await house.book(patient, slotId, { key, of: storm }).catch(() => null);
          if (answer?.__typename === 'BookAppointmentSuccess') {
            acknowledged.set(answer.appointment.id, slotId);
            if (Math.random() < 0.3) {
              const gone = await house.cancel(patient, answer.appointment.id, storm).catch(() => null);
              // Without an answer it may have been cancelled or not.
              if (gone?.__typename === 'CancelAppointmentSuccess') cancelled.add(answer.appointment.id);
              else acknowledged.delete(answer.appointment.id);
            }
          }
          if (answer && answer.__typename !== 'CityUnavailable') break;
        }
      }
    });
    const weather = (async () => {
      while (goesOn()) {
        const link = house.linkOf(pick(codes));
        await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 150));
        await link.cut();
        await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 150));
        await link.mend();
      }
    })();
    await Promise.all([...clients, weather]);
    await eventually(house.isWell);
    await storm.parts.confirmer.flush();
    await eventually(async () => {
      await storm.parts.recovery.sweep({ olderThanMs: 0 });
      return (await house.contradictions()).length === 0;
    }, 10_000);
    expect(acknowledged.size).toBeGreaterThan(10);
    for (const [id, slotId] of acknowledged) {
      const rows = await house.sql(id.slice(0, 3), 'select status, slot_id from scheduling.appointment where id = $1', [id]);
      expect(rows).toEqual([{ status: cancelled.has(id) ? 'cancelled' : 'booked', slot_id: slotId }]);
    }
    expect(await counts()).toBe(0);
  }, 60_000);
});
