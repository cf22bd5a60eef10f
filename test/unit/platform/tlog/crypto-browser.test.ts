import { describe, expect, it } from '@jest/globals';
import * as node from '#platform/tlog/crypto.ts';
import * as browser from '#platform/tlog/crypto-browser.ts';
import { aSigningKey, flip } from './builders.ts';
import { readVectors } from './vectors.ts';

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

describe('what a browser reckons with', () => {
  it('has every name that Node has', () => {
    expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort());
    expect([browser.HASH_BYTES, browser.PUBLIC_KEY_BYTES, browser.SIGNATURE_BYTES]).toEqual([
      node.HASH_BYTES,
      node.PUBLIC_KEY_BYTES,
      node.SIGNATURE_BYTES,
    ]);
  });

  it('hashes as Node does, bytes of every length up to 300', () => {
    for (let length = 0; length <= 300; length++) {
      const bytes = Uint8Array.from({ length }, (_none, i) => (i * 31 + length) & 255);
      expect(browser.sha256(bytes)).toEqual(node.sha256(bytes));
    }
  });

  it('believes a signature as Node does, and none with a bit flipped, of another length or of no key', async () => {
    const key = aSigningKey(7);
    const message = new TextEncoder().encode('a text');
    const signature = await key.sign(message);
    const verify = browser.makeEd25519Verifier(key.publicKey);
    expect(await verify(message, signature)).toBe(true);
    expect(await verify(message.subarray(1), signature)).toBe(false);
    expect(await verify(message, signature.subarray(1))).toBe(false);
    for (const bit of [0, 255, 300, 511]) expect(await verify(message, flip(signature, bit))).toBe(false);
    expect(await browser.makeEd25519Verifier(new Uint8Array(32).fill(0xfe))(message, signature)).toBe(false);
    expect(() => browser.makeEd25519Verifier(key.publicKey.subarray(1))).toThrow(RangeError);
  });

  type Wycheproof = {
    testGroups: { publicKey: { pk: string }; tests: { tcId: number; msg: string; sig: string; result: 'valid' | 'invalid' }[] }[];
  };
  const vectors = readVectors<Wycheproof>('wycheproof/ed25519_test.json').flatMap(([, { testGroups }]) =>
    testGroups.flatMap(({ publicKey, tests }) => tests.map((test) => ({ ...test, pk: publicKey.pk }))),
  );
  (vectors.length === 0 ? it.skip : it)(`agrees with Wycheproof on ${vectors.length} signatures`, async () => {
    for (const { tcId, pk, msg, sig, result } of vectors)
      expect([tcId, await browser.makeEd25519Verifier(bytesOf(pk))(bytesOf(msg), bytesOf(sig))]).toEqual([tcId, result === 'valid']);
  });
});
