import { constants, createReadStream, rmSync } from 'node:fs';
import { access, type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { replaceFile } from '#platform/disk/replace-file.ts';
import { Failure, sayFileFault, UsageError } from '../files/failure.ts';
import { type Graph, PASSING } from '../files/graph.ts';
import { onInterrupt, watchInterrupts } from '../files/interrupt.ts';
import { toShown, toSize } from '../files/names.ts';
import { makePatience } from '../files/patience.ts';
import { openSession, readUrl } from '../files/session.ts';

const HELP = `npm run audit-log -- export --out FILE [options]

Writes audit events of all cities as FHIR R4 AuditEvents, newest first: one line of JSON each (NDJSON). For auditors; each part that is
fetched is recorded in the log. FILE appears once it is whole; until then FILE.part holds what came, and FILE.cursor where to go on.

  --out FILE        where to
  --resume          goes on with an export that broke off, with the filter and the time that it had
  --force           replaces a FILE that is there
  --bundle          one FHIR Bundle (collection) in the place of lines; for up to 10,000 events
  --city CODE       of this city alone
  --patient ID      about this patient
  --actor ID        by this account
  --action ACTION   CREATE, READ, UPDATE, DELETE or EXECUTE
  --act NAME        of this name, such as bookAppointment
  --outcome END     SUCCESS, MINOR_FAILURE, SERIOUS_FAILURE or MAJOR_FAILURE
  --from TIME       recorded at that time or later, such as 2026-03-01T00:00:00Z
  --to TIME         recorded before that time; a minute ago unless you say so, as later ones may still be on their way

  --url URL         address of the graph; http://127.0.0.1:4000 unless you say so (https beyond this machine)
  --user NAME       login name, such as MTLU0001
  --part N          events in a part, 1 to 1000; 500 unless you say so
  --patience N      seconds that it waits for a city that does not answer, or not with the latest; 60 unless you say so
  --json            the result as one line of JSON on standard output, no progress
  --help            this text

Settings: CAREGRAPH_USER, CAREGRAPH_PASSWORD (asked for on a terminal), or CAREGRAPH_TOKEN in place of both; PORT of the graph
on this machine.
Exit: 0 all of it is in FILE, 1 it was refused or broke off, 2 the command line is wrong, also where the graph says so of the filter.
`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;
const OPTIONS = {
  out: text,
  resume: flag,
  force: flag,
  bundle: flag,
  city: text,
  patient: text,
  actor: text,
  action: text,
  act: text,
  outcome: text,
  from: text,
  to: text,
  url: text,
  user: text,
  part: text,
  patience: text,
  json: flag,
  help: flag,
} as const;
const MAX_BUNDLE = 10_000;
const LATE_MS = 60_000;

const readArguments = (words: readonly string[]) => {
  try {
    return parseArgs({ args: [...words], options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'The command line cannot be read.');
  }
};
type Flags = ReturnType<typeof readArguments>;
const readNumber = (name: string, given: string | undefined, otherwise: number, most: number): number => {
  if (given === undefined) return otherwise;
  if (!/^[1-9]\d{0,5}$/.test(given) || Number(given) > most) throw new UsageError(`--${name} is a number from 1 to ${most}.`);
  return Number(given);
};
const readTime = (name: string, given: string): string => {
  if (!/^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(given) || Number.isNaN(Date.parse(given)))
    throw new UsageError(`--${name} is a time with its offset, such as 2026-03-01T00:00:00Z.`);
  return new Date(given).toISOString();
};
const oneOf = (name: string, given: string, known: readonly string[]): string => {
  const value = given.toUpperCase();
  if (!known.includes(value)) throw new UsageError(`--${name} is one of ${known.join(', ')}.`);
  return value;
};

/** What is asked of the graph, as `AuditEventFilter`; `to` is always there, so that an export has an end. */
type Filter = Readonly<Record<string, string>> & { readonly to: string };
const readFilter = ({ city, patient, actor, action, act, outcome, from, to }: Flags): Filter => ({
  ...(city === undefined ? {} : { city }),
  ...(patient === undefined ? {} : { patientId: patient }),
  ...(actor === undefined ? {} : { actorId: actor }),
  ...(action === undefined ? {} : { action: oneOf('action', action, ['CREATE', 'READ', 'UPDATE', 'DELETE', 'EXECUTE']) }),
  ...(act === undefined ? {} : { act }),
  ...(outcome === undefined
    ? {}
    : { outcome: oneOf('outcome', outcome, ['SUCCESS', 'MINOR_FAILURE', 'SERIOUS_FAILURE', 'MAJOR_FAILURE']) }),
  ...(from === undefined ? {} : { from: readTime('from', from) }),
  to: to === undefined ? new Date(Date.now() - LATE_MS).toISOString() : readTime('to', to),
});
const FILTER_FLAGS = ['city', 'patient', 'actor', 'action', 'act', 'outcome', 'from', 'to'] as const;

/** Options that are named otherwise than the part of the filter that they are. */
const FLAG_OF: Readonly<Record<string, string>> = { patientId: 'patient', actorId: 'actor' };
/** Code of a failure that the command line is to blame for, where a line says all. */
const WRONG = 'COMMAND_LINE';

/** How far an export has come: events and bytes that FILE.part holds for certain, and the cursor behind them; null: none came yet. */
type State = { readonly filter: Filter; readonly after: string | null; readonly count: number; readonly bytes: number };
const isState = (value: unknown): value is State => {
  const { filter, after, count, bytes } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof filter === 'object' &&
    filter !== null &&
    typeof (filter as { to?: unknown }).to === 'string' &&
    (after === null || typeof after === 'string') &&
    Number.isSafeInteger(count) &&
    Number.isSafeInteger(bytes)
  );
};

const EXPORT = `query ($filter: AuditEventFilter, $limit: Int, $after: String) { auditExport(filter: $filter, limit: $limit, after: $after) {
  ndjson count endCursor hasNextPage cityStates { city state asOf } } }`;
type Part = {
  readonly ndjson: string;
  readonly count: number;
  readonly endCursor: string | null;
  readonly hasNextPage: boolean;
  readonly cityStates: readonly { readonly city: string; readonly state: string; readonly asOf: string | null }[];
};

/** A city that may have more than it gave: it did not answer, or from a copy that is older than the end of what is asked, or of no known age. */
const lacking = ({ cityStates }: Part, { to }: Filter): string | null =>
  cityStates.find(({ state, asOf }) => state === 'UNAVAILABLE' || (state === 'STALE' && !(Date.parse(asOf ?? '') >= Date.parse(to))))
    ?.city ?? null;

/** What heals by itself: a part that could not be recorded was not given, and is asked for again. */
const HEALING = [...PASSING, 'AUDIT_UNAVAILABLE'];
const RESUME = 'What came is kept. Go on with: --resume';
/** Fetches one part, and waits for cities that lack some of it; throws Failure when that lasts too long. */
const fetchPart = async (
  graph: Graph,
  variables: { filter: Filter; limit: number; after: string | null },
  patienceMs: number,
): Promise<Part> => {
  const patience = makePatience(patienceMs);
  for (;;) {
    let reason: Failure;
    try {
      const { auditExport } = await graph.ask<{ auditExport: Part | null }>(EXPORT, variables, { again: true });
      if (!auditExport) throw new Failure('NO_GRAPH', 'The graph gave no export.', 'Name the address of the gateway: --url https://…');
      const city = lacking(auditExport, variables.filter);
      if (city === null) return auditExport;
      reason = new Failure('CITY_UNAVAILABLE', `City ${city} does not answer, or not with the latest.`, RESUME);
    } catch (error) {
      if (!(error instanceof Failure) || !HEALING.includes(error.code)) throw error;
      reason = error;
    }
    if (!(await patience.wait(0))) throw reason;
  }
};

/** One line on a terminal that tells how far it has come; nothing elsewhere. */
const makeTeller = (isWanted: boolean) => {
  const { stderr } = process;
  if (!isWanted || !stderr.isTTY) return { at: () => {}, end: () => {} };
  const begun = performance.now();
  let before = 0;
  let isFirst = true;
  return {
    at: (count: number, bytes: number, recorded: string): void => {
      if (isFirst) before = count;
      isFirst = false;
      const rate = Math.round((count - before) / Math.max(0.001, (performance.now() - begun) / 1000));
      stderr.write(`\r\x1b[K${count} events  ${toSize(bytes)}  ${rate}/s  back to ${toShown(recorded).slice(0, 19)}`);
    },
    end: (): void => void stderr.write('\r\x1b[K'),
  };
};

const isThere = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

/** Opens a file for its owner alone, whatever stood there with other rights. */
const openOwn = async (file: string, isKept = false): Promise<FileHandle> => {
  if (!isKept) await rm(file, { force: true });
  const opened = await open(file, isKept ? 'r+' : 'wx', 0o600);
  try {
    await opened.chmod(0o600);
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
};
/** One write may take less than all of it, as on a disk that is nearly full. */
const writeAll = async (file: FileHandle, bytes: Uint8Array, from: number): Promise<void> => {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, bytes.length - at, from + at)).bytesWritten;
};

