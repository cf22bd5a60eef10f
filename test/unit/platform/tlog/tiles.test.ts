import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  EMPTY_ROOT,
  hashLeaf,
  proveConsistency,
  proveInclusion,
  readRoot,
  verifyConsistency,
  verifyInclusion,
} from '#platform/tlog/merkle.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { openTileWriter } from '#platform/tlog/tile-writer.ts';
import {
  edgeTiles,
  formatBundle,
  MAX_ENTRY_BYTES,
  parseBundle,
  parseTile,
  parseTilePath,
  type TileId,
  type TileSource,
  tilePath,
  tilesSince,
  widthOfTile,
} from '#platform/tlog/tiles.ts';
import { aLog, anEntry, flip, someEntries } from './builders.ts';
import { naiveRoot } from './naive-tree.ts';

const tiles: fc.Arbitrary<TileId> = fc.record({
  level: fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const)),
  index: fc.oneof(fc.nat({ max: 3_000 }), fc.maxSafeInteger().map(Math.abs)),
  width: fc.integer({ min: 1, max: 256 }),
});

describe('the path of a tile', () => {
  it.each([
    [{ level: 0, index: 1_234_067, width: 256 }, 'tile/0/x001/x234/067'],
    [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
    [{ level: 0, index: 1_000, width: 256 }, 'tile/0/x001/000'],
    [{ level: 2, index: 0, width: 1 }, 'tile/2/000.p/1'],
    [{ level: 'entries', index: 273, width: 112 }, 'tile/entries/273.p/112'],
    [{ level: 63, index: 999, width: 255 }, 'tile/63/999.p/255'],
  ] as const)('of %j is %s', (tile, path) => {
    expect(tilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual(tile);
  });

  it('is read as it was written', () => {
    fc.assert(
      fc.property(tiles, (tile) => {
        expect(parseTilePath(tilePath(tile))).toEqual(tile);
      }),
    );
  });

  it.each([
    'tile/0/x000/001',
    'tile/0/x001',
    'tile/0/001/002',
    'tile/0/1',
    'tile/0/0001',
    'tile/00/000',
    'tile/64/000',
    'tile/-1/000',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/',
    'tile/0/000.p/1/',
    '/tile/0/000',
    'tile/0/000\n',
    'tile/0/x00a/000',
    'tile/entries',
    'tile/entries/000.p/300',
    'tile/data/000',
    'tile/0/../0/000',
    'tile/0/x999/x999/x999/x999/x999/999',
    'checkpoint',
    '',
  ])('is not %j', (path) => {
    expect(parseTilePath(path)).toBeNull();
  });
});

describe('the tiles of a tree', () => {
  it('of 70,000 entries are those that the specification counts', () => {
    const all = [...tilesSince(0, 70_000)];
    const count = (level: number, isFull: boolean): number =>
      all.filter((tile) => tile.level === level && (tile.width === 256) === isFull).length;
    expect([count(0, true), count(0, false), count(1, true), count(1, false), count(2, true), count(2, false)]).toEqual([
      273, 1, 1, 1, 0, 1,
    ]);
    expect(edgeTiles(70_000)).toEqual([
      { level: 0, index: 273, width: 112 },
      { level: 1, index: 1, width: 17 },
      { level: 2, index: 0, width: 1 },
    ]);
    expect([...tilesSince(0, 256)]).toEqual([
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ]);
    expect([...tilesSince(0, 0)]).toEqual([]);
  });

  it('that a new size makes are those that the writer gives, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 1_500 }), fc.nat({ max: 1_500 }), async (before, more) => {
        const { writer } = await aLog(before);
        writer.append(someEntries(more).map(hashLeaf));
        const given = writer
          .takeTiles()
          .map(({ tile }) => tilePath(tile))
          .sort();
        expect(given).toEqual([...tilesSince(before, before + more)].map(tilePath).sort());
        expect(writer.takeTiles()).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it('are as wide as the tree reaches', () => {
    expect([0, 255, 256, 300].map((size) => widthOfTile(0, 0, size))).toEqual([0, 255, 256, 256]);
    expect([255, 256, 300, 70_000].map((size) => widthOfTile(1, 0, size))).toEqual([0, 1, 1, 256]);
    expect(widthOfTile('entries', 273, 70_000)).toBe(112);
    expect(widthOfTile(0, 274, 70_000)).toBe(0);
  });

  it('have the length of their hashes, or are none', () => {
    const full = new Uint8Array(8_192);
    expect(parseTile(full, { width: 256 })).toHaveLength(8_192);
    expect(parseTile(full, { width: 3 })).toHaveLength(96);
    for (const length of [0, 31, 95, 97, 128, 8_191, 8_193])
      expect(() => parseTile(new Uint8Array(length), { width: 3 })).toThrow('3 hashes');
  });
});

describe('a bundle of entries', () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 256 });

  it('is read as it was written', () => {
    fc.assert(
      fc.property(entries, (list) => {
        expect(parseBundle(formatBundle(list), { width: list.length })).toEqual(list);
      }),
      { numRuns: 40 },
    );
    expect(Buffer.from(formatBundle([anEntry(7), new Uint8Array(0)])).toString('latin1')).toBe('\0\x07entry 7\0\0');
  });

  it('takes entries of 0 to 65,535 bytes, 1 to 256 of them', () => {
    const longest = new Uint8Array(MAX_ENTRY_BYTES).fill(1);
    expect(parseBundle(formatBundle([new Uint8Array(0), longest]), { width: 2 })).toEqual([new Uint8Array(0), longest]);
    expect(() => formatBundle([new Uint8Array(MAX_ENTRY_BYTES + 1)])).toThrow(RangeError);
    expect(() => formatBundle([])).toThrow(RangeError);
    expect(() => formatBundle(someEntries(257))).toThrow(RangeError);
  });

  it('is refused when it is cut off, goes on, or holds another count', () => {
    const bytes = formatBundle(someEntries(3));
    for (let length = 0; length < bytes.length; length++)
      expect(() => parseBundle(bytes.subarray(0, length), { width: 3 })).toThrow(/^the bundle /);
    expect(() => parseBundle(new Uint8Array([...bytes, 0]), { width: 3 })).toThrow('inside the length of entry 3');
    expect(() => parseBundle(bytes, { width: 2 })).toThrow('3 entries where 2 are due');
    const full = formatBundle(someEntries(256));
    expect(parseBundle(full, { width: 2 })).toEqual(someEntries(2));
    expect(() => parseBundle(new Uint8Array([...full, 0, 0]), { width: 256 })).toThrow('more than 256');
  });
});

