import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { ConfigurationError, readMigrationConfig } from '#platform/config/env.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import { readCommandLine } from './usage.ts';

const HELP = `Usage: npm run migrate [-- --city CODE] [--json]

Brings the databases of all cities of the setting CITIES up to date, as the role migrator (MIGRATOR_DB_PASSWORD). Cities are taken one after
the other; what ran stays, and a second run changes nothing.

  --city CODE   this city alone
  --json        one line of JSON per city
  --help        this text

Exit: 0 all cities are up to date, 1 some are not, 2 the settings cannot be used.`;

/** What became of one city. `ran`: the files that ran now, `schema/name`. */
type CityResult = { readonly city: string; readonly ran: readonly string[] } | { readonly city: string; readonly error: string };

const migrate = async (): Promise<number> => {
  const { values } = readCommandLine(HELP, { city: { type: 'string' }, json: { type: 'boolean', default: false } });
  const { cities, password } = readMigrationConfig();
  const chosen = values.city === undefined ? cities : cities.filter(({ code }) => code === values.city);
  if (chosen.length === 0) throw new ConfigurationError([`--city: CITIES has no such city`]);
  const tell = (result: CityResult): void => {
    if (values.json) console.log(JSON.stringify(result));
    else if ('error' in result) console.error(`${result.city}: ${result.error}`);
    else console.log(`${result.city}: ${result.ran.length === 0 ? 'up to date' : `ran ${result.ran.join(', ')}`}`);
  };
  let failed = 0;
  for (const city of chosen) {
    try {
      tell({ city: city.code, ran: await migrateCity(city, { user: 'migrator', password, folder: MIGRATIONS, schemas: SCHEMAS }) });
    } catch (error) {
      failed++;
      tell({ city: city.code, error: error instanceof Error ? error.message : String(error) });
    }
  }
  return failed === 0 ? 0 : 1;
};

if (import.meta.main) {
  try {
    process.exitCode = await migrate();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  }
}
