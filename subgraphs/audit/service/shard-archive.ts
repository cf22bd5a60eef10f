import { createHash, hash } from 'node:crypto';
import { open, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '#platform/disk/make-folders.ts';
import { syncFolder } from '#platform/disk/replace-file.ts';
import { equalBytes } from '#platform/tlog/bytes.ts';
import { openCheckpoint } from '#platform/tlog/checkpoint.ts';
import { EMPTY_ROOT, hashLeaf } from '#platform/tlog/merkle.ts';
import { openTileWriter } from '#platform/tlog/tile-writer.ts';
import { formatBundle, MAX_ENTRY_BYTES, parseBundle, TILE_WIDTH, tilePath, tilesSince, widthOfTile } from '#platform/tlog/tiles.ts';
import { type Ask, type LogRef, readCheckpoints } from '../store/log-store.ts';
import { readBundle, readPublished } from '../store/log-view-store.ts';
import { sizeOfBodies } from '../store/shard-store.ts';
import { tileSource } from './check-log.ts';
import type { LogVerifier } from './log-key.ts';

/** A closed shard as its final checkpoint has it. */
export type ClosedShard = { readonly of: LogRef; readonly key: LogVerifier; readonly size: number; readonly note: string };

/** An archive that is not what it should be, or cannot be written; the message says what to do and names no content. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
}

/** An archive that was read back and is not what was closed. */
export class SpoiltArchive extends ArchiveError {}

/** Where a shard lies in the archive. */
export const archiveOf = (archive: string, { city, shard }: LogRef): string => path.join(archive, city, String(shard));

/** What a file system refused, by its code. Any other fault is none of the archive. */
const REFUSED: Readonly<Record<string, string>> = {
  EACCES: 'may not be used by this account',
  EPERM: 'may not be used by this account',
  EROFS: 'lies on a disk that takes nothing',
  ENOTDIR: 'is no folder, or lies in none',
  EEXIST: 'is no folder, or lies in none',
  EISDIR: 'holds a folder where a file is to be',
  ENOENT: 'cannot be made there',
  ENOSPC: 'has no room left',
  EDQUOT: 'has no room left',
  ENAMETOOLONG: 'has too long a name',
  ELOOP: 'is a link to itself',
  EIO: 'lies on a disk that fails',
};
/** Does something with the files of a shard; what the file system refuses is told with the archive and what to do. */
const inArchive = async <T>(folder: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    const { code = '' } = error as { readonly code?: string };
    const refused = REFUSED[code];
    if (refused === undefined) throw error;
    throw new ArchiveError(
      `the archive ${folder} ${refused} (${code}): mend that, or name another folder with --archive or AUDIT_ARCHIVE_DIR`,
    );
  }
};

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );

/** Writes a file that outlasts a crash. */
const writeDurably = async (file: string, bytes: Uint8Array): Promise<void> => {
  const handle = await open(file, 'w', 0o644);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Room that has to stay free beside what is written. */
const SPARE_BYTES = 64 * 1024 * 1024;
const CHECKPOINTS = 500;

/**
 * Writes a closed shard as the files of a log (https://c2sp.org/tlog-tiles), with `key`, and the earlier checkpoints that are kept in `checkpoints/`. What
 * stands beside the entries, such as sealed personal values, is not among them. Broken off, it begins anew; the folder has its name once all is
 * there. Throws `ArchiveError` where there is no room, or a part of the shard is not there.
 */
export const writeArchive = (ask: Ask, archive: string, closed: ClosedShard): Promise<void> =>
  inArchive(archiveOf(archive, closed.of), () => writeFiles(ask, archive, closed));
const writeFiles = async (ask: Ask, archive: string, { of, key, size }: ClosedShard): Promise<void> => {
  const folder = archiveOf(archive, of);
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await makeFolders(partial);
  const { bavail, bsize } = await statfs(partial);
  const needed = (await sizeOfBodies(ask, of)) + 40 * size + SPARE_BYTES;
  if (bavail * bsize < needed)
    throw new ArchiveError(`the archive ${folder} has too little room: ${Math.ceil(needed / 1024 / 1024)} MiB are needed`);
  const folders = new Set<string>();
  const write = async (name: string, bytes: Uint8Array): Promise<void> => {
    const file = path.join(partial, name);
    if (!folders.has(path.dirname(file))) {
      await makeFolders(path.dirname(file));
      folders.add(path.dirname(file));
    }
    await writeDurably(file, bytes);
  };
  const published = await readPublished(ask, of);
  if (published?.size !== size) throw new ArchiveError('the final checkpoint of the shard is not there');
  await write('checkpoint', Buffer.from(published.note));
  await write('key', Buffer.from(`${key.vkey}\n`));
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = widthOfTile('entries', index, size);
    const entries = await readBundle(ask, of, index, width);
    if (entries.length !== width) throw new ArchiveError(`entries of the shard are not there, from ${index * TILE_WIDTH} on`);
    await write(tilePath({ level: 'entries', index, width }), formatBundle(entries));
  }
  const source = tileSource(ask, of);
  for (const tile of tilesSince(0, size)) {
    const bytes = await source(tile);
    if (!bytes) throw new ArchiveError('tiles of the shard are not there; npm run audit-log -- rebuild writes them anew');
    await write(tilePath(tile), bytes);
  }
  for (let after = -1; ; ) {
    const some = await readCheckpoints(ask, of, after, CHECKPOINTS);
    for (const each of some) if (each.size < size) await write(path.join('checkpoints', String(each.size)), Buffer.from(each.note));
    const last = some.at(-1);
    if (!last) break;
    after = last.size;
  }
  for (const each of folders) await syncFolder(each);
  await syncFolder(partial);
  await rename(partial, folder);
  await syncFolder(path.dirname(folder));
};

const MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES);

/**
 * Reads a shard back from the archive: its final checkpoint is the one that was published, and its entries make the root and every tile. Returns the
 * SHA-256 over names and hashes of all these files. Throws `ArchiveError` where it is not so.
 */
export const verifyArchive = async (archive: string, closed: ClosedShard): Promise<string> => {
  const folder = archiveOf(archive, closed.of);
  try {
    return await inArchive(folder, () => readBack(folder, closed));
  } catch (error) {
    throw error instanceof NotAsClosed ? new SpoiltArchive(`the archive ${folder} is not what was closed: ${error.message}`) : error;
  }
};
/** What is wrong with a file of an archive; the message names it. */
class NotAsClosed extends Error {}
const readBack = async (folder: string, { key, size, note }: ClosedShard): Promise<string> => {
  const sums = createHash('sha256');
  const read = async (name: string, maxBytes: number): Promise<Buffer> => {
    const file = path.join(folder, name);
    const length = await stat(file).then(
      (found) => found.size,
      () => null,
    );
    if (length === null || length > maxBytes) throw new NotAsClosed(`${name} is not there, or is too long`);
    const bytes = await readFile(file);
    sums.update(`${hash('sha256', bytes)}  ${name}\n`);
    return bytes;
  };
  const kept = await read('checkpoint', 1_000_000);
  const { checkpoint } = await openCheckpoint(kept, [key.verifier]).catch(() => {
    throw new NotAsClosed('checkpoint is not signed by the key of the shard');
  });
  const published = await openCheckpoint(note, [key.verifier]);
  const isFinal =
    checkpoint.origin === key.origin &&
    checkpoint.size === size &&
    published.checkpoint.size === size &&
    equalBytes(checkpoint.root, published.checkpoint.root);
  if (!isFinal) throw new NotAsClosed('checkpoint is not the final one of the shard');
  if ((await read('key', 1_000)).toString() !== `${key.vkey}\n`) throw new NotAsClosed('key is not that of the shard');
  const writer = await openTileWriter(0, EMPTY_ROOT, async () => null);
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = widthOfTile('entries', index, size);
    const name = tilePath({ level: 'entries', index, width });
    const bytes = await read(name, MAX_BUNDLE_BYTES);
    let entries: readonly Uint8Array[];
    try {
      entries = parseBundle(bytes, { width });
    } catch {
      throw new NotAsClosed(`${name} holds no ${width} entries`);
    }
    writer.append(entries.map(hashLeaf));
    for (const { tile, bytes: made } of writer.takeTiles()) {
      // On the way there are partial tiles that grow further.
      if (tile.width !== widthOfTile(tile.level, tile.index, size)) continue;
      const tileName = tilePath(tile);
      if (!equalBytes(await read(tileName, TILE_WIDTH * 32), made)) throw new NotAsClosed(`${tileName} is not the tile over its entries`);
    }
  }
  if (writer.size !== size || !equalBytes(writer.root(), checkpoint.root)) throw new NotAsClosed('the entries do not make the root');
  return sums.digest('hex');
};

/** Whether a shard is in the archive, whole or not. Throws `ArchiveError` where the folder cannot be looked at. */
export const isArchived = (archive: string, of: LogRef): Promise<boolean> =>
  inArchive(archiveOf(archive, of), () => exists(archiveOf(archive, of)));
