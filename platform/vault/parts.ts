import type { KeyRing } from '#platform/keys/key-ring.ts';
import type { Guard } from './guard.ts';
import { findKeyObject, toTombstone } from './key-objects.ts';
import { listContent, listPartialsOf, toBlobKey, toKeyKey } from './layout.ts';
import type { Place } from './place.ts';
import { IntegrityError, type Named, type StoreName, type VaultEvents } from './vault.ts';
import { type Buffers, DURABLE_FACTOR } from './write-content.ts';

/** Steps behind which a test may end the story. */
export type VaultFaultPoint =
  | `vault:key-${StoreName}`
  | `vault:finish-${StoreName}`
  | `vault:rewrap-${StoreName}`
  | `vault:tombstone-${StoreName}`;

/** What the acts of one vault share. */
export type VaultParts = {
  readonly places: Readonly<Record<StoreName, Place>>;
  /** The same, primary first. */
  readonly both: readonly Place[];
  readonly keys: KeyRing;
  readonly events: VaultEvents;
  readonly guard: Guard;
  readonly buffers: Buffers;
  readonly fault: (point: VaultFaultPoint) => void | Promise<void>;
};

/** Whether a tombstone stands in either store. */
export const isDestroyedIn = async ({ both }: VaultParts, ref: Named): Promise<boolean> =>
  (await Promise.all(both.map((place) => findKeyObject(place, ref)))).some(({ kind }) => kind === 'destroyed');

/**
 * Removes blobs and partials of a content in one store, without the key. The last segment goes first, and the one behind the last that
 * stands goes too: what a crash left of it is no longer listed, and removing it again makes the store clear it away.
 */
export const removeContent = async (place: Place, ref: Named): Promise<void> => {
  const partials = new Set<string>();
  let segments = 0;
  await place.run(async () => {
    for await (const { segment } of listContent(place.store, ref)) segments = Math.max(segments, segment + 1);
    for await (const key of listPartialsOf(place.store, ref)) partials.add(key);
  }, DURABLE_FACTOR);
  for (const key of partials) await place.run(() => place.store.remove(key), DURABLE_FACTOR);
  for (let segment = segments; segment >= 0; segment--) await place.run(() => place.store.remove(toBlobKey(ref, segment)), DURABLE_FACTOR);
};

/** Puts a tombstone in place of the key, and removes the content. */
const bury = async (place: Place, ref: Named): Promise<void> => {
  await place.run(() => place.store.put(toKeyKey(ref), toTombstone(new Date())), DURABLE_FACTOR);
  await removeContent(place, ref);
};

/**
 * Puts a wrapped key into a store, unless a tombstone has come to stand in either one. Looked at once more behind it: a process may be
 * held up for longer than its right to write lasts, and then puts the key over a tombstone.
 */
export const putKey = async (parts: VaultParts, place: Place, ref: Named, bytes: Uint8Array, signal?: AbortSignal): Promise<void> => {
  parts.guard.requireNotCondemned(ref, signal);
  if (await isDestroyedIn(parts, ref)) throw new IntegrityError('the key was destroyed');
  parts.guard.requireNotCondemned(ref, signal);
  await place.run(() => place.store.put(toKeyKey(ref), bytes), DURABLE_FACTOR);
  if (!(await isDestroyedIn(parts, ref))) return;
  await bury(place, ref);
  throw new IntegrityError('the key was destroyed');
};
