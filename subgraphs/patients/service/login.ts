import { appendAuditIn } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { codePoints, isUnfitText } from '#platform/pure/text.ts';
import { parseUsername } from '../domain/username.ts';
import { beginLogin, forgetAttempts } from '../store/account-store.ts';
import { appendHappening, type Happening, toEvent } from './audit.ts';
import type { Parts } from './parts.ts';
import type { Request } from './request.ts';
import { type OpenSession, openSession, sha256, toSession } from './sessions.ts';

export type LoginOutcome = { readonly kind: 'session'; readonly session: OpenSession } | { readonly kind: 'invalid' };

/** A name as the audit entry commits to it: whatever was sent, as long as it is text of sane length. */
const toAuditName = (username: string): string => (isUnfitText(username) || codePoints(username) > 100 ? '(not a name)' : username);

/**
 * Begins a session. One answer for a name that does not exist, a wrong password and too many tries; the first two also take the same
 * time: the same statements in a city's database and one hash. Throws `CityUnavailableError` while the account's city is down.
 */
export const makeLogin =
  (parts: Parts) =>
  async ({ caller }: Request, username: string, password: string): Promise<LoginOutcome> => {
    const { cities, passwords } = parts;
    const named = parseUsername(username)?.city;
    const city = named !== undefined && cities.find(named) ? named : ([...cities.codes].sort()[0] ?? '');
    const db = cities.of(city);
    const nameHash = sha256(username);
    const addressHash = sha256(caller.address);
    const { locked, found } = await beginLogin(db, named === undefined ? '' : username, nameHash, addressHash);
    const right = locked ? false : await passwords.matches(password, found?.passwordHash ?? null);
    const happening = {
      city,
      act: 'login',
      patientId: found?.account.patientId ?? null,
      entities: [{ kind: 'Account', id: found?.account.id ?? null }],
      values: { username: toAuditName(username) },
    } satisfies Partial<Happening>;
    const refuse = async (reason: string): Promise<LoginOutcome> => {
      await appendHappening(cities, caller, { ...happening, outcome: Outcome.REFUSED, reason });
      return { kind: 'invalid' };
    };
    if (!found || !right) return refuse(locked ? 'TooManyTries' : 'InvalidCredentials');
    const { account } = found;
    const actor = { role: account.role, city, accountId: account.id };
    const opened = await db.transaction(async (tx) => {
      const session = await openSession(tx, account);
      if (!session) return null;
      await forgetAttempts(tx, city, nameHash, addressHash);
      await appendAuditIn(tx, toEvent(caller, { ...happening, outcome: Outcome.SUCCESS, actor }));
      return session;
    });
    // Renamed or gone while the password was looked at: the name that was sent is nobody's any more.
    if (!opened) return refuse('InvalidCredentials');
    return { kind: 'session', session: await toSession(parts, account, opened.sessionId, opened.refreshToken) };
  };
