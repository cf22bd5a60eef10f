import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { impliedRoot } from '#platform/tlog/implied-root.ts';
import { type Hash, hashLeaf, openTree, proveConsistency } from '#platform/tlog/merkle.ts';
import { flip, readerOver, someEntries } from './builders.ts';

const leaves = someEntries(70).map(hashLeaf);
const rootAt = (size: number): Hash => {
  const tree = openTree();
  for (const leaf of leaves.slice(0, size)) tree.append(leaf);
  return tree.root();
};
const isPowerOfTwo = (size: number): boolean => Number.isInteger(Math.log2(size));

describe('impliedRoot', () => {
  it('is the older root, for every pair of sizes but those where the proof does not hold it', async () => {
    for (let size = 2; size <= 70; size++)
      for (let oldSize = 1; oldSize < size; oldSize++) {
        const implied = impliedRoot(oldSize, size, rootAt(size), await proveConsistency(oldSize, size, readerOver(leaves)));
        expect([oldSize, size, implied]).toEqual([oldSize, size, isPowerOfTwo(oldSize) ? null : rootAt(oldSize)]);
      }
  });
  it('is none where the proof does not lead to the newer root', async () => {
    const proof = await proveConsistency(21, 70, readerOver(leaves));
    for (const [i, hash] of proof.entries()) expect(impliedRoot(21, 70, rootAt(70), proof.with(i, flip(hash, 3)))).toBeNull();
    expect(impliedRoot(21, 70, rootAt(69), proof)).toBeNull();
    expect(impliedRoot(21, 70, rootAt(70), proof.slice(1))).toBeNull();
    expect(impliedRoot(21, 70, rootAt(70), [...proof, rootAt(1)])).toBeNull();
    expect(impliedRoot(21, 70, rootAt(70), [])).toBeNull();
    for (const [oldSize, size] of [
      [0, 70],
      [70, 70],
      [71, 70],
    ] as const)
      expect(impliedRoot(oldSize, size, rootAt(70), proof)).toBeNull();
  });
  it('never throws, and never says another root than the tree has', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(200), fc.array(fc.constantFrom(...leaves), { maxLength: 9 }), (oldSize, size, path) => {
        expect(impliedRoot(oldSize, size, rootAt(Math.min(size, 70)), path)).toBeNull();
      }),
    );
  });
});
