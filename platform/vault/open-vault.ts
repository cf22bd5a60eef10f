import { createHash, randomBytes } from 'node:crypto';
import { type BlobStore, StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import {
  beginOpening,
  beginSealing,
  CHUNK_BYTES,
  CipherError,
  continueSealing,
  DATA_KEY_BYTES,
  type Opener,
} from '#platform/cipher/stream.ts';
import type { KeyRing, WrappedKey } from '#platform/keys/key-ring.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { makeQueues } from '#platform/pure/turns.ts';
import { type Copy, CopyError, openCopy } from './copy.ts';
import { bindingOf, findKeyObject, type OpenedKey, openKeys, toKeyBytes, toTombstone, unwrap } from './key-objects.ts';
import {
  type Layout,
  listContent,
  listPartialsOf,
  offsetInSegment,
  parseBlobKey,
  SEGMENT_CHUNKS,
  segmentOf,
  toBlobKey,
  toKeyKey,
  toLayout,
} from './layout.ts';
import { makePlace, type Place } from './place.ts';
import { findStanding, type Standing } from './standing.ts';
import { type BlobRef, type CopyFinding, IntegrityError, type StoreName, type Vault, type VaultEvents, type VaultWriter } from './vault.ts';
import { appendChunk, DURABLE_FACTOR, finishSegment, type Lane, letGo, makeBuffers, makeLane, makeWriter } from './write-content.ts';

/** Steps behind which a test may end the story. */
export type VaultFaultPoint =
  | `vault:key-${StoreName}`
  | `vault:finish-${StoreName}`
  | `vault:rewrap-${StoreName}`
  | `vault:tombstone-${StoreName}`;

export type VaultOptions = {
  readonly stores: Readonly<Record<StoreName, BlobStore>>;
  readonly keys: KeyRing;
  readonly events: VaultEvents;
  readonly log?: Log;
  readonly fault?: (point: VaultFaultPoint) => void | Promise<void>;
  /** How long a store may take for a chunk; one that takes longer is let go. Six times as long for what has to reach the disk. */
  readonly chunkDeadlineMs?: number;
};

/** Sealed chunks on their way to the stores, for all uploads together: 8 MiB. */
const SEALED_AT_ONCE = 32;

type Named = Pick<BlobRef, 'city' | 'id'>;

/** What stands in the way of telling whether a content is intact: a store that does not answer, or nothing. */
const giveUp = (unavailable: Error | null): never => {
  throw unavailable ?? new IntegrityError('no store holds the content intact');
};
const isWrong = (error: unknown): error is CopyError | CipherError => error instanceof CopyError || error instanceof CipherError;
/** Whether both stores hold a data key, and not the same. */
const hasTwoKeys = (opened: readonly Pick<OpenedKey, 'dataKey'>[]): boolean => {
  const [one, other] = opened.flatMap(({ dataKey }) => (dataKey === null ? [] : [dataKey]));
  return one !== undefined && other !== undefined && Buffer.compare(one, other) !== 0;
};
const findingOf = (error: CopyError | CipherError): 'missing' | 'damaged' => (error instanceof CopyError ? error.finding : 'damaged');

/**
 * A vault over two stores. Wrapped keys are opened anew for each act and kept nowhere, so that a destroyed key is gone at once; a key
 * costs two small reads and one unwrapping, whatever the content's length.
 */
export const openVault = (options: VaultOptions): Vault => {
  const { stores, keys, events, log, fault = () => {}, chunkDeadlineMs = 5_000 } = options;
  const places = {
    primary: makePlace('primary', stores.primary, chunkDeadlineMs, log),
    backup: makePlace('backup', stores.backup, chunkDeadlineMs, log),
  };
  const both: readonly Place[] = [places.primary, places.backup];
  const otherThan = (name: StoreName): Place => (name === 'primary' ? places.backup : places.primary);
  const buffers = makeBuffers(SEALED_AT_ONCE);
  const nameOf = ({ city, id }: Named): string => `${city}/${id}`;

  /** Writers of this process that are under way, and contents that are being destroyed by it. */
  const writers = new Map<string, Set<{ readonly condemn: () => void }>>();
  const condemned = new Map<string, number>();
  const queues = makeQueues();
  /** One act after the other on what stands of a content, in this process; between processes the leases of the rows decide. */
  const inTurn = <T>(ref: Named, act: () => Promise<T>): Promise<T> => queues.run(nameOf(ref), act);
  const condemning = async (ref: Named, act: () => Promise<void>): Promise<void> => {
    const name = nameOf(ref);
    condemned.set(name, (condemned.get(name) ?? 0) + 1);
    for (const writer of writers.get(name) ?? []) writer.condemn();
    try {
      await inTurn(ref, act);
    } finally {
      const left = (condemned.get(name) ?? 1) - 1;
      if (left === 0) condemned.delete(name);
      else condemned.set(name, left);
    }
  };
  const requireNotCondemned = (ref: Named, signal?: AbortSignal): void => {
    signal?.throwIfAborted();
    if (condemned.has(nameOf(ref))) throw new IntegrityError('the content is being destroyed');
  };

  const isDestroyedIn = async (ref: Named): Promise<boolean> =>
    (await Promise.all(both.map((place) => findKeyObject(place, ref)))).some(({ kind }) => kind === 'destroyed');

  /**
   * Removes blobs and partials of a content in one store, without the key. The last segment goes first, and the one behind the last that
   * stands goes too: what a crash left of it is no longer listed, and removing it again makes the store clear it away.
   */
  const removeContent = async (place: Place, ref: Named): Promise<void> => {
    const partials = new Set<string>();
    let segments = 0;
    await place.run(async () => {
      for await (const { segment } of listContent(place.store, ref)) segments = Math.max(segments, segment + 1);
      for await (const key of listPartialsOf(place.store, ref)) partials.add(key);
    }, DURABLE_FACTOR);
    for (const key of partials) await place.run(() => place.store.remove(key), DURABLE_FACTOR);
    for (let segment = segments; segment >= 0; segment--)
      await place.run(() => place.store.remove(toBlobKey(ref, segment)), DURABLE_FACTOR);
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
  const putKey = async (place: Place, ref: Named, bytes: Uint8Array, signal?: AbortSignal): Promise<void> => {
    requireNotCondemned(ref, signal);
    if (await isDestroyedIn(ref)) throw new IntegrityError('the key was destroyed');
    requireNotCondemned(ref, signal);
    await place.run(() => place.store.put(toKeyKey(ref), bytes), DURABLE_FACTOR);
    if (!(await isDestroyedIn(ref))) return;
    await bury(place, ref);
    throw new IntegrityError('the key was destroyed');
  };

  const startWriter = (
    ref: BlobRef,
    parts: Omit<Parameters<typeof makeWriter>[0], 'ref' | 'buffers' | 'isDestroyed' | 'onFinished' | 'onEnd'>,
  ) => {
    const name = nameOf(ref);
    const writer = makeWriter({
      ...parts,
      ref,
      buffers,
      isDestroyed: async () => {
        if (!condemned.has(name) && !(await isDestroyedIn(ref))) return false;
        await Promise.all(both.map((place) => removeContent(place, ref).catch(() => {})));
        return true;
      },
      onFinished: (store) => fault(`vault:finish-${store}`),
      onEnd: () => {
        const mine = writers.get(name);
        mine?.delete(writer);
        if (mine?.size === 0) writers.delete(name);
      },
    });
    const mine = writers.get(name) ?? new Set();
    writers.set(name, mine.add(writer));
    return writer;
  };

  const create = async (ref: BlobRef): Promise<VaultWriter> => {
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
    return startWriter(ref, { lanes, sealer, keyId: wrapped.keyId, hash: createHash('sha256'), chunks: 0, tail: null });
  };

  /** The first header that one of the keys stands behind. Reports the copies whose header is wrong. */
  const findOpener = async (
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
  const byTrust = async (ref: BlobRef, copies: readonly Copy[], opened: readonly OpenedKey[], layout: Layout): Promise<readonly Copy[]> => {
    if (!hasTwoKeys(opened)) return copies;
    const whole = await Promise.all(copies.map(({ place }) => isWhole(place, ref, layout).catch(() => false)));
    return [...copies.filter((_copy, i) => whole[i]), ...copies.filter((_copy, i) => !whole[i])];
  };
  const requireOneKey = (opened: readonly OpenedKey[]): void => {
    if (opened.some(({ object }) => object.kind === 'destroyed')) throw new IntegrityError('the key was destroyed');
    if (opened.some(({ dataKey }) => dataKey !== null)) return;
    const away = opened.find(({ object }) => object.kind === 'unavailable');
    giveUp(away ? new StoreUnavailableError(away.place.name) : null);
  };

  const resume: Vault['resume'] = async (ref, see = () => {}) => {
    requireNotCondemned(ref);
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
        await putKey(each.place, ref, bytes).catch((error: unknown) => {
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
      return startWriter(ref, { lanes, sealer, keyId: key.object.key.keyId, hash, chunks: at, tail });
    } catch (error) {
      for (const lane of lanes) letGo(lane, error);
      if (isWrong(error) || error instanceof IntegrityError) return null;
      throw error;
    } finally {
      for (const { copy } of readers) copy.close();
    }
  };

  async function* read(
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
        const piece: Uint8Array = plain.subarray(
          Math.max(0, start - index * CHUNK_BYTES),
          Math.min(plain.length, end - index * CHUNK_BYTES),
        );
        if (piece.length > 0) yield piece;
      }
    } finally {
      for (const copy of copies) copy.close();
    }
  }

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

  const check = async (ref: BlobRef, sizeBytes: number, store: StoreName): Promise<CopyFinding> => {
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
        requireNotCondemned(ref, signal);
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
      requireNotCondemned(ref, signal);
      if (lane) await finishSegment(lane);
    } finally {
      if (lane) letGo(lane, new Error('done'));
    }
  };

  const repair = (ref: BlobRef, sizeBytes: number, store: StoreName, signal?: AbortSignal): Promise<boolean> =>
    inTurn(ref, async () => {
      const place = places[store];
      const other = otherThan(store);
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
            await rewriteSegment(null, copies, ref, layout, segment, found, signal);
        for (let segment = 0; segment < layout.segments; segment++) {
          try {
            if (segment === 0 && (header === null || isOther)) throw new CopyError('damaged');
            await checkSegment(place, own, ref, layout, segment, found.opener);
          } catch (error) {
            if (!isWrong(error)) throw error;
            own.close();
            await rewriteSegment(place, copies, ref, layout, segment, found, signal);
          }
        }
        const mine = opened.find((each) => each.place === place);
        const isKeyRight = mine?.dataKey && Buffer.compare(mine.dataKey, found.key.dataKey) === 0;
        if (!isKeyRight && found.key.object.kind === 'kept') await putKey(place, ref, found.key.object.bytes, signal);
        if (await isDestroyedIn(ref)) throw new IntegrityError('the key was destroyed');
        return true;
      } catch (error) {
        if (!(error instanceof IntegrityError)) throw error;
        if (await isDestroyedIn(ref)) await removeContent(place, ref);
        return false;
      } finally {
        for (const copy of [...copies, own]) copy.close();
      }
    });

  const rewrap = (ref: BlobRef): Promise<string> =>
    inTurn(ref, async () => {
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
        await putKey(place, ref, toKeyBytes(wrapped));
        await fault(`vault:rewrap-${place.name}`);
      }
      return wrapped?.keyId ?? current;
    });

  const destroy = (ref: Named, store: StoreName): Promise<void> =>
    condemning(ref, async () => {
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

  const discard = (ref: Named, store: StoreName): Promise<void> =>
    condemning(ref, async () => {
      const place = places[store];
      const object = await findKeyObject(place, ref);
      if (object.kind === 'unavailable') throw new StoreUnavailableError(store);
      await removeContent(place, ref);
      if (object.kind !== 'destroyed') await place.run(() => place.store.remove(toKeyKey(ref)), DURABLE_FACTOR);
    });

  async function* list(city: string, store: StoreName): AsyncGenerator<{ id: string; modifiedAt: Date; isKey: boolean }, void, void> {
    const place = places[store];
    for (const source of [place.store.list(`${city}/`), place.store.listPartials(`${city}/`)]) {
      const iterator = source[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await place.run(() => iterator.next(), DURABLE_FACTOR);
          if (next.done) break;
          const parsed = parseBlobKey(next.value.key);
          if (parsed) yield { id: parsed.id, modifiedAt: next.value.modifiedAt, isKey: parsed.part === 'key' };
        }
      } finally {
        Promise.resolve(iterator.return?.()).catch((error: unknown) => log?.debug('a list was not closed', describeError(error)));
      }
    }
  }

  return {
    create,
    resume,
    read,
    check,
    repair,
    rewrap,
    destroy,
    discard,
    list,
    findKey: async (ref, store) => {
      const { kind } = await findKeyObject(places[store], ref);
      return kind === 'damaged' ? 'kept' : kind;
    },
    stop: async () => {
      for (const each of writers.values()) for (const writer of each) writer.condemn();
      await queues.idle();
      await Promise.all([...both.map(({ store }) => store.stop()), keys.stop()]);
    },
  };
};

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
