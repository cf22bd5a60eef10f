import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { checkEvidence, type Evidence, formatEvidence, parseEvidence } from '#platform/tlog/evidence.ts';
import { type Hash, hashLeaf, openTree, proveConsistency } from '#platform/tlog/merkle.ts';
import { formatNote, makeNoteSigner, makeNoteVerifier } from '#platform/tlog/note.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { aSigningKey, readerOver, someEntries } from './builders.ts';

const log = makeNoteSigner('example.com/log', aSigningKey(1));
const verifiers = [makeNoteVerifier(log.vkey)];
const honest = someEntries(40).map(hashLeaf);
const other = honest.map((leaf, i) => (i < 5 ? leaf : hashLeaf(Uint8Array.of(i))));
const rootAt = (size: number, of: readonly Hash[]): Hash => {
  const tree = openTree();
  for (const leaf of of.slice(0, size)) tree.append(leaf);
  return tree.root();
};
const noteOf = async (size: number, of: readonly Hash[], by = log): Promise<string> =>
  formatNote(await signCheckpoint({ origin: by.name, size, root: rootAt(size, of) }, by));
const aFork = async (): Promise<Evidence> => ({
  kind: 'fork',
  notes: [await noteOf(20, honest), await noteOf(20, other)],
  foundRoot: null,
  proof: [],
});
/** 16 is a power of two, whose proof holds no old root. */
const aRewritten = async (knownSize = 16): Promise<Evidence> => ({
  kind: 'rewritten',
  notes: [await noteOf(knownSize, honest), await noteOf(33, other)],
  foundRoot: rootAt(knownSize, other),
  proof: await proveConsistency(knownSize, 33, readerOver(other)),
});

describe('evidence against a log', () => {
  it.each([
    ['a fork', aFork, { origin: log.name, knownSize: 20, size: 20 }],
    ['a rewritten past', aRewritten, { origin: log.name, knownSize: 16, size: 33 }],
    ['one of another size', () => aRewritten(19), { origin: log.name, knownSize: 19, size: 33 }],
  ])('shows %s, also once it was a file, which is always the same', async (_what, make, shown) => {
    const evidence = await make();
    const text = formatEvidence(evidence);
    expect(parseEvidence(text)).toEqual(evidence);
    expect(formatEvidence(parseEvidence(text))).toBe(text);
    expect(await checkEvidence(parseEvidence(text), verifiers)).toEqual(shown);
  });

  const foreign = makeNoteSigner('example.com/other', aSigningKey(2));
  const stranger = makeNoteSigner('example.com/log', aSigningKey(9));
  it.each<readonly [string, () => Promise<Evidence>, TlogError['fault']]>([
    ['the same tree twice', async () => ({ ...(await aFork()), notes: [await noteOf(20, honest), await noteOf(20, honest)] }), 'mismatch'],
    [
      'two sizes and no proof',
      async () => ({ ...(await aFork()), notes: [await noteOf(19, honest), await noteOf(20, honest)] }),
      'mismatch',
    ],
    [
      'a log that grew',
      async () => ({
        kind: 'rewritten',
        notes: [await noteOf(16, honest), await noteOf(33, honest)],
        foundRoot: rootAt(16, honest),
        proof: await proveConsistency(16, 33, readerOver(honest)),
      }),
      'mismatch',
    ],
    ['a root that nothing leads from', async () => ({ ...(await aRewritten()), foundRoot: rootAt(17, other) }), 'mismatch'],
    ['no root', async () => ({ ...(await aRewritten()), foundRoot: null }), 'mismatch'],
    ['a proof that lacks a hash', async () => ({ ...(await aRewritten()), proof: (await aRewritten()).proof.slice(1) }), 'mismatch'],
    [
      'what a stranger signed',
      async () => ({ ...(await aFork()), notes: [await noteOf(20, honest), await noteOf(20, other, stranger)] }),
      'unsigned',
    ],
    [
      'notes of two logs',
      async () => ({ ...(await aFork()), notes: [await noteOf(20, honest), await noteOf(20, other, foreign)] }),
      'mismatch',
    ],
  ])('proves nothing with %s', async (_what, make, fault) => {
    const known = [...verifiers, makeNoteVerifier(foreign.vkey)];
    await expect(checkEvidence(await make(), known)).rejects.toMatchObject({ name: 'TlogError', fault });
  });

  it('whatever one letter of it is, it shows the same or proves nothing', async () => {
    const text = formatEvidence(await aRewritten());
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.integer({ min: 32, max: 126 }), async (at, code) => {
        const changed = `${text.slice(0, at)}${String.fromCharCode(code)}${text.slice(at + 1)}`;
        try {
          expect(await checkEvidence(parseEvidence(changed), verifiers)).toEqual({ origin: log.name, knownSize: 16, size: 33 });
        } catch (error) {
          if (!(error instanceof TlogError)) throw error;
        }
      }),
      { numRuns: 400 },
    );
  });
  it('is refused where it is something else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        expect(() => parseEvidence(text)).toThrow(TlogError);
      }),
      { numRuns: 200 },
    );
  });
});
