/**
 * The vectors of `docs/vectors/file-format-v1.json`, made anew: `node test/unit/platform/vectors/file-vectors.ts` prints the file.
 * The published file never changes; a test compares.
 */
import { createHash } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { beginSealing, CHUNK_BYTES, chunkCount, HEADER_BYTES, SEALED_CHUNK_BYTES } from '#platform/cipher/stream.ts';

/** What is done to a sealed file, in order; offsets in bytes. */
export type Change =
  | { readonly op: 'flip'; readonly offset: number; readonly mask: number }
  | { readonly op: 'keep'; readonly bytes: number }
  | { readonly op: 'remove'; readonly start: number; readonly end: number }
  | { readonly op: 'repeat'; readonly start: number; readonly end: number }
  | { readonly op: 'exchange'; readonly first: number; readonly second: number; readonly bytes: number }
  | { readonly op: 'append'; readonly hex: string };
export type FileVector = {
  readonly name: string;
  readonly dataKey: string;
  readonly salt: string;
  readonly context: Readonly<Record<string, string>>;
  readonly plainBytes: number;
  readonly sealedBytes: number;
  readonly header: string;
  readonly plainSha256: string;
  readonly sealedSha256: string;
  /** The whole file where it is short. */
  readonly sealed?: string;
};
export type RefusedVector = {
  readonly name: string;
  readonly of: string;
  readonly changes: readonly Change[];
  /** Instead of the vector's own. */
  readonly dataKey?: string;
  readonly context?: Readonly<Record<string, string>>;
  readonly reason: 'format' | 'commitment' | 'chunk';
};
export type FileVectors = { readonly about: string; readonly vectors: readonly FileVector[]; readonly refused: readonly RefusedVector[] };

/** Byte i is i mod 251, so that no two chunks are alike. */
export const patternOf = (bytes: number): Buffer => Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => i % 251));

export const sealWhole = (dataKey: Uint8Array, context: Readonly<Record<string, string>>, plain: Uint8Array, salt?: Uint8Array): Buffer => {
  const sealer = beginSealing(dataKey, context, salt);
  const chunks = chunkCount(plain.length);
  return Buffer.concat([
    sealer.header,
    ...Array.from({ length: chunks }, (_, i) => sealer.seal(i, plain.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES), i === chunks - 1)),
  ]);
};

const applyChange = (file: Buffer, change: Change): Buffer => {
  switch (change.op) {
    case 'flip': {
      const flipped = Buffer.from(file);
      flipped[change.offset] = (flipped[change.offset] ?? 0) ^ change.mask;
      return flipped;
    }
    case 'keep':
      return file.subarray(0, change.bytes);
    case 'remove':
      return Buffer.concat([file.subarray(0, change.start), file.subarray(change.end)]);
    case 'repeat':
      return Buffer.concat([file.subarray(0, change.end), file.subarray(change.start)]);
    case 'exchange': {
      const exchanged = Buffer.from(file);
      file.copy(exchanged, change.first, change.second, change.second + change.bytes);
      file.copy(exchanged, change.second, change.first, change.first + change.bytes);
      return exchanged;
    }
    case 'append':
      return Buffer.concat([file, Buffer.from(change.hex, 'hex')]);
  }
};

export const applyChanges = (sealed: Buffer, changes: readonly Change[]): Buffer => changes.reduce(applyChange, sealed);

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const DATA_KEY = Buffer.from(Uint8Array.from({ length: 32 }, (_, i) => i)).toString('hex');
const OTHER_KEY = Buffer.from(Uint8Array.from({ length: 32 }, (_, i) => i + 1)).toString('hex');
const CONTEXT = { city: 'MTL', patient: 'MTL-pat-1', file: 'MTL-fil-1', version: 'MTL-ver-1', key: 'MTL-blb-1' };
const SHOWN_BYTES = 300;

const makeVector = (
  name: string,
  plainBytes: number,
  saltByte: number,
  context: Readonly<Record<string, string>> = CONTEXT,
): FileVector => {
  const salt = Buffer.alloc(24, saltByte);
  const plain = patternOf(plainBytes);
  const sealed = sealWhole(Buffer.from(DATA_KEY, 'hex'), context, plain, salt);
  return {
    name,
    dataKey: DATA_KEY,
    salt: salt.toString('hex'),
    context,
    plainBytes,
    sealedBytes: sealed.length,
    header: sealed.subarray(0, HEADER_BYTES).toString('hex'),
    plainSha256: sha256(plain),
    sealedSha256: sha256(sealed),
    ...(sealed.length <= SHOWN_BYTES ? { sealed: sealed.toString('hex') } : {}),
  };
};

