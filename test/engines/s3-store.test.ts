import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { openStore } from '#platform/blobs/open-store.ts';
import { type BlobStore, StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import { describeBlobStore, digest, listAll, readAll } from '#test/support/blob-store-contract.ts';
import { type Swift, startSwift } from './swift.ts';

const MIB = 1024 * 1024;
let swift: Swift;
let store: BlobStore;
const openAs = (change: Partial<Swift>, timeoutMs?: number): Promise<BlobStore> => {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = { ...swift, ...change };
  const config = { kind: 's3', endpoint, region, bucket, accessKeyId, secretAccessKey, pathStyle: true } as const;
  return openStore('backup', config, timeoutMs === undefined ? {} : { timeoutMs });
};
const causeOf = async (act: Promise<unknown>): Promise<string> => {
  const error = await act.then(
    () => new Error('it was not refused'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StoreUnavailableError);
  return String((error as Error).cause);
};

beforeAll(async () => {
  swift = await startSwift();
  // Python and three servers on a busy machine: silence of two seconds is theirs now and then.
  store = await openAs({}, 10_000);
}, 60_000);
afterAll(async () => {
  await store?.stop();
  await swift?.stop();
}, 30_000);

describeBlobStore('a bucket of Swift', { store: () => store, pieceBytes: 3 * MIB, exact: false });

describe('a bucket of Swift as a store', () => {
  it('is unavailable, and says why without telling, when secret, key or bucket are wrong', async () => {
    await store.put('MTL/known.key', Buffer.from('key'));
    for (const wrong of [{ secretAccessKey: 'wrong-secret' }, { accessKeyId: 'test:nobody' }]) {
      const refused = await openAs(wrong);
      for (const act of [
        () => refused.put('MTL/other.key', Buffer.from('x')),
        () => refused.open('MTL/other'),
        () => refused.get('MTL/known.key'),
        () => refused.head('MTL/known.key'),
        () => refused.remove('MTL/known.key'),
        () => listAll(refused.list('')),
      ]) {
        const cause = await causeOf(act());
        expect(cause).toContain('refuses the access key');
        expect(cause).not.toMatch(/wrong|nobody|MTL/);
      }
      await refused.stop();
    }
    const nowhere = await openAs({ bucket: 'nowhere' });
    expect(await causeOf(nowhere.get('MTL/known.key'))).toContain('no such bucket');
    expect(await causeOf(nowhere.head('MTL/known.key'))).toContain('no such bucket');
    expect(await causeOf(nowhere.put('MTL/known.key', Buffer.from('x')))).toContain('no such bucket');
    await nowhere.stop();
    expect(await readAll(store, 'MTL/known.key')).toEqual(Buffer.from('key'));
    expect(await store.head('MTL/other.key')).toBeNull();
  });

  it('streams 64 MiB in and out in bounded memory', async () => {
    const piece = randomBytes(262_160);
    const count = Math.ceil((64 * MIB) / piece.length);
    // What is held, not what waits to be collected.
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const held = (): number => {
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const before = held();
    let most = 0;
    let looks = 0;
    const look = (): void => {
      if (looks++ % 16 === 0) most = Math.max(most, held() - before);
    };
    const writer = await store.open('MTL/stream');
    for (let index = 0; index < count; index++) {
      await writer.append(piece);
      look();
    }
    await writer.finish();
    const pieces = await store.get('MTL/stream');
    const hash = createHash('sha256');
    let got = 0;
    for await (const bytes of pieces ?? []) {
      hash.update(bytes);
      got += bytes.length;
      look();
    }
    expect(got).toBe(count * piece.length);
    const expected = createHash('sha256');
    for (let index = 0; index < count; index++) expected.update(piece);
    expect(hash.digest('hex')).toBe(expected.digest('hex'));
    console.log(`64 MiB in and out: at most ${Math.round(most / MIB)} MiB of buffers`);
    expect(most).toBeLessThan(24 * MIB);
    await store.remove('MTL/stream');
  });

  it('waits for a reader that is slower than its deadline', async () => {
    const bytes = randomBytes(4 * MIB);
    await store.put('MTL/slow', bytes);
    const quick = await openAs({}, 1_500);
    const all: Uint8Array[] = [];
    for await (const piece of (await quick.get('MTL/slow')) ?? []) {
      if (all.length === 0) await pause(2_500);
      all.push(piece);
    }
    expect(digest(Buffer.concat(all))).toBe(digest(bytes));
    await quick.stop();
  });

  it('takes nothing more when the bucket has reached its quota', async () => {
    const limited = await openAs({ bucket: 'limited' }, 10_000);
    await swift.makeBucket('limited', 1_000);
    await limited.put('MTL/a.key', randomBytes(500));
    await expect(limited.put('MTL/b.key', randomBytes(5_000))).rejects.toThrow(StoreFullError);
    expect(await limited.head('MTL/b.key')).toBeNull();
    expect(await readAll(limited, 'MTL/a.key')).toHaveLength(500);
    await limited.stop();
  });

  it('refuses a bucket that keeps versions', async () => {
    await swift.makeBucket('versions');
    const { endpoint, region, accessKeyId, secretAccessKey } = swift;
    const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
    await client.send(new PutBucketVersioningCommand({ Bucket: 'versions', VersioningConfiguration: { Status: 'Enabled' } }));
    client.destroy();
    await expect(openAs({ bucket: 'versions' }, 10_000)).rejects.toThrow('keeps versions');
  });

  it('is unavailable within its deadline when the server stands still or is gone, and back with it', async () => {
    const quick = await openAs({}, 2_000);
    const writer = await quick.open('MTL/broken');
    await writer.append(randomBytes(9 * MIB));
    const pieces = (await store.get('MTL/abort'))?.[Symbol.asyncIterator]();
    await pieces?.next();

    const expectAllToFail = async (): Promise<void> => {
      for (const act of [
        () => quick.put('MTL/frozen.key', Buffer.from('x')),
        () => quick.get('MTL/known.key'),
        () => quick.head('MTL/known.key'),
        () => quick.remove('MTL/known.key'),
        () => quick.open('MTL/other'),
      ]) {
        const started = performance.now();
        await expect(act()).rejects.toThrow(StoreUnavailableError);
        expect(performance.now() - started).toBeLessThan(3_000);
      }
    };
    swift.freeze();
    try {
      await expectAllToFail();
      await expect(writer.append(randomBytes(9 * MIB))).rejects.toThrow(StoreUnavailableError);
    } finally {
      swift.thaw();
    }
    await swift.endProxy();
    try {
      await expectAllToFail();
      const started = performance.now();
      // A store of a server that is gone is opened all the same.
      const early = await openAs({}, 2_000);
      expect(await causeOf(early.head('MTL/known.key'))).toContain('no answer');
      expect(performance.now() - started).toBeLessThan(3_000);
      await early.stop();
      const drain = async (): Promise<void> => {
        while ((await pieces?.next())?.done === false);
      };
      await expect(drain()).rejects.toThrow(StoreUnavailableError);
    } finally {
      await swift.startProxy();
    }
    const again = await store.open('MTL/broken');
    expect(again.offset).toBe(9 * MIB);
    await again.append(Buffer.from('end'));
    await again.finish();
    expect(await store.head('MTL/broken')).toMatchObject({ sizeBytes: 9 * MIB + 3 });
    expect(await readAll(store, 'MTL/known.key')).toEqual(Buffer.from('key'));
    await quick.stop();
  }, 60_000);
});
