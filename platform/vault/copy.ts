import { HEADER_BYTES, SEALED_CHUNK_BYTES } from '#platform/cipher/stream.ts';
import { offsetInSegment, segmentOf, toBlobKey } from './layout.ts';
import type { Place } from './place.ts';
import { type Pieces, readPieces } from './read-pieces.ts';
import type { BlobRef } from './vault.ts';

/** A store answers, and its copy is not what it should be. */
export class CopyError extends Error {
  override readonly name = 'CopyError';
  readonly finding: 'missing' | 'damaged';
  constructor(finding: 'missing' | 'damaged') {
    super(`a copy is ${finding}`);
    this.finding = finding;
  }
}

/** One store's copy of a content, read chunk by chunk; chunks in their order cost one read per segment. */
export type Copy = {
  readonly place: Place;
  readonly header: () => Promise<Uint8Array>;
  /** The sealed chunk, not yet authenticated; stays as it is until the next call. Throws `CopyError` and `StoreUnavailableError`. */
  readonly chunk: (index: number) => Promise<Uint8Array>;
  readonly close: () => void;
};

type CopyOptions = {
  /** Bytes of a sealed chunk. */
  readonly chunkSize: (chunk: number) => number;
  /** The chunk behind the last that will be asked for. */
  readonly end: number;
  readonly signal?: AbortSignal | undefined;
  /** Segments that are partials still. */
  readonly isPartial?: (segment: number) => boolean;
};

export const openCopy = (place: Place, ref: BlobRef, { chunkSize, end, signal, isPartial = () => false }: CopyOptions): Copy => {
  const { store } = place;
  let reading: { readonly pieces: Pieces; readonly segment: number; next: number } | null = null;
  /** Rises with every failure, so that an act that comes too late changes nothing. */
  let turn = 0;
  const read = async (segment: number, from: number, to: number): Promise<AsyncIterable<Uint8Array>> => {
    const key = toBlobKey(ref, segment);
    const range = { start: from, end: to };
    const source = await (isPartial(segment) ? store.readPartial(key, range) : store.get(key, range, signal));
    if (source === null) throw new CopyError('missing');
    return source;
  };
  const close = (): void => {
    reading?.pieces.close();
    reading = null;
  };
  /** A copy that is wrong passes through `run` as a value: the store itself did nothing wrong. */
  const run = async (act: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    signal?.throwIfAborted();
    try {
      const told = await place.run(() =>
        act().catch((error: unknown) => {
          if (error instanceof CopyError) return error;
          throw error;
        }),
      );
      if (told instanceof CopyError) throw told;
      return told;
    } catch (error) {
      turn++;
      close();
      signal?.throwIfAborted();
      throw error;
    }
  };
  const makeGather = (): (() => Buffer) => {
    let buffer: Buffer | null = null;
    return () => {
      buffer ??= Buffer.allocUnsafeSlow(SEALED_CHUNK_BYTES);
      return buffer;
    };
  };
  return {
    place,
    header: () =>
      run(async () => {
        const pieces = readPieces(await read(0, 0, HEADER_BYTES), () => Buffer.alloc(HEADER_BYTES));
        try {
          const header = await pieces.take(HEADER_BYTES);
          if (header.length < HEADER_BYTES) throw new CopyError('damaged');
          return Uint8Array.from(header);
        } finally {
          pieces.close();
        }
      }),
    chunk: (index) =>
      run(async () => {
        const segment = segmentOf(index);
        const mine = turn;
        if (reading === null || reading.segment !== segment || reading.next !== index) {
          close();
          let last = index;
          while (last + 1 < end && segmentOf(last + 1) === segment) last++;
          const source = await read(segment, offsetInSegment(index), offsetInSegment(last) + chunkSize(last));
          const pieces = readPieces(source, makeGather());
          if (mine !== turn) {
            pieces.close();
            throw new Error('too late');
          }
          reading = { pieces, segment, next: index };
        }
        const current = reading;
        const size = chunkSize(index);
        const sealed = await current.pieces.take(size);
        if (sealed.length < size) throw new CopyError('damaged');
        current.next = index + 1;
        return sealed;
      }),
    close,
  };
};
