import type { CityDatabase, Named, Read } from '#platform/database/city-database.ts';
import { BadInputError } from '#platform/pure/faults.ts';
import type { EventFilter } from '../domain/event-filter.ts';

/** Values as rows from before migration 0006 hold them: salt (base64url) and value by name. */
export type OpenDisclosure = Readonly<Record<string, { readonly salt: string; readonly value: string }>>;

/**
 * An entry as it is kept. `position` is its place in the list by time: microseconds since 1970 and the number of the entry, with a point between;
 * `sealed` holds salt and value of each commitment, sealed; `disclosure` holds them open, in rows from before that are not sealed yet.
 */
export type EntryRow = {
  readonly city: string;
  readonly position: string;
  readonly eventId: string;
  readonly recordedAt: Date;
  readonly sealed: Uint8Array | null;
  readonly disclosure: OpenDisclosure | null;
  readonly body: Uint8Array;
};

const COLUMNS = `city, (extract(epoch from recorded_at) * 1000000)::bigint || '.' || id as position, event_id as "eventId", recorded_at as "recordedAt", sealed, disclosure, body`;

/** Conditions by the part of the filter they carry; the order is that of the parameters. */
const CONDITIONS = {
  patientId: (n: number) => `patient_tag = $${n}::bytea`,
  actorId: (n: number) => `actor_tag = $${n}::bytea`,
  act: (n: number) => `act = $${n}::text`,
  from: (n: number) => `recorded_at >= $${n}::timestamptz`,
  to: (n: number) => `recorded_at < $${n}::timestamptz`,
} as const satisfies Partial<Record<keyof EventFilter, (n: number) => string>>;

type Part = keyof typeof CONDITIONS;
const PARTS = Object.keys(CONDITIONS) as Part[];
const ACTIONS = new Set(['C', 'R', 'U', 'D', 'E']);
const OUTCOMES = new Set([0, 4, 8, 12]);
/** Action and outcome stand in the text: with parameters in their place the indexes of what is rare would not be taken. */
const literalsOf = ({ action, outcome }: EventFilter): { readonly name: string; readonly conditions: readonly string[] } => {
  if (action !== undefined && !ACTIONS.has(action)) throw new RangeError('action: no code of an action');
  if (outcome !== undefined && !OUTCOMES.has(outcome)) throw new RangeError('outcome: no code of an outcome');
  return {
    name: `${action ?? ''}${outcome ?? ''}`,
    conditions: [...(action === undefined ? [] : [`action = '${action}'`]), ...(outcome === undefined ? [] : [`outcome = ${outcome}`])],
  };
};

/** One statement for each set of conditions, so that the planner sees only those that count. */
const findStatement = (filter: EventFilter, parts: readonly Part[], continued: boolean): Named => {
  const literals = literalsOf(filter);
  const conditions = ['city = $1', ...literals.conditions, ...parts.map((part, i) => CONDITIONS[part](i + 3))];
  const next = parts.length + 3;
  if (continued)
    conditions.push(`(recorded_at, id) < (timestamptz 'epoch' + $${next}::bigint * interval '1 microsecond', $${next + 1}::bigint)`);
  return {
    // At most 63 characters, or PostgreSQL cuts the name off.
    name: `find_entries_${PARTS.map((part) => (parts.includes(part) ? 1 : 0)).join('')}_${literals.name}${continued ? '_after' : ''}`,
    text: `SELECT ${COLUMNS} FROM audit.entry WHERE ${conditions.join(' AND ')} ORDER BY recorded_at DESC, id DESC LIMIT $2`,
  };
};

const POSITION = /^(\d{1,16})\.(\d{1,19})$/;

/** Entries of one city, newest first, at most `limit`, behind the position `after` where given. A replica may answer. */
export const findEntries = (db: CityDatabase, filter: EventFilter, after: string | undefined, limit: number): Promise<Read<EntryRow>> => {
  const parts = PARTS.filter((part) => filter[part] !== undefined);
  const behind = after === undefined ? [] : POSITION.exec(after)?.slice(1);
  if (!behind) throw new BadInputError('after', 'is no cursor of this list; take one that this list gave');
  return db.read<EntryRow>(findStatement(filter, parts, after !== undefined), [
    db.city.code,
    limit,
    ...parts.map((part) => (part === 'patientId' || part === 'actorId' ? db.subjects.tagOf(filter[part] ?? '') : filter[part])),
    ...behind,
  ]);
};

const FIND_BY_IDS: Named = {
  name: 'find_entries_by_ids',
  text: `SELECT ${COLUMNS} FROM audit.entry WHERE city = $1 AND event_id = ANY($2::text[])`,
};

/** Entries of one city by their event ids, in no order. A replica may answer. */
export const findEntriesByIds = async (db: CityDatabase, eventIds: readonly string[]): Promise<EntryRow[]> =>
  (await db.read<EntryRow>(FIND_BY_IDS, [db.city.code, [...eventIds]])).rows;

export const HOLDS_ACT: Named = {
  name: 'holds_act',
  // By order, not EXISTS: a plan made without the values takes any act for frequent, and may go through the whole table for one that is not there.
  text: `SELECT coalesce((SELECT act FROM audit.entry WHERE city = $1 AND act >= $2::text ORDER BY act LIMIT 1) = $2, false) AS held`,
};
/** Whether a city's log holds an entry of an act; one step in the index of acts. A replica may answer. */
export const holdsAct = (db: CityDatabase, act: string): Promise<Read<{ readonly held: boolean }>> =>
  db.read(HOLDS_ACT, [db.city.code, act]);

const HOLDS_SEALED: Named = {
  name: 'holds_sealed',
  text: `SELECT EXISTS (SELECT FROM audit.entry WHERE city = $1 AND sealed IS NOT NULL) AS held`,
};
/** Whether a city's log holds values that only subject keys open. */
export const holdsSealed = async (db: CityDatabase): Promise<boolean> =>
  (await db.named<{ held: boolean }>(HOLDS_SEALED, [db.city.code]))[0]?.held === true;
