import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type BlobStore, StoreUnavailableError } from '#platform/blobs/store.ts';
import { type KeyContext, KeyRefusedError, type KeyRing, type WrappedKey } from '#platform/keys/key-ring.ts';
import { KEY_BYTES, type PuncturableKey, PuncturableKeyError, parsePuncturableKey } from './puncturable-key.ts';

const FORM = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** No state is larger: some 100,000 erased patients. */
const MAX_STATE_BYTES = 1024 ** 3;
const MAX_WRAPPED_BYTES = 4096;

/** One written state: `version` counts up, `id` tells two of the same number apart. */
export type StateName = { readonly version: number; readonly id: string };
export type State = StateName & { readonly key: PuncturableKey };

/** What the stores hold of a city cannot be told: a store does not answer, or nothing in them opens. */
export class SubjectsUnreadableError extends Error {
  override readonly name = 'SubjectsUnreadableError';
}

/**
 * The puncturable key of one city, in two stores: `MTL/subjects.{version}.{id}.state`, encrypted with AES-256-GCM under a data key of its own,
 * and beside it `….key`, that data key as the keyring wrapped it. A state is never changed: a newer one takes its place and the old
 * one's wrapped key is destroyed, small enough for a directory to overwrite it.
 */
export type StateStore = {
  /** The newest state that opens; null where both stores answer and hold none. Throws `SubjectsUnreadableError`, and what the keyring throws. */
  readonly read: () => Promise<State | null>;
  /** Whether a state is still there; it leaves when a newer one has come. */
  readonly isThere: (name: StateName) => Promise<boolean>;
  /**
   * Puts a state into both stores behind a given version, and destroys all older ones. Throws where a store does not answer (then it stands in
   * the other one) and where another process wrote as well (then what both wrote counts); a repetition finishes.
   */
  readonly replace: (key: PuncturableKey, after: number) => Promise<StateName>;
  /**
   * Brings both stores to the newest state that opens, byte by byte, and destroys what is older. A state that was wrapped with a key that the keyring
   * has replaced since is written anew, so that the old key can be taken away. False where there was nothing to do.
   */
  readonly heal: () => Promise<boolean>;
};

type Stores = { readonly primary: BlobStore; readonly backup: BlobStore };
const NAME = /\/subjects\.(\d{10})\.([0-9a-f]{16})\.(state|key)$/;
const stemOf = (city: string, { version, id }: StateName): string => `${city}/subjects.${String(version).padStart(10, '0')}.${id}`;
const contextOf = (city: string, { version, id }: StateName): KeyContext => ({
  purpose: 'subject keys',
  city,
  version: String(version),
  id,
});
const boundTo = (city: string, name: StateName): Buffer => Buffer.from(`caregraph subject keys\n${stemOf(city, name)}\n`, 'utf8');

/** A small blob whole; null where there is none, or a larger one. */
export const readBlob = async (store: BlobStore, key: string, maxBytes: number): Promise<Buffer | null> => {
  const pieces = await store.get(key);
  if (pieces === null) return null;
  const all: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > maxBytes) return null;
    all.push(piece);
  }
  return Buffer.concat(all);
};

const sealState = (dataKey: Uint8Array, bytes: Uint8Array, bound: Buffer): Buffer => {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', dataKey, nonce).setAAD(bound);
  const sealed = cipher.update(bytes);
  cipher.final();
  return Buffer.concat([Uint8Array.of(FORM), nonce, sealed, cipher.getAuthTag()]);
};
const openState = (dataKey: Uint8Array, bytes: Uint8Array, bound: Buffer): PuncturableKey | null => {
  if (bytes[0] !== FORM || bytes.length < 1 + NONCE_BYTES + TAG_BYTES + 1) return null;
  const end = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', dataKey, bytes.subarray(1, 1 + NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(bound).setAuthTag(bytes.subarray(end));
  let opened: Buffer | null = null;
  try {
    opened = decipher.update(bytes.subarray(1 + NONCE_BYTES, end));
    decipher.final();
    return parsePuncturableKey(opened);
  } catch (error) {
    if (error instanceof PuncturableKeyError || (error as Error).message.includes('authenticate')) return null;
    throw error;
  } finally {
    opened?.fill(0);
  }
};

