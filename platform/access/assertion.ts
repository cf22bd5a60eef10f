import { type CryptoKey, importJWK, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { SigningKey } from '#platform/config/secrets.ts';
import type { PublicKey } from './token.ts';
import type { Viewer } from './viewer.ts';

/** Header in which the gateway tells a subgraph who asks. */
export const ASSERTION_HEADER = 'x-caregraph-assertion';
export const REQUEST_ID_HEADER = 'x-request-id';
export const ADDRESS_HEADER = 'x-caregraph-address';
export const ORIGIN_HEADER = 'x-caregraph-origin';
/** Beside a transfer whose address was made in a session that was ended. */
export const SESSION_ENDED_HEADER = 'x-caregraph-session-ended';

const ALGORITHM = 'EdDSA';
const TYPE = 'caregraph-assertion+jwt';
const ISSUER = 'caregraph-gateway';
/** Life of an assertion in seconds (ASVS 4.1.3). */
const SECONDS = 30;
/** A signed assertion is used again for this long, so that its signature is not paid at each request. */
const REUSE_MS = 15_000;

/** Tells `subgraph` who asks: signed by the gateway, bound to that subgraph, valid for 30 s. */
export const makeAsserter = async (key: SigningKey) => {
  const secret = (await importJWK(key.privateJwk, ALGORITHM)) as CryptoKey;
  const ready = new LRUCache<string, Promise<string>>({ max: 20_000, ttl: REUSE_MS });
  return (subgraph: string, viewer: Viewer | null): Promise<string> => {
    const slot = `${subgraph}\n${viewer ? `${viewer.sessionId}\n${viewer.accountId}\n${viewer.role}\n${viewer.expiresAt}` : ''}`;
    const made = ready.get(slot);
    if (made) return made;
    const now = Math.floor(Date.now() / 1000);
    const assertion = new SignJWT({ viewer })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: key.kid })
      .setIssuer(ISSUER)
      .setAudience(subgraph)
      .setIssuedAt(now)
      .setExpirationTime(now + SECONDS)
      .sign(secret);
    ready.set(slot, assertion);
    return assertion;
  };
};
export type Asserter = Awaited<ReturnType<typeof makeAsserter>>;

/** Checks assertions made for `subgraph`. Null for whatever is wrong; `{ viewer: null }` where nobody is logged in. */
export const makeAssertionVerifier = async (subgraph: string, keys: readonly PublicKey[]) => {
  const byKid = new Map(
    await Promise.all(keys.map(async ({ kid, publicJwk }) => [kid, (await importJWK(publicJwk, ALGORITHM)) as CryptoKey] as const)),
  );
  const known = new LRUCache<string, { readonly viewer: Viewer | null; readonly until: number }>({ max: 20_000 });
  return async (assertion: string | undefined): Promise<{ readonly viewer: Viewer | null } | null> => {
    if (assertion === undefined || assertion.length > 4_096) return null;
    const seen = known.get(assertion);
    if (seen) return seen.until > Date.now() ? seen : null;
    try {
      const { payload } = await jwtVerify(
        assertion,
        (header) => {
          const key = typeof header.kid === 'string' ? byKid.get(header.kid) : undefined;
          if (!key) throw new Error('unknown key');
          return key;
        },
        { algorithms: [ALGORITHM], typ: TYPE, issuer: ISSUER, audience: subgraph, requiredClaims: ['iat', 'exp'], maxTokenAge: SECONDS },
      );
      const answer = { viewer: (payload['viewer'] as Viewer | null | undefined) ?? null, until: (payload.exp ?? 0) * 1000 };
      known.set(assertion, answer);
      return answer;
    } catch {
      return null;
    }
  };
};
export type AssertionVerifier = Awaited<ReturnType<typeof makeAssertionVerifier>>;
