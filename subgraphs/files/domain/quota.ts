import { BadInputError } from '#platform/pure/faults.ts';

/** Longest content of one file, in bytes: 5 TiB. */
export const MAX_FILE_BYTES = 5 * 2 ** 40;
/** Longest content that travels in the graph in the clear, in bytes. */
export const MAX_INLINE_BYTES = 256 * 1024;
/** Longest content that travels in the graph sealed, in bytes. */
export const MAX_SEALED_BYTES = 1024 * 1024;
/** Longest compact JWE of `MAX_SEALED_BYTES`: base64url of the content, and 4 KiB for header, key, IV and tag. */
export const MAX_SEALED_TEXT = Math.ceil((MAX_SEALED_BYTES * 4) / 3) + 4_096;

/** Checks the length that an upload announces, in bytes. */
export const requireSize = (field: string, sizeBytes: number): number => {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > MAX_FILE_BYTES)
    throw new BadInputError(field, `is a whole number from 0 to ${MAX_FILE_BYTES}`);
  return sizeBytes;
};

/** Checks a SHA-256 in hex, and gives it in lower case. */
export const requireSha256 = (field: string, text: string): string => {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new BadInputError(field, 'is a SHA-256 in hex, 64 digits');
  return text.toLowerCase();
};
