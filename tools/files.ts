import { parseArgs } from 'node:util';
import { Failure, sayFileFault, UsageError } from './files/failure.ts';
import type { Graph } from './files/graph.ts';
import { watchInterrupts } from './files/interrupt.ts';
import { toShown, toSize } from './files/names.ts';
import { openSession, readUrl } from './files/session.ts';
import { makeProgress } from './files/terminal.ts';
import { sayMisuse } from './usage.ts';

const HELP = `npm run files -- COMMAND [options]

Medical files of a patient, from a terminal. Contents are sealed end to end: upwards for the server's key, downwards for a
key that serves once. A transfer that breaks off goes on by itself.

  upload FILE…           keeps files; a name that the patient has already becomes its next version
      --patient ID       whose files (your own unless you say so)
      --priority P       HIGH, MEDIUM or LOW; MEDIUM unless you say so
      --type TYPE        such as application/pdf; found by name and content unless you say so
      --appointment ID   an appointment of the patient that refers to them
  list                   name, priority, version, size, type, date and id of each file
      --patient ID       whose files (your own unless you say so)
  download ID            writes a file into this folder under its name, once its hash is found right
      --version N        that version, not the newest
      -o, --output FILE  that file or folder
      --force            replaces a file that is there
  verify FILE ID         compares a file of yours with the record's hash; sends no content
  verify ID              downloads the content and checks it; keeps nothing
      --version N        that version, not the newest

  --url URL        address of the graph; http://127.0.0.1:4000 unless you say so (https beyond this machine)
  --user NAME      login name, such as MTLP0001
  --plain          contents not sealed
  --patience N     seconds that a transfer is tried without getting further; 60 unless you say so
  --json           the result as one line of JSON on standard output, no progress
  --help           this text

Settings: CAREGRAPH_USER, CAREGRAPH_PASSWORD (asked for on a terminal), or CAREGRAPH_TOKEN in place of both; PORT of the graph
on this machine.
Exit: 0 done, 1 something was refused, failed or differs, 2 the command line is wrong.
`;

const OPTIONS = {
  patient: { type: 'string' },
  priority: { type: 'string' },
  type: { type: 'string' },
  appointment: { type: 'string' },
  version: { type: 'string' },
  output: { type: 'string', short: 'o' },
  force: { type: 'boolean' },
  url: { type: 'string' },
  user: { type: 'string' },
  plain: { type: 'boolean' },
  patience: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;
type Flag = keyof typeof OPTIONS;

const EVERYWHERE: readonly Flag[] = ['url', 'user', 'plain', 'patience', 'json', 'help'];
const COMMANDS: Readonly<
  Record<string, { readonly flags: readonly Flag[]; readonly least: number; readonly most: number; readonly wants: string }>
> = {
  upload: { flags: ['patient', 'priority', 'type', 'appointment'], least: 1, most: 1_000, wants: 'at least one file' },
  list: { flags: ['patient'], least: 0, most: 0, wants: 'nothing more' },
  download: { flags: ['version', 'output', 'force'], least: 1, most: 1, wants: 'one id' },
  verify: { flags: ['version'], least: 1, most: 2, wants: 'an id, or a file and an id' },
};

const readArguments = () => {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(sayMisuse(error));
  }
};

const readVersion = (text: string | undefined): number | null => {
  if (text === undefined) return null;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError('--version is a number from 1 on.');
  return Number(text);
};
/** Longer than the lease of a server process that died, which is 30 s. */
const readPatience = (text = '60'): number => {
  if (!/^\d{1,5}$/.test(text)) throw new UsageError('--patience is a number of seconds.');
  return Number(text) * 1_000;
};
const readPriority = (text = 'MEDIUM'): string => {
  const priority = text.toUpperCase();
  if (!['HIGH', 'MEDIUM', 'LOW'].includes(priority)) throw new UsageError('--priority is HIGH, MEDIUM or LOW.');
  return priority;
};

