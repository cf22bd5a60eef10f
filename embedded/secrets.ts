import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import { HOME_CITIES } from '#platform/config/city.ts';
import { DATABASE_ROLES, type DatabaseRole, type Secrets, type SigningKey } from '#platform/config/secrets.ts';
import { replaceFile } from '#platform/disk/replace-file.ts';
import { EmbeddedFailure } from './failure.ts';
import { readText } from './files.ts';

/** The network's secrets and the two passwords that only the embedded network itself uses. */
export type EmbeddedSecrets = { readonly secrets: Secrets; readonly superuserPassword: string; readonly replicationPassword: string };

const makePassword = (): string => randomBytes(32).toString('base64url');

/** Thumbprint of an Ed25519 or X25519 key, RFC 7638 with the members RFC 8037 requires, in their order. */
const thumbprint = (jwk: { readonly crv: string; readonly kty: string; readonly x: string }): string =>
  createHash('sha256')
    .update(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x }))
    .digest('base64url');

const toPair = (privateKey: KeyObject, crv: string, use: Readonly<Record<string, string>>): SigningKey => {
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
  const publicJwk = { kty: 'OKP', crv, x };
  const kid = thumbprint(publicJwk);
  const named = { kid, ...use };
  return { kid, privateJwk: { ...publicJwk, d, ...named }, publicJwk: { ...publicJwk, ...named } };
};
const makeSigningKey = (): SigningKey => toPair(generateKeyPairSync('ed25519').privateKey, 'Ed25519', { alg: 'EdDSA', use: 'sig' });
const makeLogKey = (kid: string): SigningKey => {
  const { privateJwk, publicJwk } = makeSigningKey();
  return { kid, privateJwk: { ...privateJwk, kid }, publicJwk: { ...publicJwk, kid } };
};
/** Keys of the cities' audit logs, each under its log's origin; those that are known stay. */
const logKeysFor = (known: Readonly<Record<string, readonly SigningKey[]>>): Record<string, readonly SigningKey[]> => ({
  ...known,
  ...Object.fromEntries(
    HOME_CITIES.filter(({ code }) => !Object.hasOwn(known, code)).map(({ code }) => {
      return [code, [makeLogKey(`caregraph.example/audit/${code}`)]];
    }),
  ),
});
/** Keys with which each city cosigns the others' logs. */
const witnessKeysFor = (known: Readonly<Record<string, SigningKey>>): Record<string, SigningKey> => ({
  ...known,
  ...Object.fromEntries(
    HOME_CITIES.filter(({ code }) => !Object.hasOwn(known, code)).map(({ code }) => [
      code,
      makeLogKey(`caregraph.example/witness/${code}`),
    ]),
  ),
});
const makeSealingKey = (): SigningKey => toPair(generateKeyPairSync('x25519').privateKey, 'X25519', { alg: 'ECDH-ES', use: 'enc' });

const key32 = z.string().refine((text) => Buffer.from(text, 'base64url').length === 32);
const password = z.string().min(32);
const keyPair = (crv: 'Ed25519' | 'X25519') => {
  const publicJwk = z.object({ kty: z.literal('OKP'), crv: z.literal(crv), x: key32 }).catchall(z.string());
  return z
    .object({ kid: z.string(), privateJwk: publicJwk.extend({ d: key32 }), publicJwk })
    .refine((key) => key.publicJwk.x === key.privateJwk.x)
    .refine((key) => createPublicKey({ key: key.privateJwk, format: 'jwk' }).export({ format: 'jwk' })['x'] === key.publicJwk.x);
};
const ownKeyPair = (crv: 'Ed25519' | 'X25519') => keyPair(crv).refine((key) => key.kid === thumbprint(key.publicJwk));
const secretsFile = z.object({
  version: z.literal(1),
  databasePasswords: z.record(z.string(), password),
  tokenKey: ownKeyPair('Ed25519'),
  assertionKey: ownKeyPair('Ed25519'),
  cursorKey: key32,
  // Absent from networks made before there were sealed files; it is added then.
  sealingKeys: z.array(ownKeyPair('X25519')).min(1).optional(),
  // Absent from networks made before their audit logs were signed; added then.
  // One key, or several, oldest first.
  logKeys: z.record(z.string(), z.union([keyPair('Ed25519').transform((key) => [key]), z.array(keyPair('Ed25519')).min(1)])).optional(),
  // Absent from networks made before personal values of audit entries were sealed; added then.
  subjectIndexKey: key32.optional(),
  // Absent from networks made before cities witnessed each other's logs; added then.
  witnessKeys: z.record(z.string(), keyPair('Ed25519')).optional(),
  superuserPassword: password,
  replicationPassword: password,
});
type SecretsFile = z.infer<typeof secretsFile>;

