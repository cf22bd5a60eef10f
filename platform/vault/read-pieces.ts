import { releaseBytes } from '#platform/pure/release-bytes.ts';

/** Gives exact numbers of bytes out of pieces of any size. */
export type Pieces = {
  /** The next `length` bytes, fewer where the source ends; they stay as they are until the next call. */
  readonly take: (length: number) => Promise<Uint8Array>;
  readonly close: () => void;
};

export const readPieces = (source: AsyncIterable<Uint8Array>, gather: () => Buffer): Pieces => {
  const iterator = source[Symbol.asyncIterator]();
  let piece: Uint8Array = new Uint8Array(0);
  let left: Uint8Array = piece;
  return {
    take: async (length) => {
      if (left.length >= length) {
        const taken = left.subarray(0, length);
        left = left.subarray(length);
        return taken;
      }
      let filled = 0;
      let buffer: Buffer | null = null;
      while (filled < length) {
        if (left.length === 0) {
          const next = await iterator.next();
          if (next.done) break;
          // All of it was copied, or lies in what an earlier call gave.
          releaseBytes(piece);
          piece = next.value;
          left = piece;
          continue;
        }
        const taken = Math.min(length - filled, left.length);
        if (filled === 0 && taken === length) {
          const whole = left.subarray(0, length);
          left = left.subarray(length);
          return whole;
        }
        buffer ??= gather();
        buffer.set(left.subarray(0, taken), filled);
        filled += taken;
        left = left.subarray(taken);
      }
      return buffer === null ? new Uint8Array(0) : buffer.subarray(0, filled);
    },
    close: () => {
      left = new Uint8Array(0);
      Promise.resolve(iterator.return?.()).catch(() => {});
    },
  };
};
