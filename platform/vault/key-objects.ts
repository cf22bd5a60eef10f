import { z } from 'zod';
import { KeyRefusedError, type KeyRing, type WrappedKey } from '#platform/keys/key-ring.ts';
import { toKeyKey } from './layout.ts';
import type { Place } from './place.ts';
import type { BlobRef, CopyFinding } from './vault.ts';

/** More than any wrapped key takes: what is longer is none. */
const MAX_BYTES = 16_384;

const Kept = z.strictObject({ v: z.literal(1), keyId: z.string().min(1), wrapped: z.string().min(1) });
const Destroyed = z.strictObject({ v: z.literal(1), destroyed: z.string() });

/** What stands under a content's key in one store. */
export type KeyObject =
  | { readonly kind: 'kept'; readonly bytes: Uint8Array; readonly key: WrappedKey }
  | { readonly kind: Exclude<CopyFinding, 'intact'> };

export const toKeyBytes = ({ keyId, wrapped }: WrappedKey): Uint8Array => Buffer.from(JSON.stringify({ v: 1, keyId, wrapped }), 'utf8');
export const toTombstone = (at: Date): Uint8Array => Buffer.from(JSON.stringify({ v: 1, destroyed: at.toISOString() }), 'utf8');

const parse = (bytes: Uint8Array): KeyObject => {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return { kind: 'damaged' };
  }
  const kept = Kept.safeParse(value);
  if (kept.success) return { kind: 'kept', bytes, key: { keyId: kept.data.keyId, wrapped: kept.data.wrapped } };
  return { kind: Destroyed.safeParse(value).success ? 'destroyed' : 'damaged' };
};

/** Reads what a store has under a content's key; a store that does not answer is a finding too. */
export const findKeyObject = async (place: Place, ref: Pick<BlobRef, 'city' | 'id'>): Promise<KeyObject> => {
  try {
    const bytes = await place.run(async () => {
      const source = await place.store.get(toKeyKey(ref));
      if (source === null) return null;
      const pieces: Uint8Array[] = [];
      let length = 0;
      for await (const piece of source) {
        length += piece.length;
        if (length > MAX_BYTES) break;
        pieces.push(Uint8Array.from(piece));
      }
      return length > MAX_BYTES ? Buffer.alloc(0) : Buffer.concat(pieces);
    });
    return bytes === null ? { kind: 'missing' } : parse(bytes);
  } catch {
    return { kind: 'unavailable' };
  }
};

/** What a wrapped key is bound to, and the ciphertext under it: whose content it is, and which. */
export const bindingOf = (ref: BlobRef): Readonly<Record<string, string>> => ({ ...ref.context, key: ref.id });

/** Opens a wrapped key; null where it was not wrapped for this content. Throws `KeysUnavailableError`. */
export const unwrap = async (keys: KeyRing, ref: BlobRef, key: WrappedKey): Promise<Uint8Array | null> => {
  try {
    return await keys.unwrap(ref.city, key, bindingOf(ref));
  } catch (error) {
    if (error instanceof KeyRefusedError) return null;
    throw error;
  }
};

/** A store's wrapped key as it was found, and opened where it opens. */
export type OpenedKey = { readonly place: Place; readonly object: KeyObject; readonly dataKey: Uint8Array | null };

/**
 * Looks at the wrapped key in both stores, as a tombstone in either one counts, and opens it. The same bytes are opened once. A key that
 * does not open for this content is `damaged`.
 */
export const openKeys = async (keys: KeyRing, places: readonly Place[], ref: BlobRef): Promise<readonly OpenedKey[]> => {
  const objects = await Promise.all(places.map(async (place) => ({ place, object: await findKeyObject(place, ref) })));
  const opened = new Map<string, Promise<Uint8Array | null>>();
  if (objects.some(({ object }) => object.kind === 'destroyed')) return objects.map((each) => ({ ...each, dataKey: null }));
  return Promise.all(
    objects.map(async ({ place, object }): Promise<OpenedKey> => {
      if (object.kind !== 'kept') return { place, object, dataKey: null };
      const name = Buffer.from(object.bytes).toString('latin1');
      const opening = opened.get(name) ?? unwrap(keys, ref, object.key);
      opened.set(name, opening);
      const dataKey = await opening;
      return dataKey === null ? { place, object: { kind: 'damaged' }, dataKey } : { place, object, dataKey };
    }),
  );
};
