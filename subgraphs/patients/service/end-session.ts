import { appendAuditIn } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { fanOut } from '#platform/database/cities.ts';
import { UnauthenticatedError } from '#platform/pure/faults.ts';
import { findRevoked, revokeSession } from '../store/session-store.ts';
import { toEvent } from './audit.ts';
import type { Parts } from './parts.ts';
import type { Request } from './request.ts';

/** Ends the caller's session, with every token that came from it. Null when the account is gone. */
export const makeLogout =
  ({ cities }: Parts) =>
  async ({ caller, viewer, loaders }: Request): Promise<{ readonly username: string }> => {
    if (!viewer) throw new UnauthenticatedError();
    const { city, sessionId, accountId } = viewer;
    const account = await loaders.account.load(accountId);
    if (!account) throw new UnauthenticatedError();
    await cities.of(city).transaction(async (tx) => {
      await revokeSession(tx, city, sessionId, accountId);
      const entities = [{ kind: 'Session', id: sessionId }];
      await appendAuditIn(tx, toEvent(caller, { city, act: 'logout', outcome: Outcome.SUCCESS, patientId: viewer.patientId, entities }));
    });
    return { username: account.username };
  };

/** Ids of sessions that were ended while access tokens of theirs may still live, of every city that answers. */
export const makeFindRevokedSessions =
  ({ cities }: Parts) =>
  async (): Promise<string[]> => {
    const parts = await fanOut(cities.all, async (db) => ({ value: await findRevoked(db), staleAsOf: null }));
    return parts.flatMap(({ value }) => value ?? []);
  };
