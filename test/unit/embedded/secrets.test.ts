import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EmbeddedFailure } from '#embedded/failure.ts';
import { loadSecrets } from '#embedded/secrets.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-secrets-'));
const file = path.join(folder, 'secrets.json');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the secrets of the embedded network', () => {
  it('hold an X25519 pair for sealed uploads, made once', async () => {
    const { secrets } = await loadSecrets(folder, false);
    const [key, ...others] = secrets.sealingKeys;
    expect(others).toEqual([]);
    expect(key?.publicJwk).toEqual({ kty: 'OKP', crv: 'X25519', x: expect.any(String), kid: key?.kid, alg: 'ECDH-ES', use: 'enc' });
    const stranger = generateKeyPairSync('x25519');
    const agreed = [
      diffieHellman({ privateKey: stranger.privateKey, publicKey: createPublicKey({ key: { ...key?.publicJwk }, format: 'jwk' }) }),
      diffieHellman({ privateKey: createPrivateKey({ key: { ...key?.privateJwk }, format: 'jwk' }), publicKey: stranger.publicKey }),
    ];
    expect(agreed[0]).toEqual(agreed[1]);
    expect((await loadSecrets(folder, true)).secrets).toEqual(secrets);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
  it('of a network from before sealed files get the pair, and keep everything else', async () => {
    const { sealingKeys, ...older } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify(older), { mode: 0o600 });
    const { secrets } = await loadSecrets(folder, true);
    expect(secrets.sealingKeys[0]?.kid).not.toBe(sealingKeys[0].kid);
    const { sealingKeys: added, ...kept } = JSON.parse(readFileSync(file, 'utf8'));
    expect([kept, added]).toEqual([older, secrets.sealingKeys]);
  });
  it('hold a key for the audit log of each city, under the origin of the log, and keep it', async () => {
    const { logKeys: _none, ...older } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify(older), { mode: 0o600 });
    const { logKeys } = (await loadSecrets(folder, true)).secrets;
    expect(Object.entries(logKeys).map(([city, [key]]) => [city, key?.kid])).toEqual(
      ['MTL', 'QUE', 'SHE'].map((city) => [city, `caregraph.example/audit/${city}`]),
    );
    expect(new Set(Object.values(logKeys).map(([key]) => key?.publicJwk['x'])).size).toBe(3);
    expect((await loadSecrets(folder, true)).secrets.logKeys).toEqual(logKeys);
  });
  it('hold a key for each city as a witness, none of them that of a log, and keep it', async () => {
    const { witnessKeys: _none, ...older } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify(older), { mode: 0o600 });
    const { witnessKeys, logKeys } = (await loadSecrets(folder, true)).secrets;
    expect(Object.entries(witnessKeys).map(([city, key]) => [city, key.kid])).toEqual(
      ['MTL', 'QUE', 'SHE'].map((city) => [city, `caregraph.example/witness/${city}`]),
    );
    const halves = [...Object.values(witnessKeys), ...Object.values(logKeys).flat()].map(({ publicJwk }) => publicJwk['x']);
    expect(new Set(halves).size).toBe(6);
    expect((await loadSecrets(folder, true)).secrets.witnessKeys).toEqual(witnessKeys);
  });
  it('with halves of two pairs are damaged', async () => {
    const text = readFileSync(file, 'utf8');
    const content = JSON.parse(text);
    const other = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
    content.sealingKeys[0].privateJwk.d = other.d;
    writeFileSync(file, JSON.stringify(content), { mode: 0o600 });
    await expect(loadSecrets(folder, true)).rejects.toBeInstanceOf(EmbeddedFailure);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(content);
    writeFileSync(file, text, { mode: 0o600 });
  });
});
