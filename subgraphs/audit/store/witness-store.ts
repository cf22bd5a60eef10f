import type { CityDatabase, Named, Transaction } from '#platform/database/city-database.ts';
import { HASH_BYTES } from '#platform/tlog/crypto.ts';
import type { Hash } from '#platform/tlog/merkle.ts';

/** What a city, as a witness, cosigned last of a log; `note` with the log's signature and its own. */
export type WitnessedRow = { readonly origin: string; readonly size: number; readonly root: Hash; readonly note: string };

type Row = Omit<WitnessedRow, 'size'> & { readonly size: string };
const toRow = ({ size, root, ...rest }: Row): WitnessedRow => ({ ...rest, size: Number(size), root: new Uint8Array(root) });

const FIND: Named = {
  name: 'witness_find',
  text: `SELECT origin, size::text, root, note FROM audit.witness_log WHERE city = $1 AND origin = $2`,
};
export const findWitnessed = async (db: CityDatabase, origin: string): Promise<WitnessedRow | null> => {
  const [row] = await db.named<Row>(FIND, [db.city.code, origin]);
  return row ? toRow(row) : null;
};

const FIND_BY_HASH: Named = {
  name: 'witness_find_by_hash',
  text: `SELECT origin, size::text, root, note FROM audit.witness_log WHERE city = $1 AND encode(sha256(convert_to(origin, 'UTF8')), 'hex') = $2`,
};
/** The same by the SHA-256 of the origin, hexadecimal. */
export const findWitnessedByHash = async (db: CityDatabase, originHash: string): Promise<WitnessedRow | null> => {
  const [row] = await db.named<Row>(FIND_BY_HASH, [db.city.code, originHash]);
  return row ? toRow(row) : null;
};

const BEGIN: Named = {
  name: 'witness_begin',
  text: `INSERT INTO audit.witness_log (city, origin, size, root, note) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (city, origin) DO NOTHING RETURNING city`,
};
const GO_ON: Named = {
  name: 'witness_go_on',
  text: `UPDATE audit.witness_log SET size = $3, root = $4, note = $5, at = clock_timestamp()
    WHERE city = $1 AND origin = $2 AND size = $6 AND root = $7 AND size < $3 RETURNING city`,
};
/**
 * Puts `next` in the place of `known`, what the decision was made by (null: nothing). Of several at once one wins: false where the witness stands
 * elsewhere by now. Once this returns true it is durable.
 */
export const moveWitness = async (db: CityDatabase, known: WitnessedRow | null, next: WitnessedRow): Promise<boolean> => {
  const values = [db.city.code, next.origin, next.size, Buffer.from(next.root), next.note];
  const moved = known ? await db.named(GO_ON, [...values, known.size, Buffer.from(known.root)]) : await db.named(BEGIN, values);
  return moved.length === 1;
};

/**
 * What speaks against a log. `fork`: two roots of one size. `rewritten`: `proof` shows that the newer tree has `foundRoot` at the older size.
 * `unexplained`: the request proved nothing, and the log's files do not explain it.
 */
export type AlarmKind = 'fork' | 'rewritten' | 'unexplained';
export type Alarm = {
  readonly kind: AlarmKind;
  readonly known: WitnessedRow;
  readonly size: number;
  readonly root: Hash;
  readonly note: string;
  readonly foundRoot: Hash | null;
  readonly proof: readonly Hash[];
};
/** Open alarms that are kept of each kind and log. */
export const MAX_ALARMS = 50;
const ALARM: Named = {
  name: 'witness_alarm',
  text: `INSERT INTO audit.witness_alarm (city, origin, kind, known_size, known_root, known_note, size, root, note, found_root, proof)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
    WHERE (SELECT count(*) FROM audit.witness_alarm a WHERE a.city = $1 AND a.origin = $2 AND a.kind = $3 AND a.closed_at IS NULL) < ${MAX_ALARMS}
    ON CONFLICT (city, origin, kind, known_size, size, root) WHERE closed_at IS NULL DO NOTHING RETURNING city`,
};
/** Keeps what speaks against a log; false where the same is kept already and not closed, or so many are. */
export const saveAlarm = async (
  tx: Transaction,
  city: string,
  { kind, known, size, root, note, foundRoot, proof }: Alarm,
): Promise<boolean> => {
  const saved = await tx.named(ALARM, [
    city,
    known.origin,
    kind,
    known.size,
    Buffer.from(known.root),
    known.note,
    size,
    Buffer.from(root),
    note,
    foundRoot && Buffer.from(foundRoot),
    Buffer.concat(proof),
  ]);
  return saved.length === 1;
};

