import { createHash } from 'node:crypto';
import type { StoreUnavailableError } from '#platform/blobs/store.ts';
import { CHUNK_BYTES, CipherError, continueSealing, type Opener } from '#platform/cipher/stream.ts';
import { startWriter } from './begin-content.ts';
import { type Copy, openCopy } from './copy.ts';
import { bindingOf, openKeys } from './key-objects.ts';
import { offsetInSegment, SEGMENT_CHUNKS, segmentOf } from './layout.ts';
import { putKey, type VaultParts } from './parts.ts';
import { findStanding, type Standing } from './standing.ts';
import { findOpener, isWrong } from './trust.ts';
import { type BlobRef, IntegrityError, type VaultWriter } from './vault.ts';
import { appendChunk, type Lane, letGo, makeLane } from './write-content.ts';

/** Whether a chunk was sealed as the last one. Throws `CipherError` where it was not sealed there at all. */
const isLastChunk = (opener: Opener, index: number, sealed: Uint8Array): boolean => {
  try {
    opener.open(index, sealed, false);
    return false;
  } catch (error) {
    if (!(error instanceof CipherError)) throw error;
    opener.open(index, sealed, true);
    return true;
  }
};

/** See `Vault.resume`: what stands is read back in every store that answers, and a store that has less gets the rest on the way. */
export const resumeContent = async (
  parts: VaultParts,
  ref: BlobRef,
  see: (plain: Uint8Array) => void = () => {},
): Promise<VaultWriter | null> => {
  const { both, keys, guard } = parts;
  guard.requireNotCondemned(ref);
  const opened = await openKeys(keys, both, ref);
  if (opened.some(({ object }) => object.kind === 'destroyed')) return null;
  const standings = await Promise.all(both.map((place) => findStanding(place, ref)));
  const away = standings.find((each): each is StoreUnavailableError => each instanceof Error) ?? null;
  if (opened.every(({ dataKey }) => dataKey === null)) {
    if (away) throw away;
    return null;
  }
  type Reader = {
    readonly lane: Lane;
    readonly copy: Copy;
    readonly standing: Standing;
    chunks: number;
    writeFrom: number;
    partialBytes: number;
  };
  const lanes = both.map((place, at) => makeLane(place, standings[at] instanceof Error ? standings[at] : null));
  const readers = lanes.flatMap((lane, at): Reader[] => {
    const standing = standings[at];
    if (standing === undefined || standing instanceof Error) return [];
    const { chunkSize, chunks, isPartial } = standing;
    const copy = openCopy(lane.place, ref, { chunkSize, end: chunks, isPartial });
    return [{ lane, copy, standing, chunks, writeFrom: standing.writeFrom, partialBytes: standing.partialBytes }];
  });
  const withChunks = readers.filter(({ chunks }) => chunks > 0);
  if (withChunks.length === 0) {
    if (away && readers.length === 0) throw away;
    return null;
  }
  try {
    const { opener, header, key } = await findOpener(
      ref,
      withChunks.map(({ copy }) => copy),
      opened,
    );
    // A store that lacks the key gets it; one that cannot take it is let go.
    if (key.object.kind !== 'kept') return null;
    const { bytes } = key.object;
    for (const each of opened) {
      const lane = lanes.find(({ place }) => place === each.place);
      if (!lane || lane.failure !== null || (each.dataKey !== null && Buffer.compare(each.dataKey, key.dataKey) === 0)) continue;
      await putKey(parts, each.place, ref, bytes).catch((error: unknown) => {
        if (error instanceof IntegrityError) throw error;
        letGo(lane, error);
      });
    }
    const hash = createHash('sha256');
    let tail: Buffer | null = null;
    // A last chunk is taken back: whoever goes on sends it again.
    for (const reader of withChunks) {
      const last = reader.chunks - 1;
      try {
        const bytesHere = await reader.copy.chunk(last);
        if (!isLastChunk(opener, last, bytesHere)) continue;
        tail ??= Buffer.from(bytesHere);
        reader.chunks = last;
        const isPartial = reader.standing.isPartial(segmentOf(last));
        reader.writeFrom = isPartial ? last : segmentOf(last) * SEGMENT_CHUNKS;
        reader.partialBytes = isPartial && last % SEGMENT_CHUNKS > 0 ? offsetInSegment(last) : 0;
      } catch (error) {
        letGo(reader.lane, error);
      }
    }
    // One room each: a chunk that does not open leaves zeros in its own.
    const rooms = new Map(readers.map(({ copy }) => [copy, Buffer.allocUnsafeSlow(CHUNK_BYTES)]));
    let at = 0;
    for (; ; at++) {
      let plain: Uint8Array | null = null;
      let sealed: Uint8Array | null = null;
      for (const { lane, copy, chunks } of readers) {
        if (lane.failure !== null || chunks <= at) continue;
        try {
          const bytesHere = await copy.chunk(at);
          plain = opener.open(at, bytesHere, false, rooms.get(copy));
          sealed = bytesHere;
        } catch (error) {
          letGo(lane, error);
        }
      }
      if (plain === null || sealed === null) break;
      hash.update(plain);
      see(plain);
      for (const { lane, writeFrom, partialBytes } of readers) {
        if (lane.failure !== null || at < writeFrom) continue;
        if (lane.open === null && at === writeFrom) lane.partialBytes = partialBytes;
        await appendChunk(lane, ref, header, at, sealed).catch((error: unknown) => letGo(lane, error));
      }
    }
    for (const { lane, writeFrom, partialBytes } of readers) if (lane.open === null && at === writeFrom) lane.partialBytes = partialBytes;
    const isLive = lanes.some(({ failure }) => failure === null);
    if (at === 0 || !isLive) {
      for (const lane of lanes) letGo(lane, new Error('nothing to go on with'));
      if (!isLive && away) throw away;
      return null;
    }
    const sealer = continueSealing(key.dataKey, bindingOf(ref), header);
    return startWriter(parts, ref, { lanes, sealer, keyId: key.object.key.keyId, hash, chunks: at, tail });
  } catch (error) {
    for (const lane of lanes) letGo(lane, error);
    if (isWrong(error) || error instanceof IntegrityError) return null;
    throw error;
  } finally {
    for (const { copy } of readers) copy.close();
  }
};
