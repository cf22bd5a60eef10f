import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { makeQueues } from '#platform/pure/turns.ts';
import { codeOf, type Disk, makeDisk, OPEN } from './disk.ts';
import { fanOut, readMark, toFileName, toKey, toMarkedName } from './file-names.ts';
import { PIECE_BYTES, readPieces } from './read-pieces.ts';
import { type BlobInfo, type BlobStore, type BlobWriter, requireKey, StoreUnavailableError } from './store.ts';

/** Blobs up to here are overwritten before they go, bytes: wrapped keys are no longer than this. */
const SMALL_BYTES = 4096;
/** A writer looks at the floor, and begins to flush, every so many bytes. */
const CHECK_BYTES = 16 * 1024 * 1024;
/** A file left by a writer that died is swept by `list` when it is this old, ms. */
const LEFTOVER_MS = 60 * 60 * 1000;
/** Somebody else may sweep a file that is just being put into place; then it is put again. */
const MAX_PUTS = 3;

export type DirectoryOptions = {
  readonly name: string;
  /** Made where it is missing. Nothing else may be in it. */
  readonly folder: string;
  /** Share of the disk (0–1) that has to stay free. */
  readonly floorShare: number;
  /** How long a call may take without progress, ms; 2,000 by default, five times as long for a flush. */
  readonly timeoutMs?: number;
  /** Whether an empty folder may become a store (so by default). Where it may not, an empty mount point is never taken for a new store. */
  readonly create?: boolean;
};

/** Fits a range into a file. */
const clip = (range: { readonly start: number; readonly end: number } | undefined, size: number): { start: number; end: number } => {
  const { start, end } = range ?? { start: 0, end: size };
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0) throw new RangeError('a range has whole bytes from 0');
  return { start: Math.min(start, size), end: Math.max(Math.min(end, size), Math.min(start, size)) };
};

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  if (bytes.length > 0) yield bytes;
}

/**
 * A store in a folder of a local disk: `.store` (its name; tells the folder from an empty mount point), `blobs/ab/cd/` (fan-out by SHA-256,
 * the key as file name with `~` for `/`) and `partial/`, all of mode 0700 and 0600.
 *
 * Every blob is written aside, flushed, renamed and its folder flushed; so a reader sees the whole old one or the whole new one, and what
 * was acknowledged survives a power cut. Small blobs are overwritten with zeros when they are replaced or removed, after their name is gone;
 * a crash in between leaves a file `…~~old.…` that the next `put` or `remove` of the key, or a `list`, overwrites. What a disk or a file
 * system copies by itself (snapshots, wear levelling) is beyond reach.
 *
 * Calls cannot be cancelled: one that takes too long makes the store unavailable until it comes back (`gate.ts`), so nothing later can
 * overtake it. Within a process a second writer of a key ends the first; between processes the caller sees to it that there is one.
 */
