import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Scheduling } from '#scheduling/server.ts';
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
    } finally {
      await link.mend();
    }
    await eventually(async () => {
      await house.subgraph.parts.recovery.sweep();
      return (await house.contradictions()).length === 0;
    });
  });
});
