import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { PublicKey } from '#platform/access/token.ts';
import { isDemoKeyring, parseKeyring, readKeyringFile } from '#platform/keys/keyring-form.ts';
import type { LogLevel } from '#platform/observability/log.ts';
import { parsePolicy } from '#platform/tlog/policy.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import type { AuditShardsConfig } from './audit-shards.ts';
import type { CityConfig, NodeAddress } from './city.ts';
import { ConfigurationError } from './configuration-error.ts';
import type { FilesConfig, Keyring, KeysConfig, StoreConfig } from './files.ts';
import type { DatabaseRole, Secrets, SigningKey } from './secrets.ts';
import type { SpoolConfig } from './spool.ts';
import type { SubjectsConfig } from './subjects.ts';

/** Settings by name, as the process got them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the embedded network starts with. */
export type StartConfig = {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly demoPassword: string;
  readonly logLevel: LogLevel;
  readonly allowedOrigins: readonly string[];
  readonly appointmentTypes: readonly string[];
  readonly trustProxy: boolean;
  /** Both stores and a demo keyring lie in `dataDir`. */
  readonly files: FilesConfig;
  /** The same of the subjects' keys; the keyring is that of the files. */
  readonly subjects: SubjectsConfig;
  /** In `dataDir` as well. */
  readonly spool: SpoolConfig | null;
  readonly auditShards: AuditShardsConfig;
};

export const SUBGRAPH_NAMES = ['patients', 'scheduling', 'files', 'audit'] as const;
export type SubgraphName = (typeof SUBGRAPH_NAMES)[number];

/** What a subgraph's own process starts with. `secrets` holds what this subgraph needs; the rest of it is empty and opens nothing. */
export type SubgraphConfig<N extends SubgraphName = SubgraphName> = {
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly cities: readonly CityConfig[];
  readonly secrets: Secrets;
  /** Public halves of the gateway's keys. */
  readonly assertionKeys: readonly PublicKey[];
  readonly appointmentTypes: readonly string[];
  /** Stores, keys and quotas of the files subgraph; null for the others. */
  readonly files: N extends 'files' ? FilesConfig : null;
  /** Keys of the audit log's subjects. */
  readonly subjects: SubjectsConfig;
  /** Where entries of readings wait while a primary is gone; null: such readings are refused. */
  readonly spool: SpoolConfig | null;
  /** Which logs and witnesses the audit subgraph believes (https://c2sp.org/tlog-policy); null: those of the cities, and for the others. */
  readonly auditPolicy: string | null;
  /** Shards of the audit logs; the audit subgraph alone cares. */
  readonly auditShards: AuditShardsConfig;
};

/** What the gateway's own process starts with. */
export type GatewayConfig = {
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly development: boolean;
  readonly allowedOrigins: readonly string[];
  readonly trustProxy: boolean;
  /** Codes of the cities. */
  readonly cities: readonly string[];
  /** Address of each subgraph, such as `http://10.0.0.4:4101`. */
  readonly subgraphUrls: Readonly<Record<string, string>>;
  readonly assertionKey: SigningKey;
  readonly tokenKeys: readonly PublicKey[];
  /** Origin under which callers reach the gateway, such as `https://graph.example.org`; null: the one a request names. */
  readonly publicUrl: string | null;
};

/** What database migrations need: the cities and the owner's password. */
export type MigrationConfig = { readonly cities: readonly CityConfig[]; readonly password: string; readonly logLevel: LogLevel };

export { ConfigurationError };

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];
const MIN_PASSWORD = 16;
const MIN_KEY_BYTES = 32;
const MAX_FLOOR = 0.5;
const GIB = 1024 ** 3;
const DEFAULT_PATIENT_QUOTA = 50 * GIB;
const DEFAULT_CITY_QUOTA = 10 * 1024 * GIB;
const NO_KEY: SigningKey = { kid: '', privateJwk: {}, publicJwk: {} };

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A reading of one setting; throws its reason. */
type Reader<T> = (text: string) => T;
class Reason extends Error {}
const because = (reason: string): never => {
  throw new Reason(reason);
};

const asText: Reader<string> = (text) => text;
const asPort: Reader<number> = (text) =>
  /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : because('is a port from 0 to 65535');
const asLevel: Reader<LogLevel> = (text) => LEVELS.find((level) => level === text) ?? because(`is one of ${LEVELS.join(', ')}`);
const asFlag: Reader<boolean> = (text) =>
  ['true', '1'].includes(text) ? true : ['false', '0'].includes(text) ? false : because('is true or false');
const asHost: Reader<string> = (text) =>
  text === '*'
    ? because('is unsafe: name an address')
    : (text.includes(':') || /^[0-9.]+$/.test(text) ? isIP(text) !== 0 : /^[A-Za-z0-9._-]{1,253}$/.test(text))
      ? text
      : because('is a host name or an address, such as 127.0.0.1');
const asList: Reader<readonly string[]> = (text) =>
  text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