describe('a log in tiles', () => {
  it('has the root of the recursive definition, opened anew at any size', async () => {
    const entries = someEntries(900);
    for (const cut of [0, 1, 255, 256, 257, 511, 512, 768, 899, 900]) {
      const { files, source, writer } = await aLog(cut, 100);
      const again = await openTileWriter(cut, writer.root(), source);
      again.append(entries.slice(cut).map(hashLeaf));
      for (const { tile, bytes } of again.takeTiles()) files.set(tilePath(tile), bytes);
      expect(again.size).toBe(900);
      expect(again.root()).toEqual(new Uint8Array(naiveRoot(entries)));
      expect(await readRoot(900, openTileReader(900, again.root(), source))).toEqual(again.root());
    }
  });

  it('does not open on tiles that make another root than was signed, nor on fewer than the size needs', async () => {
    const { files, source, writer } = await aLog(600);
    const root = writer.root();
    await expect(openTileWriter(600, flip(root), source)).rejects.toMatchObject({ fault: 'mismatch' });
    await expect(openTileWriter(601, root, source)).rejects.toMatchObject({ fault: 'missing' });
    await expect(openTileWriter(0, root, source)).rejects.toMatchObject({ fault: 'mismatch' });
    await expect(openTileWriter(0, EMPTY_ROOT, source)).resolves.toMatchObject({ size: 0 });
    const edge = files.get('tile/0/002.p/88') ?? new Uint8Array(0);
    files.set('tile/0/002.p/88', flip(edge, 9_999));
    await expect(openTileWriter(600, root, source)).rejects.toMatchObject({ fault: 'mismatch' });
    files.set('tile/0/002.p/88', edge.subarray(32));
    await expect(openTileWriter(600, root, source)).rejects.toMatchObject({ fault: 'malformed' });
  });

  it('gives the proofs that verify, of every leaf and between sizes of all shapes', async () => {
    const size = 70_000;
    const { source, writer } = await aLog(size, 4_096);
    const root = writer.root();
    const read = openTileReader(size, root, source);
    for (const index of [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_998, 69_999, 12_345])
      expect(verifyInclusion(index, size, hashLeaf(anEntry(index)), await proveInclusion(index, size, read), root)).toBe(true);
    for (const before of [1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 69_888, 69_999]) {
      const older = (await aLog(before, 4_096)).writer.root();
      expect(await readRoot(before, read)).toEqual(older);
      expect(verifyConsistency(before, size, older, root, await proveConsistency(before, size, read))).toBe(true);
    }
  });

  it('reads a full tile where a partial one was removed', async () => {
    const { files, source } = await aLog(1_000, 77);
    const { writer } = await aLog(924, 77);
    const partial = files.get('tile/0/003.p/156') ?? new Uint8Array(0);
    expect(partial).toHaveLength(156 * 32);
    const longer = await aLog(1_100, 77);
    longer.files.delete('tile/0/003.p/156');
    expect(await readRoot(924, openTileReader(924, writer.root(), longer.source))).toEqual(writer.root());
    expect(await readRoot(924, openTileReader(924, writer.root(), source))).toEqual(writer.root());
  });

  it('is read up to its size alone', async () => {
    const { source, writer } = await aLog(300);
    const read = openTileReader(300, writer.root(), source);
    await expect(read([{ level: 0, index: 299 }])).resolves.toEqual([hashLeaf(anEntry(299))]);
    for (const node of [
      { level: 0, index: 300 },
      { level: 8, index: 1 },
      { level: 9, index: 0 },
    ])
      await expect(read([node])).rejects.toThrow(RangeError);
  });

  it('finds each tile that was changed, cut or taken away, and names the entries behind it', async () => {
    const size = 66_000;
    const { files, source, writer } = await aLog(size, 4_096);
    const root = writer.root();
    const sweep = async (from: TileSource): Promise<unknown> => {
      const read = openTileReader(size, root, from);
      try {
        for (let index = 0; index < size; index += 256) await read([{ level: 0, index }]);
        return null;
      } catch (error) {
        return error;
      }
    };
    expect(await sweep(source)).toBeNull();
    const hurt =
      (path: string, change: (bytes: Uint8Array) => Uint8Array | null): TileSource =>
      async (tile) =>
        tilePath(tile) === path ? change((await source(tile)) ?? new Uint8Array(0)) : source(tile);
    expect(files.has('tile/0/017')).toBe(true);
    expect(await sweep(hurt('tile/0/017', (bytes) => flip(bytes, 65_535)))).toMatchObject({ fault: 'mismatch', start: 4_352, end: 4_608 });
    expect(await sweep(hurt('tile/0/000', (bytes) => flip(bytes, 0)))).toMatchObject({ fault: 'mismatch', start: 0, end: 256 });
    expect(await sweep(hurt('tile/1/000', (bytes) => flip(bytes, 700)))).toMatchObject({ fault: 'mismatch', start: 0, end: 65_536 });
    expect(await sweep(hurt('tile/0/017', (bytes) => bytes.subarray(32)))).toMatchObject({ fault: 'malformed', start: 4_352, end: 4_608 });
    expect(await sweep(hurt('tile/0/017', () => null))).toMatchObject({ fault: 'missing', start: 4_352, end: 4_608 });
    expect(await sweep(hurt('tile/2/000.p/1', (bytes) => flip(bytes, 3)))).toMatchObject({ fault: 'mismatch' });
    expect(await sweep(hurt('tile/0/257.p/208', (bytes) => flip(bytes, 3)))).toMatchObject({ fault: 'mismatch' });
    expect(await sweep(hurt('tile/0/257.p/208', () => null))).toMatchObject({ fault: 'missing', start: 65_792, end: 66_000 });
  });

  it('forgets a tile that could not be read, and tries again', async () => {
    const { source, writer } = await aLog(1_000);
    let isDown = true;
    const read = openTileReader(1_000, writer.root(), async (tile) => (isDown ? null : source(tile)));
    await expect(proveInclusion(5, 1_000, read)).rejects.toMatchObject({ fault: 'missing' });
    isDown = false;
    expect(verifyInclusion(5, 1_000, hashLeaf(anEntry(5)), await proveInclusion(5, 1_000, read), writer.root())).toBe(true);
  });

  it('reads each tile once while it is kept, and gives copies of what it keeps', async () => {
    const { source, writer } = await aLog(1_000);
    const asked: string[] = [];
    const counting: TileSource = async (tile) => {
      asked.push(tilePath(tile));
      return source(tile);
    };
    const read = openTileReader(1_000, writer.root(), counting);
    const paths = await Promise.all([proveInclusion(5, 1_000, read), proveInclusion(6, 1_000, read), proveInclusion(700, 1_000, read)]);
    for (const hash of paths.flat()) hash.fill(0);
    expect(verifyInclusion(5, 1_000, hashLeaf(anEntry(5)), await proveInclusion(5, 1_000, read), writer.root())).toBe(true);
    expect(new Set(asked).size).toBe(asked.length);
    const one = openTileReader(1_000, writer.root(), counting, 1);
    asked.length = 0;
    for (const index of [5, 300, 5, 300]) await proveInclusion(index, 1_000, one);
    expect(asked.filter((path) => path === 'tile/0/000').length).toBeGreaterThan(1);
  });
});

