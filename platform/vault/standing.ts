import { StoreUnavailableError } from '#platform/blobs/store.ts';
import { HEADER_BYTES, SEALED_CHUNK_BYTES } from '#platform/cipher/stream.ts';
import { fullSegmentSize, listContent, SEGMENT_CHUNKS, toBlobKey } from './layout.ts';
import type { Place } from './place.ts';
import type { BlobRef } from './vault.ts';
import { DURABLE_FACTOR } from './write-content.ts';

/** What one store has of a content whose length nobody knows yet. */
export type Standing = {
  /** Sealed chunks that can be read, the last one perhaps a last chunk of any length. */
  readonly chunks: number;
  readonly chunkSize: (chunk: number) => number;
  readonly isPartial: (segment: number) => boolean;
  /** Chunk that a writer goes on with: behind what is read from a partial, else the first of its segment. */
  readonly writeFrom: number;
  /** Bytes of the partial that the writer keeps. */
  readonly partialBytes: number;
};

/** Lists what a store has; an error where it does not answer. */
export const findStanding = async (place: Place, ref: BlobRef): Promise<Standing | StoreUnavailableError> => {
  const { store } = place;
  try {
    return await place.run(async (): Promise<Standing> => {
      const sizes = new Map<number, number>();
      for await (const { segment, sizeBytes } of listContent(store, ref)) sizes.set(segment, sizeBytes);
      let segment = 0;
      while (sizes.get(segment) === fullSegmentSize(segment)) segment++;
      const before = segment * SEGMENT_CHUNKS;
      const head = segment === 0 ? HEADER_BYTES : 0;
      const finished = sizes.get(segment);
      if (finished !== undefined) {
        const whole = Math.max(0, Math.floor((finished - head) / SEALED_CHUNK_BYTES));
        const rest = finished - head - whole * SEALED_CHUNK_BYTES;
        return {
          chunks: before + whole + (rest > 0 ? 1 : 0),
          chunkSize: (chunk) => (chunk === before + whole ? rest : SEALED_CHUNK_BYTES),
          isPartial: () => false,
          writeFrom: before,
          partialBytes: 0,
        };
      }
      const none: Standing = {
        chunks: before,
        chunkSize: () => SEALED_CHUNK_BYTES,
        isPartial: () => false,
        writeFrom: before,
        partialBytes: 0,
      };
      const partial = (await store.partial(toBlobKey(ref, segment))) ?? 0;
      // One fewer than a whole segment, so that what follows goes on in it and finishes it.
      const whole = Math.min(SEGMENT_CHUNKS - 1, Math.floor((partial - head) / SEALED_CHUNK_BYTES));
      if (whole < 1) return none;
      const end = head + whole * SEALED_CHUNK_BYTES;
      const readable = await store.readPartial(toBlobKey(ref, segment), { start: 0, end: 1 });
      if (readable === null) return none;
      await readable[Symbol.asyncIterator]().return?.();
      return {
        chunks: before + whole,
        chunkSize: () => SEALED_CHUNK_BYTES,
        isPartial: (each) => each === segment,
        writeFrom: before + whole,
        partialBytes: end,
      };
    }, DURABLE_FACTOR);
  } catch (error) {
    return error instanceof StoreUnavailableError ? error : new StoreUnavailableError(place.name, error);
  }
};