const asOrigins: Reader<readonly string[]> = (text) =>
  asList(text).map((origin) => {
    if (origin.includes('*')) return because('is unsafe: * lets every page in');
    return URL.canParse(origin) && new URL(origin).origin === origin
      ? origin
      : because('holds origins such as https://app.example.org, with commas between');
  });
const asTypes: Reader<readonly string[]> = (text) => {
  const types = asList(text);
  return types.length > 0 && types.every((type) => /^[A-Z][A-Z_]{0,31}$/.test(type))
    ? types
    : because('holds names in capitals, such as PHYSICIAN');
};
const asUrl: Reader<string> = (text) => {
  if (!URL.canParse(text)) return because('is an address such as http://10.0.0.4:4101');
  const url = new URL(text);
  if (!['http:', 'https:'].includes(url.protocol) || url.username !== '' || !['', '/'].includes(url.pathname))
    return because('is an http or https address without a path');
  return url.origin;
};
const asPassword: Reader<string> = (text) =>
  text.length >= MIN_PASSWORD ? text : because(`is unsafe: shorter than ${MIN_PASSWORD} characters`);
const asCursorKey: Reader<string> = (text) =>
  /^[A-Za-z0-9_-]+$/.test(text) && Buffer.from(text, 'base64url').length >= MIN_KEY_BYTES
    ? text
    : because(`is unsafe: at least ${MIN_KEY_BYTES} random bytes in base64url`);

const asJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return because('is no JSON');
  }
};
const readKey = (value: unknown, isPrivate: boolean): SigningKey => {
  const form = `is ${isPrivate ? 'a private' : 'a public'} Ed25519 JSON Web Key with a kid`;
  if (!isObject(value) || value['kty'] !== 'OKP' || value['crv'] !== 'Ed25519') return because(form);
  const { kid, x, d } = value;
  if (typeof kid !== 'string' || kid === '' || typeof x !== 'string') return because(form);
  if (isPrivate !== (typeof d === 'string')) return because(isPrivate ? form : 'is unsafe: holds a private key');
  const publicJwk = { kty: 'OKP', crv: 'Ed25519', x };
  try {
    createPublicKey({ key: publicJwk, format: 'jwk' });
  } catch {
    return because(form);
  }
  return { kid, publicJwk, privateJwk: isPrivate ? { ...publicJwk, d: d as string } : {} };
};
const asPrivateKey: Reader<SigningKey> = (text) => readKey(asJson(text), true);
const asPublicKeys: Reader<readonly PublicKey[]> = (text) => {
  const given = asJson(text);
  const list =
    isObject(given) && Array.isArray(given['keys']) ? (given['keys'] as unknown[]) : Array.isArray(given) ? (given as unknown[]) : [given];
  if (list.length === 0) return because('holds no key');
  return list.map((each) => readKey(each, false));
};

/** `postgres://host:port,host2:port/name?sslmode=verify-full`, without a user: the role and its password are settings of their own. */
const readDsn = (dsn: unknown): Pick<CityConfig, 'database' | 'nodes' | 'tls'> => {
  const match =
    typeof dsn === 'string' ? /^postgres(?:ql)?:\/\/([^/?#@]+)\/([A-Za-z_][A-Za-z0-9_]{0,62})(?:\?sslmode=(\S+))?$/.exec(dsn) : null;
  if (!match) return because('a dsn is postgres://host:port,host2:port/name?sslmode=verify-full, without a user');
  const [, servers = '', database = '', mode = 'disable'] = match;
  if (!['disable', 'verify-full'].includes(mode)) return because('sslmode is verify-full (or disable, on loopback alone)');
  const nodes = servers.split(',').map((server): NodeAddress => {
    const at = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(server);
    if (!at || Number(at[2]) > 65_535) return because('each server of a dsn is host:port');
    return { host: (at[1] ?? '').replace(/^\[|\]$/g, ''), port: Number(at[2]) };
  });
  const tls = mode === 'verify-full';
  if (!tls && !nodes.every(({ host }) => isLoopback(host)))
    return because('is unsafe: a database that is not on loopback needs sslmode=verify-full');
  return { database, nodes, tls };
};
const readCity = (value: unknown): CityConfig => {
  if (!isObject(value)) return because('is a list of cities');
  const { code, name, timeZone, home, noticeMinutes = 120, dsn } = value;
  if (typeof code !== 'string' || !/^[A-Z]{3}$/.test(code)) return because('the code of a city is three capitals');
  const here = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      return because(`${code}: ${error instanceof Reason ? error.message : 'cannot be read'}`);
    }
  };
  return here(() => {
    if (!isObject(name) || typeof name['en'] !== 'string' || typeof name['fr'] !== 'string') return because('name has en and fr');
    if (typeof timeZone !== 'string' || !Intl.supportedValuesOf('timeZone').includes(timeZone))
      return because('timeZone is an IANA time zone');
    const list = (given: unknown): readonly string[] =>
      Array.isArray(given) && given.every((each) => typeof each === 'string')
        ? given
        : because('home has towns and postalPrefixes, lists of texts');
    const { towns, postalPrefixes } = isObject(home) ? home : { towns: [], postalPrefixes: [] };
    if (!Number.isInteger(noticeMinutes) || (noticeMinutes as number) < 0) return because('noticeMinutes is a whole number');
    return {
      code,
      name: { en: name['en'], fr: name['fr'] },
      timeZone,
      home: { towns: list(towns), postalPrefixes: list(postalPrefixes) },
      noticeMinutes: noticeMinutes as number,
      ...readDsn(dsn),
    };
  });
};
const asCities: Reader<readonly CityConfig[]> = (text) => {
  const given = asJson(text);
  if (!Array.isArray(given) || given.length === 0) return because('is a list of cities');
  const cities = given.map(readCity);
  return new Set(cities.map(({ code }) => code)).size === cities.length ? cities : because('names a city twice');
};
const asCodes: Reader<readonly string[]> = (text) => {
  const codes = text.trimStart().startsWith('[') ? asCities(text).map(({ code }) => code) : asList(text);
  return codes.length > 0 && codes.every((code) => /^[A-Z]{3}$/.test(code))
    ? codes
    : because('holds codes of three capitals, or the list of cities');
};

