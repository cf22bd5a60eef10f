import { parseCanonicalJson } from '#platform/pure/canonical-json.ts';
import { fromUtf8 } from '#platform/tlog/bytes.ts';
import type { EntryMemory } from '#platform/tlog/log-state.ts';
import type { EntryCheck, EntryFindings, LogWarning } from '#platform/tlog/verify-log.ts';

/** How far times of recording may jump back, and lie ahead of the clock here, before it is told, in milliseconds. */
const JUMP_MS = 10 * 60_000;
/** Ids of so many entries are held against each other at least, twice as many at most. */
const IDS = 1_048_576;
const MAX_SUSPECTS = 100;

/** A fingerprint of 53 bits; what it suspects is read again before it is told. */
const fingerprint = (text: string): number => {
  let [a, b] = [0x811c9dc5, 0x1b873593];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b) ^ (b >>> 13);
  }
  return ((a ^ (a >>> 15)) >>> 0) * 0x20_0000 + ((b ^ (b >>> 16)) & 0x1f_ffff);
};

/** Where a fingerprint was seen last, in 32 MB at most: numbers in an open table, twice as wide as it is full. */
const makeTable = () => {
  let keys = new Float64Array(4_096).fill(-1);
  let places = new Float64Array(4_096);
  let count = 0;
  const slotOf = (table: Float64Array, key: number): number => {
    let slot = key % table.length;
    while (table[slot] !== -1 && table[slot] !== key) slot = (slot + 1) % table.length;
    return slot;
  };
  return {
    isFull: () => count >= IDS,
    get: (key: number): number | null => {
      const slot = slotOf(keys, key);
      return keys[slot] === key ? (places[slot] ?? null) : null;
    },
    set: (key: number, place: number): void => {
      if (2 * (count + 1) > keys.length) {
        const [oldKeys, oldPlaces] = [keys, places];
        keys = new Float64Array(2 * oldKeys.length).fill(-1);
        places = new Float64Array(2 * oldKeys.length);
        for (const [i, old] of oldKeys.entries()) {
          if (old === -1) continue;
          const slot = slotOf(keys, old);
          keys[slot] = old;
          places[slot] = oldPlaces[i] ?? 0;
        }
      }
      const slot = slotOf(keys, key);
      if (keys[slot] === -1) count++;
      keys[slot] = key;
      places[slot] = place;
    },
  };
};

const readEntry = (entry: Uint8Array): Shape | null => {
  const text = fromUtf8(entry);
  const value = text === null ? null : parseCanonicalJson(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Shape) : null;
};

type Shape = Readonly<Record<string, unknown>>;

export type EntryRules = {
  /** Code of the city whose log it is; null: that of the first entry. */
  readonly city: string | null;
  /** The time now. */
  readonly now: Date;
  /** Told of entries that bind a shard of the log to the one before it or behind it. */
  readonly onShardEntry?: (entry: ShardEntry) => void;
};

/**
 * How the shards of a log are bound: the first entry of one names the last checkpoint of the one before, `<origin>@<size>` and its root as `sha256`; the
 * last entry of one names the key of the one behind it.
 */
export type ShardEntry = { readonly index: number; readonly act: string; readonly what: string; readonly sha256: string | null };
const SHARD_ACTS = ['beginLogShard', 'beginLogShardAfterRestore', 'endLogShard'];
const readShardEntry = (index: number, { act, entities }: Shape): ShardEntry | null => {
  if (typeof act !== 'string' || !SHARD_ACTS.includes(act) || !Array.isArray(entities)) return null;
  const [entity] = entities as readonly Shape[];
  const { kind, what, sha256 } = entity ?? {};
  return kind === 'AuditLogShard' && typeof what === 'string'
    ? { index, act, what, sha256: typeof sha256 === 'string' ? sha256 : null }
    : null;
};

/**
 * Looks at what entries of an audit log say of themselves: that each is JSON in the form of RFC 8785 with an id, a city and a time, of the log's
 * city, and with an id that no other has (among the last 1,048,576 at least, of one run); and tells of times that jump back by more than 10
 * minutes, as they do behind a clock that was turned back, or lie as far ahead.
 */
export const makeEntryCheck =
  ({ city: given, now, onShardEntry }: EntryRules) =>
  (memory: EntryMemory | null): EntryCheck => {
    const kept = memory?.['latestMs'];
    const keptCity = memory?.['city'];
    let latestMs = typeof kept === 'number' ? kept : Number.NEGATIVE_INFINITY;
    let city = given ?? (typeof keptCity === 'string' ? keptCity : null);
    const first = new Map<'entry-malformed' | 'entry-foreign' | 'entry-twice', number>();
    const odd = new Map<LogWarning['kind'], LogWarning>();
    const suspects: { readonly index: number; readonly before: number; readonly id: string }[] = [];
    let [ids, olderIds] = [makeTable(), makeTable()];
    const blame = (kind: 'entry-malformed' | 'entry-foreign' | 'entry-twice', index: number): void => {
      if (!first.has(kind)) first.set(kind, index);
    };
    const warn = (kind: LogWarning['kind'], index: number): void => {
      const known = odd.get(kind);
      odd.set(kind, { kind, index: known?.index ?? index, count: (known?.count ?? 0) + 1 });
    };
    return {
      take: (index, entry) => {
        const body = readEntry(entry);
        const { id, city: of, recorded } = body ?? {};
        const at = typeof recorded === 'string' ? Date.parse(recorded) : Number.NaN;
        if (typeof id !== 'string' || typeof of !== 'string' || Number.isNaN(at)) return blame('entry-malformed', index);
        const bound = body && onShardEntry ? readShardEntry(index, body) : null;
        if (bound) onShardEntry?.(bound);
        city ??= of;
        if (of !== city) blame('entry-foreign', index);
        if (at < latestMs - JUMP_MS) {
          warn('clock-back', index);
          // Once for each jump: what follows is held against the time that it jumped to.
          latestMs = at;
        }
        if (at > now.getTime() + JUMP_MS) warn('clock-ahead', index);
        latestMs = Math.max(latestMs, at);
        const key = fingerprint(id);
        const before = ids.get(key) ?? olderIds.get(key);
        if (before !== null && suspects.length < MAX_SUSPECTS) suspects.push({ index, before, id });
        if (ids.isFull()) [ids, olderIds] = [makeTable(), ids];
        ids.set(key, index);
      },
      finish: async (read): Promise<EntryFindings> => {
        for (const { index, before, id } of suspects) {
          const bytes = await read(before);
          if (bytes && readEntry(bytes)?.['id'] === id) blame('entry-twice', index);
        }
        return { faults: [...first].map(([kind, index]) => ({ kind, index })), warnings: [...odd.values()] };
      },
      memory: () => ({ city, latestMs: Number.isFinite(latestMs) ? latestMs : null }),
    };
  };
