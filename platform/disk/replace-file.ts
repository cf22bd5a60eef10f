import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';

/** Waits until the names in a folder stand on the disk: what was made, renamed or removed there. Windows has no such wait. */
export const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform === 'win32') return;
  const handle = await fs.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

export type ReplaceOptions = {
  /** Who is to own it; this process's account unless told. */
  readonly owner?: { readonly uid: number; readonly gid: number } | null;
  /** Rights, as the umask leaves them; the owner's alone (0600) unless told. */
  readonly mode?: number;
  /**
   * `all`, unless told: it answers when content and name stand on the disk. `file`: a crash leaves the old content or the new, both whole, though
   * perhaps the old one after it answered. `none`: for what a crash may take.
   */
  readonly sync?: 'all' | 'file' | 'none';
  /**
   * Where it is written first, in the folder of `file`; what stands there goes. Unless told, a name beside `file` that nobody can know. A fixed name
   * leaves one file behind a process that is killed, whatever the number of times.
   */
  readonly draft?: string;
};

/**
 * Replaces a file in one step: whoever reads sees the old one or the new one, whole. It is written beside and renamed, so that a link in its place is
 * replaced, never followed. Throws what the file system throws; the old file stands then, and no draft.
 */
export const replaceFile = async (file: string, text: string, options: ReplaceOptions = {}): Promise<void> => {
  const { owner = null, mode = 0o600, sync = 'all', draft = `${file}.${randomBytes(6).toString('hex')}.tmp` } = options;
  if (options.draft !== undefined) await fs.rm(draft, { force: true });
  try {
    const handle = await fs.open(draft, 'wx', mode);
    try {
      await handle.writeFile(text);
      if (owner) await handle.chown(owner.uid, owner.gid);
      if (sync !== 'none') await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(draft, file);
  } catch (error) {
    await fs.rm(draft, { force: true });
    throw error;
  }
  if (sync === 'all') await syncFolder(path.dirname(file));
};
