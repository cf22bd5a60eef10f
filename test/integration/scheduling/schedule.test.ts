import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Viewer } from '#platform/access/viewer.ts';
import { newId } from '#platform/database/new-id.ts';
import { type Answer, eventually, type Harness, startHarness } from './harness.ts';

let house: Harness;
beforeAll(async () => {
  house = await startHarness();
});
afterAll(async () => {
  await house?.stop();
});

const SCHEDULE = `query ($id: ID!, $first: Int, $after: String, $from: DateTime) {
  _entities(representations: [{ __typename: "Patient", id: $id }]) { ... on Patient {
    appointments(first: $first, after: $after, from: $from) { nodes { id status appointmentType start slot { id } patient { id } } pageInfo { hasNextPage endCursor } } } } }`;
const schedule = async (who: Viewer | null, id: string, more: Record<string, unknown> = {}) => {
  const answer = await house.ask(who, SCHEDULE, { id, ...more });
  return { ...answer, connection: answer.data?._entities?.[0]?.appointments ?? null };
};

describe('Patient.appointments', () => {
  it('groups by type, orders by start, pages, and comes from the home city alone', async () => {
    const patient = await house.addPatient('QUE');
    const id = patient.patientId ?? '';
    const booked: string[] = [];
    for (const [type, city, day] of [
      ['SURGEON', 'QUE', 5],
      ['PHYSICIAN', 'MTL', 4],
      ['DENTAL', 'SHE', 3],
      ['PHYSICIAN', 'QUE', 3],
    ] as const)
      booked.push((await house.book(patient, await house.addSlot({ city, type, day, minute: 480 + booked.length * 60 }))).appointment.id);
    await house.subgraph.parts.confirmer.flush();
    const [surgeon, physicianLate, dental, physicianEarly] = booked;
    const links = [house.linkOf('MTL'), house.linkOf('SHE')];
    for (const link of links) await link.cut();
    const first = await schedule(patient, id, { first: 3 });
    for (const link of links) await link.mend();
    await eventually(house.isWell);
    expect(first.connection.nodes.map((node: { id: string }) => node.id)).toEqual([dental, physicianEarly, physicianLate]);
    expect(first.connection.nodes[2]).toMatchObject({ status: 'BOOKED', appointmentType: 'PHYSICIAN', patient: { id } });
    const second = await schedule(patient, id, { first: 3, after: first.connection.pageInfo.endCursor });
    expect(second.connection).toMatchObject({ nodes: [{ id: surgeon }], pageInfo: { hasNextPage: false } });
    const admin = house.viewer('A', 'QUE');
    expect((await schedule(admin, id, { first: 3, after: first.connection.pageInfo.endCursor })).codes).toEqual(['BAD_USER_INPUT']);
  });

  it('shows what the host has not confirmed yet as PENDING', async () => {
    const patient = await house.addPatient('QUE');
    const slotId = await house.addSlot({ city: 'MTL', day: 6 });
    const dying = await house.start({
      feed: false,
      faults: (point) => {
        if (point === 'before-confirm') throw new Error('ended');
      },
    });
    await house.book(patient, slotId, { of: dying });
    await dying.stop();
    expect((await schedule(patient, patient.patientId ?? '')).connection.nodes).toMatchObject([
      { status: 'PENDING', slot: { id: slotId } },
    ]);
    await house.subgraph.parts.recovery.sweep({ olderThanMs: 0 });
    expect((await schedule(patient, patient.patientId ?? '')).connection.nodes).toMatchObject([{ status: 'BOOKED' }]);
  });

  it('looks to others as if there were no such patient, and each look is in the audit trail of the home', async () => {
    const patient = await house.addPatient('QUE');
    const id = patient.patientId ?? '';
    await house.book(patient, await house.addSlot({ city: 'QUE', day: 7 }));
    const others = [
      await house.addPatient('QUE'),
      await house.addPatient('MTL'),
      house.viewer('A', 'MTL'),
      house.viewer('U', 'QUE'),
      await house.addPractitioner('MTL'),
    ];
    for (const who of others) {
      const there = await schedule(who, id);
      const not = await schedule(who, newId('QUE', 'pat'));
      expect(there.codes).toEqual(['NOT_FOUND']);
      expect({ data: there.data, errors: JSON.stringify(there.errors) }).toEqual({ data: not.data, errors: JSON.stringify(not.errors) });
    }
    for (const who of [patient, house.viewer('A', 'QUE'), await house.addPractitioner('QUE')])
      expect((await schedule(who, id)).connection.nodes.length).toBe(1);
    const outcomes = (await house.audits('QUE', 'appointments')).filter((each) => each.patient_id === id).map(({ outcome }) => outcome);
    expect(outcomes).toEqual([8, 8, 8, 8, 8, 0, 0, 0]);
    expect((await schedule(null, id)).codes).toEqual(['UNAUTHENTICATED']);
  });

  it('is audited with every record that one request was shown, and a page that is asked for twice once', async () => {
    const patient = await house.addPatient('MTL');
    const booked: string[] = [];
    for (const day of [15, 16, 17]) booked.push((await house.book(patient, await house.addSlot({ city: 'MTL', day }))).appointment.id);
    const { data } = await house.ask(
      patient,
      `query ($id: ID!) { _entities(representations: [{ __typename: "Patient", id: $id }]) { ... on Patient {
        one: appointments(first: 1) { nodes { id } } again: appointments(first: 1) { nodes { id } } all: appointments { nodes { id } } } } }`,
      { id: patient.patientId },
    );
    expect(data._entities[0].all.nodes).toHaveLength(3);
    const reads = (await house.audits('MTL', 'appointments')).filter((each) => each.patient_id === patient.patientId);
    expect(reads.map(({ body }) => JSON.parse(body).entities.length).sort()).toEqual([1, 3]);
  });

  it('is open to the practitioner of an appointment, also from another city', async () => {
    const doctor = await house.addPractitioner('MTL');
    const patient = await house.addPatient('QUE');
    const id = patient.patientId ?? '';
    expect((await schedule(doctor, id)).codes).toEqual(['NOT_FOUND']);
    const { appointment } = await house.book(patient, await house.addSlot({ city: 'MTL', day: 8, practitionerId: doctor.practitionerId }));
    expect((await schedule(doctor, id)).connection.nodes).toMatchObject([{ id: appointment.id }]);
    await house.cancel(patient, appointment.id);
    expect((await schedule(doctor, id)).codes).toEqual(['NOT_FOUND']);
  });
});

