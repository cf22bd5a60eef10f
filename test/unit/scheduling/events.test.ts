import { describe, expect, it } from '@jest/globals';
import { decodeAppointmentEvent, decodeSlotEvent } from '#schema/events/scheduling.ts';

const payload = { type: 'DENTAL', practitionerId: null, startsAt: '2027-02-10T13:00:00+00:00', before: 2, after: 1 };

describe('events of the outbox', () => {
  it('are read', () => {
    expect(decodeSlotEvent({ subject: 's', kind: 'CHANGED', payload })).toEqual({
      slotId: 's',
      kind: 'CHANGED',
      appointmentType: 'DENTAL',
      practitionerId: null,
      startsAt: new Date('2027-02-10T13:00:00Z'),
      availableBefore: 2,
      availableAfter: 1,
    });
    expect(decodeAppointmentEvent({ subject: 'p', kind: 'BOOKED', payload: { appointmentId: 'a' } })).toEqual({
      patientId: 'p',
      kind: 'BOOKED',
      appointmentId: 'a',
    });
  });

  it.each([
    ['CHANGED', null],
    ['CHANGED', { ...payload, before: '2' }],
    ['CHANGED', { ...payload, startsAt: 'soon' }],
    ['CHANGED', { ...payload, type: undefined }],
    ['VANISHED', payload],
  ])('of an unknown shape are refused: %s %j', (kind, odd) => {
    expect(() => decodeSlotEvent({ subject: 's', kind, payload: odd })).toThrow(TypeError);
  });
});
