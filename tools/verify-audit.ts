import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { judgeEntryBy, logKeys, NoKeyError, policyFor, witnessPart } from '#platform/audit/city-policy.ts';
import { findSuccessor } from '#platform/audit/find-successor.ts';
import { type CityReport, type CityState, type Trust, verifyCity } from '#platform/audit/verify-city.ts';
import { type LogSource, openHttpSource, SourceError } from '#platform/tlog/log-source.ts';
import { makeNoteVerifier } from '#platform/tlog/note.ts';
import { parsePolicy } from '#platform/tlog/policy.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { CannotVerify, codeOf } from './verify/failure.ts';
import { type Mirror, openFolder, openMirror } from './verify/folder.ts';
import { type LogPlace, openPlace } from './verify/places.ts';
import { defaultStateFile, type Evidence, type KnownLogs, keepEvidence, lockState, readState, writeState } from './verify/state-file.ts';
import { tellNotice, tellReport, toShown } from './verify/tell.ts';

const HELP = `npm run verify-audit -- URL|DIR [options]
npm run verify-audit -- --proof FILE --leaf FILE (--policy FILE|URL | --key VKEY)

Verifies audit logs from their public files alone: signatures, witnesses, every entry up to the signed root, and that each log has
only grown since the last run. Tells the first bad entry, and how old the witnesses’ newest word is.

URL  a network (http://host:port: all its cities), a city's log (…/audit/MTL) or one shard of it (…/audit/MTL/2)
DIR  a folder with the same files: a copy that --mirror made, or an exported shard

  --policy FILE|URL  whom to believe: logs, witnesses and quorum (https://c2sp.org/tlog-policy)
  --key VKEY         believe this key of the log, and ask for no witness
                     Without either, what the server itself says is believed at the first run, and kept.
  --city CODE        this city's log alone
  --state FILE       what was seen before; a file of the user's own for each URL or DIR unless you say so
                     ($XDG_STATE_HOME or ~/.local/state, caregraph/verify-audit/)
  --max-age DURATION how old the witnesses’ newest word may be, such as 90m, 36h or 7d; what is older, or has no witness, ends with 1.
                     Without it a log that no witness vouched for in 24 hours is warned of. Logs of this network are
                     cosigned anew each hour, also while nothing is written.
  --full             every entry again, not only those that are new
  --mirror DIR       keeps a copy of what was verified; with it a rewritten past is told to the entry
  --proof FILE       a .tlog-proof file to check instead, without a network …
  --leaf FILE        … and the entry's bytes that it is about
  --json             one line of JSON for each log on standard output
  --help             this text

Exit: 0 sound, 1 a fault was found or a log is older than --max-age, 2 nothing is said of a log: it could not be asked or was retired, the
policy has no key for it, state or copy cannot be written, or the command line is wrong.
`;

const OPTIONS = {
  policy: { type: 'string' },
  key: { type: 'string' },
  city: { type: 'string' },
  state: { type: 'string' },
  'max-age': { type: 'string' },
  full: { type: 'boolean', default: false },
  mirror: { type: 'string' },
  proof: { type: 'string' },
  leaf: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const readArguments = () => {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new CannotVerify(`${error instanceof Error ? error.message : 'The command line cannot be read.'}\n\n${HELP}`);
  }
};

