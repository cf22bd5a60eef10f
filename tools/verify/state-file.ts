import { createHash } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { isAlive, startMark } from '#embedded/processes.ts';
import { type CityState, parseCityState } from '#platform/audit/verify-city.ts';
import { replaceFile, syncFolder } from '#platform/disk/replace-file.ts';
import { digestOf } from '#platform/tlog/log-state.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { CannotVerify, codeOf, forOption } from './failure.ts';
import { makeOwnFolders } from './folder.ts';

/** What is kept of each log of a network, by the log's name. */
export type KnownLogs = Readonly<Record<string, CityState>>;

/** Where the state of a place is kept unless the caller says: in the user's folder for such things, one file for each address or folder. */
export const defaultStateFile = (env: Readonly<Record<string, string | undefined>>, place: string): string => {
  const root = env['XDG_STATE_HOME'] || path.join(homedir(), '.local', 'state');
  const readable = place
    .replace(/^https?:\/\//, '')
    .replaceAll(/[^A-Za-z0-9.-]+/g, '_')
    .slice(-60);
  return path.join(root, 'caregraph', 'verify-audit', `${readable}-${createHash('sha256').update(place).digest('hex').slice(0, 12)}.json`);
};

/** Reads the state; null where there is none yet. Throws `CannotVerify` where it is spoilt. */
export const readState = async (file: string): Promise<KnownLogs | null> => {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new CannotVerify(`The state file ${file} cannot be read (${codeOf(error)}).`);
  }
  const [digest = '', ...rest] = text.split('\n');
  const body = rest.join('\n');
  try {
    if (digest !== digestOf(body)) throw new TlogError('malformed', 'its checksum is wrong');
    const logs: unknown = JSON.parse(body);
    if (typeof logs !== 'object' || logs === null) throw new TlogError('malformed', 'it holds no logs');
    return Object.fromEntries(Object.entries(logs).map(([name, state]) => [name, parseCityState(state)]));
  } catch (error) {
    if (!(error instanceof TlogError) && !(error instanceof SyntaxError)) throw error;
    throw new CannotVerify(
      `The state file ${file} is spoilt: ${error.message}. Put a copy of it back. Without one, what was seen before is lost: take it away, or name another one with --state, and check the keys once more.`,
    );
  }
};

/** Writes a file whole or not at all, and onto the disk; its name too, where the file system knows how to wait for that. */
const writeWhole = async (file: string, text: string): Promise<void> => {
  await replaceFile(file, text, { draft: `${file}.${process.pid}.new`, sync: 'file' });
  await syncFolder(path.dirname(file)).catch(() => {});
};

const whereOf = (file: string): string => `the state file ${file} cannot be written`;
/** Throws `CannotVerify` where the disk does not take it; the old state stays then. */
export const writeState = (file: string, logs: KnownLogs): Promise<void> => {
  const body = `${JSON.stringify(logs)}\n`;
  return forOption('--state', whereOf(file), () => writeWhole(file, `${digestOf(body)}\n${body}`));
};

/** Notes that contradict each other, kept for whoever is to believe it. */
export type Evidence = {
  readonly at: string;
  readonly log: string;
  readonly kind: string;
  readonly firstBadIndex: number;
  readonly notes: readonly string[];
};
const MAX_EVIDENCE = 200;
/** Adds evidence to the file beside the state, each piece once; tells the file. Throws `CannotVerify` where the disk does not take it. */
export const keepEvidence = async (stateFile: string, found: readonly Evidence[]): Promise<string> => {
  const file = `${stateFile.replace(/\.json$/, '')}.evidence.json`;
  const before = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as Evidence[],
    () => [],
  );
  const keyOf = ({ log, kind, notes }: Evidence): string => JSON.stringify([log, kind, notes]);
  const known = new Set(before.map(keyOf));
  const all = [...before, ...found.filter((each) => !known.has(keyOf(each)))].slice(-MAX_EVIDENCE);
  await forOption('--state', `the evidence ${file} cannot be written`, () => writeWhole(file, `${JSON.stringify(all, null, 2)}\n`));
  return file;
};

/**
 * Takes the state file for this process; one that a dead process held is taken over. Throws `CannotVerify` while another one runs, and where nothing can be
 * written beside the file, which then could not be either.
 */
export const lockState = async (file: string): Promise<() => Promise<void>> => {
  const lock = `${file}.lock`;
  const mine = `${process.pid}\n${startMark(process.pid) ?? ''}\n`;
  const draft = `${lock}.${process.pid}`;
  let isHeld = false;
  let takeAway = async (): Promise<void> => {};
  try {
    return await forOption('--state', whereOf(file), async () => {
      takeAway = await makeOwnFolders(path.dirname(file), 0o700);
      await writeFile(draft, mine, { mode: 0o600 });
      for (let round = 0; round < 20; round++) {
        try {
          // Appears whole, and for one of several alone.
          await link(draft, lock);
          isHeld = true;
          return async () => {
            // One that cannot be taken away is taken over by the next run.
            if ((await readFile(lock, 'utf8').catch(() => '')) === mine) await rm(lock, { force: true }).catch(() => {});
            await takeAway();
          };
        } catch (error) {
          if (codeOf(error) !== 'EEXIST') throw error;
        }
        const held = await readFile(lock, 'utf8').catch(() => null);
        if (held === null) continue;
        const [pid = '', mark = ''] = held.split('\n');
        if (isAlive(Number(pid)) && startMark(Number(pid)) === mark)
          throw new CannotVerify(`Another run (process ${pid}) holds the state file. Wait for it, or name another file with --state.`);
        // Of several that see it only one moves it away.
        await rename(lock, `${draft}.stale`).catch(() => {});
        await rm(`${draft}.stale`, { force: true });
      }
      throw new CannotVerify('The state file is held by run after run. Try again in a moment.');
    });
  } finally {
    await rm(draft, { force: true }).catch(() => {});
    if (!isHeld) await takeAway();
  }
};
