import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type BookingSituation, decideBooking, decideSeat } from '#scheduling/domain/decide-booking.ts';

const open: BookingSituation = {
  patientExists: true,
  slot: { status: 'open', isStarted: false, isFull: false, week: '2027-W06' },
  key: 'fresh',
  has: { sameSlot: false, sameTypeSameDay: false, overlap: false },
  isAway: true,
  usedThisWeek: 2,
};

/** Each reason with what brings it about, in the order in which they are told. */
const REASONS: readonly (readonly [string, (situation: BookingSituation) => BookingSituation])[] = [
  ['PatientNotFound', (s) => ({ ...s, patientExists: false })],
  ['SlotRemoved', (s) => ({ ...s, slot: s.slot && { ...s.slot, status: 'removed' } })],
  ['SlotAlreadyStarted', (s) => ({ ...s, slot: s.slot && { ...s.slot, isStarted: true } })],
  ['IdempotencyMismatch', (s) => ({ ...s, key: 'other-input' })],
  ['AlreadyBooked', (s) => ({ ...s, has: { ...s.has, sameSlot: true } })],
  ['SameTypeSameDay', (s) => ({ ...s, has: { ...s.has, sameTypeSameDay: true } })],
  ['OverlappingAppointment', (s) => ({ ...s, has: { ...s.has, overlap: true } })],
  ['WeeklyLimitReached', (s) => ({ ...s, usedThisWeek: 3 })],
  ['SlotFull', (s) => ({ ...s, slot: s.slot && { ...s.slot, isFull: true } })],
];

describe('decideBooking', () => {
  it('finds nothing against a booking that may be', () => {
    expect(decideBooking(open)).toBeNull();
  });

  it.each(REASONS.map(([kind, arrange]) => [kind, arrange] as const))('tells %s by itself', (kind, arrange) => {
    expect(decideBooking(arrange(open))).toMatchObject({ kind });
  });

  it('tells the first of any several reasons', () => {
    fc.assert(
      fc.property(
        fc.subarray(
          REASONS.map((_, i) => i),
          { minLength: 1 },
        ),
        fc.infiniteStream(fc.nat()),
        (indexes, draws) => {
          const shuffled = [...indexes].sort(() => ((draws.next().value ?? 0) % 2 === 0 ? -1 : 1));
          const situation = shuffled.reduce((s, i) => REASONS[i]?.[1](s) ?? s, open);
          expect(decideBooking(situation)?.kind).toBe(REASONS[Math.min(...indexes)]?.[0]);
        },
      ),
    );
  });

  it('tells a missing slot before all that concerns a slot, and after a missing patient', () => {
    const all = REASONS.slice(1).reduce((s, [, arrange]) => arrange(s), open);
    expect(decideBooking({ ...all, slot: null })).toEqual({ kind: 'SlotNotFound' });
    expect(decideBooking({ ...all, slot: null, patientExists: false })).toEqual({ kind: 'PatientNotFound' });
  });

  it('counts the week only away from home, and names it', () => {
    expect(decideBooking({ ...open, usedThisWeek: 3 })).toEqual({ kind: 'WeeklyLimitReached', week: '2027-W06', limit: 3 });
    expect(decideBooking({ ...open, usedThisWeek: 3, isAway: false })).toBeNull();
  });
});

describe('decideSeat', () => {
  it('judges by the slot alone', () => {
    expect(decideSeat(null)).toEqual({ kind: 'SlotNotFound' });
    expect(decideSeat({ status: 'open', isStarted: false, isFull: false })).toBeNull();
    expect(decideSeat({ status: 'removed', isStarted: true, isFull: true })).toEqual({ kind: 'SlotRemoved' });
    expect(decideSeat({ status: 'open', isStarted: true, isFull: true })).toEqual({ kind: 'SlotAlreadyStarted' });
    expect(decideSeat({ status: 'open', isStarted: false, isFull: true })).toEqual({ kind: 'SlotFull' });
  });
});