const readGiven = async (flag: string, given: string): Promise<Uint8Array> => {
  try {
    if (!/^https?:\/\//i.test(given)) return new Uint8Array(await readFile(given));
    const { href } = new URL(given);
    const at = href.lastIndexOf('/') + 1;
    const bytes = await openHttpSource(href.slice(0, at), { patienceMs: 10_000 })(href.slice(at));
    if (bytes) return bytes;
  } catch (error) {
    const why = error instanceof SourceError ? error.message : codeOf(error) === 'ENOENT' ? 'no such file' : codeOf(error);
    throw new CannotVerify(`--${flag}: cannot be read (${why}).`);
  }
  throw new CannotVerify(`--${flag}: there is nothing at that address.`);
};

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const readMaxAge = (given: string): number => {
  const [, count = '', unit = ''] = /^([1-9]\d{0,6})([smhd])$/.exec(given) ?? [];
  const length = UNIT_MS[unit];
  if (length === undefined) throw new CannotVerify('--max-age is a number with s, m, h or d behind it, such as 90m, 36h or 7d.');
  return Number(count) * length;
};

const readTrust = async ({ policy, key }: { readonly policy?: string; readonly key?: string }): Promise<Trust> => {
  if (policy !== undefined && key !== undefined) throw new CannotVerify('Give --policy or --key, not both.');
  try {
    if (policy !== undefined) {
      const text = Buffer.from(await readGiven('policy', policy)).toString('utf8');
      parsePolicy(text);
      return { kind: 'policy', text };
    }
    if (key !== undefined) {
      makeNoteVerifier(key);
      return { kind: 'key', vkey: key };
    }
  } catch (error) {
    if (error instanceof TlogError) throw new CannotVerify(`${policy === undefined ? '--key' : '--policy'}: ${error.message}.`);
    throw error;
  }
  return { kind: 'first-use' };
};

const tellNoKey = (name: string, { origin }: NoKeyError, trust: Trust): CannotVerify =>
  new CannotVerify(
    trust.kind === 'key'
      ? `${name}: --key is not one of ${toShown(origin)}, so nothing is said of that log. Give its own key.`
      : `${name}: the policy has no key for ${toShown(origin)}, so nothing is said of that log. Give a policy with a line for it, or name other logs.`,
  );

const checkProof = async (proof: string, leaf: string, trust: Trust, isJson: boolean): Promise<number> => {
  if (trust.kind === 'first-use') throw new CannotVerify('A proof is checked against a policy or a key: give --policy or --key.');
  const policy = trust.kind === 'policy' ? trust.text : `log ${trust.vkey}\nquorum none\n`;
  const judgement = await judgeEntryBy(policy, await readGiven('proof', proof), await readGiven('leaf', leaf)).catch((error: unknown) => {
    throw error instanceof NoKeyError ? tellNoKey('--proof', error, trust) : error;
  });
  if (judgement.kind === 'refused') {
    const { reason, isNewlineTooMuch } = judgement;
    if (isJson) console.log(toLine({ isProven: false, reason, isNewlineTooMuch }));
    else {
      console.log(`NOT PROVEN (${reason})`);
      if (isNewlineTooMuch)
        console.log(
          '  Without the newline at its end the entry of --leaf is proven. No entry has one: save its bytes alone, as with jq -j in the place of jq -r.',
        );
    }
    return 1;
  }
  const { index, checkpoint, witnesses } = judgement;
  const names = witnesses.map(({ name }) => name);
  if (isJson) console.log(toLine({ isProven: true, index, origin: checkpoint.origin, size: checkpoint.size, witnesses: names }));
  else
    console.log(
      `proven: entry ${index} of ${checkpoint.size} in ${toShown(checkpoint.origin)}, ${names.length === 0 ? 'not witnessed' : `witnessed by ${toShown(names.join(', '))}`}`,
    );
  return 0;
};

/** A bar on standard error, on a terminal alone. */
const makeProgress = () => {
  if (!process.stderr.isTTY) return { at: () => {}, end: () => {} };
  const bar = new SingleBar({
    format: '{bar} {percentage} %  {value} of {total} entries  {name}',
    stream: process.stderr,
    barsize: 25,
    barCompleteChar: '#',
    barIncompleteChar: '.',
    clearOnComplete: true,
    hideCursor: true,
  });
  let shown = '';
  return {
    at: (name: string, done: number, total: number): void => {
      if (total === 0) return;
      if (shown !== name) bar.start(total, 0, { name });
      shown = name;
      bar.update(done);
    },
    end: (): void => {
      bar.stop();
      shown = '';
    },
  };
};

const ending = new AbortController();
const progress = makeProgress();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    progress.end();
    ending.abort();
  });

type Outcome = { readonly log: LogPlace; readonly report: CityReport; readonly mirror: Mirror | null };
/** How long a log that shows an older checkpoint is asked again: a copy behind its primary catches up. */
const BEHIND_TRIES = 3;
const BEHIND_MS = 1_500;

/** Whether a copy holds all of what is remembered: it ends with the same checkpoints. */
const isCopyOf = async (copy: LogSource, known: CityState | null): Promise<boolean> => {
  for (const [name, { log }] of Object.entries(known?.shards ?? {})) {
    const kept = await copy(name === '0' ? 'checkpoint' : `${name}/checkpoint`);
    const textOf = (note: string): string => note.slice(0, note.lastIndexOf('\n\n'));
    if (log && (!kept || textOf(Buffer.from(kept).toString()) !== textOf(log.note))) return false;
  }
  return true;
};

/**
 * A shard by itself whose entries were taken out of the database in the right way cannot be verified here, which is no fault. Throws `CannotVerify` then;
 * that it is so, no server can say: a later shard has to name the checkpoint that the shard ends with.
 */