const isWrapped = (value: unknown): value is WrappedKey =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as WrappedKey).keyId === 'string' &&
  typeof (value as WrappedKey).wrapped === 'string';
const parseWrapped = (text: string): WrappedKey | null => {
  try {
    const value: unknown = JSON.parse(text);
    return isWrapped(value) ? value : null;
  } catch {
    return null;
  }
};

const newest = (a: StateName, b: StateName): number => b.version - a.version || (a.id < b.id ? -1 : 1);
const isSame = (a: StateName, b: StateName): boolean => a.version === b.version && a.id === b.id;

/** A state as it was found. `isMerged`: two of one number were, and what stands in the stores is neither. */
type Found = State & { readonly wrapped: Buffer; readonly state: Buffer; readonly isMerged: boolean };
const merge = (best: Found, name: StateName, key: PuncturableKey): Found => {
  if (isSame(best, name)) return best;
  best.key.narrow(key);
  key.wipe();
  return { ...best, isMerged: true };
};

export const openStateStore = (city: string, stores: Stores, keys: KeyRing): StateStore => {
  const both = [stores.primary, stores.backup];

  /** The names of states in a store, newest first, whole or not. */
  const namesIn = async (store: BlobStore): Promise<StateName[]> => {
    const found: StateName[] = [];
    for await (const { key } of store.list(`${city}/subjects.`)) {
      const [, version, id] = NAME.exec(key) ?? [];
      if (version === undefined || id === undefined) continue;
      const name = { version: Number(version), id };
      if (!found.some((each) => isSame(each, name))) found.push(name);
    }
    return found.sort(newest);
  };
  /** One state out of one store; null where it is not whole there, or does not open. */
  const readFrom = async (
    store: BlobStore,
    name: StateName,
  ): Promise<{ readonly key: PuncturableKey; readonly wrapped: Buffer; readonly state: Buffer } | null> => {
    const wrapped = await readBlob(store, `${stemOf(city, name)}.key`, MAX_WRAPPED_BYTES);
    const state = await readBlob(store, `${stemOf(city, name)}.state`, MAX_STATE_BYTES);
    const parsed = wrapped === null ? null : parseWrapped(wrapped.toString('utf8'));
    if (wrapped === null || state === null || parsed === null) return null;
    let dataKey: Uint8Array;
    try {
      dataKey = await keys.unwrap(city, parsed, contextOf(city, name));
    } catch (error) {
      if (error instanceof KeyRefusedError) return null;
      throw error;
    }
    const key = openState(dataKey, state, boundTo(city, name));
    dataKey.fill(0);
    return key === null ? null : { key, wrapped, state };
  };
  const removeFrom = async (store: BlobStore, name: StateName): Promise<void> => {
    // The key first: without it the rest is noise.
    await store.remove(`${stemOf(city, name)}.key`);
    await store.remove(`${stemOf(city, name)}.state`);
  };
  const putInto = async (
    store: BlobStore,
    name: StateName,
    { wrapped, state }: { wrapped: Uint8Array; state: Uint8Array },
  ): Promise<void> => {
    await store.put(`${stemOf(city, name)}.state`, state);
    await store.put(`${stemOf(city, name)}.key`, wrapped);
  };
  /** Both are tried; what failed is thrown afterwards. */
  const inBoth = async (act: (store: BlobStore) => Promise<void>): Promise<void> => {
    const failed = (await Promise.allSettled(both.map(act))).find((each) => each.status === 'rejected');
    if (failed) throw failed.reason;
  };
  /** Whether a state is whole in a store: its key is put last, and what is put stands as a whole. */
  const isWholeIn = async (store: BlobStore, name: StateName): Promise<boolean> =>
    (await store.head(`${stemOf(city, name)}.state`)) !== null && (await store.head(`${stemOf(city, name)}.key`)) !== null;
  /**
   * Destroys what is older than a state, in each store that holds it whole: half of it, where both disks were full, would be all that is left.
   * Never what is newer or of the same number, whether it opens or not: another process may have written it just now.
   */
  const destroyBefore = (keep: StateName): Promise<void> =>
    inBoth(async (store) => {
      const names = await namesIn(store);
      if (!names.some((name) => isSame(name, keep)) || !(await isWholeIn(store, keep))) return;
      for (const name of names) if (name.version < keep.version) await removeFrom(store, name);
    });

  /** The newest state that opens, with what every copy of the same number lacks taken away from it. */
  const find = async (): Promise<Found | null> => {
    let silent: unknown = null;
    const found = await Promise.all(
      both.map(async (store) => {
        try {
          return { store, names: await namesIn(store) };
        } catch (error) {
          if (!(error instanceof StoreUnavailableError)) throw error;
          silent = error;
          return { store, names: [] };
        }
      }),
    );
    const names = found
      .flatMap((each) => each.names)
      .filter((name, i, all) => all.findIndex((other) => isSame(name, other)) === i)
      .sort(newest);
    let best: Found | null = null;
    for (const name of names) {
      if (best !== null && name.version < best.version) break;
      for (const { store, names: here } of found) {
        if (!here.some((each) => isSame(each, name))) continue;
        try {
          const read = await readFrom(store, name);
          if (read === null) continue;
          if (best === null) best = { ...name, ...read, isMerged: false };
          else best = merge(best, name, read.key);
          break;
        } catch (error) {
          if (!(error instanceof StoreUnavailableError)) throw error;
          silent = error;
        }
      }
    }
    if (best !== null || (names.length === 0 && silent === null)) return best;
    throw new SubjectsUnreadableError(
      silent === null
        ? `the subject keys of ${city} do not open in either store`
        : `the subject keys of ${city} cannot be read: a store does not answer`,
      { cause: silent },
    );
  };

  const replace: StateStore['replace'] = async (key, after) => {
    const name = { version: after + 1, id: randomBytes(8).toString('hex') };
    const dataKey = new Uint8Array(randomBytes(KEY_BYTES));
    const plain = key.serialize();
    const state = sealState(dataKey, plain, boundTo(city, name));
    plain.fill(0);
    const wrapped = Buffer.from(JSON.stringify(await keys.wrap(city, dataKey, contextOf(city, name))), 'utf8');
    dataKey.fill(0);
    if (wrapped.length > MAX_WRAPPED_BYTES) throw new Error('a wrapped key is larger than expected');
    const put = await Promise.allSettled(both.map((store) => putInto(store, name, { wrapped, state })));
    await destroyBefore(name);
    const failed = put.find((each) => each.status === 'rejected');
    if (failed) throw failed.reason;
    for (const store of both)
      if ((await namesIn(store)).some((other) => !isSame(other, name) && other.version >= name.version))
        throw new SubjectsUnreadableError(`the subject keys of ${city} were written by another process at the same time`);
    return name;
  };

  return {
    read: find,
    isThere: async (name) => {
      const key = `${stemOf(city, name)}.key`;
      try {
        return (await stores.primary.head(key)) !== null;
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        return (await stores.backup.head(key)) !== null;
      }
    },
    replace,
    heal: async () => {
      const best = await find();
      if (best === null) return false;
      const isOld = parseWrapped(best.wrapped.toString('utf8'))?.keyId !== (await keys.currentKeyId(city));
      if (best.isMerged || isOld) {
        await replace(best.key, best.version);
        best.key.wipe();
        return true;
      }
      let healed = false;
      await inBoth(async (store) => {
        const names = await namesIn(store);
        const copy = names.some((name) => isSame(name, best)) ? await readFrom(store, best) : null;
        if (copy === null) {
          await putInto(store, best, best);
          healed = true;
        }
        copy?.key.wipe();
        if (names.some((name) => name.version < best.version)) healed = true;
      });
      await destroyBefore(best);
      best.key.wipe();
      return healed;
    },
  };
};
