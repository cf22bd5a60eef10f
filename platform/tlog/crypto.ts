import { createPublicKey, hash, verify } from 'node:crypto';

/**
 * The only file here that knows Node, and all that verifying needs of it: a browser puts its own in its place. SHA-256 answers at once, as a
 * tree takes two hashes a leaf; a signature may be waited for, as WebCrypto wants it.
 */

export const HASH_BYTES = 32;
export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** SHA-256. Through a text of one letter a byte, which takes 0.8 µs where Node's own buffer takes 1.7 (Node 24, 65 bytes). */
export const sha256 = (bytes: Uint8Array): Uint8Array => {
  const letters = hash('sha256', bytes, 'binary');
  const digest = new Uint8Array(HASH_BYTES);
  for (let i = 0; i < HASH_BYTES; i++) digest[i] = letters.charCodeAt(i);
  return digest;
};

/** Whether a signature of 64 bytes is the key's over the message; false for any other length. */
export type VerifyEd25519 = (message: Uint8Array, signature: Uint8Array) => Promise<boolean>;

/** Verifies with a public key of 32 bytes. RFC 8032, https://www.rfc-editor.org/rfc/rfc8032 */
export const makeEd25519Verifier = (publicKey: Uint8Array): VerifyEd25519 => {
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw new RangeError(`an Ed25519 public key has ${PUBLIC_KEY_BYTES} bytes`);
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') },
    format: 'jwk',
  });
  return async (message, signature) => signature.length === SIGNATURE_BYTES && verify(null, message, key, signature);
};
