import os from 'node:os';
import { ConfigurationError } from '#platform/config/configuration-error.ts';
import { readCommandLine } from '#tools/usage.ts';
import { endOnSignals } from './ending.ts';
import { type Figure, isMissed } from './figure.ts';

/** Each benchmark by its name: `npm run bench -- NAME`. */
const BENCHMARKS: Readonly<Record<string, () => Promise<{ readonly run: (say: (line: string) => void) => Promise<readonly Figure[]> }>>> = {
  audit: () => import('./audit/bench.ts'),
  'audit-verify': () => import('./audit/verify.ts'),
  booking: () => import('./booking/bench.ts'),
  files: () => import('./files/bench.ts'),
  gateway: () => import('./gateway/bench.ts'),
};

const HELP = `npm run bench [-- NAME …] [--help]

Measures and prints one line of JSON per figure: name, value, unit, reference, ratio, and where there is one the goal for the
ratio or the limit of the value.
The reference is measured in the same run, so that a noisy machine changes both. Names: ${Object.keys(BENCHMARKS).join(', ')} (all when left out).
Exit 0: every goal reached and every limit kept; 1: one was missed; 2: wrong usage.
Ctrl-C (SIGINT, SIGTERM, SIGHUP) ends servers and removes folders that were made, and exits with 128 and the signal's number.
`;

const usage = (reason: string): never => {
  console.error(`${reason}\n\n${HELP}`);
  process.exit(2);
};
const { positionals } = readCommandLine(HELP, {}, { allowPositionals: true });
const names = positionals.length > 0 ? positionals : Object.keys(BENCHMARKS);
const unknown = names.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) usage(`There is no benchmark ${unknown.join(', ')}.`);
const say = (line: string): void => {
  if (process.stderr.isTTY) console.error(line);
};
console.error(
  `${os.cpus()[0]?.model ?? 'unknown processor'}, ${os.availableParallelism()} cores, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`,
);
endOnSignals();
let missed = 0;
/** All of them are read before any is run: a setting that is wrong is told then. */
const load = async (name: string) => {
  try {
    return await BENCHMARKS[name]?.();
  } catch (error) {
    return error instanceof ConfigurationError ? usage(error.message) : Promise.reject(error);
  }
};
const chosen = [];
for (const name of names) chosen.push(await load(name));
for (const benchmark of chosen) {
  for (const figure of (await benchmark?.run(say)) ?? []) {
    console.log(JSON.stringify(figure));
    if (isMissed(figure)) missed++;
  }
}
process.exit(missed === 0 ? 0 : 1);
