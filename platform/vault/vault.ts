import type { KeyContext } from '#platform/keys/key-ring.ts';

export const STORE_NAMES = ['primary', 'backup'] as const;
export type StoreName = (typeof STORE_NAMES)[number];

/**
 * One encrypted content. `id` names it in both stores and names its data key; `context` is whose content it is (city, patient, file,
 * version) and is bound, with `id`, into ciphertext and wrapped key.
 */
export type BlobRef = { readonly city: string; readonly id: string; readonly context: KeyContext };
/** What tells a content from all others. */
export type Named = Pick<BlobRef, 'city' | 'id'>;

/** A content on its way in. Plaintext goes no further than here. */
export type VaultWriter = {
  /** Bytes of plaintext that stand in the stores already; a whole number of chunks. */
  readonly offset: number;
  /** Takes plaintext in pieces of any size; waits while the stores are behind. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /**
   * Makes whole chunks durable, drops the rest, and lets go: tells from where `resume` will go on. A chunk that is full to its last byte
   * counts where it is known that `moreFollows`; else it may be the last, which is sealed in another way.
   */
  readonly suspend: (moreFollows?: boolean) => Promise<number>;
  /** Writes the last chunk and shows the content in every store that took all of it. At least one did, or it throws. */
  readonly finish: () => Promise<Stored>;
  /** Lets go of everything; `discard` removes what stands. */
  readonly abandon: () => Promise<void>;
};

/** A content that is stored: its length and SHA-256 (hex) in the clear, the key that wraps its data key, and the stores that lack it. */
export type Stored = {
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly keyId: string;
  readonly owed: readonly StoreName[];
};

/** What was found of a copy. `destroyed`: its key was destroyed for good. */
export type CopyFinding = 'intact' | 'missing' | 'damaged' | 'destroyed' | 'unavailable';

/** `kept`: there is one, or what passes for one. */
export type KeyFinding = 'kept' | 'missing' | 'destroyed' | 'unavailable';

/** Told when a read found a copy that is not what it should be, or when one was made good. */
export type VaultEvents = {
  readonly onDamage: (ref: BlobRef, store: StoreName, finding: 'missing' | 'damaged') => void;
};

/**
 * Contents encrypted in two stores that hold the same ciphertext. Reads fall over from one to the other, chunk by chunk, and give nothing
 * that was not authenticated.
 */
export type Vault = {
  /** Makes a fresh data key, puts it wrapped into both stores, and begins. */
  readonly create: (ref: BlobRef) => Promise<VaultWriter>;
  /**
   * Goes on with a content that broke off; what stands is read back and checked first, and shown to `see` in its order, in a buffer that is used again. Null where nothing
   * can be gone on with.
   */
  readonly resume: (ref: BlobRef, see?: (plain: Uint8Array) => void) => Promise<VaultWriter | null>;
  /**
   * Plaintext bytes `start` ≤ i < `end` of a content of `sizeBytes`. Throws `IntegrityError` where neither store holds the next chunk
   * intact, `StoreUnavailableError` where that cannot be told because a store does not answer.
   */
  readonly read: (
    ref: BlobRef,
    sizeBytes: number,
    range?: { readonly start: number; readonly end: number },
    signal?: AbortSignal,
  ) => AsyncGenerator<Uint8Array, void, void>;
  /** Reads and authenticates one store's copy whole, wrapped key included. */
  readonly check: (ref: BlobRef, sizeBytes: number, store: StoreName) => Promise<CopyFinding>;
  /**
   * Makes one store's copy good from the other, which is authenticated on the way. False where the other is not intact either: then nothing
   * was written over. Writes nothing once the signal is aborted.
   */
  readonly repair: (ref: BlobRef, sizeBytes: number, store: StoreName, signal?: AbortSignal) => Promise<boolean>;
  /** Wraps the data key with the city's current key, in both stores or in none that counts; tells the key's id. */
  readonly rewrap: (ref: BlobRef) => Promise<string>;
  /** Destroys the wrapped key in one store for good (a tombstone stays in its place), then the content. */
  readonly destroy: (ref: Named, store: StoreName) => Promise<void>;
  /** Removes what an upload that was given up left in one store; nothing stays but a tombstone. */
  readonly discard: (ref: Named, store: StoreName) => Promise<void>;
  /** What stands in place of the wrapped key in one store; its bytes are not opened. */
  readonly findKey: (ref: Named, store: StoreName) => Promise<KeyFinding>;
  /** Ids that a store holds something of, once per blob and partial, in any order; with the instant of the last change. */
  readonly list: (
    city: string,
    store: StoreName,
  ) => AsyncIterable<{ readonly id: string; readonly modifiedAt: Date; readonly isKey: boolean }>;
  readonly stop: () => Promise<void>;
};

/** No store holds the content intact, or its key was destroyed. Wrong bytes are never given. */
export class IntegrityError extends Error {
  override readonly name = 'IntegrityError';
}
