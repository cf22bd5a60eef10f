import { createHash } from 'node:crypto';
import { type CryptoKey, importJWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { SigningKey } from '#platform/config/secrets.ts';
import type { RoleCode, Viewer } from './viewer.ts';

/** Life of an access token in seconds. */
export const TOKEN_SECONDS = 600;
const ISSUER = 'caregraph';
const AUDIENCE = 'caregraph-graph';
const TYPE = 'at+jwt';
const ALGORITHM = 'EdDSA';
/** Longer tokens than ours are refused unread. */
const MAX_LENGTH = 2_048;

export type PublicKey = { readonly kid: string; readonly publicJwk: Readonly<Record<string, string>> };

const importKey = async (jwk: Readonly<Record<string, string>>): Promise<CryptoKey> => (await importJWK(jwk, ALGORITHM)) as CryptoKey;

/** Signs access tokens (RFC 9068 shape, Ed25519). */
export const makeTokenSigner = async (key: SigningKey) => {
  const secret = await importKey(key.privateJwk);
  return (viewer: Omit<Viewer, 'expiresAt'>, seconds: number = TOKEN_SECONDS): Promise<string> => {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({
      rol: viewer.role,
      cty: viewer.city,
      sid: viewer.sessionId,
      ...(viewer.patientId === null ? {} : { pat: viewer.patientId }),
      ...(viewer.practitionerId === null ? {} : { prc: viewer.practitionerId }),
    })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: key.kid })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(viewer.accountId)
      .setIssuedAt(now)
      .setExpirationTime(now + seconds)
      .sign(secret);
  };
};

const ROLES = new Set<unknown>(['P', 'D', 'A', 'U']);
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const toViewer = (payload: JWTPayload): Viewer | null => {
  const { sub, exp } = payload;
  const city = text(payload['cty']);
  const sessionId = text(payload['sid']);
  if (!sub || !exp || !city || !sessionId || !ROLES.has(payload['rol'])) return null;
  return {
    accountId: sub,
    role: payload['rol'] as RoleCode,
    city,
    patientId: text(payload['pat']),
    practitionerId: text(payload['prc']),
    sessionId,
    expiresAt: exp,
  };
};

/**
 * Checks access tokens against a fixed set of keys: EdDSA alone, our type, issuer and audience; `jku`, `jwk`, `x5u`, `crit` change nothing
 * and nothing is fetched. Null for whatever is wrong, without saying what. Good tokens are remembered until they end.
 */
export const makeTokenVerifier = async (keys: readonly PublicKey[]) => {
  const byKid = new Map(await Promise.all(keys.map(async ({ kid, publicJwk }) => [kid, await importKey(publicJwk)] as const)));
  const known = new LRUCache<string, Viewer>({ max: 10_000 });
  return async (token: string): Promise<Viewer | null> => {
    if (token.length > MAX_LENGTH) return null;
    const digest = createHash('sha256').update(token).digest('base64');
    const seen = known.get(digest);
    if (seen) return seen.expiresAt * 1000 > Date.now() ? seen : null;
    try {
      const { payload, protectedHeader } = await jwtVerify(
        token,
        (header) => {
          const key = typeof header.kid === 'string' ? byKid.get(header.kid) : undefined;
          if (!key) throw new Error('unknown key');
          return key;
        },
        {
          algorithms: [ALGORITHM],
          typ: TYPE,
          issuer: ISSUER,
          audience: AUDIENCE,
          requiredClaims: ['sub', 'iat', 'exp'],
          maxTokenAge: TOKEN_SECONDS,
          clockTolerance: 0,
        },
      );
      if (protectedHeader.crit !== undefined || protectedHeader.b64 === false) return null;
      if (typeof payload.exp !== 'number' || typeof payload.iat !== 'number' || payload.exp - payload.iat > TOKEN_SECONDS) return null;
      // Ours are written by JSON.stringify: another text of the same claims (a name twice) is not ours.
      if (Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() !== JSON.stringify(payload)) return null;
      const viewer = toViewer(payload);
      if (viewer) known.set(digest, viewer);
      return viewer;
    } catch {
      return null;
    }
  };
};
export type TokenVerifier = Awaited<ReturnType<typeof makeTokenVerifier>>;
export type TokenSigner = Awaited<ReturnType<typeof makeTokenSigner>>;
