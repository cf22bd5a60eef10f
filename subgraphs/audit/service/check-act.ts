import { fanOut } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { BadInputError } from '#platform/pure/faults.ts';
import { ACTS } from '#schema/events/acts.ts';
import { nearestActs } from '../domain/nearest-acts.ts';
import { holdsAct } from '../store/entry-store.ts';

/**
 * Refuses an act that nobody writes and that no log of the asked cities holds, so that a slip of the pen does not read as if nothing had happened. An act of
 * an older release stands in a log; a city that does not answer may hold it, and the answer says that it did not. Throws `BadInputError`.
 */
export const checkAct = async (asked: readonly CityDatabase[], act: string | undefined): Promise<void> => {
  if (act === undefined || ACTS.includes(act)) return;
  const parts = await fanOut(asked, async (db) => {
    const { rows, staleAsOf } = await holdsAct(db, act);
    return { value: rows[0]?.held === true, staleAsOf };
  });
  if (parts.some(({ value }) => value !== false)) return;
  const near = nearestActs(act, ACTS);
  throw new BadInputError(
    'filter.act',
    `is no act that is known or stands in a log; ${near.length > 0 ? `near are ${near.join(', ')}` : 'docs/audit-log.md lists all'}`,
  );
};
