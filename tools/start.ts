import path from 'node:path';
import { initSubjectKeys } from '#audit/service/init-subject-keys.ts';
import { findAccount } from '#embedded/account.ts';
import { seedDemo } from '#embedded/demo/seed.ts';
import { codeOf, toPlainFailure } from '#embedded/failure.ts';
import { EmbeddedFailure, type EmbeddedNetwork, startEmbeddedNetwork } from '#embedded/network.ts';
import { writeLogKeys } from '#embedded/secrets.ts';
import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { ConfigurationError, readStartConfig } from '#platform/config/env.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import { makeFolders } from '#platform/disk/make-folders.ts';
import { PortTaken, requireAddress } from '#platform/http/require-address.ts';
import { describeError, type Log, makeLog } from '#platform/observability/log.ts';
import { openSubjects } from '#platform/subjects/open-subjects.ts';
import { type App, startApp } from './app.ts';
import { onParentGone } from './parent.ts';
import { startProcesses } from './processes.ts';
import { readCommandLine } from './usage.ts';

const HELP = `npm start -- [--processes] [--help]

Starts the whole network on this machine: the databases of three cities, the four subgraphs and the gateway.
  --processes   each subgraph and the gateway in a process of its own
  --help        this text
Settings come from the environment (see .env.example): PORT (4000), HOST (127.0.0.1), DATA_DIR (.data), DEMO_PASSWORD.
One that is empty counts as left out. Ctrl-C stops everything; the data stays in DATA_DIR.
Exit: 0 it was stopped, 1 it could not be started, 2 the command line or a setting is wrong, and nothing was made.
`;

const startedAt = performance.now();
const seconds = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
/** Progress until the addresses are shown; what the servers do later stands in the log. */
let isShown = false;
const say = (line: string): void => {
  if (!isShown) console.error(`${seconds().padStart(7)}  ${line}`);
};

const banner = (url: string, password: string): string => `
Caregraph answers at ${url}

  graph      ${url}/graphql          (in a browser: Apollo Sandbox)
  explorer   ${url}/explorer         (GraphiQL, works offline)
  feeds      ${url.replace('http', 'ws')}/graphql  (graphql-transport-ws)   ${url}/graphql/stream  (SSE)
  audit log  ${url}/verify           (verified in the browser; in a terminal: npm run verify-audit -- ${url})
  health     ${url}/health/ready     metrics  ${url}/metrics

Demo logins, password ${password}:
  patients MTLP0001 …   practitioners MTLD0001 …   admin MTLA0001   auditor MTLU0001   and the same for QUE and SHE

Paste this first; then send the token as "authorization: Bearer …":
  mutation { login(username: "QUEP0001", password: "${password}") { ... on Session { token expiresAt } ... on Refusal { message } } }
  { slots(filter: { appointmentType: "PHYSICIAN", onlyAvailable: true }, first: 5) { nodes { id code start available city { name } } cityStates { city state } } }

Ctrl-C stops everything.
`;

const { values: flags } = readCommandLine(HELP, { processes: { type: 'boolean', default: false } });

let network: Promise<EmbeddedNetwork> | undefined;
let app: App | undefined;
let stopping: Promise<never> | undefined;
const stop = (code: number): Promise<never> => {
  stopping ??= (async () => {
    await app?.stop().catch(() => {});
    // One that is being made is waited for: what runs already has to be stopped.
    await network?.then((made) => made.stop()).catch(() => {});
    process.exit(code);
  })();
  return stopping;
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!stopping) console.error('stopping …');
    void stop(0);
  });
}

onParentGone(() => void stop(0));
// Whoever read what is printed has gone, as in `npm start | head`.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => void stop(0));

const openLog = async ({ dataDir, logLevel }: ReturnType<typeof readStartConfig>): Promise<Log> => {
  try {
    await makeFolders(dataDir, 0o700);
    return makeLog('caregraph', logLevel, path.join(dataDir, 'caregraph.log'));
  } catch (error) {
    if (['ENOENT', 'ENAMETOOLONG', 'ELOOP'].includes(codeOf(error)))
      throw new EmbeddedFailure(`The data folder ${dataDir} cannot be made there. Choose another DATA_DIR.`);
    throw toPlainFailure(error, dataDir);
  }
};

try {
  const config = readStartConfig();
  if (process.env['PG_RUN_AS']) findAccount(process.env['PG_RUN_AS'], null);
  await requireAddress(config);
  const log = await openLog(config);
  network = startEmbeddedNetwork({ dataDir: config.dataDir, log, onProgress: say });
  const { cities, secrets } = await network;
  if (config.auditShards.keysFile) await writeLogKeys(config.auditShards.keysFile, secrets.logKeys);
  const migrator = { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS };
  const ran = await Promise.all(cities.map((city) => migrateCity(city, migrator)));
  say(`schemas up to date (${ran.flat().length} migrations ran)`);
  const codes = cities.map(({ code }) => code);
  const made = await initSubjectKeys({ cities, secrets, subjects: config.subjects });
  if (made.length > 0) say(`subject keys made for ${made.join(', ')}`);
  const subjects = await openSubjects(config.subjects, { cities: codes, indexKey: secrets.subjectIndexKey, log });
  try {
    await seedDemo({ cities, secrets, subjects, password: config.demoPassword, now: new Date() });
  } finally {
    await subjects.stop();
  }
  say('demo population there');
  const settings = { ...config, cities, secrets, development: true, log };
  app = flags.processes ? await startProcesses({ ...settings, onProgress: say }) : await startApp(settings);
  say('the graph answers');
  console.log(banner(app.url, config.demoPassword));
  isShown = true;
} catch (error) {
  // Being stopped, it ends as it can.
  if (!stopping) {
    if (error instanceof EmbeddedFailure || error instanceof ConfigurationError) console.error(`\n${error.message}`);
    else console.error('\nThe network could not be started.', describeError(error), (error as Error).message);
    if (error instanceof PortTaken && error.free !== null) console.error(`This one is free: PORT=${error.free} npm start`);
  }
  await stop(error instanceof ConfigurationError && network === undefined ? 2 : 1);
}