/** The patient whom the options name, or the caller. */
const findPatient = async (graph: Graph, given: string | undefined): Promise<string> => {
  if (given !== undefined) return given;
  const { me } = await graph.ask<{ me: { patient: { id: string } | null } | null }>('{ me { patient { id } } }', {}, { again: true });
  if (!me?.patient) throw new Failure('NO_PATIENT', 'This login is no patient’s.', 'Say whose files: --patient ID');
  return me.patient.id;
};

type Listed = {
  readonly id: string;
  readonly name: string;
  readonly priority: string;
  readonly version: number;
  readonly sizeBytes: number;
  readonly contentType: string;
  readonly createdAt: string;
};
const LIST = `query ($id: ID!, $after: String) { patient(id: $id) { files(first: 100, after: $after) {
  nodes { id name priority version sizeBytes contentType createdAt } pageInfo { hasNextPage endCursor } } } }`;
const listFiles = async (graph: Graph, patientId: string): Promise<readonly Listed[]> => {
  type Page = { patient: { files: { nodes: Listed[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } | null } | null };
  const all: Listed[] = [];
  const unseen = new Failure('NOT_FOUND', 'There is no such patient, or this login may not see their files.', 'Check --patient.');
  for (let after: string | null = null; ; ) {
    const { patient }: Page = await graph
      .ask<Page>(LIST, { id: patientId, after }, { again: true })
      .catch((error: unknown) => Promise.reject(error instanceof Failure && error.code === 'NOT_FOUND' ? unseen : error));
    if (!patient?.files) throw unseen;
    all.push(...patient.files.nodes);
    if (!patient.files.pageInfo.hasNextPage) return all;
    after = patient.files.pageInfo.endCursor;
  }
};

/** Columns as wide as their widest cell; sizes to the right. */
const toTable = (files: readonly Listed[]): string => {
  const head = ['NAME', 'PRIORITY', 'VERSION', 'SIZE', 'TYPE', 'DATE', 'ID'];
  const date = (text: string): string => new Date(text).toISOString().slice(0, 16).replace('T', ' ');
  const rows = files.map((file) =>
    [file.name, file.priority, String(file.version), toSize(file.sizeBytes), file.contentType, date(file.createdAt), file.id].map(toShown),
  );
  const width = head.map((title, column) => Math.max(title.length, ...rows.map((row) => [...(row[column] ?? '')].length)));
  const pad = (cell: string, column: number): string => {
    const space = ' '.repeat((width[column] ?? 0) - [...cell].length);
    return column === 3 ? space + cell : cell + space;
  };
  return [head, ...rows].map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
};

type Report = (lines: readonly string[], result: Readonly<Record<string, unknown>>) => void;

const sayFailure = (failure: Failure, about: string | null): void => {
  console.error(
    `${about === null ? '' : `${toShown(about)}: `}${toShown(failure.message)}${failure.next === null ? '' : `\n  ${toShown(failure.next)}`}`,
  );
};
const toKnown = (error: unknown): Failure | null => {
  if (error instanceof Failure) return error;
  const fault = sayFileFault(error);
  return fault === null ? null : new Failure('FILE', `It ${fault}.`);
};

const run = async (): Promise<number> => {
  const {
    values: flags,
    positionals: [command, ...words],
  } = readArguments();
  if (flags.help) {
    console.log(HELP);
    return 0;
  }
  const known = command === undefined ? undefined : COMMANDS[command];
  if (!known) throw new UsageError(`Name a command: ${Object.keys(COMMANDS).join(', ')}.`);
  if (words.length < known.least || words.length > known.most) throw new UsageError(`${command} takes ${known.wants}.`);
  const strange = (Object.keys(flags) as Flag[]).find((flag) => !EVERYWHERE.includes(flag) && !known.flags.includes(flag));
  if (strange) throw new UsageError(`${command} has no option --${strange}.`);
  const url = readUrl(flags.url);
  const [priority, version, patienceMs] = [readPriority(flags.priority), readVersion(flags.version), readPatience(flags.patience)];
  const isPlain = flags.plain === true;
  const progress = makeProgress(flags.json !== true);
  const report: Report = (lines, result) => console.log(flags.json ? JSON.stringify(result) : lines.join('\n'));
  const graph = await openSession(url, flags.user);

  // What seals and opens takes half a second to load: only who gets this far waits for it.
  if (command === 'upload') {
    const { uploadFile } = await import('./files/upload.ts');
    const patientId = await findPatient(graph, flags.patient);
    const settings = {
      graph,
      progress,
      patientId,
      priority,
      type: flags.type ?? null,
      appointmentId: flags.appointment ?? null,
      isPlain,
      patienceMs,
    };
    const [kept, failed, lines]: [unknown[], unknown[], string[]] = [[], [], []];
    for (const file of words) {
      try {
        const done = await uploadFile(settings, file);
        const owed = (done.copies ?? []).filter(({ state }) => state !== 'STORED').map(({ store }) => store);
        kept.push({ file, ...done });
        lines.push(
          `kept  ${toShown(done.name)}  version ${done.version}  ${toSize(done.sizeBytes)}  ${done.id}${owed.length > 0 ? `  (copy in ${owed.join(', ')} follows)` : ''}`,
        );
      } catch (error) {
        const failure = toKnown(error);
        if (!failure) throw error;
        failed.push({ file, code: failure.code, message: failure.message });
        sayFailure(failure, file);
      }
    }
    if (flags.json || lines.length > 0) report(lines, { kept, failed });
    return failed.length > 0 ? 1 : 0;
  }
  if (command === 'list') {
    const files = await listFiles(graph, await findPatient(graph, flags.patient));
    report([files.length === 0 ? 'no files' : toTable(files)], { files });
    return 0;
  }
  const { checkContent, downloadTo, findVersion, toTarget } = await import('./files/download.ts');
  const [first = '', second] = words;
  const place = await findVersion(graph, second ?? first, version);
  if (command === 'download') {
    const target = await toTarget(flags.output ?? null, place.name);
    await downloadTo(graph, place, target, { isPlain, patienceMs, isForced: flags.force === true, progress });
    report([`wrote  ${toShown(target)}  version ${place.version}  ${toSize(place.sizeBytes)}`], {
      file: target,
      version: place.version,
      sizeBytes: place.sizeBytes,
      sha256: place.sha256,
    });
    return 0;
  }
  const { version: number, sizeBytes, sha256 } = place;
  if (second === undefined) {
    await checkContent(graph, place, { isPlain, patienceMs }, progress);
    report([`intact  version ${number}  ${toSize(sizeBytes)}  sha256 ${sha256}`], { same: true, version: number, sizeBytes, sha256 });
    return 0;
  }
  const { hashFile } = await import('./files/upload.ts');
  const local = await hashFile(first, progress).catch((error: unknown) => {
    const fault = sayFileFault(error);
    throw fault === null ? error : new Failure('FILE', `${first} ${fault}.`, 'Name the file of yours, then the id: verify FILE ID');
  });
  const same = local.sha256 === sha256 && local.sizeBytes === sizeBytes;
  report(
    [
      same
        ? `same as version ${number}  sha256 ${sha256}`
        : `differs from version ${number}\n  record  ${sha256}  ${sizeBytes} bytes\n  file    ${local.sha256}  ${local.sizeBytes} bytes`,
    ],
    {
      same,
      version: number,
      sizeBytes,
      sha256,
      local,
    },
  );
  return same ? 0 : 1;
};

watchInterrupts();
try {
  process.exitCode = await run();
} catch (error) {
  const failure = toKnown(error);
  if (error instanceof UsageError) console.error(`${error.message}\n\n${HELP}`);
  else if (failure) sayFailure(failure, null);
  else console.error('The command failed.', error instanceof Error ? error.name : '');
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
