import { randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, readFile, realpath, rename, rm, statfs, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { makeFolders } from '#platform/disk/make-folders.ts';
import { syncFolder as flushFolder } from '#platform/disk/replace-file.ts';
import { makeGate } from './gate.ts';
import { StoreFullError, StoreUnavailableError } from './store.ts';

/** Calls of one store at once, out of the four threads that all of Node's file system calls share: two stores leave none idle, one that hangs leaves two. */
const CALLS_AT_ONCE = 2;
/** Deadlines that a flush may take: it cannot tell its progress. Writers flush every 16 MiB, so that no flush has much to do. */
export const FLUSH_FACTOR = 5;
/** Largest write or read in one call, bytes, so that the deadline of a call is one without progress. */
const STEP_BYTES = 1024 * 1024;
const MARKER = '.store';
/** What a fresh file system may hold. */
const FRESH = new Set(['lost+found', MARKER]);

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY } = constants;
/** Absent on Windows. A pipe put in a file's place would hold a thread for good when opened without `O_NONBLOCK`. */
const SAFELY = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
export const OPEN = {
  read: O_RDONLY | SAFELY,
  write: O_RDWR | SAFELY,
  make: O_WRONLY | O_CREAT | O_EXCL | SAFELY,
  resume: O_RDWR | O_CREAT | SAFELY,
};

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EFBIG']);
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'ENOENT']);

/** The errno of a failed call, null for any other error. */
export const codeOf = (error: unknown): string | null => {
  if (typeof error !== 'object' || error === null || !('syscall' in error)) return null;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : null;
};

/** Nothing there, or something that is no regular file: a link, a pipe. A blob that is written takes its place. */
const isAbsence = (code: string | null): boolean => code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO';

export type OpenFile = { readonly handle: FileHandle; readonly stat: Stats };

export type DiskOptions = {
  readonly name: string;
  readonly folder: string;
  readonly floorShare: number;
  readonly timeoutMs: number;
  readonly create: boolean;
};

/** The folder of a store, call by call. Paths are those that `folders` begins. Errors are the store's (`StoreFullError` …) or its configuration's. */
export type Disk = ReturnType<typeof makeDisk>;

