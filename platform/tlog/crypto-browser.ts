import { sha256 as hashSha256 } from '@noble/hashes/sha2.js';
import type { VerifyEd25519 } from './crypto.ts';

/** What stands in a browser where `crypto.ts` stands in Node: the same names, the same answers. */

type Ed25519Key = Awaited<ReturnType<typeof globalThis.crypto.subtle.importKey>>;

export const HASH_BYTES = 32;
export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** SHA-256, at once: WebCrypto would answer later. */
export const sha256 = (bytes: Uint8Array): Uint8Array => hashSha256(bytes);

/**
 * Verifies with a public key of 32 bytes by WebCrypto, which a page has over https and on the same machine alone. Throws where there is none,
 * or where it does not know Ed25519. https://wicg.github.io/webcrypto-secure-curves/
 */
export const makeEd25519Verifier = (publicKey: Uint8Array): VerifyEd25519 => {
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw new RangeError(`an Ed25519 public key has ${PUBLIC_KEY_BYTES} bytes`);
  const raw = Uint8Array.from(publicKey);
  let imported: Promise<Ed25519Key | null> | null = null;
  const open = async (): Promise<Ed25519Key | null> => {
    const { subtle } = globalThis.crypto;
    if (subtle === undefined) throw new Error('WebCrypto is not there: the page has to come over https, or from this machine');
    try {
      return await subtle.importKey('raw', raw, 'Ed25519', false, ['verify']);
    } catch (error) {
      // What is no point of the curve signs nothing; Node says the same when it verifies.
      if (error instanceof Error && error.name === 'DataError') return null;
      throw error;
    }
  };
  return async (message, signature) => {
    if (signature.length !== SIGNATURE_BYTES) return false;
    imported ??= open();
    const key = await imported;
    return key !== null && (await globalThis.crypto.subtle.verify('Ed25519', key, Uint8Array.from(signature), Uint8Array.from(message)));
  };
};
