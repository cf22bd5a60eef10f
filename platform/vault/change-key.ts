import { StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import type { WrappedKey } from '#platform/keys/key-ring.ts';
import { bindingOf, findKeyObject, openKeys, toKeyBytes, toTombstone } from './key-objects.ts';
import { toKeyKey } from './layout.ts';
import { putKey, removeContent, type VaultParts } from './parts.ts';
import { giveUp, hasTwoKeys, requireOneKey } from './trust.ts';
import type { BlobRef, Named, StoreName } from './vault.ts';
import { DURABLE_FACTOR } from './write-content.ts';

/** See `Vault.rewrap`. */
export const rewrapKey = (parts: VaultParts, ref: BlobRef): Promise<string> =>
  parts.guard.inTurn(ref, async () => {
    const { both, keys, fault } = parts;
    const opened = await openKeys(keys, both, ref);
    requireOneKey(opened);
    const away = opened.find(({ object }) => object.kind === 'unavailable');
    if (away) throw new StoreUnavailableError(away.place.name);
    const current = await keys.currentKeyId(ref.city);
    const names = opened.map(({ object }) => (object.kind === 'kept' ? Buffer.from(object.bytes).toString('latin1') : null));
    if (names[0] === names[1] && opened.every(({ object }) => object.kind === 'kept' && object.key.keyId === current)) return current;
    const key = opened.find(({ dataKey }) => dataKey !== null);
    if (!key?.dataKey) return giveUp(null);
    // Where the stores hold two, each keeps its own: which of them opens the content shows when the debt of the other is paid.
    const all = hasTwoKeys(opened) ? opened : opened.map(({ place }) => ({ place, dataKey: key.dataKey }));
    let wrapped: WrappedKey | null = null;
    for (const { place, dataKey } of all) {
      if (dataKey === null) continue;
      if (wrapped === null || hasTwoKeys(opened)) wrapped = await keys.wrap(ref.city, dataKey, bindingOf(ref));
      await putKey(parts, place, ref, toKeyBytes(wrapped));
      await fault(`vault:rewrap-${place.name}`);
    }
    return wrapped?.keyId ?? current;
  });

/** See `Vault.destroy`. */
export const destroyContent = ({ places, guard, fault }: VaultParts, ref: Named, store: StoreName): Promise<void> =>
  guard.condemning(ref, async () => {
    const place = places[store];
    const object = await findKeyObject(place, ref);
    if (object.kind === 'unavailable') throw new StoreUnavailableError(store);
    // Again where one stands already: what a crash left of the key beside it is destroyed by the store when it puts the next.
    const tombstone = toTombstone(new Date());
    try {
      await place.run(() => place.store.put(toKeyKey(ref), tombstone), DURABLE_FACTOR);
    } catch (error) {
      // A store that is full loses the key all the same; the tombstone follows once there is room.
      if (error instanceof StoreFullError && object.kind !== 'destroyed')
        await place.run(() => place.store.remove(toKeyKey(ref)), DURABLE_FACTOR);
      throw error;
    }
    await fault(`vault:tombstone-${store}`);
    await removeContent(place, ref);
  });

/** See `Vault.discard`. */
export const discardContent = ({ places, guard }: VaultParts, ref: Named, store: StoreName): Promise<void> =>
  guard.condemning(ref, async () => {
    const place = places[store];
    const object = await findKeyObject(place, ref);
    if (object.kind === 'unavailable') throw new StoreUnavailableError(store);
    await removeContent(place, ref);
    if (object.kind !== 'destroyed') await place.run(() => place.store.remove(toKeyKey(ref)), DURABLE_FACTOR);
  });