/** The lines of a file as one Bundle. https://hl7.org/fhir/R4/bundle.html */
const writeBundle = async (lines: string, file: string, timestamp: string): Promise<void> => {
  const out = await openOwn(file);
  try {
    await out.writeFile(`{"resourceType":"Bundle","type":"collection","timestamp":${JSON.stringify(timestamp)}`);
    let before = ',"entry":[\n';
    for await (const line of createInterface({ input: createReadStream(lines, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })) {
      await out.writeFile(`${before}{"resource":${line}}`);
      before = ',\n';
    }
    await out.writeFile(before === ',\n' ? '\n]}\n' : '}\n');
    await out.sync();
  } finally {
    await out.close();
  }
};

const openState = async (flags: Flags, cursorFile: string, partFile: string): Promise<State> => {
  if (!flags.resume) {
    if (await isThere(cursorFile)) throw new UsageError(`${path.basename(cursorFile)} is there: go on with --resume, or remove it.`);
    return { filter: readFilter(flags), after: null, count: 0, bytes: 0 };
  }
  const given = FILTER_FLAGS.find((name) => flags[name] !== undefined);
  if (given !== undefined) throw new UsageError(`--resume goes on with the filter that the export had; leave --${given} out.`);
  let state: unknown;
  try {
    state = JSON.parse(await readFile(cursorFile, 'utf8'));
  } catch {
    // told below
  }
  if (!isState(state)) throw new UsageError(`--resume: ${path.basename(cursorFile)} is not there or not readable; begin anew without it.`);
  if (((await stat(partFile).catch(() => null))?.size ?? 0) < state.bytes)
    throw new UsageError(
      `--resume: ${path.basename(partFile)} is shorter than it was; remove ${path.basename(cursorFile)} and begin anew.`,
    );
  return state;
};

/** Whether a file can come to be there, so that nothing is asked of the graph, and recorded, in vain. */
const checkOut = async (file: string): Promise<void> => {
  const folder = path.dirname(file);
  const refuse = (what: string): never => {
    throw new Failure(WRONG, `--out: ${what}`);
  };
  const found = await stat(folder).catch((error: unknown) => refuse(`the folder ${folder} ${sayFileFault(error) ?? 'cannot be used'}.`));
  if (!found.isDirectory()) refuse(`${folder} is no folder.`);
  await access(folder, constants.W_OK).catch((error: unknown) =>
    refuse(`the folder ${folder} ${sayFileFault(error) ?? 'cannot be used'}.`),
  );
  if ((await stat(file).catch(() => null))?.isDirectory()) refuse(`${file} is a folder: name a file in it.`);
};

const exportAll = async (flags: Flags): Promise<void> => {
  if (flags.out === undefined || flags.out === '') throw new UsageError('Say where to: --out FILE');
  const file = path.resolve(flags.out);
  await checkOut(file);
  const [partFile, cursorFile] = [`${file}.part`, `${file}.cursor`];
  const limit = readNumber('part', flags.part, 500, 1_000);
  const patienceMs = readNumber('patience', flags.patience, 60, 99_999) * 1_000;
  const url = readUrl(flags.url);
  let state = await openState(flags, cursorFile, partFile);
  if (!flags.force && (await isThere(file)))
    throw new Failure('FILE', `${path.basename(file)} is there already.`, 'Replace it with --force.');
  const graph = await openSession(url, flags.user);
  const teller = makeTeller(!flags.json);
  let out: FileHandle | null = null;
  const forget = onInterrupt(() => {
    teller.end();
    rmSync(`${file}.next`, { force: true });
    if (out) console.error(RESUME);
  });
  /** Whether FILE.cursor says where to go on. */
  let isKept = flags.resume;
  const saveState = async (): Promise<void> => {
    await replaceFile(cursorFile, JSON.stringify(state), { draft: `${cursorFile}.next`, sync: 'file' });
    isKept = true;
  };
  try {
    for (let hasNext = true; hasNext; ) {
      const part = await fetchPart(graph, { filter: state.filter, limit, after: state.after }, patienceMs);
      // Nothing is written before the first part was given.
      if (!out) {
        // The cursor comes first: a part without one could not be gone on with.
        if (!flags.resume) await saveState();
        out = await openOwn(partFile, state.bytes > 0);
        await out.truncate(state.bytes);
      }
      if (part.hasNextPage && (part.endCursor === null || part.endCursor === state.after))
        throw new Failure('NO_GRAPH', 'The graph gave the same part again.', RESUME);
      const bytes = Buffer.from(part.ndjson, 'utf8');
      await writeAll(out, bytes, state.bytes);
      await out.datasync();
      state = { ...state, after: part.endCursor ?? state.after, count: state.count + part.count, bytes: state.bytes + bytes.length };
      if (flags.bundle && state.count > MAX_BUNDLE) {
        await Promise.all([rm(partFile, { force: true }), rm(cursorFile, { force: true })]);
        throw new Failure('TOO_MANY', `There are more than ${MAX_BUNDLE} events.`, 'Leave --bundle out, or ask for fewer: --from, --to.');
      }
      await saveState();
      const last = part.ndjson.slice(part.ndjson.lastIndexOf('\n', part.ndjson.length - 2) + 1);
      if (part.count > 0) teller.at(state.count, state.bytes, (JSON.parse(last) as { recorded: string }).recorded);
      hasNext = part.hasNextPage;
    }
    await out?.close();
    out = null;
    if (flags.bundle) {
      await writeBundle(partFile, `${file}.next`, new Date().toISOString());
      await rename(`${file}.next`, file);
      await rm(partFile);
    } else await rename(partFile, file);
    await rm(cursorFile);
  } catch (error) {
    await rm(`${file}.next`, { force: true });
    const fault = error instanceof Failure ? null : sayFileFault(error);
    if (fault === null) throw error;
    const next = isKept ? `Mend that. ${RESUME}` : 'Nothing was kept: mend that, and begin anew.';
    throw new Failure('FILE', `--out: ${toShown(flags.out)}, or what is kept beside it, ${fault}.`, next);
  } finally {
    await out?.close();
    teller.end();
    forget();
  }
  const { size } = await stat(file);
  console.log(
    flags.json
      ? JSON.stringify({ file: flags.out, events: state.count, bytes: size, filter: state.filter })
      : `${state.count} events recorded before ${state.filter.to}, ${toSize(size)}, in ${toShown(flags.out)}`,
  );
};

/** Runs the command; gives its exit code. */
export const runExport = async (words: readonly string[]): Promise<number> => {
  watchInterrupts();
  try {
    const flags = readArguments(words);
    if (flags.help) console.log(HELP);
    else await exportAll(flags);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${toShown(error.message)}\n\n${HELP}`);
      return 2;
    }
    const fault = sayFileFault(error);
    const failure = error instanceof Failure ? error : fault === null ? null : new Failure('FILE', `A file ${fault}.`);
    if (!failure) throw error;
    // What the graph says of a part of the filter is said of the option that it came from.
    const [, field = ''] = (failure.code === 'BAD_USER_INPUT' && /^filter\.(\w+): /.exec(failure.message)) || [];
    const flag = FLAG_OF[field] ?? (FILTER_FLAGS.some((name) => name === field) ? field : null);
    const message = flag === null ? failure.message : failure.message.replace(/^[^:]*/, `--${flag}`);
    console.error(`${toShown(message)}${failure.next === null ? '' : `\n  ${toShown(failure.next)}`}`);
    return flag !== null || failure.code === WRONG ? 2 : 1;
  }
};
