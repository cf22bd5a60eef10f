/** What happened to a slot, as the outbox of its city tells it (topic `slot`, subject the slot's id). */
export type SlotEvent = {
  readonly slotId: string;
  readonly kind: 'ADDED' | 'CHANGED' | 'REMOVED';
  readonly appointmentType: string;
  readonly practitionerId: string | null;
  readonly startsAt: Date;
  /** Free places before and after; 0 where the slot was not there or is removed. */
  readonly availableBefore: number;
  readonly availableAfter: number;
};

/** What happened to an appointment, as the outbox of the patient's home city tells it (topic `appointment`, subject the patient's id). */
export type AppointmentEvent = {
  readonly patientId: string;
  readonly kind: 'BOOKED' | 'CANCELLED';
  readonly appointmentId: string;
};

export const SLOT_TOPIC = 'slot';
export const APPOINTMENT_TOPIC = 'appointment';

/** A row of the outbox, undecoded. */
type Raw = { readonly subject: string; readonly kind: string; readonly payload: unknown };

const fieldsOf = (payload: unknown): Readonly<Record<string, unknown>> => {
  if (typeof payload !== 'object' || payload === null) throw new TypeError('the payload of an event is no object');
  return payload as Readonly<Record<string, unknown>>;
};
const places = (value: unknown): number => {
  if (!Number.isInteger(value)) throw new TypeError('free places of an event are no whole number');
  return value as number;
};
const text = (value: unknown): string => {
  if (typeof value !== 'string') throw new TypeError('a text of an event is missing');
  return value;
};

/** Reads an event of topic `slot`; throws `TypeError` for a shape that this version does not know. */
export const decodeSlotEvent = ({ subject, kind, payload }: Raw): SlotEvent => {
  if (kind !== 'ADDED' && kind !== 'CHANGED' && kind !== 'REMOVED') throw new TypeError('unknown kind of slot event');
  const fields = fieldsOf(payload);
  const startsAt = new Date(text(fields['startsAt']));
  if (Number.isNaN(startsAt.getTime())) throw new TypeError('the start of a slot event is no time');
  return {
    slotId: subject,
    kind,
    appointmentType: text(fields['type']),
    practitionerId: fields['practitionerId'] === null ? null : text(fields['practitionerId']),
    startsAt,
    availableBefore: places(fields['before']),
    availableAfter: places(fields['after']),
  };
};

/** Reads an event of topic `appointment`; throws `TypeError` for a shape that this version does not know. */
export const decodeAppointmentEvent = ({ subject, kind, payload }: Raw): AppointmentEvent => {
  if (kind !== 'BOOKED' && kind !== 'CANCELLED') throw new TypeError('unknown kind of appointment event');
  return { patientId: subject, kind, appointmentId: text(fieldsOf(payload)['appointmentId']) };
};