const refuseRetired = async (
  { name, city }: LogPlace,
  { source, shard }: NonNullable<LogPlace['row']>,
  known: CityState | null,
  trust: Trust,
  isFull: boolean,
): Promise<void> => {
  const later = await findSuccessor({ source, shard, trust, known, city, now: new Date(), isFull, signal: ending.signal });
  if (later === null) return;
  const by = later === shard + 1 ? `shard ${later} names its last checkpoint` : `the shards up to ${later} follow it`;
  throw new CannotVerify(
    `${name}: this shard is not served any more, so it cannot be verified here; ${by}, as where a shard was retired. Its entries are in the archive of whoever runs the log: ask for the folder ${name}, and verify that by itself.`,
  );
};

const verifyOne = async (
  log: LogPlace,
  known: KnownLogs,
  trust: Trust,
  flags: {
    readonly full: boolean;
    readonly mirror?: string;
    readonly maxAgeMs: number | null;
    readonly isRemote: boolean;
    readonly isLone: boolean;
  },
): Promise<Outcome> => {
  const folder = flags.mirror === undefined ? null : path.join(flags.mirror, flags.isLone ? '' : log.name);
  const copy = folder === null ? null : openFolder(folder);
  const before = known[log.name] ?? known[log.formerName ?? ''] ?? null;
  if (log.absence !== undefined && before === null) throw new CannotVerify(log.absence);
  for (let round = 1; ; round++) {
    const mirror = folder === null ? null : await openMirror(folder);
    try {
      // A copy that lacks what was verified before has to get every file.
      const isNewCopy = copy !== null && !(await isCopyOf(copy, before));
      const report = await verifyCity({
        source: log.source,
        trust,
        known: before,
        city: log.city,
        now: new Date(),
        ...(flags.maxAgeMs === null ? {} : { maxAgeMs: flags.maxAgeMs }),
        isFull: flags.full || isNewCopy,
        copy,
        onProgress: (shard, done, total) => progress.at(toShown(shard > 1 ? `${log.name} shard ${shard}` : log.name), done, total),
        ...(mirror ? { onFile: mirror.put } : {}),
        signal: ending.signal,
      });
      const { fault } = report;
      if (fault?.kind === 'entry-missing' && log.row) await refuseRetired(log, log.row, before, trust, flags.full);
      // A smaller tree that differs from the one that is known comes from no copy that is behind: it is told at once, and kept.
      const isOther = fault?.kind === 'truncated' && fault.firstBadIndex < (report.shards.at(-1)?.size ?? 0);
      const isBehind = ['rolled-back', 'truncated', 'no-quorum'].includes(fault?.kind ?? '') && !isOther;
      if (!isBehind || !flags.isRemote || round === BEHIND_TRIES) return { log, report, mirror };
      await mirror?.drop();
      await new Promise((resolve) => setTimeout(resolve, BEHIND_MS));
    } catch (error) {
      await mirror?.drop();
      if (error instanceof SourceError) throw new CannotVerify(`${log.name}: the log cannot be asked: ${error.message} (${log.where}).`);
      if (error instanceof NoKeyError) throw tellNoKey(log.name, error, trust);
      if (error instanceof TlogError) throw new CannotVerify(`${log.name}: ${error.message}.`);
      throw error;
    } finally {
      progress.end();
    }
  }
};

