/** What a wrapped key is bound to, such as city, patient, file, version and data key. Whoever wants it open must name the same. */
export type KeyContext = Readonly<Record<string, string>>;

/** A data key as it may be stored: `keyId` names the key-encryption key, `wrapped` is base64url of a form that its provider knows. */
export type WrappedKey = { readonly keyId: string; readonly wrapped: string };

/**
 * Keys that encrypt keys, wherever they are held. A data key has 32 bytes. `city` chooses among keys where each city has its own.
 * Throws `KeysUnavailableError` where the holder does not answer, `KeyRefusedError` where key, bytes and context do not belong together.
 */
export type KeyRing = {
  /** Key that new data keys of a city are wrapped with. */
  readonly currentKeyId: (city: string) => Promise<string>;
  readonly wrap: (city: string, dataKey: Uint8Array, context: KeyContext) => Promise<WrappedKey>;
  readonly unwrap: (city: string, key: WrappedKey, context: KeyContext) => Promise<Uint8Array>;
  /** Makes a new current key for a city and tells its id; null where keys are made elsewhere (configuration, KMS). */
  readonly makeKey: (city: string) => Promise<string | null>;
  readonly stop: () => Promise<void>;
};

/** Whoever holds the keys does not answer. */
export class KeysUnavailableError extends Error {
  override readonly name = 'KeysUnavailableError';
}

/** The wrapped key does not open: another key, other bytes, or a context that it was not wrapped for. */
export class KeyRefusedError extends Error {
  override readonly name = 'KeyRefusedError';
}
