import type { Slot } from '../domain/slot.ts';

/** A row of scheduling.slot as named statements return it. */
export type SlotRow = {
  readonly city: string;
  readonly id: string;
  readonly code: string;
  readonly appointment_type: string;
  readonly practitioner_id: string | null;
  readonly starts_at: Date;
  readonly ends_at: Date;
  readonly local_date: string;
  readonly week: string;
  readonly capacity: number;
  readonly booked: number;
  readonly held: number;
  readonly status: 'open' | 'removed';
};

export const toSlot = (row: SlotRow): Slot => ({
  city: row.city,
  id: row.id,
  code: row.code,
  appointmentType: row.appointment_type,
  practitionerId: row.practitioner_id,
  startsAt: row.starts_at,
  endsAt: row.ends_at,
  localDate: row.local_date,
  week: row.week,
  capacity: row.capacity,
  booked: row.booked,
  held: row.held,
  available: row.capacity - row.booked - row.held,
  status: row.status,
});
