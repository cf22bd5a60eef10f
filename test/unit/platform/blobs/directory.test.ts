import { spawn, spawnSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { openDirectoryStore } from '#platform/blobs/directory.ts';
import { fanOut, readMark, toFileName, toKey, toMarkedName } from '#platform/blobs/file-names.ts';
import { openStore } from '#platform/blobs/open-store.ts';
import { type BlobStore, StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import { describeBlobStore, digest, listAll, readAll } from '#test/support/blob-store-contract.ts';

const base = mkdtempSync(join(tmpdir(), 'caregraph-blobs-'));
const stores: BlobStore[] = [];
let count = 0;
const freshFolder = (): string => join(base, `store-${count++}`);
const openAt = async (folder: string, floorShare = 0): Promise<BlobStore> => {
  const store = await openDirectoryStore({ name: 'primary', folder, floorShare });
  stores.push(store);
  return store;
};
const pathOf = (folder: string, key: string): string => join(folder, 'blobs', ...fanOut(key), toFileName(key));
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .sort();
const readFd = (fd: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, 0));
};
const countHandles = (): number => readdirSync('/proc/self/fd').length;

const runTool = (command: string, args: readonly string[]): { readonly status: number | null; readonly error?: Error | undefined } =>
  spawnSync(command, args, { timeout: 20_000 });

/** Mounts are for root alone; what could not be tried says so. */
const tryToMount = (args: readonly string[], target: string): string | null => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root may mount';
  mkdirSync(target, { recursive: true });
  const { status, error } = runTool('mount', [...args, target]);
  return status === 0 ? null : `mount is refused${error === undefined ? '' : ` (${error.name})`}`;
};
const unmount = (target: string): void => {
  // Lazily: a test that fails half-way may still hold files.
  expect(runTool('umount', ['-l', target]).status).toBe(0);
};
const probe = join(base, 'probe');
const noMount = tryToMount(['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs'], probe);
if (noMount === null) unmount(probe);
else console.warn(`left out: stores on a disk that is full, read-only or gone: ${noMount}`);
const noHang =
  noMount ?? (runTool('mkfs.ext4', ['-V']).error === undefined && existsSync('/usr/sbin/fsfreeze') ? null : 'no mkfs.ext4 or fsfreeze');
if (noMount === null && noHang !== null) console.warn(`left out: a store on a disk that hangs: ${noHang}`);
const withMount = noMount === null ? it : it.skip;
const withHang = noHang === null ? it : it.skip;

afterAll(async () => {
  await Promise.all(stores.map((store) => store.stop()));
  rmSync(base, { recursive: true, force: true });
});

let contractStore: BlobStore;
beforeAll(async () => {
  contractStore = await openAt(join(base, 'contract'), 0.001);
});
describeBlobStore('a directory', { store: () => contractStore, pieceBytes: 65_552, exact: true });

describe('names of files', () => {
  it('lead back to the key, and what is marked is no blob', () => {
    for (const key of ['a', 'MTL/a.key', 'a-b/c_d/E.0.f', 'x'.repeat(200)]) {
      expect(toKey(toFileName(key))).toBe(key);
      expect(toFileName(key)).not.toContain('/');
      const marked = toMarkedName(key, 'old', '1');
      expect(toKey(marked)).toBeNull();
      expect(readMark(marked)).toEqual({ key, mark: 'old' });
      expect(readMark(toFileName(key))).toBeNull();
    }
    expect(fanOut('MTL/a.key')).toEqual(fanOut('MTL/a'));
    expect(fanOut('MTL/a')).toEqual(['76', '66']);
  });
});

