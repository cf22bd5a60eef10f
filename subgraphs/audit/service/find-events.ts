import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { type Cities, fanOut } from '#platform/database/cities.ts';
import { type Connection, type CursorCodec, pageSize, toConnection } from '#platform/paging/connection.ts';
import { ForbiddenError, NotFoundError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { decide } from '#policy/decide.ts';
import { forPatient, type SeenEvent } from '../domain/audit-event.ts';
import { checkFilter, type EventFilter, type EventFilterInput } from '../domain/event-filter.ts';
import { mergeNewest, type Positions } from '../domain/merge-newest.ts';
import { findEntries } from '../store/entry-store.ts';
import { toReadingEvent } from './audit-reading.ts';
import { checkAct } from './check-act.ts';
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

type Page = { readonly first?: number | null; readonly after?: string | null };
/** A list to be read: who reads it under which name, and what is in it. `show` is what the reader sees of an event. */
type Asked = Page & {
  readonly act: string;
  readonly city: string | null;
  readonly filter: EventFilter;
  readonly show: (event: SeenEvent) => SeenEvent;
};

/** Reads a page of all cities, or of one, and records it in the reader's own city before anything is shown. */
const makeReadPage =
  (cities: Cities, cursors: CursorCodec) =>
  async (caller: Caller, viewer: Viewer, { act, city, filter, show, first, after }: Asked): Promise<EventPage> => {
    const size = pageSize(first);
    const scope = JSON.stringify([act, viewer.accountId, city, filter]);
    const from: Positions = typeof after === 'string' ? cursors.decode(scope, after) : {};
    const asked = city === null ? cities.all : [cities.of(city)];
    const reading = fanOut(asked, async (db) => {
      const { rows, staleAsOf } = await findEntries(db, filter, from[db.city.code], size + 1);
      return { value: rows, staleAsOf };
    });
    const [parts] = await Promise.all([reading, checkAct(asked, filter.act)]);
    const merged = mergeNewest(
      parts.map(({ value }) => value ?? []),
      from,
      size + 1,
    );
    const shown = merged.slice(0, size);
    await appendAudit(
      cities.of(viewer.city),
      toReadingEvent(caller, viewer, {
        city: viewer.city,
        act,
        outcome: Outcome.SUCCESS,
        patientId: filter.patientId ?? null,
        entities: shown.map(({ entry }) => ({ kind: 'AuditEvent', id: entry.eventId, sha256: leafHash(entry) })),
      }),
    );
    const events = merged.map(({ entry, positions }) => ({ event: show(readEntry(entry, cities.of(entry.city).subjects)), positions }));
    const page = toConnection(events, size, ({ positions }) => cursors.encode(scope, positions), typeof after === 'string');
    return {
      edges: page.edges.map(({ cursor, node }) => ({ cursor, node: node.event })),
      nodes: page.nodes.map(({ event }) => event),
      pageInfo: page.pageInfo,
      cityStates: parts.map((part) => ({ city: part.city, state: part.state, asOf: part.asOf })),
    };
  };

/**
 * Audit events of all cities, newest first; for auditors. The reading, with the events it showed, is recorded in the auditor's own city
 * before anything is shown. Throws `UnauthenticatedError`, `ForbiddenError` (recorded as well), `BadInputError`, `AuditUnavailableError`.
 */
export const makeFindEvents = (cities: Cities, cursors: CursorCodec) => {
  const act = 'auditEvents';
  const readPage = makeReadPage(cities, cursors);
  return async (caller: Caller, { filter: input, ...paging }: FindEventsArgs): Promise<EventPage> => {
    const { viewer } = caller;
    if (viewer === null) throw new UnauthenticatedError();
    if (!decide(viewer, { action: 'audit:read' }).allow) {
      const denied = { city: viewer.city, act, outcome: Outcome.DENIED, reason: 'FORBIDDEN', entities: [] };
      await appendAudit(cities.of(viewer.city), toReadingEvent(caller, viewer, denied));
      throw new ForbiddenError();
    }
    pageSize(paging.first);
    return readPage(caller, viewer, { ...checkFilter(input ?? {}, cities.codes), ...paging, act, show: (event) => event });
  };
};

/**
 * What was done with a patient's record, in all cities, newest first; for the patient and for auditors. Recorded like any reading. To others it
 * looks like a patient that is not there: `NotFoundError`, recorded at the patient's home. Throws `UnauthenticatedError`, `BadInputError`,
 * `AuditUnavailableError`.
 */
export const makeFindTrail = (cities: Cities, cursors: CursorCodec) => {
  const act = 'Patient.auditTrail';
  const readPage = makeReadPage(cities, cursors);
  return async (caller: Caller, patientId: string, paging: Page): Promise<EventPage> => {
    const { viewer } = caller;
    if (viewer === null) throw new UnauthenticatedError();
    const home = cityOfId(patientId, 'pat');
    const isKnown = home !== null && cities.find(home) !== null;
    if (!isKnown || !decide(viewer, { action: 'audit:read-trail', resource: { patientId } }).allow) {
      const at = isKnown ? home : viewer.city;
      const denied = { city: at, act, outcome: Outcome.DENIED, reason: 'NOT_FOUND', patientId: isKnown ? patientId : null, entities: [] };
      await appendAudit(cities.of(at), toReadingEvent(caller, viewer, denied));
      throw new NotFoundError();
    }
    const show = (event: SeenEvent): SeenEvent => (viewer.role === 'U' ? event : forPatient(event, patientId));
    return readPage(caller, viewer, { ...paging, act, city: null, filter: { patientId }, show });
  };
};
