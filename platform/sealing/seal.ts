/**
 * Sealed payloads: JSON Web Encryption in its compact form (RFC 7516), for one recipient. What is accepted, both ways, is a short list:
 * ECDH-ES straight to the content key (RFC 7518, 4.6) with X25519 (RFC 8037) or P-256, or RSA-OAEP-256 from 2048 bits on, with A256GCM.
 * No compression, no extension that has to be understood (`crit`), no shared or wrapped symmetric keys, no passwords.
 */
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import type { SigningKey } from '#platform/config/secrets.ts';
import { BadInputError } from '#platform/pure/faults.ts';
import { isBase64Url, provideBase64 } from './base64.ts';

provideBase64();

type SealAlgorithm = 'ECDH-ES' | 'RSA-OAEP-256';
const CONTENT_ALGORITHM = 'A256GCM';

/** A public key that contents can be sealed for; `kid` is its owner's name for it. */
export type RecipientKey = { readonly alg: SealAlgorithm; readonly kid: string | null; readonly key: KeyObject };

/** A key pair that opens what was sealed for it, as JSON Web Keys: X25519, P-256 or RSA. */
export type SealingKey = SigningKey;

const MAX_KEY_TEXT = 8_192;
const MAX_KID = 200;
const MIN_RSA_BITS = 2_048;
const MAX_RSA_BITS = 8_192;
const RSA_EXPONENT = 65_537n;
const MAX_HEADER_TEXT = 4_096;
const MAX_ENCRYPTED_KEY_TEXT = 2_048;
const NONCE_TEXT = 16;
const TAG_TEXT = 22;

const ACCEPTED =
  'send a JSON Web Key or a PEM PUBLIC KEY: X25519, P-256 (ECDH-ES), or RSA of 2048 to 8192 bits with exponent 65537 (RSA-OAEP-256)';
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const PEM = /^-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----$/;

const refuse = (why: string): BadInputError => new BadInputError('publicKey', `${why}; ${ACCEPTED}`);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The algorithm a key serves for; null for a key that is not on the list. */
const algorithmOf = (key: KeyObject): SealAlgorithm | null => {
  const { namedCurve, modulusLength = 0, publicExponent } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'x25519':
      return 'ECDH-ES';
    case 'ec':
      return namedCurve === 'prime256v1' ? 'ECDH-ES' : null;
    case 'rsa':
      return modulusLength >= MIN_RSA_BITS && modulusLength <= MAX_RSA_BITS && publicExponent === RSA_EXPONENT ? 'RSA-OAEP-256' : null;
    default:
      return null;
  }
};

/** Whether a key agreement with this point yields a secret: a point of low order yields zeros with everybody (RFC 7748, section 6.1). */
const agrees = (publicKey: KeyObject): boolean => {
  const { privateKey } =
    publicKey.asymmetricKeyType === 'x25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  try {
    return diffieHellman({ privateKey, publicKey }).some((byte) => byte !== 0);
  } catch {
    return false;
  }
};

const readPem = (text: string): { key: KeyObject; kid: null } => {
  const [, base64] = PEM.exec(text) ?? [];
  if (base64 === undefined)
    throw refuse(text.includes('PRIVATE KEY') ? 'is a private key, keep it and send its public half' : 'is no such key');
  return { key: createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' }), kid: null };
};

/** Takes only the members that make the key, so that nothing else in the text is believed. */
const readJwk = (text: string): { key: KeyObject; kid: string | null; alg: unknown } => {
  const jwk: unknown = JSON.parse(text);
  if (!isRecord(jwk)) throw refuse('is no such key');
  if (PRIVATE_MEMBERS.some((member) => member in jwk)) throw refuse('is a private or secret key, keep it and send a public one');
  const { kty, crv, x, y, n, e, kid, use, key_ops: operations, alg } = jwk;
  if (use !== undefined && use !== 'enc') throw refuse('is not for encryption (use)');
  if (Array.isArray(operations) && operations.some((operation) => operation === 'sign' || operation === 'verify')) {
    throw refuse('is not for encryption (key_ops)');
  }
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KID || !kid.isWellFormed())) {
    throw new BadInputError('publicKey', `has a kid that is no text of at most ${MAX_KID} characters`);
  }
  return { key: createPublicKey({ key: { kty, crv, x, y, n, e } as JsonWebKey, format: 'jwk' }), kid: kid ?? null, alg };
};

/**
 * Reads a recipient's public key: a JSON Web Key (RFC 7517) or a PEM of SubjectPublicKeyInfo, at most 8,192 characters. `BadInputError` on
 * `publicKey` for everything else: another kind or curve, RSA that is too short, a point off its curve or of low order, a private key.
 */
