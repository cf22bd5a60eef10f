import type { Spools } from '#platform/audit/spool.ts';
import type { CityConfig } from '#platform/config/city.ts';
import type { SubjectKeys } from '#platform/subjects/subject-keys.ts';
import { type CityDatabase, type DatabaseOptions, openCityDatabase } from './city-database.ts';
import { CityUnavailableError, OverloadedError } from './errors.ts';

/** The databases of all cities, for one role. */
export type Cities = {
  /** Codes, in the order of configuration. */
  readonly codes: readonly string[];
  /** The database of a city; null for a code that is none. */
  readonly find: (code: string) => CityDatabase | null;
  /** The database of a city that exists. */
  readonly of: (code: string) => CityDatabase;
  readonly all: readonly CityDatabase[];
  readonly stop: () => Promise<void>;
};

/** Settings for all cities; `subjects` gives each city's keys, for roles that write or read audit entries. */
export type CitiesOptions = Omit<DatabaseOptions, 'subjects' | 'spool'> & {
  readonly subjects?: { readonly of: (city: string) => SubjectKeys };
  /** Those of this role; what waits in them is written as long as the databases are open. */
  readonly spools?: Pick<Spools, 'of' | 'drainInto'> | null;
};

export const openCities = (configs: readonly CityConfig[], { subjects, spools = null, ...options }: CitiesOptions): Cities => {
  const databases = new Map(
    configs.map((config) => [
      config.code,
      openCityDatabase(config, {
        ...options,
        ...(subjects ? { subjects: subjects.of(config.code) } : {}),
        ...(spools ? { spool: spools.of(config.code) } : {}),
      }),
    ]),
  );
  const stopDraining = spools?.drainInto([...databases.values()]);
  const find = (code: string): CityDatabase | null => databases.get(code) ?? null;
  return {
    codes: [...databases.keys()],
    find,
    of: (code) => {
      const database = find(code);
      if (!database) throw new Error(`no city ${code}`);
      return database;
    },
    all: [...databases.values()],
    stop: async () => {
      await stopDraining?.();
      await Promise.all([...databases.values()].map((database) => database.stop()));
    },
  };
};

/** What one city gave to an answer of many. */
export type CityPart<T> =
  | { readonly city: string; readonly state: 'COMPLETE'; readonly asOf: null; readonly value: T }
  | { readonly city: string; readonly state: 'STALE'; readonly asOf: Date; readonly value: T }
  | { readonly city: string; readonly state: 'UNAVAILABLE'; readonly asOf: null; readonly value: null };

/** Deadline of a question to all cities, in milliseconds; the answer has to be there within 2 s. */
export const FAN_OUT_MS = 1_500;

/**
 * Asks several cities at once. A city that is down or slower than the deadline costs its own part alone; other errors are thrown.
 * `ask` gives the value and, where a replica answered, since when it is stale.
 */
export const fanOut = async <T>(
  databases: readonly CityDatabase[],
  ask: (database: CityDatabase) => Promise<{ readonly value: T; readonly staleAsOf: Date | null }>,
  deadlineMs: number = FAN_OUT_MS,
): Promise<CityPart<T>[]> =>
  Promise.all(
    databases.map(async (database): Promise<CityPart<T>> => {
      const city = database.city.code;
      const missing = { city, state: 'UNAVAILABLE', asOf: null, value: null } as const;
      const { promise: deadline, resolve } = Promise.withResolvers<'late'>();
      const timer = setTimeout(() => resolve('late'), deadlineMs);
      const asked = ask(database);
      asked.catch(() => {}); // the deadline may win: the late failure has nobody left to hear it
      try {
        const answer = await Promise.race([asked, deadline]);
        if (answer === 'late') return missing;
        return answer.staleAsOf === null
          ? { city, state: 'COMPLETE', asOf: null, value: answer.value }
          : { city, state: 'STALE', asOf: answer.staleAsOf, value: answer.value };
      } catch (error) {
        if (error instanceof CityUnavailableError || error instanceof OverloadedError) return missing;
        throw error;
      } finally {
        clearTimeout(timer);
      }
    }),
  );
