import { appendAuditIn } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { rotateToken } from '../store/session-store.ts';
import { appendHappening, toEvent } from './audit.ts';
import type { Parts } from './parts.ts';
import type { Request } from './request.ts';
import { cityOfToken, makeRefreshToken, type OpenSession, sha256, toSession } from './sessions.ts';

/**
 * Changes a refresh token for the next pair. A token that was used before ends the session and all that came from it, and is audited
 * as such. Null: unknown, used, or ended, one answer for all.
 */
export const makeRefreshSession =
  (parts: Parts) =>
  async ({ caller, loaders }: Request, refreshToken: string): Promise<OpenSession | null> => {
    const { cities } = parts;
    const named = cityOfToken(refreshToken);
    // What is no token of a city is recorded where a login under no city's name is.
    const city = named !== null && cities.find(named) ? named : ([...cities.codes].sort()[0] ?? '');
    const db = cities.of(city);
    const next = makeRefreshToken(city);
    const act = { city, act: 'refreshSession' };
    const rotation = await db.transaction(async (tx) => {
      const done = await rotateToken(tx, city, sha256(refreshToken), next.tokenHash);
      if (done.kind !== 'unknown') {
        const entities = [
          { kind: 'Session', id: done.sessionId },
          { kind: 'Account', id: done.accountId },
        ];
        const ending =
          done.kind === 'rotated'
            ? { outcome: Outcome.SUCCESS, ...(done.role === null ? {} : { actor: { role: done.role, city, accountId: done.accountId } }) }
            : { outcome: Outcome.REFUSED, reason: 'RefreshTokenReused' };
        await appendAuditIn(tx, toEvent(caller, { ...act, ...ending, entities }));
      }
      return done;
    });
    if (rotation.kind === 'unknown') {
      await appendHappening(cities, caller, { ...act, outcome: Outcome.REFUSED, reason: 'InvalidRefreshToken' });
      return null;
    }
    if (rotation.kind === 'reused') return null;
    const account = await loaders.account.load(rotation.accountId);
    return account && toSession(parts, account, rotation.sessionId, next.refreshToken);
  };
