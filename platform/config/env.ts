import { createPublicKey } from 'node:crypto';
import { isIP } from 'node:net';
import type { PublicKey } from '#platform/access/token.ts';
import type { LogLevel } from '#platform/observability/log.ts';
import type { CityConfig, NodeAddress } from './city.ts';
import type { DatabaseRole, Secrets, SigningKey } from './secrets.ts';

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
};

export const SUBGRAPH_NAMES = ['patients', 'scheduling', 'files', 'audit'] as const;
export type SubgraphName = (typeof SUBGRAPH_NAMES)[number];

/** What a subgraph's own process starts with. `secrets` holds what this subgraph needs; the rest of it is empty and opens nothing. */
export type SubgraphConfig = {
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly cities: readonly CityConfig[];
  readonly secrets: Secrets;
  /** Public halves of the gateway's keys. */
  readonly assertionKeys: readonly PublicKey[];
  readonly appointmentTypes: readonly string[];
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
};

/** What database migrations need: the cities and the owner's password. */
export type MigrationConfig = { readonly cities: readonly CityConfig[]; readonly password: string; readonly logLevel: LogLevel };

/** Every missing or unsafe setting, with the reason, one a line; no value is repeated. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`The configuration cannot be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];
const MIN_PASSWORD = 16;
const MIN_KEY_BYTES = 32;
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
    : /^[A-Za-z0-9.:_-]{1,253}$/.test(text)
      ? text
      : because('is a host name or an address');
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
  });
};

/** Settings of one subgraph's own process. */
export const readSubgraphConfig = (name: SubgraphName, env: Environment = process.env): SubgraphConfig => {
  const reading = makeReading(env);
  if (isProduction(env)) reading.forbid('DEMO_PASSWORD', DEMO_IN_PRODUCTION);
  const passwords = (roles: readonly DatabaseRole[]): Secrets['databasePasswords'] => ({
    patients: '',
    scheduling: '',
    files: '',
    audit: '',
    relay: '',
    migrator: '',
    ...Object.fromEntries(roles.map((role) => [role, reading.required(`${role.toUpperCase()}_DB_PASSWORD`, asPassword, '')])),
  });
  return reading.done({
    host: reading.optional('HOST', asHost, '127.0.0.1'),
    port: reading.optional('PORT', asPort, 4_101 + SUBGRAPH_NAMES.indexOf(name)),
    logLevel: reading.optional('LOG_LEVEL', asLevel, 'info'),
    cities: reading.required('CITIES', asCities, []),
    secrets: {
      databasePasswords: passwords(name === 'scheduling' ? ['scheduling', 'relay'] : [name]),
      tokenKey: name === 'patients' ? reading.required('TOKEN_KEY', asPrivateKey, NO_KEY) : NO_KEY,
      assertionKey: NO_KEY,
      cursorKey: reading.required('CURSOR_KEY', asCursorKey, ''),
    },
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
