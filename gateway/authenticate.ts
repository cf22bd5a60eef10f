import type { TokenVerifier } from '#platform/access/token.ts';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import type { Sessions } from './sessions.ts';

/** Who a credential says: a viewer, nobody (none was given), or `bad` where one was given that does not hold, for whatever reason. */
export type Authenticated = { readonly viewer: Viewer | null } | 'bad';

const NOBODY: Authenticated = { viewer: null };
const BEARER = /^Bearer +([A-Za-z0-9_.~+/=-]+) *$/i;

/** The one message for every credential that does not hold. */
export const BAD_TOKEN = 'The token does not hold. Log in again.';

/** Reads `Bearer …`, from a header or from the payload that opens a WebSocket. */
export const makeAuthenticator = (verify: TokenVerifier, sessions: Sessions) => {
  return async (authorization: unknown): Promise<Authenticated> => {
    if (authorization === undefined || authorization === null || authorization === '') return NOBODY;
    if (typeof authorization !== 'string') return 'bad';
    const token = BEARER.exec(authorization)?.[1];
    const viewer = token === undefined ? null : await verify(token);
    return viewer === null || sessions.isRevoked(viewer.sessionId) ? 'bad' : { viewer };
  };
};
export type Authenticator = ReturnType<typeof makeAuthenticator>;

/** Whether what a viewer was let in with still holds. */
export const stillHolds = (viewer: Viewer | null, sessions: Sessions): boolean =>
  viewer === null || (viewer.expiresAt * 1_000 > Date.now() && !sessions.isRevoked(viewer.sessionId));

/** The language of an `accept-language` header: the first of English and French by weight, English where neither is named. */
export const languageOf = (header: string | undefined): Caller['language'] => {
  if (!header || header.length > 200) return 'en';
  let [best, weight]: [Caller['language'], number] = ['en', 0];
  for (const part of header.split(',')) {
    const [tag = '', ...parameters] = part.trim().toLowerCase().split(';');
    const given = parameters.map((each) => /^\s*q=([\d.]+)\s*$/.exec(each)?.[1]).find((each) => each !== undefined);
    const quality = given === undefined ? 1 : Number(given);
    if (quality > weight && /^(?:fr|en)(?:-|$)/.test(tag)) [best, weight] = [tag.startsWith('fr') ? 'fr' : 'en', quality];
  }
  return best;
};
