import { AUDIT_COLUMNS, auditParameters } from '#platform/audit/event.ts';
import type { CityDatabase, Named } from '#platform/database/city-database.ts';
import type { KeptAnswer } from '../domain/refusal.ts';
import type { Slot } from '../domain/slot.ts';
import { type SlotRow, toSlot } from './slot-row.ts';
import { appointmentChanged, OUTBOX, slotChanged, slotColumns } from './sql.ts';

/** A booking within one city, with its key. `inputHash` hex; `audit` the values of its audit entry. */
export type LocalBooking = {
  readonly city: string;
  readonly slotId: string;
  readonly appointmentId: string;
  readonly patientId: string;
  readonly callerId: string;
  readonly key: string;
  readonly operation: string;
  readonly inputHash: string;
  readonly audit: readonly unknown[];
};

/**
 * Takes a seat and writes ledger, appointment, key, changes and audit entry: all of them, or (no free place, begun, removed, no such
 * patient) none, as each takes its values from the seat. The patient's turn comes first: without it two overlapping bookings of one
 * patient could wait for each other in the exclusion constraint.
 */
export const BOOK_LOCALLY: Named = {
  name: 'scheduling_book_locally',
  text: `WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended($4, 4712003))),
  seat AS (
    UPDATE scheduling.slot AS s SET booked = s.booked + 1, version = s.version + 1 FROM turn
    WHERE s.city = $1 AND s.id = $2 AND s.status = 'open' AND s.starts_at > now() AND s.booked + s.held < s.capacity
      AND EXISTS (SELECT FROM directory.patient p WHERE p.city = $1 AND p.id = $4 AND p.active)
    RETURNING s.*),
  entered AS (
    INSERT INTO scheduling.ledger
      (city, id, patient_id, host_city, slot_id, appointment_type, practitioner_id, starts_at, ends_at, local_date, week, state)
    SELECT city, $3, $4, city, id, appointment_type, practitioner_id, starts_at, ends_at, local_date, week, 'confirmed' FROM seat
    RETURNING city, id, patient_id),
  booked AS (
    INSERT INTO scheduling.appointment (city, id, slot_id, patient_city, patient_id, status)
    SELECT city, $3, id, city, $4, 'booked' FROM seat),
  kept AS (
    INSERT INTO scheduling.idempotency (city, caller, key, operation, input_hash, appointment_id, state, answer)
    SELECT city, $5, $6, $7, $8, $3, 'done', jsonb_build_object('kind', 'booked', 'appointmentId', $3::text) FROM seat),
  told AS (
    INSERT INTO ${OUTBOX}
    ${slotChanged('seat', -1)} UNION ALL ${appointmentChanged('entered', 'BOOKED')}),
  audited AS (INSERT INTO audit.entry (${AUDIT_COLUMNS}) SELECT ${auditParameters(9)} FROM seat)
  SELECT ${slotColumns('seat')}, now() AS booked_at FROM seat`,
};

export const toLocalBookingValues = (b: LocalBooking): readonly unknown[] => [
  b.city,
  b.slotId,
  b.appointmentId,
  b.patientId,
  b.callerId,
  b.key,
  b.operation,
  b.inputHash,
  ...b.audit,
];

/** Null: nothing was written; why has to be asked. 23505 and 23P01: an appointment of the patient or the key stands in the way. */
export const bookLocally = async (
  db: CityDatabase,
  booking: LocalBooking,
): Promise<{ readonly slot: Slot; readonly bookedAt: Date } | null> => {
  const [row] = await db.named<SlotRow & { booked_at: Date }>(BOOK_LOCALLY, toLocalBookingValues(booking));
  return row ? { slot: toSlot(row), bookedAt: row.booked_at } : null;
};

/** What is kept under a key. Keys of more than 24 h count as fresh. */
export type KeyRow = {
  readonly inputHash: string;
  readonly state: 'pending' | 'done';
  readonly answer: KeptAnswer | null;
  readonly appointmentId: string | null;
};
type KeyDbRow = {
  input_hash: string;
  state: 'pending' | 'done';
  answer: KeptAnswer | null;
  appointment_id: string | null;
  is_old: boolean;
};

const FIND_KEY: Named = {
  name: 'scheduling_find_key',
  text: `SELECT input_hash, state, answer, appointment_id, created_at < now() - interval '24 hours' AS is_old
    FROM scheduling.idempotency WHERE city = $1 AND caller = $2 AND key = $3`,
};
const FORGET_KEY: Named = {
  name: 'scheduling_forget_key',
  text: `DELETE FROM scheduling.idempotency
    WHERE city = $1 AND caller = $2 AND key = $3 AND state = 'done' AND created_at < now() - interval '24 hours'`,
};

export const findKey = async (db: CityDatabase, callerId: string, key: string): Promise<KeyRow | null> => {
  const [row] = await db.named<KeyDbRow>(FIND_KEY, [db.city.code, callerId, key]);
  if (!row) return null;
  if (row.is_old && row.state === 'done') {
    await db.named(FORGET_KEY, [db.city.code, callerId, key]);
    return null;
  }
  return { inputHash: row.input_hash, state: row.state, answer: row.answer, appointmentId: row.appointment_id };
};

const KEEP_REFUSAL: Named = {
  name: 'scheduling_keep_refusal',
  text: `WITH kept AS (
    INSERT INTO scheduling.idempotency (city, caller, key, operation, input_hash, state, answer)
    VALUES ($1, $2, $3, $4, $5, 'done', $6::jsonb) ON CONFLICT DO NOTHING RETURNING 1),
  audited AS (INSERT INTO audit.entry (${AUDIT_COLUMNS}) SELECT ${auditParameters(7)} FROM kept)
  SELECT 1 FROM kept`,
};

/** Keeps a refusal under its key, with its audit entry. False: the key was taken meanwhile and nothing was written. */
export const keepRefusal = async (
  db: CityDatabase,
  {
    callerId,
    key,
    operation,
    inputHash,
    answer,
    audit,
  }: Pick<LocalBooking, 'callerId' | 'key' | 'operation' | 'inputHash' | 'audit'> & {
    readonly answer: KeptAnswer;
  },
): Promise<boolean> =>
  (await db.named(KEEP_REFUSAL, [db.city.code, callerId, key, operation, inputHash, JSON.stringify(answer), ...audit])).length > 0;

const PRUNE_KEYS: Named = {
  name: 'scheduling_prune_keys',
  text: `WITH keys AS (
    DELETE FROM scheduling.idempotency WHERE created_at < now() - interval '24 hours' AND city = $1 AND state = 'done')
  DELETE FROM scheduling.ledger WHERE city = $1 AND state = 'released' AND created_at < now() - interval '7 days'`,
};
/** Forgets keys after 24 h and given-up reservations after 7 days. */
export const pruneBookings = async (db: CityDatabase): Promise<void> => {
  await db.named(PRUNE_KEYS, [db.city.code]);
};
