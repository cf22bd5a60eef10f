import { AUDIT_COLUMNS, auditParameters } from '#platform/audit/event.ts';
import type { CityDatabase, Named, Reader } from '#platform/database/city-database.ts';
import type { Appointment, AppointmentStatus } from '../domain/appointment.ts';
import type { KeptAnswer } from '../domain/refusal.ts';
import type { SlotFacts } from '../domain/slot.ts';
import { appointmentChanged, OUTBOX } from './sql.ts';

/** The home city's side of bookings. Every function takes the database of the patient's home. */

const LIVE = `state IN ('pending', 'confirmed')`;

const RESERVE: Named = {
  name: 'scheduling_reserve',
  text: `WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended($3, 4712003))),
  place AS (
    INSERT INTO scheduling.quota AS q (city, patient_id, week, used)
    SELECT $1, $3, $11, 1 FROM turn WHERE EXISTS (SELECT FROM directory.patient p WHERE p.city = $1 AND p.id = $3 AND p.active)
    ON CONFLICT (city, patient_id, week) DO UPDATE SET used = q.used + 1 WHERE q.used < 3
    RETURNING 1),
  kept AS (
    INSERT INTO scheduling.idempotency (city, caller, key, operation, input_hash, appointment_id, state)
    SELECT $1, $12, $13, $14, $15, $2, 'pending' FROM place)
  INSERT INTO scheduling.ledger
    (city, id, patient_id, host_city, slot_id, appointment_type, practitioner_id, starts_at, ends_at, local_date, week, state)
  SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10::date, $11, 'pending' FROM place
  RETURNING id`,
};

/**
 * Reserves for a slot of another city: the week's place, the ledger row with its limits, the key as pending. False: nothing was written
 * (no such patient, or the week is used up). 23505 and 23P01: an appointment of the patient or the key stands in the way.
 */
export const reserve = async (
  db: CityDatabase,
  r: {
    readonly appointmentId: string;
    readonly patientId: string;
    readonly slot: SlotFacts;
    readonly callerId: string;
    readonly key: string;
    readonly operation: string;
    readonly inputHash: string;
  },
): Promise<boolean> =>
  (
    await db.named(RESERVE, [
      db.city.code,
      r.appointmentId,
      r.patientId,
      r.slot.city,
      r.slot.id,
      r.slot.appointmentType,
      r.slot.practitionerId,
      r.slot.startsAt,
      r.slot.endsAt,
      r.slot.localDate,
      r.slot.week,
      r.callerId,
      r.key,
      r.operation,
      r.inputHash,
    ])
  ).length > 0;

const CONFIRM: Named = {
  name: 'scheduling_confirm',
  text: `WITH heard AS (SELECT * FROM unnest($2::text[], $3::timestamptz[]) AS h(id, booked_at)),
  entered AS (
    UPDATE scheduling.ledger l SET state = 'confirmed', booked_at = heard.booked_at FROM heard
    WHERE l.city = $1 AND l.id = heard.id AND l.state = 'pending'
    RETURNING l.city, l.id, l.patient_id),
  kept AS (
    UPDATE scheduling.idempotency i
    SET state = 'done', answer = jsonb_build_object('kind', 'booked', 'appointmentId', entered.id) FROM entered
    WHERE i.city = $1 AND i.appointment_id = entered.id AND i.state = 'pending')
  INSERT INTO ${OUTBOX} ${appointmentChanged('entered', 'BOOKED')}`,
};

/** Confirms what the host decided. May be repeated; what is no longer pending stays as it is. */
export const confirm = async (
  db: CityDatabase,
  bookings: readonly { readonly appointmentId: string; readonly bookedAt: Date }[],
): Promise<void> => {
  const sorted = bookings.toSorted((a, b) => (a.appointmentId < b.appointmentId ? -1 : 1));
  await db.named(CONFIRM, [db.city.code, sorted.map((each) => each.appointmentId), sorted.map((each) => each.bookedAt)]);
};

const release = (name: string, key: string, audited: boolean): Named => ({
  name,
  text: `WITH freed AS (
    UPDATE scheduling.ledger SET state = 'released' WHERE city = $1 AND id = $2 AND state = 'pending'
    RETURNING city, id, patient_id, host_city, week),
  place AS (
    UPDATE scheduling.quota q SET used = q.used - 1 FROM freed
    WHERE q.city = $1 AND q.patient_id = freed.patient_id AND q.week = freed.week AND freed.host_city <> $1),
  kept AS (${key})
  ${audited ? `, audited AS (INSERT INTO audit.entry (${AUDIT_COLUMNS}) SELECT ${auditParameters(3)} FROM freed)` : ''}
  SELECT id FROM freed`,
});
const RELEASE = release(
  'scheduling_release',
  `UPDATE scheduling.idempotency i SET state = 'done', answer = $3::jsonb FROM freed
    WHERE i.city = $1 AND i.appointment_id = freed.id AND i.state = 'pending'`,
  false,
);
const FORGET_FREED = `DELETE FROM scheduling.idempotency i USING freed WHERE i.city = $1 AND i.appointment_id = freed.id AND i.state = 'pending'`;
const ABANDON = release('scheduling_abandon', FORGET_FREED, false);
const UNDO = release('scheduling_undo', FORGET_FREED, true);

