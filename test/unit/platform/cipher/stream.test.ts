import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rechunk } from '#platform/cipher/rechunk.ts';
import {
  beginOpening,
  beginSealing,
  CHUNK_BYTES,
  type CipherContext,
  CipherError,
  chunkCount,
  continueSealing,
  HEADER_BYTES,
  openRange,
  openStream,
  plainSize,
  SEALED_CHUNK_BYTES,
  sealedSize,
  sealStream,
  TAG_BYTES,
} from '#platform/cipher/stream.ts';
import { applyChanges, type Change, patternOf, sealWhole } from '#test/unit/platform/vectors/file-vectors.ts';

const KEY = Buffer.alloc(32, 7);
const CONTEXT: CipherContext = { city: 'MTL', patient: 'MTL-pat-1', file: 'MTL-fil-1', version: 'MTL-ver-1', key: 'k-1' };

async function* inPieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? bytes.length;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
const gather = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
};
const openWhole = (sealed: Uint8Array, key: Uint8Array = KEY, context: CipherContext = CONTEXT): Promise<Buffer> =>
  gather(openStream(key, context, inPieces(sealed, [sealed.length])));
/** What came out before the error, and its reason. */
const tryOpening = async (sealed: Uint8Array, key: Uint8Array = KEY, context: CipherContext = CONTEXT) => {
  const given: Uint8Array[] = [];
  try {
    for await (const piece of openStream(key, context, inPieces(sealed, [sealed.length || 1]))) given.push(piece);
    return { reason: 'none', given: Buffer.concat(given) };
  } catch (fault) {
    if (!(fault instanceof CipherError)) throw fault;
    return { reason: fault.reason, given: Buffer.concat(given) };
  }
};
const reader =
  (sealed: Uint8Array, asked: [number, number][] = []) =>
  async (start: number, end: number) => {
    asked.push([start, end]);
    return inPieces(sealed.subarray(start, end), [70_001]);
  };

const EDGES = [
  0,
  1,
  2,
  CHUNK_BYTES - 1,
  CHUNK_BYTES,
  CHUNK_BYTES + 1,
  2 * CHUNK_BYTES - 1,
  2 * CHUNK_BYTES,
  2 * CHUNK_BYTES + 1,
  3 * CHUNK_BYTES,
];
const aSize = fc.oneof(fc.constantFrom(...EDGES), fc.nat({ max: 3 * CHUNK_BYTES }));
const pieceSizes = fc.array(fc.integer({ min: 1_000, max: 600_000 }), { minLength: 1, maxLength: 4 });
const LONG = patternOf(2 * CHUNK_BYTES + 10);
const SEALED = sealWhole(KEY, CONTEXT, LONG);
const CHUNKS = [0, 1, 2].map((i) => HEADER_BYTES + i * SEALED_CHUNK_BYTES);

describe('sizes', () => {
  it.each([
    [0, 1, 80],
    [1, 1, 81],
    [CHUNK_BYTES, 1, 64 + CHUNK_BYTES + 16],
    [CHUNK_BYTES + 1, 2, 64 + CHUNK_BYTES + 1 + 32],
    [2 ** 50, 2 ** 32, 64 + 2 ** 50 + 2 ** 36],
  ])('of a content of %d bytes', (plain, chunks, sealed) => {
    expect([chunkCount(plain), sealedSize(plain), plainSize(sealed)]).toEqual([chunks, sealed, plain]);
  });

  it('belong to each other, and lengths in between to no content', () => {
    fc.assert(fc.property(fc.nat({ max: 2 ** 50 }), (plain) => plainSize(sealedSize(plain)) === plain));
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 50 }), (sealed) => {
        const plain = plainSize(sealed);
        return plain === null || sealedSize(plain) === sealed;
      }),
    );
    const full = HEADER_BYTES + SEALED_CHUNK_BYTES;
    expect([0, 63, 64, 79, full + 1, full + 16, 80.5, Number.NaN, -1, sealedSize(2 ** 50) + 17].map(plainSize)).toEqual(
      Array(10).fill(null),
    );
  });

  it('beyond 2^32 chunks are none', () => {
    expect(() => chunkCount(2 ** 50 + 1)).toThrow(RangeError);
    expect(() => sealedSize(-1)).toThrow(RangeError);
    expect(() => chunkCount(1.5)).toThrow(RangeError);
  });
});

