import { randomBytes } from 'node:crypto';
import { openStore } from '#platform/blobs/open-store.ts';
import { type BlobStore, StoreUnavailableError } from '#platform/blobs/store.ts';
import { ConfigurationError } from '#platform/config/configuration-error.ts';
import type { SubjectsConfig } from '#platform/config/subjects.ts';
import type { KeyRing } from '#platform/keys/key-ring.ts';
import { openKeys } from '#platform/keys/open-keys.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { makeQueues } from '#platform/pure/turns.ts';
import { fromRoot, KEY_BYTES } from './puncturable-key.ts';
import { openStateStore, readBlob, type State, type StateStore, SubjectsUnreadableError } from './state-store.ts';
import { makeSubjectKeys, makeTagOf, type SubjectKeys, type TagOf } from './subject-keys.ts';

/** How long a key that was destroyed elsewhere may stay in this process's memory. */
const WATCH_MS = 1_000;
/** A start waits so long for a disk that is busy; without its keys no process starts. */
const STORE_MS = 10_000;

/** The subject keys of all cities. */
export type Subjects = {
  readonly tagOf: TagOf;
  /** Those of a city that exists. */
  readonly of: (city: string) => SubjectKeys;
  /**
   * Destroys the keys of subjects in one city's state, in both stores and in this process; others notice within about a second. Where nothing
   * is left to destroy, what one store lacks is healed out of the other, and a state under a replaced key of the keyring is wrapped anew. One process at a time may do so. Throws where a store or the keyring
   * does not answer, and is to be repeated then.
   */
  readonly destroy: (city: string, tags: readonly Uint8Array[]) => Promise<void>;
  readonly stop: () => Promise<void>;
};

type OpenOptions = {
  readonly cities: readonly string[];
  /** HMAC key of tags, base64url. */
  readonly indexKey: string;
  readonly log: Log;
  readonly watchMs?: number;
};

type Opened = { readonly stores: readonly [BlobStore, BlobStore]; readonly keys: KeyRing; readonly of: (city: string) => StateStore };
const openParts = async (config: SubjectsConfig, cities: readonly string[], create: boolean): Promise<Opened> => {
  const opened: { readonly stop: () => Promise<void> }[] = [];
  try {
    const primary = await openStore('primary', config.primary, { create, timeoutMs: STORE_MS });
    opened.push(primary);
    const backup = await openStore('backup', config.backup, { create, timeoutMs: STORE_MS });
    opened.push(backup);
    const keys = await openKeys(config.keys, cities);
    return { stores: [primary, backup], keys, of: (city) => openStateStore(city, { primary, backup }, keys) };
  } catch (error) {
    for (const each of opened) await each.stop();
    throw error;
  }
};
const stopParts = async ({ stores, keys }: Opened): Promise<void> => {
  for (const store of stores) await store.stop();
  await keys.stop();
};

const explain = (city: string, error: unknown): string =>
  error instanceof SubjectsUnreadableError
    ? `${error.message}. Bring the stores back, or put a copy of the city's blobs back into one of them; in a new network make them: npm run keyring -- subjects init`
    : `the subject keys of ${city} cannot be opened (${(error as Error).name}): is the keyring that wrapped them the one that is configured?`;

/**
 * A tag of nobody, kept in the stores: whoever has another index key gives everybody another tag, finds no entry of theirs, and would destroy
 * keys of nobody when somebody is erased.
 */
