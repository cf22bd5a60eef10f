import { AUDIT_COLUMNS, auditParameters } from '#platform/audit/event.ts';
import type { CityDatabase, Named } from '#platform/database/city-database.ts';
import type { Position } from '#platform/sequence/position.ts';
import type { NewSlot, Slot } from '../domain/slot.ts';
import { type SlotRow, toSlot } from './slot-row.ts';
import { OUTBOX, slotColumns } from './sql.ts';

const ADD: Named = {
  name: 'scheduling_add_slot',
  text: `WITH added AS (
    INSERT INTO scheduling.slot (city, id, code, appointment_type, practitioner_id, starts_at, ends_at, local_date, week, capacity)
    SELECT $1, $2, $3, $4, $5::text, $6, $7, $8::date, $9, $10
    WHERE $5::text IS NULL OR EXISTS (SELECT FROM directory.practitioner p WHERE p.city = $1 AND p.id = $5 AND p.active)
    RETURNING *),
  told AS (
    INSERT INTO ${OUTBOX}
    SELECT city, 'slot', id, 'ADDED', jsonb_build_object(
      'type', appointment_type, 'practitionerId', practitioner_id, 'startsAt', starts_at, 'before', 0, 'after', capacity) FROM added),
  audited AS (INSERT INTO audit.entry (${AUDIT_COLUMNS}) SELECT ${auditParameters(11)} FROM added)
  SELECT ${slotColumns('added')} FROM added`,
};
/** Opens a slot. Null: the city has no such active practitioner. 23505 and 23P01: another slot is in the way. */
export const addSlot = async (db: CityDatabase, slot: NewSlot, audit: readonly unknown[]): Promise<Slot | null> => {
  const [row] = await db.named<SlotRow>(ADD, [
    slot.city,
    slot.id,
    slot.code,
    slot.appointmentType,
    slot.practitionerId,
    slot.startsAt,
    slot.endsAt,
    slot.localDate,
    slot.week,
    slot.capacity,
    ...audit,
  ]);
  return row ? toSlot(row) : null;
};

const IN_THE_WAY: Named = {
  name: 'scheduling_slot_in_the_way',
  text: `SELECT ${slotColumns('s')} FROM scheduling.slot s
    WHERE s.city = $1 AND s.status <> 'removed' AND (
      (s.appointment_type = $2 AND s.starts_at = $4 AND s.practitioner_id IS NOT DISTINCT FROM $3::text)
      OR (s.practitioner_id = $3 AND tstzrange(s.starts_at, s.ends_at) && tstzrange($4, $5)))
    ORDER BY s.starts_at, s.id LIMIT 1`,
};
/** The slot that keeps another from being opened. */
export const findSlotInTheWay = async (
  db: CityDatabase,
  slot: Pick<Slot, 'appointmentType' | 'practitionerId' | 'startsAt' | 'endsAt'>,
): Promise<Slot | null> => {
  const [row] = await db.named<SlotRow>(IN_THE_WAY, [db.city.code, slot.appointmentType, slot.practitionerId, slot.startsAt, slot.endsAt]);
  return row ? toSlot(row) : null;
};

const BY_ID: Named = {
  name: 'scheduling_slots_by_id',
  text: `SELECT ${slotColumns('s')} FROM scheduling.slot s WHERE s.city = $1 AND s.id = ANY ($2::text[])`,
};
/** Slots by id; a replica answers when the primary does not. */
export const findSlots = async (db: CityDatabase, ids: readonly string[]): Promise<Slot[]> =>
  (await db.read<SlotRow>(BY_ID, [db.city.code, ids])).rows.map(toSlot);

const BY_CODE: Named = {
  name: 'scheduling_slots_by_code',
  text: `SELECT ${slotColumns('s')} FROM scheduling.slot s
    WHERE s.city = $1 AND s.code = $2 AND s.status <> 'removed' ORDER BY s.starts_at, s.id LIMIT 1000`,
};
export const findSlotsByCode = async (db: CityDatabase, code: string): Promise<Slot[]> =>
  (await db.read<SlotRow>(BY_CODE, [db.city.code, code])).rows.map(toSlot);

/** What slots of a city are asked for; null: whatever. */
export type SlotQuery = {
  readonly appointmentType: string | null;
  readonly practitionerId: string | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly onlyAvailable: boolean;
};
/** Behind which slot a page begins; the same for every city. */
export type SlotPosition = readonly [startsAt: string, id: string];

const PAGE: Named = {
  name: 'scheduling_slot_page',
  text: `SELECT f.epoch, pg_snapshot_xmin(pg_current_snapshot())::text AS fence, page.*
    FROM scheduling.feed_epoch f LEFT JOIN LATERAL (
      SELECT ${slotColumns('s')} FROM scheduling.slot s
      WHERE s.city = f.city AND s.status = 'open'
        AND ($2::text IS NULL OR s.appointment_type = $2)
        AND ($3::text IS NULL OR s.practitioner_id = $3)
        AND s.starts_at >= coalesce($4::timestamptz, '-infinity') AND s.starts_at < coalesce($5::timestamptz, 'infinity')
        AND (NOT $6::boolean OR (s.booked + s.held < s.capacity AND s.starts_at > now()))
        AND (s.starts_at, s.id) > (coalesce($7::timestamptz, '-infinity'), coalesce($8::text, ''))
      ORDER BY s.starts_at, s.id LIMIT $9) page ON true
    WHERE f.city = $1 ORDER BY page.starts_at, page.id`,
};
/** One city's part of a page, and where a feed can begin so that it misses nothing that is not in it. */
export const readSlotPage = async (
  db: CityDatabase,
  query: SlotQuery,
  after: SlotPosition | null,
  limit: number,
): Promise<{ readonly value: { readonly slots: Slot[]; readonly position: Position }; readonly staleAsOf: Date | null }> => {
  const { rows, staleAsOf } = await db.read<{ epoch: string; fence: string } & (SlotRow | { id: null })>(PAGE, [
    db.city.code,
    query.appointmentType,
    query.practitionerId,
    query.from,
    query.to,
    query.onlyAvailable,
    after?.[0] ?? null,
    after?.[1] ?? null,
    limit,
  ]);
  const first = rows[0];
  if (!first) throw new Error(`the outbox of city ${db.city.code} has no epoch`);
  return {
    value: { slots: rows.flatMap((row) => (row.id === null ? [] : [toSlot(row)])), position: [first.epoch, first.fence, '0'] },
    staleAsOf,
  };
};

const OPEN_SLOT = `s.city = $1 AND s.appointment_type = $2 AND s.status = 'open' AND s.booked + s.held < s.capacity AND s.starts_at > now()`;
const CLOSEST: Named = {
  name: 'scheduling_closest_slots',
  text: `(SELECT ${slotColumns('s')} FROM scheduling.slot s WHERE ${OPEN_SLOT} AND s.starts_at >= $3 ORDER BY s.starts_at, s.id LIMIT $4)
    UNION ALL
    (SELECT ${slotColumns('s')} FROM scheduling.slot s WHERE ${OPEN_SLOT} AND s.starts_at < $3 ORDER BY s.starts_at DESC, s.id LIMIT $4)`,
};
/** Open slots of a type around an instant, up to `limit` on either side. */
export const findClosestSlots = async (db: CityDatabase, appointmentType: string, near: Date, limit: number): Promise<Slot[]> =>
  (await db.named<SlotRow>(CLOSEST, [db.city.code, appointmentType, near, limit])).map(toSlot);
