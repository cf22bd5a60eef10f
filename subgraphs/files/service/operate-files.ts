import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { BadInputError, ForbiddenError } from '#platform/pure/faults.ts';
import { decide } from '#policy/decide.ts';
import { Outcome, toEvent } from './acts.ts';
import { requireViewer } from './admit-upload.ts';
import type { Parts } from './parts.ts';

/**
 * The city whose files a caller may operate: an admin's own. Throws `UnauthenticatedError`, `ForbiddenError` (audited at the caller's
 * city) and `BadInputError` for a code that is no city.
 */
export const requireOperator = async (
  { cities }: Pick<Parts, 'cities'>,
  caller: Caller,
  act: string,
  city: string,
): Promise<CityDatabase> => {
  const viewer = requireViewer(caller);
  if (!decide(viewer, { action: 'file:operate', resource: { city } }).allow) {
    const home = cities.of(viewer.city);
    await appendAudit(home, toEvent(caller, { city: viewer.city, act, outcome: Outcome.DENIED, reason: 'FORBIDDEN' }));
    throw new ForbiddenError();
  }
  const db = cities.find(city);
  if (!db) throw new BadInputError('city', 'is no city of the network');
  return db;
};
