import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { EmbeddedFailure } from '#embedded/failure.ts';
import { readNetwork } from '#embedded/read-network.ts';
import { openImport } from '#patients/server.ts';
import { ConfigurationError, readStartConfig, readSubgraphConfig } from '#platform/config/env.ts';
import { describeError, makeLog } from '#platform/observability/log.ts';
import { openSubjects } from '#platform/subjects/open-subjects.ts';
import { sayMisuse } from './usage.ts';

const HELP = `npm run import -- [--json] FILE…

Imports FHIR R4 bundles (transaction, batch or collection; plain or gzip) into the running network: patients, practitioners,
organisations and coverages. What is there already stays as it is, so a file can come again. What cannot be taken in is
reported with its file and path, and the rest goes in.

  --json   the report as one line of JSON on standard output
  --help   this text

Settings: DATA_DIR (.data) finds the running network; under NODE_ENV=production those of the patients subgraph (CITIES …) do.
Exit: 0 everything went in or was there, 1 something was refused or the network does not answer, 2 the command line or the settings are wrong, or
there is no network.
`;

type Total = {
  files: number;
  imported: Record<string, number>;
  alreadyHere: Record<string, number>;
  notHandled: Record<string, number>;
  faults: { file: string; path: string; message: string }[];
};

const usage = (reason: string): never => {
  console.error(`${reason}\n\n${HELP}`);
  process.exit(2);
};
const fail = (code: 1 | 2, reason: string): never => {
  console.error(reason);
  process.exit(code);
};

const readArguments = () => {
  try {
    return parseArgs({ options: { json: { type: 'boolean' }, help: { type: 'boolean' } }, allowPositionals: true });
  } catch (error) {
    return usage(sayMisuse(error));
  }
};
const { values: flags, positionals: files } = readArguments();
if (flags.help) {
  console.log(HELP);
  process.exit(0);
}
if (files.length === 0) usage('Name at least one file.');

const add = (to: Record<string, number>, from: Readonly<Record<string, number>>): void => {
  for (const [name, count] of Object.entries(from)) to[name] = (to[name] ?? 0) + count;
};
const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort((a, b) => b[1] - a[1])
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none';

/** A bar on standard error, on a terminal alone. */
const makeProgress = (totalBytes: number) => {
  let done = 0;
  let shown = -1;
  const { stderr } = process;
  return {
    bytes: (count: number): void => {
      done += count;
      const percent = totalBytes === 0 ? 100 : Math.min(100, Math.floor((done / totalBytes) * 100));
      if (!stderr.isTTY || percent === shown) return;
      shown = percent;
      const filled = Math.round(percent / 4);
      stderr.write(`\r[${'#'.repeat(filled)}${'.'.repeat(25 - filled)}] ${String(percent).padStart(3)} %`);
    },
    end: (): void => {
      if (stderr.isTTY && shown >= 0) stderr.write('\r\x1b[K');
    },
  };
};

const isConfiguration = (error: unknown): error is ConfigurationError => error instanceof ConfigurationError;
const findNetwork = async () => {
  try {
    const { dataDir, subjects } = readStartConfig();
    return { ...(await readNetwork(dataDir)), subjects };
  } catch (error) {
    if (error instanceof EmbeddedFailure) return fail(2, error.message);
    if (!isConfiguration(error)) throw error;
    // Under production there is no embedded network: the subgraph's own settings say where the cities are.
    if (!error.faults.some((fault) => fault.startsWith('NODE_ENV'))) return fail(2, error.message);
  }
  try {
    return readSubgraphConfig('patients');
  } catch (error) {
    return isConfiguration(error) ? fail(2, error.message) : Promise.reject(error);
  }
};

const { cities, secrets, ...config } = await findNetwork();
const findSubjects = async () => {
  try {
    const codes = cities.map(({ code }) => code);
    return await openSubjects(config.subjects, { cities: codes, indexKey: secrets.subjectIndexKey, log: makeLog('import', 'warn') });
  } catch (error) {
    return isConfiguration(error) ? fail(2, error.message) : Promise.reject(error);
  }
};
const subjects = await findSubjects();
const importing = openImport({ cities, secrets, subjects });
try {
  if (!(await importing.isReachable())) fail(1, 'No network answers here. Start it first: npm start');
  const sizes = await Promise.all(files.map(async (file) => (await stat(file).catch(() => null))?.size ?? 0));
  const progress = makeProgress(sizes.reduce((sum, size) => sum + size, 0));
  const total: Total = { files: files.length, imported: {}, alreadyHere: {}, notHandled: {}, faults: [] };
  for (const file of files) {
    try {
      const report = await importing.importBundle(createReadStream(file), progress.bytes);
      add(total.imported, report.imported);
      add(total.alreadyHere, report.alreadyHere);
      add(total.notHandled, report.notHandled);
      total.faults.push(...report.faults.map((fault) => ({ file, ...fault })));
    } catch (error) {
      const { code } = error as { code?: unknown };
      const isFile = typeof code === 'string' && /^E[A-Z]+$/.test(code);
      if (!isFile) throw error;
      total.faults.push({ file, path: '', message: `cannot be read (${code})` });
    }
  }
  progress.end();
  if (flags.json) console.log(JSON.stringify(total));
  else {
    console.log(`files         ${total.files}`);
    console.log(`brought in    ${list(total.imported)}`);
    console.log(`already here  ${list(total.alreadyHere)}`);
    console.log(`not handled yet: ${list(total.notHandled)}`);
    for (const { file, path, message } of total.faults) console.log(`refused  ${file}${path === '' ? '' : `  ${path}`}: ${message}`);
  }
  process.exitCode = total.faults.length > 0 ? 1 : 0;
} catch (error) {
  console.error('The import stopped; what was brought in so far stays, and it can be run again.', describeError(error));
  process.exitCode = 1;
} finally {
  await importing.stop();
  await subjects.stop();
}
