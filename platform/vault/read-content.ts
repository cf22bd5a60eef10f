import { StoreUnavailableError } from '#platform/blobs/store.ts';
import { CHUNK_BYTES } from '#platform/cipher/stream.ts';
import { type Copy, openCopy } from './copy.ts';
import { openKeys } from './key-objects.ts';
import { toLayout } from './layout.ts';
import type { VaultParts } from './parts.ts';
import type { Place } from './place.ts';
import { byTrust, findingOf, findOpener, giveUp, isWrong, requireOneKey } from './trust.ts';
import type { BlobRef, StoreName } from './vault.ts';

/** See `Vault.read`: chunk by chunk, one ahead of whoever reads, each from the store that gave the last one where it can. */
export async function* readContent(
  { both, keys, events }: VaultParts,
  ref: BlobRef,
  sizeBytes: number,
  range: { readonly start: number; readonly end: number } = { start: 0, end: sizeBytes },
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const layout = toLayout(sizeBytes);
  const { start, end } = range;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end || end > sizeBytes)
    throw new RangeError('the range does not lie within the content');
  signal?.throwIfAborted();
  const reported = new Set<StoreName>();
  const report = ({ name }: Place, finding: 'missing' | 'damaged'): void => {
    if (reported.has(name)) return;
    reported.add(name);
    events.onDamage(ref, name, finding);
  };
  const opened = await openKeys(keys, both, ref);
  if (!opened.some(({ object }) => object.kind === 'destroyed'))
    for (const { place, object } of opened) if (object.kind === 'missing' || object.kind === 'damaged') report(place, object.kind);
  requireOneKey(opened);
  if (start === end && sizeBytes > 0) return;
  const first = Math.floor(start / CHUNK_BYTES);
  const behind = sizeBytes === 0 ? 1 : Math.ceil(end / CHUNK_BYTES);
  const copies = both.map((place) => openCopy(place, ref, { chunkSize: layout.chunkSize, end: behind, signal }));
  /** The copy that gave the last chunk comes first, one that did not answer comes last. */
  let preferred = copies.find(({ place }) => !place.isAway()) ?? copies[0];
  const inOrder = (): Copy[] =>
    copies.toSorted((a, b) => Number(b === preferred) - Number(a === preferred) || Number(a.place.isAway()) - Number(b.place.isAway()));
  try {
    const { opener } = await findOpener(ref, await byTrust(ref, inOrder(), opened, layout), opened, report);
    const fetch = async (index: number): Promise<Uint8Array> => {
      let unavailable: Error | null = null;
      for (const copy of inOrder()) {
        try {
          const plain = opener.open(index, await copy.chunk(index), index === layout.chunks - 1);
          preferred = copy;
          return plain;
        } catch (error) {
          if (isWrong(error)) report(copy.place, findingOf(error));
          else if (error instanceof StoreUnavailableError) unavailable = error;
          else throw error;
        }
      }
      return giveUp(unavailable);
    };
    let next: Promise<Uint8Array> | null = fetch(first);
    for (let index = first; next !== null; index++) {
      const plain: Uint8Array = await next;
      next = index + 1 < behind ? fetch(index + 1) : null;
      next?.catch(() => {}); // whoever reads may have gone before it is looked at
      const piece: Uint8Array = plain.subarray(Math.max(0, start - index * CHUNK_BYTES), Math.min(plain.length, end - index * CHUNK_BYTES));
      if (piece.length > 0) yield piece;
    }
  } finally {
    for (const copy of copies) copy.close();
  }
}
