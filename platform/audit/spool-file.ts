import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '#platform/disk/replace-file.ts';
import { makeQueue } from '#platform/pure/turns.ts';

/** A value of an entry's parameters. */
type Value = string | number | null | Date | Uint8Array;
/** The parameters of one entry, frozen and sealed. */
export type SpoolRow = readonly Value[];

/** The spool holds as much as it may; nothing was written. */
export class SpoolFullError extends Error {
  constructor() {
    super('the spool of audit entries is full');
    this.name = 'SpoolFullError';
  }
}
/** The disk did not take what was to be spooled; nothing of it stands. */
export class SpoolFailedError extends Error {
  constructor(cause: unknown) {
    super('the spool of audit entries could not be written', { cause });
    this.name = 'SpoolFailedError';
  }
}

/** Length of what stands before a record: its length (4 bytes, high byte first) and the first bytes of its hash. */
const SUM_BYTES = 8;
const HEAD_BYTES = 4 + SUM_BYTES;
/** The parameters of an entry are no longer than this: a leaf of 65,535 bytes with what is sealed beside it. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;

const sumOf = (length: Uint8Array, payload: Uint8Array): Buffer =>
  hash('sha256', Buffer.concat([length, payload]), 'buffer').subarray(0, SUM_BYTES);

/** A row as a record: length, checksum over length and row, and the row as JSON with its bytes in base 64. */
export const toRecord = (row: SpoolRow): Buffer => {
  const told = row.map((value) =>
    value instanceof Date
      ? { at: value.toISOString() }
      : value instanceof Uint8Array
        ? { b64: Buffer.from(value).toString('base64') }
        : value,
  );
  const payload = Buffer.from(JSON.stringify(told), 'utf8');
  const record = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  record.writeUInt32BE(payload.length, 0);
  record.set(sumOf(record.subarray(0, 4), payload), 4);
  record.set(payload, HEAD_BYTES);
  return record;
};
const toRow = (payload: Uint8Array): SpoolRow =>
  (JSON.parse(Buffer.from(payload).toString('utf8')) as (string | number | null | { at?: string; b64?: string })[]).map((value) =>
    typeof value !== 'object' || value === null
      ? value
      : value.at === undefined
        ? Buffer.from(value.b64 ?? '', 'base64')
        : new Date(value.at),
  );

/**
 * Reads whole records from the beginning of `bytes`. `length`: bytes that they take. `torn`: what follows is no record, however much more of it
 * came; otherwise it may be the beginning of one.
 */
export const readRecords = (bytes: Uint8Array): { readonly rows: SpoolRow[]; readonly length: number; readonly torn: boolean } => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const rows: SpoolRow[] = [];
  let at = 0;
  while (at + HEAD_BYTES <= buffer.length) {
    const length = buffer.readUInt32BE(at);
    if (length === 0 || length > MAX_RECORD_BYTES) return { rows, length: at, torn: true };
    const end = at + HEAD_BYTES + length;
    if (end > buffer.length) break;
    const payload = buffer.subarray(at + HEAD_BYTES, end);
    if (!sumOf(buffer.subarray(at, at + 4), payload).equals(buffer.subarray(at + 4, at + HEAD_BYTES)))
      return { rows, length: at, torn: true };
    rows.push(toRow(payload));
    at = end;
  }
  return { rows, length: at, torn: false };
};

const readAt = async (file: FileHandle, at: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
};
const writeAt = async (file: FileHandle, bytes: Uint8Array, at: number): Promise<void> => {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
};

/** `failed`: the disk failed so that the end of the file is not known; nothing is taken until what stands was drained, or the file is opened anew. */
export type SpoolState = { readonly entries: number; readonly bytes: number; readonly oldestAt: Date | null; readonly failed: boolean };
export type SpoolFile = {
  /** Keeps rows, all or none; they stand on the disk when this returns. Throws `SpoolFullError`, `SpoolFailedError`. */
  readonly append: (rows: readonly SpoolRow[]) => Promise<void>;
  /**
   * Gives what stands to `take`, oldest first and some at a time, and forgets it once all was taken. What `take` throws ends it, and everything
   * stays; so `take` has to bear being given the same again. Returns how many were given.
   */
  readonly drain: (take: (rows: readonly SpoolRow[]) => Promise<void>) => Promise<number>;
  readonly state: () => SpoolState;
  /** Bytes of a torn end that were cut off when the file was opened: nobody was told that they stood. */
  readonly cutBytes: number;
  readonly close: () => Promise<void>;
};

export type SpoolFileOptions = {
  /** First line of the file: what its rows are. A file of another kind is not opened. */
  readonly kind: string;
  readonly maxBytes: number;
  /** Place of `recorded_at` among a row's values, for the age of the oldest. */
  readonly timeAt: number;
  /** Called before each write and each flush to the disk; a test fails them here. */
  readonly fault?: (step: 'write' | 'sync' | 'cut') => void | Promise<void>;
};

