import { Readable } from 'node:stream';
import type { MultipartUpload, Part } from '@aws-sdk/client-s3';
import type { StoreConfig } from '#platform/config/files.ts';
import { makeTurns } from '#platform/pure/turns.ts';
import { isAbsent, isPassing, readFault, toStoreError } from './s3-errors.ts';
import { type BlobInfo, type BlobStore, type BlobWriter, requireKey, StoreUnavailableError } from './store.ts';

/** Parts are sent from here on, bytes; each is a whole number of appends. */
const PART_BYTES = 8 * 1024 * 1024;
/** The least that S3 takes for a part that is not the last, bytes. */
const MIN_PART_BYTES = 5 * 1024 * 1024;
/** Stands in for a part that is superseded, which S3 cannot take back one by one. Too small to be one. */
const SUPERSEDED = new Uint8Array(1);
/** Contents up to here are read at once, so that no connection waits for a caller, bytes. */
const AT_ONCE_BYTES = 256 * 1024;
/** Requests at once, without the bodies that are being read. Below the sockets, so that none waits for a socket within its deadline. */
const REQUESTS_AT_ONCE = 32;
const SOCKETS = 256;
const CONNECT_MS = 1000;
/** Deadlines that putting parts together may take, and that a body may wait until somebody reads it. */
const PATIENCE = 5;

export type S3Options = Omit<Extract<StoreConfig, { kind: 's3' }>, 'kind'> & {
  readonly name: string;
  /** How long the server may be silent, ms; 2,000 by default. */
  readonly timeoutMs?: number;
};

type Upload = { readonly id: string; readonly startedAt: Date };
type SentPart = { readonly PartNumber: number; readonly ETag: string; readonly sizeBytes: number; readonly modifiedAt: Date };

const toPart = ({ PartNumber = 0, ETag = '', Size = 0, LastModified = new Date(0) }: Part): SentPart => ({
  PartNumber,
  ETag,
  sizeBytes: Size,
  modifiedAt: LastModified,
});

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  if (bytes.length > 0) yield bytes;
}

/**
 * A store in a bucket of any server that speaks S3. A writer is a multipart upload: it can be gone on with after each whole part, and what
 * is unfinished cannot be read. Checksums beyond the signature are left out, as many servers refuse them; blobs are authenticated by whoever
 * reads them. The bucket may not keep versions, as a wrapped key that was removed would live on. The SDK is loaded here, not before.
 *
 * Deadlines are of silence: a request ends when the server has said and taken nothing for `timeoutMs`. One that failed in a way that passes
 * is made once more.
 */
