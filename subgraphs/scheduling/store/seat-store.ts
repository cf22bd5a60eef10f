import { AUDIT_COLUMNS, auditParameters } from '#platform/audit/event.ts';
import type { CityDatabase, Named, Reader } from '#platform/database/city-database.ts';
import type { Appointment, AppointmentStatus } from '../domain/appointment.ts';
import type { Slot, SlotState } from '../domain/slot.ts';
import { type SlotRow, toSlot } from './slot-row.ts';
import { appointmentChanged, OUTBOX, slotChanged, slotColumns } from './sql.ts';

/** The host city's side of bookings. Every function takes the database of the slot's city. */

/** A seat to take for a patient of another city. */
export type NewSeat = {
  readonly appointmentId: string;
  readonly slotId: string;
  readonly patientId: string;
  readonly patientCity: string;
  readonly audit: readonly unknown[];
};

const TAKE_SEAT: Named = {
  name: 'scheduling_take_seat',
  text: `WITH seat AS (
    UPDATE scheduling.slot s SET booked = s.booked + 1, version = s.version + 1
    WHERE s.city = $1 AND s.id = $2 AND s.status = 'open' AND s.starts_at > now() AND s.booked + s.held < s.capacity
    RETURNING s.*),
  booked AS (
    INSERT INTO scheduling.appointment (city, id, slot_id, patient_city, patient_id, status)
    SELECT city, $3, id, $4, $5, 'booked' FROM seat),
  told AS (INSERT INTO ${OUTBOX} ${slotChanged('seat', -1)}),
  audited AS (INSERT INTO audit.entry (${AUDIT_COLUMNS}) SELECT ${auditParameters(6)} FROM seat)
  SELECT ${slotColumns('seat')}, now() AS booked_at FROM seat`,
};
/**
 * Takes a seat: the decision of a booking across cities. Null: full, begun or removed, nothing written. 23505 on `appointment_pk`: this id
 * was decided before; on `appointment_once`: the patient sits there already.
 */
export const takeSeat = async (db: CityDatabase, seat: NewSeat): Promise<{ readonly slot: Slot; readonly bookedAt: Date } | null> => {
  const [row] = await db.named<SlotRow & { booked_at: Date }>(TAKE_SEAT, [
    db.city.code,
    seat.slotId,
    seat.appointmentId,
    seat.patientCity,
    seat.patientId,
    ...seat.audit,
  ]);
  return row ? { slot: toSlot(row), bookedAt: row.booked_at } : null;
};

const FENCE: Named = {
  name: 'scheduling_fence',
  text: `WITH fence AS (
    INSERT INTO scheduling.appointment (city, id, slot_id, patient_city, patient_id, status, void_reason)
    VALUES ($1, $2, $3, $4, $5, 'void', $6) ON CONFLICT (city, id) DO NOTHING RETURNING 1)
  INSERT INTO audit.entry (${AUDIT_COLUMNS}) SELECT ${auditParameters(7)} FROM fence`,
};
const VERDICT: Named = {
  name: 'scheduling_verdict',
  text: 'SELECT status, void_reason, booked_at FROM scheduling.appointment WHERE city = $1 AND id = $2',
};
/** What the host says of an appointment's id, for good. */
export type Verdict =
  | { readonly status: 'booked' | 'cancelled'; readonly bookedAt: Date }
  | { readonly status: 'void'; readonly reason: string };
/**
 * Makes an id unusable unless it was decided before, with the audit entry of that, and reads what holds. May be repeated: the first
 * decision stands.
 */
