import type { Viewer } from '#platform/access/viewer.ts';
import { AuditUnavailableError } from '#platform/audit/append.ts';
import { appendAuditMany } from '#platform/audit/append-many.ts';
import { Outcome } from '#platform/audit/event.ts';
import { fanOut } from '#platform/database/cities.ts';
import { readingOf } from '#platform/database/city-database.ts';
import { pageSize, toConnection } from '#platform/paging/connection.ts';
import { BadInputError } from '#platform/pure/faults.ts';
import { cleanLine } from '#platform/pure/text.ts';
import { decide } from '#policy/decide.ts';
import { searchWords } from '../domain/check-patient.ts';
import type { SeenPatient } from '../domain/patient.ts';
import { parseRamq } from '../domain/ramq.ts';
import { hashRecord, type PatientHit, type SearchReach, searchPatients } from '../store/patient-store.ts';
import { appendHappening, toEvent } from './audit.ts';
import { sightOf } from './loaders.ts';
import { requireViewer } from './own-patient.ts';
import { type CitiesPage, mergeParts, type NamePosition, toCityStates } from './page-of-cities.ts';
import type { Parts } from './parts.ts';
import type { Request } from './request.ts';

type Maybe<T> = T | null | undefined;
export type PatientFilter = {
  readonly name?: Maybe<string>;
  readonly birthDate?: Maybe<string>;
  readonly identifier?: Maybe<string>;
  readonly city?: Maybe<string>;
};

/** Whom of a city's patients this viewer may find. Null: nobody. */
const reachIn = (viewer: Viewer, city: string): SearchReach | null => {
  if (decide(viewer, { action: 'patient:search', resource: { city } }).allow) return 'whole-city';
  if (viewer.role === 'P') return viewer.city === city && viewer.patientId !== null ? 'own-record' : null;
  if (viewer.role === 'D') return viewer.practitionerId === null ? null : 'in-care';
  return viewer.role === 'A' ? 'visiting' : null;
};

/**
 * A page of the patients that the viewer may see, of all cities or one, by folded family name, then id. Each one shown is audited.
 * A city that does not answer, or cannot take the audit entries, costs its own rows alone.
 */
export const makeSearchPatients =
  (parts: Parts) =>
  async (
    request: Request,
    filter: PatientFilter,
    first: number | null | undefined,
    after: string | null | undefined,
  ): Promise<CitiesPage<SeenPatient>> => {
    const { cities, cursors } = parts;
    const { caller } = request;
    const viewer = requireViewer(request);
    const size = pageSize(first);
    const words = typeof filter.name === 'string' ? searchWords('filter.name', filter.name) : [];
    const identifier = typeof filter.identifier === 'string' ? cleanLine('filter.identifier', filter.identifier, 200) : null;
    const birthDate = filter.birthDate ?? null;
    if (typeof filter.city === 'string' && !cities.find(filter.city))
      throw new BadInputError('filter.city', `is no city; send one of ${cities.codes.join(', ')}`);
    const scope = JSON.stringify(['patients', viewer.accountId, viewer.role, words, birthDate, identifier, filter.city ?? null]);
    const from = typeof after === 'string' ? cursors.decode<NamePosition>(scope, after) : null;

    const reaches = new Map<string, SearchReach>();
    for (const { city } of cities.all) {
      const reach = reachIn(viewer, city.code);
      if (reach && (!filter.city || filter.city === city.code)) reaches.set(city.code, reach);
    }
    if (reaches.size === 0)
      await appendHappening(cities, caller, { city: viewer.city, act: 'patients', outcome: Outcome.DENIED, reason: 'NOT_FOUND' });
    const answers = await fanOut(
      cities.all.filter(({ city }) => reaches.has(city.code)),
      async (db) => {
        const reach = reaches.get(db.city.code) ?? 'own-record';
        // Of a visiting patient the name alone is shown, so nothing else can be looked for.
        if (reach === 'visiting' && (birthDate !== null || identifier !== null)) return { value: [], staleAsOf: null };
        const search = {
          reach,
          patientId: viewer.patientId,
          words,
          birthDate,
          identifier: identifier === null ? null : (parseRamq(identifier) ?? identifier),
          after: from,
          limit: size + 1,
        };
        const reading = readingOf(db);
        const value = await searchPatients(reading, { practitionerId: viewer.practitionerId, city: viewer.city }, search);
        return { value, staleAsOf: reading.staleAsOf() };
      },
    );
    const seen = mergeParts<PatientHit>(answers, ({ familyFold, record }) => ({ family: familyFold, id: record.id }));
    const page = seen.slice(0, size);
    const silent = new Set<string>();
    const answered = answers.filter(({ state }) => state !== 'UNAVAILABLE').map(({ city }) => city);
    const teller = answered.includes(viewer.city) ? viewer.city : answered[0];
    // That nobody was found is told as well, and recorded once.
    if (page.length === 0 && teller !== undefined)
      await appendHappening(cities, caller, { city: teller, act: 'patients', outcome: Outcome.SUCCESS });
    await Promise.all(
      [...reaches.keys()].map(async (city) => {
        const shown = page.filter(({ record }) => record.city === city);
        const events = shown.map(({ record }) =>
          toEvent(caller, {
            city,
            act: 'patients',
            outcome: Outcome.SUCCESS,
            patientId: record.id,
            entities: [{ kind: 'Patient', id: record.id, sha256: hashRecord(record) }],
          }),
        );
        try {
          await appendAuditMany(cities.of(city), events);
        } catch (error) {
          if (!(error instanceof AuditUnavailableError)) throw error;
          silent.add(city);
        }
      }),
    );
    const states = toCityStates(answers).map((state) =>
      silent.has(state.city) ? { city: state.city, state: 'UNAVAILABLE' as const, asOf: null } : state,
    );
    const rows = seen.flatMap(({ record, relation, familyFold }) => {
      const sight = silent.has(record.city) ? null : sightOf(caller, record.id, record.city, { record, relation });
      return sight
        ? [{ id: record.id, record, sight, familyFold, asOf: states.find(({ city }) => city === record.city)?.asOf ?? null }]
        : [];
    });
    const cursorOf = ({ id, familyFold }: { id: string; familyFold: string }) => cursors.encode(scope, { family: familyFold, id });
    return { ...toConnection(rows, size, cursorOf, from !== null), cityStates: states };
  };