export const openS3Store = async (options: S3Options): Promise<BlobStore> => {
  const { name, endpoint, region, bucket: Bucket, accessKeyId, secretAccessKey, pathStyle, timeoutMs = 2000 } = options;
  const sdk = await import('@aws-sdk/client-s3');

  const makeClient = (socketTimeout: number): InstanceType<typeof sdk.S3Client> =>
    new sdk.S3Client({
      endpoint,
      region,
      forcePathStyle: pathStyle,
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: Math.min(CONNECT_MS, timeoutMs),
        socketTimeout,
        httpAgent: { keepAlive: true, maxSockets: SOCKETS, maxFreeSockets: REQUESTS_AT_ONCE },
        httpsAgent: { keepAlive: true, maxSockets: SOCKETS, maxFreeSockets: REQUESTS_AT_ONCE },
      },
    });
  const talking = makeClient(timeoutMs);
  const gathering = makeClient(timeoutMs * PATIENCE);
  /** Has no time-out of its sockets: a body may wait for a slow reader. The others' deadlines are kept here by signals. */
  const reading = makeClient(0);
  const inTurn = makeTurns(REQUESTS_AT_ONCE);

  const explained = async <T>(writing: boolean, act: () => Promise<T>): Promise<T> => {
    try {
      return await inTurn(async () => {
        try {
          return await act();
        } catch (error) {
          if (!isPassing(error)) throw error;
          return await act();
        }
      });
    } catch (error) {
      throw toStoreError(name, error, writing);
    }
  };
  const orNull = <T>(act: () => Promise<T>): Promise<T | null> =>
    explained(false, async () => {
      try {
        return await act();
      } catch (error) {
        if (isAbsent(error)) return null;
        throw error;
      }
    });

  let isBucketSafe = false;
  /** Throws for a bucket that keeps versions. A server that does not know versions, or does not tell, keeps none. */
  const checkBucket = async (): Promise<void> => {
    if (isBucketSafe) return;
    const status = await explained(false, async () => {
      try {
        return (await talking.send(new sdk.GetBucketVersioningCommand({ Bucket }))).Status;
      } catch (error) {
        if (['NotImplemented', 'AccessDenied', 'MethodNotAllowed'].includes(readFault(error).name)) return undefined;
        throw error;
      }
    });
    if (status !== undefined) throw new Error(`the bucket of the ${name} store keeps versions: give the store one that never did`);
    isBucketSafe = true;
  };

  const put: BlobStore['put'] = async (key, bytes) => {
    const Key = requireKey(key);
    await checkBucket();
    await explained(true, () => talking.send(new sdk.PutObjectCommand({ Bucket, Key, Body: bytes })));
  };

  async function* findUploads(prefix: string): AsyncGenerator<MultipartUpload, void, void> {
    let from: { KeyMarker?: string; UploadIdMarker?: string } = {};
    for (;;) {
      const page = await explained(false, () => talking.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: prefix, ...from })));
      yield* page.Uploads ?? [];
      if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return;
      from = {
        KeyMarker: page.NextKeyMarker,
        ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }),
      };
    }
  }
  /** Uploads of a key, newest first: the first counts, others were left behind. */
  const uploadsOf = async (key: string): Promise<readonly Upload[]> => {
    const uploads: Upload[] = [];
    for await (const { Key, UploadId, Initiated } of findUploads(key)) {
      if (Key === key && UploadId !== undefined) uploads.push({ id: UploadId, startedAt: Initiated ?? new Date(0) });
    }
    return uploads.sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
  };
  const endUploads = async (key: string, uploads: readonly Upload[]): Promise<void> => {
    for (const { id } of uploads) await orNull(() => talking.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key: key, UploadId: id })));
  };
  const partsOf = async (key: string, id: string): Promise<readonly SentPart[]> => {
    const parts: SentPart[] = [];
    let from: { PartNumberMarker?: string } = {};
    for (;;) {
      const page = await orNull(() => talking.send(new sdk.ListPartsCommand({ Bucket, Key: key, UploadId: id, ...from })));
      if (page === null) return [];
      parts.push(...(page.Parts ?? []).map(toPart));
      if (page.IsTruncated !== true || page.NextPartNumberMarker === undefined) return parts;
      from = { PartNumberMarker: page.NextPartNumberMarker };
    }
  };
  /** Parts that follow each other from the first, up to `upTo` bytes. */
  const usable = (parts: readonly SentPart[], upTo = Number.MAX_SAFE_INTEGER): readonly SentPart[] => {
    let total = 0;
    const end = parts.findIndex(({ PartNumber, sizeBytes }, index) => {
      total += sizeBytes;
      return PartNumber !== index + 1 || sizeBytes < MIN_PART_BYTES || total > upTo;
    });
    return end < 0 ? parts : parts.slice(0, end);
  };
  const sizeOf = (parts: readonly SentPart[]): number => parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

  const sendPart = async (key: string, id: string, number: number, body: Uint8Array): Promise<SentPart> => {
    const command = { Bucket, Key: key, UploadId: id, PartNumber: number, Body: body };
    const { ETag = '' } = await explained(true, () => talking.send(new sdk.UploadPartCommand(command)));
    return { PartNumber: number, ETag, sizeBytes: body.length, modifiedAt: new Date() };
  };

  /** What can be gone on with. Parts behind it are superseded before anything is written, or a later `open` might take them for new ones. */
  const resume = async (key: string, upTo: number | undefined): Promise<{ id: string | null; kept: readonly SentPart[] }> => {
    const [newest, ...others] = await uploadsOf(key);
    if (newest === undefined) return { id: null, kept: [] };
    await endUploads(key, others);
    const parts = await partsOf(key, newest.id);
    const kept = usable(parts, upTo);
    if (kept.length === 0) {
      await endUploads(key, [newest]);
      return { id: null, kept };
    }
    for (const { PartNumber, sizeBytes } of parts.slice(kept.length)) {
      if (sizeBytes > SUPERSEDED.length) await sendPart(key, newest.id, PartNumber, SUPERSEDED);
    }
    return { id: newest.id, kept };
  };

  const open: BlobStore['open'] = async (key, upTo) => {
    requireKey(key);
    if (upTo !== undefined && !(Number.isSafeInteger(upTo) && upTo >= 0)) throw new RangeError('a blob goes on from a whole byte');
    await checkBucket();
    const { id, kept } = await resume(key, upTo);
    let uploadId = id;
    const parts = [...kept];
    let sent = sizeOf(parts);
    let gathered = Buffer.alloc(0);
    let length = 0;
    let state: 'open' | 'closed' | 'failed' = 'open';

    const step = async <T>(act: () => Promise<T>): Promise<T> => {
      if (state !== 'open') throw new Error(`this writer of the ${name} store is ${state}`);
      try {
        return await act();
      } catch (error) {
        state = 'failed';
        throw error;
      }
    };
    const send = async (): Promise<void> => {
      uploadId ??= await explained(true, async () => {
        const { UploadId } = await talking.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key: key }));
        if (UploadId === undefined) throw new StoreUnavailableError(name, new Error('the server names no upload'));
        return UploadId;
      });
      parts.push(await sendPart(key, uploadId, parts.length + 1, gathered.subarray(0, length)));
      sent += length;
      length = 0;
    };
    const gather = (bytes: Uint8Array): void => {
      if (gathered.length < length + bytes.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(length + bytes.length, Math.min(gathered.length * 2, PART_BYTES + bytes.length)));
        gathered.copy(larger, 0, 0, length);
        gathered = larger;
      }
      gathered.set(bytes, length);
      length += bytes.length;
    };
    const complete = async (id: string): Promise<void> => {
      const Parts = parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
      const command = { Bucket, Key: key, UploadId: id, MultipartUpload: { Parts } };
      await explained(true, () => gathering.send(new sdk.CompleteMultipartUploadCommand(command)));
    };
    const writer: BlobWriter = {
      get offset() {
        return sent + length;
      },
      append: (bytes) =>
        step(async () => {
          gather(bytes);
          if (length >= PART_BYTES) await send();
        }),
      sync: () =>
        step(async () => {
          if (length >= MIN_PART_BYTES) await send();
          return sent;
        }),
      finish: () =>
        step(async () => {
          if (uploadId === null) await put(key, gathered.subarray(0, length));
          else {
            if (length > 0) await send();
            await complete(uploadId);
          }
          state = 'closed';
          gathered = Buffer.alloc(0);
        }),
      close: async () => {
        state = 'closed';
        gathered = Buffer.alloc(0);
      },
    };
    return writer;
  };

  const partial: BlobStore['partial'] = async (key) => {
    const [newest] = await uploadsOf(requireKey(key));
    return newest === undefined ? null : sizeOf(usable(await partsOf(key, newest.id)));
  };

  const head: BlobStore['head'] = async (key) => {
    const Key = requireKey(key);
    const found = await orNull(() => talking.send(new sdk.HeadObjectCommand({ Bucket, Key })));
    if (found !== null) return { key, sizeBytes: found.ContentLength ?? 0, modifiedAt: found.LastModified ?? new Date(0) };
    await explained(false, () => talking.send(new sdk.HeadBucketCommand({ Bucket }))).catch(() => {
      throw new StoreUnavailableError(name, new Error('there is no such bucket, or the key may not see it'));
    });
    return null;
  };

  /** Bodies end when nobody reads them, when they fall silent while somebody does, and when the signal is aborted. */
  const readBody = (body: Readable, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> => {
    const onAbort = (): void => void body.destroy();
    signal?.addEventListener('abort', onAbort, { once: true });
    body.on('error', () => undefined);
    const forgotten = setTimeout(onAbort, timeoutMs * PATIENCE);
    forgotten.unref();
    return (async function* () {
      clearTimeout(forgotten);
      try {
        signal?.throwIfAborted();
        if (body.destroyed) throw new StoreUnavailableError(name, new Error('the body was not read in time'));
        const pieces = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
        for (;;) {
          const silent = setTimeout(() => body.destroy(new Error('silent')), timeoutMs);
          const piece = await pieces.next().finally(() => clearTimeout(silent));
          signal?.throwIfAborted();
          if (piece.done === true) return;
          yield piece.value;
          signal?.throwIfAborted();
        }
      } catch (error) {
        signal?.throwIfAborted();
        throw toStoreError(name, error, false);
      } finally {
        signal?.removeEventListener('abort', onAbort);
        body.destroy();
      }
    })();
  };

  const get: BlobStore['get'] = async (key, range, signal) => {
    const Key = requireKey(key);
    signal?.throwIfAborted();
    const { start, end } = range ?? { start: 0, end: 0 };
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0) throw new RangeError('a range has whole bytes from 0');
    if (range !== undefined && start >= end) return (await head(key)) === null ? null : once(new Uint8Array(0));
    const wanted = range === undefined ? {} : { Range: `bytes=${start}-${end - 1}` };
    const fetchBody = async (): Promise<Readable | 'beyond'> => {
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), timeoutMs);
      try {
        const abortSignal = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
        const { Body } = await reading.send(new sdk.GetObjectCommand({ Bucket, Key, ...wanted }), { abortSignal });
        if (!(Body instanceof Readable)) throw new StoreUnavailableError(name, new Error('the answer has no body'));
        return Body;
      } catch (error) {
        signal?.throwIfAborted();
        if (readFault(error).status === 416) return 'beyond';
        throw error;
      } finally {
        clearTimeout(timer);
      }
    };
    let body: Readable | 'beyond' | null;
    try {
      // Swift takes the old file away behind the new one, and says 404 to whoever was about to read it.
      body = (await orNull(fetchBody)) ?? (await orNull(fetchBody));
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
    if (body === null) return null;
    if (body === 'beyond') return once(new Uint8Array(0));
    if (range === undefined || end - start > AT_ONCE_BYTES) return readBody(body, signal);
    const pieces: Uint8Array[] = [];
    for await (const piece of readBody(body, signal)) pieces.push(piece);
    return once(Buffer.concat(pieces));
  };

  const remove: BlobStore['remove'] = async (key) => {
    const Key = requireKey(key);
    await checkBucket();
    await endUploads(key, await uploadsOf(key));
    await explained(true, async () => {
      try {
        await talking.send(new sdk.DeleteObjectCommand({ Bucket, Key }));
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    });
  };

  async function* list(prefix: string): AsyncGenerator<BlobInfo, void, void> {
    let from: { ContinuationToken?: string } = {};
    for (;;) {
      const page = await explained(false, () => talking.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: prefix, ...from })));
      for (const { Key, Size = 0, LastModified = new Date(0) } of page.Contents ?? []) {
        if (Key !== undefined) yield { key: Key, sizeBytes: Size, modifiedAt: LastModified };
      }
      if (page.IsTruncated !== true || page.NextContinuationToken === undefined) return;
      from = { ContinuationToken: page.NextContinuationToken };
    }
  }
  async function* listPartials(prefix: string): AsyncGenerator<BlobInfo, void, void> {
    const seen = new Set<string>();
    for await (const { Key, UploadId, Initiated = new Date(0) } of findUploads(prefix)) {
      if (Key === undefined || UploadId === undefined || seen.has(Key)) continue;
      seen.add(Key);
      const parts = await partsOf(Key, UploadId);
      yield { key: Key, sizeBytes: sizeOf(usable(parts)), modifiedAt: parts.at(-1)?.modifiedAt ?? Initiated };
    }
  }

  await checkBucket().catch((error: unknown) => {
    if (!(error instanceof StoreUnavailableError)) throw error;
  });
  return {
    name,
    put,
    open,
    partial,
    get,
    readPartial: async (key) => {
      requireKey(key);
      return null;
    },
    head,
    remove,
    list,
    listPartials,
    stop: async () => {
      for (const client of [talking, gathering, reading]) client.destroy();
    },
  };
};
