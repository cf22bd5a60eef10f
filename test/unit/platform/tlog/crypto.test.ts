import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fromBase64, fromDecimal, toBase64 } from '#platform/tlog/bytes.ts';
import { makeEd25519Verifier, sha256 } from '#platform/tlog/crypto.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';
import { readVectors } from './vectors.ts';

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

describe('what the log reckons with', () => {
  it('is SHA-256 for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(Buffer.from(sha256(bytes)).toString('hex')).toBe(hash('sha256', bytes, 'hex'));
      }),
    );
  });

  it('makes the key and signature of RFC 8032, section 7.1, test 2', async () => {
    const key = openSigningKey(bytesOf('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'));
    expect(Buffer.from(key.publicKey).toString('hex')).toBe('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
    expect(Buffer.from(await key.sign(bytesOf('72'))).toString('hex')).toBe(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    );
  });

  it('takes no key and no signature of another length', async () => {
    expect(() => makeEd25519Verifier(new Uint8Array(31))).toThrow(RangeError);
    expect(() => openSigningKey(new Uint8Array(33))).toThrow(RangeError);
    const key = openSigningKey(new Uint8Array(32));
    const verify = makeEd25519Verifier(key.publicKey);
    const signature = await key.sign(new Uint8Array(3));
    expect(await verify(new Uint8Array(3), signature)).toBe(true);
    expect(await verify(new Uint8Array(3), signature.subarray(0, 63))).toBe(false);
    expect(await verify(new Uint8Array(3), new Uint8Array([...signature, 0]))).toBe(false);
  });

  it('reads base 64 in the one form that the bytes have', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
        const text = toBase64(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64'));
        expect(fromBase64(text)).toEqual(bytes);
      }),
      { numRuns: 30 },
    );
    for (const text of ['AA', 'AA=', 'A===', 'AB==', 'AAB=', 'A A=', 'AA==\n', '-_==', 'AA==AA==', '====', 'AAAA='])
      expect([text, fromBase64(text)]).toEqual([text, null]);
  });

  it('reads decimals without leading zeros, up to 2^53 − 1', () => {
    expect(['0', '7', '9007199254740991'].map(fromDecimal)).toEqual([0, 7, 2 ** 53 - 1]);
    for (const text of ['', '00', '01', '-1', '+1', '1.0', '1e3', ' 1', '1\n', '9007199254740992', '18446744073709551615', '٣'])
      expect([text, fromDecimal(text)]).toEqual([text, null]);
  });

  it('knows Node in the files for it alone, so that a browser can verify', () => {
    const room = path.resolve('platform/tlog');
    const files = readdirSync(room).filter((file) =>
      /from 'node:|\bBuffer\b|\bprocess\./.test(readFileSync(path.join(room, file), 'utf8')),
    );
    expect(files).toEqual(['crypto.ts', 'signing-key.ts']);
  });
});

type Wycheproof = {
  testGroups: { publicKey: { pk: string }; tests: { tcId: number; msg: string; sig: string; result: 'valid' | 'invalid' }[] }[];
};
const wycheproof = readVectors<Wycheproof>('wycheproof/ed25519_test.json').flatMap(([, { testGroups }]) =>
  testGroups.flatMap(({ publicKey, tests }) => tests.map((test) => ({ ...test, pk: publicKey.pk }))),
);
(wycheproof.length === 0 ? it.skip : it)(`agrees with Wycheproof on ${wycheproof.length} signatures`, async () => {
  expect(wycheproof.length).toBe(151);
  for (const { tcId, pk, msg, sig, result } of wycheproof) {
    const isSound = await makeEd25519Verifier(bytesOf(pk))(bytesOf(msg), bytesOf(sig));
    expect([tcId, isSound]).toEqual([tcId, result === 'valid']);
  }
});