describe('rechunk', () => {
  it('gives exact chunks, the last marked, whatever the pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 1, max: 24 }),
        async (pieces, size, first) => {
          const chunks: { bytes: Buffer; isLast: boolean }[] = [];
          async function* source() {
            yield* pieces;
          }
          for await (const chunk of rechunk(source(), size, first)) chunks.push({ ...chunk, bytes: Buffer.from(chunk.bytes) });
          expect(Buffer.concat(chunks.map(({ bytes }) => bytes))).toEqual(Buffer.concat(pieces));
          expect(chunks.map(({ isLast }) => isLast)).toEqual(chunks.map((_, i) => i === chunks.length - 1));
          const lengths = chunks.map(({ bytes }) => bytes.length);
          lengths.slice(0, -1).forEach((length, i) => {
            expect(length).toBe(i === 0 ? first : size);
          });
          if (chunks.length > 1) expect(lengths.at(-1)).toBeGreaterThan(0);
          expect(lengths.at(-1)).toBeLessThanOrEqual(chunks.length > 1 ? size : first);
        },
      ),
    );
  });

  it('ends its source when nobody wants more', async () => {
    let ended = false;
    async function* source() {
      try {
        for (;;) yield new Uint8Array(100);
      } finally {
        ended = true;
      }
    }
    for await (const { bytes } of rechunk(source(), 64)) {
      expect(bytes).toHaveLength(64);
      break;
    }
    expect(ended).toBe(true);
  });
});

