import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { BlobInfo, BlobStore, BlobWriter } from '#platform/blobs/store.ts';

const MIB = 1024 * 1024;

export const readAll = async (store: BlobStore, key: string, range?: { start: number; end: number }): Promise<Buffer | null> => {
  const pieces = await store.get(key, range);
  if (pieces === null) return null;
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
};
export const listAll = async (infos: AsyncIterable<BlobInfo>): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of infos) keys.push(key);
  return keys.sort();
};
/** Short, so that a failure does not print megabytes. */
export const digest = (bytes: Uint8Array | null): string =>
  bytes === null ? 'nothing' : `${bytes.length}:${createHash('sha256').update(bytes).digest('hex')}`;

const appendPieces = async (writer: BlobWriter, bytes: Uint8Array, pieceBytes: number): Promise<void> => {
  for (let at = writer.offset; at < bytes.length; at += pieceBytes) await writer.append(bytes.subarray(at, at + pieceBytes));
};
const appendRandomly = async (writer: BlobWriter, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; at < bytes.length; ) {
    const length = randomInt(1, 700_000);
    await writer.append(bytes.subarray(at, at + length));
    at += length;
  }
};

export type ContractWorld = {
  readonly store: () => BlobStore;
  /** Size of the pieces that are dropped and gone on with. */
  readonly pieceBytes: number;
  /** Whether a writer goes on exactly where it is told, or perhaps before. */
  readonly exact: boolean;
};