/** Gives a reservation back after the host refused, and keeps the refusal as the key's answer. May be repeated. */
export const releaseRefused = async (db: CityDatabase, appointmentId: string, answer: KeptAnswer): Promise<void> => {
  await db.named(RELEASE, [db.city.code, appointmentId, JSON.stringify(answer)]);
};
/** Gives back a reservation that the host has fenced off, and frees its key, so that the same key may try again. May be repeated. */
export const abandonReservation = async (db: CityDatabase, appointmentId: string): Promise<void> => {
  await db.named(ABANDON, [db.city.code, appointmentId]);
};
/** The same when the host was certainly never asked; with the audit entry of the failure. */
export const undoReservation = async (db: CityDatabase, appointmentId: string, audit: readonly unknown[]): Promise<void> => {
  await db.named(UNDO, [db.city.code, appointmentId, ...audit]);
};

const SETTLE: Named = {
  name: 'scheduling_settle',
  text: `WITH live AS MATERIALIZED (
    SELECT city, id, patient_id, state FROM scheduling.ledger WHERE city = $1 AND id = $2 AND ${LIVE} FOR UPDATE),
  freed AS (
    UPDATE scheduling.ledger l SET state = 'cancelled' FROM live WHERE l.city = $1 AND l.id = live.id
    RETURNING l.city, l.id, l.patient_id, l.host_city, l.week),
  unheard AS (SELECT city, id, patient_id FROM live WHERE state = 'pending'),
  place AS (
    UPDATE scheduling.quota q SET used = q.used - 1 FROM freed
    WHERE q.city = $1 AND q.patient_id = freed.patient_id AND q.week = freed.week AND freed.host_city <> $1),
  kept AS (
    UPDATE scheduling.idempotency i
    SET state = 'done', answer = jsonb_build_object('kind', 'booked', 'appointmentId', freed.id) FROM freed
    WHERE i.city = $1 AND i.appointment_id = freed.id AND i.state = 'pending')
  INSERT INTO ${OUTBOX} ${appointmentChanged('unheard', 'BOOKED')} UNION ALL ${appointmentChanged('freed', 'CANCELLED')}`,
};
/**
 * Enters a cancellation that the host decided: the week's place is free again. Where the home had not heard of the booking yet, that is told
 * before. May be repeated.
 */
export const settleCancellation = async (db: CityDatabase, appointmentId: string): Promise<void> => {
  await db.named(SETTLE, [db.city.code, appointmentId]);
};

/** What stands between a patient and a slot, read in one statement. */
export type HomeSituation = {
  readonly patientExists: boolean;
  readonly sameSlot: boolean;
  readonly sameTypeSameDay: boolean;
  readonly overlap: boolean;
  readonly usedThisWeek: number;
};
const SITUATION: Named = {
  name: 'scheduling_situation',
  text: `SELECT EXISTS (SELECT FROM directory.patient p WHERE p.city = $1 AND p.id = $2 AND p.active) AS patient_exists,
    coalesce(bool_or(l.slot_id = $3), false) AS same_slot,
    coalesce(bool_or(l.appointment_type = $4 AND l.local_date = $5::date), false) AS same_type_same_day,
    coalesce(bool_or(l.during && tstzrange($6, $7)), false) AS overlap,
    coalesce((SELECT used FROM scheduling.quota q WHERE q.city = $1 AND q.patient_id = $2 AND q.week = $8), 0) AS used
  FROM scheduling.ledger l WHERE l.city = $1 AND l.patient_id = $2 AND l.${LIVE}`,
};
export const readSituation = async (db: CityDatabase, patientId: string, slot: SlotFacts | null): Promise<HomeSituation> => {
  const [row] = await db.named<{
    patient_exists: boolean;
    same_slot: boolean;
    same_type_same_day: boolean;
    overlap: boolean;
    used: number;
  }>(SITUATION, [
    db.city.code,
    patientId,
    slot?.id ?? null,
    slot?.appointmentType ?? null,
    slot?.localDate ?? null,
    slot?.startsAt ?? null,
    slot?.endsAt ?? null,
    slot?.week ?? null,
  ]);
  if (!row) throw new Error('the statement of the situation gave no row');
  return {
    patientExists: row.patient_exists,
    sameSlot: slot !== null && row.same_slot,
    sameTypeSameDay: slot !== null && row.same_type_same_day,
    overlap: slot !== null && row.overlap,
    usedThisWeek: row.used,
  };
};

