import { constants } from 'node:fs';
import { mkdtemp, open, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '#platform/disk/make-folders.ts';
import { type LogSource, maxBytesOf, SourceError } from '#platform/tlog/log-source.ts';
import { codeOf, forOption } from './failure.ts';

const SAFE = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;

/** Files of a log in a folder: plain files alone, no longer than they may be. */
export const openFolder =
  (folder: string): LogSource =>
  async (name) => {
    if (!SAFE.test(name)) return null;
    let file: Awaited<ReturnType<typeof open>>;
    try {
      // A pipe would keep whoever opens it waiting.
      file = await open(path.join(folder, name), constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))) return null;
      throw new SourceError(`a file of the folder cannot be read (${codeOf(error)})`);
    }
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return null;
      if (stat.size > maxBytesOf(name)) throw new SourceError(`a file is longer than the ${maxBytesOf(name)} bytes that it may have`);
      return new Uint8Array(await file.readFile());
    } catch (error) {
      if (error instanceof SourceError) throw error;
      throw new SourceError(`a file of the folder cannot be read (${codeOf(error)})`);
    } finally {
      await file.close();
    }
  };

/** Names of the folders in a folder; none where it cannot be read. */
export const foldersIn = async (folder: string): Promise<string[]> => {
  const all = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return all
    .filter((each) => each.isDirectory())
    .map(({ name }) => name)
    .sort();
};

/** A copy of a log on its way: what was found right waits beside the copy until the whole of it is. */
export type Mirror = {
  readonly put: (name: string, bytes: Uint8Array) => Promise<void>;
  /** Takes what waits over into the copy, checkpoints last. */
  readonly keep: () => Promise<void>;
  readonly drop: () => Promise<void>;
};

/** Makes a folder and those above it. The answer takes away again which of them were made, as far as they are empty. Throws as `makeFolders`, with none left. */
export const makeOwnFolders = async (folder: string, mode?: number): Promise<() => Promise<void>> => {
  const made: string[] = [];
  for (let at = folder; (await stat(at).catch(() => null)) === null && path.dirname(at) !== at; at = path.dirname(at)) made.push(at);
  const takeAway = async (): Promise<void> => {
    for (const each of made) await rmdir(each).catch(() => {});
  };
  try {
    await makeFolders(folder, mode);
  } catch (error) {
    await takeAway();
    throw error;
  }
  return takeAway;
};

const WHAT = 'the copy cannot be written';
/** The folder, made where it is missing, and its parents. Throws `CannotVerify` where it cannot be written, here and later; what was begun is gone then. */
export const openMirror = async (folder: string): Promise<Mirror> => {
  const kept = <T>(work: () => Promise<T>): Promise<T> => forOption('--mirror', WHAT, work);
  const [waiting, takeAway] = await kept(async () => {
    const takeAway = await makeOwnFolders(folder);
    const made = await mkdtemp(path.join(folder, '.new-')).catch(async (error: unknown) => {
      await takeAway();
      throw error;
    });
    return [made, takeAway] as const;
  });
  const names = new Set<string>();
  const drop = async (): Promise<void> => {
    await rm(waiting, { recursive: true, force: true }).catch(() => {});
    await takeAway();
  };
  return {
    put: (name, bytes) =>
      kept(async () => {
        if (!SAFE.test(name)) throw new SourceError('a file has a name that no folder takes');
        const target = path.join(waiting, name);
        await makeFolders(path.dirname(target));
        await writeFile(target, bytes);
        names.add(name);
      }),
    keep: async () => {
      const isLast = (name: string): boolean => name.endsWith('checkpoint');
      try {
        await kept(async () => {
          for (const name of [...names].sort((a, b) => Number(isLast(a)) - Number(isLast(b)))) {
            const target = path.join(folder, name);
            await makeFolders(path.dirname(target));
            await rename(path.join(waiting, name), target);
          }
        });
      } finally {
        await drop();
      }
    },
    drop,
  };
};
