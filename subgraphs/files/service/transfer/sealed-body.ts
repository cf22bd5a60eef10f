import { rechunk } from '#platform/cipher/rechunk.ts';
import {
  beginOpening,
  CHUNK_BYTES,
  CipherError,
  chunkCount,
  HEADER_BYTES,
  SEALED_CHUNK_BYTES,
  sealedSize,
  TAG_BYTES,
} from '#platform/cipher/stream.ts';

/** What is told of a body: how long it is, and where it goes on behind whole chunks of the content. */
export const bodySize = (sizeBytes: number, isSealed: boolean): number => (isSealed ? sealedSize(sizeBytes) : sizeBytes);
export const bodyOffset = (storedBytes: number, isSealed: boolean): number =>
  isSealed && storedBytes > 0 ? HEADER_BYTES + (storedBytes / CHUNK_BYTES) * SEALED_CHUNK_BYTES : storedBytes;

/**
 * Opens the chunks of a sealed body as they come, from its beginning or, with the header that came before, from a chunk on. What is shorter
 * than a chunk at the end of `source` is left out: its rest may come later. What is given stays as it is only until the next is asked for.
 * Throws `CipherError`.
 */
export async function* openBody(
  source: AsyncIterable<Uint8Array>,
  key: Uint8Array,
  context: Readonly<Record<string, string>>,
  {
    sizeBytes,
    from,
    onHeader,
  }: {
    readonly sizeBytes: number;
    readonly from: { readonly chunk: number; readonly header: Uint8Array } | null;
    readonly onHeader: (header: Uint8Array) => Promise<void>;
  },
): AsyncGenerator<Uint8Array, void, void> {
  const chunks = chunkCount(sizeBytes);
  const into = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(1, sizeBytes)));
  let opener = from && beginOpening(key, context, from.header);
  let index = from?.chunk ?? 0;
  for await (const { bytes } of rechunk(source, SEALED_CHUNK_BYTES, opener ? SEALED_CHUNK_BYTES : HEADER_BYTES)) {
    if (opener === null) {
      if (bytes.length < HEADER_BYTES) return;
      const header = Buffer.from(bytes);
      opener = beginOpening(key, context, header);
      await onHeader(header);
      continue;
    }
    if (index >= chunks) {
      if (bytes.length > 0) throw new CipherError('chunk', 'the file is longer than it was');
      return;
    }
    const isLast = index === chunks - 1;
    const length = (isLast ? sizeBytes - index * CHUNK_BYTES : CHUNK_BYTES) + TAG_BYTES;
    if (bytes.length < length) return;
    yield opener.open(index++, bytes, isLast, into);
  }
}
