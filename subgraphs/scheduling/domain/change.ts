/** Something that happened to a slot, on its way to a subscriber. All but kind, cursor and time are null on `RESTART`. */
export type SlotChange = {
  readonly kind: 'ADDED' | 'CHANGED' | 'REMOVED' | 'RESTART';
  readonly cursor: string;
  readonly city: string | null;
  readonly slotId: string | null;
  readonly at: Date;
};

/** Something that happened to an appointment of a patient, on its way to a subscriber. */
export type AppointmentChange = {
  readonly kind: 'BOOKED' | 'CANCELLED' | 'RESTART';
  readonly cursor: string;
  readonly appointmentId: string | null;
  readonly patientId: string;
  readonly at: Date;
};
