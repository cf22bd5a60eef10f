import type { BlobStore } from '#platform/blobs/store.ts';
import type { KeyRing } from '#platform/keys/key-ring.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { beginContent } from './begin-content.ts';
import { destroyContent, discardContent, rewrapKey } from './change-key.ts';
import { makeGuard } from './guard.ts';
import { findKeyObject } from './key-objects.ts';
import { parseBlobKey } from './layout.ts';
import type { VaultFaultPoint, VaultParts } from './parts.ts';
import { makePlace } from './place.ts';
import { readContent } from './read-content.ts';
import { checkCopy, repairCopy } from './repair-copy.ts';
import { resumeContent } from './resume-content.ts';
import type { StoreName, Vault, VaultEvents } from './vault.ts';
import { DURABLE_FACTOR, makeBuffers } from './write-content.ts';

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
  const both = [places.primary, places.backup];
  const guard = makeGuard();
  const parts: VaultParts = { places, both, keys, events, guard, buffers: makeBuffers(SEALED_AT_ONCE), fault };

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
    create: (ref) => beginContent(parts, ref),
    resume: (ref, see) => resumeContent(parts, ref, see),
    read: (ref, sizeBytes, range, signal) => readContent(parts, ref, sizeBytes, range, signal),
    check: (ref, sizeBytes, store) => checkCopy(parts, ref, sizeBytes, store),
    repair: (ref, sizeBytes, store, signal) => repairCopy(parts, ref, sizeBytes, store, signal),
    rewrap: (ref) => rewrapKey(parts, ref),
    destroy: (ref, store) => destroyContent(parts, ref, store),
    discard: (ref, store) => discardContent(parts, ref, store),
    list,
    findKey: async (ref, store) => {
      const { kind } = await findKeyObject(places[store], ref);
      return kind === 'damaged' ? 'kept' : kind;
    },
    stop: async () => {
      await guard.stop();
      await Promise.all([...both.map(({ store }) => store.stop()), keys.stop()]);
    },
  };
};
