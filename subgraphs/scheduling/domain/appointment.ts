import type { SlotFacts } from './slot.ts';

/** `PENDING`: reserved at home, the host has not been heard yet. */
export type AppointmentStatus = 'PENDING' | 'BOOKED' | 'CANCELLED';

/** A place in a slot, taken by a patient. `city` is the host; the id begins with it. */
export type Appointment = {
  readonly id: string;
  readonly city: string;
  readonly slotId: string;
  readonly patientId: string;
  readonly patientCity: string;
  readonly status: AppointmentStatus;
  readonly bookedAt: Date;
  readonly appointmentType: string;
  readonly practitionerId: string | null;
  readonly startsAt: Date;
  readonly endsAt: Date;
  /** Where a replica gave it: when it was true. */
  readonly asOf?: Date;
};

/** The record whose hash the audit trail holds: what makes an appointment, with its status. */
export const toAppointmentRecord = ({
  id,
  slotId,
  patientId,
  status,
}: Pick<Appointment, 'id' | 'slotId' | 'patientId' | 'status'>): Readonly<Record<string, string>> => ({
  id,
  slotId,
  patientId,
  status,
});

export const toAppointment = (
  slot: SlotFacts,
  booking: Pick<Appointment, 'id' | 'patientId' | 'patientCity' | 'status' | 'bookedAt'>,
): Appointment => ({
  id: booking.id,
  city: slot.city,
  slotId: slot.id,
  patientId: booking.patientId,
  patientCity: booking.patientCity,
  status: booking.status,
  bookedAt: booking.bookedAt,
  appointmentType: slot.appointmentType,
  practitionerId: slot.practitionerId,
  startsAt: slot.startsAt,
  endsAt: slot.endsAt,
});

/** Appointments that a replica gave, with when they were true; null: the primary gave them. */
export const asOfReading = (appointments: readonly Appointment[], asOf: Date | null): readonly Appointment[] =>
  asOf === null ? appointments : appointments.map((appointment) => ({ ...appointment, asOf }));
