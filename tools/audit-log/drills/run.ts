import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { EmbeddedFailure } from '#embedded/failure.ts';
import { DRILL_NAMES, DRILLED_CITY, type DrillStep, describeDrills, type Finder, runDrills } from './drills.ts';
import { removeLeftDrills } from './leftovers.ts';
import { makeRoom, NotInTime } from './room.ts';

const HELP = `npm run audit-log -- drill [NAME … | all] [--json] [--help]

Starts three cities in a folder of their own that is thrown away, tampers with the log of one of them, and shows who finds it: the
sequencer that signs it, a verifier that remembers what it saw, and the other cities as its witnesses. Touches no other network. Ctrl-C
leaves nothing; what a drill left that was killed is removed by the next one.

${describeDrills()}
  all                 all of these (the default)

  --json              one line of JSON for each thing that was done
  --help              this text

Exit: 0 all was found by all who have to find it, 1 something was not, 2 the command line is wrong or the drills could not be run, 128 and the
signal's number where a signal ended it.
`;

const FINDERS: readonly Finder[] = ['sequencer', 'verifier', 'witnesses'];

const tellStep = ({ drill, done, must, found, firstBadIndex, isFound }: DrillStep): string => {
  const lines = FINDERS.flatMap((finder) => {
    const finding = found[finder];
    if (!finding) return must.includes(finder) ? [`    ${finder.padEnd(11)}FOUND NOTHING`] : [];
    const at = finding.firstBadIndex === null ? '' : `, entry ${finding.firstBadIndex}`;
    return [`    ${finder.padEnd(11)}${finding.said}${at}`];
  });
  const head = `${isFound ? 'found    ' : 'NOT FOUND'}  ${drill}: ${done}${firstBadIndex === null ? '' : ` (first bad entry ${firstBadIndex})`}`;
  return [head, ...lines].join('\n');
};

const readArguments = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
      allowPositionals: true,
    });
  } catch (error) {
    return error instanceof Error ? error.message : 'The command line cannot be read.';
  }
};

/** Runs the command; returns its exit code. */
export const runDrillCommand = async (args: readonly string[]): Promise<number> => {
  const read = readArguments(args);
  if (typeof read === 'string') {
    console.error(`${read}\n\n${HELP}`);
    return 2;
  }
  const { values: flags, positionals } = read;
  if (flags.help) {
    console.log(HELP);
    return 0;
  }
  const unknown = positionals.filter((name) => name !== 'all' && !DRILL_NAMES.includes(name));
  if (unknown.length > 0) {
    console.error(`There is no drill ${unknown.join(', ')}.\n\n${HELP}`);
    return 2;
  }
  const names = positionals.length === 0 || positionals.includes('all') ? DRILL_NAMES : positionals;
  const say = (line: string): void => {
    if (!flags.json) console.error(line);
  };
  const room = makeRoom((line) => say(`  ${line}`));
  let isInterrupted = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (isInterrupted) return;
    isInterrupted = true;
    say('stopping …');
    // What runs loses its servers now, and may fail in any way.
    for (const failure of ['uncaughtException', 'unhandledRejection'] as const) process.on(failure, () => {});
    const isClean = await room.close().then(
      () => true,
      () => false,
    );
    if (!isClean) console.error('The folder of the drill could not be removed; the next drill does it.');
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  try {
    const left = await removeLeftDrills();
    if (left > 0) say(`  removed what ${left === 1 ? 'a drill' : `${left} drills`} left that ${left === 1 ? 'was' : 'were'} killed`);
    await room.open();
    say(`  three cities are there; the log of ${DRILLED_CITY} is tampered with`);
    const steps = await runDrills(room.openStage, names, (step) => console.log(flags.json ? JSON.stringify(step) : tellStep(step)));
    const missed = steps.filter(({ isFound }) => !isFound).length;
    say(missed === 0 ? `all of ${steps.length} found` : `${missed} of ${steps.length} NOT found`);
    return missed === 0 ? 0 : 1;
  } catch (error) {
    // The handler ends the process, with its code, once all is cleaned up.
    if (isInterrupted) await new Promise(() => {});
    if (error instanceof NotInTime) {
      console.error(`NOT FOUND: ${error.message}`);
      return 1;
    }
    if (error instanceof EmbeddedFailure) {
      console.error(error.message);
      return 2;
    }
    throw error;
  } finally {
    await room.close();
  }
};
