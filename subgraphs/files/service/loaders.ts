import DataLoader from 'dataloader';
import type { Caller } from '#platform/access/viewer.ts';
import { appendAuditMany } from '#platform/audit/append-many.ts';
import type { Cities } from '#platform/database/cities.ts';
import { type CityDatabase, readingOf } from '#platform/database/city-database.ts';
import { NotFoundError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { decide, NO_RELATION } from '#policy/decide.ts';
import type { FileVersion, MedicalFile } from '../domain/file.ts';
import { type Debt, findDebts, findFiles, findVersions } from '../store/file-store.ts';
import { fileEntity, Outcome, toEvent } from './acts.ts';

/** A file and the field of the graph that asks for it. */
export type FileKey = { readonly id: string; readonly act: string };
/** A version of a file, by number. */
export type VersionKey = { readonly fileId: string; readonly version: number };

/** Made per request of the gateway; each thing is read, judged and audited once. */
export type Loaders = {
  /** A file as the viewer may see it. `NotFoundError` for one that is not there or may not be seen: same statement, same answer. */
  readonly file: DataLoader<FileKey, MedicalFile, string>;
  /** A version of a file that the viewer was shown; `NotFoundError` where it is gone. Not audited: whoever shows its content does that. */
  readonly version: DataLoader<VersionKey, FileVersion, string>;
  /** What stores are owed of a blob, or hold damaged. */
  readonly debts: DataLoader<{ readonly city: string; readonly blobId: string }, readonly Debt[], string>;
};

/** An id that no file has; asked in place of what is no id, so that nonsense costs what a missing file costs. */
const nobody = (city: string): string => `${city}-fil-${'0'.repeat(26)}`;

/** Asks each city once for its keys, and gives every key its own answer: a value or its city's failure. */
const byCity = async <K, V>(
  cities: Cities,
  keys: readonly K[],
  cityOf: (key: K) => string,
  ask: (db: CityDatabase, keys: readonly K[]) => Promise<readonly (V | Error)[]>,
): Promise<(V | Error)[]> => {
  const groups = Map.groupBy(keys.entries(), ([, key]) => cityOf(key));
  const answers = new Array<V | Error>(keys.length);
  await Promise.all(
    [...groups].map(async ([city, group]) => {
      try {
        const values = await ask(
          cities.of(city),
          group.map(([, key]) => key),
        );
        group.forEach(([place], i) => {
          answers[place] = values[i] ?? new NotFoundError();
        });
      } catch (error) {
        for (const [place] of group) answers[place] = error as Error;
      }
    }),
  );
  return answers;
};

export const makeLoaders = (cities: Cities, caller: Caller): Loaders => {
  const { viewer } = caller;
  const fallback = viewer && cities.find(viewer.city) ? viewer.city : (cities.codes[0] ?? '');
  /** City that keeps an id of a file; the caller's own for what is no id. */
  const keeperOf = (id: string): string | null => {
    const city = cityOfId(id, 'fil');
    return city !== null && cities.find(city) ? city : null;
  };

  const seeFiles = async (db: CityDatabase, keys: readonly FileKey[]): Promise<(MedicalFile | Error)[]> => {
    const city = db.city.code;
    const ids = keys.map(({ id }) => (keeperOf(id) === null ? nobody(city) : id));
    const reading = readingOf(db);
    const found = new Map(
      (await findFiles(reading, [...new Set(ids)], viewer?.practitionerId ?? null)).map((each) => [each.file.id, each]),
    );
    const asOf = reading.staleAsOf();
    const seen = ids.map((id): MedicalFile | null => {
      const each = found.get(id);
      if (!each) return null;
      const { file, inCare, granted } = each;
      const resource = { patientId: file.patientId, patientCity: city, relation: { ...NO_RELATION, inCare, granted } };
      return decide(viewer, { action: 'file:read', resource }).allow ? (asOf ? { ...file, asOf } : file) : null;
    });
    await appendAuditMany(
      db,
      keys.map(({ id, act }, i) => {
        const file = seen[i];
        const hidden = found.get(ids[i] ?? '')?.file;
        return toEvent(
          caller,
          file
            ? { city, act, outcome: Outcome.SUCCESS, patientId: file.patientId, entities: [fileEntity(file)] }
            : {
                city,
                act,
                outcome: hidden ? Outcome.DENIED : Outcome.REFUSED,
                reason: 'NOT_FOUND',
                patientId: hidden?.patientId ?? null,
                entities: [{ kind: 'MedicalFile', id: keeperOf(id) === null ? null : id }],
              },
        );
      }),
    );
    return seen.map((file) => file ?? new NotFoundError());
  };

  return {
    file: new DataLoader<FileKey, MedicalFile, string>(
      async (keys) => {
        if (!viewer) return keys.map(() => new UnauthenticatedError());
        return byCity(cities, keys, ({ id }) => keeperOf(id) ?? fallback, seeFiles);
      },
      { cacheKeyFn: ({ id, act }) => `${act}\n${id}`, maxBatchSize: 500 },
    ),
    version: new DataLoader<VersionKey, FileVersion, string>(
      async (keys) =>
        byCity<VersionKey, FileVersion>(
          cities,
          keys,
          ({ fileId }) => keeperOf(fileId) ?? fallback,
          async (db, wanted) => {
            const rows = new Map((await findVersions(readingOf(db), wanted)).map((row) => [`${row.fileId} ${row.version}`, row]));
            return wanted.map(({ fileId, version }) => rows.get(`${fileId} ${version}`) ?? new NotFoundError());
          },
        ),
      { cacheKeyFn: ({ fileId, version }) => `${fileId} ${version}`, maxBatchSize: 500 },
    ),
    debts: new DataLoader<{ readonly city: string; readonly blobId: string }, readonly Debt[], string>(
      async (keys) =>
        byCity<{ readonly city: string; readonly blobId: string }, readonly Debt[]>(
          cities,
          keys,
          ({ city }) => city,
          async (db, wanted) => {
            const rows = Map.groupBy(
              await findDebts(
                readingOf(db),
                wanted.map(({ blobId }) => blobId),
              ),
              ({ blobId }) => blobId,
            );
            return wanted.map(({ blobId }) => rows.get(blobId) ?? []);
          },
        ),
      { cacheKeyFn: ({ blobId }) => blobId, maxBatchSize: 500 },
    ),
  };
};