export const fence = async (db: CityDatabase, seat: NewSeat & { readonly reason: string }): Promise<Verdict> => {
  await db.named(FENCE, [db.city.code, seat.appointmentId, seat.slotId, seat.patientCity, seat.patientId, seat.reason, ...seat.audit]);
  const verdict = await findVerdict(db, seat.appointmentId);
  if (!verdict) throw new Error('a fenced appointment has no row');
  return verdict;
};
export const findVerdict = async (db: CityDatabase, appointmentId: string): Promise<Verdict | null> => {
  const [row] = await db.named<{ status: 'booked' | 'cancelled' | 'void'; void_reason: string | null; booked_at: Date }>(VERDICT, [
    db.city.code,
    appointmentId,
  ]);
  if (!row) return null;
  return row.status === 'void' ? { status: 'void', reason: row.void_reason ?? '' } : { status: row.status, bookedAt: row.booked_at };
};

const SLOT_STATE: Named = {
  name: 'scheduling_slot_state',
  text: `SELECT ${slotColumns('s')}, s.starts_at <= now() AS is_started, s.booked + s.held >= s.capacity AS is_full
    FROM scheduling.slot s WHERE s.city = $1 AND s.id = $2`,
};
/** A slot as it can be taken at this moment, from the primary; null: no such slot. */
export const readSlotState = async (db: CityDatabase, slotId: string): Promise<SlotState | null> => {
  const [row] = await db.named<SlotRow & { is_started: boolean; is_full: boolean }>(SLOT_STATE, [db.city.code, slotId]);
  return row ? { ...toSlot(row), isStarted: row.is_started, isFull: row.is_full } : null;
};

type AppointmentRow = {
  readonly id: string;
  readonly city: string;
  readonly slot_id: string;
  readonly patient_city: string;
  readonly patient_id: string;
  readonly status: 'booked' | 'cancelled';
  readonly booked_at: Date;
  readonly appointment_type: string;
  readonly practitioner_id: string | null;
  readonly starts_at: Date;
  readonly ends_at: Date;
};
const STATUS: Readonly<Record<AppointmentRow['status'], AppointmentStatus>> = { booked: 'BOOKED', cancelled: 'CANCELLED' };
const toHostAppointment = (row: AppointmentRow): Appointment => ({
  id: row.id,
  city: row.city,
  slotId: row.slot_id,
  patientId: row.patient_id,
  patientCity: row.patient_city,
  status: STATUS[row.status],
  bookedAt: row.booked_at,
  appointmentType: row.appointment_type,
  practitionerId: row.practitioner_id,
  startsAt: row.starts_at,
  endsAt: row.ends_at,
});
const APPOINTMENT = `SELECT a.id, a.city, a.slot_id, a.patient_city, a.patient_id, a.status, a.booked_at,
    s.appointment_type, s.practitioner_id, s.starts_at, s.ends_at
  FROM scheduling.appointment a JOIN scheduling.slot s ON s.city = a.city AND s.id = a.slot_id`;
const FIND_APPOINTMENTS: Named = {
  name: 'scheduling_find_appointments',
  text: `${APPOINTMENT} WHERE a.city = $1 AND a.id = ANY ($2::text[]) AND a.status <> 'void'`,
};
/** Appointments as the host knows them. */
export const findAppointments = async (db: Reader, ids: readonly string[]): Promise<Appointment[]> =>
  (await db.named<AppointmentRow>(FIND_APPOINTMENTS, [db.city.code, ids])).map(toHostAppointment);

const SLOT_APPOINTMENTS: Named = {
  name: 'scheduling_slot_appointments',
  text: `${APPOINTMENT} WHERE a.city = $1 AND a.slot_id = $2 AND a.status = 'booked'
      AND ($3::timestamptz IS NULL OR (date_trunc('milliseconds', a.booked_at), a.id) > ($3, $4))
    ORDER BY date_trunc('milliseconds', a.booked_at), a.id LIMIT $5`,
};
/** Live appointments in a slot by time of booking. */
export const readSlotAppointments = async (
  db: Reader,
  slotId: string,
  after: readonly [bookedAt: string, id: string] | null,
  limit: number,
): Promise<Appointment[]> =>
  (await db.named<AppointmentRow>(SLOT_APPOINTMENTS, [db.city.code, slotId, after?.[0] ?? null, after?.[1] ?? null, limit])).map(
    toHostAppointment,
  );