it('takes a million entries into tiles, and proves any of them from the tiles', async () => {
  const size = 1_000_000;
  const entry = new Uint8Array(600);
  const numbers = new DataView(entry.buffer);
  const leafOf = (i: number): Uint8Array => {
    numbers.setUint32(0, i);
    return hashLeaf(entry);
  };
  const files = new Map<string, Uint8Array>();
  const source: TileSource = async (tile) => files.get(tilePath(tile)) ?? null;
  const started = performance.now();
  const writer = await openTileWriter(0, EMPTY_ROOT, source);
  const batch = 16_384;
  for (let at = 0; at < size; at += batch) {
    writer.append(Array.from({ length: Math.min(batch, size - at) }, (_, i) => leafOf(at + i)));
    for (const { tile, bytes } of writer.takeTiles()) files.set(tilePath(tile), bytes);
  }
  const tiled = performance.now();
  const read = openTileReader(size, writer.root(), source, 4_096);
  const times: number[] = [];
  for (let i = 0; i < 2_000; i++) {
    const index = (i * 7_919) % size;
    const leaf = leafOf(index);
    const before = performance.now();
    const path = await proveInclusion(index, size, read);
    times.push(performance.now() - before);
    expect(verifyInclusion(index, size, leaf, path, writer.root())).toBe(true);
  }
  times.sort((a, b) => a - b);
  const kept = [...tilesSince(0, size)].reduce((sum, { width }) => sum + width * 32, 0);
  const micros = (part: number): number => Math.round((times[Math.floor(times.length * part)] ?? Number.NaN) * 1_000);
  process.stdout.write(
    `1,000,000 entries of 600 bytes: hashed and tiled in ${((tiled - started) / 1_000).toFixed(2)} s, ${(kept / size).toFixed(1)} bytes of tiles an entry; ` +
      `proof from tiles checked against the root: p50 ${micros(0.5)} µs, p99 ${micros(0.99)} µs\n`,
  );
  expect(kept / size).toBeLessThan(32.2);
});
