import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { type Cities, fanOut } from '#platform/database/cities.ts';
import { type Connection, type CursorCodec, pageSize, toConnection } from '#platform/paging/connection.ts';
import { ForbiddenError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { decide } from '#policy/decide.ts';
import type { SeenEvent } from '../domain/audit-event.ts';
import { checkFilter, type EventFilterInput } from '../domain/event-filter.ts';
import { mergeNewest, type Positions } from '../domain/merge-newest.ts';
import { findEntries } from '../store/entry-store.ts';
import { toReadingEvent } from './audit-reading.ts';
import { leafHash, readEntry } from './read-entry.ts';

export type FindEventsArgs = {
  readonly filter?: EventFilterInput | null;
  readonly first?: number | null;
  readonly after?: string | null;
};
export type EventPage = Connection<SeenEvent> & {
  readonly cityStates: readonly {
    readonly city: string;
    readonly state: 'COMPLETE' | 'STALE' | 'UNAVAILABLE';
    readonly asOf: Date | null;
  }[];
};

const ACT = 'auditEvents';

/**
 * Audit events of all cities, newest first; for auditors. The reading, with the events it showed, is recorded in the auditor's own city
 * before anything is shown. Throws `UnauthenticatedError`, `ForbiddenError` (recorded as well), `BadInputError`, `AuditUnavailableError`.
 */
export const makeFindEvents =
  (cities: Cities, cursors: CursorCodec) =>
  async (caller: Caller, { filter: input, first, after }: FindEventsArgs): Promise<EventPage> => {
    const { viewer } = caller;
    if (viewer === null) throw new UnauthenticatedError();
    const own = cities.of(viewer.city);
    if (!decide(viewer, { action: 'audit:read' }).allow) {
      await appendAudit(
        own,
        toReadingEvent(caller, viewer, { city: viewer.city, act: ACT, outcome: Outcome.DENIED, reason: 'FORBIDDEN', entities: [] }),
      );
      throw new ForbiddenError();
    }
    const size = pageSize(first);
    const { city, filter } = checkFilter(input ?? {}, cities.codes);
    const scope = JSON.stringify([ACT, viewer.accountId, city, filter]);
    const from: Positions = typeof after === 'string' ? cursors.decode(scope, after) : {};

    const asked = city === null ? cities.all : [cities.of(city)];
    const parts = await fanOut(asked, async (db) => {
      const { rows, staleAsOf } = await findEntries(db, filter, from[db.city.code], size + 1);
      return { value: rows, staleAsOf };
    });
    const merged = mergeNewest(
      parts.map(({ value }) => value ?? []),
      from,
      size + 1,
    );
    const shown = merged.slice(0, size);
    await appendAudit(
      own,
      toReadingEvent(caller, viewer, {
        city: viewer.city,
        act: ACT,
        outcome: Outcome.SUCCESS,
        patientId: filter.patientId ?? null,
        entities: shown.map(({ entry }) => ({ kind: 'AuditEvent', id: entry.eventId, sha256: leafHash(entry) })),
      }),
    );
    const events = merged.map(({ entry, positions }) => ({ event: readEntry(entry), positions }));
    const page = toConnection(events, size, ({ positions }) => cursors.encode(scope, positions), typeof after === 'string');
    return {
      edges: page.edges.map(({ cursor, node }) => ({ cursor, node: node.event })),
      nodes: page.nodes.map(({ event }) => event),
      pageInfo: page.pageInfo,
      cityStates: parts.map((part) => ({ city: part.city, state: part.state, asOf: part.asOf })),
    };
  };
