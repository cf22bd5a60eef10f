import type { CityDatabase, Named, Reader, Transaction } from '#platform/database/city-database.ts';
import type { Account } from '../domain/account.ts';
import type { RoleCode } from '../domain/username.ts';

type Row = { id: string; username: string; role: RoleCode; patient_id: string | null; practitioner_id: string | null };
const COLUMNS = 'a.id, a.username, a.role, a.patient_id, a.practitioner_id';
const toAccount = (city: string, row: Row): Account => ({
  id: row.id,
  city,
  username: row.username,
  role: row.role,
  patientId: row.patient_id,
  practitionerId: row.practitioner_id,
});

/** How many tries to log in may fail within the window, by name and address, before every further one is refused. */
const MAX_FAILED = 5;
/**
 * Counts the try before the password is looked at, so that tries at once cannot outrun the count, and finds the account in the same
 * statement: a name that does not exist costs the same. A success takes its count back (`openSession`).
 */
const LOGIN: Named = {
  name: 'login',
  text: `WITH attempt AS (
      INSERT INTO patients.login_attempt AS t (city, username_sha256, address_sha256, failed) VALUES ($1, $2, $3, 1)
      ON CONFLICT ON CONSTRAINT login_attempt_pk DO UPDATE SET
        failed = CASE WHEN t.window_start <= now() - interval '1 minute' THEN 1 ELSE t.failed + 1 END,
        window_start = CASE WHEN t.window_start <= now() - interval '1 minute' THEN now() ELSE t.window_start END
      RETURNING failed)
    SELECT attempt.failed, ${COLUMNS}, a.password_hash FROM attempt LEFT JOIN patients.account a ON a.city = $1 AND a.username = $4`,
};
export type LoginTry = {
  /** Too many tries failed within the minute: the password is not looked at. */
  readonly locked: boolean;
  readonly found: { readonly account: Account; readonly passwordHash: string } | null;
};

/** Begins a try to log in: counts it and finds the account. Hashes are SHA-256. */
export const beginLogin = async (db: CityDatabase, username: string, nameHash: Buffer, addressHash: Buffer): Promise<LoginTry> => {
  const city = db.city.code;
  const [row] = await db.named<Omit<Row, 'id'> & { failed: number; id: string | null; password_hash: string }>(LOGIN, [
    city,
    nameHash,
    addressHash,
    username,
  ]);
  if (!row) throw new Error('a try to log in was not counted');
  const { id } = row;
  return {
    locked: row.failed > MAX_FAILED,
    found: id === null ? null : { account: toAccount(city, { ...row, id }), passwordHash: row.password_hash },
  };
};

const FORGET_ATTEMPT: Named = {
  name: 'login_attempt_forget',
  text: 'DELETE FROM patients.login_attempt WHERE city = $1 AND username_sha256 = $2 AND address_sha256 = $3',
};
/** Takes the count of failed tries back after a success. */
export const forgetAttempts = async (tx: Transaction, city: string, nameHash: Buffer, addressHash: Buffer): Promise<void> => {
  await tx.named(FORGET_ATTEMPT, [city, nameHash, addressHash]);
};

const BY_IDS: Named = {
  name: 'accounts_by_ids',
  text: `SELECT ${COLUMNS} FROM patients.account a WHERE a.city = $1 AND a.id = ANY ($2::text[])`,
};
/** Accounts by id, in the order of `ids`; null where there is none. */
export const findAccounts = async (db: Reader, ids: readonly string[]): Promise<(Account | null)[]> => {
  const rows = await db.named<Row>(BY_IDS, [db.city.code, ids]);
  const byId = new Map(rows.map((row) => [row.id, toAccount(db.city.code, row)]));
  return ids.map((id) => byId.get(id) ?? null);
};

const NEXT_NUMBER: Named = {
  name: 'username_next',
  text: `INSERT INTO patients.username_sequence AS s (city, role, next) VALUES ($1, $2, $3::integer + 1)
    ON CONFLICT ON CONSTRAINT username_sequence_pk DO UPDATE SET next = s.next + 1 RETURNING next - 1 AS number`,
};
/** Takes the next number of a role's login names; the first one is `first`. */
export const takeNumber = async (tx: Transaction, city: string, role: RoleCode, first: number): Promise<number> => {
  const [row] = await tx.named<{ number: number }>(NEXT_NUMBER, [city, role, first]);
  if (!row) throw new Error('no number was given');
  return row.number;
};
/** The same for TypeORM's `manager.query`. */
export const NEXT_NUMBER_SQL = NEXT_NUMBER.text;

const INSERT_ACCOUNT: Named = {
  name: 'account_insert',
  text: `INSERT INTO patients.account (city, id, username, password_hash, role, patient_id, practitioner_id) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
};
export const insertAccount = async (tx: Transaction, account: Account, passwordHash: string): Promise<void> => {
  const { city, id, username, role, patientId, practitionerId } = account;
  await tx.named(INSERT_ACCOUNT, [city, id, username, passwordHash, role, patientId, practitionerId]);
};
