import { toHex } from './bytes.ts';

/**
 * The y of the eight points of Ed25519 whose order divides 8, in every form that 255 bits allow, hex. A signature of zeros is good for any
 * text under such a key, so it names nobody. OpenSSL 3.5 lets none pass, other verifiers do. RFC 8032, section 5.1.
 */
const WEAK = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** Whether an Ed25519 public key of 32 bytes is a point of small order, with either sign. */
export const isWeakKey = (publicKey: Uint8Array): boolean =>
  WEAK.has(toHex(publicKey.map((byte, i) => (i === publicKey.length - 1 ? byte & 0x7f : byte))));
