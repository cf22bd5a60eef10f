import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openLogKeeper } from '#audit/server.ts';
import { AlarmRefusal, alarmId, evidenceOf, parseAlarmId } from '#audit/service/witness/alarms.ts';
import type { KeptAlarm } from '#audit/store/witness-store.ts';
import { EmbeddedFailure } from '#embedded/failure.ts';
import { readNetwork } from '#embedded/read-network.ts';
import { AuditUnavailableError } from '#platform/audit/append.ts';
import { ConfigurationError, readStartConfig, readSubgraphConfig } from '#platform/config/env.ts';
import { makeFolders } from '#platform/disk/make-folders.ts';
import { replaceFile } from '#platform/disk/replace-file.ts';
import { makeLog } from '#platform/observability/log.ts';
import { openSubjects } from '#platform/subjects/open-subjects.ts';
import { checkEvidence, parseEvidence } from '#platform/tlog/evidence.ts';
import { makeNoteVerifier, type NoteVerifier } from '#platform/tlog/note.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { sayFileFault } from '../files/failure.ts';
import { toShown } from '../files/names.ts';
import { readCommandLine } from '../usage.ts';
import { sayNoCity } from './say.ts';

export const ALARMS_HELP = `npm run audit-log -- alarms [CITY|ID] [--open] [--evidence FOLDER] [--json]
npm run audit-log -- close-alarm ID --reason TEXT [--by NAME] [--json]
npm run audit-log -- check-evidence FILE --key KEY [--json]

alarms          lists what the cities, as witnesses, keep against logs: each alarm with its ID, such as QUE-alarm-3, closed ones too
close-alarm     says that an alarm was looked into. It stays with its evidence; health counts it no longer; an audit entry says who closed it and why
check-evidence  checks such a file by the public key of the log alone, and needs no network: for whoever is given one

  --open             only those that nobody closed
  --evidence FOLDER  writes the evidence of each into FOLDER/ID.json: the two notes that the log signed, and for a rewritten past the proof
  --reason TEXT      what was found and done; up to 1,000 characters on one line. Kept for good and shown to operators: name no patient
  --by NAME          who is answerable for it; the user of this machine unless you say so, who is recorded either way
  --key KEY          public key of the log, <name>+<key id>+<base 64>, from a source of your own; its network serves it at /audit/CITY/key
  --json             one line of JSON per alarm
  --help             this text

Settings: DATA_DIR (.data) finds the running network; under NODE_ENV=production those of the audit subgraph (CITIES …) do.
Exit: 0 done, 1 it could not be done or the evidence proves nothing, 2 the command line or the settings are wrong.
`;

const REFUSED = 1;
const MISUSED = 2;
const COMMANDS = ['alarms', 'close-alarm', 'check-evidence'];
const MAX_BY = 100;
const MAX_REASON = 1_000;

/** Text that stays as it was given: one line, no control or direction characters. */
const isLine = (text: string, most: number): boolean =>
  text.trim() !== '' && text.length <= most && text.isWellFormed() && toShown(text) === text;

/** The user that this process runs as, as the machine says; null where it has no name. */
const findUser = (): string | null => {
  try {
    return os.userInfo().username;
  } catch {
    return null;
  }
};

const readSettings = async () => {
  if (process.env['NODE_ENV'] === 'production') return readSubgraphConfig('audit');
  const config = readStartConfig();
  return { ...(await readNetwork(config.dataDir)), subjects: config.subjects };
};

const describe = (alarm: KeptAlarm): string => {
  const { city, id, kind, known, size, at, again, closed } = alarm;
  const what = {
    fork: `signed two trees of ${size} entries`,
    rewritten: `signed ${size} entries that do not begin with the ${known.size} of before`,
    unexplained: `sent ${size} entries without a proof behind ${known.size}; nothing is proven`,
  }[kind];
  const ending = closed ? `closed ${closed.at.toISOString()} by ${closed.by} (user ${closed.user}): ${closed.reason}` : 'open';
  const before = again === null ? '' : `; the same as ${alarmId(city, again)}`;
  return toShown(`${alarmId(city, id)}  ${kind}  ${known.origin} ${what}, found ${at.toISOString()}${before}; ${ending}`);
};
const toJson = (alarm: KeptAlarm, evidence: string | null): string => {
  const { city, id, kind, known, size, at, again, closed } = alarm;
  return JSON.stringify({
    id: alarmId(city, id),
    city,
    kind,
    origin: known.origin,
    knownSize: known.size,
    size,
    at,
    again: again === null ? null : alarmId(city, again),
    closed,
    evidence,
  });
};

/** `check-evidence`: of a file that may come from anybody. */
const check = async (file: string, verifier: NoteVerifier, isJson: boolean): Promise<number> => {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const fault = sayFileFault(error);
    if (fault === null) throw error;
    console.error(`The file ${toShown(file)} ${fault}.`);
    return REFUSED;
  }
  try {
    const evidence = parseEvidence(text);
    const { origin, knownSize, size } = await checkEvidence(evidence, [verifier]);
    const said =
      evidence.kind === 'fork'
        ? `The key of ${origin} signed two different trees of ${size} entries.`
        : `The key of ${origin} signed ${size} entries that do not begin with the ${knownSize} that it signed before.`;
    console.log(isJson ? JSON.stringify({ isProven: true, kind: evidence.kind, origin, knownSize, size }) : toShown(said));
    return 0;
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    if (isJson) console.log(JSON.stringify({ isProven: false, fault: error.fault }));
    else console.error(`Proves nothing: ${error.message}`);
    return REFUSED;
  }
};