describe('appointment and Slot.appointments', () => {
  it('are for the patient and the staff; an appointment of others is one that is not there', async () => {
    const doctor = await house.addPractitioner('MTL');
    const patient = await house.addPatient('QUE');
    const slotId = await house.addSlot({ city: 'MTL', day: 9, practitionerId: doctor.practitionerId });
    const { appointment } = await house.book(patient, slotId);
    const ASK = 'query ($id: ID!) { appointment(id: $id) { id status patient { id } } }';
    const NODE =
      'query ($id: ID!) { _entities(representations: [{ __typename: "Appointment", nodeId: $id }]) { ... on Appointment { id } } }';
    for (const who of [patient, doctor, house.viewer('A', 'QUE'), house.viewer('A', 'MTL')]) {
      expect((await house.ask(who, ASK, { id: appointment.id })).data.appointment).toMatchObject({
        id: appointment.id,
        patient: { id: patient.patientId },
      });
      expect((await house.ask(who, NODE, { id: appointment.id })).data._entities).toEqual([{ id: appointment.id }]);
    }
    for (const who of [
      await house.addPatient('QUE'),
      await house.addPractitioner('MTL'),
      house.viewer('A', 'SHE'),
      house.viewer('U', 'MTL'),
    ])
      for (const source of [ASK, NODE]) {
        const there = await house.ask(who, source, { id: appointment.id });
        expect(there.codes).toEqual(['NOT_FOUND']);
        expect(JSON.stringify(there)).toBe(JSON.stringify(await house.ask(who, source, { id: newId('MTL', 'apt') })));
      }
    const OF_SLOT = 'query ($id: ID!) { slot(id: $id) { booked appointments { nodes { id patient { id } } } } }';
    for (const who of [doctor, house.viewer('A', 'MTL')])
      expect((await house.ask(who, OF_SLOT, { id: slotId })).data.slot.appointments.nodes).toEqual([
        { id: appointment.id, patient: { id: patient.patientId } },
      ]);
    for (const who of [patient, house.viewer('A', 'QUE'), house.viewer('U', 'MTL')]) {
      const answer = await house.ask(who, OF_SLOT, { id: slotId });
      expect(answer.codes).toEqual(['FORBIDDEN']);
      expect(answer.data.slot).toEqual({ booked: 1, appointments: null });
    }
  });
});

