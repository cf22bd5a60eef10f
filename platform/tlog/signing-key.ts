import { createPrivateKey, createPublicKey, sign } from 'node:crypto';

/** An Ed25519 key that signs, wherever it is held. */
export type SigningKey = {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly sign: (message: Uint8Array) => Promise<Uint8Array>;
};

const SEED_BYTES = 32;
/** What stands before the seed in PKCS #8. RFC 8410, section 7. */
const PKCS8_PREFIX = Uint8Array.from([0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]);

/** The key of a seed of 32 secret bytes (RFC 8032, section 5.1.5), held in this process. */
export const openSigningKey = (seed: Uint8Array): SigningKey => {
  if (seed.length !== SEED_BYTES) throw new RangeError(`an Ed25519 seed has ${SEED_BYTES} bytes`);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return { publicKey: new Uint8Array(Buffer.from(x, 'base64url')), sign: async (message) => new Uint8Array(sign(null, message, key)) };
};