export const makeDisk = ({ name, folder, floorShare, timeoutMs, create }: DiskOptions) => {
  const unavailable = (cause?: unknown): StoreUnavailableError => new StoreUnavailableError(name, cause);
  const { run, overdue } = makeGate(CALLS_AT_ONCE, timeoutMs, unavailable);

  /** What a failed call says of the store; the path is left out of the cause. */
  const explain = (error: unknown, writing: boolean): unknown => {
    const code = codeOf(error);
    if (code === null) return error;
    const cause = Object.assign(new Error(code), { code });
    return writing && FULL.has(code) ? new StoreFullError(name, cause) : unavailable(cause);
  };

  /** Closes without waiting longer than a deadline: a close waits for the handle's own calls. */
  const letGo = async (handle: FileHandle): Promise<void> => {
    const closing = handle.close().catch(() => undefined);
    if (overdue() === 0) await Promise.race([closing, pause(timeoutMs, undefined, { ref: false })]);
  };
  const late = (opened: OpenFile | null): unknown => opened?.handle.close();

  let root: string | null = null;
  let markerId = '';
  const idOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`;

  /** Makes the marker, unless somebody else does at the same time; then theirs is read. */
  const placeMarker = async (at: string): Promise<void> => {
    const strangers = (await readdir(at)).filter((entry) => !FRESH.has(entry) && !entry.startsWith(`${MARKER}.`));
    if (strangers.length > 0) throw new Error(`the folder of the ${name} store holds other things: give the store a folder of its own`);
    const draft = join(at, `${MARKER}.${randomUUID()}`);
    const handle = await open(draft, OPEN.make, 0o600);
    try {
      await handle.chmod(0o600);
      await handle.write(`${name}\n`);
      await handle.sync();
      await handle.close();
      await link(draft, join(at, MARKER)).catch(async (error: unknown) => {
        if (codeOf(error) === 'EEXIST') return;
        if (!NO_LINKS.has(codeOf(error) ?? '')) throw error;
        await rename(draft, join(at, MARKER));
      });
    } finally {
      await handle.close().catch(() => undefined);
      await rm(draft, { force: true });
    }
  };

  const prepare = async (): Promise<string> => {
    if (create) await makeFolders(folder, 0o700);
    const at = await realpath(folder);
    const marker = join(at, MARKER);
    let text = await readFile(marker, 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT' && create) return null;
      throw error;
    });
    const isNew = text === null;
    if (text === null) {
      await placeMarker(at);
      text = await readFile(marker, 'utf8');
    }
    if (text.trim() !== name)
      throw new Error(`the folder of the ${name} store belongs to another store: give each store a folder of its own`);
    if (isNew) {
      const handle = await open(at, O_RDONLY);
      try {
        await handle.chmod(0o700);
      } finally {
        await handle.close();
      }
    }
    for (const inner of ['blobs', 'partial']) {
      await mkdir(join(at, inner), { mode: 0o700 }).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error;
      });
      if ((await realpath(join(at, inner))) !== join(at, inner)) throw new Error(`a folder of the ${name} store leads elsewhere`);
    }
    if (isNew) await flushFolder(at);
    markerId = idOf(await lstat(marker));
    return at;
  };

  const syncFolder = (path: string): Promise<void> => run(() => flushFolder(path), { factor: FLUSH_FACTOR });

  let preparing: Promise<string> | null = null;
  /** Finds or makes the folder, once; tries again at the next act where the disk was not there. */
  const ready = async (): Promise<string> => {
    if (root !== null) return root;
    preparing ??= run(prepare, { factor: FLUSH_FACTOR });
    try {
      root = await preparing;
      return root;
    } catch (error) {
      throw codeOf(error) === 'ENOTDIR' || codeOf(error) === 'EEXIST'
        ? new Error(`the folder of the ${name} store is no folder`)
        : explain(error, false);
    } finally {
      preparing = null;
    }
  };

  /** Throws where the folder is not the one that was opened: its disk was taken away and left an empty mount point. */
  const checkMarker = async (): Promise<void> => {
    const marker = join(await ready(), MARKER);
    const found = await run(() => lstat(marker)).then(idOf, (error: unknown) => {
      throw unavailable(explain(error, false));
    });
    if (found === markerId) return;
    const text = await run(() => readFile(marker, 'utf8'));
    if (text.trim() !== name) throw unavailable(new Error('another store is mounted in its place'));
    markerId = found;
  };

  /** Throws where `bytes` more would leave less than the floor. */
  const checkFloor = async (bytes: number): Promise<void> => {
    const at = await ready();
    const { bavail, blocks, bsize } = await run(() => statfs(at));
    if (bavail * bsize - bytes < blocks * bsize * floorShare) throw new StoreFullError(name, new Error('the floor of the disk is reached'));
  };

  /** Throws where a folder of the fan-out, or one above it, is a link to somewhere else. Inside a call of `run`. */
  const insist = async (path: string): Promise<void> => {
    if ((await realpath(path)) !== path) throw unavailable(new Error('a folder of the store leads elsewhere'));
  };

  /** A regular file, null where there is none. Never a link's target. */
  const openFile = async (path: string, flags: number): Promise<OpenFile | null> => {
    try {
      return await run(
        async () => {
          await insist(dirname(path));
          const handle = await open(path, flags, 0o600);
          try {
            const stat = await handle.stat();
            if (stat.isFile()) return { handle, stat };
          } catch (error) {
            await handle.close();
            throw error;
          }
          await handle.close();
          return null;
        },
        { late },
      );
    } catch (error) {
      if (!isAbsence(codeOf(error))) throw error;
      await checkMarker();
      return null;
    }
  };

  const making = new Map<string, Promise<void>>();
  /** Makes a folder of the fan-out and the one above it, durably. */
  const makeLeaf = (leaf: string): Promise<void> => {
    const make = async (): Promise<void> => {
      await checkMarker();
      const parent = dirname(leaf);
      for (const path of [parent, leaf]) {
        await run(() => mkdir(path, { mode: 0o700 })).catch((error: unknown) => {
          if (codeOf(error) !== 'EEXIST') throw error;
        });
      }
      await Promise.all([syncFolder(parent), syncFolder(dirname(parent))]);
    };
    const before = making.get(leaf);
    if (before !== undefined) return before;
    const made = make().finally(() => making.delete(leaf));
    making.set(leaf, made);
    return made;
  };

  /** Does what needs a folder of the fan-out, which is made where it is missing and durable when this answers. */
  const inLeaf = async <T>(leaf: string, act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      await makeLeaf(leaf);
      return await act();
    } finally {
      await making.get(leaf);
    }
  };

  /** Makes a file that was not there. */
  const makeFile = (path: string): Promise<FileHandle> =>
    run(
      async () => {
        await insist(dirname(path));
        return await open(path, OPEN.make, 0o600);
      },
      {
        late: async (handle) => {
          await handle.close();
          await unlink(path);
        },
      },
    );

  const writeAt = async (handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> => {
    for (let done = 0; done < bytes.length; ) {
      const from = done;
      const { bytesWritten } = await run(() => handle.write(bytes, from, Math.min(STEP_BYTES, bytes.length - from), position + from));
      done += bytesWritten;
    }
  };

  const readAt = async (handle: FileHandle, position: number, length: number): Promise<Buffer> => {
    const piece = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const from = done;
      const { bytesRead } = await run(() => handle.read(piece, from, Math.min(STEP_BYTES, length - from), position + from));
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done === length ? piece : piece.subarray(0, done);
  };

  const flush = (handle: FileHandle): Promise<void> => run(() => handle.datasync(), { factor: FLUSH_FACTOR });

  /** Overwrites a file in place, durably. Nothing is promised of copies that a disk or a file system makes by itself. */
  const blank = async ({ handle, stat }: OpenFile): Promise<void> => {
    await writeAt(handle, new Uint8Array(stat.size), 0);
    await flush(handle);
  };

  const lookAt = async (path: string): Promise<Stats | null> => {
    try {
      const stat = await run(async () => {
        await insist(dirname(path));
        return await lstat(path);
      });
      return stat.isFile() ? stat : null;
    } catch (error) {
      if (!isAbsence(codeOf(error))) throw error;
      await checkMarker();
      return null;
    }
  };

  /** False where there was nothing. */
  const unlinkFile = async (path: string): Promise<boolean> => {
    try {
      await run(() => unlink(path));
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
  };

  /** Names in a folder of the store, none where it does not exist. */
  const namesIn = async (path: string): Promise<string[]> => {
    try {
      return await run(async () => {
        await insist(path);
        return await readdir(path);
      });
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
      await checkMarker();
      return [];
    }
  };

  const moveFile = (from: string, to: string): Promise<void> => run(() => rename(from, to));

  /** A second name for a file; false where the file system has none to give, or there is no such file. */
  const linkFile = async (from: string, to: string): Promise<boolean> => {
    try {
      await run(() => link(from, to));
      return true;
    } catch (error) {
      if (NO_LINKS.has(codeOf(error) ?? '')) return false;
      throw error;
    }
  };

  const truncateFile = (handle: FileHandle, size: number): Promise<void> => run(() => handle.truncate(size));

  return {
    run,
    ready,
    explain,
    letGo,
    checkMarker,
    checkFloor,
    openFile,
    inLeaf,
    makeFile,
    writeAt,
    readAt,
    flush,
    syncFolder,
    blank,
    lookAt,
    unlinkFile,
    namesIn,
    moveFile,
    linkFile,
    truncateFile,
  };
};
