import { equalBytes } from './bytes.ts';
import { HASH_BYTES, sha256 } from './crypto.ts';

/** 32 bytes of SHA-256. */
export type Hash = Uint8Array;

/** Root of the tree without leaves. RFC 6962, section 2.1. */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array(0));

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;
const MAX_SCRATCH_BYTES = 65_536;
const leafScratch = new Uint8Array(1 + MAX_SCRATCH_BYTES).fill(LEAF_PREFIX, 0, 1);
const nodeScratch = new Uint8Array(1 + 2 * HASH_BYTES).fill(NODE_PREFIX, 0, 1);

/** Hash of an entry: SHA-256 over 0x00 and its bytes, so that no node can pass for one. RFC 6962, section 2.1. */
export const hashLeaf = (entry: Uint8Array): Hash => {
  const input = entry.length <= MAX_SCRATCH_BYTES ? leafScratch.subarray(0, 1 + entry.length) : new Uint8Array(1 + entry.length);
  input.set(entry, 1);
  return sha256(input);
};

/** Hash of two neighbours: SHA-256 over 0x01, left and right. RFC 6962, section 2.1. */
export const hashNode = (left: Hash, right: Hash): Hash => {
  nodeScratch.set(left, 1);
  nodeScratch.set(right, 1 + HASH_BYTES);
  return sha256(nodeScratch);
};

const isHash = (bytes: Uint8Array): boolean => bytes.length === HASH_BYTES;
const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const half = (value: number): number => Math.floor(value / 2);
const isOdd = (value: number): boolean => value % 2 === 1;

/** Largest power of two below `count`, which is at least 2. */
const splitOf = (count: number): number => {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
};

/** One root over perfect subtrees that stand side by side, largest first. */
export const foldRoots = (roots: readonly Hash[]): Hash =>
  roots.length === 0 ? EMPTY_ROOT : roots.reduceRight((right, left) => hashNode(left, right));

/** Root of a perfect subtree of 2^`level` leaves, the `index`-th of its level; both from zero. Level 0 holds the leaves' hashes. */
export type NodeId = { readonly level: number; readonly index: number };

/** Perfect subtrees that make up the leaves `start` ≤ i < `end`, largest first. `start` is a multiple of the largest of them. */
const subtreesOf = (start: number, end: number): NodeId[] => {
  const found: NodeId[] = [];
  for (let at = start; at < end; ) {
    let level = 0;
    let width = 1;
    while (at % (width * 2) === 0 && at + width * 2 <= end) {
      width *= 2;
      level++;
    }
    found.push({ level, index: at / width });
    at += width;
  }
  return found;
};

/** Nodes that a tree of `size` leaves stands on, largest first: as many as its size has one-bits. */
export const peaksOf = (size: number): NodeId[] => subtreesOf(0, size);

/** A tree that grows and keeps nothing but its right edge. */
export type Tree = {
  readonly size: number;
  /** Adds a leaf by its hash. `onNode` is told of every perfect subtree that it completes, itself first. */
  readonly append: (leaf: Hash, onNode?: (level: number, index: number, hash: Hash) => void) => void;
  readonly root: () => Hash;
};

/** Goes on with a tree of `size` leaves from the hashes of `peaksOf(size)`; an empty one where both are left out. */
export const openTree = (size = 0, peaks: readonly Hash[] = []): Tree => {
  if (!isCount(size)) throw new RangeError('size: must be a whole number from 0 to 2^53 − 1');
  if (peaks.length !== peaksOf(size).length || !peaks.every(isHash))
    throw new RangeError('peaks: must be one hash for each one-bit of the size');
  let count = size;
  const edge = [...peaks];
  return {
    get size() {
      return count;
    },
    append: (leaf, onNode) => {
      if (!isHash(leaf)) throw new RangeError(`leaf: must be a hash of ${HASH_BYTES} bytes`);
      let node = leaf;
      let level = 0;
      let index = count;
      onNode?.(level, index, node);
      while (isOdd(index)) {
        const left = edge.pop();
        if (!left) throw new Error('the edge has fewer subtrees than the size says');
        node = hashNode(left, node);
        index = half(index);
        level++;
        onNode?.(level, index, node);
      }
      edge.push(node);
      count++;
    },
    root: () => foldRoots(edge),
  };
};

/** Reads hashes of nodes: as many, in the same order. */
export type HashReader = (nodes: readonly NodeId[]) => Promise<readonly Hash[]>;

