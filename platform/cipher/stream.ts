/**
 * Encrypted contents: a long content as a row of chunks, each sealed by itself, so that it streams and seeks in bounded memory.
 *
 * The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
 * Misuse-Resistance", https://eprint.iacr.org/2015/189) over AES-256-GCM, with the key derivation and key commitment of C2SP's
 * https://c2sp.org/chunked-encryption. It departs from C2SP's text in chunk size (256 KiB for 16 KiB), in how the end is told (a flag in
 * the nonce for a short last chunk), in the nonce (prefix, counter and flag side by side for a base nonce XOR a counter) and in a magic
 * before the salt; `docs/decisions/0011-a-file-format-of-our-own.md` says why, `docs/file-format.md` says it for other languages.
 *
 *     file       = magic(8) || salt(24) || commitment(32) || chunk 0 || … || chunk n-1
 *     chunk i    = AES-256-GCM(key, prefix(7) || uint32 BE i || last(1), up to 256 KiB of plaintext) || tag(16)
 *     key(32) || prefix(7) || commitment(32) = HKDF-Expand-SHA-256(data key, info || 0x00 || salt || context)
 *
 * Every chunk but the last has exactly 256 KiB, the last 1 byte to 256 KiB; an empty content is one empty chunk. So a length has one
 * chunking and no other. Nothing is ever given that was not authenticated at its place.
 */
import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type Decipheriv,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import canonicalize from 'canonicalize';
import { expandSha256 } from './hkdf.ts';
import { rechunk } from './rechunk.ts';

/** Plaintext bytes of every chunk but the last. */
export const CHUNK_BYTES = 262_144;
export const TAG_BYTES = 16;
/** Magic, salt and commitment. */
export const HEADER_BYTES = 64;
export const DATA_KEY_BYTES = 32;
export const SALT_BYTES = 24;
/** A sealed chunk of full length. */
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;

const MAX_CHUNKS = 2 ** 32;
const FORMAT_VERSION = 1;
/** `CGFILE`, then the format's version in 16 bits, big-endian. */
const NAME = Buffer.from('CGFILE', 'ascii');
const MAGIC = Buffer.from([...NAME, 0, FORMAT_VERSION]);
const INFO = Buffer.from('caregraph/file@v1+AEAD_AES_256_GCM\0', 'ascii');
const ALGORITHM = 'aes-256-gcm';
const AUTHENTICATED = { authTagLength: TAG_BYTES } as const;
const KEY_BYTES = 32;
const PREFIX_BYTES = 7;
const NONCE_BYTES = 12;
const COMMITMENT_BYTES = 32;
/** Below the size from which allocators ask the system for fresh pages each time. */
const STEP_BYTES = 65_536;

/** Whose content it is. Sealed under one context, it opens under no other. */
export type CipherContext = Readonly<Record<string, string>>;

/**
 * Seals chunks in rising order; `header` comes before the first. `seal` takes exactly 256 KiB unless `isLast`, and gives ciphertext and
 * tag in one buffer: in `into` where given (at least 16 bytes longer than `plain`, of another buffer), else in a fresh one. It throws a
 * `RangeError` for any other length, and for an index that is not higher than the one before, as a nonce serves only once.
 *
 * Whoever moves a long content gives `into`, here as below: nothing is left for the garbage collector, so that the process does not grow
 * (12 MiB over 1 GiB at most, against 100 MiB with fresh buffers), and the work takes half the time.
 */
export type Sealer = {
  readonly header: Uint8Array;
  readonly seal: (index: number, plain: Uint8Array, isLast: boolean, into?: Uint8Array) => Uint8Array;
};

/**
 * Opens chunks in any order. `open` gives plaintext in `into` where given (as long as the plaintext), else in a fresh buffer, and throws
 * `CipherError('chunk')` for bytes that were not sealed here, at this index, last or not; then `into` holds zeros.
 */
export type Opener = { readonly open: (index: number, sealed: Uint8Array, isLast: boolean, into?: Uint8Array) => Uint8Array };

/** `format`: no file of this format or version; `commitment`: other key or context, or another header; `chunk`: not what was sealed there. */
export type CipherErrorReason = 'format' | 'commitment' | 'chunk';

