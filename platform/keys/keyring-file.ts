import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Keyring } from '#platform/config/files.ts';
import { replaceFile } from '#platform/disk/replace-file.ts';

/** A lock this old belongs to a process that died: what is done under it takes milliseconds. */
const STALE_MS = 3_000;
const DEADLINE_MS = 8_000;
const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
const readOrNull = (file: string): Promise<string | null> => fs.readFile(file, 'utf8').catch(() => null);

/**
 * Does something while no other process that asks the same is doing it: `FILE.lock` stands meanwhile. `isMine` tells whether it still does.
 * A lock that a killed process left is taken over. Throws what the file system throws, ETIMEDOUT where others hold it for too long.
 */
export const underLock = async <T>(file: string, act: (isMine: () => Promise<boolean>) => Promise<T>): Promise<T> => {
  const lock = `${file}.lock`;
  const mine = `${process.pid} ${randomBytes(12).toString('hex')}\n`;
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    try {
      await fs.writeFile(lock, mine, { mode: 0o600, flag: 'wx' });
      break;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    if (Date.now() > end) throw Object.assign(new Error('the lock of the keyring is held'), { code: 'ETIMEDOUT' });
    const [seen, stat] = await Promise.all([readOrNull(lock), fs.stat(lock).catch(() => null)]);
    if (stat !== null && Date.now() - stat.mtimeMs > STALE_MS) {
      // Of several that see the stale lock one moves it; one that moved a fresh lock by mistake puts it back.
      const aside = `${lock}.${randomBytes(6).toString('hex')}`;
      await fs.rename(lock, aside).catch(() => undefined);
      if ((await readOrNull(aside)) !== seen) await fs.link(aside, lock).catch(() => undefined);
      await fs.rm(aside, { force: true });
    }
    await sleep(5 + Math.random() * 15);
  }
  const isMine = async (): Promise<boolean> => (await readOrNull(lock)) === mine;
  try {
    return await act(isMine);
  } finally {
    if (await isMine()) await fs.rm(lock, { force: true });
  }
};

/** Replaces a keyring file whole, readable by its owner alone, and answers when the disk has it; a crash leaves the old one or the new. */
export const writeKeyringFile = (file: string, keyring: Keyring): Promise<void> =>
  replaceFile(file, `${JSON.stringify(keyring, null, 2)}\n`);
