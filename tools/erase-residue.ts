import { parseArgs } from 'node:util';
import { EmbeddedFailure } from '#embedded/failure.ts';
import { readNetwork } from '#embedded/read-network.ts';
import { loadSecrets } from '#embedded/secrets.ts';
import { SUPERUSER } from '#embedded/setup.ts';
import { ConfigurationError, readMigrationConfig, readStartConfig } from '#platform/config/env.ts';
import { ResidueKept, turnOver } from './erase-residue/turn-over.ts';
import { sayMisuse } from './usage.ts';

const HELP = `npm run erase-residue [-- --city CODE] [--patience SECONDS] [--json]

What was deleted stays in the files of PostgreSQL until it is written over. This writes every table but those of the audit log anew, with the statistics
about them, and waits until no node keeps write-ahead log from before. Run it after erasures, at a quiet hour: each table is locked while it is copied, and
needs as much room again. It may be broken off and begun again. Archived log and backups are not its matter: let them expire.

  --city CODE          this city alone
  --patience SECONDS   how long it waits for older transactions, for the lock of a table, and for the end of the old log; 300 unless you say so
  --json               one line of JSON per city
  --help               this text

Settings: DATA_DIR (.data) finds the running network; under NODE_ENV=production CITIES and MIGRATOR_DB_PASSWORD. There the role migrator needs more than
migrations do: GRANT pg_monitor, pg_checkpoint TO migrator; GRANT EXECUTE ON FUNCTION pg_switch_wal() TO migrator. And wal_recycle = off on every node.
Exit: 0 nothing is left, 1 something is kept, which it names, 2 the command line or the settings are wrong.
`;

const misuse = (reason: string): number => {
  console.error(`${reason}\n\n${HELP}`);
  return 2;
};
const readSettings = async () => {
  if (process.env['NODE_ENV'] === 'production') return { user: 'migrator', ...readMigrationConfig() };
  const { dataDir } = readStartConfig();
  const { cities } = await readNetwork(dataDir);
  return { cities, user: SUPERUSER, password: (await loadSecrets(dataDir, true)).superuserPassword };
};

const run = async (args: readonly string[]): Promise<number> => {
  const read = () =>
    parseArgs({
      args: [...args],
      options: {
        city: { type: 'string' },
        patience: { type: 'string', default: '300' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  let flags: ReturnType<typeof read>;
  try {
    flags = read();
  } catch (error) {
    return misuse(sayMisuse(error));
  }
  if (flags.help) {
    console.log(HELP);
    return 0;
  }
  if (!/^[1-9]\d{0,5}$/.test(flags.patience)) return misuse('--patience: is a number of seconds from 1 on.');
  let settings: Awaited<ReturnType<typeof readSettings>>;
  try {
    settings = await readSettings();
  } catch (error) {
    if (!(error instanceof ConfigurationError || error instanceof EmbeddedFailure)) throw error;
    console.error(error.message);
    return 2;
  }
  const { cities, user, password } = settings;
  const chosen = cities.filter(({ code }) => flags.city === undefined || code === flags.city);
  if (chosen.length === 0) return misuse('--city: there is no such city.');
  let code = 0;
  for (const city of chosen) {
    try {
      const onProgress = (sentence: string): void => {
        if (!flags.json) console.error(`${city.code}: ${sentence}`);
      };
      const done = await turnOver(city, { user, password, patienceMs: Number(flags.patience) * 1_000, onProgress });
      const { tables, nodes, segments } = done;
      console.log(
        flags.json
          ? JSON.stringify(done)
          : `${city.code}: ${tables} tables were written anew, and ${segments} segments of the log are gone from ${nodes} nodes`,
      );
    } catch (error) {
      code = 1;
      const isTold = error instanceof ResidueKept;
      const reason = isTold ? error.message : `a server refused or went away (${(error as { code?: string }).code ?? 'no code'})`;
      if (flags.json) console.log(JSON.stringify({ city: city.code, error: reason }));
      else console.error(`${city.code}: ${reason}`);
    }
  }
  return code;
};

process.exitCode = await run(process.argv.slice(2));
