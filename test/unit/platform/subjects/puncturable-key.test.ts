import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fromRoot, PATH_BYTES, type PuncturableKey, PuncturableKeyError, parsePuncturableKey } from '#platform/subjects/puncturable-key.ts';

const ROOT = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex');
const make = (): PuncturableKey => fromRoot(ROOT);
const hex = (key: Buffer | null): string | null => key?.toString('hex') ?? null;
/** The tree as its text says it, step by step from the root; shares nothing with the code but the label. */
const reference = (path: Uint8Array): string => {
  let node: Buffer = ROOT;
  const hash = (step: number): Buffer => createHash('sha256').update('caregraph subjects 1').update(Buffer.of(step)).update(node).digest();
  for (let bit = 0; bit < 80; bit++) node = hash(((path[bit >> 3] ?? 0) >> (7 - (bit % 8))) & 1);
  return hash(2).toString('hex');
};
const path = fc.uint8Array({ minLength: PATH_BYTES, maxLength: PATH_BYTES });
/** Paths that part late, so that they share most of the tree. */
const near = fc.tuple(fc.constantFrom(0, 255), fc.integer({ min: 0, max: 255 })).map(([fill, last]) => {
  const bytes = new Uint8Array(PATH_BYTES).fill(fill);
  bytes[PATH_BYTES - 1] = last;
  return bytes;
});
const paths = fc.uniqueArray(fc.oneof(path, near), { minLength: 2, maxLength: 6, selector: (bytes) => Buffer.from(bytes).toString('hex') });

describe('a puncturable key', () => {
  it('derives what the tree says, for each path its own', () => {
    fc.assert(
      fc.property(fc.oneof(path, near), (bytes) => {
        expect(hex(make().derive(bytes))).toBe(reference(bytes));
      }),
    );
  });

  it('gives up a path for good and leaves every other key as it was', () => {
    fc.assert(
      fc.property(paths, ([gone, ...others]) => {
        const key = make();
        expect(key.puncture(gone as Uint8Array)).toBe(true);
        expect(key.derive(gone as Uint8Array)).toBeNull();
        expect(key.puncture(gone as Uint8Array)).toBe(false);
        for (const other of others) expect(hex(key.derive(other))).toBe(reference(other));
      }),
    );
  });

  it('is the same in whatever order paths were punctured, and after it was written and read', () => {
    fc.assert(
      fc.property(paths, fc.func(fc.integer()), (all, order) => {
        const [one, two] = [make(), make()];
        for (const each of all) one.puncture(each);
        for (const each of [...all].sort((a, b) => order(a) - order(b))) two.puncture(each);
        const bytes = one.serialize();
        expect(two.serialize().equals(bytes)).toBe(true);
        const read = parsePuncturableKey(bytes);
        expect(read.serialize().equals(bytes)).toBe(true);
        for (const each of all) expect(read.derive(each)).toBeNull();
      }),
    );
  });

  it('holds nothing any more from which a punctured path could be derived', () => {
    const gone = Buffer.from('0123456789abcdef0123', 'hex');
    const key = make();
    key.puncture(gone);
    const bytes = key.serialize();
    // Every node on the way, from the root to what was handed out.
    let node: Buffer = ROOT;
    const nodes = [node];
    for (let bit = 0; bit <= 80; bit++) {
      const step = bit === 80 ? 2 : ((gone[bit >> 3] ?? 0) >> (7 - (bit % 8))) & 1;
      node = createHash('sha256').update('caregraph subjects 1').update(Buffer.of(step)).update(node).digest();
      nodes.push(node);
    }
    expect(nodes.filter((each) => bytes.includes(each))).toEqual([]);
    expect(bytes.length).toBe(80 * 33 + 81);
  });

  it('takes over what another one lacks, whichever of the two is behind', () => {
    fc.assert(
      fc.property(paths, fc.integer({ min: 0, max: 6 }), (all, at) => {
        const [one, two, both] = [make(), make(), make()];
        for (const [i, each] of all.entries()) {
          (i < at ? one : two).puncture(each);
          both.puncture(each);
        }
        const before = two.serialize();
        one.narrow(two);
        expect(one.serialize().equals(both.serialize())).toBe(true);
        expect(two.serialize().equals(before)).toBe(true);
      }),
    );
    const other = fromRoot(Buffer.alloc(32, 1));
    expect(() => make().narrow(other)).toThrow(PuncturableKeyError);
    other.puncture(Buffer.alloc(10));
    expect(() => make().narrow(other)).toThrow(PuncturableKeyError);
  });

  it('reads nothing but what was written', () => {
    const key = make();
    key.puncture(Buffer.alloc(10, 5));
    const bytes = key.serialize();
    for (const bad of [
      Buffer.of(),
      Buffer.of(3),
      Buffer.of(1, 0, 0),
      Buffer.of(1, 0),
      Buffer.alloc(200, 1),
      bytes.subarray(0, -1),
      Buffer.concat([bytes, Buffer.of(0)]),
    ])
      expect(() => parsePuncturableKey(bad)).toThrow(PuncturableKeyError);
    expect(parsePuncturableKey(Buffer.of(0)).derive(Buffer.alloc(10))).toBeNull();
  });

  it('derives nothing once it was wiped, and wants whole paths and roots', () => {
    const key = make();
    key.wipe();
    expect(key.derive(Buffer.alloc(10))).toBeNull();
    expect(() => key.derive(Buffer.alloc(9))).toThrow(RangeError);
    expect(() => fromRoot(Buffer.alloc(31))).toThrow(RangeError);
  });
});
