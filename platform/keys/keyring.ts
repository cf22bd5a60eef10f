import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { ConfigurationError } from '#platform/config/configuration-error.ts';
import type { Keyring, KeysConfig } from '#platform/config/files.ts';
import { makeFolders } from '#platform/disk/make-folders.ts';
import { bindContext, DATA_KEY_BYTES, requireDataKey } from './bind-context.ts';
import { KeyRefusedError, type KeyRing, KeysUnavailableError } from './key-ring.ts';
import { underLock, writeKeyringFile } from './keyring-file.ts';
import { addKey, type FileMark, makeKeyring, readKeyringFile, toMark } from './keyring-form.ts';

type LocalConfig = Extract<KeysConfig, { readonly kind: 'keyring-file' | 'keyring' }>;

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const WRAPPED_BYTES = 1 + NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES;
/** Codes that say that this process may not write there: keys are made by whoever may. */
const NOT_OURS: readonly unknown[] = ['EROFS', 'EACCES', 'EPERM'];

/** The ring in memory: per city the current key's name and all keys by name. */
type Opened = ReadonlyMap<string, { readonly current: string; readonly keys: ReadonlyMap<string, Buffer> }>;
const openRing = ({ cities }: Keyring): Opened =>
  new Map(
    Object.entries(cities).map(([city, { current, keys }]) => [
      city,
      { current, keys: new Map(Object.entries(keys).map(([id, key]) => [id, Buffer.from(key, 'base64url')])) },
    ]),
  );

/**
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce, bound to key name and context. The form is
 * `version (1) || nonce (12) || ciphertext (32) || tag (16)` in base64url. A key serves for 2^32 wraps (section 8.3 there).
 */
const seal = (key: Buffer, dataKey: Uint8Array, bound: Buffer): string => {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound);
  const sealed = Buffer.concat([cipher.update(dataKey), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, sealed, cipher.getAuthTag()]).toString('base64url');
};
const open = (key: Buffer, wrapped: string, bound: Buffer): Uint8Array => {
  const bytes = Buffer.from(wrapped, 'base64url');
  // One text per key: base64url that decodes to the same bytes in another spelling is not what was stored.
  if (bytes.length !== WRAPPED_BYTES || bytes[0] !== VERSION || bytes.toString('base64url') !== wrapped)
    throw new KeyRefusedError('this is no wrapped key');
  const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound);
  decipher.setAuthTag(bytes.subarray(WRAPPED_BYTES - TAG_BYTES));
  try {
    const opened = decipher.update(bytes.subarray(1 + NONCE_BYTES, WRAPPED_BYTES - TAG_BYTES));
    decipher.final();
    return new Uint8Array(opened);
  } catch {
    throw new KeyRefusedError('the wrapped key does not open');
  }
};

/**
 * Key-encryption keys of our own: a file (mode 0600) that `makeKey` adds to, or a ring given as a secret, which stays as it is. Several
 * processes may share the file; each act looks whether another has written it. A file that became unreadable still opens what was
 * wrapped with the keys known from it, and wraps nothing. Throws ConfigurationError where there is no ring that can be used.
 */
export const openKeyring = async (config: LocalConfig): Promise<KeyRing> =>
  config.kind === 'keyring'
    ? ringOf({ look: async () => ({ ring: openRing(config.keyring), fault: null }), makeKey: null, makesFirstKeys: false })
    : ringOf(await openFile(config));

type Source = {
  /** The ring as it stands now; `fault` tells why it may be out of date. */
  readonly look: () => Promise<{ readonly ring: Opened; readonly fault: string | null }>;
  /** Adds a key; `first` only to a city that has none. Null where keys cannot be made here. */
  readonly makeKey: ((city: string, first: boolean) => Promise<boolean>) | null;
  /** Whether a city without keys gets its first one when it is needed. */
  readonly makesFirstKeys: boolean;
};

