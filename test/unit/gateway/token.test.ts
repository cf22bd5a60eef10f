import { createHmac } from 'node:crypto';
import { type CryptoKey, generateKeyPair, importJWK, SignJWT } from 'jose';
import { makeTokenSigner, makeTokenVerifier, type TokenVerifier } from '#platform/access/token.ts';
import type { SigningKey } from '#platform/config/secrets.ts';
import { aSigningKey } from '#test/support/signing-key.ts';

const viewer = {
  accountId: 'MTL-acc-1',
  role: 'P',
  city: 'MTL',
  patientId: 'MTL-pat-1',
  practitionerId: null,
  sessionId: 'MTL-ses-1',
} as const;
const part = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

describe('the check of access tokens', () => {
  let key: SigningKey;
  let secret: CryptoKey;
  let verify: TokenVerifier;
  let good: string;
  const now = () => Math.floor(Date.now() / 1_000);
  const claims = () => ({
    iss: 'caregraph',
    aud: 'caregraph-graph',
    sub: 'MTL-acc-1',
    iat: now(),
    exp: now() + 600,
    rol: 'P',
    cty: 'MTL',
    sid: 'MTL-ses-1',
  });
  const HEADER = { alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' };
  const sign = (header: Record<string, unknown>, payload: unknown): Promise<string> => signText(part(header), part(payload));
  const signText = async (header: string, payload: string): Promise<string> => {
    const signature = await crypto.subtle.sign('Ed25519', secret, Buffer.from(`${header}.${payload}`));
    return `${header}.${payload}.${Buffer.from(signature).toString('base64url')}`;
  };

  beforeAll(async () => {
    key = aSigningKey('k1');
    secret = (await importJWK(key.privateJwk, 'EdDSA')) as CryptoKey;
    verify = await makeTokenVerifier([key]);
    good = await (await makeTokenSigner(key))(viewer);
  });

  it('reads its own, at each try', async () => {
    const read = { ...viewer, expiresAt: expect.any(Number) };
    expect(await verify(good)).toEqual(read);
    expect(await verify(good)).toEqual(read);
    expect(await verify(await sign(HEADER, claims()))).toMatchObject({ accountId: 'MTL-acc-1' });
  });

  it.each<[string, () => string | Promise<string>]>([
    ['alg none', () => `${part({ ...HEADER, alg: 'none' })}.${part(claims())}.`],
    ['alg None', () => `${part({ ...HEADER, alg: 'None' })}.${part(claims())}.`],
    ['alg nOnE with a signature', async () => sign({ ...HEADER, alg: 'nOnE' }, claims())],
    ['no alg', async () => sign({ typ: 'at+jwt', kid: 'k1' }, claims())],
    [
      'HS256 keyed with the public key',
      () => {
        const body = `${part({ ...HEADER, alg: 'HS256' })}.${part(claims())}`;
        return `${body}.${createHmac('sha256', key.publicJwk['x'] ?? '')
          .update(body)
          .digest('base64url')}`;
      },
    ],
    [
      'HS256 keyed with the public key as JSON',
      () => {
        const body = `${part({ ...HEADER, alg: 'HS256' })}.${part(claims())}`;
        return `${body}.${createHmac('sha256', JSON.stringify(key.publicJwk)).update(body).digest('base64url')}`;
      },
    ],
    [
      'RS256 of another key',
      async () => {
        const { privateKey } = await generateKeyPair('RS256');
        return new SignJWT(claims()).setProtectedHeader({ ...HEADER, alg: 'RS256' }).sign(privateKey);
      },
    ],
    ['an empty signature', () => good.replace(/[^.]*$/, '')],
    ['a signature of another length', () => `${good}AA`],
    ['a changed payload', () => good.replace(/\.[^.]+\./, `.${part({ ...claims(), rol: 'A' })}.`)],
    ['another key of the same kid', async () => (await makeTokenSigner(aSigningKey('k1')))(viewer)],
    ['kid ../../dev/null', async () => sign({ ...HEADER, kid: '../../dev/null' }, claims())],
    ['kid of SQL', async () => sign({ ...HEADER, kid: "k1' OR '1'='1" }, claims())],
    ['kid of a URL', async () => sign({ ...HEADER, kid: 'https://evil.example/jwks.json' }, claims())],
    ['kid __proto__', async () => sign({ ...HEADER, kid: '__proto__' }, claims())],
    ['kid that is a list', async () => sign({ ...HEADER, kid: ['k1'] }, claims())],
    ['no kid', async () => sign({ alg: 'EdDSA', typ: 'at+jwt' }, claims())],
    [
      'its own jwk',
      async () => {
        const other = aSigningKey('k2');
        const otherSecret = (await importJWK(other.privateJwk, 'EdDSA')) as CryptoKey;
        return new SignJWT(claims()).setProtectedHeader({ ...HEADER, jwk: other.publicJwk as never }).sign(otherSecret);
      },
    ],
    ['crit unknown', async () => sign({ ...HEADER, crit: ['exp2'], exp2: 1 }, claims())],
    ['b64 false', async () => signText(part({ ...HEADER, b64: false, crit: ['b64'] }), JSON.stringify(claims()))],
    ['b64 false without crit', async () => sign({ ...HEADER, b64: false }, claims())],
    ['another issuer', async () => sign(HEADER, { ...claims(), iss: 'other' })],
    ['another audience', async () => sign(HEADER, { ...claims(), aud: 'caregraph-patients' })],
    ['another type', async () => sign({ ...HEADER, typ: 'JWT' }, claims())],
    ['the type of an assertion', async () => sign({ ...HEADER, typ: 'caregraph-assertion+jwt' }, claims())],
    ['exp in the past', async () => sign(HEADER, { ...claims(), iat: now() - 700, exp: now() - 100 })],
    ['exp as a text', async () => sign(HEADER, { ...claims(), exp: String(now() + 600) })],
    ['exp far ahead', async () => sign(HEADER, { ...claims(), exp: now() + 10 ** 9 })],
    ['exp that is no number', async () => signText(part(HEADER), part(JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e400')))],
    ['no exp', async () => sign(HEADER, { ...claims(), exp: undefined })],
    ['nbf ahead', async () => sign(HEADER, { ...claims(), nbf: now() + 100 })],
    ['nbf as a text', async () => sign(HEADER, { ...claims(), nbf: '0' })],
    ['iat ahead', async () => sign(HEADER, { ...claims(), iat: now() + 500, exp: now() + 600 })],
    ['an unknown role', async () => sign(HEADER, { ...claims(), rol: 'ROOT' })],
    ['a claim twice', async () => signText(part(HEADER), part(JSON.stringify(claims()).replace('"rol":"P"', '"rol":"A","rol":"P"')))],
    ['no session', async () => sign(HEADER, { ...claims(), sid: undefined })],
    ['no subject', async () => sign(HEADER, { ...claims(), sub: undefined })],
    ['1 MB', () => `${part(HEADER)}.${part({ ...claims(), fill: 'a'.repeat(1_000_000) })}.AAAA`],
    ['nothing', () => ''],
    ['text', () => 'not a token'],
    ['five parts', () => 'a.b.c.d.e'],
  ])('refuses %s', async (_title, make) => {
    expect(await verify(await make())).toBeNull();
  });

  it('asks no address in jku or x5u', async () => {
    const asked: unknown[] = [];
    const before = globalThis.fetch;
    globalThis.fetch = ((...of: unknown[]) => {
      asked.push(of);
      return Promise.reject(new Error('no'));
    }) as never;
    try {
      const other = aSigningKey('k2');
      const otherSecret = (await importJWK(other.privateJwk, 'EdDSA')) as CryptoKey;
      for (const header of [{ jku: 'https://evil.example/jwks.json' }, { x5u: 'https://evil.example/cert.pem' }])
        expect(await verify(await new SignJWT(claims()).setProtectedHeader({ ...HEADER, ...header }).sign(otherSecret))).toBeNull();
    } finally {
      globalThis.fetch = before;
    }
    expect(asked).toEqual([]);
  });

  it('lets a token go when its time is over, though it was good before', async () => {
    const short = await (await makeTokenSigner(key))(viewer, 1);
    expect(await verify(short)).not.toBeNull();
    await new Promise((done) => setTimeout(done, 1_100));
    expect(await verify(short)).toBeNull();
  });
});
