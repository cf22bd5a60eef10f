import type { CityDatabase, Named, Read } from '#platform/database/city-database.ts';
import type { EventFilter } from '../domain/event-filter.ts';

/** An entry as it is kept. `number` counts the entries of a city; `disclosure` holds salt (base64url) and value of each commitment, by name. */
export type EntryRow = {
  readonly city: string;
  readonly number: string;
  readonly eventId: string;
  readonly recordedAt: Date;
  readonly disclosure: Readonly<Record<string, { readonly salt: string; readonly value: string }>>;
  readonly body: Uint8Array;
};

const COLUMNS = 'city, id::text as number, event_id as "eventId", recorded_at as "recordedAt", disclosure, body';

/** Conditions by the part of the filter they carry; the order is that of the parameters. */
const CONDITIONS = {
  patientId: (n: number) => `patient_id = $${n}::text`,
  actorId: (n: number) => `actor_id = $${n}::text`,
  action: (n: number) => `action = $${n}::text`,
  act: (n: number) => `act = $${n}::text`,
  outcome: (n: number) => `outcome = $${n}::smallint`,
  from: (n: number) => `recorded_at >= $${n}::timestamptz`,
  to: (n: number) => `recorded_at < $${n}::timestamptz`,
} as const satisfies Record<keyof EventFilter, (n: number) => string>;

const PARTS = Object.keys(CONDITIONS) as (keyof EventFilter)[];

/** One statement for each set of conditions, so that the planner sees only those that count. */
const findStatement = (parts: readonly (keyof EventFilter)[], continued: boolean): Named => {
  const conditions = ['city = $1', ...parts.map((part, i) => CONDITIONS[part](i + 3))];
  if (continued) conditions.push(`id < $${parts.length + 3}::bigint`);
  return {
    // At most 63 characters, or PostgreSQL cuts the name off.
    name: `find_entries_${PARTS.map((part) => (parts.includes(part) ? 1 : 0)).join('')}${continued ? '_after' : ''}`,
    text: `SELECT ${COLUMNS} FROM audit.entry WHERE ${conditions.join(' AND ')} ORDER BY city DESC, id DESC LIMIT $2`,
  };
};

/** Entries of one city, newest first, at most `limit`, behind the entry `before` where given. A replica may answer. */
export const findEntries = (db: CityDatabase, filter: EventFilter, before: string | undefined, limit: number): Promise<Read<EntryRow>> => {
  const parts = PARTS.filter((part) => filter[part] !== undefined);
  return db.read<EntryRow>(findStatement(parts, before !== undefined), [
    db.city.code,
    limit,
    ...parts.map((part) => filter[part]),
    ...(before === undefined ? [] : [before]),
  ]);
};

const FIND_BY_IDS: Named = {
  name: 'find_entries_by_ids',
  text: `SELECT ${COLUMNS} FROM audit.entry WHERE city = $1 AND event_id = ANY($2::text[])`,
};

/** Entries of one city by their event ids, in no order. A replica may answer. */
export const findEntriesByIds = async (db: CityDatabase, eventIds: readonly string[]): Promise<EntryRow[]> =>
  (await db.read<EntryRow>(FIND_BY_IDS, [db.city.code, [...eventIds]])).rows;
