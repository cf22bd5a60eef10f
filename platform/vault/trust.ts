import { StoreUnavailableError } from '#platform/blobs/store.ts';
import { beginOpening, CipherError, type Opener } from '#platform/cipher/stream.ts';
import { type Copy, CopyError } from './copy.ts';
import { bindingOf, type OpenedKey } from './key-objects.ts';
import { type Layout, toBlobKey } from './layout.ts';
import type { Place } from './place.ts';
import { type BlobRef, IntegrityError } from './vault.ts';

/** What stands in the way of telling whether a content is intact: a store that does not answer, or nothing. */
export const giveUp = (unavailable: Error | null): never => {
  throw unavailable ?? new IntegrityError('no store holds the content intact');
};
export const isWrong = (error: unknown): error is CopyError | CipherError => error instanceof CopyError || error instanceof CipherError;
export const findingOf = (error: CopyError | CipherError): 'missing' | 'damaged' =>
  error instanceof CopyError ? error.finding : 'damaged';
/** Whether both stores hold a data key, and not the same. */
export const hasTwoKeys = (opened: readonly Pick<OpenedKey, 'dataKey'>[]): boolean => {
  const [one, other] = opened.flatMap(({ dataKey }) => (dataKey === null ? [] : [dataKey]));
  return one !== undefined && other !== undefined && Buffer.compare(one, other) !== 0;
};

/** Throws where no key opens the content: `IntegrityError`, or `StoreUnavailableError` where a store that does not answer may have one. */
export const requireOneKey = (opened: readonly OpenedKey[]): void => {
  if (opened.some(({ object }) => object.kind === 'destroyed')) throw new IntegrityError('the key was destroyed');
  if (opened.some(({ dataKey }) => dataKey !== null)) return;
  const away = opened.find(({ object }) => object.kind === 'unavailable');
  giveUp(away ? new StoreUnavailableError(away.place.name) : null);
};

/** The first header that one of the keys stands behind. Reports the copies whose header is wrong. */
export const findOpener = async (
  ref: BlobRef,
  copies: readonly Copy[],
  opened: readonly OpenedKey[],
  onWrong: (place: Place, finding: 'missing' | 'damaged') => void = () => {},
): Promise<{ readonly opener: Opener; readonly header: Uint8Array; readonly key: OpenedKey & { readonly dataKey: Uint8Array } }> => {
  let unavailable: Error | null = null;
  for (const copy of copies) {
    try {
      const header = await copy.header();
      for (const key of opened) {
        if (key.dataKey === null) continue;
        try {
          return { opener: beginOpening(key.dataKey, bindingOf(ref), header), header, key: { ...key, dataKey: key.dataKey } };
        } catch (error) {
          if (!(error instanceof CipherError)) throw error;
        }
      }
      onWrong(copy.place, 'damaged');
    } catch (error) {
      if (isWrong(error)) onWrong(copy.place, findingOf(error));
      else if (error instanceof StoreUnavailableError) unavailable = error;
      else throw error;
    }
  }
  return giveUp(unavailable);
};

/** Whether a store has every blob of a content, in its length. */
const isWhole = async ({ run, store }: Place, ref: BlobRef, layout: Layout): Promise<boolean> => {
  for (let segment = 0; segment < layout.segments; segment++) {
    const info = await run(() => store.head(toBlobKey(ref, segment)));
    if (info?.sizeBytes !== layout.segmentSize(segment)) return false;
  }
  return true;
};

/**
 * Copies in the order in which they are believed. Two data keys: an upload began anew while a store was away, and that store still has the
 * first beginning. The one that is whole was kept.
 */
export const byTrust = async (
  ref: BlobRef,
  copies: readonly Copy[],
  opened: readonly OpenedKey[],
  layout: Layout,
): Promise<readonly Copy[]> => {
  if (!hasTwoKeys(opened)) return copies;
  const whole = await Promise.all(copies.map(({ place }) => isWhole(place, ref, layout).catch(() => false)));
  return [...copies.filter((_copy, i) => whole[i]), ...copies.filter((_copy, i) => !whole[i])];
};
