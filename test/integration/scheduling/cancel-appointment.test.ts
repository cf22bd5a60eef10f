import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '#platform/database/new-id.ts';
import { ERASE_PATIENT } from '#test/support/erase-patient.ts';
import { type Harness, startHarness } from './harness.ts';

let house: Harness;
beforeAll(async () => {
  house = await startHarness();
});
afterAll(async () => {
  await house?.stop();
});

describe('cancelAppointment', () => {
  it('gives the place back, and may be asked again without any effect', async () => {
    const patient = await house.addPatient('MTL');
    const slotId = await house.addSlot({ day: 3 });
    const { appointment } = await house.book(patient, slotId);
    expect(await house.cancel(patient, appointment.id)).toEqual({
      __typename: 'CancelAppointmentSuccess',
      appointment: { id: appointment.id, status: 'CANCELLED' },
    });
    const before = await house.snapshot();
    expect(await house.cancel(patient, appointment.id)).toMatchObject({ appointment: { id: appointment.id, status: 'CANCELLED' } });
    expect(await house.snapshot()).toEqual(before);
    expect(await house.contradictions()).toEqual([]);
    const entries = (await house.audits('MTL', 'cancelAppointment')).filter((each) => each.patient_id === patient.patientId);
    expect(entries.map(({ outcome }) => outcome)).toEqual([0]);
    const again = await house.book(patient, slotId);
    expect(again).toMatchObject({ __typename: 'BookAppointmentSuccess', replayed: false });
    expect(again.appointment.id).not.toBe(appointment.id);
  });

  it('refuses the patient within the notice window, not the staff', async () => {
    const patient = await house.addPatient('MTL');
    const slotId = await house.addSlot({ startsAt: new Date(Date.now() + 119 * 60_000) });
    const { appointment } = await house.book(patient, slotId);
    const before = await house.snapshot();
    expect(await house.cancel(patient, appointment.id)).toMatchObject({ __typename: 'NoticeWindowPassed', noticeMinutes: 120 });
    expect(await house.snapshot()).toEqual(before);
    expect(await house.cancel(house.viewer('A', 'MTL'), appointment.id)).toMatchObject({ appointment: { status: 'CANCELLED' } });
    const entries = (await house.audits('MTL', 'cancelAppointment')).filter((each) => each.patient_id === patient.patientId);
    expect(entries.map(({ outcome }) => outcome)).toEqual([4, 0]);
  });

  it('lets home admin, host admin and the slot’s practitioner cancel, and nobody else see that there is something', async () => {
    const doctor = await house.addPractitioner('QUE');
    const strangers = [
      await house.addPatient('SHE'),
      await house.addPractitioner('QUE'),
      house.viewer('A', 'MTL'),
      house.viewer('U', 'SHE'),
    ];
    const staff = [house.viewer('A', 'SHE'), house.viewer('A', 'QUE'), doctor];
    for (const [index, who] of staff.entries()) {
      const patient = await house.addPatient('SHE');
      const slotId = await house.addSlot({ city: 'QUE', day: 4, minute: 540 + index * 60, practitionerId: doctor.practitionerId });
      const { appointment } = await house.book(patient, slotId);
      const before = await house.snapshot();
      for (const stranger of strangers)
        expect(await house.cancel(stranger, appointment.id)).toEqual(await house.cancel(stranger, newId('QUE', 'apt')));
      expect(await house.snapshot()).toEqual(before);
      expect(await house.cancel(who, appointment.id)).toMatchObject({ appointment: { status: 'CANCELLED' } });
    }
    expect(await house.contradictions()).toEqual([]);
    const outcomes = (await house.audits('QUE', 'cancelAppointment')).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 8).length).toBe(strangers.length * staff.length);
    expect(outcomes.filter((outcome) => outcome === 0).length).toBe(staff.length);
  });

  it('tells AppointmentNotFound for what is no appointment', async () => {
    const patient = await house.addPatient('MTL');
    for (const id of ['', 'x', "mtl'; DROP--", newId('XXX', 'apt'), newId('MTL', 'apt'), newId('MTL', 'slt')])
      expect(await house.cancel(patient, id)).toMatchObject({ __typename: 'AppointmentNotFound' });
  });

  it('cancels once when twenty ask at once', async () => {
    const patient = await house.addPatient('QUE');
    const slotId = await house.addSlot({ city: 'MTL', day: 5 });
    const { appointment } = await house.book(patient, slotId);
    const answers = await Promise.all(Array.from({ length: 20 }, () => house.cancel(patient, appointment.id)));
    expect(answers.every((each) => each.appointment?.status === 'CANCELLED')).toBe(true);
    await house.subgraph.parts.recovery.sweep();
    expect(await house.contradictions()).toEqual([]);
    expect(await house.sql('MTL', 'select booked from scheduling.slot where id = $1', [slotId])).toEqual([{ booked: 0 }]);
    const entries = (await house.audits('MTL', 'cancelAppointment')).filter((each) => each.patient_id === patient.patientId);
    expect(entries.map(({ outcome }) => outcome)).toEqual([0]);
  });

  it('cancels what an erased patient still had, in every city', async () => {
    const patient = await house.addPatient('SHE');
    const here = await house.book(patient, await house.addSlot({ city: 'SHE', day: 6 }));
    const there = await house.book(patient, await house.addSlot({ city: 'MTL', day: 7 }));
    await house.subgraph.parts.confirmer.flush();
    await house.sql('SHE', ERASE_PATIENT, [patient.patientId]);
    const fresh = await house.start();
    expect(await fresh.parts.recovery.sweep()).toMatchObject({ erased: 2 });
    await fresh.stop();
    for (const [city, id] of [
      ['SHE', here.appointment.id],
      ['MTL', there.appointment.id],
    ] as const)
      expect(await house.sql(city, 'select status from scheduling.appointment where id = $1', [id])).toEqual([{ status: 'cancelled' }]);
    expect(await house.contradictions()).toEqual([]);
  });
});