type Span = readonly [start: number, end: number];

/** One hash a span, from one read. */
const readSpans = async (spans: readonly Span[], read: HashReader): Promise<Hash[]> => {
  const parts = spans.map(([start, end]) => subtreesOf(start, end));
  const hashes = await read(parts.flat());
  let at = 0;
  return parts.map((part) => {
    const roots = hashes.slice(at, at + part.length);
    at += part.length;
    if (roots.length !== part.length || !roots.every(isHash)) throw new Error('the reader gave fewer hashes than were asked for');
    return foldRoots(roots);
  });
};

/** Root of the first `size` leaves. */
export const readRoot = async (size: number, read: HashReader): Promise<Hash> => {
  if (!isCount(size)) throw new RangeError('size: must be a whole number from 0 to 2^53 − 1');
  return foldRoots(size === 0 ? [] : await read(peaksOf(size)));
};

/** The way from leaf `index` to the root of `size` leaves, its sibling first. RFC 6962, section 2.1.1. */
export const proveInclusion = async (index: number, size: number, read: HashReader): Promise<Hash[]> => {
  if (!isCount(size) || !isCount(index) || index >= size) throw new RangeError('index: must be below the size of the tree');
  const spans: Span[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      spans.push([middle, end]);
      end = middle;
    } else {
      spans.push([start, middle]);
      start = middle;
    }
  }
  return readSpans(spans.reverse(), read);
};

/**
 * Proof that the first `oldSize` leaves of `newSize` are those of the older tree. Empty where there is nothing to prove: from no leaves, or
 * to the same size. RFC 6962, section 2.1.2.
 */
export const proveConsistency = async (oldSize: number, newSize: number, read: HashReader): Promise<Hash[]> => {
  if (!isCount(oldSize) || !isCount(newSize) || oldSize > newSize) throw new RangeError('oldSize: must be at most the new size');
  if (oldSize === 0) return [];
  const spans: Span[] = [];
  let [start, end] = [0, newSize];
  while (end !== oldSize) {
    const middle = start + splitOf(end - start);
    if (oldSize <= middle) {
      spans.push([middle, end]);
      end = middle;
    } else {
      spans.push([start, middle]);
      start = middle;
    }
  }
  // The verifier knows the older root; it is told the rest of the way only where that root is none of the newer tree's nodes.
  if (start !== 0) spans.push([start, end]);
  return readSpans(spans.reverse(), read);
};

/** Whether `leaf` stands at `index` of the tree of `size` leaves with that root. `path` runs from the leaf up. RFC 9162, section 2.1.3.2. */
export const verifyInclusion = (index: number, size: number, leaf: Hash, path: readonly Hash[], root: Hash): boolean => {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  if (!isHash(leaf) || !isHash(root) || !path.every(isHash)) return false;
  let at = index;
  let last = size - 1;
  let node = leaf;
  for (const sibling of path) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      node = hashNode(sibling, node);
      while (!isOdd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      node = hashNode(node, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && equalBytes(node, root);
};

/**
 * Whether the tree of `newSize` leaves begins with the tree of `oldSize`. Any tree begins with the empty one, which proves nothing: false
 * for `oldSize` 0. RFC 9162, section 2.1.4.2.
 */
export const verifyConsistency = (oldSize: number, newSize: number, oldRoot: Hash, newRoot: Hash, path: readonly Hash[]): boolean => {
  if (!isCount(oldSize) || !isCount(newSize) || oldSize === 0 || oldSize > newSize) return false;
  if (!isHash(oldRoot) || !isHash(newRoot) || !path.every(isHash)) return false;
  if (oldSize === newSize) return path.length === 0 && equalBytes(oldRoot, newRoot);
  let at = oldSize - 1;
  let last = newSize - 1;
  while (isOdd(at)) {
    at = half(at);
    last = half(last);
  }
  // At 0 the older tree is perfect, hence a node of the newer one, and the path leaves it out.
  const [first, ...rest] = at === 0 ? [oldRoot, ...path] : path;
  if (!first || rest.length === 0) return false;
  let older = first;
  let newer = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      older = hashNode(sibling, older);
      newer = hashNode(sibling, newer);
      while (!isOdd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      newer = hashNode(newer, sibling);
    }
    at = half(at);
    last = half(last);
  }
  return last === 0 && equalBytes(older, oldRoot) && equalBytes(newer, newRoot);
};
