import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  EMPTY_ROOT,
  type Hash,
  hashLeaf,
  hashNode,
  openTree,
  peaksOf,
  proveConsistency,
  proveInclusion,
  readRoot,
  verifyConsistency,
  verifyInclusion,
} from '#platform/tlog/merkle.ts';
import { flip, readerOver, someEntries } from './builders.ts';
import { naivePath, naiveProof, naiveRoot } from './naive-tree.ts';
import { readVectors } from './vectors.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fromBase64 = (text: string | null): Uint8Array => new Uint8Array(Buffer.from(text ?? '', 'base64'));
const plain = (hashes: readonly Uint8Array[]): string[] => hashes.map(hex);

const rootOf = (leaves: readonly Hash[]): Hash => {
  const tree = openTree();
  for (const leaf of leaves) tree.append(leaf);
  return tree.root();
};

const sizes = fc.integer({ min: 1, max: 300 });
const indexed = sizes.chain((size) => fc.tuple(fc.integer({ min: 0, max: size - 1 }), fc.constant(size)));
const grown = sizes.chain((size) => fc.tuple(fc.integer({ min: 1, max: size }), fc.constant(size)));

describe('the tree of RFC 6962', () => {
  it('has the hash of nothing for a root when it is empty', () => {
    expect(hex(openTree().root())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(hex(EMPTY_ROOT)).toBe(hex(naiveRoot([])));
  });

  it('has the roots that the recursive definition has, for every size up to 300', () => {
    const entries = someEntries(300);
    const tree = openTree();
    for (const [i, entry] of entries.entries()) {
      tree.append(hashLeaf(entry));
      expect(tree.size).toBe(i + 1);
      if (i < 70 || i % 17 === 0) expect(hex(tree.root())).toBe(hex(naiveRoot(entries.slice(0, i + 1))));
    }
    expect(hex(tree.root())).toBe(hex(naiveRoot(entries)));
  });

  it('goes on from its edge as if it had never been let go', async () => {
    await fc.assert(
      fc.asyncProperty(grown, async ([before, size]) => {
        const leaves = someEntries(size).map(hashLeaf);
        const read = readerOver(leaves.slice(0, before));
        const tree = openTree(before, await read(peaksOf(before)));
        for (const leaf of leaves.slice(before)) tree.append(leaf);
        expect(hex(tree.root())).toBe(hex(rootOf(leaves)));
        expect(hex(await readRoot(before, read))).toBe(hex(rootOf(leaves.slice(0, before))));
      }),
      { numRuns: 40 },
    );
  });

  it('hashes entries of every length alike, however they were hashed before', () => {
    const long = new Uint8Array(70_000).fill(7);
    for (const length of [0, 1, 64, 65_535, 65_536, 65_537, 70_000, 3])
      expect(hex(hashLeaf(long.subarray(0, length)))).toBe(hex(naiveRoot([long.subarray(0, length)])));
  });

  it('takes no leaf that is not a hash, and opens on no edge that does not fit', () => {
    expect(() => openTree().append(new Uint8Array(31))).toThrow(RangeError);
    expect(() => openTree(3, [EMPTY_ROOT])).toThrow(RangeError);
    expect(() => openTree(1, [new Uint8Array(33)])).toThrow(RangeError);
    expect(() => openTree(-1)).toThrow(RangeError);
    expect(() => openTree(2 ** 53)).toThrow(RangeError);
  });
});

describe('an inclusion proof', () => {
  it('is that of the recursive definition, and verifies', async () => {
    await fc.assert(
      fc.asyncProperty(indexed, async ([index, size]) => {
        const entries = someEntries(size);
        const leaves = entries.map(hashLeaf);
        const path = await proveInclusion(index, size, readerOver(leaves));
        expect(plain(path)).toEqual(plain(naivePath(index, entries)));
        expect(verifyInclusion(index, size, leaves[index] ?? EMPTY_ROOT, path, rootOf(leaves))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('is refused with one bit flipped anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(indexed, fc.nat(), async ([index, size], at) => {
        const leaves = someEntries(size).map(hashLeaf);
        const path = await proveInclusion(index, size, readerOver(leaves));
        const root = rootOf(leaves);
        const parts = [leaves[index] ?? EMPTY_ROOT, root, ...path];
        const bit = at % (parts.length * 256);
        const [leaf = EMPTY_ROOT, changedRoot = EMPTY_ROOT, ...rest] = parts.map((part, i) =>
          i === bit >> 8 ? flip(part, bit & 255) : part,
        );
        expect(verifyInclusion(index, size, leaf, rest, changedRoot)).toBe(false);
      }),
      { numRuns: 150 },
    );
  });

  it('holds for its own index alone, in trees of even and of odd size', async () => {
    for (const size of [1, 2, 3, 5, 7, 8, 13, 21, 64, 65]) {
      const leaves = someEntries(size).map(hashLeaf);
      const root = rootOf(leaves);
      for (const [index, leaf] of leaves.entries()) {
        const path = await proveInclusion(index, size, readerOver(leaves));
        for (let other = 0; other <= size + 1; other++) expect(verifyInclusion(other, size, leaf, path, root)).toBe(other === index);
      }
    }
  });

  it('is refused with siblings swapped, one left out, one added, or for another size that asks for another length', async () => {
    const size = 21;
    const leaves = someEntries(size).map(hashLeaf);
    const root = rootOf(leaves);
    for (const [index, leaf] of leaves.entries()) {
      const path = await proveInclusion(index, size, readerOver(leaves));
      for (let i = 1; i < path.length; i++) {
        const swapped = [...path.slice(0, i - 1), ...path.slice(i, i + 1), ...path.slice(i - 1, i), ...path.slice(i + 1)];
        expect(verifyInclusion(index, size, leaf, swapped, root)).toBe(false);
      }
      expect(verifyInclusion(index, size, leaf, path.slice(1), root)).toBe(false);
      expect(verifyInclusion(index, size, leaf, path.slice(0, -1), root)).toBe(false);
      for (const more of [leaf, root, EMPTY_ROOT]) {
        expect(verifyInclusion(index, size, leaf, [...path, more], root)).toBe(false);
        expect(verifyInclusion(index, size, leaf, [more, ...path], root)).toBe(false);
      }
      expect(verifyInclusion(index, 2 * size, leaf, path, root)).toBe(false);
    }
  });

  it('does not make an entry of a node: the hash of two leaves is the hash of no entry', async () => {
    const leaves = someEntries(4).map(hashLeaf);
    const [a = EMPTY_ROOT, b = EMPTY_ROOT, c = EMPTY_ROOT, d = EMPTY_ROOT] = leaves;
    const root = rootOf(leaves);
    const node = hashNode(a, b);
    // As a tree of two the shape is sound; what forbids it is that nobody can name an entry with that hash.
    expect(verifyInclusion(0, 2, node, [hashNode(c, d)], root)).toBe(true);
    const pretended = new Uint8Array(Buffer.concat([a, b]));
    expect(verifyInclusion(0, 2, hashLeaf(pretended), [hashNode(c, d)], root)).toBe(false);
    expect(verifyInclusion(0, 4, node, [hashNode(c, d)], root)).toBe(false);
  });

  it('may not go on behind the root, though what is hashed on would be the root that is asked for', async () => {
    const leaves = someEntries(5).map(hashLeaf);
    const more = hashLeaf(Uint8Array.of(9));
    for (const size of [1, 2, 5]) {
      const path = await proveInclusion(0, size, readerOver(leaves.slice(0, size)));
      const root = rootOf(leaves.slice(0, size));
      expect(verifyInclusion(0, size, leaves[0] ?? EMPTY_ROOT, path, root)).toBe(true);
      expect(verifyInclusion(0, size, leaves[0] ?? EMPTY_ROOT, [...path, more], hashNode(more, root))).toBe(false);
      expect(verifyInclusion(0, size, leaves[0] ?? EMPTY_ROOT, [...path, more], hashNode(root, more))).toBe(false);
    }
    const [older, newer] = [rootOf(leaves.slice(0, 3)), rootOf(leaves)];
    const proof = await proveConsistency(3, 5, readerOver(leaves));
    expect(verifyConsistency(3, 5, older, newer, proof)).toBe(true);
    expect(verifyConsistency(3, 5, hashNode(more, older), hashNode(more, newer), [...proof, more])).toBe(false);
    expect(verifyConsistency(3, 5, older, hashNode(more, newer), [...proof, more])).toBe(false);
  });

  it('is refused for a leaf, sibling or root of another length, whatever was hashed before', () => {
    const [a, b] = [hashLeaf(Uint8Array.of(1)), hashLeaf(Uint8Array.of(2))];
    const root = hashNode(a, b);
    for (const cut of [0, 1, 31]) {
      expect(verifyInclusion(0, 2, a, [b], root)).toBe(true);
      expect(verifyInclusion(0, 2, a.subarray(0, cut), [b], root)).toBe(false);
      expect(verifyInclusion(0, 2, a, [b], root)).toBe(true);
      expect(verifyInclusion(0, 2, a, [b.subarray(0, cut)], root)).toBe(false);
      expect(verifyInclusion(0, 2, a, [b], root.subarray(0, cut))).toBe(false);
      expect(verifyConsistency(1, 2, a, root, [b])).toBe(true);
      expect(verifyConsistency(1, 2, a.subarray(0, cut), root, [b])).toBe(false);
      expect(verifyConsistency(1, 2, a, root, [b.subarray(0, cut)])).toBe(false);
    }
    expect(verifyInclusion(0, 2, new Uint8Array([...a, ...b]), [b], root)).toBe(false);
  });

  it('is refused, never a fault, for sizes and lengths that cannot be', () => {
    const one = hashLeaf(Uint8Array.of(1));
    expect(verifyInclusion(0, 1, one, [], one)).toBe(true);
    for (const [index, size] of [
      [0, 0],
      [1, 1],
      [-1, 1],
      [0.5, 1],
      [0, Number.NaN],
      [0, 2 ** 53],
      [2 ** 53, 2 ** 53 + 2],
      [0, Infinity],
    ] as const)
      expect(verifyInclusion(index, size, one, [], one)).toBe(false);
    expect(verifyInclusion(0, 1, one.subarray(1), [], one)).toBe(false);
    expect(verifyInclusion(0, 1, one, [], one.subarray(1))).toBe(false);
    expect(verifyInclusion(0, 2, one, [one.subarray(1)], one)).toBe(false);
    expect(verifyInclusion(0, 1, new Uint8Array(0), [], new Uint8Array(0))).toBe(false);
    expect(
      verifyInclusion(
        0,
        2 ** 53 - 1,
        one,
        Array.from({ length: 53 }, () => one),
        one,
      ),
    ).toBe(false);
  });

  it('cannot be asked for beyond the tree', async () => {
    const read = readerOver([]);
    for (const [index, size] of [
      [0, 0],
      [3, 3],
      [-1, 3],
      [0, 2 ** 53],
    ] as const)
      await expect(proveInclusion(index, size, read)).rejects.toThrow(RangeError);
    await expect(proveConsistency(4, 3, read)).rejects.toThrow(RangeError);
  });
});

describe('a consistency proof', () => {
  it('is that of the recursive definition, and verifies', async () => {
    await fc.assert(
      fc.asyncProperty(grown, async ([before, size]) => {
        const entries = someEntries(size);
        const leaves = entries.map(hashLeaf);
        const proof = await proveConsistency(before, size, readerOver(leaves));
        expect(plain(proof)).toEqual(plain(naiveProof(before, entries)));
        expect(verifyConsistency(before, size, rootOf(leaves.slice(0, before)), rootOf(leaves), proof)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('holds between no other sizes, and not with one bit flipped', async () => {
    const leaves = someEntries(20).map(hashLeaf);
    for (let size = 1; size <= 20; size++) {
      for (let before = 1; before < size; before++) {
        const [older, newer] = [rootOf(leaves.slice(0, before)), rootOf(leaves.slice(0, size))];
        const proof = await proveConsistency(before, size, readerOver(leaves.slice(0, size)));
        expect(verifyConsistency(before, size, older, newer, proof)).toBe(true);
        expect(verifyConsistency(before, size, newer, older, proof)).toBe(false);
        expect(verifyConsistency(before, size, flip(older), newer, proof)).toBe(false);
        expect(verifyConsistency(before, size, older, flip(newer), proof)).toBe(false);
        for (const i of proof.keys())
          expect(
            verifyConsistency(
              before,
              size,
              older,
              newer,
              proof.map((hash, at) => (at === i ? flip(hash, 255) : hash)),
            ),
          ).toBe(false);
        expect(verifyConsistency(before, size, older, newer, proof.slice(0, -1))).toBe(false);
        expect(verifyConsistency(before, size, older, newer, [...proof, newer])).toBe(false);
        for (let other = 1; other < size; other++)
          if (other !== before) expect(verifyConsistency(other, size, older, newer, proof)).toBe(false);
      }
    }
  });

  it('finds out a past that was changed, cut or reordered', async () => {
    const leaves = someEntries(50).map(hashLeaf);
    const older = rootOf(leaves.slice(0, 33));
    const changed = leaves.map((leaf, i) => (i === 7 ? flip(leaf) : leaf));
    const cut = leaves.filter((_, i) => i !== 7);
    const [first = EMPTY_ROOT, second = EMPTY_ROOT, ...rest] = leaves;
    for (const past of [changed, cut, [second, first, ...rest]]) {
      const proof = await proveConsistency(33, past.length, readerOver(past));
      expect(verifyConsistency(33, past.length, older, rootOf(past), proof)).toBe(false);
    }
  });

  it('proves nothing from a tree of size 0, and needs nothing to the same size', async () => {
    const leaves = someEntries(3).map(hashLeaf);
    expect(await proveConsistency(0, 3, readerOver(leaves))).toEqual([]);
    expect(await proveConsistency(3, 3, readerOver(leaves))).toEqual([]);
    expect(verifyConsistency(0, 3, EMPTY_ROOT, rootOf(leaves), [])).toBe(false);
    expect(verifyConsistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])).toBe(false);
    expect(verifyConsistency(3, 3, rootOf(leaves), rootOf(leaves), [])).toBe(true);
    expect(verifyConsistency(3, 3, rootOf(leaves), rootOf(leaves), [EMPTY_ROOT])).toBe(false);
  });
});

type InclusionVector = { leafIdx: number; treeSize: number; root: string; leafHash: string; proof: string[] | null; wantErr: boolean };
type ConsistencyVector = { size1: number; size2: number; root1: string; root2: string; proof: string[] | null; wantErr: boolean };

const inclusion = readVectors<InclusionVector>('rfc6962-merkle/testdata/inclusion');
(inclusion.length === 0 ? it.skip : it)(`agrees with transparency-dev on ${inclusion.length} inclusion proofs`, () => {
  const sound = inclusion.filter(([, vector]) => !vector.wantErr).length;
  expect(sound).toBeGreaterThan(4);
  expect(inclusion.length).toBe(98);
  for (const [name, { leafIdx, treeSize, root, leafHash, proof, wantErr }] of inclusion) {
    const isSound = verifyInclusion(leafIdx, treeSize, fromBase64(leafHash), (proof ?? []).map(fromBase64), fromBase64(root));
    expect([name, isSound]).toEqual([name, !wantErr]);
  }
});

const consistency = readVectors<ConsistencyVector>('rfc6962-merkle/testdata/consistency');
/** Its roots are 12 bytes that are no hashes and equal: sound for whoever compares bytes, refused here, sound here as hashes. */
const OPAQUE_ROOTS = 'additional/sizes-are-equal-one-and-proof-is-empty.json';
(consistency.length === 0 ? it.skip : it)(`agrees with transparency-dev on ${consistency.length} consistency proofs`, () => {
  expect(consistency.length).toBe(98);
  for (const [name, { size1, size2, root1, root2, proof, wantErr }] of consistency) {
    const roots = [fromBase64(root1), fromBase64(root2)] as const;
    const path = (proof ?? []).map(fromBase64);
    const isSound = verifyConsistency(size1, size2, ...roots, path);
    if (name === OPAQUE_ROOTS) {
      expect(isSound).toBe(false);
      expect(verifyConsistency(size1, size2, hashLeaf(roots[0]), hashLeaf(roots[1]), path)).toBe(!wantErr);
    } else expect([name, isSound]).toEqual([name, !wantErr]);
  }
});