describe('feeds of changes', () => {
  const SLOTS =
    'subscription ($filter: SlotFilter!, $after: String) { slotChanged(filter: $filter, after: $after) { cursor kind city slotId slot { id available } } }';
  const OWN =
    'subscription ($id: ID, $after: String) { appointmentChanged(patientId: $id, after: $after) { cursor kind appointmentId appointment { id status } } }';
  const next = async (stream: AsyncGenerator<Answer>) => {
    const timer = setTimeout(() => void stream.return(undefined), 5_000);
    const { value, done } = await stream.next();
    clearTimeout(timer);
    if (done) throw new Error('the stream ended');
    expect(value.errors ?? []).toEqual([]);
    return value.data;
  };

  it('tell a slot’s changes that match before or after, and replay from a cursor', async () => {
    const type = 'SURGEON';
    const slotId = await house.addSlot({ city: 'SHE', day: 10, type, capacity: 1 });
    const other = await house.addSlot({ city: 'SHE', day: 10, type: 'DENTAL', minute: 900 });
    const patient = await house.addPatient('SHE');
    const filter = { cities: ['SHE'], appointmentType: type, onlyAvailable: true };
    const stream = await house.follow(patient, SLOTS, { filter });
    const listed = await house.ask(patient, 'query ($filter: SlotFilter!) { slots(filter: $filter) { feedCursor } }', { filter });
    await house.book(patient, other);
    const { appointment } = await house.book(patient, slotId);
    const taken = (await next(stream)).slotChanged;
    expect(taken).toMatchObject({ kind: 'CHANGED', city: 'SHE', slotId, slot: { available: 0 } });
    await house.cancel(patient, appointment.id);
    expect((await next(stream)).slotChanged).toMatchObject({ kind: 'CHANGED', slotId, slot: { available: 1 } });
    await stream.return(undefined);
    expect(house.subgraph.parts.feed?.followers()).toBe(0);
    for (const [after, count] of [
      [listed.data.slots.feedCursor, 2],
      [taken.cursor, 1],
    ] as const) {
      const replay = await house.follow(patient, SLOTS, { filter, after });
      for (let i = 0; i < count; i++) expect((await next(replay)).slotChanged).toMatchObject({ kind: 'CHANGED', slotId });
      const fresh = await house.book(await house.addPatient('SHE'), slotId);
      expect((await next(replay)).slotChanged).toMatchObject({ slot: { available: 0 } });
      await house.cancel(house.viewer('A', 'SHE'), fresh.appointment.id);
      await replay.return(undefined);
    }
  });

  it('tell a patient’s appointments from the home city, wherever they are', async () => {
    const patient = await house.addPatient('QUE');
    const stream = await house.follow(patient, OWN);
    const here = await house.book(patient, await house.addSlot({ city: 'QUE', day: 11 }));
    const first = (await next(stream)).appointmentChanged;
    expect(first).toMatchObject({ kind: 'BOOKED', appointmentId: here.appointment.id, appointment: { status: 'BOOKED' } });
    const there = await house.book(patient, await house.addSlot({ city: 'MTL', day: 12 }));
    expect((await next(stream)).appointmentChanged).toMatchObject({
      kind: 'BOOKED',
      appointment: { id: there.appointment.id, status: 'BOOKED' },
    });
    await house.cancel(patient, there.appointment.id);
    expect((await next(stream)).appointmentChanged).toMatchObject({
      kind: 'CANCELLED',
      appointment: { id: there.appointment.id, status: 'CANCELLED' },
    });
    await stream.return(undefined);
    const replay = await house.follow(patient, OWN, { after: first.cursor });
    expect((await next(replay)).appointmentChanged).toMatchObject({ kind: 'BOOKED', appointmentId: there.appointment.id });
    expect((await next(replay)).appointmentChanged).toMatchObject({ kind: 'CANCELLED', appointmentId: there.appointment.id });
    await replay.return(undefined);
    const stranger = await house.addPatient('QUE');
    for (const [who, id, after, code] of [
      [stranger, patient.patientId, null, 'FORBIDDEN'],
      [stranger, newId('QUE', 'pat'), null, 'FORBIDDEN'],
      [stranger, 'x', null, 'FORBIDDEN'],
      [stranger, stranger.patientId, first.cursor, 'BAD_USER_INPUT'],
      [null, patient.patientId, null, 'UNAUTHENTICATED'],
    ] as const) {
      const refused = await house.follow(who, OWN, { id, after });
      expect(refused.errors?.map(({ originalError }) => originalError?.name)).toEqual([
        { FORBIDDEN: 'ForbiddenError', BAD_USER_INPUT: 'BadInputError', UNAUTHENTICATED: 'UnauthenticatedError' }[code],
      ]);
    }
  });

  it('refuse cursors that were not made here', async () => {
    const who = await house.addPatient('MTL');
    for (const after of ['', 'x', Buffer.from(randomUUID()).toString('base64url')]) {
      const refused = await house.follow(who, SLOTS, { filter: {}, after });
      expect(refused.errors?.[0]?.originalError?.name).toBe('BadInputError');
    }
  });
});