describe('a sealed content', () => {
  it('opens to itself, whatever its size and the pieces both ways', async () => {
    await fc.assert(
      fc.asyncProperty(aSize, pieceSizes, pieceSizes, async (size, inwards, outwards) => {
        const plain = patternOf(size);
        const sealed = await gather(sealStream(KEY, CONTEXT, inPieces(plain, inwards)));
        expect(sealed.length).toBe(sealedSize(size));
        expect((await gather(openStream(KEY, CONTEXT, inPieces(sealed, outwards)))).equals(plain)).toBe(true);
      }),
      { numRuns: 25, examples: EDGES.map((size) => [size, [CHUNK_BYTES], [SEALED_CHUNK_BYTES]]) },
    );
  }, 60_000);

  it('is another each time, and shows nothing of its content', async () => {
    const plain = Buffer.from('a text that nobody may find in a store');
    const [one, other] = [sealWhole(KEY, CONTEXT, plain), sealWhole(KEY, CONTEXT, plain)];
    expect(one.subarray(8, 32).equals(other.subarray(8, 32))).toBe(false);
    expect(one.subarray(64).equals(other.subarray(64))).toBe(false);
    expect(one.includes('nobody')).toBe(false);
  });

  it('opens under the same context in another order, and under no other context, key or salt', async () => {
    const reordered = Object.fromEntries(Object.entries(CONTEXT).toReversed());
    expect((await openWhole(SEALED, KEY, reordered)).equals(LONG)).toBe(true);
    for (const name of Object.keys(CONTEXT)) {
      expect(await tryOpening(SEALED, KEY, { ...CONTEXT, [name]: `${CONTEXT[name]}x` })).toEqual({
        reason: 'commitment',
        given: Buffer.alloc(0),
      });
    }
    const { city: _, ...less } = CONTEXT;
    expect((await tryOpening(SEALED, KEY, less)).reason).toBe('commitment');
    expect((await tryOpening(SEALED, Buffer.alloc(32, 8))).reason).toBe('commitment');
    const otherSalt = Buffer.from(SEALED);
    sealWhole(KEY, CONTEXT, LONG).copy(otherSalt, 8, 8, 64);
    expect(await tryOpening(otherSalt)).toEqual({ reason: 'chunk', given: Buffer.alloc(0) });
  });

  it('is refused with any bit flipped, and what comes before the flaw is true', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.nat({ max: SEALED.length - 1 }),
          fc.nat({ max: HEADER_BYTES - 1 }),
          fc.nat({ max: 25 }).map((i) => SEALED.length - 1 - i),
        ),
        fc.nat({ max: 7 }),
        async (offset, bit) => {
          const { reason, given } = await tryOpening(applyChanges(SEALED, [{ op: 'flip', offset, mask: 1 << bit }]));
          expect(reason).toBe(offset < 8 ? 'format' : offset < HEADER_BYTES ? 'commitment' : 'chunk');
          expect(given.length).toBeLessThan(LONG.length);
          expect(given.equals(LONG.subarray(0, given.length))).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);

  it('is refused cut at any place', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.nat({ max: SEALED.length - 1 }), fc.constantFrom(...CHUNKS)), async (bytes) => {
        const { reason, given } = await tryOpening(SEALED.subarray(0, bytes));
        expect(reason).toBe(bytes < HEADER_BYTES ? 'format' : 'chunk');
        expect(given.equals(LONG.subarray(0, given.length))).toBe(true);
        expect(given.length).toBeLessThan(LONG.length);
      }),
      { numRuns: 80 },
    );
  }, 60_000);

  it.each<[string, readonly Change[]]>([
    ['a chunk dropped', [{ op: 'remove', start: CHUNKS[0] ?? 0, end: CHUNKS[1] ?? 0 }]],
    ['the middle chunk dropped', [{ op: 'remove', start: CHUNKS[1] ?? 0, end: CHUNKS[2] ?? 0 }]],
    ['a chunk repeated', [{ op: 'repeat', start: CHUNKS[1] ?? 0, end: CHUNKS[2] ?? 0 }]],
    ['the last chunk repeated', [{ op: 'repeat', start: CHUNKS[2] ?? 0, end: SEALED.length }]],
    ['two chunks exchanged', [{ op: 'exchange', first: CHUNKS[0] ?? 0, second: CHUNKS[1] ?? 0, bytes: SEALED_CHUNK_BYTES }]],
    ['a byte behind its end', [{ op: 'append', hex: '00' }]],
  ])('is refused with %s', async (_, changes) => {
    const { reason, given } = await tryOpening(applyChanges(SEALED, changes));
    expect(reason).toBe('chunk');
    expect(given.equals(LONG.subarray(0, given.length))).toBe(true);
  });

  it('is refused with chunks of another content under the same key and context', async () => {
    const other = sealWhole(KEY, CONTEXT, LONG);
    const mixed = Buffer.from(SEALED);
    other.copy(mixed, CHUNKS[1], CHUNKS[1], CHUNKS[2]);
    expect((await tryOpening(mixed)).reason).toBe('chunk');
  });

  it('of a later format is told from what is no file of ours', async () => {
    const later = Buffer.from(SEALED);
    later.writeUInt16BE(513, 6);
    expect(() => beginOpening(KEY, CONTEXT, later.subarray(0, HEADER_BYTES))).toThrow('format version 513 is not known here');
    expect(() => beginOpening(KEY, CONTEXT, Buffer.alloc(HEADER_BYTES))).toThrow('no encrypted file');
    expect(() => beginOpening(KEY, CONTEXT, SEALED.subarray(0, HEADER_BYTES - 1))).toThrow('no encrypted file');
    expect(() => beginOpening(KEY, CONTEXT, SEALED)).toThrow('no encrypted file');
  });
});

