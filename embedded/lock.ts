import fs from 'node:fs/promises';
import path from 'node:path';
import { codeOf, EmbeddedFailure } from './failure.ts';
import { isAlive, startMark } from './processes.ts';

const isHeld = (content: string): boolean => {
  const [pid = '', mark = ''] = content.split('\n');
  return /^\d+$/.test(pid) && isAlive(Number(pid)) && startMark(Number(pid)) === mark;
};

/** Whose lock a folder has: `held` by a process that lives, `stale` of one that is gone, or none. Takes nothing. */
export const findLock = async (folder: string): Promise<'held' | 'stale' | null> => {
  const content = await fs.readFile(path.join(folder, 'lock'), 'utf8').catch(() => null);
  return content === null ? null : isHeld(content) ? 'held' : 'stale';
};

/**
 * Takes `DATA_DIR/lock` for this process and returns how to give it back. A lock whose process is gone (also when its number was
 * given to another process) is taken over. Throws EmbeddedFailure when a living process holds it.
 */
export const takeLock = async (dataDir: string): Promise<() => Promise<void>> => {
  const file = path.join(dataDir, 'lock');
  const mine = `${process.pid}\n${startMark(process.pid) ?? ''}\n`;
  // The lock appears whole: it is written beside and linked into place, which fails if one is there.
  const draft = path.join(dataDir, `.lock.${process.pid}.${Math.random().toString(36).slice(2)}`);
  await fs.writeFile(draft, mine, { mode: 0o600, flag: 'wx' });
  try {
    for (let round = 0; round < 50; round += 1) {
      try {
        await fs.link(draft, file);
        return async () => {
          const content = await fs.readFile(file, 'utf8').catch(() => '');
          if (content === mine) await fs.rm(file, { force: true });
        };
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      }
      const seen = await fs.readFile(file, 'utf8').catch(() => null);
      if (seen === null) continue;
      if (isHeld(seen)) {
        const [pid] = seen.split('\n');
        throw new EmbeddedFailure(
          `The network in ${dataDir} is already running (process ${pid}). Stop it first, or start this one with another DATA_DIR and PORT.`,
        );
      }
      // Of several that see the stale lock only one moves it; one that moved a fresh lock by mistake puts it back.
      const aside = `${draft}.stale`;
      await fs.rename(file, aside).catch(() => undefined);
      const moved = await fs.readFile(aside, 'utf8').catch(() => null);
      if (moved !== null && moved !== seen) await fs.link(aside, file).catch(() => undefined);
      await fs.rm(aside, { force: true });
    }
    throw new EmbeddedFailure(`The lock of ${dataDir} cannot be taken; another start is under way. Try again in a moment.`);
  } finally {
    await fs.rm(draft, { force: true });
  }
};
