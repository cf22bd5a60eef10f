/** What a store knows of a blob. */
export type BlobInfo = { readonly key: string; readonly sizeBytes: number; readonly modifiedAt: Date };

/**
 * A blob that is being written, unseen by `get` until it is finished. Appends come one after the other; what was synced survives a crash
 * and can be gone on with.
 */
export type BlobWriter = {
  /** Bytes that stand in the store already. */
  readonly offset: number;
  readonly append: (bytes: Uint8Array) => Promise<void>;
  /** Makes what was appended durable as far as the store can, and tells up to where a later `open` can go on. */
  readonly sync: () => Promise<number>;
  /** Shows the blob under its key, whole and durable. */
  readonly finish: () => Promise<void>;
  /** Lets go and keeps the partial. */
  readonly close: () => Promise<void>;
};

/**
 * A store of immutable blobs. Keys are of `[A-Za-z0-9._-]` and `/`, at most 200 characters, no part beginning with a dot. Every act throws
 * `StoreUnavailableError` where the store does not answer within its deadline and `StoreFullError` where it takes nothing more; nothing is
 * left half-done under a key.
 */
export type BlobStore = {
  /** `primary` or `backup`. */
  readonly name: string;
  /** Writes a small blob whole, durable when it answers; one that is there is replaced at once, never mixed. */
  readonly put: (key: string, bytes: Uint8Array) => Promise<void>;
  /**
   * Begins a blob, or goes on with a partial: the writer stands at most at `upTo` bytes (all that is there when left out, 0 begins anew),
   * perhaps below it where the store keeps larger parts.
   */
  readonly open: (key: string, upTo?: number) => Promise<BlobWriter>;
  /** Durable bytes of a partial, null where there is none. */
  readonly partial: (key: string) => Promise<number | null>;
  /** Reads a blob, or bytes `start` ≤ i < `end` of it, in pieces of any size that are the reader's alone; null where there is none. */
  readonly get: (
    key: string,
    range?: { readonly start: number; readonly end: number },
    signal?: AbortSignal,
  ) => Promise<AsyncIterable<Uint8Array> | null>;
  /**
   * Reads durable bytes `start` ≤ i < `end` of a partial; null where there is none, or where the store cannot read what is unfinished (S3:
   * always). A vault keeps large contents in blobs of 64 MiB, so that it can go on behind the last finished one there.
   */
  readonly readPartial: (key: string, range: { readonly start: number; readonly end: number }) => Promise<AsyncIterable<Uint8Array> | null>;
  readonly head: (key: string) => Promise<BlobInfo | null>;
  /** Removes a blob and any partial of the key; no error where there is none. A directory overwrites small blobs before. */
  readonly remove: (key: string) => Promise<void>;
  /**
   * All finished blobs whose key begins so, in any order. Costs little where the prefix holds a whole name up to its first dot: a directory
   * puts `MTL/a`, `MTL/a.key` and `MTL/a.1` into the same folder of its fan-out.
   */
  readonly list: (prefix: string) => AsyncIterable<BlobInfo>;
  /** All partials whose key begins so. */
  readonly listPartials: (prefix: string) => AsyncIterable<BlobInfo>;
  readonly stop: () => Promise<void>;
};

/** The store does not answer, or not in time. Says nothing about its blobs. */
export class StoreUnavailableError extends Error {
  readonly store: string;
  constructor(store: string, cause?: unknown) {
    super(`the ${store} store does not answer`, { cause });
    this.name = 'StoreUnavailableError';
    this.store = store;
  }
}

/** The store takes nothing more: no room above its floor, a read-only disk, a quota. */
export class StoreFullError extends Error {
  readonly store: string;
  constructor(store: string, cause?: unknown) {
    super(`the ${store} store takes nothing more`, { cause });
    this.name = 'StoreFullError';
    this.store = store;
  }
}

const KEY = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const MAX_KEY = 200;

/** Throws for what is no key; a key never comes from outside. */
export const requireKey = (key: string): string => {
  if (key.length > MAX_KEY || !KEY.test(key)) throw new Error('this is no key of a blob');
  return key;
};
