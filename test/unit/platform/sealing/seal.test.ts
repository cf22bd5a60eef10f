import {
  createCipheriv,
  createPublicKey,
  type ECKeyPairKeyObjectOptions,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { CompactEncrypt } from 'jose';
import { BadInputError } from '#platform/pure/faults.ts';
import { makeUnsealer, readPublicKey, type SealingKey, sealFor, serverKeyOf } from '#platform/sealing/seal.ts';

type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
const MIB = 1_048_576;
const toKey = (kid: string, { publicKey, privateKey }: Pair): SealingKey => ({
  kid,
  publicJwk: publicKey.export({ format: 'jwk' }) as Record<string, string>,
  privateJwk: privateKey.export({ format: 'jwk' }) as Record<string, string>,
});
const ec = (namedCurve: string, extra: Partial<ECKeyPairKeyObjectOptions> = {}): Pair =>
  generateKeyPairSync('ec', { namedCurve, ...extra });
const rsa = (modulusLength: number, publicExponent = 65_537): Pair => generateKeyPairSync('rsa', { modulusLength, publicExponent });
const X25519 = generateKeyPairSync('x25519');
const P256 = ec('P-256');
const RSA = rsa(2_048);
const KINDS: readonly [string, Pair][] = [
  ['X25519', X25519],
  ['P-256', P256],
  ['RSA', RSA],
];
const jwkOf = ({ publicKey }: Pair, more: object = {}): string => JSON.stringify({ ...publicKey.export({ format: 'jwk' }), ...more });
const pemOf = ({ publicKey }: Pair): string => publicKey.export({ format: 'pem', type: 'spki' }).toString();
const x25519Of = (x: Buffer): string => JSON.stringify({ kty: 'OKP', crv: 'X25519', x: x.toString('base64url') });

const refusalOf = async (text: string): Promise<string> => {
  const fault = await readPublicKey(text).then(
    () => null,
    (error: unknown) => error,
  );
  if (!(fault instanceof BadInputError)) throw new Error('was taken, or failed otherwise');
  expect(fault.field).toBe('publicKey');
  return fault.message;
};

describe('a sealed payload', () => {
  for (const [kind, pair] of KINDS) {
    it.each([0, 1, 1_000, MIB])(`for ${kind} of %d bytes opens with its key alone`, async (size) => {
      const bytes = randomBytes(size);
      for (const text of [jwkOf(pair, { kid: 'me', use: 'enc' }), `\n${pemOf(pair)}\n`]) {
        const jwe = await sealFor(await readPublicKey(text), bytes);
        const opened = await makeUnsealer([toKey('other', generateKeyPairSync('x25519')), toKey('me', pair)])(jwe, size);
        expect(opened !== null && bytes.equals(opened)).toBe(true);
        const strangers = KINDS.filter(([name]) => name !== kind).map(([, other]) => toKey('me', other));
        expect(await makeUnsealer([...strangers, toKey('me', generateKeyPairSync('x25519'))])(jwe, size)).toBeNull();
      }
    });
  }

  it('names algorithm, encryption and the key as its owner calls it', async () => {
    const header = async (text: string) =>
      JSON.parse(Buffer.from((await sealFor(await readPublicKey(text), Buffer.from('x'))).split('.')[0] ?? '', 'base64url').toString());
    expect(await header(jwkOf(X25519, { kid: 'mine' }))).toEqual({
      alg: 'ECDH-ES',
      enc: 'A256GCM',
      kid: 'mine',
      epk: { kty: 'OKP', crv: 'X25519', x: expect.any(String) },
    });
    expect(await header(pemOf(RSA))).toEqual({ alg: 'RSA-OAEP-256', enc: 'A256GCM' });
  });

  it('is refused changed at any of its characters, longer than allowed, or in another form', async () => {
    const unseal = makeUnsealer([toKey('me', X25519)]);
    const jwe = await sealFor(await readPublicKey(jwkOf(X25519, { kid: 'me' })), Buffer.from('a secret of ours'));
    expect(Buffer.from((await unseal(jwe, 16)) ?? []).toString()).toBe('a secret of ours');
    expect(await unseal(jwe, 15)).toBeNull();
    for (let at = 0; at < jwe.length; at++) {
      const changed = jwe.slice(0, at) + (jwe[at] === 'A' ? 'B' : 'A') + jwe.slice(at + 1);
      if ((await unseal(changed, 16)) !== null) throw new Error(`opens with character ${at} changed`);
    }
    const [header = '', key = '', nonce = '', text = '', tag = ''] = jwe.split('.');
    const others = [
      '',
      '....',
      `${jwe}.`,
      `${jwe}=`,
      ` ${jwe}`,
      `${jwe}\n`,
      [header, key, nonce, text].join('.'),
      [header, 'AAAA', nonce, text, tag].join('.'),
      [header, key, '', text, tag].join('.'),
      [header, key, nonce, text, tag.slice(0, 16)].join('.'),
      [header, key, nonce, text, ''].join('.'),
      [header, key, nonce, '', tag].join('.'),
      [`${header}${'A'.repeat(5_000)}`, key, nonce, text, tag].join('.'),
      JSON.stringify({ protected: header, iv: nonce, ciphertext: text, tag }),
      '.'.repeat(MIB),
    ];
    for (const other of others) expect(await unseal(other, 16)).toBeNull();
  });

  it('is refused under the name of a key that is another or unknown', async () => {
    const own = toKey('me', X25519);
    const bytes = Buffer.from('x');
    const named = async (kid: unknown) =>
      new CompactEncrypt(bytes).setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', kid: kid as string }).encrypt(X25519.publicKey);
    expect(await makeUnsealer([own])(await named('me'), 1)).not.toBeNull();
    for (const kid of ['you', '', 7, null, ['me']]) expect(await makeUnsealer([own])(await named(kid), 1)).toBeNull();
  });

  const sealWith = (header: Record<string, unknown>, key: KeyObject | Uint8Array, bytes: Uint8Array = Buffer.from('x'.repeat(64))) =>
    new CompactEncrypt(bytes).setProtectedHeader(header as { alg: string; enc: string }).encrypt(key, { crit: { 'urn:x': true } });

  it.each<[string, Record<string, unknown>, KeyObject | Uint8Array]>([
    ['compressed', { alg: 'ECDH-ES', enc: 'A256GCM', zip: 'DEF' }, X25519.publicKey],
    ['with an extension to be understood', { alg: 'ECDH-ES', enc: 'A256GCM', crit: ['urn:x'], 'urn:x': 1 }, X25519.publicKey],
    ['with A128GCM', { alg: 'ECDH-ES', enc: 'A128GCM' }, X25519.publicKey],
    ['with A256CBC-HS512', { alg: 'ECDH-ES', enc: 'A256CBC-HS512' }, X25519.publicKey],
    ['with a wrapped content key', { alg: 'ECDH-ES+A256KW', enc: 'A256GCM' }, X25519.publicKey],
    ['with RSA-OAEP of SHA-1', { alg: 'RSA-OAEP', enc: 'A256GCM' }, RSA.publicKey],
    ['with RSA-OAEP-512', { alg: 'RSA-OAEP-512', enc: 'A256GCM' }, RSA.publicKey],
    ['with a shared key', { alg: 'dir', enc: 'A256GCM' }, Buffer.alloc(32, 1)],
    ['with a shared wrapping key', { alg: 'A256KW', enc: 'A256GCM' }, Buffer.alloc(32, 1)],
    ['with a shared GCM wrapping key', { alg: 'A256GCMKW', enc: 'A256GCM' }, Buffer.alloc(32, 1)],
    ['with a password', { alg: 'PBES2-HS256+A128KW', enc: 'A256GCM' }, Buffer.from('password')],
  ])('is refused %s', async (_, header, key) => {
    const started = performance.now();
    const jwe = await sealWith(header, key);
    const unseal = makeUnsealer([toKey('x', X25519), toKey('r', RSA)]);
    expect(await unseal(jwe, MIB)).toBeNull();
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('is refused with an ephemeral point of low order, off the curve, or of another one', async () => {
    const craft = (epk: object): string => {
      const header = Buffer.from(JSON.stringify({ alg: 'ECDH-ES', enc: 'A256GCM', epk })).toString('base64url');
      const cipher = createCipheriv('aes-256-gcm', Buffer.alloc(32), Buffer.alloc(12)).setAAD(Buffer.from(header));
      const text = Buffer.concat([cipher.update('x'), cipher.final()]).toString('base64url');
      return [header, '', Buffer.alloc(12).toString('base64url'), text, cipher.getAuthTag().toString('base64url')].join('.');
    };
    const { x, y } = P256.publicKey.export({ format: 'jwk' });
    const unseal = makeUnsealer([toKey('x', X25519), toKey('p', P256)]);
    for (const epk of [
      JSON.parse(x25519Of(Buffer.alloc(32))),
      JSON.parse(x25519Of(Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]))),
      { kty: 'EC', crv: 'P-256', x, y: x },
      { kty: 'EC', crv: 'P-384', x, y },
      { kty: 'oct', k: 'AAAA' },
      {},
      null,
      'x',
    ]) {
      expect(await unseal(craft(epk as object), MIB)).toBeNull();
    }
  });
});

describe('a public key', () => {
  it.each<[string, () => string, string]>([
    ['nothing', () => '  ', 'is empty'],
    ['a long text', () => jwkOf(X25519, { more: 'x'.repeat(9_000) }), 'is longer than 8192'],
    ['no key', () => 'hello', 'is no such key'],
    ['broken JSON', () => '{', 'is no such key'],
    ['a list', () => '[]', 'is no such key'],
    ['no kind', () => '{}', 'is no such key'],
    ['RSA of 1024 bits', () => jwkOf(rsa(1_024)), 'another kind or strength'],
    ['RSA of 1024 bits in PEM', () => pemOf(rsa(1_024)), 'another kind or strength'],
    ['RSA of exponent 3', () => jwkOf(rsa(2_048, 3)), 'another kind or strength'],
    ['RSA of exponent 1', () => JSON.stringify({ ...JSON.parse(jwkOf(RSA)), e: 'AQ' }), 'another kind or strength'],
    ['RSA for signatures', () => pemOf(generateKeyPairSync('rsa-pss', { modulusLength: 2_048 })), 'another kind or strength'],
    ['P-384', () => jwkOf(ec('P-384')), 'another kind or strength'],
    ['secp256k1', () => jwkOf(ec('secp256k1')), 'another kind or strength'],
    ['Ed25519', () => jwkOf(generateKeyPairSync('ed25519')), 'another kind or strength'],
    ['X448', () => pemOf(generateKeyPairSync('x448')), 'another kind or strength'],
    ['a private JWK', () => JSON.stringify(X25519.privateKey.export({ format: 'jwk' })), 'is a private or secret key'],
    ['a private RSA JWK', () => JSON.stringify(RSA.privateKey.export({ format: 'jwk' })), 'is a private or secret key'],
    ['a private PEM', () => P256.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), 'is a private key'],
    ['a secret', () => '{"kty":"oct","k":"AAAA"}', 'is a private or secret key'],
    ['a PKCS #1 PEM', () => RSA.publicKey.export({ format: 'pem', type: 'pkcs1' }).toString(), 'is no such key'],
    ['two PEMs', () => pemOf(P256) + pemOf(P256), 'is no such key'],
    ['a point off the curve', () => jwkOf(P256, { y: P256.publicKey.export({ format: 'jwk' }).x }), 'is no such key'],
    ['X25519 of 31 bytes', () => x25519Of(Buffer.alloc(31, 9)), 'is no such key'],
    ['X25519 zero', () => x25519Of(Buffer.alloc(32)), 'no point that a secret'],
    ['X25519 one', () => x25519Of(Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])), 'no point that a secret'],
    ['a key for signatures', () => jwkOf(P256, { use: 'sig' }), 'is not for encryption (use)'],
    ['a key that verifies', () => jwkOf(P256, { key_ops: ['verify'] }), 'is not for encryption (key_ops)'],
    ['another algorithm', () => jwkOf(P256, { alg: 'ECDH-ES+A256KW' }), 'meant for another algorithm'],
    ['a long kid', () => jwkOf(P256, { kid: 'k'.repeat(201) }), 'has a kid'],
    ['a kid that is no text', () => jwkOf(P256, { kid: {} }), 'has a kid'],
  ])('of %s is refused, with what is taken', async (_, text, why) => {
    const message = await refusalOf(text());
    expect(message).toContain(why);
    if (!why.includes('kid')) expect(message).toContain('X25519, P-256 (ECDH-ES), or RSA');
  });

  it('is taken with its own algorithm named, and with members that say nothing', async () => {
    expect(await readPublicKey(jwkOf(P256, { alg: 'ECDH-ES', key_ops: [], x5u: 'https://example.org' }))).toMatchObject({
      alg: 'ECDH-ES',
      kid: null,
    });
    expect(await readPublicKey(jwkOf(RSA, { alg: 'RSA-OAEP-256', key_ops: ['wrapKey'] }))).toMatchObject({ alg: 'RSA-OAEP-256' });
  });

  it('is read without being slow on a text made to be slow', async () => {
    const started = performance.now();
    for (const text of [
      `-----BEGIN PUBLIC KEY-----${' '.repeat(8_000)}`,
      `-----BEGIN PUBLIC KEY-----${'A'.repeat(8_000)}`,
      `{"a":${'['.repeat(8_000)}`,
      JSON.stringify({ kty: 'RSA', e: 'AQAB', n: '_'.repeat(8_100) }),
    ]) {
      await refusalOf(text);
    }
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('of the server is its first one, without its private half', async () => {
    const keys = [toKey('first', P256), toKey('second', X25519)];
    const shown = serverKeyOf(keys);
    expect(Object.keys(shown).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect(shown).toMatchObject({ kid: 'first', use: 'enc', alg: 'ECDH-ES' });
    expect(createPublicKey({ key: { ...shown }, format: 'jwk' }).equals(P256.publicKey)).toBe(true);
    const jwe = await sealFor(await readPublicKey(JSON.stringify(shown)), Buffer.from('x'));
    expect(await makeUnsealer(keys)(jwe, 1)).not.toBeNull();
    expect(() => serverKeyOf([])).toThrow('no sealing key');
    expect(() => makeUnsealer([toKey('weak', rsa(1_024))])).toThrow('neither');
  });
});
