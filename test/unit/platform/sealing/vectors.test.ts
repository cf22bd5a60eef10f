import { createCipheriv, createPrivateKey, createPublicKey, diffieHellman, type JsonWebKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { BadInputError } from '#platform/pure/faults.ts';
import { makeUnsealer, readPublicKey, type SealingKey } from '#platform/sealing/seal.ts';
import { readShared, readWycheproof } from '#test/unit/platform/vectors/shared.ts';

const MIB = 1_048_576;
type Jwk = Record<string, string>;

/** The name that a payload gives its key, if it can be read at all. */
const kidOf = (jwe: string): string => {
  try {
    const { kid } = JSON.parse(Buffer.from(jwe.split('.')[0] ?? '', 'base64url').toString()) as { kid?: string };
    return kid ?? 'unnamed';
  } catch {
    return 'unnamed';
  }
};
/** Opens with a key as the vectors give it, under the name that the payload gives it; null for keys that no server of ours can have. */
const unsealerOf = (jwk: Jwk, jwe: string) => {
  try {
    return makeUnsealer([{ kid: kidOf(jwe), privateJwk: jwk, publicJwk: jwk }]);
  } catch {
    return null;
  }
};

describe('payloads of Wycheproof', () => {
  type Jwe = { private: Jwk; pt: string; jwe: string };
  const vectors = readWycheproof<{ private: Jwk }, Jwe>('json_web_encryption_test');
  (vectors ? it : it.skip)('open where they are of our list, and all others are refused', async () => {
    const opened: number[] = [];
    for (const { tcId, private: key, jwe, pt } of vectors ?? []) {
      const bytes = (await unsealerOf(key, jwe)?.(jwe, MIB)) ?? null;
      if (bytes === null) continue;
      opened.push(tcId);
      expect(Buffer.from(bytes).toString('hex')).toBe(pt);
    }
    // ECDH-ES with P-256 and RSA-OAEP-256, both with A256GCM; the file has no others of that kind.
    expect(opened).toEqual([78, 90]);
    expect(vectors?.length).toBeGreaterThan(130);
  });
});

describe('the cookbook of RFC 7520 and RFC 8037', () => {
  const NAMES = [
    'jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2',
    'jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm',
    'jwe/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm',
    'jwe/5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2',
    'curve25519/ecdh-es',
  ];
  for (const name of NAMES) {
    const example = readShared<{ input: { key: Jwk }; output: { compact: string } }>(`jose-cookbook/${name}.json`);
    (example ? it : it.skip)(`${name} is refused: an algorithm that is not on our list`, async () => {
      const { compact = '' } = example?.output ?? {};
      const { alg, enc } = JSON.parse(Buffer.from(compact.split('.')[0] ?? '', 'base64url').toString());
      expect(['ECDH-ES', 'RSA-OAEP-256'].includes(alg) && enc === 'A256GCM').toBe(false);
      expect((await unsealerOf(example?.input.key ?? {}, compact)?.(compact, MIB)) ?? null).toBeNull();
    });
  }

  for (const name of ['3_1.ec_public_key', '3_2.ec_private_key', '3_3.rsa_public_key', '3_4.rsa_private_key']) {
    const jwk = readShared<Jwk>(`jose-cookbook/jwk/${name}.json`);
    (jwk ? it : it.skip)(`${name} is no key to seal for: a signature key, another curve, or private`, async () => {
      await expect(readPublicKey(JSON.stringify(jwk))).rejects.toThrow(BadInputError);
    });
  }
});

describe('X25519 by Wycheproof', () => {
  type Agreement = { public: Jwk; private: Jwk; shared: string };
  const vectors = readWycheproof<object, Agreement>('x25519_jwk_test');
  (vectors ? it : it.skip)('agrees as it should, and a key that yields zeros or is none is refused', async () => {
    let [taken, refused] = [0, 0];
    for (const vector of vectors ?? []) {
      const isZero = /^0+$/.test(vector.shared);
      const read = await readPublicKey(JSON.stringify({ ...vector.public, kid: 'x' })).catch((fault: unknown) => {
        if (fault instanceof BadInputError) return null;
        throw fault;
      });
      // A sound P-256 key, which is invalid only beside a private key of X25519.
      if (vector.tcId === 519) {
        expect(read?.key.asymmetricKeyType).toBe('ec');
        continue;
      }
      if (isZero || vector.result === 'invalid') {
        expect([vector.tcId, vector.flags, read?.alg]).toEqual([vector.tcId, vector.flags, undefined]);
        refused++;
        continue;
      }
      expect([vector.tcId, read?.alg]).toEqual([vector.tcId, 'ECDH-ES']);
      if (read === null) continue;
      const privateKey = createPrivateKey({ key: vector.private as JsonWebKey, format: 'jwk' });
      expect(diffieHellman({ privateKey, publicKey: read.key }).toString('hex')).toBe(vector.shared);
      taken++;
    }
    expect([taken, refused]).toEqual([487, 43]);
  });
});

describe('RSA-OAEP with SHA-256 by Wycheproof', () => {
  type Group = { privateKeyJwk?: Jwk; privateKeyPkcs8: string };
  type Wrapped = { msg: string; ct: string; label: string };
  const FILES = [
    ['rsa_oaep_2048_sha256_mgf1sha256_test', true],
    ['rsa_oaep_3072_sha256_mgf1sha256_test', true],
    ['rsa_oaep_4096_sha256_mgf1sha256_test', true],
    ['rsa_oaep_2048_sha256_mgf1sha1_test', false],
  ] as const;
  for (const [name, isOurs] of FILES) {
    const vectors = readWycheproof<Group, Wrapped>(name);
    (vectors ? it : it.skip)(`${name}: a content key opens where it is right and has 32 bytes`, async () => {
      expect(vectors?.length).toBeGreaterThan(20);
      let opened = 0;
      for (const vector of vectors ?? []) {
        const privateKey = createPrivateKey({ key: Buffer.from(vector.privateKeyPkcs8, 'hex'), format: 'der', type: 'pkcs8' });
        const key: SealingKey = {
          kid: 'k',
          privateJwk: privateKey.export({ format: 'jwk' }) as Jwk,
          publicJwk: createPublicKey(privateKey).export({ format: 'jwk' }) as Jwk,
        };
        const message = Buffer.from(vector.msg, 'hex');
        const contentKey = Buffer.concat([message, Buffer.alloc(32)]).subarray(0, 32);
        const header = Buffer.from('{"alg":"RSA-OAEP-256","enc":"A256GCM"}').toString('base64url');
        const cipher = createCipheriv('aes-256-gcm', contentKey, Buffer.alloc(12)).setAAD(Buffer.from(header));
        const text = Buffer.concat([cipher.update('content'), cipher.final()]).toString('base64url');
        const encryptedKey = Buffer.from(vector.ct, 'hex').toString('base64url');
        const jwe = [header, encryptedKey, Buffer.alloc(12).toString('base64url'), text, cipher.getAuthTag().toString('base64url')].join(
          '.',
        );
        const bytes = await makeUnsealer([key])(jwe, 100);
        const isRight = isOurs && vector.result === 'valid' && message.length === 32 && vector.label === '';
        expect([vector.tcId, bytes === null ? null : Buffer.from(bytes).toString()]).toEqual([vector.tcId, isRight ? 'content' : null]);
        if (bytes !== null) opened++;
      }
      expect(opened > 0).toBe(isOurs);
    });
  }
});
