import type { Hash } from 'node:crypto';
import { type BlobWriter, StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import { CHUNK_BYTES, SEALED_CHUNK_BYTES, type Sealer } from '#platform/cipher/stream.ts';
import { SEGMENT_CHUNKS, segmentOf, toBlobKey } from './layout.ts';
import type { Place } from './place.ts';
import { type BlobRef, IntegrityError, type Stored, type StoreName, type VaultWriter } from './vault.ts';

/** Finishing and syncing reach the disk, so that they may take longer than a chunk. */
export const DURABLE_FACTOR = 6;

/** One store's part in a content that is being written. */
export type Lane = {
  readonly place: Place;
  /** Where the first append goes on: bytes of a partial. Only until the first append. */
  partialBytes: number;
  /** Segment and writer that are open. */
  open: { readonly segment: number; readonly writer: BlobWriter } | null;
  /** Why this store was let go; what it lacks is owed. */
  failure: Error | null;
};
export const makeLane = (place: Place, failure: Error | null = null): Lane => ({ place, partialBytes: 0, open: null, failure });

/** Lets a store go. What it has stays for a repair or a discard. */
export const letGo = (lane: Lane, error: unknown): void => {
  if (lane.failure !== null) return;
  lane.failure = error instanceof Error ? error : new StoreUnavailableError(lane.place.name, error);
  const { open } = lane;
  lane.open = null;
  open?.writer.close().catch(() => {});
};

/** Appends a sealed chunk to one store; throws what the store throws. Ends a segment and begins the next where the chunk is its first. */
export const appendChunk = async (lane: Lane, ref: BlobRef, header: Uint8Array, chunk: number, sealed: Uint8Array): Promise<void> => {
  const { place } = lane;
  const segment = segmentOf(chunk);
  if (lane.open !== null && lane.open.segment !== segment) await finishSegment(lane);
  if (lane.open === null) {
    const { partialBytes } = lane;
    lane.partialBytes = 0;
    const writer = await place.run(() => place.store.open(toBlobKey(ref, segment), partialBytes));
    lane.open = { segment, writer };
    if (writer.offset !== partialBytes) throw new StoreUnavailableError(place.name);
    if (segment === 0 && partialBytes === 0) await place.run(() => writer.append(header));
  }
  const { writer } = lane.open;
  await place.run(() => writer.append(sealed));
};

/** Shows the segment that is open, whole and durable. */
export const finishSegment = async (lane: Lane): Promise<void> => {
  const { open, place } = lane;
  if (open === null) return;
  await place.run(() => open.writer.finish(), DURABLE_FACTOR);
  lane.open = null;
};

/** Buffers of sealed chunks that all writers share, so that many uploads at once take little more room than a few. */
export type Buffers = { readonly take: () => Promise<Buffer>; readonly give: (buffer: Buffer) => void };

export const makeBuffers = (max: number): Buffers => {
  const free: Buffer[] = [];
  const waiting: ((buffer: Buffer) => void)[] = [];
  let made = 0;
  return {
    take: async () => {
      const buffer = free.pop();
      if (buffer) return buffer;
      if (made < max) {
        made++;
        return Buffer.allocUnsafeSlow(SEALED_CHUNK_BYTES);
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    give: (buffer) => {
      const next = waiting.shift();
      if (next) next(buffer);
      else free.push(buffer);
    },
  };
};

type WriterOptions = {
  readonly ref: BlobRef;
  readonly lanes: readonly Lane[];
  readonly sealer: Sealer;
  readonly keyId: string;
  /** SHA-256 of the plaintext that stands already. */
  readonly hash: Hash;
  /** Chunks that stand already. */
  readonly chunks: number;
  /** The sealed last chunk that stood behind them, once: whoever sends it again has to send the same. */
  readonly tail: Buffer | null;
  readonly buffers: Buffers;
  /** Told when the content was destroyed meanwhile; true: it was. */
  readonly isDestroyed: () => Promise<boolean>;
  readonly onFinished: (store: StoreName) => void | Promise<void>;
  readonly onEnd: () => void;
};

/** Seals plaintext and gives every sealed chunk to all stores at the same time, one chunk ahead of them at most. */
export const makeWriter = (options: WriterOptions): VaultWriter & { readonly condemn: () => void } => {
  const { ref, lanes, sealer, hash, buffers, tail } = options;
  let chunk = options.chunks;
  let sizeBytes = chunk * CHUNK_BYTES;
  let plain: Buffer | null = null;
  let filled = 0;
  let flight: Promise<void> = Promise.resolve();
  let state: 'open' | 'ended' | 'condemned' = 'open';

  const live = (): Lane[] => lanes.filter(({ failure }) => failure === null);
  const requireOpen = (): void => {
    if (state === 'condemned') throw new IntegrityError('the content was destroyed');
    if (state === 'ended') throw new Error('this writer has ended');
  };
  const requireLane = (): void => {
    if (live().length > 0) return;
    const failures = lanes.map(({ failure }) => failure);
    throw failures.find((each) => each instanceof StoreFullError) ?? failures.find((each) => each !== null) ?? new Error('no store');
  };
  const onEach = async (step: (lane: Lane) => Promise<void>): Promise<void> => {
    await Promise.all(live().map((lane) => step(lane).catch((error: unknown) => letGo(lane, error))));
  };
  const send = async (bytes: Uint8Array, isLast: boolean): Promise<void> => {
    const buffer = await buffers.take();
    try {
      const index = chunk++;
      const sealed = sealer.seal(index, bytes, isLast, buffer);
      // What was sealed at a place once is never sealed there with other bytes: that would give both away.
      if (tail !== null && index === options.chunks && isLast && !tail.equals(sealed))
        throw new IntegrityError('other bytes were sent than before');
      await flight;
      requireOpen();
      requireLane();
      flight = onEach((lane) => appendChunk(lane, ref, sealer.header, index, sealed)).finally(() => buffers.give(buffer));
    } catch (error) {
      buffers.give(buffer);
      throw error;
    }
  };
  const end = (next: 'ended' | 'condemned'): void => {
    if (state === 'open') options.onEnd();
    state = next;
    plain = null;
  };
  const release = async (): Promise<void> => {
    await flight;
    await onEach(async (lane) => {
      const { open } = lane;
      lane.open = null;
      if (open) await lane.place.run(() => open.writer.close());
    });
  };

  return {
    get offset() {
      return options.chunks * CHUNK_BYTES;
    },
    write: async (bytes) => {
      requireOpen();
      hash.update(bytes);
      sizeBytes += bytes.length;
      for (let at = 0; at < bytes.length; ) {
        // A full chunk waits for the next byte, as it may be the last.
        if (plain !== null && filled === CHUNK_BYTES) {
          await send(plain, false);
          filled = 0;
        }
        if (filled === 0 && bytes.length - at > CHUNK_BYTES) {
          await send(bytes.subarray(at, at + CHUNK_BYTES), false);
          at += CHUNK_BYTES;
          continue;
        }
        plain ??= Buffer.allocUnsafeSlow(CHUNK_BYTES);
        const taken = Math.min(CHUNK_BYTES - filled, bytes.length - at);
        plain.set(bytes.subarray(at, at + taken), filled);
        filled += taken;
        at += taken;
      }
    },
    suspend: async (moreFollows = false) => {
      requireOpen();
      if (moreFollows && plain !== null && filled === CHUNK_BYTES) {
        await send(plain, false);
        filled = 0;
      }
      await flight;
      await onEach(async (lane) => {
        const { open } = lane;
        // A segment that has all its chunks is shown: `resume` takes a partial for one chunk short of it at most.
        if (open && chunk % SEGMENT_CHUNKS === 0) await finishSegment(lane);
        else if (open) await lane.place.run(() => open.writer.sync(), DURABLE_FACTOR);
      });
      requireLane();
      end('ended');
      await release();
      return chunk * CHUNK_BYTES;
    },
    finish: async (): Promise<Stored> => {
      requireOpen();
      await send(plain?.subarray(0, filled) ?? new Uint8Array(0), true);
      await flight;
      await Promise.all(
        live().map(async (lane) => {
          try {
            await finishSegment(lane);
          } catch (error) {
            return letGo(lane, error);
          }
          await options.onFinished(lane.place.name);
        }),
      );
      requireOpen();
      requireLane();
      const owed = lanes.filter(({ failure }) => failure !== null).map(({ place }) => place.name);
      if (await options.isDestroyed()) {
        end('condemned');
        throw new IntegrityError('the content was destroyed');
      }
      end('ended');
      return { sizeBytes, sha256: hash.digest('hex'), keyId: options.keyId, owed };
    },
    abandon: async () => {
      end('ended');
      await release();
    },
    condemn: () => {
      end('condemned');
      void release();
    },
  };
};
