import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosigner } from '#platform/tlog/cosignature.ts';
import { EMPTY_ROOT, hashLeaf, hashNode, openTree, proveInclusion } from '#platform/tlog/merkle.ts';
import { makeNoteSigner } from '#platform/tlog/note.ts';
import { parsePolicy } from '#platform/tlog/policy.ts';
import { formatProof, judgeProof, type LogProof, parseProof } from '#platform/tlog/proof.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { anEntry, aSigningKey, flip, readerOver, someEntries } from './builders.ts';

/** Example of https://c2sp.org/tlog-proof (CC BY 4.0); its signatures are cut short there, so one that fits stands in. */
const C2SP_PROOF = `c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

— example.com/fancylog Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
`;

const log = makeNoteSigner('example.com/log', aSigningKey(1));
const witness = makeCosigner('witness.example/w1', aSigningKey(2));
const policy = parsePolicy(`log ${log.vkey}\nwitness w1 ${witness.vkey}\nquorum w1\n`);
const lenient = parsePolicy(`log ${log.vkey}\nquorum none\n`);
const at = new Date('2027-02-10T14:00:00Z');

const aProof = async (index: number, size: number, change: Partial<LogProof> = {}): Promise<LogProof> => {
  const leaves = someEntries(size).map(hashLeaf);
  const tree = openTree();
  for (const leaf of leaves) tree.append(leaf);
  const { text, signatures } = await signCheckpoint({ origin: log.name, size, root: tree.root() }, log);
  const note = { text, signatures: [...signatures, await witness.cosign(text, at)] };
  return { index, path: await proveInclusion(index, size, readerOver(leaves)), note, ...change };
};

describe('a proof file', () => {
  it('of the specification is read, and written the same', () => {
    const sample = C2SP_PROOF;
    const proof = parseProof(sample);
    expect(proof).toMatchObject({ index: 73_894, note: { signatures: [{ name: 'example.com/fancylog' }] } });
    expect(proof.path).toHaveLength(5);
    expect(formatProof(proof)).toBe(sample);
    expect(parseProof(Buffer.from(sample))).toEqual(proof);
    const { extra: _, ...plain } = proof;
    expect(parseProof(formatProof(plain))).toEqual(plain);
  });

  it('proves its entry to whoever holds the policy, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.nat(),
        fc.option(fc.uint8Array(), { nil: undefined }),
        async (size, some, extra) => {
          const index = some % size;
          const file = formatProof(await aProof(index, size, extra === undefined ? {} : { extra }));
          expect(await judgeProof(file, hashLeaf(anEntry(index)), policy)).toMatchObject({
            kind: 'proven',
            index,
            checkpoint: { origin: log.name, size },
            witnesses: [{ name: 'w1', at }],
          });
          expect(await judgeProof(Buffer.from(file), hashLeaf(anEntry(index + 1)), policy)).toEqual({
            kind: 'refused',
            reason: 'not-included',
          });
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is refused for another index, a swapped or flipped sibling, a node as an entry, or no quorum', async () => {
    const proof = await aProof(5, 21);
    const leaf = hashLeaf(anEntry(5));
    const judge = async (change: Partial<LogProof>, hash = leaf): Promise<unknown> =>
      judgeProof(formatProof({ ...proof, ...change }), hash, policy);
    const refused = { kind: 'refused', reason: 'not-included' };
    expect(await judge({})).toMatchObject({ kind: 'proven' });
    for (const index of [0, 4, 6, 20, 21, 2 ** 53 - 1]) expect(await judge({ index })).toEqual(refused);
    const [first = EMPTY_ROOT, second = EMPTY_ROOT, ...rest] = proof.path;
    expect(await judge({ path: [second, first, ...rest] })).toEqual(refused);
    expect(await judge({ path: [flip(first), second, ...rest] })).toEqual(refused);
    expect(await judge({ path: proof.path.slice(1) })).toEqual(refused);
    expect(await judge({ index: 2, path: proof.path.slice(1) }, hashNode(hashLeaf(anEntry(4)), leaf))).toEqual(refused);
    const [signature] = proof.note.signatures;
    if (!signature) throw new Error('there is no signature');
    const unwitnessed = formatProof({ ...proof, note: { ...proof.note, signatures: [signature] } });
    expect(await judgeProof(unwitnessed, leaf, policy)).toEqual({ kind: 'refused', reason: 'no-quorum' });
    expect(await judgeProof(unwitnessed, leaf, lenient)).toMatchObject({ kind: 'proven', witnesses: [] });
  });

  it('of a tree of size 0 proves nothing', async () => {
    const note = await signCheckpoint({ origin: log.name, size: 0, root: EMPTY_ROOT }, log);
    expect(await judgeProof(formatProof({ index: 0, path: [], note }), EMPTY_ROOT, lenient)).toEqual({
      kind: 'refused',
      reason: 'not-included',
    });
  });

  it('is refused with any one bit changed outside what nobody signs', async () => {
    const bytes = new Uint8Array(Buffer.from(formatProof(await aProof(5, 21))));
    const leaf = hashLeaf(anEntry(5));
    expect(await judgeProof(bytes, leaf, policy)).toMatchObject({ kind: 'proven' });
    for (let bit = 0; bit < bytes.length * 8; bit++)
      expect([bit, await judgeProof(flip(bytes, bit), leaf, policy)]).toMatchObject([bit, { kind: 'refused' }]);
  });

  it.each([
    ['another header', C2SP_PROOF.replace('@v1', '@v2')],
    ['extra that is no base 64', C2SP_PROOF.replace('tYXJ\n', 'tYXJ=\n')],
    ['no index', C2SP_PROOF.replace(/extra.*\nindex.*\n/, '')],
    ['an index with a leading zero', C2SP_PROOF.replace(/extra.*\n/, '').replace('index ', 'index 0')],
    ['extra behind the index', C2SP_PROOF.replace(/(extra.*\n)(index.*\n)/, '$2$1')],
    ['a hash that is none', C2SP_PROOF.replace(/extra.*\n/, '').replace('gSKy', 'gSK')],
    [
      '64 hashes',
      C2SP_PROOF.replace(/extra.*\n/, '').replace(/(index.*\n)/, `$1${'gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n'.repeat(59)}`),
    ],
    ['no note', C2SP_PROOF.replace(/extra.*\n/, '').replace(/\n\n[\s\S]*/, '\n')],
    ['nothing in it', ''],
  ])('is none with %s', (_name, file) => {
    expect(() => parseProof(file)).toThrow(TlogError);
  });
});
