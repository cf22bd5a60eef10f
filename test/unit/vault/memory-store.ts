import { type BlobStore, requireKey, StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';

export type MemoryStore = BlobStore & {
  readonly blobs: Map<string, Buffer>;
  readonly partials: Map<string, Buffer>;
  /** How the store behaves now; `slow` acts never end. */
  mode: 'well' | 'down' | 'slow' | 'full';
  /** Whether partials can be read, as a directory's can and S3's cannot. */
  readsPartials: boolean;
  /** Keys read by `get`, with the first byte. */
  readonly reads: string[];
};

const never = (): Promise<never> => new Promise(() => {});

/** A store in memory after the contract of `BlobStore`, for tests of what stands above it. */
export const memoryStore = (name: string): MemoryStore => {
  const blobs = new Map<string, Buffer>();
  const partials = new Map<string, Buffer>();
  const reads: string[] = [];
  const answer = async (writing: boolean): Promise<void> => {
    if (store.mode === 'down') throw new StoreUnavailableError(name);
    if (store.mode === 'slow') await never();
    if (writing && store.mode === 'full') throw new StoreFullError(name);
  };
  async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array, void, void> {
    for (let at = 0; at < bytes.length; at += 100_000) {
      await answer(false);
      yield Buffer.from(bytes.subarray(at, Math.min(bytes.length, at + 100_000)));
    }
  }
  async function* infos(map: Map<string, Buffer>, prefix: string) {
    await answer(false);
    for (const [key, bytes] of [...map]) if (key.startsWith(prefix)) yield { key, sizeBytes: bytes.length, modifiedAt: new Date() };
  }
  const store: MemoryStore = {
    name,
    blobs,
    partials,
    reads,
    mode: 'well',
    readsPartials: true,
    put: async (key, bytes) => {
      await answer(true);
      blobs.set(requireKey(key), Buffer.from(bytes));
    },
    open: async (key, upTo) => {
      await answer(true);
      const old = partials.get(requireKey(key)) ?? Buffer.alloc(0);
      let parts = [old.subarray(0, upTo ?? old.length)];
      const whole = (): Buffer => {
        const bytes = Buffer.concat(parts);
        parts = [bytes];
        return bytes;
      };
      const { length } = whole();
      partials.set(key, whole());
      return {
        offset: length,
        append: async (bytes) => {
          await answer(true);
          parts.push(Buffer.from(bytes));
        },
        sync: async () => {
          await answer(true);
          partials.set(key, whole());
          return whole().length;
        },
        finish: async () => {
          await answer(true);
          partials.delete(key);
          blobs.set(key, whole());
        },
        close: async () => {
          partials.set(key, whole());
        },
      };
    },
    partial: async (key) => {
      await answer(false);
      return partials.get(key)?.length ?? null;
    },
    readPartial: async (key, { start, end }) => {
      await answer(false);
      const bytes = partials.get(key);
      return bytes && store.readsPartials ? pieces(bytes.subarray(start, end)) : null;
    },
    get: async (key, range) => {
      await answer(false);
      reads.push(`${key}@${range?.start ?? 0}`);
      const bytes = blobs.get(requireKey(key));
      return bytes ? pieces(bytes.subarray(range?.start ?? 0, range?.end ?? bytes.length)) : null;
    },
    head: async (key) => {
      await answer(false);
      const bytes = blobs.get(key);
      return bytes ? { key, sizeBytes: bytes.length, modifiedAt: new Date() } : null;
    },
    remove: async (key) => {
      await answer(false);
      blobs.delete(key);
      partials.delete(key);
    },
    list: (prefix) => infos(blobs, prefix),
    listPartials: (prefix) => infos(partials, prefix),
    stop: async () => {},
  };
  return store;
};