/**
 * A file of rows that were recorded nowhere else yet. Its first line says what they are; then record follows record. Appends that come while
 * others are written go to the disk together. Opening it cuts off a torn end. Null: the file holds rows of another kind. One process at a time.
 */
export const openSpoolFile = async (
  name: string,
  { kind, maxBytes, timeAt, fault = () => {} }: SpoolFileOptions,
): Promise<SpoolFile | null> => {
  const header = Buffer.from(`${kind}\n`, 'utf8');
  const file = await fs.open(name, constants.O_RDWR | constants.O_CREAT, 0o600);
  let end = header.length;
  let entries = 0;
  let oldestAt: Date | null = null;
  let cutBytes = 0;
  const note = (rows: readonly SpoolRow[]): void => {
    const at = rows[0]?.[timeAt];
    if (entries === 0 && at instanceof Date) oldestAt = at;
    entries += rows.length;
  };
  try {
    const { size } = await file.stat();
    const found = await readAt(file, 0, Math.min(size, header.length));
    if (size < header.length && header.subarray(0, size).equals(found)) {
      // New, or torn when it was.
      await writeAt(file, header, 0);
      await file.sync();
      await syncFolder(path.dirname(name));
    } else if (!found.equals(header)) {
      await file.close();
      return null;
    }
    for (let step = READ_BYTES; end < size; ) {
      const { rows, length, torn } = readRecords(await readAt(file, end, Math.min(step, size - end)));
      note(rows);
      end += length;
      if (torn || (length === 0 && step >= size - end)) break;
      step = length === 0 ? step * 2 : READ_BYTES;
    }
    cutBytes = Math.max(0, size - end);
    if (cutBytes > 0) {
      await file.truncate(end);
      await file.sync();
    }
  } catch (error) {
    await file.close().catch(() => {});
    throw error;
  }

  type Waiting = { readonly bytes: Buffer; readonly rows: readonly SpoolRow[]; readonly done: (error: Error | null) => void };
  let queue: Waiting[] = [];
  let queuedBytes = 0;
  let taken = header.length;
  let isFlushing = false;
  let isDraining = false;
  let broken: unknown = null;
  /** Writing and forgetting take turns. */
  const inTurn = makeQueue();
  const flush = async (): Promise<void> => {
    const batch = queue;
    queue = [];
    isFlushing = false;
    const bytes = Buffer.concat(batch.map((each) => each.bytes));
    let failed: Error | null = broken === null ? null : new SpoolFailedError(broken);
    if (!failed) {
      try {
        await fault('write');
        await writeAt(file, bytes, end);
        await fault('sync');
        await file.datasync();
        end += bytes.length;
        for (const { rows } of batch) note(rows);
      } catch (error) {
        failed = new SpoolFailedError(error);
        try {
          // What may stand of it was never told to anybody.
          await fault('cut');
          await file.truncate(end);
          await file.datasync();
        } catch (reason) {
          broken = reason; // The end of the file is not known any more: until all of it may go, or it is opened again, nothing is taken.
        }
      }
    }
    // Only now: what comes meanwhile has to find room beside it.
    queuedBytes -= bytes.length;
    for (const { done } of batch) done(failed);
  };

  return {
    cutBytes,
    append: (rows) => {
      const bytes = Buffer.concat(rows.map(toRecord));
      if (rows.length === 0) return Promise.resolve();
      if (end + queuedBytes + bytes.length > maxBytes) return Promise.reject(new SpoolFullError());
      return new Promise((resolve, reject) => {
        queue.push({ bytes, rows, done: (error) => (error ? reject(error) : resolve()) });
        queuedBytes += bytes.length;
        if (isFlushing) return;
        isFlushing = true;
        void inTurn(flush);
      });
    },
    drain: async (take) => {
      if (isDraining) return 0;
      isDraining = true;
      let given = 0;
      try {
        for (let step = READ_BYTES; ; ) {
          if (taken >= end) {
            const isEmpty = await inTurn(async () => {
              if (taken < end) return false;
              if (end > header.length || broken !== null) {
                await fault('cut');
                await file.truncate(header.length);
                await file.datasync();
                broken = null; // Nothing stands behind the first line.
              }
              end = header.length;
              taken = end;
              entries = 0;
              oldestAt = null;
              return true;
            });
            if (isEmpty) return given;
          }
          const { rows, length } = readRecords(await readAt(file, taken, Math.min(step, end - taken)));
          if (length === 0) {
            if (step >= end - taken) throw new SpoolFailedError(new Error('a record is not as it was written'));
            step *= 2;
            continue;
          }
          step = READ_BYTES;
          await take(rows);
          taken += length;
          given += rows.length;
        }
      } finally {
        isDraining = false;
      }
    },
    state: () => ({ entries, bytes: end - header.length, oldestAt, failed: broken !== null }),
    close: async () => {
      await inTurn(async () => {});
      await file.close();
    },
  };
};
