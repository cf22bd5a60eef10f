import { createHash, randomBytes } from 'node:crypto';
import { TOKEN_SECONDS } from '#platform/access/token.ts';
import type { Transaction } from '#platform/database/city-database.ts';
import { newId } from '#platform/database/new-id.ts';
import type { Account } from '../domain/account.ts';
import { insertSession } from '../store/session-store.ts';
import type { Parts } from './parts.ts';

/** A pair of tokens for an account. `refreshToken` begins with the city that keeps its hash. */
export type OpenSession = {
  readonly token: string;
  readonly refreshToken: string;
  readonly expiresAt: Date;
  readonly account: Account;
};
export type NewToken = { readonly refreshToken: string; readonly tokenHash: Buffer };

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** A fresh refresh token: the city's code and 32 random bytes. The database gets its SHA-256 alone. */
export const makeRefreshToken = (city: string): NewToken => {
  const refreshToken = `${city}.${randomBytes(32).toString('base64url')}`;
  return { refreshToken, tokenHash: sha256(refreshToken) };
};

const FORM = /^([A-Z]{3})\.[A-Za-z0-9_-]{43}$/;
/** City of a refresh token; null when it is none. */
export const cityOfToken = (refreshToken: string): string | null => FORM.exec(refreshToken)?.[1] ?? null;

/** Signs an access token for a session of an account and puts the answer together. */
export const toSession = async (
  { signToken, clock }: Pick<Parts, 'signToken' | 'clock'>,
  account: Account,
  sessionId: string,
  refreshToken: string,
): Promise<OpenSession> => {
  const expiresAt = Math.floor(clock().getTime() / 1000 + TOKEN_SECONDS);
  const viewer = {
    accountId: account.id,
    role: account.role,
    city: account.city,
    patientId: account.role === 'P' ? account.patientId : null,
    practitionerId: account.role === 'D' ? account.practitionerId : null,
    sessionId,
  };
  return {
    token: await signToken(viewer),
    refreshToken,
    expiresAt: new Date(expiresAt * 1000),
    account: { ...account, viewer: { ...viewer, expiresAt } },
  };
};

/**
 * Opens a session inside the transaction that decided on it; the tokens are worth something once it commits. Null: the account has changed
 * since it was read.
 */
export const openSession = async (
  tx: Transaction,
  { id: accountId, city, username }: Account,
): Promise<{ readonly sessionId: string; readonly refreshToken: string } | null> => {
  const { refreshToken, tokenHash } = makeRefreshToken(city);
  const sessionId = newId(city, 'ses');
  return (await insertSession(tx, { city, id: sessionId, accountId, username, tokenHash })) ? { sessionId, refreshToken } : null;
};