describe('a directory as a store', () => {
  it('lies in folders of 0700 and files of 0600 and leaves nothing aside', async () => {
    const folder = freshFolder();
    const store = await openAt(folder);
    await store.put('MTL/a.key', Buffer.from('one'));
    await store.put('MTL/a.key', Buffer.from('two'));
    const writer = await store.open('MTL/a');
    await writer.append(Buffer.from('contents'));
    expect(filesIn(folder)).toEqual(['.store', `blobs/${fanOut('MTL/a').join('/')}/MTL~a.key`, 'partial/MTL~a']);
    await writer.finish();
    expect(filesIn(folder)).toEqual(['.store', ...['MTL~a', 'MTL~a.key'].map((name) => `blobs/${fanOut('MTL/a').join('/')}/${name}`)]);
    for (const path of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
      const stat = statSync(join(folder, path));
      expect([path, stat.mode & 0o777]).toEqual([path, stat.isDirectory() ? 0o700 : 0o600]);
    }
    expect(readFileSync(join(folder, '.store'), 'utf8')).toBe('primary\n');
  });

  it('overwrites a small blob that is replaced or removed, and its leftovers', async () => {
    const folder = freshFolder();
    const store = await openAt(folder);
    const path = pathOf(folder, 'MTL/a.key');
    const zeros = Buffer.alloc(300);
    await store.put('MTL/a.key', Buffer.alloc(300, 7));
    const replaced = openSync(path, 'r');
    await store.put('MTL/a.key', Buffer.alloc(10, 8));
    expect(readFd(replaced, 400)).toEqual(zeros);
    const removed = openSync(path, 'r');
    writeFileSync(`${path}~~old.1`, Buffer.alloc(300, 9));
    writeFileSync(`${path}~~put.2`, Buffer.alloc(300, 9));
    writeFileSync(`${path}2~~put.2`, Buffer.alloc(300, 9));
    const left = [openSync(`${path}~~old.1`, 'r'), openSync(`${path}~~put.2`, 'r')];
    await store.remove('MTL/a.key');
    expect(readFd(removed, 400)).toEqual(zeros.subarray(0, 10));
    for (const fd of left) expect(readFd(fd, 400)).toEqual(zeros);
    expect(readdirSync(dirname(path))).toEqual(['MTL~a.key2~~put.2']);
    for (const fd of [replaced, removed, ...left]) closeSync(fd);
  });

  it('never gives the zeros of a key that is replaced to a reader that is slower than the writer', async () => {
    const folder = freshFolder();
    const writing = await openAt(folder);
    // A store of its own, as in another process: so many readers wait for each other, and the writer for none of them.
    const reading = await openAt(folder);
    await writing.put('MTL/a.key', Buffer.alloc(300, 1));
    let done = false;
    const readers = Array.from({ length: 100 }, async () => {
      while (!done) {
        const bytes = await readAll(reading, 'MTL/a.key');
        if (bytes?.length !== 300 || new Set(bytes).size !== 1 || bytes[0] === 0) return 'torn';
      }
      return 'whole';
    });
    for (let round = 1; round <= 60; round++) await writing.put('MTL/a.key', Buffer.alloc(300, round));
    done = true;
    expect(new Set(await Promise.all(readers))).toEqual(new Set(['whole']));
  });

  it('does not take a second name that a crash left for something to destroy', async () => {
    const folder = freshFolder();
    const store = await openAt(folder);
    await store.put('MTL/a.key', Buffer.alloc(300, 7));
    const path = pathOf(folder, 'MTL/a.key');
    linkSync(path, `${path}~~old.1`);
    await store.put('MTL/b.key', Buffer.alloc(3, 1));
    expect(await readAll(store, 'MTL/a.key')).toEqual(Buffer.alloc(300, 7));
    expect(await listAll(store.list('MTL/a.'))).toEqual(['MTL/a.key']);
    expect(readdirSync(dirname(path))).toHaveLength(2);
    writeFileSync(`${path}~~put.2`, Buffer.alloc(300, 9));
    const left = openSync(`${path}~~put.2`, 'r');
    const later = Date.now() + 2 * 60 * 60 * 1000;
    const clock = jest.spyOn(Date, 'now').mockReturnValue(later);
    try {
      expect(await listAll(store.list('MTL/a.'))).toEqual(['MTL/a.key']);
    } finally {
      clock.mockRestore();
    }
    expect(readdirSync(dirname(path))).toEqual(['MTL~a.key']);
    expect(readFd(left, 400)).toEqual(Buffer.alloc(300));
    closeSync(left);
    expect(await readAll(store, 'MTL/a.key')).toEqual(Buffer.alloc(300, 7));
    linkSync(path, `${path}~~old.1`);
    await store.put('MTL/a.key', Buffer.alloc(300, 8));
    expect(await readAll(store, 'MTL/a.key')).toEqual(Buffer.alloc(300, 8));
    expect(readdirSync(dirname(path))).toEqual(['MTL~a.key']);
  });

  it('reads partials, and ends a writer that another one goes on from', async () => {
    const store = await openAt(freshFolder());
    const bytes = randomBytes(700_000);
    const first = await store.open('MTL/a');
    await first.append(bytes);
    await first.sync();
    const pieces = await store.readPartial('MTL/a', { start: 10, end: 600_000 });
    const read: Uint8Array[] = [];
    for await (const piece of pieces ?? []) read.push(piece);
    expect(digest(Buffer.concat(read))).toBe(digest(bytes.subarray(10, 600_000)));
    expect(await store.readPartial('MTL/none', { start: 0, end: 1 })).toBeNull();
    const second = await store.open('MTL/a', 5);
    await expect(first.append(Buffer.from('late'))).rejects.toThrow('closed');
    await expect(first.finish()).rejects.toThrow('closed');
    await second.append(Buffer.from('on'));
    await second.finish();
    expect(await readAll(store, 'MTL/a')).toEqual(Buffer.concat([bytes.subarray(0, 5), Buffer.from('on')]));
  });

  it('refuses the folder of another store, and one with other things in it', async () => {
    const folder = freshFolder();
    const both = await Promise.allSettled(
      ['primary', 'backup'].map((name) => openStore(name, { kind: 'directory', folder, floorShare: 0 })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = both.find((result) => result.status === 'rejected');
    expect(String(refused?.reason)).toContain('give each store a folder of its own');
    const other = freshFolder();
    mkdirSync(other);
    writeFileSync(join(other, 'letter.txt'), 'mine');
    await expect(openAt(other)).rejects.toThrow('holds other things');
    expect(readdirSync(other)).toEqual(['letter.txt']);
    writeFileSync(join(base, 'a-file'), '');
    await expect(openAt(join(base, 'a-file'))).rejects.toThrow('no folder');
    await expect(openAt(freshFolder(), 1)).rejects.toThrow('floor');
  });

  it('is unavailable while its folder is missing or empty, makes none there, and comes back with it', async () => {
    const folder = freshFolder();
    mkdirSync(folder);
    const store = await openDirectoryStore({ name: 'primary', folder, floorShare: 0, create: false });
    for (const act of [() => store.put('a', Buffer.from('x')), () => store.get('a'), () => store.open('a')])
      await expect(act()).rejects.toThrow(StoreUnavailableError);
    expect(readdirSync(folder)).toEqual([]);
    writeFileSync(join(folder, '.store'), 'primary\n');
    await store.put('a', Buffer.from('x'));
    expect(await readAll(store, 'a')).toEqual(Buffer.from('x'));
  });

  it('keeps its floor, and still lets a tombstone take the place of a key', async () => {
    const folder = freshFolder();
    const roomy = await openAt(folder);
    await roomy.put('MTL/a.key', Buffer.from('key'));
    const store = await openAt(folder, 0.9999);
    const before = filesIn(folder);
    await expect(store.put('MTL/b.key', Buffer.from('key'))).rejects.toThrow(StoreFullError);
    await expect(store.open('MTL/b')).rejects.toThrow(StoreFullError);
    expect(filesIn(folder)).toEqual(before);
    await store.put('MTL/a.key', Buffer.from('tombstone'));
    expect(await readAll(store, 'MTL/a.key')).toEqual(Buffer.from('tombstone'));
    await store.remove('MTL/a.key');
    expect(await store.head('MTL/a.key')).toBeNull();
  });

  it('never follows a link, nor waits at a pipe', async () => {
    const folder = freshFolder();
    const store = await openAt(folder);
    const outside = join(base, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), 'secret');
    await store.put('MTL/a.1', Buffer.from('x'));
    const leaf = dirname(pathOf(folder, 'MTL/a'));
    symlinkSync(join(outside, 'secret'), join(leaf, 'MTL~a.2'));
    runTool('mkfifo', [join(leaf, 'MTL~a.3')]);
    for (const key of ['MTL/a.2', 'MTL/a.3']) {
      expect(await store.get(key)).toBeNull();
      expect(await store.head(key)).toBeNull();
    }
    expect(await listAll(store.list('MTL/a.'))).toEqual(['MTL/a.1']);
    await store.put('MTL/a.2', Buffer.from('healed'));
    await store.remove('MTL/a.3');
    expect(await readAll(store, 'MTL/a.2')).toEqual(Buffer.from('healed'));
    symlinkSync(join(outside, 'secret'), join(folder, 'partial', 'MTL~p'));
    await expect(store.open('MTL/p')).rejects.toThrow(StoreUnavailableError);
    rmSync(leaf, { recursive: true });
    symlinkSync(outside, leaf);
    await expect(store.put('MTL/a.4', Buffer.from('x'))).rejects.toThrow(StoreUnavailableError);
    await expect(store.get('MTL/a.1')).rejects.toThrow(StoreUnavailableError);
    expect(readdirSync(outside)).toEqual(['secret']);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  it('leaks no handle, however a read ends', async () => {
    const store = await openAt(freshFolder());
    const writer = await store.open('MTL/a');
    for (let piece = 0; piece < 16; piece++) await writer.append(randomBytes(262_160));
    await writer.finish();
    const before = countHandles();
    const read = async (): Promise<AsyncIterable<Uint8Array>> => {
      const pieces = await store.get('MTL/a');
      if (pieces === null) throw new Error('the blob is not there');
      return pieces;
    };
    for (let round = 0; round < 5; round++) {
      await read();
      for await (const _ of await read()) break;
      await readAll(store, 'MTL/a');
      await readAll(store, 'MTL/a', { start: 5, end: 100 });
      const control = new AbortController();
      const pieces = (await store.get('MTL/a', undefined, control.signal))?.[Symbol.asyncIterator]();
      await pieces?.next();
      control.abort();
      await (await store.open('MTL/b')).close();
      await store.put('MTL/b.key', Buffer.from('x'));
      await store.remove('MTL/b');
      await expect(store.open('../b')).rejects.toThrow();
    }
    await pause(50);
    expect(countHandles()).toBe(before);
  });
});

describe('a directory whose writer is killed', () => {
  const runUntilKilled = async (what: 'append' | 'put', folder: string, afterMs: number): Promise<number> => {
    const script = resolve('test/unit/platform/blobs/writer-process.mjs');
    const child = spawn(process.execPath, [script, what, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(child, 'exit');
    let last = 0;
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      if (last === 0) setTimeout(() => child.kill('SIGKILL'), afterMs);
      last = Number(line);
    });
    const watchdog = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await exit;
    clearTimeout(watchdog);
    expect(last).toBeGreaterThan(0);
    return last;
  };

  it('goes on from a partial that holds all that was synced', async () => {
    for (let round = 0; round < 3; round++) {
      const folder = freshFolder();
      const synced = await runUntilKilled('append', folder, randomInt(1, 60));
      const store = await openAt(folder);
      expect(await store.get('MTL/killed')).toBeNull();
      expect(await listAll(store.listPartials(''))).toEqual(['MTL/killed']);
      expect(await store.partial('MTL/killed')).toBeGreaterThanOrEqual(synced);
      const writer = await store.open('MTL/killed', synced);
      expect(writer.offset).toBe(synced);
      await writer.append(Buffer.from('end'));
      await writer.finish();
      const expected = Array.from({ length: synced / 100_003 }, (_, piece) => Buffer.alloc(100_003, 1 + (piece % 250)));
      expect(digest(await readAll(store, 'MTL/killed'))).toBe(digest(Buffer.concat([...expected, Buffer.from('end')])));
    }
  });

  it('holds the last small blob that was acknowledged or the one after it, and nothing else once it is removed', async () => {
    for (let round = 0; round < 3; round++) {
      const folder = freshFolder();
      const acknowledged = await runUntilKilled('put', folder, randomInt(1, 60));
      const store = await openAt(folder);
      const bytes = await readAll(store, 'MTL/killed.key');
      expect(bytes?.length).toBe(300);
      expect(new Set(bytes).size).toBe(1);
      expect([acknowledged, acknowledged + 1].map((put) => 1 + (put % 250))).toContain(bytes?.[0]);
      await store.remove('MTL/killed.key');
      expect(filesIn(folder)).toEqual(['.store']);
    }
  });
});

describe('a directory on a disk that fails', () => {
  withMount('takes nothing more when the disk is full, keeps what there is, and goes on when there is room', async () => {
    const folder = freshFolder();
    expect(tryToMount(['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs'], folder)).toBeNull();
    try {
      const store = await openAt(folder);
      const held = randomBytes(1_000_000);
      const kept = await store.open('MTL/kept');
      await kept.append(held);
      await kept.finish();
      const writer = await store.open('MTL/large');
      const fill = async (): Promise<void> => {
        for (let piece = 0; piece < 100; piece++) await writer.append(randomBytes(262_160));
      };
      await expect(fill()).rejects.toThrow(StoreFullError);
      await expect(writer.finish()).rejects.toThrow('failed');
      await writer.close();
      await expect(store.put('MTL/other', randomBytes(600_000))).rejects.toThrow(StoreFullError);
      expect(await store.get('MTL/large')).toBeNull();
      expect(await store.get('MTL/other')).toBeNull();
      expect(digest(await readAll(store, 'MTL/kept'))).toBe(digest(held));
      await store.remove('MTL/large');
      await store.put('MTL/other', held);
      expect(digest(await readAll(store, 'MTL/other'))).toBe(digest(held));
      expect(filesIn(folder).map((path) => basename(path))).toEqual(expect.arrayContaining(['.store', 'MTL~kept', 'MTL~other']));
      expect(filesIn(folder)).toHaveLength(3);
      await store.stop();
    } finally {
      unmount(folder);
    }
  });

  withMount('reads from a read-only disk and takes nothing', async () => {
    const folder = freshFolder();
    expect(tryToMount(['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs'], folder)).toBeNull();
    try {
      await (await openAt(folder)).put('MTL/a.key', Buffer.from('key'));
      expect(runTool('mount', ['-o', 'remount,ro', folder]).status).toBe(0);
      const store = await openAt(folder);
      expect(await readAll(store, 'MTL/a.key')).toEqual(Buffer.from('key'));
      for (const act of [
        () => store.put('MTL/a.key', Buffer.from('other')),
        () => store.put('MTL/b.key', Buffer.from('other')),
        () => store.open('MTL/b'),
        () => store.remove('MTL/a.key'),
      ])
        await expect(act()).rejects.toThrow(StoreFullError);
      expect(await readAll(store, 'MTL/a.key')).toEqual(Buffer.from('key'));
    } finally {
      unmount(folder);
    }
  });

  withMount('is unavailable when the disk is taken away, and writes nothing into the empty mount point', async () => {
    const folder = freshFolder();
    expect(tryToMount(['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs'], folder)).toBeNull();
    const store = await openAt(folder);
    try {
      await store.put('MTL/a.key', Buffer.from('key'));
    } finally {
      unmount(folder);
    }
    for (const act of [
      () => store.put('MTL/a.key', Buffer.from('other')),
      () => store.open('MTL/b'),
      () => store.get('MTL/a.key'),
      () => store.head('MTL/none'),
      () => store.partial('MTL/a'),
      () => store.remove('MTL/a.key'),
      () => listAll(store.list('')),
      () => listAll(store.listPartials('')),
    ])
      await expect(act()).rejects.toThrow(StoreUnavailableError);
    expect(readdirSync(folder)).toEqual([]);
  });

  withHang('is unavailable within its deadline while the disk hangs, and whole again after', async () => {
    const folder = freshFolder();
    const image = join(base, 'image');
    expect(runTool('truncate', ['-s', '32M', image]).status).toBe(0);
    expect(runTool('mkfs.ext4', ['-q', image]).status).toBe(0);
    const refusal = tryToMount(['-o', 'loop', image], folder);
    if (refusal !== null) {
      console.warn(`left out: a store on a disk that hangs: ${refusal}`);
      return;
    }
    const freeze = (flag: '-f' | '-u'): number | null => runTool('fsfreeze', [flag, folder]).status;
    // Thaws even if this process is gone.
    const watchdog = spawn('sh', ['-c', 'sleep 20; fsfreeze -u "$0"', folder], { stdio: 'ignore', detached: true });
    watchdog.unref();
    try {
      const store = await openDirectoryStore({ name: 'primary', folder, floorShare: 0, timeoutMs: 300 });
      await store.put('MTL/a.key', Buffer.from('old'));
      expect(freeze('-f')).toBe(0);
      let started = performance.now();
      await expect(store.put('MTL/a.key', Buffer.from('new'))).rejects.toThrow(StoreUnavailableError);
      expect(performance.now() - started).toBeLessThan(1_500);
      started = performance.now();
      await expect(store.get('MTL/a.key')).rejects.toThrow(StoreUnavailableError);
      await expect(store.open('MTL/b')).rejects.toThrow(StoreUnavailableError);
      expect(performance.now() - started).toBeLessThan(100);
      // Others still have threads.
      expect(await readAll(contractStore, 'MTL/round-1')).toHaveLength(1);
      expect(freeze('-u')).toBe(0);
      const deadline = Date.now() + 5_000;
      for (;;) {
        const bytes = await readAll(store, 'MTL/a.key').catch(() => null);
        if (bytes !== null) {
          expect(bytes.toString()).toBe('old');
          break;
        }
        if (Date.now() > deadline) throw new Error('the store does not come back');
        await pause(20);
      }
      await store.put('MTL/a.key', Buffer.from('new'));
      expect(await readAll(store, 'MTL/a.key')).toEqual(Buffer.from('new'));
      await store.remove('MTL/a.key');
      expect(filesIn(folder).filter((path) => path !== '.store')).toEqual([]);
      await store.stop();
    } finally {
      freeze('-u');
      if (watchdog.pid !== undefined) process.kill(-watchdog.pid, 'SIGKILL');
      unmount(folder);
    }
  });
});