/** What every `BlobStore` keeps, whatever it is made of. */
export const describeBlobStore = (label: string, { store, pieceBytes, exact }: ContractWorld): void => {
  describe(`${label} keeps the contract of stores`, () => {
    it.each([0, 1, 4096, 4097, 256 * 1024, 262_160, 3 * MIB + 7, 20 * MIB])('gives %d bytes back as they came', async (size) => {
      const bytes = randomBytes(size);
      const key = `MTL/round-${size}`;
      const writer = await store().open(key);
      expect(writer.offset).toBe(0);
      await appendRandomly(writer, bytes);
      expect(await store().head(key)).toBeNull();
      expect(await store().get(key)).toBeNull();
      await writer.finish();
      expect(digest(await readAll(store(), key))).toBe(digest(bytes));
      expect(await store().head(key)).toMatchObject({ key, sizeBytes: size });
      expect(await store().partial(key)).toBeNull();
      expect(await listAll(store().listPartials(key))).toEqual([]);
    });

    it('gives any range, clipped to what there is', async () => {
      const bytes = randomBytes(2 * MIB);
      const writer = await store().open('MTL/ranges');
      await writer.append(bytes);
      await writer.finish();
      const ranges = [
        [0, 1],
        [5, 5],
        [1, 300_000],
        [700_001, 2 * MIB],
        [2 * MIB - 1, 9 * MIB],
        [2 * MIB, 2 * MIB + 1],
        [8 * MIB, 9 * MIB],
      ];
      for (const [start = 0, end = 0] of ranges)
        expect(digest(await readAll(store(), 'MTL/ranges', { start, end }))).toBe(digest(bytes.subarray(start, end)));
      expect(await readAll(store(), 'MTL/none', { start: 3, end: 3 })).toBeNull();
      await expect(store().get('MTL/ranges', { start: -1, end: 3 })).rejects.toThrow(RangeError);
    });

    it('goes on at every boundary after a writer was dropped, and forgets what lay behind it', async () => {
      const count = 6;
      for (let boundary = 0; boundary <= count; boundary++) {
        const key = `MTL/resume-${boundary}`;
        const first = randomBytes(pieceBytes * count);
        const dropped = await store().open(key);
        await appendPieces(dropped, first, pieceBytes);
        const durable = await dropped.sync();
        expect(durable % pieceBytes).toBe(0);
        if (exact) expect(durable).toBe(first.length);
        await dropped.close();
        expect((await store().partial(key)) ?? 0).toBe(durable);

        const upTo = boundary * pieceBytes;
        const again = await store().open(key, upTo);
        expect(again.offset % pieceBytes).toBe(0);
        if (exact) expect(again.offset).toBe(upTo);
        else expect(again.offset).toBeLessThanOrEqual(upTo);
        const whole = Buffer.concat([first.subarray(0, again.offset), randomBytes(pieceBytes * count - again.offset)]);
        // One part of the new bytes, and the writer is dropped once more: the old parts behind it may not come back.
        const stopAt = Math.min(whole.length, again.offset + pieceBytes * 2);
        await appendPieces(again, whole.subarray(0, stopAt), pieceBytes);
        await again.sync();
        await again.close();
        const last = await store().open(key);
        expect(last.offset).toBeLessThanOrEqual(stopAt);
        await appendPieces(last, whole, pieceBytes);
        await last.finish();
        expect(digest(await readAll(store(), key))).toBe(digest(whole));
        await store().remove(key);
      }
    });

    it('replaces a small blob at once while others read it', async () => {
      const blobOf = (round: number): Uint8Array => new Uint8Array(300).fill(1 + (round % 250));
      await store().put('MTL/put.key', blobOf(0));
      let done = false;
      const readers = Array.from({ length: 4 }, async () => {
        let reads = 0;
        while (!done) {
          const bytes = await readAll(store(), 'MTL/put.key');
          expect(bytes?.length).toBe(300);
          expect(new Set(bytes).size).toBe(1);
          expect(bytes?.[0]).toBeGreaterThan(0);
          reads++;
        }
        return reads;
      });
      try {
        for (let round = 1; round <= 40; round++) await store().put('MTL/put.key', blobOf(round));
      } finally {
        done = true;
      }
      for (const reads of await Promise.all(readers)) expect(reads).toBeGreaterThan(0);
      expect((await readAll(store(), 'MTL/put.key'))?.[0]).toBe(41);
    });

    it('removes a blob and its partial, and minds nothing that is not there', async () => {
      await store().put('MTL/gone', randomBytes(100));
      const writer = await store().open('MTL/gone');
      await appendPieces(writer, randomBytes(pieceBytes * 4), pieceBytes);
      await writer.sync();
      await writer.close();
      expect(await store().partial('MTL/gone')).toBeGreaterThan(0);
      await store().remove('MTL/gone');
      expect(await store().get('MTL/gone')).toBeNull();
      expect(await store().partial('MTL/gone')).toBeNull();
      expect(await listAll(store().list('MTL/gone'))).toEqual([]);
      expect(await listAll(store().listPartials('MTL/gone'))).toEqual([]);
      await store().remove('MTL/gone');
    });

    it('lists what is finished and what is not, by prefix', async () => {
      for (const key of ['LST/a', 'LST/a.key', 'LST/a.1', 'LST/ab', 'LSU/a']) await store().put(key, Buffer.from(key));
      const writer = await store().open('LST/a.2');
      await appendPieces(writer, randomBytes(pieceBytes * 4), pieceBytes);
      await writer.sync();
      await writer.close();
      expect(await listAll(store().list('LST/'))).toEqual(['LST/a', 'LST/a.1', 'LST/a.key', 'LST/ab']);
      expect(await listAll(store().list('LST/a.'))).toEqual(['LST/a.1', 'LST/a.key']);
      expect(await listAll(store().list('LST/zzz.'))).toEqual([]);
      expect(await listAll(store().listPartials('LST/'))).toEqual(['LST/a.2']);
      for await (const { key, sizeBytes, modifiedAt } of store().list('LST/')) {
        expect(sizeBytes).toBe(key.length);
        expect(Math.abs(Date.now() - modifiedAt.getTime())).toBeLessThan(60_000);
      }
      await store().remove('LST/a.2');
    });

    it.each(['', '/a', 'a/', 'a//b', '../a', 'a/../b', 'a/.b', '.store', 'a\0b', 'a~b', 'a b', 'é', 'a\\b', 'x'.repeat(201)])(
      'refuses %j, which is no key',
      async (key) => {
        const before = await listAll(store().list(''));
        const acts = [
          () => store().put(key, Buffer.from('x')),
          () => store().open(key),
          () => store().partial(key),
          () => store().get(key),
          () => store().readPartial(key, { start: 0, end: 1 }),
          () => store().head(key),
          () => store().remove(key),
        ];
        for (const act of acts) await expect(act()).rejects.toThrow('this is no key of a blob');
        expect(await listAll(store().list(''))).toEqual(before);
      },
    );

    it('ends a read whose signal is aborted', async () => {
      const writer = await store().open('MTL/abort');
      await writer.append(randomBytes(8 * MIB));
      await writer.finish();
      const control = new AbortController();
      const pieces = await store().get('MTL/abort', undefined, control.signal);
      if (pieces === null) throw new Error('the blob is not there');
      let got = 0;
      const reading = (async () => {
        for await (const piece of pieces) {
          got += piece.length;
          control.abort();
        }
      })();
      await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
      expect(got).toBeLessThan(MIB);
      await expect(store().get('MTL/abort', undefined, control.signal)).rejects.toMatchObject({ name: 'AbortError' });
      expect(await readAll(store(), 'MTL/abort').then((bytes) => bytes?.length)).toBe(8 * MIB);
    });

    it('takes nothing more from a writer that finished or was closed', async () => {
      const writer = await store().open('MTL/ended');
      await writer.append(randomBytes(10));
      await writer.finish();
      await expect(writer.append(randomBytes(10))).rejects.toThrow('closed');
      await expect(writer.finish()).rejects.toThrow('closed');
      await writer.close();
      expect((await store().head('MTL/ended'))?.sizeBytes).toBe(10);
    });
  });
};
