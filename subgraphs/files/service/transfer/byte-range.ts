/** Bytes `start` ≤ i < `end` of a body. */
export type ByteRange = { readonly start: number; readonly end: number };

const isCount = (text: string): boolean => text.length <= 15; // below 2^53

/**
 * Reads `Range` (RFC 9110, 14.2) for a body of `size` bytes: the whole where there is none, one range where there is one. `bad` for several
 * ranges, another unit, or one that lies outside.
 */
export const readRange = (header: string | undefined, size: number): ByteRange | null | 'bad' => {
  if (header === undefined) return null;
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header.trim()) ?? [];
  if ((first === '' && last === '') || !isCount(first) || !isCount(last)) return 'bad';
  if (first === '') {
    const count = Number(last);
    return count === 0 || size === 0 ? 'bad' : { start: Math.max(0, size - count), end: size };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(size, Number(last) + 1);
  return start >= size || end <= start ? 'bad' : { start, end };
};

/** `Content-Range` of an answer. */
export const toContentRange = ({ start, end }: ByteRange, size: number): string => `bytes ${start}-${end - 1}/${size}`;

/**
 * What a sender says it sends of a body of `size` bytes: from `start` to at most `end`. By `Content-Range: bytes a-b/size` (RFC 9110, 14.4)
 * a part, without it the whole. `bad`: the two headers do not fit each other or the body; `long`: more than the body has.
 */
export const readSent = (contentRange: string | undefined, contentLength: string | undefined, size: number): ByteRange | 'bad' | 'long' => {
  const length = contentLength === undefined ? null : Number(contentLength);
  if (contentRange === undefined) return length !== null && length > size ? 'long' : { start: 0, end: size };
  const [, first = '', last = '', total = ''] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange.trim()) ?? [];
  if (first === '' || ![first, last, total].every(isCount) || Number(total) !== size) return 'bad';
  const [start, end] = [Number(first), Number(last) + 1];
  if (end <= start || end > size || (length !== null && length < end - start)) return 'bad';
  return length !== null && length > end - start ? 'long' : { start, end };
};
