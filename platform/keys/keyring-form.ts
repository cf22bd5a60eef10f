import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Keyring } from '#platform/config/files.ts';

const KEY_BYTES = 32;
const DEMO_PREFIX = 'demo:';
const MARK_BYTES = 4;

/** Last bytes of a demo key: a check sum of the others, so that one is known again under any name. The other 224 bits are random. */
const demoMark = (random: Uint8Array): Buffer =>
  createHash('sha256').update('caregraph demo key\n').update(random).digest().subarray(0, MARK_BYTES);

const hasDemoMark = (key: Buffer): boolean =>
  key.subarray(KEY_BYTES - MARK_BYTES).equals(demoMark(key.subarray(0, KEY_BYTES - MARK_BYTES)));

const isKey = (text: string): boolean => {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === KEY_BYTES && bytes.toString('base64url') === text && bytes.some((byte) => byte !== bytes[0]);
};
const city = z
  .object({ current: z.string(), keys: z.record(z.string().regex(/^[a-z]+:[A-Z]{3}:[1-9]\d{0,5}$/), z.string().refine(isKey)) })
  .strict();
const form = z.object({ version: z.literal(1), demo: z.boolean(), cities: z.record(z.string().regex(/^[A-Z]{3}$/), city) }).strict();

/** Reads a keyring; a text says what is wrong with it, without any of its values but codes of cities. */
export const parseKeyring = (text: string): Keyring | string => {
  let keyring: Keyring;
  try {
    keyring = form.parse(JSON.parse(text));
  } catch {
    return 'is damaged: a keyring is {"version":1,"demo":false,"cities":{"MTL":{"current":"local:MTL:1","keys":{"local:MTL:1":"32 random bytes in base64url"}}}}';
  }
  const seen = new Set<string>();
  for (const [code, { current, keys }] of Object.entries(keyring.cities)) {
    if (!Object.hasOwn(keys, current)) return `is damaged: current of ${code} names no key`;
    for (const [id, key] of Object.entries(keys)) {
      if (id.split(':')[1] !== code) return `is damaged: a key of ${code} has the name of another city`;
      if (seen.has(key)) return 'is unsafe: two of its keys are the same';
      seen.add(key);
    }
  }
  return keyring;
};

/** What tells one state of the file from another. */
export type FileMark = string;

/**
 * Reads a keyring file, following links. The file may be read by its owner alone, so that a copy left readable by others is found before
 * it is used. A text says what is wrong; null: there is no such file.
 */
export const readKeyringFile = (file: string): { readonly keyring: Keyring; readonly mark: FileMark } | string | null => {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? null : `cannot be read (${code ?? 'unknown'})`;
  }
  try {
    const stat = fstatSync(handle, { bigint: true });
    // Windows has no such modes; there the folder's rights have to do.
    if (process.platform !== 'win32' && (stat.mode & 0o077n) !== 0n) return 'is unsafe: others may read it; chmod 600 it';
    const keyring = parseKeyring(readFileSync(handle, 'utf8'));
    return typeof keyring === 'string' ? keyring : { keyring, mark: toMark(stat) };
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`;
  } finally {
    closeSync(handle);
  }
};

/** The state of a file by its inode, size and time. */
export const toMark = (stat: { readonly ino: bigint; readonly size: bigint; readonly mtimeNs: bigint }): FileMark =>
  `${stat.ino}:${stat.size}:${stat.mtimeNs}`;

/** Whether the ring, or one of its keys by name or by bytes, was made for the embedded network. */
export const isDemoKeyring = (keyring: Keyring): boolean =>
  keyring.demo ||
  Object.values(keyring.cities).some(({ keys }) =>
    Object.entries(keys).some(([id, key]) => id.startsWith(DEMO_PREFIX) || hasDemoMark(Buffer.from(key, 'base64url'))),
  );

const makeBytes = (demo: boolean): Buffer => {
  if (!demo) return randomBytes(KEY_BYTES);
  const random = randomBytes(KEY_BYTES - MARK_BYTES);
  return Buffer.concat([random, demoMark(random)]);
};

/** The ring with one more key for a city, which becomes the current one: `local:MTL:2`, or `demo:MTL:2` in a demo ring. */
export const addKey = (keyring: Keyring, code: string): Keyring => {
  const keys = keyring.cities[code]?.keys ?? {};
  const number = 1 + Math.max(0, ...Object.keys(keys).map((id) => Number(id.split(':')[2])));
  const id = `${keyring.demo ? DEMO_PREFIX : 'local:'}${code}:${number}`;
  const added = { current: id, keys: { ...keys, [id]: makeBytes(keyring.demo).toString('base64url') } };
  return { ...keyring, cities: { ...keyring.cities, [code]: added } };
};

/** A keyring with a first key for each city. */
export const makeKeyring = (cities: readonly string[], says: { readonly demo: boolean }): Keyring =>
  cities.reduce(addKey, { version: 1, demo: says.demo, cities: {} });