const SAFE_SIZE = /^\d{1,16}$/;
const asBytes: Reader<number> = (text) =>
  SAFE_SIZE.test(text) && Number.isSafeInteger(Number(text)) && Number(text) > 0
    ? Number(text)
    : because('is a whole number of bytes, 1 or more');
const asSeconds: Reader<number> = (text) =>
  /^\d{1,9}$/.test(text) && Number(text) > 0 ? Number(text) : because('is a whole number of seconds, 1 or more');
const asShare: Reader<number> = (text) =>
  /^0?(?:\.\d{1,6})?$/.test(text) && Number(text) <= MAX_FLOOR ? Number(text) : because(`is a share of the disk from 0 to ${MAX_FLOOR}`);
const asPublicUrl: Reader<string> = (text) => {
  const origin = asUrl(text);
  return origin.startsWith('https:') || isLoopback(new URL(origin).hostname.replace(/^\[|\]$/g, ''))
    ? origin
    : because('is an https origin (http on loopback alone)');
};
/** An address that secrets go to. */
const readSafeUrl = (value: unknown, name: string): string => {
  if (typeof value !== 'string' || !URL.canParse(value)) return because(`${name} is an https address`);
  const { protocol, hostname, username, password, pathname, search, hash, origin } = new URL(value);
  if (username !== '' || password !== '' || search !== '' || hash !== '' || !['', '/'].includes(pathname))
    return because(`${name} is an https address without user, path or query`);
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback(hostname.replace(/^\[|\]$/g, ''))))
    return because(`is unsafe: ${name} is an https address (http on loopback alone)`);
  return origin;
};
const readText = (given: Readonly<Record<string, unknown>>, name: string, form: RegExp, what: string, fallback?: string): string => {
  const value = given[name] ?? fallback;
  return typeof value === 'string' && form.test(value) ? value : because(`${name} is ${what}`);
};
const forbidOthers = (given: Readonly<Record<string, unknown>>, known: readonly string[]): void => {
  // The name of a member that nobody knows may be a secret in the wrong place.
  if (Object.keys(given).some((name) => !known.includes(name))) because(`has no members but ${known.join(', ')}`);
};
const asStore: Reader<StoreConfig> = (text) => {
  if (text.startsWith('file:')) {
    if (!/^file:\/\/\/[^?#]+$/.test(text) || !URL.canParse(text)) return because('is a folder such as file:///srv/files');
    const folder = path.resolve(fileURLToPath(text));
    return folder === path.parse(folder).root
      ? because('is unsafe: a folder of its own, not the root')
      : { kind: 'directory', folder, floorShare: 0 };
  }
  const given = text.trimStart().startsWith('{') ? asJson(text) : null;
  if (!isObject(given) || given['kind'] !== 's3') return because('is a folder such as file:///srv/files, or JSON of kind s3');
  forbidOthers(given, ['kind', 'endpoint', 'region', 'bucket', 'accessKeyId', 'secretAccessKey', 'pathStyle']);
  const region = readText(given, 'region', /^[a-z0-9-]{1,64}$/, 'the name of a region');
  const pathStyle = given['pathStyle'] ?? false;
  return {
    kind: 's3',
    endpoint: readSafeUrl(given['endpoint'] ?? `https://s3.${region}.amazonaws.com`, 'endpoint'),
    region,
    bucket: readText(given, 'bucket', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a bucket'),
    accessKeyId: readText(given, 'accessKeyId', /^\S{1,256}$/, 'a text'),
    secretAccessKey: readText(given, 'secretAccessKey', /^\S{1,256}$/, 'a text'),
    pathStyle: typeof pathStyle === 'boolean' ? pathStyle : because('pathStyle is true or false'),
  };
};
/** Whether both would hold their blobs in the same place, or one inside the other. */
const isSamePlace = (one: StoreConfig, other: StoreConfig): boolean => {
  if (one.kind === 's3' && other.kind === 's3') return one.endpoint === other.endpoint && one.bucket === other.bucket;
  if (one.kind !== 'directory' || other.kind !== 'directory') return false;
  const isInside = (inner: string, outer: string): boolean => `${inner}${path.sep}`.startsWith(`${outer}${path.sep}`);
  return isInside(one.folder, other.folder) || isInside(other.folder, one.folder);
};
const asKeyring: Reader<Keyring> = (text) => {
  const keyring = parseKeyring(text);
  return typeof keyring === 'string' ? because(keyring) : keyring;
};
const asRemoteKeys: Reader<Extract<KeysConfig, { readonly kind: 'transit' | 'aws-kms' }>> = (text) => {
  const given = asJson(text);
  if (!isObject(given)) return because('is JSON of kind transit or aws-kms');
  if (given['kind'] === 'transit') {
    forbidOthers(given, ['kind', 'url', 'token', 'mount', 'keyPrefix', 'namespace']);
    return {
      kind: 'transit',
      url: readSafeUrl(given['url'], 'url'),
      token: readText(given, 'token', /^[\x21-\x7e]{8,4096}$/, 'a text of at least 8 characters'),
      mount: readText(given, 'mount', /^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/, 'a path such as transit', 'transit'),
      keyPrefix: readText(given, 'keyPrefix', /^[A-Za-z0-9_.-]{0,64}$/, 'the beginning of a key’s name', 'caregraph-'),
      namespace: given['namespace'] === undefined ? null : readText(given, 'namespace', /^[A-Za-z0-9_/-]{1,256}$/, 'a path'),
    };
  }
  if (given['kind'] !== 'aws-kms') return because('is JSON of kind transit or aws-kms');
  forbidOthers(given, ['kind', 'region', 'endpoint', 'keys']);
  const { keys, endpoint } = given;
  const form = 'keys names a key id, an ARN or an alias for each city, or a list of them, the current one first';
  if (!isObject(keys)) return because(form);
  const lists = Object.entries(keys).map(([city, given]): readonly [string, readonly string[]] => {
    const list: readonly unknown[] = Array.isArray(given) ? given : [given];
    const isList = list.length > 0 && list.every((key) => typeof key === 'string' && /^\S{1,2048}$/.test(key));
    return /^[A-Z]{3}$/.test(city) && isList ? [city, list as readonly string[]] : because(form);
  });
  const all = lists.flatMap(([, list]) => list);
  if (new Set(all).size < all.length) because('is unsafe: names one key twice; each city has keys of its own');
  return {
    kind: 'aws-kms',
    region: readText(given, 'region', /^[a-z0-9-]{1,64}$/, 'the name of a region'),
    endpoint: endpoint === undefined || endpoint === null ? null : readSafeUrl(endpoint, 'endpoint'),
    keys: Object.fromEntries(lists),
  };
};
const SEALING_FORM = 'holds private JSON Web Keys, X25519 or P-256, each with a kid';
const readSealingKey = (value: unknown): SigningKey => {
  if (!isObject(value)) return because(SEALING_FORM);
  const { kid, kty, crv, x, y, d } = value;
  const isX25519 = kty === 'OKP' && crv === 'X25519' && y === undefined;
  const isP256 = kty === 'EC' && crv === 'P-256' && typeof y === 'string';
  if (
    typeof kid !== 'string' ||
    !/^[A-Za-z0-9._~-]{1,128}$/.test(kid) ||
    typeof x !== 'string' ||
    typeof d !== 'string' ||
    !(isX25519 || isP256)
  )
    return because(SEALING_FORM);
  const publicJwk = { kty, crv, x, ...(isP256 ? { y } : {}) };
  try {
    // A private key beside another's public half would seal for nobody.
    const derived = createPublicKey(createPrivateKey({ key: { ...publicJwk, d }, format: 'jwk' })).export({ format: 'jwk' });
    if (derived['x'] !== x || derived['y'] !== y) return because(SEALING_FORM);
  } catch {
    return because(SEALING_FORM);
  }
  return { kid, publicJwk, privateJwk: { ...publicJwk, d } };
};
const asSealingKeys: Reader<readonly SigningKey[]> = (text) => {
  const given = asJson(text);
  const list = isObject(given) && Array.isArray(given['keys']) ? (given['keys'] as unknown[]) : [given];
  const keys = list.map(readSealingKey);
  if (keys.length === 0) return because('holds no key');
  return new Set(keys.map(({ kid }) => kid)).size === keys.length ? keys : because('names two keys alike');
};

/** A name of a key in a signed note holds neither white space nor a plus sign. https://c2sp.org/signed-note */
const ORIGIN = /^[A-Za-z0-9._~:/-]{1,200}$/;
/** Path of the file that a setting names in the place of its content; null where it names none. */
const keysFileOf = (text: string): string | null => (/^file:\/\/\/[^?#]+$/.test(text) && URL.canParse(text) ? fileURLToPath(text) : null);
const readKeysFile = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return because('names a file that cannot be read');
  }
};
/** One log's origin is not the name of another one's shard. */
const isApart = (origins: readonly string[]): boolean =>
  origins.every((one) => origins.every((other) => !(other.startsWith(`${one}/`) && /^[0-9]+$/.test(other.slice(one.length + 1)))));
const asLogKeys: Reader<Readonly<Record<string, readonly SigningKey[]>>> = (text) => {
  const form =
    'holds, by the code of each city, a private Ed25519 JSON Web Key whose kid is the origin of its log, or a list of such keys, oldest first';
  const file = keysFileOf(text);
  const given = asJson(file === null ? text : readKeysFile(file));
  if (!isObject(given)) return because(form);
  const keys = Object.entries(given).map(([city, value]): readonly [string, readonly SigningKey[]] => {
    const own = (Array.isArray(value) ? (value as unknown[]) : [value]).map((each) => readKey(each, true));
    const isSound = own.length > 0 && own.every(({ kid }) => ORIGIN.test(kid) && kid === own[0]?.kid);
    return /^[A-Z]{3}$/.test(city) && isSound ? [city, own] : because(form);
  });
  const origins = keys.map(([, own]) => own[0]?.kid ?? '');
  const halves = keys.flatMap(([, own]) => own.map(({ publicJwk }) => publicJwk['x']));
  if (new Set(origins).size < keys.length || new Set(halves).size < halves.length || !isApart(origins))
    return because('is unsafe: gives two cities the same key or origin, or one key twice');
  return Object.fromEntries(keys);
};

const asWitnessKeys: Reader<Readonly<Record<string, SigningKey>>> = (text) => {
  const form = 'holds, by the code of each city, a private Ed25519 JSON Web Key whose kid is the name of its witness';
  const given = asJson(text);
  if (!isObject(given)) return because(form);
  const keys = Object.entries(given).map(([city, value]): readonly [string, SigningKey] => {
    const key = readKey(value, true);
    return /^[A-Z]{3}$/.test(city) && ORIGIN.test(key.kid) ? [city, key] : because(form);
  });
  const [names, halves] = [keys.map(([, { kid }]) => kid), keys.map(([, { publicJwk }]) => publicJwk['x'])];
  if (new Set(names).size < keys.length || new Set(halves).size < keys.length)
    return because('is unsafe: gives two cities the same key or name');
  return Object.fromEntries(keys);
};
/** A policy as text, or the file it stands in. */
const asPolicy: Reader<string> = (text) => {
  if (!text.startsWith('file:')) return readPolicy(text.endsWith('\n') ? text : `${text}\n`);
  if (!/^file:\/\/\/[^?#]+$/.test(text) || !URL.canParse(text))
    return because('is a policy, or a file such as file:///etc/caregraph/policy');
  let content: string;
  try {
    content = readFileSync(fileURLToPath(text), 'utf8');
  } catch {
    return because('names a file that cannot be read');
  }
  return readPolicy(content);
};
const readPolicy = (text: string): string => {
  try {
    parsePolicy(text);
  } catch (error) {
    return because(error instanceof TlogError ? `cannot be read: ${error.message}` : 'cannot be read');
  }
  return text;
};

/** Reads settings one by one and keeps every fault, to report all at once. */
const makeReading = (env: Environment) => {
  const faults: string[] = [];
  const take = <T>(name: string, reader: Reader<T>, fallback: T, isRequired: boolean): T => {
    const text = env[name];
    if (text === undefined || text === '') {
      if (isRequired) faults.push(`${name} is missing`);
      return fallback;
    }
    try {
      return reader(text);
    } catch (error) {
      faults.push(`${name} ${error instanceof Reason ? error.message : 'cannot be read'}`);
      return fallback;
    }
  };
  return {
    optional: <T>(name: string, reader: Reader<T>, fallback: T): T => take(name, reader, fallback, false),
    required: <T>(name: string, reader: Reader<T>, whenFaulty: T): T => take(name, reader, whenFaulty, true),
    isGiven: (name: string): boolean => env[name] !== undefined && env[name] !== '',
    forbid: (name: string, reason: string): void => {
      if (env[name] !== undefined && env[name] !== '') faults.push(`${name} ${reason}`);
    },
    fault: (text: string): void => void faults.push(text),
    done: <T>(config: T): T => {
      if (faults.length > 0) throw new ConfigurationError(faults);
      return config;
    },
  };
};

const DEFAULT_TYPES: readonly string[] = ['PHYSICIAN', 'SURGEON', 'DENTAL'];
const isProduction = (env: Environment): boolean => env['NODE_ENV'] === 'production';
const DEMO_IN_PRODUCTION = 'is unsafe: no demo population under NODE_ENV=production';
const DEMO_KEYS_IN_PRODUCTION =
  'is unsafe: holds keys of the embedded network, which open nothing under NODE_ENV=production; make a keyring of its own';

type Reading = ReturnType<typeof makeReading>;
const quotasOf = (reading: Reading): Pick<FilesConfig, 'patientQuotaBytes' | 'cityQuotaBytes'> => ({
  patientQuotaBytes: reading.optional('FILES_PATIENT_QUOTA_BYTES', asBytes, DEFAULT_PATIENT_QUOTA),
  cityQuotaBytes: reading.optional('FILES_CITY_QUOTA_BYTES', asBytes, DEFAULT_CITY_QUOTA),
});

const embeddedFiles = (reading: Reading, dataDir: string): FilesConfig => {
  const floorShare = reading.optional('FILES_DISK_FLOOR', asShare, 0.02);
  const store = (name: string): StoreConfig => ({ kind: 'directory', folder: path.join(dataDir, 'files', name), floorShare });
  return {
    primary: store('primary'),
    backup: store('backup'),
    keys: { kind: 'keyring-file', file: path.join(dataDir, 'keyring.json'), createDemo: true },
    ...quotasOf(reading),
  };
};

const embeddedSubjects = (dataDir: string): SubjectsConfig => {
  const store = (name: string): StoreConfig => ({ kind: 'directory', folder: path.join(dataDir, 'subjects', name), floorShare: 0 });
  return {
    primary: store('primary'),
    backup: store('backup'),
    keys: { kind: 'keyring-file', file: path.join(dataDir, 'keyring.json'), createDemo: true },
  };
};

const DEFAULT_SPOOL_BYTES = 64 * 1024 ** 2;
const DEFAULT_SPOOL_ALARM = 900;
/** Where entries of readings wait; `folder` unless the environment names another. Null: nowhere. */
const spoolOf = (reading: Reading, folder: string | null): SpoolConfig | null => {
  const given = reading.optional<string | null>('AUDIT_SPOOL_DIR', asText, folder);
  const maxBytes = reading.optional('AUDIT_SPOOL_BYTES', asBytes, DEFAULT_SPOOL_BYTES);
  const alarmSeconds = reading.optional('AUDIT_SPOOL_ALARM_SECONDS', asSeconds, DEFAULT_SPOOL_ALARM);
  return given === null ? null : { folder: given, maxBytes, alarmSeconds };
};

const asDays: Reader<number | null> = (text) =>
  text === 'none' ? null : /^[1-9]\d{0,5}$/.test(text) ? Number(text) : because('is a number of days from 1 on, or none');
const asMinutes: Reader<number> = (text) => (/^[1-9]\d{0,6}$/.test(text) ? Number(text) : because('is a number of minutes from 1 on'));
const DEFAULT_SHARD_DAYS = 366;
const DEFAULT_CHECKPOINT_MINUTES = 60;
/** What happens to shards; `archive` unless the environment names another folder. */
const auditShardsOf = (reading: Reading, archive: string | null, keysFile: string | null): AuditShardsConfig => {
  const config = {
    shardDays: reading.optional<number | null>('AUDIT_SHARD_DAYS', asDays, DEFAULT_SHARD_DAYS),
    retentionDays: reading.optional<number | null>('AUDIT_RETENTION_DAYS', asDays, null),
    archive: reading.optional<string | null>('AUDIT_ARCHIVE_DIR', asText, archive),
    checkpointMinutes: reading.optional('AUDIT_CHECKPOINT_MINUTES', asMinutes, DEFAULT_CHECKPOINT_MINUTES),
    keysFile,
  };
  if (config.retentionDays !== null && config.archive === null)
    reading.fault('AUDIT_ARCHIVE_DIR is missing: AUDIT_RETENTION_DAYS deletes nothing that is not in an archive');
  return config;
};

/** Reads a file of log keys again. Throws where it cannot be read, or does not hold what `AUDIT_LOG_KEYS` holds. */
export const readLogKeysFile = (file: string): Readonly<Record<string, readonly SigningKey[]>> => asLogKeys(pathToFileURL(file).href);

type Kept = 'FILES' | 'SUBJECTS';

/** Who holds the key-encryption keys: one of three settings says it, and every city has to have a key there. */
const keysOf = (reading: Reading, kept: Kept, production: boolean, cities: readonly CityConfig[]): KeysConfig => {
  const settings = [`${kept}_KEYRING`, `${kept}_KEYRING_FILE`, `${kept}_KEYS`] as const;
  const given = settings.filter((name) => reading.isGiven(name));
  const [name = settings[1]] = given;
  const nothing: KeysConfig = { kind: 'keyring-file', file: '', createDemo: false };
  if (given.length !== 1) {
    reading.fault(
      `${given.length === 0 ? name : given.join(' and ')} ${given.length === 0 ? 'is missing' : 'are given'}: one of ${settings.join(', ')} says who holds the keys`,
    );
    return nothing;
  }
  const requireCities = (known: Readonly<Record<string, unknown>>): void => {
    const missing = cities.map(({ code }) => code).filter((code) => !Object.hasOwn(known, code));
    if (missing.length > 0) because(`holds no key of ${missing.join(', ')}`);
  };
  const checked = (keyring: Keyring): Keyring => {
    if (production && isDemoKeyring(keyring)) because(DEMO_KEYS_IN_PRODUCTION);
    requireCities(production || !keyring.demo ? keyring.cities : Object.fromEntries(cities.map(({ code }) => [code, true])));
    return keyring;
  };
  const readers: Readonly<Record<string, Reader<KeysConfig>>> = {
    [settings[0]]: (text) => ({ kind: 'keyring', keyring: checked(asKeyring(text)) }),
    [settings[1]]: (file) => {
      const read = readKeyringFile(file);
      if (typeof read === 'string') return because(read);
      if (read === null && production) return because('names a file that is not there');
      if (read) checked(read.keyring);
      return { kind: 'keyring-file', file: path.resolve(file), createDemo: !production && (read?.keyring.demo ?? true) };
    },
    [settings[2]]: (text) => {
      const keys = asRemoteKeys(text);
      if (keys.kind === 'aws-kms') requireCities(keys.keys);
      return keys;
    },
  };
  return reading.required(name, readers[name] ?? (() => nothing), nothing);
};

/** The two stores of what is kept, which are never the same place. */
const storesOf = (reading: Reading, kept: Kept, floorShare: number): { readonly primary: StoreConfig; readonly backup: StoreConfig } => {
  const nowhere: StoreConfig = { kind: 'directory', folder: '', floorShare };
  const store = (name: string): StoreConfig => {
    const read = reading.required(name, asStore, nowhere);
    return read.kind === 'directory' ? { ...read, floorShare } : read;
  };
  const [primary, backup] = [store(`${kept}_PRIMARY_STORE`), store(`${kept}_BACKUP_STORE`)];
  const areBothRead = [primary, backup].every((each) => each.kind === 's3' || each.folder !== '');
  if (areBothRead && isSamePlace(primary, backup))
    reading.fault(`${kept}_BACKUP_STORE is unsafe: the same place as ${kept}_PRIMARY_STORE, or one inside the other`);
  return { primary, backup };
};

/** Where the subjects' keys lie. They may be destroyed on a full disk, too: no floor. */
const subjectsOf = (reading: Reading, production: boolean, cities: readonly CityConfig[]): SubjectsConfig => ({
  ...storesOf(reading, 'SUBJECTS', 0),
  keys: keysOf(reading, 'SUBJECTS', production, cities),
});

/** Settings of the files subgraph beside those that all have. */
const filesOf = (reading: Reading, production: boolean, cities: readonly CityConfig[]): FilesConfig => {
  const floorShare = reading.optional('FILES_DISK_FLOOR', asShare, 0.1);
  return { ...storesOf(reading, 'FILES', floorShare), keys: keysOf(reading, 'FILES', production, cities), ...quotasOf(reading) };
};

/**
 * Settings of `npm start`, the embedded network. Under `NODE_ENV=production` nothing embedded starts: the error then also lists what the
 * processes of production lack.
 */
export const readStartConfig = (env: Environment = process.env): StartConfig => {
  const reading = makeReading(env);
  if (isProduction(env)) {
    reading.fault('NODE_ENV production: the embedded network is for development; start gateway/main.ts and each subgraph’s main.ts');
    reading.forbid('DEMO_PASSWORD', DEMO_IN_PRODUCTION);
    for (const read of [readGatewayConfig, ...SUBGRAPH_NAMES.map((name) => (given: Environment) => readSubgraphConfig(name, given))]) {
      try {
        read(env);
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error;
        for (const fault of error.faults) reading.fault(fault);
      }
    }
    try {
      return reading.done(undefined as never);
    } catch (error) {
      throw error instanceof ConfigurationError ? new ConfigurationError([...new Set(error.faults)]) : error;
    }
  }
  return reading.done({
    host: reading.optional('HOST', asHost, '127.0.0.1'),
    port: reading.optional('PORT', asPort, 4_000),
    dataDir: reading.optional('DATA_DIR', asText, '.data'),
    demoPassword: reading.optional('DEMO_PASSWORD', asText, 'caregraph-demo'),
    logLevel: reading.optional('LOG_LEVEL', asLevel, 'info'),
    allowedOrigins: reading.optional('ALLOWED_ORIGINS', asOrigins, []),
    appointmentTypes: reading.optional('APPOINTMENT_TYPES', asTypes, DEFAULT_TYPES),
    trustProxy: reading.optional('TRUST_PROXY', asFlag, false),
    files: embeddedFiles(reading, reading.optional('DATA_DIR', asText, '.data')),
    subjects: embeddedSubjects(reading.optional('DATA_DIR', asText, '.data')),
    spool: spoolOf(reading, path.join(reading.optional('DATA_DIR', asText, '.data'), 'spool')),
    auditShards: auditShardsOf(
      reading,
      path.join(reading.optional('DATA_DIR', asText, '.data'), 'audit-archive'),
      path.join(reading.optional('DATA_DIR', asText, '.data'), 'log-keys.json'),
    ),
  });
};

/** Database roles of the subgraphs that have more than their own. */
const MECHANISMS: Readonly<Partial<Record<SubgraphName, readonly DatabaseRole[]>>> = {
  scheduling: ['scheduling', 'relay'],
  audit: ['audit', 'sequencer'],
};

/** Settings of one subgraph's own process. */
export const readSubgraphConfig = <N extends SubgraphName>(name: N, env: Environment = process.env): SubgraphConfig<N> => {
  const reading = makeReading(env);
  if (isProduction(env)) reading.forbid('DEMO_PASSWORD', DEMO_IN_PRODUCTION);
  const passwords = (roles: readonly DatabaseRole[]): Secrets['databasePasswords'] => ({
    patients: '',
    scheduling: '',
    files: '',
    audit: '',
    sequencer: '',
    relay: '',
    migrator: '',
    ...Object.fromEntries(roles.map((role) => [role, reading.required(`${role.toUpperCase()}_DB_PASSWORD`, asPassword, '')])),
  });
  const cities = reading.required('CITIES', asCities, []);
  const logKeys = name === 'audit' ? reading.required('AUDIT_LOG_KEYS', asLogKeys, {}) : {};
  const keyless = cities.map(({ code }) => code).filter((code) => !Object.hasOwn(logKeys, code));
  if (name === 'audit' && Object.keys(logKeys).length > 0 && keyless.length > 0)
    reading.fault(`AUDIT_LOG_KEYS holds no key of ${keyless.join(', ')}`);
  const witnessKeys = name === 'audit' ? reading.required('AUDIT_WITNESS_KEYS', asWitnessKeys, {}) : {};
  const auditPolicy = name === 'audit' ? reading.optional<string | null>('AUDIT_POLICY', asPolicy, null) : null;
  const unwitnessed = cities.map(({ code }) => code).filter((code) => !Object.hasOwn(witnessKeys, code));
  // With a policy, other cities' witnesses may be elsewhere.
  if (Object.keys(witnessKeys).length > 0 && unwitnessed.length > 0 && auditPolicy === null)
    reading.fault(`AUDIT_WITNESS_KEYS holds no key of ${unwitnessed.join(', ')}`);
  const logHalves = Object.values(logKeys).flatMap((own) => own.map(({ publicJwk }) => publicJwk['x']));
  if (Object.values(witnessKeys).some(({ publicJwk }) => logHalves.includes(publicJwk['x'])))
    reading.fault('AUDIT_WITNESS_KEYS is unsafe: holds a key that signs a log');
  const files = name === 'files' ? filesOf(reading, isProduction(env), cities) : null;
  return reading.done({
    host: reading.optional('HOST', asHost, '127.0.0.1'),
    port: reading.optional('PORT', asPort, 4_101 + SUBGRAPH_NAMES.indexOf(name)),
    logLevel: reading.optional('LOG_LEVEL', asLevel, 'info'),
    cities,
    secrets: {
      databasePasswords: passwords(MECHANISMS[name] ?? [name]),
      tokenKey: name === 'patients' ? reading.required('TOKEN_KEY', asPrivateKey, NO_KEY) : NO_KEY,
      assertionKey: NO_KEY,
      cursorKey: reading.required('CURSOR_KEY', asCursorKey, ''),
      subjectIndexKey: reading.required('SUBJECT_INDEX_KEY', asCursorKey, ''),
      sealingKeys: name === 'files' ? reading.required('FILES_SEALING_KEYS', asSealingKeys, []) : [],
      logKeys,
      witnessKeys,
    },
    auditPolicy,
    files: files as SubgraphConfig<N>['files'],
    subjects: subjectsOf(reading, isProduction(env), cities),
    spool: spoolOf(reading, null),
    auditShards: auditShardsOf(reading, null, name === 'audit' ? keysFileOf(env['AUDIT_LOG_KEYS'] ?? '') : null),
    assertionKeys: reading.required('ASSERTION_PUBLIC_KEYS', asPublicKeys, []),
    appointmentTypes: reading.optional('APPOINTMENT_TYPES', asTypes, DEFAULT_TYPES),
  });
};

/** Settings of the gateway's own process. It holds no database password. */
export const readGatewayConfig = (env: Environment = process.env): GatewayConfig => {
  const reading = makeReading(env);
  if (isProduction(env)) reading.forbid('DEMO_PASSWORD', DEMO_IN_PRODUCTION);
  return reading.done({
    host: reading.optional('HOST', asHost, '127.0.0.1'),
    port: reading.optional('PORT', asPort, 4_000),
    logLevel: reading.optional('LOG_LEVEL', asLevel, 'info'),
    development: !isProduction(env),
    allowedOrigins: reading.optional('ALLOWED_ORIGINS', asOrigins, []),
    trustProxy: reading.optional('TRUST_PROXY', asFlag, false),
    cities: reading.required('CITIES', asCodes, []),
    subgraphUrls: Object.fromEntries(SUBGRAPH_NAMES.map((name) => [name, reading.required(`${name.toUpperCase()}_URL`, asUrl, '')])),
    assertionKey: reading.required('ASSERTION_KEY', asPrivateKey, NO_KEY),
    tokenKeys: reading.required('TOKEN_PUBLIC_KEYS', asPublicKeys, []),
    publicUrl: reading.optional<string | null>('PUBLIC_URL', asPublicUrl, null),
  });
};

/** Settings of the migrations. */
export const readMigrationConfig = (env: Environment = process.env): MigrationConfig => {
  const reading = makeReading(env);
  return reading.done({
    cities: reading.required('CITIES', asCities, []),
    password: reading.required('MIGRATOR_DB_PASSWORD', asPassword, ''),
    logLevel: reading.optional('LOG_LEVEL', asLevel, 'info'),
  });
};
