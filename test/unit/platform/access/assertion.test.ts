import { beforeAll, describe, expect, it } from '@jest/globals';
import { importJWK, type JWTHeaderParameters, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { type Asserter, type AssertionVerifier, makeAsserter, makeAssertionVerifier } from '#platform/access/assertion.ts';
import type { Viewer } from '#platform/access/viewer.ts';
import { aSigningKey } from '#test/support/signing-key.ts';

const key = aSigningKey('one');
const stranger = aSigningKey('one');
const viewer: Viewer = {
  accountId: 'MTL-acc-1',
  role: 'P',
  city: 'MTL',
  patientId: 'MTL-pat-1',
  practitionerId: null,
  sessionId: 'MTL-ses-1',
  expiresAt: 2_000_000_000,
};

let assert: Asserter;
let verify: AssertionVerifier;
beforeAll(async () => {
  assert = await makeAsserter(key);
  verify = await makeAssertionVerifier('patients', [key]);
});

const now = (): number => Math.floor(Date.now() / 1000);
/** A claim given as undefined is left out. */
const forge = async (
  payload: { [claim in keyof JWTPayload]?: unknown } = {},
  header: Partial<JWTHeaderParameters> = {},
  by = key,
): Promise<string> => {
  const claims = { viewer, iss: 'caregraph-gateway', aud: 'patients', iat: now(), exp: now() + 30, ...payload };
  return new SignJWT(JSON.parse(JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'EdDSA', typ: 'caregraph-assertion+jwt', kid: 'one', ...header })
    .sign(await importJWK(by.privateJwk, 'EdDSA'));
};

describe('an assertion', () => {
  it('tells a subgraph who asks', async () => {
    expect(await verify(await assert('patients', viewer))).toMatchObject({ viewer });
    expect(await verify(await assert('patients', null))).toMatchObject({ viewer: null });
  });

  it('forged with the right key and the right claims would pass, so that the refusals below mean something', async () => {
    expect(await verify(await forge())).toMatchObject({ viewer });
  });

  it('is worth nothing to another subgraph', async () => {
    expect(await verify(await assert('scheduling', viewer))).toBeNull();
  });

  it.each<[string, () => Promise<string> | string | undefined]>([
    ['is missing', () => undefined],
    ['is empty', () => ''],
    ['is no token', () => 'a.b.c'],
    ['is too long', () => 'x'.repeat(4_097)],
    ['was signed by another key of the same name', () => forge({}, {}, stranger)],
    ['names an unknown key', () => forge({}, { kid: 'two' })],
    ['names a key by path', () => forge({}, { kid: '../../../dev/null' })],
    ['names no key', () => forge({}, { kid: undefined as never })],
    ['is of another type', () => forge({}, { typ: 'at+jwt' })],
    ['brings its own key', () => forge({}, { jwk: stranger.publicJwk as never }, stranger)],
    ['points to a key elsewhere', () => forge({}, { jku: 'http://127.0.0.1:1/keys' }, stranger)],
    ['has ended', () => forge({ iat: now() - 40, exp: now() - 10 })],
    ['has no end', () => forge({ exp: undefined })],
    ['has no beginning', () => forge({ iat: undefined })],
    ['has a text for its end', () => forge({ exp: String(now() + 30) as never })],
    ['is older than it may be, whatever end it claims', () => forge({ iat: now() - 60, exp: now() + 3_600 })],
    ['begins in the future', () => forge({ iat: now() + 600, exp: now() + 620 })],
    ['is not valid yet', () => forge({ nbf: now() + 60 })],
    ['is from another issuer', () => forge({ iss: 'caregraph' })],
    ['is for another subgraph', () => forge({ aud: 'audit' })],
    ['is for nobody', () => forge({ aud: undefined })],
    [
      'is unsecured',
      () =>
        new UnsecuredJWT({ viewer }).setIssuer('caregraph-gateway').setAudience('patients').setIssuedAt().setExpirationTime('30s').encode(),
    ],
    [
      'is keyed with the public half',
      () =>
        new SignJWT({ viewer })
          .setProtectedHeader({ alg: 'HS256', typ: 'caregraph-assertion+jwt', kid: 'one' })
          .setIssuer('caregraph-gateway')
          .setAudience('patients')
          .setIssuedAt()
          .setExpirationTime('30s')
          .sign(Buffer.from(key.publicJwk['x'] ?? '', 'base64url')),
    ],
    ['lost its signature', async () => `${(await forge()).split('.').slice(0, 2).join('.')}.`],
  ])('is refused where it %s', async (_name, make) => {
    expect(await verify(await make())).toBeNull();
  });

  it('is refused with any letter of it changed', async () => {
    const sound = await forge();
    // The last letter of a part may hold bits that no byte takes.
    for (let i = 0; i < sound.length - 1; i += 3) {
      if (sound[i] === '.' || sound[i + 1] === '.') continue;
      const changed = `${sound.slice(0, i)}${sound[i] === 'A' ? 'B' : 'A'}${sound.slice(i + 1)}`;
      expect(await verify(changed)).toBeNull();
    }
  });

  it('is used again for a while, but never for another viewer', async () => {
    const first = await assert('patients', viewer);
    expect(await assert('patients', viewer)).toBe(first);
    const other = await assert('patients', { ...viewer, accountId: 'MTL-acc-2' });
    expect(await verify(other)).toMatchObject({ viewer: { accountId: 'MTL-acc-2' } });
    const admin = await assert('patients', { ...viewer, role: 'A' });
    expect(await verify(admin)).toMatchObject({ viewer: { role: 'A' } });
  });

  it('that was remembered ends all the same', async () => {
    const short = await forge({ exp: now() + 1 });
    expect(await verify(short)).not.toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    expect(await verify(short)).toBeNull();
  });
});
