import { createHash, randomBytes } from 'node:crypto';
import { StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import { beginSealing, DATA_KEY_BYTES } from '#platform/cipher/stream.ts';
import { bindingOf, findKeyObject, toKeyBytes } from './key-objects.ts';
import { toKeyKey } from './layout.ts';
import { isDestroyedIn, removeContent, type VaultParts } from './parts.ts';
import { type BlobRef, IntegrityError, type VaultWriter } from './vault.ts';
import { DURABLE_FACTOR, type Lane, makeLane, makeWriter } from './write-content.ts';

/** A writer that ends when its content is destroyed. */
export const startWriter = (
  parts: VaultParts,
  ref: BlobRef,
  begun: Omit<Parameters<typeof makeWriter>[0], 'ref' | 'buffers' | 'isDestroyed' | 'onFinished' | 'onEnd'>,
): VaultWriter => {
  const { both, buffers, guard, fault } = parts;
  const writer = makeWriter({
    ...begun,
    ref,
    buffers,
    isDestroyed: async () => {
      if (!guard.isCondemned(ref) && !(await isDestroyedIn(parts, ref))) return false;
      await Promise.all(both.map((place) => removeContent(place, ref).catch(() => {})));
      return true;
    },
    onFinished: (store) => fault(`vault:finish-${store}`),
    onEnd: () => guard.removeWriter(ref, writer),
  });
  guard.addWriter(ref, writer);
  return writer;
};

/** Begins a content under a fresh data key, in the stores that take its key. */
export const beginContent = async (parts: VaultParts, ref: BlobRef): Promise<VaultWriter> => {
  const { both, keys, fault } = parts;
  const before = await Promise.all(both.map((place) => findKeyObject(place, ref)));
  if (before.some(({ kind }) => kind === 'destroyed')) throw new IntegrityError('the key was destroyed');
  const dataKey = randomBytes(DATA_KEY_BYTES);
  const wrapped = await keys.wrap(ref.city, dataKey, bindingOf(ref));
  const bytes = toKeyBytes(wrapped);
  const lanes = await Promise.all(
    both.map(async (place, at): Promise<Lane> => {
      try {
        if (place.isAway()) throw new StoreUnavailableError(place.name);
        const kind = before[at]?.kind;
        if (kind === 'unavailable') throw new StoreUnavailableError(place.name);
        // An earlier beginning was sealed with another key.
        if (kind !== 'missing') await removeContent(place, ref);
        await place.run(() => place.store.put(toKeyKey(ref), bytes), DURABLE_FACTOR);
      } catch (error) {
        return makeLane(place, error instanceof Error ? error : new StoreUnavailableError(place.name, error));
      }
      await fault(`vault:key-${place.name}`);
      return makeLane(place);
    }),
  );
  const failures = lanes.map(({ failure }) => failure).filter((each) => each !== null);
  if (failures.length === lanes.length) throw failures.find((each) => each instanceof StoreFullError) ?? failures[0];
  const sealer = beginSealing(dataKey, bindingOf(ref));
  dataKey.fill(0);
  return startWriter(parts, ref, { lanes, sealer, keyId: wrapped.keyId, hash: createHash('sha256'), chunks: 0, tail: null });
};
