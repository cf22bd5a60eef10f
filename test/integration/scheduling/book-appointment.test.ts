import { hash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';
import { newId } from '#platform/database/new-id.ts';
import { eventually, type Harness, startHarness } from './harness.ts';

let house: Harness;
beforeAll(async () => {
  house = await startHarness();
});
afterAll(async () => {
  await house?.stop();
});
/** A day of its own for each test, so that no test is in another's way. */
let lastDay = 2;
const freshDay = (): number => {
  lastDay += 1;
  return lastDay;
};
/** A Monday at least a week ahead, for tests of one ISO week. */
const daysToMonday = (weeks: number): number => ((8 - new Date().getDay()) % 7) + 7 * weeks;

describe('bookAppointment in one city', () => {
  it('takes a place and writes seat, ledger, key, changes and audit entry', async () => {
    const patient = await house.addPatient('MTL');
    const slotId = await house.addSlot({ day: freshDay(), capacity: 2 });
    const answer = await house.book(patient, slotId);
    expect(answer).toMatchObject({
      __typename: 'BookAppointmentSuccess',
      replayed: false,
      appointment: {
        status: 'BOOKED',
        appointmentType: 'PHYSICIAN',
        city: { code: 'MTL' },
        slot: { id: slotId, booked: 1 },
        patient: { id: patient.patientId },
      },
    });
    expect(answer.appointment.id).toMatch(/^MTL-apt-/);
    const [entry, ...more] = (await house.audits('MTL', 'bookAppointment')).filter((each) => each.patient_id === patient.patientId);
    expect(more).toEqual([]);
    expect(entry?.outcome).toBe(0);
    expect(JSON.parse(entry?.body ?? '')).toMatchObject({
      act: 'bookAppointment',
      purpose: 'PATRQT',
      agent: [{ role: 'PATIENT', city: 'MTL' }, { who: 'scheduling' }],
      entities: [
        { kind: 'Slot', what: slotId },
        { kind: 'Appointment', what: answer.appointment.id, sha256: expect.stringMatching(/^cm:[0-9a-f]{64}$/) },
      ],
    });
    expect(entry?.body).not.toContain(patient.patientId);
    // Nor does it tell whose the appointment is to somebody who knows of a patient and tries.
    const guess = { id: answer.appointment.id, slotId, patientId: patient.patientId, status: 'BOOKED' };
    expect(entry?.body).not.toContain(hash('sha256', canonicalize(guess) ?? ''));
    const events = await house.sql('MTL', 'select topic, kind, payload from scheduling.outbox where subject = any($1) order by topic', [
      [slotId, patient.patientId],
    ]);
    expect(events).toMatchObject([
      { topic: 'appointment', kind: 'BOOKED', payload: { appointmentId: answer.appointment.id } },
      { topic: 'slot', kind: 'CHANGED', payload: { before: 2, after: 1, type: 'PHYSICIAN' } },
    ]);
  });

  it.each([1, 2, 3])('gives five places to five of 200 who ask at once (round %i)', async () => {
    const slotId = await house.addSlot({ day: freshDay(), capacity: 5 });
    const patients = await Promise.all(Array.from({ length: 200 }, () => house.addPatient('MTL')));
    const answers = await Promise.all(patients.map((patient) => house.book(patient, slotId)));
    const kinds = Map.groupBy(answers, ({ __typename }) => __typename);
    expect(kinds.get('BookAppointmentSuccess')?.length).toBe(5);
    expect(kinds.get('SlotFull')?.length).toBe(195);
    const outcomes = (await house.audits('MTL', 'bookAppointment')).filter(({ patient_id }) =>
      patients.some(({ patientId }) => patientId === patient_id),
    );
    expect(outcomes.filter(({ outcome }) => outcome === 0).length).toBe(5);
    expect(outcomes.filter(({ outcome }) => outcome === 4).length).toBe(195);
    expect(await house.contradictions()).toEqual([]);
  });

  it.each([1, 2, 3])('books once and replays 49 times for one key used 50 times at once (round %i)', async () => {
    const patient = await house.addPatient('MTL');
    const slotId = await house.addSlot({ day: freshDay() });
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 50 }, () => house.book(patient, slotId, { key })));
    expect(answers.filter((each) => each.__typename === 'BookAppointmentSuccess' && !each.replayed).length).toBe(1);
    expect(answers.filter((each) => each.__typename === 'BookAppointmentSuccess' && each.replayed).length).toBe(49);
    expect(new Set(answers.map((each) => each.appointment.id)).size).toBe(1);
    // One entry made the appointment (action C); each answer that was told again is a reading of it (R).
    const entries = (await house.audits('MTL', 'bookAppointment')).filter((each) => each.patient_id === patient.patientId);
    expect(Object.groupBy(entries, ({ body }) => JSON.parse(body).action)).toMatchObject({ C: { length: 1 }, R: { length: 49 } });
    expect(entries.every(({ outcome }) => outcome === 0)).toBe(true);
  });
});

