import type { CityConfig } from '#platform/config/city.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import { openCities } from '#platform/database/cities.ts';
import type { Subjects } from '#platform/subjects/open-subjects.ts';
import { seedDemoPatients } from './patients.ts';
import { demoPractitioners } from './people.ts';
import { seedDemoSlots } from './slots.ts';

/** Making passwords takes the processor for seconds; whoever seeds has time. */
const SEED_MS = 30_000;

/**
 * The demo population: generated, the same on every machine, in every city. Done again it adds only what is missing, among it the
 * slots of days that have come within two weeks of `now`. Never called in production.
 */
export const seedDemo = async (settings: {
  readonly cities: readonly CityConfig[];
  readonly secrets: Secrets;
  readonly subjects: Pick<Subjects, 'of'>;
  readonly password: string;
  readonly now: Date;
}): Promise<void> => {
  const { secrets, now, password } = settings;
  const patients = openCities(settings.cities, {
    role: 'patients',
    password: secrets.databasePasswords.patients,
    subjects: settings.subjects,
    connectTimeoutMs: SEED_MS,
    statementTimeoutMs: SEED_MS,
  });
  const scheduling = openCities(settings.cities, {
    role: 'scheduling',
    password: secrets.databasePasswords.scheduling,
    subjects: settings.subjects,
    connectTimeoutMs: SEED_MS,
    statementTimeoutMs: SEED_MS,
  });
  try {
    await seedDemoPatients({ cities: patients, password });
    const practitioners = Object.fromEntries(patients.codes.map((code) => [code, demoPractitioners(code)]));
    await seedDemoSlots({ cities: scheduling, practitioners, now });
  } finally {
    await Promise.all([patients.stop(), scheduling.stop()]);
  }
};
