import type { BlobStore } from '#platform/blobs/store.ts';
import { CHUNK_BYTES, chunkCount, HEADER_BYTES, SEALED_CHUNK_BYTES, sealedSize } from '#platform/cipher/stream.ts';
import type { BlobRef } from './vault.ts';

/**
 * How a content lies in a store: its sealed file (`platform/cipher/stream.ts`) is cut into segments of 256 chunks, each a blob of its own,
 * so that an upload that broke off goes on behind the last whole one wherever a store cannot read what is unfinished, and so that only a
 * bad segment is written anew. The first segment is `{city}/{id}` and has the header, the next are `{city}/{id}.1`, `.2` …; the wrapped
 * key is `{city}/{id}.key`. `docs/decisions/0013-contents-in-segments.md`
 */
export const SEGMENT_CHUNKS = 256;

type Named = Pick<BlobRef, 'city' | 'id'>;
export const toBlobKey = ({ city, id }: Named, segment: number): string => (segment === 0 ? `${city}/${id}` : `${city}/${id}.${segment}`);
export const toKeyKey = ({ city, id }: Named): string => `${city}/${id}.key`;

/** Blobs of a content that a store has, without the key. */
export async function* listContent(
  store: BlobStore,
  ref: Named,
): AsyncGenerator<{ key: string; segment: number; sizeBytes: number }, void, void> {
  const first = await store.head(toBlobKey(ref, 0));
  if (first !== null) yield { key: first.key, segment: 0, sizeBytes: first.sizeBytes };
  for await (const { key, sizeBytes } of store.list(`${ref.city}/${ref.id}.`)) {
    const part = partOf(ref, key);
    if (typeof part === 'number') yield { key, segment: part, sizeBytes };
  }
}
/** Partials of a content that a store has. */
export async function* listPartialsOf(store: BlobStore, ref: Named): AsyncGenerator<string, void, void> {
  for await (const { key } of store.listPartials(`${ref.city}/${ref.id}`)) if (partOf(ref, key) !== null) yield key;
}
const partOf = (ref: Named, key: string): number | 'key' | null => {
  const parsed = parseBlobKey(key);
  return parsed?.city === ref.city && parsed.id === ref.id ? parsed.part : null;
};

const KEY = /^([^/]+)\/([^/.]+)(?:\.(key|[1-9][0-9]{0,7}))?$/;
/** The parts of a blob's key; `part` is a segment or `key`. Null for what the vault did not write. */
export const parseBlobKey = (key: string): { readonly city: string; readonly id: string; readonly part: number | 'key' } | null => {
  const [whole, city = '', id = '', part = '0'] = KEY.exec(key) ?? [];
  if (whole === undefined) return null;
  return { city, id, part: part === 'key' ? 'key' : Number(part) };
};

export const segmentOf = (chunk: number): number => Math.floor(chunk / SEGMENT_CHUNKS);
/** Where a chunk begins in the blob of its segment. */
export const offsetInSegment = (chunk: number): number =>
  (chunk < SEGMENT_CHUNKS ? HEADER_BYTES : 0) + (chunk % SEGMENT_CHUNKS) * SEALED_CHUNK_BYTES;

/** Bytes of a segment that has all its chunks, in full length. */
export const fullSegmentSize = (segment: number): number => (segment === 0 ? HEADER_BYTES : 0) + SEGMENT_CHUNKS * SEALED_CHUNK_BYTES;

/** What the length of a content says about its blobs. */
export type Layout = {
  readonly sizeBytes: number;
  readonly chunks: number;
  readonly segments: number;
  /** Bytes of a segment's blob. */
  readonly segmentSize: (segment: number) => number;
  /** Bytes of a sealed chunk. */
  readonly chunkSize: (chunk: number) => number;
};

export const toLayout = (sizeBytes: number): Layout => {
  const chunks = chunkCount(sizeBytes);
  const segments = Math.ceil(chunks / SEGMENT_CHUNKS);
  const before = (segment: number): number => (segment === 0 ? 0 : HEADER_BYTES + segment * SEGMENT_CHUNKS * SEALED_CHUNK_BYTES);
  const total = sealedSize(sizeBytes);
  const tag = SEALED_CHUNK_BYTES - CHUNK_BYTES;
  return {
    sizeBytes,
    chunks,
    segments,
    segmentSize: (segment) => Math.min(total, before(segment + 1)) - before(segment),
    chunkSize: (chunk) => Math.min(CHUNK_BYTES, sizeBytes - chunk * CHUNK_BYTES) + tag,
  };
};
