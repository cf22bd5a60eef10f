import { createHmac, createSecretKey } from 'node:crypto';

const HASH_BYTES = 32;

/**
 * HKDF-Expand with SHA-256: `length` bytes (at most 8,160) out of `prk`, which has to be uniformly random already, and `info`.
 * Source: RFC 5869, section 2.3. Node's `hkdf` extracts first, and a data key needs no extraction.
 */
export const expandSha256 = (prk: Uint8Array, info: Uint8Array, length: number): Buffer => {
  if (!Number.isInteger(length) || length < 0 || length > 255 * HASH_BYTES) throw new RangeError('HKDF gives 0 to 8,160 bytes');
  const key = createSecretKey(prk);
  const blocks = Buffer.alloc(Math.ceil(length / HASH_BYTES) * HASH_BYTES);
  for (let block = 0; block * HASH_BYTES < length; block++) {
    const hmac = createHmac('sha256', key);
    if (block > 0) hmac.update(blocks.subarray((block - 1) * HASH_BYTES, block * HASH_BYTES));
    blocks.set(
      hmac
        .update(info)
        .update(Uint8Array.of(block + 1))
        .digest(),
      block * HASH_BYTES,
    );
  }
  return blocks.subarray(0, length);
};
