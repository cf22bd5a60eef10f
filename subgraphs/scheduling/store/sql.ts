/** Pieces that several statements share. `slot` is the alias of a row of scheduling.slot as it stands after the change. */

/** Columns of a slot, as `SlotRow` names them. */
export const slotColumns = (slot: string): string =>
  ['city', 'id', 'code', 'appointment_type', 'practitioner_id', 'starts_at', 'ends_at', 'week', 'capacity', 'booked', 'held', 'status']
    .map((column) => `${slot}.${column}`)
    .concat(`${slot}.local_date::text AS local_date`)
    .join(', ');

/** A row for the outbox (city, topic, subject, kind, payload): the slot's free places changed by `delta`. */
export const slotChanged = (slot: string, delta: number): string => `SELECT ${slot}.city, 'slot', ${slot}.id, 'CHANGED', jsonb_build_object(
      'type', ${slot}.appointment_type, 'practitionerId', ${slot}.practitioner_id, 'startsAt', ${slot}.starts_at,
      'before', ${slot}.capacity - ${slot}.booked - ${slot}.held - (${delta}), 'after', ${slot}.capacity - ${slot}.booked - ${slot}.held)
    FROM ${slot}`;

/** A row for the outbox of the home city: `source` gives city, id (of the appointment) and patient_id. */
export const appointmentChanged = (source: string, kind: 'BOOKED' | 'CANCELLED'): string =>
  `SELECT ${source}.city, 'appointment', ${source}.patient_id, '${kind}', jsonb_build_object('appointmentId', ${source}.id) FROM ${source}`;

export const OUTBOX = 'scheduling.outbox (city, topic, subject, kind, payload)';
