import { StoreUnavailableError } from '#platform/blobs/store.ts';
import { beginOpening, CHUNK_BYTES, type Opener } from '#platform/cipher/stream.ts';
import { type Copy, CopyError, openCopy } from './copy.ts';
import { bindingOf, findKeyObject, openKeys, unwrap } from './key-objects.ts';
import { type Layout, SEGMENT_CHUNKS, toBlobKey, toLayout } from './layout.ts';
import { isDestroyedIn, putKey, removeContent, type VaultParts } from './parts.ts';
import type { Place } from './place.ts';
import { byTrust, findingOf, findOpener, giveUp, isWrong } from './trust.ts';
import { type BlobRef, type CopyFinding, IntegrityError, type StoreName } from './vault.ts';
import { appendChunk, finishSegment, letGo, makeLane } from './write-content.ts';

/** Authenticates every chunk of a segment in one store. */
const checkSegment = async (place: Place, copy: Copy, ref: BlobRef, layout: Layout, segment: number, opener: Opener): Promise<void> => {
  const info = await place.run(() => place.store.head(toBlobKey(ref, segment)));
  if (info === null) throw new CopyError('missing');
  if (info.sizeBytes !== layout.segmentSize(segment)) throw new CopyError('damaged');
  const end = Math.min(layout.chunks, (segment + 1) * SEGMENT_CHUNKS);
  const plain = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  try {
    for (let chunk = segment * SEGMENT_CHUNKS; chunk < end; chunk++)
      opener.open(chunk, await copy.chunk(chunk), chunk === layout.chunks - 1, plain);
  } finally {
    plain.fill(0);
  }
};

/** See `Vault.check`. */
export const checkCopy = async ({ places, keys }: VaultParts, ref: BlobRef, sizeBytes: number, store: StoreName): Promise<CopyFinding> => {
  const place = places[store];
  const layout = toLayout(sizeBytes);
  const object = await findKeyObject(place, ref);
  if (object.kind !== 'kept') return object.kind;
  const dataKey = await unwrap(keys, ref, object.key);
  if (dataKey === null) return 'damaged';
  const copy = openCopy(place, ref, { chunkSize: layout.chunkSize, end: layout.chunks });
  try {
    const opener = beginOpening(dataKey, bindingOf(ref), await copy.header());
    for (let segment = 0; segment < layout.segments; segment++) await checkSegment(place, copy, ref, layout, segment, opener);
    return 'intact';
  } catch (error) {
    if (isWrong(error)) return findingOf(error);
    if (error instanceof StoreUnavailableError) return 'unavailable';
    throw error;
  } finally {
    copy.close();
    dataKey.fill(0);
  }
};

/** Writes a segment of one store anew, every chunk from whichever store holds it intact. Without a store it looks whether that can be done. */
const rewriteSegment = async (
  { guard }: VaultParts,
  place: Place | null,
  copies: readonly Copy[],
  ref: BlobRef,
  layout: Layout,
  segment: number,
  { opener, header }: { readonly opener: Opener; readonly header: Uint8Array },
  signal: AbortSignal | undefined,
): Promise<void> => {
  const lane = place && makeLane(place);
  const end = Math.min(layout.chunks, (segment + 1) * SEGMENT_CHUNKS);
  try {
    for (let chunk = segment * SEGMENT_CHUNKS; chunk < end; chunk++) {
      guard.requireNotCondemned(ref, signal);
      let unavailable: Error | null = null;
      let isWritten = false;
      for (const copy of copies) {
        let sealed: Uint8Array;
        try {
          sealed = await copy.chunk(chunk);
          opener.open(chunk, sealed, chunk === layout.chunks - 1);
        } catch (error) {
          if (error instanceof StoreUnavailableError) unavailable = error;
          else if (!isWrong(error)) throw error;
          continue;
        }
        if (lane) await appendChunk(lane, ref, header, chunk, sealed);
        isWritten = true;
        break;
      }
      if (!isWritten) giveUp(unavailable);
    }
    guard.requireNotCondemned(ref, signal);
    if (lane) await finishSegment(lane);
  } finally {
    if (lane) letGo(lane, new Error('done'));
  }
};

/** See `Vault.repair`. */
export const repairCopy = (parts: VaultParts, ref: BlobRef, sizeBytes: number, store: StoreName, signal?: AbortSignal): Promise<boolean> =>
  parts.guard.inTurn(ref, async () => {
    const { places, both, keys } = parts;
    const place = places[store];
    const other = places[store === 'primary' ? 'backup' : 'primary'];
    const layout = toLayout(sizeBytes);
    const opened = await openKeys(keys, both, ref);
    if (opened.some(({ object }) => object.kind === 'destroyed')) return false;
    for (const { place: each, object } of opened) if (object.kind === 'unavailable') throw new StoreUnavailableError(each.name);
    if (opened.every(({ dataKey }) => dataKey === null)) return false;
    const inOrder = [other, place];
    const copies = inOrder.map((each) => openCopy(each, ref, { chunkSize: layout.chunkSize, end: layout.chunks }));
    const own = openCopy(place, ref, { chunkSize: layout.chunkSize, end: layout.chunks });
    try {
      const found = await findOpener(ref, await byTrust(ref, copies, opened, layout), opened);
      const header = await own.header().catch((error: unknown) => {
        if (isWrong(error)) return null;
        throw error;
      });
      const isOther = header !== null && Buffer.compare(header, found.header) !== 0;
      // What was sealed with another key goes only where all of this content is there to take its place.
      if (isOther)
        for (let segment = 0; segment < layout.segments; segment++)
          await rewriteSegment(parts, null, copies, ref, layout, segment, found, signal);
      for (let segment = 0; segment < layout.segments; segment++) {
        try {
          if (segment === 0 && (header === null || isOther)) throw new CopyError('damaged');
          await checkSegment(place, own, ref, layout, segment, found.opener);
        } catch (error) {
          if (!isWrong(error)) throw error;
          own.close();
          await rewriteSegment(parts, place, copies, ref, layout, segment, found, signal);
        }
      }
      const mine = opened.find((each) => each.place === place);
      const isKeyRight = mine?.dataKey && Buffer.compare(mine.dataKey, found.key.dataKey) === 0;
      if (!isKeyRight && found.key.object.kind === 'kept') await putKey(parts, place, ref, found.key.object.bytes, signal);
      if (await isDestroyedIn(parts, ref)) throw new IntegrityError('the key was destroyed');
      return true;
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      if (await isDestroyedIn(parts, ref)) await removeContent(place, ref);
      return false;
    } finally {
      for (const copy of [...copies, own]) copy.close();
    }
  });
