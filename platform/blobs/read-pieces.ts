import type { FileHandle } from 'node:fs/promises';
import type { Disk } from './disk.ts';

/** Bytes of a piece: two sealed chunks, 256 KiB and a tag each, so that chunks read from the start of one lie whole in a piece and are not copied. */
export const PIECE_BYTES = 2 * (256 * 1024 + 16);

/**
 * Bytes `start` ≤ i < `end` of a file in pieces of `PIECE_BYTES`, the next one read while the caller works on this one. Ends early where the file
 * does. The file is opened when the first piece is asked for and closed in every case: at the end, when the caller breaks off, and when the
 * signal is aborted, even if nobody asks for another piece.
 */
export async function* readPieces(
  disk: Disk,
  openFile: () => Promise<FileHandle>,
  { start, end }: { readonly start: number; readonly end: number },
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  signal?.throwIfAborted();
  const handle = await openFile();
  let ahead: Promise<Buffer> | null = null;
  const readAhead = (at: number): void => {
    ahead = at < end ? disk.readAt(handle, at, Math.min(PIECE_BYTES, end - at)) : null;
    ahead?.catch(() => undefined);
  };
  let shut: Promise<void> | null = null;
  const close = (): Promise<void> => {
    shut ??= (async () => {
      await ahead?.catch(() => undefined);
      await disk.letGo(handle);
    })();
    return shut;
  };
  const onAbort = (): void => void close();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    readAhead(start);
    for (let at = start; ahead !== null; ) {
      const piece: Buffer = await ahead;
      signal?.throwIfAborted();
      if (piece.length === 0) return;
      at += piece.length;
      readAhead(at);
      yield piece;
      signal?.throwIfAborted();
    }
  } catch (error) {
    throw disk.explain(error, false);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await close();
  }
}