describe('one patient who books overlapping slots at once', () => {
  it.each(['MTL', 'QUE'])('gets one of eight in %s, and no error', async (city) => {
    for (let round = 0; round < 5; round++) {
      const patient = await house.addPatient('MTL');
      const day = freshDay();
      const slots = await Promise.all(
        Array.from({ length: 8 }, (_, i) => house.addSlot({ city, day, minute: 600 + i, minutes: 60, type: `TYPE${i}` })),
      );
      const answers = await Promise.all(slots.map((slotId) => house.book(patient, slotId)));
      const kinds = Map.groupBy(answers, ({ __typename }) => __typename);
      expect(kinds.get('BookAppointmentSuccess')?.length).toBe(1);
      expect(kinds.get('OverlappingAppointment')?.length).toBe(7);
    }
    await eventually(async () => (await house.contradictions()).length === 0);
  });
});

describe('refusals of bookAppointment', () => {
  const refuses = async (expected: Record<string, unknown>, act: () => Promise<unknown>): Promise<void> => {
    const before = await house.snapshot();
    expect(await act()).toMatchObject(expected);
    expect(await house.snapshot()).toEqual(before);
  };

  it('tells SlotNotFound for ids that are none, of no city, of no slot', async () => {
    const patient = await house.addPatient('MTL');
    for (const slotId of ['x', "mtl'; DROP--", newId('XXX', 'slt'), newId('MTL', 'slt'), newId('QUE', 'slt'), patient.patientId ?? ''])
      await refuses({ __typename: 'SlotNotFound' }, () => house.book(patient, slotId));
    expect(
      (await house.audits('MTL', 'bookAppointment')).filter((each) => each.patient_id === patient.patientId && each.outcome === 4).length,
    ).toBe(6);
  });

  it('tells PatientNotFound for patients of others, of nobody, and malformed ones, and books none', async () => {
    const patient = await house.addPatient('MTL');
    const other = await house.addPatient('MTL');
    const admin = house.viewer('A', 'MTL');
    const away = house.viewer('A', 'QUE');
    const slotId = await house.addSlot({ day: freshDay() });
    await refuses({ __typename: 'PatientNotFound' }, () => house.book(patient, slotId, { patientId: other.patientId ?? '' }));
    await refuses({ __typename: 'PatientNotFound' }, () => house.book(patient, slotId, { patientId: 'nobody' }));
    await refuses({ __typename: 'PatientNotFound' }, () => house.book(admin, slotId, { patientId: newId('MTL', 'pat') }));
    await refuses({ __typename: 'PatientNotFound' }, () => house.book(away, slotId, { patientId: other.patientId ?? '' }));
    expect(await house.book(admin, slotId, { patientId: other.patientId ?? '' })).toMatchObject({ __typename: 'BookAppointmentSuccess' });
  });

  it('tells SlotRemoved, SlotAlreadyStarted, AlreadyBooked, SameTypeSameDay and OverlappingAppointment', async () => {
    const patient = await house.addPatient('MTL');
    const day = freshDay();
    const removed = await house.addSlot({ day, status: 'removed' });
    const started = await house.addSlot({ startsAt: new Date(Date.now() - 60_000) });
    const taken = await house.addSlot({ day, minute: 600 });
    const sameDay = await house.addSlot({ day, minute: 900 });
    const overlap = await house.addSlot({ day, minute: 615, type: 'DENTAL' });
    const overlapAway = await house.addSlot({ day, minute: 615, type: 'DENTAL', city: 'QUE' });
    const neighbour = await house.addSlot({ day, minute: 630, type: 'DENTAL' });
    await refuses({ __typename: 'SlotRemoved' }, () => house.book(patient, removed));
    await refuses({ __typename: 'SlotAlreadyStarted' }, () => house.book(patient, started));
    expect(await house.book(patient, taken)).toMatchObject({ __typename: 'BookAppointmentSuccess' });
    await refuses({ __typename: 'AlreadyBooked' }, () => house.book(patient, taken));
    await refuses({ __typename: 'SameTypeSameDay' }, () => house.book(patient, sameDay));
    await refuses({ __typename: 'OverlappingAppointment' }, () => house.book(patient, overlap));
    await refuses({ __typename: 'OverlappingAppointment' }, () => house.book(patient, overlapAway));
    expect(await house.book(patient, neighbour)).toMatchObject({ __typename: 'BookAppointmentSuccess' });
  });

  it('names the closest open slots of the type when one is full', async () => {
    const day = freshDay();
    const patient = await house.addPatient('MTL');
    const full = await house.addSlot({ day, minute: 840, capacity: 1, type: 'SURGEON' });
    const near = await house.addSlot({ day, minute: 870, city: 'QUE', type: 'SURGEON' });
    const nearer = await house.addSlot({ day, minute: 825, city: 'SHE', type: 'SURGEON' });
    await house.addSlot({ day, minute: 845, type: 'DENTAL' });
    await house.book(await house.addPatient('MTL'), full);
    const key = randomUUID();
    const first = await house.book(patient, full, { key });
    expect(first).toMatchObject({ __typename: 'SlotFull', alternatives: [{ id: nearer }, { id: near }] });
    expect(await house.book(patient, full, { key })).toEqual(first);
  });

  it('keeps a refusal under its key, and tells IdempotencyMismatch for another input', async () => {
    const patient = await house.addPatient('MTL');
    const day = freshDay();
    const full = await house.addSlot({ day, capacity: 1 });
    const open = await house.addSlot({ day, minute: 700 });
    const holder = await house.addPatient('MTL');
    const held = await house.book(holder, full);
    const key = randomUUID();
    await refuses({ __typename: 'SlotFull' }, () => house.book(patient, full, { key }));
    expect(await house.cancel(holder, held.appointment.id)).toMatchObject({ __typename: 'CancelAppointmentSuccess' });
    await refuses({ __typename: 'SlotFull' }, () => house.book(patient, full, { key }));
    await refuses({ __typename: 'IdempotencyMismatch' }, () => house.book(patient, open, { key }));
    const used = randomUUID();
    await house.book(patient, open, { key: used });
    await refuses({ __typename: 'IdempotencyMismatch' }, () => house.book(patient, full, { key: used }));
    expect(await house.book(await house.addPatient('MTL'), open, { key: used })).toMatchObject({
      __typename: 'BookAppointmentSuccess',
      replayed: false,
    });
  });

  it('refuses keys that are none, and callers who are nobody', async () => {
    const patient = await house.addPatient('MTL');
    const slotId = await house.addSlot({ day: freshDay() });
    const answer = await house.ask(patient, 'mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { __typename } }', {
      input: { slotId, idempotencyKey: 'no key' },
    });
    expect(answer.codes).toEqual(['BAD_USER_INPUT']);
    const anonymous = await house.ask(null, 'mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { __typename } }', {
      input: { slotId, idempotencyKey: 'k' },
    });
    expect(anonymous.codes).toEqual(['UNAUTHENTICATED']);
  });
});