describe('a range', () => {
  it('is the slice, read from no more than its chunks', async () => {
    await fc.assert(
      fc.asyncProperty(aSize, fc.nat(), fc.nat(), async (size, a, b) => {
        const plain = patternOf(size);
        const sealed = sealWhole(KEY, CONTEXT, plain);
        const [start = 0, end = 0] = [a % (size + 1), b % (size + 1)].toSorted((x, y) => x - y);
        const asked: [number, number][] = [];
        const got = await gather(openRange(KEY, CONTEXT, reader(sealed, asked), size, start, end));
        expect(got.equals(plain.subarray(start, end))).toBe(true);
        const bytes = asked.reduce((sum, [from, to]) => sum + to - from, 0);
        expect(bytes).toBeLessThanOrEqual(HEADER_BYTES + end - start + 2 * SEALED_CHUNK_BYTES);
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  it('is refused where its chunk was changed, and is given where another was', async () => {
    const changed = applyChanges(SEALED, [{ op: 'flip', offset: (CHUNKS[1] ?? 0) + 9, mask: 1 }]);
    await expect(gather(openRange(KEY, CONTEXT, reader(changed), LONG.length, CHUNK_BYTES + 5, CHUNK_BYTES + 6))).rejects.toMatchObject({
      reason: 'chunk',
    });
    const got = await gather(openRange(KEY, CONTEXT, reader(changed), LONG.length, 2 * CHUNK_BYTES, LONG.length));
    expect(got.equals(LONG.subarray(2 * CHUNK_BYTES))).toBe(true);
  });

  it.each([
    ['shorter', (sealed: Buffer) => sealed.subarray(0, -1)],
    ['at a chunk’s end', (sealed: Buffer) => sealed.subarray(0, CHUNKS[2])],
    ['behind the header', (sealed: Buffer) => sealed.subarray(0, HEADER_BYTES)],
  ])('is refused from a file that ends %s', async (_, cut) => {
    await expect(gather(openRange(KEY, CONTEXT, reader(cut(SEALED)), LONG.length, 0, LONG.length))).rejects.toMatchObject({
      reason: 'chunk',
    });
    await expect(gather(openRange(KEY, CONTEXT, reader(cut(SEALED)), LONG.length, LONG.length - 1, LONG.length))).rejects.toMatchObject({
      reason: 'chunk',
    });
  });

  it('is refused from a reader that gives more than was asked for', async () => {
    const tooMuch = async (start: number) => inPieces(SEALED.subarray(start), [99_999]);
    await expect(gather(openRange(KEY, CONTEXT, tooMuch, LONG.length, 0, 10))).rejects.toMatchObject({ reason: 'chunk' });
  });

  it('to the end is refused under another length', async () => {
    for (const length of [2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 9, 3 * CHUNK_BYTES]) {
      await expect(gather(openRange(KEY, CONTEXT, reader(SEALED), length, 0, length))).rejects.toMatchObject({ reason: 'chunk' });
    }
  });

  it('of an empty content is proved empty; one outside of the content is a fault', async () => {
    const empty = sealWhole(KEY, CONTEXT, Buffer.alloc(0));
    expect(await gather(openRange(KEY, CONTEXT, reader(empty), 0, 0, 0))).toHaveLength(0);
    await expect(
      gather(openRange(KEY, CONTEXT, reader(applyChanges(empty, [{ op: 'flip', offset: 70, mask: 1 }])), 0, 0, 0)),
    ).rejects.toMatchObject({ reason: 'chunk' });
    await expect(gather(openRange(KEY, CONTEXT, reader(SEALED), LONG.length, 0, LONG.length + 1))).rejects.toThrow(RangeError);
    await expect(gather(openRange(KEY, CONTEXT, reader(SEALED), LONG.length, 2, 1))).rejects.toThrow(RangeError);
  });
});

describe('a buffer that is used again', () => {
  it('serves every chunk of a stream both ways, and holds no more than the last', async () => {
    const room = new Uint8Array(SEALED_CHUNK_BYTES);
    const copied = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
      const all: Buffer[] = [];
      for await (const piece of stream) {
        if (piece.length !== HEADER_BYTES) expect(piece.buffer).toBe(room.buffer);
        all.push(Buffer.from(piece));
      }
      return Buffer.concat(all);
    };
    for (const size of EDGES) {
      const plain = patternOf(size);
      const sealed = await copied(sealStream(KEY, CONTEXT, inPieces(plain, [65_536]), room));
      expect(sealed.length).toBe(sealedSize(size));
      expect((await copied(openStream(KEY, CONTEXT, inPieces(sealed, [65_536]), room))).equals(plain)).toBe(true);
      const range = await copied(openRange(KEY, CONTEXT, reader(sealed), size, Math.floor(size / 3), size, room));
      expect(range.equals(plain.subarray(Math.floor(size / 3)))).toBe(true);
    }
  });

  it('holds nothing of a chunk that was refused', () => {
    const sealer = beginSealing(KEY, CONTEXT);
    const sealed = Buffer.from(sealer.seal(0, Buffer.from('not to be seen'), true));
    const room = Buffer.alloc(100, 0xee);
    const opener = beginOpening(KEY, CONTEXT, sealer.header);
    expect(() => opener.open(0, applyChanges(sealed, [{ op: 'flip', offset: 20, mask: 1 }]), true, room)).toThrow(CipherError);
    expect(room.subarray(0, 14).equals(Buffer.alloc(14))).toBe(true);
    expect(() => opener.open(0, sealed, true, Buffer.alloc(13))).toThrow(RangeError);
    expect(Buffer.from(opener.open(0, sealed, true, room)).toString()).toBe('not to be seen');
  });
});

describe('a sealer', () => {
  it('goes on under the header of before, in another process', async () => {
    const begun = beginSealing(KEY, CONTEXT);
    const first = begun.seal(0, LONG.subarray(0, CHUNK_BYTES), false);
    const goingOn = continueSealing(KEY, CONTEXT, Uint8Array.from(begun.header));
    const rest = [
      goingOn.seal(1, LONG.subarray(CHUNK_BYTES, 2 * CHUNK_BYTES), false),
      goingOn.seal(2, LONG.subarray(2 * CHUNK_BYTES), true),
    ];
    expect((await openWhole(Buffer.concat([goingOn.header, first, ...rest]))).equals(LONG)).toBe(true);
    expect(() => continueSealing(KEY, { ...CONTEXT, file: 'MTL-fil-2' }, begun.header)).toThrow(CipherError);
    expect(() => continueSealing(Buffer.alloc(32), CONTEXT, begun.header)).toThrow(CipherError);
  });

  it('writes into a buffer that it is given, and not behind the chunk', () => {
    const salt = Buffer.alloc(24, 1);
    const into = Buffer.alloc(100, 0xee);
    const sealed = beginSealing(KEY, CONTEXT, salt).seal(0, Buffer.from('short'), true, into);
    expect(sealed.buffer).toBe(into.buffer);
    expect(Buffer.from(sealed)).toEqual(Buffer.from(beginSealing(KEY, CONTEXT, salt).seal(0, Buffer.from('short'), true)));
    expect(into.subarray(sealed.length).every((byte) => byte === 0xee)).toBe(true);
    expect(() => beginSealing(KEY, CONTEXT).seal(0, Buffer.alloc(90), true, into)).toThrow(RangeError);
  });

  it('takes no chunk of another length, none twice, none out of order and none behind the last', () => {
    const sealer = beginSealing(KEY, CONTEXT);
    const full = Buffer.alloc(CHUNK_BYTES);
    expect(() => sealer.seal(0, full.subarray(1), false)).toThrow(RangeError);
    expect(() => sealer.seal(0, Buffer.alloc(CHUNK_BYTES + 1), true)).toThrow(RangeError);
    expect(() => sealer.seal(1, Buffer.alloc(0), true)).toThrow(RangeError);
    for (const index of [-1, 0.5, 2 ** 32, Number.NaN]) expect(() => sealer.seal(index, full, false)).toThrow(RangeError);
    sealer.seal(0, full, false);
    expect(() => sealer.seal(0, full, false)).toThrow(RangeError);
    sealer.seal(2 ** 32 - 1, full, true);
    expect(() => sealer.seal(2 ** 32 - 1, full, true)).toThrow(RangeError);
  });

  it('takes a data key of 32 bytes, a salt of 24 and well-formed text alone', () => {
    expect(() => beginSealing(Buffer.alloc(31), CONTEXT)).toThrow(TypeError);
    expect(() => beginSealing(KEY, CONTEXT, Buffer.alloc(23))).toThrow(TypeError);
    expect(() => beginSealing(KEY, { file: '\ud800' })).toThrow(TypeError);
    expect(() => beginSealing(KEY, { '\udc00': 'file' })).toThrow(TypeError);
  });

  it('makes the highest chunk that there can be, at its own place alone', () => {
    const sealer = beginSealing(KEY, CONTEXT);
    const sealed = sealer.seal(2 ** 32 - 1, Buffer.from('end'), true);
    const opener = beginOpening(KEY, CONTEXT, sealer.header);
    expect(Buffer.from(opener.open(2 ** 32 - 1, sealed, true)).toString()).toBe('end');
    for (const index of [0, 255, 2 ** 31, 2 ** 32, -1]) expect(() => opener.open(index, sealed, true)).toThrow(CipherError);
    expect(() => opener.open(2 ** 32 - 1, sealed.subarray(0, TAG_BYTES), true)).toThrow(CipherError);
  });
});