type LedgerRow = {
  readonly id: string;
  readonly city: string;
  readonly patient_id: string;
  readonly host_city: string;
  readonly slot_id: string;
  readonly appointment_type: string;
  readonly practitioner_id: string | null;
  readonly starts_at: Date;
  readonly ends_at: Date;
  readonly state: 'pending' | 'confirmed' | 'cancelled';
  readonly booked_at: Date;
};
const STATUS: Readonly<Record<LedgerRow['state'], AppointmentStatus>> = {
  pending: 'PENDING',
  confirmed: 'BOOKED',
  cancelled: 'CANCELLED',
};
const toAppointment = (row: LedgerRow): Appointment => ({
  id: row.id,
  city: row.host_city,
  slotId: row.slot_id,
  patientId: row.patient_id,
  patientCity: row.city,
  status: STATUS[row.state],
  bookedAt: row.booked_at,
  appointmentType: row.appointment_type,
  practitionerId: row.practitioner_id,
  startsAt: row.starts_at,
  endsAt: row.ends_at,
});
const LEDGER_COLUMNS = 'id, city, patient_id, host_city, slot_id, appointment_type, practitioner_id, starts_at, ends_at, state, booked_at';

const FIND_ENTRY: Named = {
  name: 'scheduling_find_ledger_entry',
  text: `SELECT ${LEDGER_COLUMNS} FROM scheduling.ledger WHERE city = $1 AND id = $2 AND state <> 'released'`,
};
/** An appointment as the patient's home knows it; null when it has none of that id. */
export const findLedgerEntry = async (db: CityDatabase, appointmentId: string): Promise<Appointment | null> => {
  const [row] = await db.named<LedgerRow>(FIND_ENTRY, [db.city.code, appointmentId]);
  return row ? toAppointment(row) : null;
};

const SCHEDULE: Named = {
  name: 'scheduling_schedule',
  text: `SELECT ${LEDGER_COLUMNS} FROM scheduling.ledger
    WHERE city = $1 AND patient_id = $2 AND state <> 'released'
      AND ($3::timestamptz IS NULL OR starts_at >= $3) AND ($4::timestamptz IS NULL OR starts_at < $4)
      AND ($5::text IS NULL OR (appointment_type, starts_at, id) > ($5, $6::timestamptz, $7))
    ORDER BY appointment_type, starts_at, id LIMIT $8`,
};
/** Behind which appointment a page of the schedule begins. */
export type SchedulePosition = readonly [appointmentType: string, startsAt: string, id: string];
/** A patient's schedule, grouped by type and ordered by start. A replica answers when the primary does not. */
export const readSchedule = async (
  db: Reader,
  patientId: string,
  range: { readonly from: Date | null; readonly to: Date | null },
  after: SchedulePosition | null,
  limit: number,
): Promise<Appointment[]> => {
  const rows = await db.named<LedgerRow>(SCHEDULE, [
    db.city.code,
    patientId,
    range.from,
    range.to,
    after?.[0] ?? null,
    after?.[1] ?? null,
    after?.[2] ?? null,
    limit,
  ]);
  return rows.map(toAppointment);
};

/** A reservation that waits for its end. */
export type Pending = { readonly appointmentId: string; readonly hostCity: string; readonly slotId: string; readonly patientId: string };
const PENDING: Named = {
  name: 'scheduling_pending',
  text: `SELECT l.* FROM unnest($4::text[]) AS h(host_city) CROSS JOIN LATERAL (
      SELECT id, host_city, slot_id, patient_id FROM scheduling.ledger
      WHERE city = $1 AND host_city = h.host_city AND state = 'pending' AND created_at < now() - $2 * interval '1 millisecond'
      ORDER BY created_at LIMIT $3) l`,
};
const PENDING_ONE: Named = {
  name: 'scheduling_pending_one',
  text: `SELECT id, host_city, slot_id, patient_id FROM scheduling.ledger WHERE city = $1 AND id = $2 AND state = 'pending'`,
};
type PendingRow = { id: string; host_city: string; slot_id: string; patient_id: string };
const toPending = (row: PendingRow): Pending => ({
  appointmentId: row.id,
  hostCity: row.host_city,
  slotId: row.slot_id,
  patientId: row.patient_id,
});
/** Up to `limit` for each host: what waits for a host that is down must not stand before what others can finish. */
export const findPending = async (db: CityDatabase, hosts: readonly string[], olderThanMs: number, limit: number): Promise<Pending[]> =>
  (await db.named<PendingRow>(PENDING, [db.city.code, olderThanMs, limit, hosts])).map(toPending);
export const findOnePending = async (db: CityDatabase, appointmentId: string): Promise<Pending | null> => {
  const [row] = await db.named<PendingRow>(PENDING_ONE, [db.city.code, appointmentId]);
  return row ? toPending(row) : null;
};

const ORPHANS: Named = {
  name: 'scheduling_orphans',
  text: `SELECT o.id, o.host_city, o.slot_id, o.patient_id FROM (
      SELECT id, host_city, slot_id, patient_id, row_number() OVER (PARTITION BY host_city) AS place FROM scheduling.ledger l
      WHERE city = $1 AND state = 'confirmed' AND ends_at > now()
        AND EXISTS (SELECT FROM directory.erasure e WHERE e.city = $1 AND e.patient_id = l.patient_id)) o
    WHERE o.place <= $2`,
};
/** Live appointments to come whose patient was erased, up to `limit` for each host. */
export const findOrphans = async (db: CityDatabase, limit: number): Promise<Pending[]> =>
  (await db.named<PendingRow>(ORPHANS, [db.city.code, limit])).map(toPending);