describe('bookAppointment across cities', () => {
  it('takes the seat at the host, enters it at home, and confirms a moment later', async () => {
    const patient = await house.addPatient('QUE');
    const slotId = await house.addSlot({ day: freshDay(), city: 'MTL' });
    const answer = await house.book(patient, slotId);
    expect(answer).toMatchObject({ __typename: 'BookAppointmentSuccess', appointment: { status: 'BOOKED', city: { code: 'MTL' } } });
    const [row] = await eventually(async () => {
      const rows = await house.sql('QUE', `select state from scheduling.ledger where id = $1 and state = 'confirmed'`, [
        answer.appointment.id,
      ]);
      return rows.length > 0 && rows;
    });
    expect(row).toMatchObject({ state: 'confirmed' });
    expect(
      (await house.audits('MTL', 'bookAppointment')).filter((each) => each.patient_id === patient.patientId).map(({ outcome }) => outcome),
    ).toEqual([0]);
    expect((await house.audits('QUE', 'bookAppointment')).filter((each) => each.patient_id === patient.patientId)).toEqual([]);
    expect(await house.contradictions()).toEqual([]);
  });

  it.each([1, 2, 3])('lets three of ten bookings in one week through (round %i)', async (round) => {
    const patient = await house.addPatient('SHE');
    const monday = daysToMonday(round + 2);
    const slots = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        house.addSlot({
          city: i % 2 === 0 ? 'MTL' : 'QUE',
          day: monday + (i % 5),
          minute: 540 + round + 60 * Math.floor(i / 5),
          type: i < 5 ? 'PHYSICIAN' : 'DENTAL',
        }),
      ),
    );
    const answers = await Promise.all(slots.map((slotId) => house.book(patient, slotId)));
    const kinds = Map.groupBy(answers, ({ __typename }) => __typename);
    expect(kinds.get('BookAppointmentSuccess')?.length).toBe(3);
    expect(kinds.get('WeeklyLimitReached')?.length).toBe(7);
    expect(kinds.get('WeeklyLimitReached')?.[0]).toMatchObject({ limit: 3, week: expect.stringMatching(/^\d{4}-W\d\d$/) });
    await eventually(async () => (await house.contradictions()).length === 0);
    const own = await house.addSlot({ city: 'SHE', day: monday + 5, minute: 600 });
    expect(await house.book(patient, own)).toMatchObject({ __typename: 'BookAppointmentSuccess' });
    const won = answers.find((each) => each.__typename === 'BookAppointmentSuccess');
    const lost = slots[answers.findIndex((each) => each.__typename === 'WeeklyLimitReached')] ?? '';
    expect(await house.cancel(patient, won.appointment.id)).toMatchObject({ appointment: { status: 'CANCELLED' } });
    expect(await house.book(patient, lost)).toMatchObject({ __typename: 'BookAppointmentSuccess' });
    await eventually(async () => (await house.contradictions()).length === 0);
  });

  it.each([1, 2, 3])('books once and replays 49 times for one key used 50 times at once (round %i)', async () => {
    const patient = await house.addPatient('QUE');
    const slotId = await house.addSlot({ day: freshDay(), city: 'SHE' });
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 50 }, () => house.book(patient, slotId, { key })));
    expect(answers.filter((each) => each.__typename === 'BookAppointmentSuccess' && !each.replayed).length).toBe(1);
    expect(answers.filter((each) => each.__typename === 'BookAppointmentSuccess' && each.replayed).length).toBe(49);
    expect((await house.audits('SHE', 'bookAppointment')).filter((each) => each.patient_id === patient.patientId).length).toBe(1);
    await eventually(async () => (await house.contradictions()).length === 0);
  });

  it('gives the reservation back when the host is full, with one audit entry there', async () => {
    const patient = await house.addPatient('QUE');
    const day = freshDay();
    const slotId = await house.addSlot({ day, city: 'MTL', capacity: 1 });
    await house.book(await house.addPatient('MTL'), slotId);
    const key = randomUUID();
    const before = await house.snapshot();
    expect(await house.book(patient, slotId, { key })).toMatchObject({ __typename: 'SlotFull' });
    expect(await house.book(patient, slotId, { key })).toMatchObject({ __typename: 'SlotFull' });
    expect(await house.snapshot()).toEqual(before);
    expect(
      (await house.audits('MTL', 'bookAppointment')).filter((each) => each.patient_id === patient.patientId).map(({ outcome }) => outcome),
    ).toEqual([4]);
    expect(await house.contradictions()).toEqual([]);
    const next = await house.addSlot({ day, city: 'MTL', minute: 800 });
    expect(await house.book(patient, next)).toMatchObject({ __typename: 'BookAppointmentSuccess' });
  });
});
