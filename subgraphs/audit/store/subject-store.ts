import type { CityDatabase, Named, Transaction } from '#platform/database/city-database.ts';
import type { Ask } from './log-store.ts';

/** A patient who was erased at home: whose keys have to go. */
export type Erasure = { readonly patientId: string; readonly erasedAt: Date; readonly subjects: readonly Uint8Array[] };

const ERASURES: Named = {
  name: 'audit_erasures',
  text: `SELECT patient_id AS "patientId", erased_at AS "erasedAt", subjects FROM directory.erasure
    WHERE city = $1 AND erased_at >= $2::timestamptz ORDER BY erased_at`,
};
/** Patients of a city who were erased since an instant. From the primary: what it does not know yet must not pass for nothing. */
export const findErasures = (home: CityDatabase, since: Date): Promise<Erasure[]> => home.named(ERASURES, [home.city.code, since]);

const SHREDDED: Named = { name: 'audit_shredded', text: `SELECT tag FROM audit.shredded WHERE city = $1` };
/** Tags of the subjects whose keys were destroyed in a city, as its database knows it. */
export const findShredded = async (db: CityDatabase): Promise<Buffer[]> =>
  (await db.named<{ tag: Buffer }>(SHREDDED, [db.city.code])).map(({ tag }) => tag);

const NOTE_SHREDDED: Named = {
  name: 'audit_note_shredded',
  text: `INSERT INTO audit.shredded (city, tag) SELECT $1, tag FROM unnest($2::bytea[]) AS tag ON CONFLICT DO NOTHING RETURNING tag`,
};
/** Notes that keys were destroyed; gives the tags that were not noted before. */
export const noteShredded = async (tx: Transaction, city: string, tags: readonly Uint8Array[]): Promise<Buffer[]> =>
  (await tx.named<{ tag: Buffer }>(NOTE_SHREDDED, [city, [...tags]])).map(({ tag }) => tag);

const LOCK: Named = { name: 'subjects_lock', text: `SELECT pg_try_advisory_lock(hashtextextended($1, 4712006)) AS held` };
/** Takes the subject keys of a city for this connection; false where another one has them. */
export const lockSubjects = async (ask: Ask, city: string): Promise<boolean> =>
  (await ask<{ held: boolean }>(LOCK, [`subject keys ${city}`]))[0]?.held === true;

/** A row from before migration 0006, with what stands open beside its leaf. */
export type UnsealedRow = {
  readonly id: string;
  readonly eventId: string;
  readonly actorId: string | null;
  readonly patientId: string | null;
  readonly disclosure: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
};
const UNSEALED: Named = {
  name: 'audit_unsealed',
  text: `SELECT id::text, event_id AS "eventId", actor_id AS "actorId", patient_id AS "patientId", disclosure, body
    FROM audit.entry WHERE city = $1 AND sealed IS NULL ORDER BY id LIMIT $2`,
};
export const findUnsealed = (db: CityDatabase, limit: number): Promise<UnsealedRow[]> => db.named(UNSEALED, [db.city.code, limit]);

export type SealedRow = {
  readonly id: string;
  readonly actorTag: Uint8Array | null;
  readonly patientTag: Uint8Array | null;
  readonly sealed: Uint8Array;
};
const SEAL: Named = {
  name: 'audit_seal_entries',
  text: `SELECT audit.seal_entries($1, $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[])::int AS count`,
};
/** Puts sealed values in the place of open ones; tells how many rows took them. */
export const sealEntries = async (db: CityDatabase, rows: readonly SealedRow[]): Promise<number> =>
  (
    await db.named<{ count: number }>(SEAL, [
      db.city.code,
      rows.map(({ id }) => id),
      rows.map(({ actorTag }) => actorTag),
      rows.map(({ patientTag }) => patientTag),
      rows.map(({ sealed }) => sealed),
    ])
  )[0]?.count ?? 0;
