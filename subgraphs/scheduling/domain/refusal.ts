import type { Slot } from './slot.ts';

/** At most so many live appointments of a patient in one ISO week outside the home city. */
export const WEEKLY_LIMIT = 3;

/** Why a booking is refused, as it is kept under its key. */
export type BookingReason =
  | { readonly kind: 'PatientNotFound' }
  | { readonly kind: 'SlotNotFound' }
  | { readonly kind: 'SlotRemoved' }
  | { readonly kind: 'SlotAlreadyStarted' }
  | { readonly kind: 'IdempotencyMismatch' }
  | { readonly kind: 'AlreadyBooked' }
  | { readonly kind: 'SameTypeSameDay' }
  | { readonly kind: 'OverlappingAppointment' }
  | { readonly kind: 'WeeklyLimitReached'; readonly week: string; readonly limit: number }
  | { readonly kind: 'SlotFull' };

/** The city that has to decide does not answer. */
export type Unavailable = { readonly kind: 'CityUnavailable'; readonly city: string; readonly retryAfterSeconds: number };

/** A refusal of a booking as callers are told. */
export type BookingRefusal =
  | Exclude<BookingReason, { readonly kind: 'SlotFull' }>
  | { readonly kind: 'SlotFull'; readonly alternatives: readonly Slot[] }
  | Unavailable;

export type CancelRefusal =
  | { readonly kind: 'AppointmentNotFound' }
  | { readonly kind: 'NoticeWindowPassed'; readonly noticeMinutes: number }
  | Unavailable;

export type AddSlotRefusal =
  | { readonly kind: 'SlotAlreadyExists'; readonly existing: Slot | null }
  | { readonly kind: 'UnknownAppointmentType'; readonly known: readonly string[] }
  | { readonly kind: 'PractitionerNotFound' }
  | Unavailable;

/** What is kept under a key: the appointment that was booked, or why not, with the alternatives that were named. */
export type KeptAnswer =
  | { readonly kind: 'booked'; readonly appointmentId: string }
  | { readonly kind: 'refused'; readonly reason: BookingReason; readonly alternativeIds: readonly string[] };