const passwordsFor = (known: Readonly<Record<string, string>>): Record<DatabaseRole, string> =>
  Object.fromEntries(DATABASE_ROLES.map((role) => [role, known[role] ?? makePassword()])) as Record<DatabaseRole, string>;

const parse = (text: string): SecretsFile | null => {
  try {
    return secretsFile.parse(JSON.parse(text));
  } catch {
    return null;
  }
};

/**
 * Reads `DATA_DIR/secrets.json`, or makes it (0600) where there is no data yet. A role that is new in this release gets its password.
 * Throws EmbeddedFailure when the file is missing or damaged while clusters exist that only its passwords open.
 */
export const loadSecrets = async (dataDir: string, clustersExist: boolean): Promise<EmbeddedSecrets> => {
  const file = path.join(dataDir, 'secrets.json');
  const text = await readText(file);
  const known = text === null ? null : parse(text);
  if (known === null && (clustersExist || text !== null)) {
    const fault = text === null ? 'is missing' : 'is damaged';
    const why = clustersExist ? ', and the databases beside it open with its passwords alone. ' : '. ';
    throw new EmbeddedFailure(`${file} ${fault}${why}Put the file back from a copy, or choose another DATA_DIR for an empty network.`);
  }
  const content: SecretsFile =
    known === null
      ? {
          version: 1,
          databasePasswords: passwordsFor({}),
          tokenKey: makeSigningKey() as SecretsFile['tokenKey'],
          assertionKey: makeSigningKey() as SecretsFile['assertionKey'],
          cursorKey: randomBytes(32).toString('base64url'),
          sealingKeys: [makeSealingKey()] as SecretsFile['sealingKeys'],
          logKeys: logKeysFor({}) as SecretsFile['logKeys'],
          witnessKeys: witnessKeysFor({}) as SecretsFile['witnessKeys'],
          subjectIndexKey: randomBytes(32).toString('base64url'),
          superuserPassword: makePassword(),
          replicationPassword: makePassword(),
        }
      : {
          ...known,
          databasePasswords: { ...known.databasePasswords, ...passwordsFor(known.databasePasswords) },
          sealingKeys: known.sealingKeys ?? ([makeSealingKey()] as SecretsFile['sealingKeys']),
          logKeys: logKeysFor(known.logKeys ?? {}) as SecretsFile['logKeys'],
          witnessKeys: witnessKeysFor(known.witnessKeys ?? {}) as SecretsFile['witnessKeys'],
          subjectIndexKey: known.subjectIndexKey ?? randomBytes(32).toString('base64url'),
        };
  const written = `${JSON.stringify(content, null, 2)}\n`;
  if (written !== text) await replaceFile(file, written);
  const {
    tokenKey,
    assertionKey,
    cursorKey,
    sealingKeys = [],
    logKeys = {},
    witnessKeys = {},
    superuserPassword,
    replicationPassword,
  } = content;
  const { subjectIndexKey = '' } = content;
  return {
    secrets: {
      databasePasswords: passwordsFor(content.databasePasswords),
      tokenKey,
      assertionKey,
      cursorKey,
      sealingKeys,
      logKeys,
      witnessKeys,
      subjectIndexKey,
    },
    superuserPassword,
    replicationPassword,
  };
};

/** The keys of the cities' logs in the form of the setting `AUDIT_LOG_KEYS`. */
export const formatLogKeys = (logKeys: Secrets['logKeys']): string =>
  JSON.stringify(
    Object.fromEntries(Object.entries(logKeys).map(([city, keys]) => [city, keys.map(({ kid, privateJwk }) => ({ ...privateJwk, kid }))])),
  );
/** Writes these keys to a file that the processes of the network read (0600). */
export const writeLogKeys = (file: string, logKeys: Secrets['logKeys']): Promise<void> => replaceFile(file, `${formatLogKeys(logKeys)}\n`);

/**
 * Makes a further key for a city's log and puts it last among them, in `DATA_DIR/secrets.json` and in the file that running processes read again. Nothing
 * is signed with it before a shard begins. Throws EmbeddedFailure where the secrets cannot be read.
 */
export const addLogKey = async (dataDir: string, city: string): Promise<Secrets['logKeys']> => {
  const { secrets } = await loadSecrets(dataDir, true);
  const known = secrets.logKeys[city];
  if (!known?.[0]) throw new EmbeddedFailure(`The network in ${dataDir} has no city ${city}.`);
  const logKeys = { ...secrets.logKeys, [city]: [...known, makeLogKey(known[0].kid)] };
  const file = path.join(dataDir, 'secrets.json');
  await replaceFile(file, `${JSON.stringify({ ...JSON.parse((await readText(file)) ?? '{}'), logKeys }, null, 2)}\n`);
  await writeLogKeys(path.join(dataDir, 'log-keys.json'), logKeys);
  return logKeys;
};