export const readPublicKey = async (text: string): Promise<RecipientKey> => {
  const trimmed = text.length > MAX_KEY_TEXT ? '' : text.trim();
  if (trimmed === '') throw refuse(text.length > MAX_KEY_TEXT ? `is longer than ${MAX_KEY_TEXT} characters` : 'is empty');
  let read: { key: KeyObject; kid: string | null; alg?: unknown };
  try {
    read = trimmed.startsWith('{') ? readJwk(trimmed) : readPem(trimmed);
  } catch (fault) {
    throw fault instanceof BadInputError ? fault : refuse('is no such key');
  }
  const alg = algorithmOf(read.key);
  if (alg === null) throw refuse('is a key of another kind or strength');
  if (read.alg !== undefined && read.alg !== alg) throw refuse('is meant for another algorithm (alg)');
  if (alg === 'ECDH-ES' && !agrees(read.key)) throw refuse('is no point that a secret can be agreed with');
  return { alg, kid: read.kid, key: read.key };
};

/** Seals bytes for a recipient, as a compact JWE that names the recipient's `kid` where it has one. */
export const sealFor = async (recipient: RecipientKey, bytes: Uint8Array): Promise<string> =>
  new CompactEncrypt(bytes)
    .setProtectedHeader({ alg: recipient.alg, enc: CONTENT_ALGORITHM, ...(recipient.kid === null ? {} : { kid: recipient.kid }) })
    .encrypt(recipient.key);

type Parts = { readonly alg: unknown; readonly kid: unknown };

/** The header's algorithm and key of a compact JWE that is one of ours by its form; null for any other. */
const readForm = (jwe: string, maxBytes: number): Parts | null => {
  const parts = jwe.split('.', 6);
  const [header = '', encryptedKey = '', nonce = '', ciphertext = '', tag = ''] = parts;
  if (
    parts.length !== 5 ||
    header.length > MAX_HEADER_TEXT ||
    encryptedKey.length > MAX_ENCRYPTED_KEY_TEXT ||
    nonce.length !== NONCE_TEXT ||
    tag.length !== TAG_TEXT ||
    ciphertext.length > Math.ceil((maxBytes * 4) / 3) ||
    !parts.every(isBase64Url)
  ) {
    return null;
  }
  const fields: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(header, 'base64url')));
  // Refused by jose too, but only once the content was decrypted.
  if (!isRecord(fields) || 'zip' in fields || 'crit' in fields) return null;
  return { alg: fields['alg'], kid: fields['kid'] };
};

/**
 * Makes the opener of payloads that were sealed for one of `keys`: named by `kid`, or any that fits where the payload names none. Gives
 * null for whatever is wrong (another form, algorithm or key, changed bytes, more than `maxBytes`), so that nobody learns which.
 */
export const makeUnsealer = (keys: readonly SealingKey[]): ((jwe: string, maxBytes: number) => Promise<Uint8Array | null>) => {
  const openers = keys.map(({ kid, privateJwk }) => {
    const key = createPrivateKey({ key: { ...privateJwk }, format: 'jwk' });
    const alg = algorithmOf(key);
    if (alg === null) throw new Error('a sealing key is neither X25519 nor P-256 nor RSA of 2048 bits or more');
    return { kid, key, alg };
  });
  const open = async (jwe: string, key: KeyObject, alg: SealAlgorithm): Promise<Uint8Array | null> => {
    try {
      const { plaintext } = await compactDecrypt(jwe, key, {
        keyManagementAlgorithms: [alg],
        contentEncryptionAlgorithms: [CONTENT_ALGORITHM],
        maxDecompressedLength: 0,
      });
      return plaintext;
    } catch {
      return null;
    }
  };
  return async (jwe, maxBytes) => {
    let form: Parts | null;
    try {
      form = readForm(jwe, maxBytes);
    } catch {
      return null;
    }
    if (form === null) return null;
    for (const { kid, key, alg } of openers) {
      if (form.alg !== alg || (form.kid !== undefined && form.kid !== kid)) continue;
      const plain = await open(jwe, key, alg);
      if (plain !== null) return plain.byteLength <= maxBytes ? plain : null;
    }
    return null;
  };
};

/** The public key that callers seal for now: the first of `keys`, as a JSON Web Key with `kid`, `use` and `alg`. */
export const serverKeyOf = (keys: readonly SealingKey[]): Readonly<Record<string, string>> => {
  const [first] = keys;
  if (first === undefined) throw new Error('there is no sealing key');
  const key = createPublicKey({ key: { ...first.publicJwk }, format: 'jwk' });
  const alg = algorithmOf(key);
  if (alg === null) throw new Error('a sealing key is neither X25519 nor P-256 nor RSA of 2048 bits or more');
  const { kty, crv, x, y, n, e } = key.export({ format: 'jwk' });
  const members = Object.entries({ kty, crv, x, y, n, e }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return { ...Object.fromEntries(members), kid: first.kid, use: 'enc', alg };
};