const CHECKED = 'caregraph index key';
const checkAt = (city: string): string => `${city}/index-key.check`;
const MAX_CHECK_BYTES = 64;
/** Whether the stores were written with this index key, as far as they answer and tell. */
const isIndexKeyOf = async ({ stores }: Opened, city: string, tagOf: TagOf): Promise<boolean> => {
  for (const store of stores) {
    try {
      const kept = await readBlob(store, checkAt(city), MAX_CHECK_BYTES);
      if (kept !== null && kept.length > 0 && !kept.equals(tagOf(CHECKED))) return false;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }
  return true;
};
const keepCheck = async ({ stores }: Opened, city: string, tagOf: TagOf): Promise<void> => {
  for (const store of stores) if ((await store.head(checkAt(city))) === null) await store.put(checkAt(city), tagOf(CHECKED));
};

/**
 * Opens the subject keys that configuration speaks of. Throws `ConfigurationError` where those of a city are not there or do not open: a new
 * key in their place would leave every value sealed so far unreadable, so none is made here. The same where the index key is another one.
 */
export const openSubjects = async (
  config: SubjectsConfig,
  { cities, indexKey, log, watchMs = WATCH_MS }: OpenOptions,
): Promise<Subjects> => {
  const parts = await openParts(config, cities, false);
  const states = new Map<string, State>();
  const faults: string[] = [];
  const tagOf = makeTagOf(indexKey);
  for (const city of cities) {
    try {
      const state = await parts.of(city).read();
      if (!(await isIndexKeyOf(parts, city, tagOf)))
        faults.push(`SUBJECT_INDEX_KEY is not the one that the audit log of ${city} was written with; bring that one back`);
      if (state) states.set(city, state);
      else
        faults.push(
          `the subject keys of ${city} are in neither store; in a new network make them: npm run keyring -- subjects init. If there were some, put the stores back: nothing else opens what they sealed`,
        );
    } catch (error) {
      faults.push(explain(city, error));
    }
  }
  if (faults.length > 0) {
    await stopParts(parts);
    throw new ConfigurationError(faults);
  }
  const stateOf = (city: string): State => {
    const state = states.get(city);
    if (!state) throw new Error(`no city ${city}`);
    return state;
  };
  const keys = new Map(cities.map((city) => [city, makeSubjectKeys(tagOf, () => stateOf(city).key)]));
  /** Takes a newer state over. What this process saw punctured stays so, whatever the stores were set back to. */
  const take = (city: string, next: State): void => {
    const last = stateOf(city);
    if (last.key === next.key) return;
    next.key.narrow(last.key);
    states.set(city, next);
    keys.get(city)?.forget();
    last.key.wipe();
  };
  const reread = async (city: string): Promise<State> => {
    const next = await parts.of(city).read();
    if (!next) throw new SubjectsUnreadableError(`the subject keys of ${city} are gone from both stores`);
    take(city, next);
    return next;
  };

  let isStopped = false;
  /** One act a city at a time: a state that is read while another is written is neither. */
  const { run: inTurn, idle } = makeQueues();
  const told = new Set<string>();
  const look = (city: string): Promise<void> =>
    inTurn(city, async () => {
      if (isStopped) return;
      try {
        if (!(await parts.of(city).isThere(stateOf(city)))) await reread(city);
        if (told.delete(city)) log.info('the subject keys can be read again', { city });
      } catch (error) {
        if (!told.has(city))
          log.error('the subject keys cannot be read; the last ones known stay in use', { city, ...describeError(error) });
        told.add(city);
      }
    });
  let looking: Promise<unknown> = Promise.resolve();
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    looking = Promise.all(cities.map(look)).finally(() => {
      isLooking = false;
    });
  }, watchMs);
  timer.unref();

  return {
    tagOf,
    of: (city) => {
      const found = keys.get(city);
      if (!found) throw new Error(`no city ${city}`);
      return found;
    },
    destroy: (city, tags) =>
      inTurn(city, async () => {
        const stored = await parts.of(city).read();
        if (!stored) throw new SubjectsUnreadableError(`the subject keys of ${city} are gone from both stores`);
        // What this process knows to be gone goes from a store that was set back, too.
        const before = stored.key.serialize();
        stored.key.narrow(stateOf(city).key);
        for (const tag of tags) stored.key.puncture(tag);
        const after = stored.key.serialize();
        const isChanged = !before.equals(after);
        before.fill(0);
        after.fill(0);
        if (!isChanged) {
          // Perhaps one store alone heard of it, or the keyring has a newer key.
          if (await parts.of(city).heal()) log.warn('the stores of the subject keys were healed, or their key wrapped anew', { city });
          take(city, stored);
          await keepCheck(parts, city, tagOf);
          return;
        }
        const name = await parts.of(city).replace(stored.key, Math.max(stored.version, stateOf(city).version));
        take(city, { ...name, key: stored.key });
      }),
    stop: async () => {
      isStopped = true;
      clearInterval(timer);
      await looking;
      await idle();
      for (const { key } of states.values()) key.wipe();
      for (const each of keys.values()) each.forget();
      await stopParts(parts);
    },
  };
};

/**
 * Makes the first key of each city that has none in either store, and tells which. `hasEntries` says whether a city's log holds sealed values
 * already: then a missing key is lost, not new. Throws `ConfigurationError` there, and where a store does not answer.
 */
export const initSubjects = async (
  config: SubjectsConfig,
  cities: readonly string[],
  hasEntries: (city: string) => Promise<boolean>,
): Promise<string[]> => {
  const parts = await openParts(config, cities, true);
  const made: string[] = [];
  const faults: string[] = [];
  try {
    for (const city of cities) {
      try {
        const state = await parts.of(city).read();
        state?.key.wipe();
        if (state) continue;
      } catch (error) {
        faults.push(explain(city, error));
        continue;
      }
      if (await hasEntries(city)) {
        faults.push(
          `the subject keys of ${city} are in neither store, and its audit log holds values that only they open; put a copy of the city's blobs back into one of the stores`,
        );
        continue;
      }
      const root = new Uint8Array(randomBytes(KEY_BYTES));
      const key = fromRoot(root);
      root.fill(0);
      await parts.of(city).replace(key, 0);
      key.wipe();
      made.push(city);
    }
  } finally {
    await stopParts(parts);
  }
  if (faults.length > 0) throw new ConfigurationError(faults);
  return made;
};