/** The commands `alarms`, `close-alarm` and `check-evidence`; returns the exit code. */
export const runAlarmsCommand = async (): Promise<number> => {
  const misuse = (reason: string): number => {
    console.error(`${toShown(reason)}\n\n${ALARMS_HELP}`);
    return MISUSED;
  };
  const { values: flags, positionals } = readCommandLine(
    ALARMS_HELP,
    {
      open: { type: 'boolean', default: false },
      evidence: { type: 'string' },
      reason: { type: 'string' },
      by: { type: 'string' },
      key: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    { allowPositionals: true },
  );
  const [command = '', word, ...others] = positionals;
  if (!COMMANDS.includes(command) || others.length > 0) return misuse(`Say one of ${COMMANDS.join(', ')}, and at most one word more.`);
  const allowed = { alarms: ['open', 'evidence'], 'close-alarm': ['reason', 'by'], 'check-evidence': ['key'] }[command] ?? [];
  const stray = (['evidence', 'reason', 'by', 'key'] as const).find((name) => flags[name] !== undefined && !allowed.includes(name));
  if (stray !== undefined || (flags.open && command !== 'alarms')) return misuse(`--${stray ?? 'open'} is not for ${command}.`);

  if (command === 'check-evidence') {
    if (word === undefined) return misuse('Say which file.');
    if (flags.key === undefined) return misuse('Say the public key of the log: --key KEY');
    let verifier: NoteVerifier;
    try {
      verifier = makeNoteVerifier(flags.key.trim());
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      return misuse('--key: is no public key, <name>+<key id>+<base 64>.');
    }
    return check(word, verifier, flags.json);
  }

  const named = word === undefined ? null : parseAlarmId(word);
  const isClosing = command === 'close-alarm';
  if (isClosing && !named) return misuse('Say which alarm, by its ID: npm run audit-log -- alarms');
  const { reason = '' } = flags;
  if (isClosing && !isLine(reason, MAX_REASON)) return misuse(`--reason: is missing, or not one line of up to ${MAX_REASON} characters.`);
  const user = findUser();
  const by = flags.by ?? user ?? '';
  if (isClosing && !isLine(by, MAX_BY)) return misuse(`--by: is missing, or not one line of up to ${MAX_BY} characters.`);

  const code = named?.city ?? word;
  let subjects: Awaited<ReturnType<typeof openSubjects>> | null = null;
  let keeper: ReturnType<typeof openLogKeeper>;
  let cities: readonly string[];
  try {
    const settings = await readSettings();
    cities = settings.cities.map((each) => each.code).filter((each) => code === undefined || each === code);
    if (cities.length === 0) return misuse(sayNoCity(settings.cities));
    if (isClosing)
      subjects = await openSubjects(settings.subjects, {
        cities,
        indexKey: settings.secrets.subjectIndexKey,
        log: makeLog('audit-log', 'warn', 2),
      });
    const ofCities = settings.cities.filter((each) => cities.includes(each.code));
    keeper = openLogKeeper({ cities: ofCities, secrets: settings.secrets, ...(subjects ? { subjects } : {}) });
  } catch (error) {
    if (!(error instanceof ConfigurationError || error instanceof EmbeddedFailure)) throw error;
    console.error(error.message);
    return MISUSED;
  }
  try {
    if (isClosing && named) {
      const closed = await keeper.closeAlarm(named.city, named.number, { by, user: user ?? 'unknown', reason });
      console.log(
        flags.json
          ? toJson(closed, null)
          : `${describe(closed)}\nThe log that it is about is as it was: what a witness cosigned it holds on to. If that log stands still, see docs/operations.md, Witnesses.`,
      );
      return 0;
    }
    let code = 0;
    let told = 0;
    for (const city of cities) {
      let found: KeptAlarm[];
      try {
        found = await keeper.alarms(city, named?.number ?? null);
      } catch {
        console.error(`${city}: does not answer: start the network (npm start), or say it again in a moment`);
        code = REFUSED;
        continue;
      }
      for (const alarm of found.filter(({ closed }) => !flags.open || !closed)) {
        told++;
        let file: string | null = null;
        const evidence = flags.evidence === undefined ? null : evidenceOf(alarm);
        if (flags.evidence !== undefined && evidence !== null) {
          await makeFolders(flags.evidence);
          file = path.join(flags.evidence, `${alarmId(alarm.city, alarm.id)}.json`);
          await replaceFile(file, evidence, { mode: 0o644, draft: `${file}.next` });
        }
        console.log(flags.json ? toJson(alarm, file) : `${describe(alarm)}${file === null ? '' : `\n  evidence: ${toShown(file)}`}`);
      }
    }
    if (named && told === 0 && code === 0) {
      console.error(`There is no such alarm${flags.open ? ' that is open' : ''}: npm run audit-log -- alarms ${named.city}`);
      return REFUSED;
    }
    if (told === 0 && code === 0 && !flags.json) console.log('There are no alarms.');
    return code;
  } catch (error) {
    const fault = sayFileFault(error);
    if (error instanceof AlarmRefusal) console.error(error.message);
    else if (fault !== null && flags.evidence !== undefined)
      console.error(`--evidence: the folder ${toShown(flags.evidence)}, or a file in it, ${fault}. Name one that may be written.`);
    else if (error instanceof AuditUnavailableError) console.error('The entry could not be written, so the alarm is open still.');
    else console.error('The city does not answer: whether it was done shows npm run audit-log -- alarms');
    return REFUSED;
  } finally {
    await keeper.stop();
    await subjects?.stop();
  }
};
