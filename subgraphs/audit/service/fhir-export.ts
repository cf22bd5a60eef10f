import { createHash } from 'node:crypto';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { type Cities, fanOut } from '#platform/database/cities.ts';
import type { CursorCodec } from '#platform/paging/connection.ts';
import { BadInputError, ForbiddenError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { toBase64 } from '#platform/tlog/bytes.ts';
import { hashLeaf } from '#platform/tlog/merkle.ts';
import { decide } from '#policy/decide.ts';
import type { SeenEvent } from '../domain/audit-event.ts';
import { checkFilter, type EventFilter, type EventFilterInput } from '../domain/event-filter.ts';
import { toFhirEvent } from '../domain/fhir-event.ts';
import { mergeNewest, type Positions } from '../domain/merge-newest.ts';
import { type EntryRow, findEntries } from '../store/entry-store.ts';
import { toReadingEvent } from './audit-reading.ts';
import { checkAct } from './check-act.ts';
import type { EventPage } from './find-events.ts';
import type { LogPosition, Prove } from './prove.ts';
import { leafHash, readEntry } from './read-entry.ts';

/** An event as a FHIR R4 AuditEvent in JSON, on one line. */
export const toFhirText = (event: SeenEvent, position: LogPosition | null): string =>
  JSON.stringify(toFhirEvent(event, position && { ...position, leafHash: toBase64(hashLeaf(Buffer.from(event.leaf, 'utf8'))) }));

/** Where events of one city stand in its log; nowhere as well where the log does not answer, as an event is whole without it. */
export const positionsOf = async (prove: Prove, city: string, ids: readonly string[]): Promise<readonly (LogPosition | null)[]> =>
  prove.locateEvents(city, ids).catch(() => ids.map(() => null));

export type ExportArgs = {
  readonly filter?: EventFilterInput | null;
  readonly limit?: number | null;
  readonly after?: string | null;
};
/** A part of an export: events as lines of JSON, newest first. */
export type ExportPage = {
  readonly ndjson: string;
  readonly count: number;
  readonly endCursor: string | null;
  readonly hasNextPage: boolean;
  readonly cityStates: EventPage['cityStates'];
};

const ACT = 'auditExport';
const MAX_EXPORT = 1_000;
const exportSize = (limit: number | null | undefined): number => {
  if (limit === undefined) return MAX_EXPORT / 2;
  if (limit === null || !Number.isInteger(limit) || limit < 1 || limit > MAX_EXPORT)
    throw new BadInputError('limit', `must be from 1 to ${MAX_EXPORT}`);
  return limit;
};

/** What was asked and how much was given, as one line; whom it was about stands in the entry's other places, where it can be erased. */
const toTitle = (city: string | null, { patientId: _patient, actorId: _actor, ...rest }: EventFilter, count: number): string =>
  JSON.stringify({ count, ...(city === null ? {} : { city }), ...rest });
/** SHA-256 over the SHA-256 of each leaf, hexadecimal: what was given, to the byte, and nothing personal. */
const hashOf = (rows: readonly EntryRow[]): string => {
  const hash = createHash('sha256');
  for (const row of rows) hash.update(leafHash(row), 'hex');
  return hash.digest('hex');
};

/**
 * Audit events of all cities in parts of up to 1,000, as lines of FHIR JSON; for auditors. A part is one act in the auditor's own city, recorded
 * before it is given: its filter, its first and last event and the hash of its leaves, from which the log itself tells which events it held.
 * Throws `UnauthenticatedError`, `ForbiddenError` (recorded as well), `BadInputError`, `AuditUnavailableError`.
 */
export const makeExportEvents = (cities: Cities, cursors: CursorCodec, prove: Prove) => {
  const record = (caller: Caller, viewer: Viewer, given: Omit<Parameters<typeof toReadingEvent>[2], 'city' | 'act'>): Promise<void> =>
    appendAudit(cities.of(viewer.city), toReadingEvent(caller, viewer, { city: viewer.city, act: ACT, ...given }));

  return async (caller: Caller, { filter: input, limit, after }: ExportArgs): Promise<ExportPage> => {
    const { viewer } = caller;
    if (viewer === null) throw new UnauthenticatedError();
    if (!decide(viewer, { action: 'audit:read' }).allow) {
      await record(caller, viewer, { outcome: Outcome.DENIED, reason: 'FORBIDDEN', entities: [] });
      throw new ForbiddenError();
    }
    const size = exportSize(limit);
    const { city, filter } = checkFilter(input ?? {}, cities.codes);
    const scope = JSON.stringify([ACT, viewer.accountId, city, filter]);
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
    const rows = shown.map(({ entry }) => entry);
    const ends = [rows.at(0), rows.length > 1 ? rows.at(-1) : undefined].filter((row) => row !== undefined);
    await record(caller, viewer, {
      outcome: Outcome.SUCCESS,
      patientId: filter.patientId ?? null,
      entities: [
        { kind: 'AuditExport', id: toTitle(city, filter, rows.length), sha256: hashOf(rows) },
        ...ends.map((row) => ({ kind: 'AuditEvent', id: row.eventId, sha256: leafHash(row) })),
        ...(filter.actorId === undefined ? [] : [{ kind: 'Account', id: filter.actorId }]),
      ],
    });
    const places = new Map<string, LogPosition | null>();
    for (const [code, some] of Map.groupBy(rows, ({ city: home }) => home)) {
      const ids = some.map(({ eventId }) => eventId);
      for (const [i, place] of (await positionsOf(prove, code, ids)).entries()) places.set(ids[i] ?? '', place);
    }
    const last = shown.at(-1);
    return {
      ndjson: rows.map((row) => `${toFhirText(readEntry(row, cities.of(row.city).subjects), places.get(row.eventId) ?? null)}\n`).join(''),
      count: rows.length,
      endCursor: last ? cursors.encode(scope, last.positions) : null,
      hasNextPage: merged.length > size,
      cityStates: parts.map((part) => ({ city: part.city, state: part.state, asOf: part.asOf })),
    };
  };
};