export type AlarmCount = { readonly origin: string; readonly kind: AlarmKind; readonly count: number };
const COUNT: Named = {
  name: 'witness_alarms',
  text: `SELECT origin, kind, count(*)::int AS count FROM audit.witness_alarm WHERE city = $1 AND closed_at IS NULL
    GROUP BY origin, kind ORDER BY origin, kind`,
};
/** How much a witness keeps against each log that nobody closed. A replica may answer. */
export const countAlarms = async (db: CityDatabase): Promise<AlarmCount[]> => (await db.read<AlarmCount>(COUNT, [db.city.code])).rows;

/** An alarm as it is kept. `closed` says who is answerable for closing it, as which user of a machine, why, and the id of the entry that tells of it. */
export type KeptAlarm = Alarm & {
  /** Its number in its city. */
  readonly id: string;
  readonly city: string;
  readonly at: Date;
  /** The last earlier alarm of the same two notes, which was closed; null where there is none. */
  readonly again: string | null;
  readonly closed: {
    readonly at: Date;
    readonly by: string;
    readonly user: string;
    readonly reason: string;
    readonly event: string;
  } | null;
};
const KEPT: Named = {
  name: 'witness_alarms_kept',
  text: `SELECT a.id::text, a.city, a.at, a.origin, a.kind, a.known_size::text AS "knownSize", a.known_root AS "knownRoot", a.known_note AS "knownNote", a.size::text,
      a.root, a.note, a.found_root AS "foundRoot", a.proof, a.closed_at AS "closedAt", a.closed_by AS "closedBy", a.closed_user AS "closedUser",
      a.closed_reason AS "closedReason", a.closed_event AS "closedEvent",
      (SELECT max(b.id) FROM audit.witness_alarm b WHERE (b.city, b.origin, b.kind, b.known_size, b.size, b.root) = (a.city, a.origin, a.kind, a.known_size, a.size, a.root)
        AND b.id < a.id)::text AS again
    FROM audit.witness_alarm a WHERE a.city = $1 AND ($2::bigint IS NULL OR a.id = $2) ORDER BY a.id`,
};
/** What a city, as a witness, keeps against logs, oldest first, closed ones too; or the one with this number. */
export const readAlarms = async (db: CityDatabase, id: string | null = null): Promise<KeptAlarm[]> => {
  type Row = Pick<KeptAlarm, 'id' | 'city' | 'at' | 'kind' | 'again' | 'note'> & {
    readonly [name in 'origin' | 'knownSize' | 'knownNote' | 'size']: string;
  } & { readonly [name in 'closedBy' | 'closedUser' | 'closedReason' | 'closedEvent']: string | null } & {
    readonly [name in 'knownRoot' | 'root' | 'proof']: Buffer;
  } & { readonly foundRoot: Buffer | null; readonly closedAt: Date | null };
  const hashesOf = (proof: Buffer): Hash[] =>
    Array.from({ length: proof.length / HASH_BYTES }, (_none, i) => new Uint8Array(proof.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)));
  return (await db.named<Row>(KEPT, [db.city.code, id])).map((row) => ({
    id: row.id,
    city: row.city,
    at: row.at,
    kind: row.kind,
    known: { origin: row.origin, size: Number(row.knownSize), root: new Uint8Array(row.knownRoot), note: row.knownNote },
    size: Number(row.size),
    root: new Uint8Array(row.root),
    note: row.note,
    foundRoot: row.foundRoot && new Uint8Array(row.foundRoot),
    proof: hashesOf(row.proof),
    again: row.again,
    closed:
      row.closedAt === null
        ? null
        : {
            at: row.closedAt,
            by: row.closedBy ?? '',
            user: row.closedUser ?? '',
            reason: row.closedReason ?? '',
            event: row.closedEvent ?? '',
          },
  }));
};

const CLOSE: Named = {
  name: 'witness_alarm_close',
  text: `SELECT audit.close_witness_alarm($1, $2, $3, $4, $5, $6, $7::timestamptz, $8::bytea, $9::bytea, $10::bytea) AS closed`,
};
/**
 * Closes an alarm and writes the entry that tells of it, in one transaction; false where it is closed or unknown, and then neither. For the role
 * `sequencer` alone.
 */
export const saveClosing = async (
  db: CityDatabase,
  id: string,
  { by, user, reason }: { readonly by: string; readonly user: string; readonly reason: string },
  entry: {
    readonly eventId: string;
    readonly recordedAt: Date;
    readonly actorTag: Uint8Array | null;
    readonly sealed: Uint8Array;
    readonly body: Uint8Array;
  },
): Promise<boolean> => {
  const { eventId, recordedAt, actorTag, sealed, body } = entry;
  const frozen = [eventId, recordedAt, actorTag && Buffer.from(actorTag), Buffer.from(sealed), Buffer.from(body)];
  return (await db.named<{ closed: boolean }>(CLOSE, [db.city.code, id, by, user, reason, ...frozen]))[0]?.closed === true;
};
