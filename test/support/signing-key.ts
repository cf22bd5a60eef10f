import { generateKeyPairSync } from 'node:crypto';
import type { SigningKey } from '#platform/config/secrets.ts';

/** A fresh Ed25519 key under a name. */
export const aSigningKey = (kid: string): SigningKey => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    kid,
    privateJwk: privateKey.export({ format: 'jwk' }) as Record<string, string>,
    publicJwk: publicKey.export({ format: 'jwk' }) as Record<string, string>,
  };
};