/** JSON in which every character that a terminal could obey is escaped. */
const toLine = (value: unknown): string =>
  JSON.stringify(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    found
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
const toJson = ({ log, report }: Outcome, evidence: string | null): string => {
  const { isSound, isStale, shards, fault, notices } = report;
  return toLine({
    log: log.name,
    isSound,
    isStale,
    ...(fault ? { fault: fault.kind, shard: fault.shard, firstBadIndex: fault.firstBadIndex, isExact: fault.isExact } : {}),
    shards: shards.map(({ shard, origin, size, checked, isOpen, cosignedAt, ageSeconds, witnesses, warnings, fault: own }) => ({
      shard,
      origin,
      size,
      checked,
      isSound: own === null,
      isOpen,
      cosignedAt,
      ageSeconds,
      witnesses: witnesses.map(({ name, at }) => ({ name, at })),
      warnings,
    })),
    notices,
    evidence,
  });
};

/** What a copy needs beside the files of the logs to be verified by itself: whom they are believed by. */
const putTrust = async (mirror: Mirror, { state, shards }: CityReport): Promise<void> => {
  const all: string[] = [];
  for (const [name, { policy }] of Object.entries(state.shards)) {
    const [key] = logKeys(policy);
    if (key === undefined) continue;
    await mirror.put(name === '0' ? 'key' : `${name}/key`, Buffer.from(`${key}\n`));
    all.unshift(key);
  }
  const newest = state.shards[String(shards.at(-1)?.shard ?? 0)] ?? state.shards['0'];
  if (newest) await mirror.put('policy', Buffer.from(policyFor([...logKeys(newest.policy), ...all], witnessPart(newest.policy))));
};

const run = async (): Promise<number> => {
  const { values: flags, positionals } = readArguments();
  if (flags.help) {
    console.log(HELP);
    return 0;
  }
  const maxAgeMs = flags['max-age'] === undefined ? null : readMaxAge(flags['max-age']);
  if (maxAgeMs !== null && flags.key !== undefined)
    throw new CannotVerify('Witnesses alone say how old a log is, and --key asks for none: give --policy with --max-age.');
  if (maxAgeMs !== null && flags.proof !== undefined)
    throw new CannotVerify('--max-age is for logs. A proof stays true however old it is.');
  const trust = await readTrust(flags);
  if (flags.proof !== undefined || flags.leaf !== undefined) {
    if (flags.proof === undefined || flags.leaf === undefined || positionals.length > 0)
      throw new CannotVerify('--proof and --leaf belong together, and without an address.');
    return checkProof(flags.proof, flags.leaf, trust, flags.json);
  }
  const [given, ...others] = positionals;
  if (given === undefined || others.length > 0) throw new CannotVerify(`Name one address or one folder.\n\n${HELP}`);
  if (flags.city !== undefined && !/^[A-Z]{3}$/.test(flags.city))
    throw new CannotVerify('--city is a code of three capitals, such as MTL.');
  const place = await openPlace(given, flags.city ?? null, ending.signal);
  const file = path.resolve(flags.state ?? defaultStateFile(process.env, place.key));
  const unlock = await lockState(file);
  try {
    let known: KnownLogs = (await readState(file)) ?? {};
    let isSound = true;
    let isRecent = true;
    let failed: CannotVerify | null = null;
    for (const log of place.logs) {
      let outcome: Outcome;
      try {
        const { full, mirror } = flags;
        const more = {
          full,
          maxAgeMs,
          isRemote: place.isRemote,
          isLone: place.logs.length === 1,
          ...(mirror === undefined ? {} : { mirror }),
        };
        outcome = await verifyOne(log, known, trust, more);
      } catch (error) {
        // What the other logs are like is told all the same.
        if (!(error instanceof CannotVerify) || ending.signal.aborted) throw error;
        console.error(toShown(error.message));
        failed = error;
        continue;
      }
      const { report, mirror } = outcome;
      for (const notice of report.notices) console.error(tellNotice(log.name, notice));
      let evidence: string | null = null;
      try {
        // The copy first: a state that is ahead of it would never fetch what it lacks.
        if (report.isSound && mirror) {
          await putTrust(mirror, report);
          await mirror.keep();
        } else await mirror?.drop();
        if (report.isSound || !mirror) known = { ...known, [log.name]: report.state };
        await writeState(file, known);
        if (report.fault) {
          const { kind, firstBadIndex, notes } = report.fault;
          const found: Evidence = { at: new Date().toISOString(), log: log.name, kind, firstBadIndex, notes };
          evidence = await keepEvidence(file, [found]);
        }
      } catch (error) {
        // What was found is told all the same.
        await mirror?.drop();
        if (!(error instanceof CannotVerify)) throw error;
        console.error(toShown(error.message));
        failed = error;
      }
      if (report.fault) isSound = false;
      if (maxAgeMs !== null && report.isStale) isRecent = false;
      if (flags.json) console.log(toJson(outcome, evidence));
      else for (const line of tellReport(log.name, report)) console.log(line);
      if (evidence !== null && !flags.json) console.log(`  The notes are kept in ${evidence}`);
    }
    if (!isSound || !isRecent) return 1;
    return failed ? 2 : 0;
  } finally {
    await unlock();
  }
};

/** 1 says that a fault was found, so whatever else ends this program ends it with 2. */
const CANNOT = 2;
const tellEnd = (error: unknown): void => {
  if (ending.signal.aborted) console.error('Ended before the log was gone through; what was known before stays.');
  else if (error instanceof CannotVerify) console.error(error.message);
  else
    console.error(
      `Nothing is said of the log, as this program failed: ${error instanceof Error ? toShown(`${error.name}: ${error.message}`) : 'no reason is given'}`,
    );
};
for (const kind of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(kind, (error) => {
    tellEnd(error);
    process.exit(CANNOT);
  });
let isTold = true;
process.stdout.on('error', (error) => {
  // A reader that has seen enough goes, which is no failure.
  if (codeOf(error) === 'EPIPE') return;
  isTold = false;
  console.error(`Standard output cannot be written (${codeOf(error)}).`);
  process.exitCode ||= CANNOT;
});
process.stderr.on('error', () => {});

try {
  const code = await run();
  process.exitCode = code === 0 && !isTold ? CANNOT : code;
} catch (error) {
  tellEnd(error);
  process.exitCode = CANNOT;
}
