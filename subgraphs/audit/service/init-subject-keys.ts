import type { CityConfig } from '#platform/config/city.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import type { SubjectsConfig } from '#platform/config/subjects.ts';
import { openCities } from '#platform/database/cities.ts';
import { initSubjects } from '#platform/subjects/open-subjects.ts';
import { holdsSealed } from '../store/entry-store.ts';

/**
 * Makes the first subject keys of each city that has none, and tells which. Throws `ConfigurationError` where keys are missing that a city's log
 * was sealed with, and `CityUnavailableError` where that cannot be asked.
 */
export const initSubjectKeys = async (settings: {
  readonly cities: readonly CityConfig[];
  readonly secrets: { readonly databasePasswords: Pick<Secrets['databasePasswords'], 'audit'> };
  readonly subjects: SubjectsConfig;
}): Promise<string[]> => {
  const cities = openCities(settings.cities, { role: 'audit', password: settings.secrets.databasePasswords.audit, maxConnections: 1 });
  try {
    return await initSubjects(settings.subjects, cities.codes, (city) => holdsSealed(cities.of(city)));
  } finally {
    await cities.stop();
  }
};
