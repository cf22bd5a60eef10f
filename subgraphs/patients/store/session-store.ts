import type { RoleCode } from '#platform/access/viewer.ts';
import type { CityDatabase, Named, Transaction } from '#platform/database/city-database.ts';
import { FORGET_CLAIMS } from './claim-store.ts';

/** Life of a refresh token and the longest life of a session, as SQL intervals. */
const REFRESH_LIFE = `interval '12 hours'`;
const SESSION_LIFE = `interval '7 days'`;

const INSERT_SESSION: Named = {
  name: 'session_insert',
  text: `WITH a AS (SELECT city, id FROM patients.account WHERE city = $1 AND id = $3 AND username = $5 FOR SHARE),
    s AS (
      INSERT INTO patients.session (city, id, account_id, expires_at) SELECT city, $2, id, now() + ${SESSION_LIFE} FROM a RETURNING city, id)
    INSERT INTO patients.refresh_token (city, token_sha256, session_id, expires_at)
    SELECT city, $4, id, now() + ${REFRESH_LIFE} FROM s RETURNING session_id`,
};
/**
 * Opens a session with its first refresh token (by SHA-256). False: the account is gone or has another name by now, which is to say another
 * role; who changes that ends the sessions there are, and waits for one that is being opened.
 */
export const insertSession = async (
  tx: Transaction,
  session: {
    readonly city: string;
    readonly id: string;
    readonly accountId: string;
    readonly username: string;
    readonly tokenHash: Buffer;
  },
): Promise<boolean> =>
  (await tx.named(INSERT_SESSION, [session.city, session.id, session.accountId, session.tokenHash, session.username])).length > 0;

/** One statement uses the token up: of two that come at once one gets the row. */
const USE_TOKEN: Named = {
  name: 'refresh_token_use',
  text: `UPDATE patients.refresh_token t SET used_at = now() FROM patients.session s
    WHERE t.city = $1 AND t.token_sha256 = $2 AND t.used_at IS NULL AND t.expires_at > now()
      AND s.city = $1 AND s.id = t.session_id AND s.revoked_at IS NULL AND s.expires_at > now()
    RETURNING s.id AS "sessionId", s.account_id AS "accountId",
      (SELECT a.role FROM patients.account a WHERE a.city = $1 AND a.id = s.account_id) AS role`,
};
const ADD_TOKEN: Named = {
  name: 'refresh_token_add',
  text: `INSERT INTO patients.refresh_token (city, token_sha256, session_id, expires_at)
    SELECT s.city, $3, s.id, least(s.expires_at, now() + ${REFRESH_LIFE}) FROM patients.session s WHERE s.city = $1 AND s.id = $2`,
};
/** A used token that is not past its end: ends the session and everything that came from it. */
const KILL_FAMILY: Named = {
  name: 'refresh_token_reused',
  text: `UPDATE patients.session s SET revoked_at = coalesce(s.revoked_at, now()) FROM patients.refresh_token t
    WHERE t.city = $1 AND t.token_sha256 = $2 AND t.used_at IS NOT NULL AND s.city = $1 AND s.id = t.session_id
    RETURNING s.id AS "sessionId", s.account_id AS "accountId"`,
};
export type SessionOwner = { readonly sessionId: string; readonly accountId: string };
export type Rotation =
  /** `role` is null where the account is gone. */
  | ({ readonly kind: 'rotated'; readonly role: RoleCode | null } & SessionOwner)
  | ({ readonly kind: 'reused' } & SessionOwner)
  | { readonly kind: 'unknown' };

/** Uses a refresh token up and puts the next one in its place; a token used before ends its session. */
export const rotateToken = async (tx: Transaction, city: string, tokenHash: Buffer, nextHash: Buffer): Promise<Rotation> => {
  const [used] = await tx.named<SessionOwner & { readonly role: RoleCode | null }>(USE_TOKEN, [city, tokenHash]);
  if (used) {
    await tx.named(ADD_TOKEN, [city, used.sessionId, nextHash]);
    return { kind: 'rotated', ...used };
  }
  const [reused] = await tx.named<SessionOwner>(KILL_FAMILY, [city, tokenHash]);
  return reused ? { kind: 'reused', ...reused } : { kind: 'unknown' };
};

/** A session that only its token knows of is written as ended, so that the token ends as well. */
const REVOKE: Named = {
  name: 'session_revoke',
  text: `INSERT INTO patients.session AS s (city, id, account_id, expires_at, revoked_at) VALUES ($1, $2, $3, now(), now())
    ON CONFLICT ON CONSTRAINT session_pk DO UPDATE SET revoked_at = coalesce(s.revoked_at, now())`,
};
export const revokeSession = async (tx: Transaction, city: string, sessionId: string, accountId: string): Promise<void> => {
  await tx.named(REVOKE, [city, sessionId, accountId]);
};

/** Ends all sessions of an account, for TypeORM's `manager.query`: $1 city, $2 account. */
export const REVOKE_ALL_SQL = 'UPDATE patients.session SET revoked_at = now() WHERE city = $1 AND account_id = $2 AND revoked_at IS NULL';

const REVOKED: Named = {
  name: 'sessions_revoked',
  text: `SELECT id FROM patients.session WHERE city = $1 AND revoked_at > now() - interval '11 minutes'`,
};
/** Sessions ended in the last 11 minutes: an access token lives 10. */
export const findRevoked = async (db: CityDatabase): Promise<string[]> =>
  (await db.named<{ id: string }>(REVOKED, [db.city.code])).map(({ id }) => id);

const FORGET: readonly Named[] = [
  FORGET_CLAIMS,
  { name: 'login_attempts_old', text: `DELETE FROM patients.login_attempt WHERE city = $1 AND window_start < now() - interval '1 hour'` },
  {
    name: 'sessions_old',
    text: `DELETE FROM patients.session WHERE city = $1 AND expires_at < now() - interval '1 hour'
      AND (revoked_at IS NULL OR revoked_at < now() - interval '1 hour')`,
  },
];
/** Takes away what nobody can ask for any more: ended sessions with their tokens, old tries to log in, claims left behind. */
export const forgetEnded = async (db: CityDatabase): Promise<void> => {
  for (const statement of FORGET) await db.named(statement, [db.city.code]);
};