export const openDirectoryStore = async (options: DirectoryOptions): Promise<BlobStore> => {
  const { name, folder, floorShare, timeoutMs = 2000, create = true } = options;
  if (!(floorShare >= 0 && floorShare < 1)) throw new Error(`the floor of the ${name} store is a share from 0 to below 1`);
  const disk = makeDisk({ name, folder, floorShare, timeoutMs, create });

  const explained = async <T>(writing: boolean, act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      throw disk.explain(error, writing);
    }
  };
  const placeOf = async (key: string): Promise<{ leaf: string; path: string; partials: string; partial: string }> => {
    const fileName = toFileName(key);
    const root = await disk.ready();
    const leaf = join(root, 'blobs', ...fanOut(key));
    const partials = join(root, 'partial');
    return { leaf, path: join(leaf, fileName), partials, partial: join(partials, fileName) };
  };

  /** One change of a key after the other. */
  const { run: inTurn } = makeQueues();

  /** Destroys a file that goes along with a key. One that is still being put loses its name first: who puts it then begins again. */
  const sweep = async (path: string, mark: 'put' | 'old'): Promise<void> => {
    const file = await disk.openFile(path, OPEN.write);
    if (file === null) {
      await disk.unlinkFile(path);
      return;
    }
    try {
      if (mark === 'put') {
        if (await disk.unlinkFile(path)) await disk.blank(file);
        return;
      }
      if (file.stat.nlink === 1) await disk.blank(file);
      await disk.unlinkFile(path);
    } finally {
      await disk.letGo(file.handle);
    }
  };
  const sweepKey = async (leaf: string, key: string): Promise<void> => {
    for (const found of await disk.namesIn(leaf)) {
      const marked = readMark(found);
      if (marked?.key === key) await sweep(join(leaf, found), marked.mark);
    }
  };

  const writeAside = async (path: string, bytes: Uint8Array): Promise<void> => {
    const handle = await disk.makeFile(path);
    try {
      await disk.writeAt(handle, bytes, 0);
      await disk.flush(handle);
    } catch (error) {
      await disk.letGo(handle);
      await disk.unlinkFile(path).catch(() => undefined);
      throw error;
    }
    await disk.letGo(handle);
  };

  const putOnce = async (key: string, bytes: Uint8Array): Promise<void> => {
    const { leaf, path } = await placeOf(key);
    await disk.checkMarker();
    const found = await disk.openFile(path, OPEN.write);
    const old = found !== null && found.stat.size <= SMALL_BYTES ? found : null;
    if (found !== null && old === null) await disk.letGo(found.handle);
    try {
      // A tombstone takes a key's place on a full disk too.
      if (old === null || bytes.length > SMALL_BYTES) await disk.checkFloor(bytes.length);
      const aside = join(leaf, toMarkedName(key, 'put', randomUUID()));
      const oldName = join(leaf, toMarkedName(key, 'old', randomUUID()));
      await disk.inLeaf(leaf, () => writeAside(aside, bytes));
      if (old !== null) await disk.linkFile(path, oldName);
      try {
        await disk.moveFile(aside, path);
      } catch (error) {
        await disk.unlinkFile(aside).catch(() => undefined);
        await disk.unlinkFile(oldName).catch(() => undefined);
        throw error;
      }
      await disk.syncFolder(leaf);
      if (old === null) return;
      await disk.blank(old);
      await disk.unlinkFile(oldName);
      await sweepKey(leaf, key);
    } finally {
      if (old !== null) await disk.letGo(old.handle);
    }
  };

  const put: BlobStore['put'] = async (key, bytes) =>
    inTurn(requireKey(key), () =>
      explained(true, async () => {
        for (let tries = 1; ; tries++) {
          try {
            return await putOnce(key, bytes);
          } catch (error) {
            if (codeOf(error) !== 'ENOENT' || tries === MAX_PUTS) throw error;
            await disk.checkMarker();
          }
        }
      }),
    );

  const removeFinished = async (leaf: string, path: string, key: string): Promise<void> => {
    const stat = await disk.lookAt(path);
    const oldName = join(leaf, toMarkedName(key, 'old', randomUUID()));
    if (stat !== null && stat.size <= SMALL_BYTES) {
      await disk.moveFile(path, oldName).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
      });
      await disk.syncFolder(leaf);
    } else if (await disk.unlinkFile(path)) await disk.syncFolder(leaf);
    await sweepKey(leaf, key);
  };
  const removePartial = async (partials: string, partial: string): Promise<void> => {
    const file = await disk.openFile(partial, OPEN.write);
    try {
      if (await disk.unlinkFile(partial)) await disk.syncFolder(partials);
      if (file !== null && file.stat.size <= SMALL_BYTES) await disk.blank(file);
    } finally {
      if (file !== null) await disk.letGo(file.handle);
    }
  };

  const writers = new Map<string, { readonly close: () => Promise<void> }>();

  const remove: BlobStore['remove'] = async (key) =>
    inTurn(requireKey(key), () =>
      explained(true, async () => {
        const { leaf, path, partials, partial } = await placeOf(key);
        await disk.checkMarker();
        await writers.get(key)?.close();
        await removePartial(partials, partial);
        await removeFinished(leaf, path, key);
      }),
    );

  const beginWriter = async (key: string, upTo: number | undefined): Promise<BlobWriter> => {
    const { leaf, path, partials, partial } = await placeOf(key);
    await disk.checkMarker();
    await disk.checkFloor(0);
    await writers.get(key)?.close();
    const file = await disk.openFile(partial, OPEN.resume);
    if (file === null) throw new StoreUnavailableError(name, new Error('something that is no file stands in the place of a partial'));
    const { handle, stat } = file;
    let offset = Math.min(stat.size, upTo ?? stat.size);
    try {
      if (stat.size > offset) await disk.truncateFile(handle, offset);
      if (stat.size > 0) await disk.flush(handle);
    } catch (error) {
      await disk.letGo(handle);
      throw error;
    }

    let durable = offset;
    let isNamed = false;
    let unchecked = 0;
    let flushing: Promise<void> = Promise.resolve();
    let state: 'open' | 'closed' | 'failed' = 'open';
    let tail: Promise<unknown> = Promise.resolve();

    /** After a flush that failed nobody knows what the disk holds: what follows the last good one is given up. */
    const flushAll = async (): Promise<void> => {
      const reached = offset;
      try {
        await disk.flush(handle);
        durable = Math.max(durable, reached);
      } catch (error) {
        state = 'failed';
        await disk.truncateFile(handle, durable).catch(() => undefined);
        throw error;
      }
    };
    const flushBehind = (): void => {
      flushing = flushAll();
      flushing.catch(() => undefined);
    };
    const step = <T>(act: () => Promise<T>): Promise<T> => {
      const mine = tail.then(() =>
        explained(true, async () => {
          if (state !== 'open') throw new Error(`this writer of the ${name} store is ${state}`);
          try {
            return await act();
          } catch (error) {
            state = 'failed';
            throw error;
          }
        }),
      );
      tail = mine.catch(() => undefined);
      return mine;
    };
    const writer = {
      get offset() {
        return offset;
      },
      append: (bytes: Uint8Array) =>
        step(async () => {
          if (unchecked + bytes.length >= CHECK_BYTES) {
            await flushing;
            await disk.checkFloor(bytes.length);
            flushBehind();
            unchecked = 0;
          }
          await disk.writeAt(handle, bytes, offset);
          offset += bytes.length;
          unchecked += bytes.length;
        }),
      sync: () =>
        step(async () => {
          await flushing;
          await flushAll();
          if (!isNamed) await disk.syncFolder(partials);
          isNamed = true;
          return offset;
        }),
      finish: () =>
        step(async () => {
          await flushing;
          await flushAll();
          await disk.checkMarker();
          await disk.inLeaf(leaf, () => disk.moveFile(partial, path));
          state = 'closed';
          writers.delete(key);
          await Promise.all([disk.letGo(handle), disk.syncFolder(leaf), disk.syncFolder(partials)]);
        }),
      close: async () => {
        if (writers.get(key) === writer) writers.delete(key);
        const isOpen = state !== 'closed';
        await tail;
        if (state !== 'failed') state = 'closed';
        await flushing.catch(() => undefined);
        if (isOpen) await disk.letGo(handle);
      },
    };
    writers.set(key, writer);
    return writer;
  };

  const open: BlobStore['open'] = async (key, upTo) => {
    if (upTo !== undefined && !(Number.isSafeInteger(upTo) && upTo >= 0)) throw new RangeError('a blob goes on from a whole byte');
    return inTurn(requireKey(key), () => explained(true, () => beginWriter(key, upTo)));
  };

  const partial: BlobStore['partial'] = (key) =>
    explained(false, async () => {
      const file = await disk.openFile((await placeOf(key)).partial, OPEN.write);
      if (file === null) return null;
      try {
        await disk.flush(file.handle);
        return file.stat.size;
      } finally {
        await disk.letGo(file.handle);
      }
    });

  /** Small contents at once, so that no handle waits for a caller; the caller sees zeros of an overwritten blob never (same file after as before). */
  const readFile = async (
    path: string,
    range: { readonly start: number; readonly end: number } | undefined,
    signal: AbortSignal | undefined,
  ): Promise<AsyncIterable<Uint8Array> | null> => {
    for (;;) {
      signal?.throwIfAborted();
      const file = await disk.openFile(path, OPEN.read);
      if (file === null) return null;
      try {
        const { start, end } = clip(range, file.stat.size);
        if (end - start > PIECE_BYTES) return readPieces(disk, () => reopen(path, file.stat.ino), { start, end }, signal);
        const bytes = await disk.readAt(file.handle, start, end - start);
        if (file.stat.size > SMALL_BYTES || (await disk.lookAt(path))?.ino === file.stat.ino) return once(bytes);
      } finally {
        await disk.letGo(file.handle);
      }
    }
  };
  const reopen = async (path: string, ino: number): ReturnType<Disk['makeFile']> => {
    const file = await disk.openFile(path, OPEN.read).catch((error: unknown) => {
      throw disk.explain(error, false);
    });
    if (file?.stat.ino === ino) return file.handle;
    if (file !== null) await disk.letGo(file.handle);
    throw new StoreUnavailableError(name, new Error('the blob was replaced before it was read'));
  };

  const get: BlobStore['get'] = (key, range, signal) => explained(false, async () => readFile((await placeOf(key)).path, range, signal));
  const readPartial: BlobStore['readPartial'] = (key, range) =>
    explained(false, async () => readFile((await placeOf(key)).partial, range, undefined));

  const head: BlobStore['head'] = (key) =>
    explained(false, async () => {
      const stat = await disk.lookAt((await placeOf(key)).path);
      return stat === null ? null : { key, sizeBytes: stat.size, modifiedAt: stat.mtime };
    });

  async function* infosIn(path: string, prefix: string): AsyncGenerator<BlobInfo, void, void> {
    for (const found of await explained(false, () => disk.namesIn(path))) {
      const key = toKey(found);
      const marked = readMark(found);
      if (marked === null && key?.startsWith(prefix) !== true) continue;
      const stat = await explained(false, () => disk.lookAt(join(path, found)));
      if (stat === null) continue;
      if (key !== null) yield { key, sizeBytes: stat.size, modifiedAt: stat.mtime };
      else if (marked !== null && Date.now() - stat.ctimeMs > LEFTOVER_MS)
        await sweep(join(path, found), marked.mark).catch(() => undefined);
    }
  }
  async function* list(prefix: string): AsyncGenerator<BlobInfo, void, void> {
    await explained(false, disk.checkMarker);
    const blobs = join(await disk.ready(), 'blobs');
    if (prefix.includes('.')) {
      yield* infosIn(join(blobs, ...fanOut(prefix)), prefix);
      return;
    }
    for (const outer of await explained(false, () => disk.namesIn(blobs))) {
      for (const inner of await explained(false, () => disk.namesIn(join(blobs, outer)))) yield* infosIn(join(blobs, outer, inner), prefix);
    }
  }
  async function* listPartials(prefix: string): AsyncGenerator<BlobInfo, void, void> {
    await explained(false, disk.checkMarker);
    yield* infosIn(join(await disk.ready(), 'partial'), prefix);
  }

  await disk.ready().catch((error: unknown) => {
    if (!(error instanceof StoreUnavailableError)) throw error;
  });
  return {
    name,
    put,
    open,
    partial,
    get,
    readPartial,
    head,
    remove,
    list,
    listPartials,
    stop: async () => {
      await Promise.all([...writers.values()].map(({ close }) => close()));
    },
  };
};
