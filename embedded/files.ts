import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { Account } from './account.ts';
import { codeOf } from './failure.ts';

export const exists = async (file: string): Promise<boolean> =>
  fs.lstat(file).then(
    () => true,
    () => false,
  );

/** The text of a file, or null when there is none. Other faults are thrown. */
export const readText = async (file: string): Promise<string | null> =>
  fs.readFile(file, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  });

/**
 * Replaces a file in one step. The new file is made under a name nobody can know and renamed, so a link laid in a folder that the
 * unprivileged account owns is replaced, never followed. `durable` waits for the disk.
 */
export const replaceFile = async (
  file: string,
  text: string,
  options: { readonly account?: Account | null; readonly mode?: number; readonly durable?: boolean } = {},
): Promise<void> => {
  const draft = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await fs.open(draft, 'wx', options.mode ?? 0o600);
    try {
      await handle.writeFile(text);
      if (options.account) await handle.chown(options.account.uid, options.account.gid);
      if (options.durable) await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(draft, file);
  } catch (error) {
    await fs.rm(draft, { force: true });
    throw error;
  }
  if (options.durable) {
    const folder = await fs.open(path.dirname(file), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
};

/** Makes a folder with exactly this mode, whatever the umask; a folder that is there already stays as it is. */
export const makeFolder = async (folder: string, mode: number, account: Account | null = null): Promise<void> => {
  try {
    await fs.mkdir(folder, { mode });
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await fs.stat(folder)).isDirectory()) return;
    throw error;
  }
  await fs.chmod(folder, mode);
  if (account !== null) await fs.chown(folder, account.uid, account.gid);
};
