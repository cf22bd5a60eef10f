import fs from 'node:fs/promises';
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