const openFile = async ({ file: given, createDemo }: Extract<LocalConfig, { kind: 'keyring-file' }>): Promise<Source> => {
  const refuse = (fault: string): never => {
    throw new ConfigurationError([`the keyring file ${fault}`]);
  };
  if (createDemo && readKeyringFile(given) === null) {
    await makeFolders(path.dirname(given), 0o700);
    await underLock(given, async () => {
      if (readKeyringFile(given) === null) await writeKeyringFile(given, makeKeyring([], { demo: true }));
    });
  }
  const first = readKeyringFile(given) ?? refuse('is not there');
  let state = typeof first === 'string' ? refuse(first) : { ring: openRing(first.keyring), mark: first.mark };
  const look: Source['look'] = async () => {
    const mark: FileMark | null = await stat(given, { bigint: true }).then(toMark, () => null);
    if (mark === state.mark) return { ring: state.ring, fault: null };
    const read = readKeyringFile(given);
    if (read === null || typeof read === 'string') return { ring: state.ring, fault: read ?? 'is not there' };
    state = { ring: openRing(read.keyring), mark: read.mark };
    return { ring: state.ring, fault: null };
  };
  const makeKey = async (city: string, onlyFirst: boolean): Promise<boolean> => {
    try {
      // A link stays a link: what it points to is replaced.
      const file = await realpath(given);
      await underLock(file, async (isMine) => {
        const read = readKeyringFile(file);
        if (read === null || typeof read === 'string') throw new KeysUnavailableError(`the keyring file ${read ?? 'is not there'}`);
        if (onlyFirst && read.keyring.cities[city]) return;
        const added = addKey(read.keyring, city);
        if (!(await isMine())) throw new KeysUnavailableError('another process took the keyring over; try again');
        await writeKeyringFile(file, added);
      });
      return true;
    } catch (error) {
      if (error instanceof KeysUnavailableError) throw error;
      const { code } = error as NodeJS.ErrnoException;
      if (NOT_OURS.includes(code)) return false;
      throw new KeysUnavailableError(`the keyring file cannot be written (${code ?? 'unknown'})`, { cause: error });
    }
  };
  return { look, makeKey, makesFirstKeys: createDemo };
};

const ringOf = ({ look, makeKey, makesFirstKeys }: Source): KeyRing => {
  let isStopped = false;
  const current = async (city: string): Promise<{ readonly id: string; readonly key: Buffer }> => {
    if (isStopped) throw new KeysUnavailableError('the keyring was closed');
    let { ring, fault } = await look();
    if (fault === null && !ring.has(city) && makesFirstKeys && makeKey) {
      await makeKey(city, true);
      ({ ring, fault } = await look());
    }
    if (fault !== null) throw new KeysUnavailableError(`the keyring file ${fault}`);
    const known = ring.get(city);
    const key = known?.keys.get(known.current);
    if (!known || !key) throw new KeysUnavailableError(`the keyring holds no key of ${city}`);
    return { id: known.current, key };
  };
  return {
    currentKeyId: async (city) => (await current(city)).id,
    wrap: async (city, dataKey, context) => {
      const { id, key } = await current(city);
      return { keyId: id, wrapped: seal(key, requireDataKey(dataKey), bindContext(id, context)) };
    },
    unwrap: async (city, { keyId, wrapped }, context) => {
      if (isStopped) throw new KeysUnavailableError('the keyring was closed');
      const { ring, fault } = await look();
      const key = ring.get(city)?.keys.get(keyId);
      if (!key && fault !== null) throw new KeysUnavailableError(`the keyring file ${fault}`);
      if (!key) throw new KeyRefusedError(`the keyring of ${city} holds no such key`);
      return open(key, wrapped, bindContext(keyId, context));
    },
    makeKey: async (city) => (makeKey && (await makeKey(city, false)) ? (await current(city)).id : null),
    stop: async () => {
      isStopped = true;
    },
  };
};
