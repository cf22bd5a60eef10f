import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import type { Cities } from '#platform/database/cities.ts';
import { NotFoundError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { decide } from '#policy/decide.ts';
import type { SeenEvent } from '../domain/audit-event.ts';
import { type EntryRow, findEntriesByIds } from '../store/entry-store.ts';
import { toReadingEvent } from './audit-reading.ts';
import { leafHash, readEntry } from './read-entry.ts';

const ACT = 'auditEvent';

/** Ids by the city that keeps them; ids of no city stand under null. */
const byCity = (cities: Cities, ids: readonly string[]): Map<string | null, string[]> => {
  const groups = new Map<string | null, string[]>();
  for (const id of ids) {
    const code = cityOfId(id, 'evt');
    const city = code !== null && cities.find(code) ? code : null;
    groups.set(city, [...(groups.get(city) ?? []), id]);
  }
  return groups;
};

/**
 * Audit events by id, at the place of each id an event or the error that stands for it: `NotFoundError` for what is not there and, with the
 * same work done, for whoever is no auditor; `CityUnavailableError`. Readings are recorded in the auditor's own city and denials in the
 * city of the id (else the viewer's), before anything is shown. Throws `UnauthenticatedError`, `AuditUnavailableError`.
 */
export const makeReadEvents = (cities: Cities) => {
  const readGroup = async (
    caller: Caller,
    viewer: Viewer,
    city: string | null,
    ids: readonly string[],
  ): Promise<Map<string, SeenEvent>> => {
    const rows: EntryRow[] = city === null ? [] : await findEntriesByIds(cities.of(city), ids);
    const found = new Map(rows.map((row) => [row.eventId, row]));
    const { allow } = decide(viewer, { action: 'audit:read' });
    const record = (at: string, outcome: Outcome, some: readonly string[], reason?: string): Promise<void> =>
      appendAudit(
        cities.of(at),
        toReadingEvent(caller, viewer, {
          city: at,
          act: ACT,
          outcome,
          ...(reason === undefined ? {} : { reason }),
          entities: some.map((id) => {
            const row = allow ? found.get(id) : undefined;
            // A text that is no id may be anything, so it is not kept.
            return { kind: 'AuditEvent', id: city === null ? null : id, ...(row ? { sha256: leafHash(row) } : {}) };
          }),
        }),
      );
    if (!allow) {
      await record(city ?? viewer.city, Outcome.DENIED, ids, 'NOT_FOUND');
      return new Map();
    }
    const missing = ids.filter((id) => !found.has(id));
    const present = ids.filter((id) => found.has(id));
    if (present.length > 0) await record(viewer.city, Outcome.SUCCESS, present);
    if (missing.length > 0) await record(viewer.city, Outcome.REFUSED, missing, 'NOT_FOUND');
    return new Map(present.flatMap((id) => found.get(id) ?? []).map((row) => [row.eventId, readEntry(row, cities.of(row.city).subjects)]));
  };
  return async (caller: Caller, ids: readonly string[]): Promise<(SeenEvent | Error)[]> => {
    const { viewer } = caller;
    if (viewer === null) throw new UnauthenticatedError();
    const answers = new Map<string, SeenEvent | Error>();
    await Promise.all(
      [...byCity(cities, ids)].map(async ([city, some]) => {
        try {
          for (const [id, event] of await readGroup(caller, viewer, city, some)) answers.set(id, event);
        } catch (error) {
          for (const id of some) answers.set(id, error instanceof Error ? error : new Error('a reading failed', { cause: error }));
        }
      }),
    );
    return ids.map((id) => answers.get(id) ?? new NotFoundError());
  };
};