/** What was read is not what was sealed. Says nothing about the content. */
export class CipherError extends Error {
  override readonly name = 'CipherError';
  readonly reason: CipherErrorReason;
  constructor(reason: CipherErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Chunks of a content: one where it is empty. */
export const chunkCount = (plainBytes: number): number => {
  if (!Number.isSafeInteger(plainBytes) || plainBytes < 0) throw new RangeError('a content has a whole number of bytes');
  const chunks = Math.max(1, Math.ceil(plainBytes / CHUNK_BYTES));
  if (chunks > MAX_CHUNKS) throw new RangeError('a content has at most 2^32 chunks');
  return chunks;
};

/** Bytes of the file that a content of `plainBytes` becomes. */
export const sealedSize = (plainBytes: number): number => HEADER_BYTES + plainBytes + chunkCount(plainBytes) * TAG_BYTES;

/** Bytes of the content in a file of `sealedBytes`; null where no content becomes a file of that length. */
export const plainSize = (sealedBytes: number): number | null => {
  if (!Number.isSafeInteger(sealedBytes) || sealedBytes < HEADER_BYTES + TAG_BYTES) return null;
  const body = sealedBytes - HEADER_BYTES;
  const chunks = Math.ceil(body / SEALED_CHUNK_BYTES);
  const last = body - (chunks - 1) * SEALED_CHUNK_BYTES - TAG_BYTES;
  if (chunks > MAX_CHUNKS || last < 0 || (last === 0 && chunks > 1)) return null;
  return (chunks - 1) * CHUNK_BYTES + last;
};

/** Where a chunk begins in the file. */
const offsetOf = (index: number): number => HEADER_BYTES + index * SEALED_CHUNK_BYTES;

/** RFC 8785 JSON. A lone surrogate has no UTF-8, so a context with one could read like another. */
const contextBytes = (context: CipherContext): Buffer => {
  if (
    !Object.entries(context)
      .flat()
      .every((text) => text.isWellFormed())
  )
    throw new TypeError('a context holds well-formed text alone');
  return Buffer.from(canonicalize(context) ?? '', 'utf8');
};

type Derived = { readonly key: KeyObject; readonly prefix: Uint8Array; readonly commitment: Uint8Array };

const derive = (dataKey: Uint8Array, salt: Uint8Array, context: CipherContext): Derived => {
  if (dataKey.length !== DATA_KEY_BYTES) throw new TypeError(`a data key has ${DATA_KEY_BYTES} bytes`);
  const bytes = expandSha256(dataKey, Buffer.concat([INFO, salt, contextBytes(context)]), KEY_BYTES + PREFIX_BYTES + COMMITMENT_BYTES);
  const key = createSecretKey(bytes.subarray(0, KEY_BYTES));
  bytes.fill(0, 0, KEY_BYTES);
  return { key, prefix: bytes.subarray(KEY_BYTES, KEY_BYTES + PREFIX_BYTES), commitment: bytes.subarray(KEY_BYTES + PREFIX_BYTES) };
};

/** Derives what a header stands for; the commitment is compared in constant time before anything else is done with the key. */
const deriveFrom = (dataKey: Uint8Array, context: CipherContext, header: Uint8Array): Derived => {
  if (header.length !== HEADER_BYTES || !NAME.equals(header.subarray(0, NAME.length))) {
    throw new CipherError('format', 'this is no encrypted file');
  }
  if (!MAGIC.equals(header.subarray(0, MAGIC.length))) {
    const version = Buffer.from(header.subarray(NAME.length, MAGIC.length)).readUInt16BE();
    throw new CipherError('format', `format version ${version} is not known here, version ${FORMAT_VERSION} is`);
  }
  const derived = derive(dataKey, header.subarray(MAGIC.length, MAGIC.length + SALT_BYTES), context);
  if (!timingSafeEqual(derived.commitment, header.subarray(MAGIC.length + SALT_BYTES))) {
    throw new CipherError('commitment', 'the file was not sealed with this key for this context');
  }
  return derived;
};

const nonceOf = (prefix: Uint8Array, index: number, isLast: boolean): Buffer => {
  const nonce = Buffer.allocUnsafe(NONCE_BYTES);
  nonce.set(prefix);
  nonce.writeUInt32BE(index, PREFIX_BYTES);
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0;
  return nonce;
};

const isIndex = (index: number): boolean => Number.isInteger(index) && index >= 0 && index < MAX_CHUNKS;

const hasPlainLength = (index: number, length: number, isLast: boolean): boolean =>
  isLast ? length <= CHUNK_BYTES && (length > 0 || index === 0) : length === CHUNK_BYTES;

/**
 * Runs bytes through a cipher in steps. Each step's output is copied while it is warm and given back at once: Node allocates it afresh and
 * leaves it to the garbage collector otherwise, which takes longer than the cipher (`npm run bench -- files`: 0.9 of `openssl speed`
 * so, 0.45 with one step, 0.38 with `Buffer.concat`).
 */
const runThrough = (cipher: Cipheriv | Decipheriv, from: Uint8Array, into: Uint8Array): void => {
  for (let at = 0; at < from.length; at += STEP_BYTES) {
    const { buffer, byteOffset, byteLength } = cipher.update(from.subarray(at, at + STEP_BYTES));
    into.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    if (byteLength === buffer.byteLength && 'transfer' in buffer) buffer.transfer(0);
  }
};

/** Room for `length` bytes: the beginning of `into`, or a fresh buffer. */
const roomIn = (into: Uint8Array | undefined, length: number): Uint8Array => {
  if (into !== undefined && into.length < length) throw new RangeError('no room for the chunk');
  return into?.subarray(0, length) ?? Buffer.allocUnsafeSlow(length);
};

const makeSealer = ({ key, prefix }: Derived, header: Uint8Array): Sealer => {
  let next = 0;
  return {
    header,
    seal: (index, plain, isLast, into) => {
      if (!isIndex(index) || index < next) throw new RangeError('chunks are sealed once each, in rising order');
      if (!hasPlainLength(index, plain.length, isLast))
        throw new RangeError('every chunk but the last has 256 KiB, the last 1 byte to 256 KiB');
      const sealed = roomIn(into, plain.length + TAG_BYTES);
      next = isLast ? MAX_CHUNKS : index + 1;
      const cipher = createCipheriv(ALGORITHM, key, nonceOf(prefix, index, isLast), AUTHENTICATED);
      runThrough(cipher, plain, sealed);
      cipher.final();
      sealed.set(cipher.getAuthTag(), plain.length);
      return sealed;
    },
  };
};

const makeHeader = (derived: Derived, salt: Uint8Array): Uint8Array => Buffer.concat([MAGIC, salt, derived.commitment]);

/**
 * Begins a content. `dataKey` has 32 random bytes. The salt is drawn here; only vectors give one, as a salt that serves twice under one
 * data key and context uses nonces twice.
 */
export const beginSealing = (dataKey: Uint8Array, context: CipherContext, salt: Uint8Array = randomBytes(SALT_BYTES)): Sealer => {
  if (salt.length !== SALT_BYTES) throw new TypeError(`a salt has ${SALT_BYTES} bytes`);
  const derived = derive(dataKey, salt, context);
  return makeSealer(derived, makeHeader(derived, salt));
};

/**
 * Goes on with a content that was begun, under its header. What is sealed at an index has to be the bytes that were sealed there before, or
 * an index that no sealed chunk left this process for: two contents under one nonce give both away to whoever kept both ciphertexts.
 * Throws `CipherError` as `beginOpening` does.
 */
export const continueSealing = (dataKey: Uint8Array, context: CipherContext, header: Uint8Array): Sealer =>
  makeSealer(deriveFrom(dataKey, context, header), Uint8Array.from(header));

/** Reads a header. Throws `CipherError`: `format` for another format or version, `commitment` for another key, context or salt. */
export const beginOpening = (dataKey: Uint8Array, context: CipherContext, header: Uint8Array): Opener => {
  const { key, prefix } = deriveFrom(dataKey, context, header);
  return {
    open: (index, sealed, isLast, into) => {
      const end = sealed.length - TAG_BYTES;
      if (!isIndex(index) || end < 0 || !hasPlainLength(index, end, isLast)) {
        throw new CipherError('chunk', isLast ? 'the file does not end where it should' : 'a chunk has another length');
      }
      const plain = roomIn(into, end);
      const decipher = createDecipheriv(ALGORITHM, key, nonceOf(prefix, index, isLast), AUTHENTICATED);
      decipher.setAuthTag(sealed.subarray(end));
      runThrough(decipher, sealed.subarray(0, end), plain);
      try {
        decipher.final();
      } catch {
        plain.fill(0);
        throw new CipherError('chunk', 'a chunk is not what was sealed there');
      }
      return plain;
    },
  };
};

/**
 * Seals a whole content: gives the header, then chunk by chunk. With `into` (262,160 bytes) each chunk is a view of it that stays as it is
 * only until the next is asked for.
 */
export async function* sealStream(
  dataKey: Uint8Array,
  context: CipherContext,
  source: AsyncIterable<Uint8Array>,
  into?: Uint8Array,
): AsyncGenerator<Uint8Array, void, void> {
  const sealer = beginSealing(dataKey, context);
  yield sealer.header;
  let index = 0;
  for await (const { bytes, isLast } of rechunk(source, CHUNK_BYTES)) yield sealer.seal(index++, bytes, isLast, into);
}

/**
 * Opens a whole file, chunk by chunk, each given once it is authenticated. Throws `CipherError` where the file is another, cut short, or
 * longer than it was; what was given before is the true beginning of the content, and only an end without an error makes it whole.
 * With `into` (262,144 bytes) each chunk is a view of it that stays as it is only until the next is asked for.
 */
export async function* openStream(
  dataKey: Uint8Array,
  context: CipherContext,
  source: AsyncIterable<Uint8Array>,
  into?: Uint8Array,
): AsyncGenerator<Uint8Array, void, void> {
  let opener: Opener | null = null;
  let index = 0;
  for await (const { bytes, isLast } of rechunk(source, SEALED_CHUNK_BYTES, HEADER_BYTES)) {
    if (opener === null) {
      opener = beginOpening(dataKey, context, bytes);
      if (isLast) throw new CipherError('chunk', 'the file ends behind its header');
      continue;
    }
    const plain = opener.open(index++, bytes, isLast, into);
    if (plain.length > 0) yield plain;
  }
}

/**
 * Bytes `start` ≤ i < `end` of a content of `plainBytes`, by reading only the header and the chunks that hold them. `read` gives bytes
 * `start` ≤ i < `end` of the file, in pieces of any size. Throws `CipherError('chunk')` where `read` gives less or more than asked for.
 * `plainBytes` itself is proved only where the range reaches into the last chunk; an empty content is proved empty. `into` as above.
 */
export async function* openRange(
  dataKey: Uint8Array,
  context: CipherContext,
  read: (start: number, end: number) => Promise<AsyncIterable<Uint8Array>>,
  plainBytes: number,
  start: number,
  end: number,
  into?: Uint8Array,
): AsyncGenerator<Uint8Array, void, void> {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end || end > plainBytes) {
    throw new RangeError('the range does not lie within the content');
  }
  const chunks = chunkCount(plainBytes);
  if (start === end && plainBytes > 0) return;
  const first = Math.floor(start / CHUNK_BYTES);
  const behind = plainBytes === 0 ? 1 : Math.ceil(end / CHUNK_BYTES);
  const stop = behind === chunks ? sealedSize(plainBytes) : offsetOf(behind);
  let opener: Opener | null = null;
  let index = first;
  if (first > 0) {
    for await (const { bytes } of rechunk(await read(0, HEADER_BYTES), HEADER_BYTES)) opener = beginOpening(dataKey, context, bytes);
  }
  const source = await read(first === 0 ? 0 : offsetOf(first), stop);
  for await (const { bytes, isLast } of rechunk(source, SEALED_CHUNK_BYTES, first === 0 ? HEADER_BYTES : SEALED_CHUNK_BYTES)) {
    if (opener === null) {
      opener = beginOpening(dataKey, context, bytes);
      if (isLast) throw new CipherError('chunk', 'the file ends behind its header');
      continue;
    }
    if (isLast !== (index === behind - 1)) throw new CipherError('chunk', 'the file has another length');
    const plain = opener.open(index, bytes, index === chunks - 1, into);
    if (plain.length !== Math.min(CHUNK_BYTES, plainBytes - index * CHUNK_BYTES))
      throw new CipherError('chunk', 'the file has another length');
    const from = Math.max(0, start - index * CHUNK_BYTES);
    const to = Math.min(plain.length, end - index * CHUNK_BYTES);
    index++;
    if (to > from) yield plain.subarray(from, to);
  }
}
