import DataLoader from 'dataloader';
import type { Caller } from '#platform/access/viewer.ts';
import { appendAuditMany } from '#platform/audit/append-many.ts';
import { Outcome } from '#platform/audit/event.ts';
import type { Cities } from '#platform/database/cities.ts';
import { type CityDatabase, type Reader, readingOf } from '#platform/database/city-database.ts';
import { ForbiddenError, NotFoundError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { decide } from '#policy/decide.ts';
import type { Account } from '../domain/account.ts';
import type { Coverage, Practitioner, SeenPatient, Sight } from '../domain/patient.ts';
import { findAccounts } from '../store/account-store.ts';
import { type FoundPatient, findCoverages, findPatients, hashRecord } from '../store/patient-store.ts';
import { findPractitioners } from '../store/practitioner-store.ts';
import { toEvent } from './audit.ts';

/** A patient and the field of the graph that asks for them. `act` coverage shows the patient to those alone who may see the whole record. */
export type PatientKey = { readonly id: string; readonly act: string };

/** The act of whoever asks for a coverage. */
const COVERAGE = 'coverage';

/** Made per request; each thing is read, judged and audited once. */
export type Loaders = {
  /** A patient as the viewer may see them. `NotFoundError` for one who is not there or may not be seen: same statements, same answer. */
  readonly patient: DataLoader<PatientKey, SeenPatient, string>;
  /** A practitioner. `NotFoundError` where there is none. */
  readonly practitioner: DataLoader<string, Practitioner>;
  /** A coverage of a patient whose whole record the viewer may see; else `NotFoundError`. */
  readonly coverage: DataLoader<string, Coverage>;
  readonly account: DataLoader<string, Account | null>;
  /** The same to be shown and not decided from: a replica may answer. */
  readonly shownAccount: DataLoader<string, Account | null>;
  /** Audits, once a patient, that a field beyond the name was asked for; always `ForbiddenError`. */
  readonly refuseField: DataLoader<string, never>;
};

/** What the viewer may see of a found patient; null: nothing. */
export const sightOf = (caller: Caller, id: string, city: string, { record, relation }: FoundPatient): Sight | null => {
  if (!record) return null;
  const resource = { patientId: id, patientCity: city, relation };
  if (decide(caller.viewer, { action: 'patient:read', resource }).allow) return 'full';
  return decide(caller.viewer, { action: 'patient:read-name', resource }).allow ? 'name' : null;
};

/** An id of a kind that no record has; asked in place of what is no id, so that nonsense costs what a missing record costs. */
const nobody = (city: string, kind: string): string => `${city}-${kind}-${'0'.repeat(26)}`;

/** Groups ids by the city that keeps them (the caller's own, under an id that nobody has, where they name none) and asks each city once. */
const byCity = async <K, V>(
  cities: Cities,
  fallback: string,
  kind: string,
  keys: readonly K[],
  idOf: (key: K) => string,
  ask: (db: CityDatabase, ids: readonly string[], keys: readonly K[]) => Promise<readonly (V | Error)[]>,
): Promise<(V | Error)[]> => {
  const groups = new Map<string, { ids: string[]; keys: K[]; places: number[] }>();
  keys.forEach((key, place) => {
    const id = idOf(key);
    const named = cityOfId(id, kind);
    const known = named !== null && cities.find(named) !== null;
    const city = known ? named : fallback;
    const group = groups.get(city) ?? { ids: [], keys: [], places: [] };
    group.ids.push(known ? id : nobody(fallback, kind));
    group.keys.push(key);
    group.places.push(place);
    groups.set(city, group);
  });
  const answers = new Array<V | Error>(keys.length);
  await Promise.all(
    [...groups].map(async ([city, group]) => {
      try {
        const values = await ask(cities.of(city), group.ids, group.keys);
        group.places.forEach((place, i) => {
          answers[place] = values[i] ?? new NotFoundError();
        });
      } catch (error) {
        for (const place of group.places) answers[place] = error as Error;
      }
    }),
  );
  return answers;
};

export const makeLoaders = (cities: Cities, caller: Caller): Loaders => {
  const { viewer } = caller;
  const home = viewer && cities.find(viewer.city) ? viewer.city : (cities.codes[0] ?? '');
  const relationOf = { practitionerId: viewer?.practitionerId ?? null, city: viewer?.city ?? '' };

  const seePatients = async (db: CityDatabase, ids: readonly string[], keys: readonly PatientKey[]): Promise<(SeenPatient | Error)[]> => {
    const city = db.city.code;
    const distinct = [...new Set(ids)];
    const reading = readingOf(db);
    const found = new Map((await findPatients(reading, distinct, relationOf)).map((patient, i) => [distinct[i], patient]));
    const asOf = reading.staleAsOf();
    const seen = ids.map((id, i): SeenPatient | null => {
      const patient = found.get(id);
      if (!patient?.record) return null;
      const sight = sightOf(caller, id, city, patient);
      if (sight === null || (sight !== 'full' && keys[i]?.act === COVERAGE)) return null;
      return { id, record: patient.record, sight, asOf };
    });
    await appendAuditMany(
      db,
      seen.map((patient, i) => {
        const patientId = ids[i] ?? null;
        const act = keys[i]?.act ?? 'patient';
        return toEvent(caller, {
          city,
          act,
          patientId,
          ...(patient
            ? { outcome: Outcome.SUCCESS, entities: [{ kind: 'Patient', id: patientId, sha256: hashRecord(patient.record) }] }
            : { outcome: Outcome.DENIED, reason: 'NOT_FOUND', entities: [{ kind: 'Patient', id: patientId }] }),
        });
      }),
    );
    return seen.map((patient) => patient ?? new NotFoundError());
  };
  const patient = new DataLoader<PatientKey, SeenPatient, string>(
    async (keys) => {
      if (!viewer) return keys.map(() => new UnauthenticatedError());
      return byCity(cities, home, 'pat', keys, ({ id }) => id, seePatients);
    },
    { cacheKeyFn: ({ id, act }) => `${act}\n${id}`, maxBatchSize: 500 },
  );
  const coverage = new DataLoader<string, Coverage>(async (ids) => {
    if (!viewer) return ids.map(() => new UnauthenticatedError());
    const rows = await byCity<string, { readonly coverage: Coverage; readonly patientId: string }>(
      cities,
      home,
      'cov',
      ids,
      (id) => id,
      async (db, wanted) => (await findCoverages(readingOf(db), wanted)).map((each) => each ?? new NotFoundError()),
    );
    return Promise.all(
      rows.map(async (row, i) => {
        if (row instanceof Error && !(row instanceof NotFoundError)) return row;
        const city = cityOfId(ids[i] ?? '', 'cov') ?? home;
        try {
          // A coverage that is not there is asked for with a patient who is not there: the same work.
          const owner = await patient.load({ id: row instanceof Error ? nobody(city, 'pat') : row.patientId, act: COVERAGE });
          return row instanceof Error || owner.sight !== 'full' ? new NotFoundError() : row.coverage;
        } catch (error) {
          return error as Error;
        }
      }),
    );
  });
  const accountsOf = (ask: (db: CityDatabase) => Reader) =>
    new DataLoader<string, Account | null>(async (ids) => {
      const rows = await byCity<string, Account>(
        cities,
        home,
        'acc',
        ids,
        (id) => id,
        async (db, wanted) => (await findAccounts(ask(db), wanted)).map((each) => each ?? new NotFoundError()),
      );
      return rows.map((row) => (row instanceof NotFoundError ? null : row));
    });
  return {
    patient,
    coverage,
    practitioner: new DataLoader<string, Practitioner>(async (ids) => {
      if (!viewer) return ids.map(() => new UnauthenticatedError());
      return byCity<string, Practitioner>(
        cities,
        home,
        'prc',
        ids,
        (id) => id,
        async (db, wanted) => (await findPractitioners(db, wanted)).map((each) => each ?? new NotFoundError()),
      );
    }),
    account: accountsOf((db) => db),
    shownAccount: accountsOf(readingOf),
    refuseField: new DataLoader<string, never>(async (ids) =>
      byCity<string, never>(
        cities,
        home,
        'pat',
        ids,
        (id) => id,
        async (db, wanted) => {
          const events = wanted.map((id) =>
            toEvent(caller, {
              city: db.city.code,
              act: 'patient',
              outcome: Outcome.DENIED,
              reason: 'FORBIDDEN',
              patientId: id,
              entities: [{ kind: 'Patient', id }],
            }),
          );
          await appendAuditMany(db, events);
          return wanted.map(() => new ForbiddenError());
        },
      ),
    ),
  };
};
