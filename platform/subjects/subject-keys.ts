import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { PuncturableKey } from './puncturable-key.ts';

export const TAG_BYTES = 16;

/** Names of subjects in memory, and keys of subjects a city. */
const MAX_TAGS = 20_000;
const MAX_KEYS = 20_000;

/** The subject that stands for a login name, however it was written. Other subjects are patients and accounts, by their ids. */
export const loginSubject = (username: string): string => `login:${username.trim().normalize('NFKC').toUpperCase()}`;

/** The name under which a subject stands in the logs: HMAC-SHA256 with the network's index key over the subject's id, the first 16 bytes. */
export type TagOf = (id: string) => Buffer;

/**
 * The keys of one city's subjects, as whoever writes or reads audit entries needs them: at once, without asking anybody. `keyOf` gives the key
 * that a subject's values in this city's log are sealed with, null once it was destroyed.
 */
export type SubjectKeys = {
  readonly tagOf: TagOf;
  readonly keyOf: (tag: Uint8Array) => KeyObject | null;
};

/** Makes tags; `indexKey` has 32 bytes or more in base64url and is the same in the whole network. */
export const makeTagOf = (indexKey: string): TagOf => {
  const key = createSecretKey(Buffer.from(indexKey, 'base64url'));
  const tags = new LRUCache<string, Buffer>({ max: MAX_TAGS });
  return (id) => {
    const known = tags.get(id);
    if (known) return known;
    const tag = Buffer.from(createHmac('sha256', key).update(id, 'utf8').digest().subarray(0, TAG_BYTES));
    tags.set(id, tag);
    return tag;
  };
};

/** Keys out of a puncturable key that may be replaced by a newer one; then those in memory are let go. */
export const makeSubjectKeys = (tagOf: TagOf, state: () => PuncturableKey): SubjectKeys & { readonly forget: () => void } => {
  const keys = new LRUCache<string, { readonly key: KeyObject | null }>({ max: MAX_KEYS });
  return {
    tagOf,
    keyOf: (tag) => {
      const name = (Buffer.isBuffer(tag) ? tag : Buffer.from(tag)).toString('latin1');
      const known = keys.get(name);
      if (known) return known.key;
      const bytes = state().derive(tag);
      // A key object costs a fifth of what raw bytes cost at each use, and is overwritten when it is freed.
      const key = bytes === null ? null : createSecretKey(bytes);
      bytes?.fill(0);
      keys.set(name, { key });
      return key;
    },
    forget: () => keys.clear(),
  };
};

/** For roles that neither write nor read entries. */
export const NO_SUBJECTS: SubjectKeys = {
  tagOf: () => {
    throw new Error('this role was opened without subject keys and writes no audit entries');
  },
  keyOf: () => {
    throw new Error('this role was opened without subject keys and reads no audit entries');
  },
};