const CANCEL: Named = {
  name: 'scheduling_cancel',
  text: `WITH gone AS (
    UPDATE scheduling.appointment a SET status = 'cancelled', cancelled_at = now() FROM scheduling.slot s
    WHERE a.city = $1 AND a.id = $2 AND a.status = 'booked' AND s.city = $1 AND s.id = a.slot_id
      AND ($3::integer IS NULL OR s.starts_at - make_interval(mins => $3::integer) > now())
    RETURNING a.city, a.id, a.slot_id, a.patient_city, a.patient_id, a.booked_at),
  seat AS (
    UPDATE scheduling.slot s SET booked = s.booked - 1, version = s.version + 1 FROM gone
    WHERE s.city = gone.city AND s.id = gone.slot_id RETURNING s.*),
  entered AS (
    UPDATE scheduling.ledger l SET state = 'cancelled' FROM gone
    WHERE l.city = $1 AND gone.patient_city = $1 AND l.id = gone.id AND l.state IN ('pending', 'confirmed')
    RETURNING l.city, l.id, l.patient_id),
  owed AS (
    INSERT INTO scheduling.settlement (city, appointment_id, patient_city)
    SELECT city, id, patient_city FROM gone WHERE patient_city <> $1),
  told AS (INSERT INTO ${OUTBOX} ${slotChanged('seat', 1)} UNION ALL ${appointmentChanged('entered', 'CANCELLED')}),
  audited AS (INSERT INTO audit.entry (${AUDIT_COLUMNS}) SELECT ${auditParameters(4)} FROM gone)
  SELECT ${slotColumns('seat')}, gone.patient_city, gone.patient_id, gone.booked_at FROM seat, gone`,
};
/**
 * Gives a place back, with everything that follows in this city; the home city is owed the news. `noticeMinutes` null: staff, no window.
 * Null: nothing was written (not booked, or too late).
 */
export const cancelSeat = async (
  db: CityDatabase,
  appointmentId: string,
  noticeMinutes: number | null,
  audit: readonly unknown[],
): Promise<Appointment | null> => {
  const [row] = await db.named<SlotRow & { patient_city: string; patient_id: string; booked_at: Date }>(CANCEL, [
    db.city.code,
    appointmentId,
    noticeMinutes,
    ...audit,
  ]);
  if (!row) return null;
  const { city, id: slotId, appointmentType, practitionerId, startsAt, endsAt } = toSlot(row);
  return {
    id: appointmentId,
    city,
    slotId,
    patientId: row.patient_id,
    patientCity: row.patient_city,
    status: 'CANCELLED',
    bookedAt: row.booked_at,
    appointmentType,
    practitionerId,
    startsAt,
    endsAt,
  };
};

const OWED: Named = {
  name: 'scheduling_settlements',
  text: `SELECT s.* FROM unnest($3::text[]) AS h(patient_city) CROSS JOIN LATERAL (
      SELECT appointment_id, patient_city FROM scheduling.settlement
      WHERE city = $1 AND patient_city = h.patient_city ORDER BY created_at LIMIT $2) s`,
};
const PAID: Named = {
  name: 'scheduling_settled',
  text: 'DELETE FROM scheduling.settlement WHERE city = $1 AND appointment_id = $2',
};
/** Cancellations that home cities have not been told yet, up to `limit` for each of them: one that is down holds up no other. */
export const findSettlements = async (
  db: CityDatabase,
  homes: readonly string[],
  limit: number,
): Promise<{ readonly appointmentId: string; readonly patientCity: string }[]> =>
  (await db.named<{ appointment_id: string; patient_city: string }>(OWED, [db.city.code, limit, homes])).map((row) => ({
    appointmentId: row.appointment_id,
    patientCity: row.patient_city,
  }));
export const forgetSettlement = async (db: CityDatabase, appointmentId: string): Promise<void> => {
  await db.named(PAID, [db.city.code, appointmentId]);
};
