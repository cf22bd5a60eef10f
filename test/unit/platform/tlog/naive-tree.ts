import { hash } from 'node:crypto';

/** RFC 6962, section 2.1, letter by letter: nothing is kept, everything is reckoned anew. Slow, and short enough to be read. */

const sha256 = (...parts: readonly Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');
const ZERO = Uint8Array.of(0);
const ONE = Uint8Array.of(1);

/** Largest power of two below n. */
const k = (n: number): number => 2 ** Math.ceil(Math.log2(n) - 1);

export const naiveLeaf = (entry: Uint8Array): Buffer => sha256(ZERO, entry);

export const naiveRoot = (entries: readonly Uint8Array[]): Buffer => {
  const [only] = entries;
  if (!only) return sha256();
  if (entries.length === 1) return naiveLeaf(only);
  const at = k(entries.length);
  return sha256(ONE, naiveRoot(entries.slice(0, at)), naiveRoot(entries.slice(at)));
};

export const naivePath = (m: number, entries: readonly Uint8Array[]): Buffer[] => {
  if (entries.length === 1) return [];
  const at = k(entries.length);
  return m < at
    ? [...naivePath(m, entries.slice(0, at)), naiveRoot(entries.slice(at))]
    : [...naivePath(m - at, entries.slice(at)), naiveRoot(entries.slice(0, at))];
};

const naiveSubproof = (m: number, entries: readonly Uint8Array[], isWhole: boolean): Buffer[] => {
  if (m === entries.length) return isWhole ? [] : [naiveRoot(entries)];
  const at = k(entries.length);
  return m <= at
    ? [...naiveSubproof(m, entries.slice(0, at), isWhole), naiveRoot(entries.slice(at))]
    : [...naiveSubproof(m - at, entries.slice(at), false), naiveRoot(entries.slice(0, at))];
};

export const naiveProof = (m: number, entries: readonly Uint8Array[]): Buffer[] => naiveSubproof(m, entries, true);