export const makeFileVectors = (): FileVectors => {
  const first = HEADER_BYTES;
  const second = first + SEALED_CHUNK_BYTES;
  const third = second + SEALED_CHUNK_BYTES;
  const end = third + 10 + 16;
  return {
    about:
      'Version 1 of the file format of docs/file-format.md. Byte i of every content is i mod 251; byte strings in hex. ' +
      'Every file of "vectors" opens to its content; every one of "refused", a file of "vectors" with changes in order, must not open.',
    vectors: [
      makeVector('empty', 0, 0x10),
      makeVector('one byte', 1, 0x11),
      makeVector('a short text', 100, 0x12),
      makeVector('names beyond ASCII, in another order', 33, 0x13, {
        z: 'é\u{1F600}',
        Ä: '"\\\n',
        a: '',
        '\u{FB33}': '\u{20AC}',
        '\u{1F600}': '\u007f',
      }),
      makeVector('no context', 16, 0x14, {}),
      makeVector('a chunk less one', CHUNK_BYTES - 1, 0x15),
      makeVector('a chunk', CHUNK_BYTES, 0x16),
      makeVector('a chunk and one', CHUNK_BYTES + 1, 0x17),
      makeVector('two chunks', 2 * CHUNK_BYTES, 0x18),
      makeVector('two chunks and ten', 2 * CHUNK_BYTES + 10, 0x19),
    ],
    refused: [
      { name: 'another magic', of: 'one byte', changes: [{ op: 'flip', offset: 0, mask: 1 }], reason: 'format' },
      { name: 'a version that is not known', of: 'one byte', changes: [{ op: 'flip', offset: 7, mask: 3 }], reason: 'format' },
      { name: 'a header cut short', of: 'one byte', changes: [{ op: 'keep', bytes: 63 }], reason: 'format' },
      { name: 'nothing', of: 'one byte', changes: [{ op: 'keep', bytes: 0 }], reason: 'format' },
      { name: 'another salt', of: 'one byte', changes: [{ op: 'flip', offset: 8, mask: 128 }], reason: 'commitment' },
      { name: 'another commitment', of: 'one byte', changes: [{ op: 'flip', offset: 63, mask: 1 }], reason: 'commitment' },
      { name: 'another data key', of: 'one byte', changes: [], dataKey: OTHER_KEY, reason: 'commitment' },
      { name: 'another patient', of: 'one byte', changes: [], context: { ...CONTEXT, patient: 'MTL-pat-2' }, reason: 'commitment' },
      { name: 'a context with one value more', of: 'one byte', changes: [], context: { ...CONTEXT, more: '' }, reason: 'commitment' },
      { name: 'a header alone', of: 'empty', changes: [{ op: 'keep', bytes: 64 }], reason: 'chunk' },
      { name: 'a tag cut short', of: 'empty', changes: [{ op: 'keep', bytes: 79 }], reason: 'chunk' },
      {
        name: 'a flipped bit of ciphertext',
        of: 'two chunks and ten',
        changes: [{ op: 'flip', offset: second + 5, mask: 4 }],
        reason: 'chunk',
      },
      { name: 'a flipped bit of a tag', of: 'two chunks and ten', changes: [{ op: 'flip', offset: second - 1, mask: 1 }], reason: 'chunk' },
      { name: 'a byte cut off', of: 'two chunks and ten', changes: [{ op: 'keep', bytes: end - 1 }], reason: 'chunk' },
      { name: 'the last chunk cut off', of: 'two chunks and ten', changes: [{ op: 'keep', bytes: third }], reason: 'chunk' },
      { name: 'a chunk removed', of: 'two chunks and ten', changes: [{ op: 'remove', start: first, end: second }], reason: 'chunk' },
      { name: 'a chunk repeated', of: 'two chunks and ten', changes: [{ op: 'repeat', start: first, end: second }], reason: 'chunk' },
      {
        name: 'two chunks exchanged',
        of: 'two chunks and ten',
        changes: [{ op: 'exchange', first, second, bytes: SEALED_CHUNK_BYTES }],
        reason: 'chunk',
      },
      { name: 'a byte behind the end', of: 'two chunks and ten', changes: [{ op: 'append', hex: '00' }], reason: 'chunk' },
      { name: 'an empty chunk behind a full last one', of: 'a chunk', changes: [{ op: 'append', hex: '00'.repeat(16) }], reason: 'chunk' },
      { name: 'a last chunk that goes on', of: 'a chunk', changes: [{ op: 'repeat', start: first, end: second }], reason: 'chunk' },
    ],
  };
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(JSON.stringify(makeFileVectors(), null, 2));
