import { type BookingReason, WEEKLY_LIMIT } from './refusal.ts';
import type { SlotState } from './slot.ts';

/** What is known of a booking when its statement wrote nothing. */
export type BookingSituation = {
  readonly patientExists: boolean;
  /** Null: no such slot. */
  readonly slot: Pick<SlotState, 'status' | 'isStarted' | 'isFull' | 'week'> | null;
  /** What the key was used for before: nothing, or another input. The same input never comes here: it is a replay. */
  readonly key: 'fresh' | 'other-input';
  /** Which of the patient's live appointments stand in the way. */
  readonly has: { readonly sameSlot: boolean; readonly sameTypeSameDay: boolean; readonly overlap: boolean };
  /** Whether the slot is in a city other than the patient's home. */
  readonly isAway: boolean;
  /** Live appointments away from home in the slot's week. */
  readonly usedThisWeek: number;
};

/**
 * Why a booking cannot be, or null when nothing stands against it (any more). Of several reasons the first is told: not found, removed,
 * started, mismatch, already booked, same day, overlap, weekly limit, full.
 */
export const decideBooking = ({ patientExists, slot, key, has, isAway, usedThisWeek }: BookingSituation): BookingReason | null => {
  if (!patientExists) return { kind: 'PatientNotFound' };
  if (!slot) return { kind: 'SlotNotFound' };
  if (slot.status === 'removed') return { kind: 'SlotRemoved' };
  if (slot.isStarted) return { kind: 'SlotAlreadyStarted' };
  if (key === 'other-input') return { kind: 'IdempotencyMismatch' };
  if (has.sameSlot) return { kind: 'AlreadyBooked' };
  if (has.sameTypeSameDay) return { kind: 'SameTypeSameDay' };
  if (has.overlap) return { kind: 'OverlappingAppointment' };
  if (isAway && usedThisWeek >= WEEKLY_LIMIT) return { kind: 'WeeklyLimitReached', week: slot.week, limit: WEEKLY_LIMIT };
  return decideSeat(slot);
};

/** The host's part of the question, once the home has reserved. */
export const decideSeat = (slot: Pick<SlotState, 'status' | 'isStarted' | 'isFull'> | null): BookingReason | null => {
  if (!slot) return { kind: 'SlotNotFound' };
  if (slot.status === 'removed') return { kind: 'SlotRemoved' };
  if (slot.isStarted) return { kind: 'SlotAlreadyStarted' };
  return slot.isFull ? { kind: 'SlotFull' } : null;
};
