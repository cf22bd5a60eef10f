import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Checkpoint, signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosignatureVerifier, makeCosigner } from '#platform/tlog/cosignature.ts';
import { EMPTY_ROOT, type Hash, hashLeaf, openTree, proveConsistency } from '#platform/tlog/merkle.ts';
import { formatNote, formatSignature, makeNoteSigner, makeNoteVerifier, parseNote, parseSignatures } from '#platform/tlog/note.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import {
  type AddCheckpointRequest,
  addCosignatures,
  decideAddCheckpoint,
  formatAddCheckpoint,
  type KnownLog,
  parseAddCheckpoint,
  parseConflict,
  toWitnessAnswer,
} from '#platform/tlog/witness.ts';
import { aSigningKey, flip, readerOver, someEntries } from './builders.ts';

/** Example of https://c2sp.org/tlog-witness (CC BY 4.0). */
const C2SP_REQUEST = `old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
`;

const log = makeNoteSigner('example.com/log', aSigningKey(1));
const stranger = makeNoteSigner('example.com/log', aSigningKey(9));
const witness = makeCosigner('witness.example/w1', aSigningKey(2));
const leaves = someEntries(40).map(hashLeaf);
const rootAt = (size: number, of: readonly Hash[] = leaves): Hash => {
  const tree = openTree();
  for (const leaf of of.slice(0, size)) tree.append(leaf);
  return tree.root();
};
const checkpointAt = (size: number, of: readonly Hash[] = leaves): Checkpoint => ({ origin: log.name, size, root: rootAt(size, of) });

const aRequest = async (
  oldSize: number,
  size: number,
  change: { of?: readonly Hash[]; by?: typeof log; proof?: readonly Hash[] } = {},
): Promise<AddCheckpointRequest> => {
  const { of = leaves, by = log } = change;
  const proof = change.proof ?? (oldSize > size ? [] : await proveConsistency(oldSize, size, readerOver(of)));
  return parseAddCheckpoint(formatAddCheckpoint({ oldSize, proof, note: await signCheckpoint(checkpointAt(size, of), by) }));
};
const known = (size: number | null): KnownLog => ({
  verifiers: [makeNoteVerifier(log.vkey)],
  latest: size === null ? null : checkpointAt(size),
});
const decide = async (request: AddCheckpointRequest, state: KnownLog | null): Promise<unknown> => {
  const decision = await decideAddCheckpoint(request, state);
  return decision.kind === 'cosign' ? `cosign ${decision.checkpoint.size}` : { ...decision, status: toWitnessAnswer(decision).status };
};

/** The answer there, of two witnesses, one of them with two keys. */
const C2SP_ANSWER = `— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==
— witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==
— witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==
`;

it('the answer of the specification is lines of signatures, as long as cosignatures, that can stand below the note', () => {
  const lines = parseSignatures(C2SP_ANSWER);
  expect(lines.map(({ name, keyId, bytes }) => [name, keyId, bytes.length])).toEqual([
    ['witness.example/w1', '08ca7ee8', 72],
    ['witness.example/w1', '23bac4a6', 72],
    ['witness.example/w2', '016ba2f1', 72],
  ]);
  expect(lines.map(formatSignature).join('')).toBe(C2SP_ANSWER);
  const { note } = parseAddCheckpoint(C2SP_REQUEST);
  expect(parseNote(formatNote(note) + C2SP_ANSWER).signatures).toEqual([...note.signatures, ...lines]);
});

describe('a request to a witness', () => {
  it('of the specification is read, and written the same', () => {
    const request = parseAddCheckpoint(C2SP_REQUEST);
    expect(request).toMatchObject({ oldSize: 20_852_014, checkpoint: { origin: 'example.com/behind-the-sofa', size: 20_852_163 } });
    expect(request.proof).toHaveLength(4);
    expect(request.note.signatures).toHaveLength(2);
    expect(formatAddCheckpoint(request)).toBe(C2SP_REQUEST);
    expect(parseAddCheckpoint(Buffer.from(C2SP_REQUEST))).toEqual(request);
  });

  it.each([
    ['another first line', C2SP_REQUEST.replace('old ', 'Old ')],
    ['a leading zero', C2SP_REQUEST.replace('old ', 'old 0')],
    ['no size', C2SP_REQUEST.replace('old 20852014', 'old ')],
    ['two blanks', C2SP_REQUEST.replace('old ', 'old  ')],
    ['no empty line', C2SP_REQUEST.replace('\n\n', '\n')],
    ['an empty line too early', C2SP_REQUEST.replace('old 20852014\n', 'old 20852014\n\n')],
    ['a hash of 31 bytes', C2SP_REQUEST.replace('PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=', Buffer.alloc(31).toString('base64'))],
    ['a line that is no hash', C2SP_REQUEST.replace('PlRN', 'Pl-N')],
    ['64 hashes', C2SP_REQUEST.replace('\n', `\n${'PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n'.repeat(60)}`)],
    ['carriage returns', C2SP_REQUEST.replaceAll('\n', '\r\n')],
    ['a note that is no checkpoint', C2SP_REQUEST.replace('20852163', 'many')],
    ['no signature', C2SP_REQUEST.replace(/\n\n— [\s\S]*/, '\n')],
    ['nothing in it', ''],
  ])('is none with %s', (_name, body) => {
    expect(() => parseAddCheckpoint(body)).toThrow(TlogError);
  });

  it('may have 63 hashes', () => {
    expect(
      parseAddCheckpoint(C2SP_REQUEST.replace('\n', `\n${'PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n'.repeat(59)}`)).proof,
    ).toHaveLength(63);
  });
});

describe('a witness', () => {
  it('cosigns what follows from what it cosigned last, whatever the sizes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 40 }), fc.nat({ max: 40 }), async (a, b) => {
        const [before, size] = [Math.min(a, b), Math.max(a, b)];
        expect(await decide(await aRequest(before, size), known(before === 0 ? null : before))).toBe(`cosign ${size}`);
      }),
      { numRuns: 60 },
    );
    expect(await decide(await aRequest(0, 0), known(0))).toBe('cosign 0');
    expect(await decide(await aRequest(0, 3), known(0))).toBe('cosign 3');
  });

  it('answers 404 for an origin that it does not know, whoever signed', async () => {
    expect(await decide(await aRequest(0, 5, { by: stranger }), null)).toEqual({ kind: 'unknown', status: 404 });
  });

  it('answers 403 where no key that it trusts signed, and where one is not the key’s, before it says anything of sizes', async () => {
    expect(await decide(await aRequest(9, 5, { by: stranger }), known(5))).toEqual({ kind: 'forbidden', status: 403 });
    const request = await aRequest(5, 9);
    const signatures = request.note.signatures.map((each) => ({ ...each, bytes: flip(each.bytes, 77) }));
    expect(await decide({ ...request, note: { ...request.note, signatures } }, known(5))).toEqual({ kind: 'forbidden', status: 403 });
  });

  it('answers 400 for an old size beyond the checkpoint', async () => {
    expect(await decide(await aRequest(9, 5), known(9))).toEqual({ kind: 'bad-request', status: 400 });
  });

  it('answers 409 and where it stands for any other old size', async () => {
    for (const [old, latest] of [
      [0, 7],
      [5, 7],
      [8, 7],
      [5, null],
    ] as const) {
      const decision = await decideAddCheckpoint(await aRequest(old, 12), known(latest));
      expect(decision).toEqual({ kind: 'conflict', size: latest ?? 0, isFork: false });
      expect(toWitnessAnswer(decision)).toEqual({ status: 409, contentType: 'text/x.tlog.size', body: `${latest ?? 0}\n` });
    }
  });

  it('never goes back, though the log asks with a sound signature', async () => {
    expect(await decide(await aRequest(5, 9), known(12))).toMatchObject({ kind: 'conflict', size: 12 });
    expect(await decide(await aRequest(12, 9), known(12))).toMatchObject({ kind: 'bad-request' });
  });

  it('answers 422 for a proof that does not lead there: a rewritten past, a bit flipped, a hash too many, one where none may be', async () => {
    const rewritten = leaves.map((leaf, i) => (i === 2 ? flip(leaf) : leaf));
    const refused = { kind: 'inconsistent', status: 422 };
    expect(await decide(await aRequest(7, 12, { of: rewritten }), known(7))).toEqual(refused);
    const proof = await proveConsistency(7, 12, readerOver(leaves));
    expect(await decide(await aRequest(7, 12, { proof }), known(7))).toBe('cosign 12');
    for (const wrong of [proof.slice(1), proof.map((hash) => flip(hash)), [...proof, EMPTY_ROOT], []])
      expect(await decide(await aRequest(7, 12, { proof: wrong }), known(7))).toEqual(refused);
    expect(await decide(await aRequest(0, 12, { proof: [EMPTY_ROOT] }), known(null))).toEqual(refused);
    expect(await decide(await aRequest(7, 7, { proof: [EMPTY_ROOT] }), known(7))).toEqual(refused);
  });

  it('answers 409 and calls it a fork where the log signs two trees of one size', async () => {
    const other = leaves.map((leaf, i) => (i === 2 ? flip(leaf) : leaf));
    expect(await decide(await aRequest(7, 7, { of: other }), known(7))).toEqual({ kind: 'conflict', size: 7, isFork: true, status: 409 });
    expect(await decide(await aRequest(7, 7), known(7))).toBe('cosign 7');
  });

  it('answers 200 with its cosignatures, which the log adds to its note', async () => {
    const request = await aRequest(7, 12);
    const decision = await decideAddCheckpoint(request, known(7));
    const at = new Date('2027-02-10T14:00:00Z');
    const answer = toWitnessAnswer(decision, [await witness.cosign(request.note.text, at)]);
    expect(answer.status).toBe(200);
    const verifier = makeCosignatureVerifier(witness.vkey);
    const cosigned = await addCosignatures(request.note, answer.body, verifier);
    expect(cosigned.signatures.map(({ name }) => name)).toEqual([log.name, witness.name]);
    expect((await addCosignatures(cosigned, answer.body, verifier)).signatures).toHaveLength(2);
    expect(formatNote(cosigned)).toBe(`${formatNote(request.note)}${answer.body}`);
    expect(() => toWitnessAnswer(decision)).toThrow(RangeError);
  });

  it('is not believed where it answers for another checkpoint, with other keys, or with no line', async () => {
    const { note } = await aRequest(7, 12);
    const verifier = makeCosignatureVerifier(witness.vkey);
    const at = new Date('2027-02-10T14:00:00Z');
    const elsewhere = await witness.cosign((await aRequest(7, 13)).note.text, at);
    await expect(addCosignatures(note, formatSignature(elsewhere), verifier)).rejects.toMatchObject({ fault: 'bad-signature' });
    const another = await makeCosigner('witness.example/w1', aSigningKey(3)).cosign(note.text, at);
    await expect(addCosignatures(note, formatSignature(another), verifier)).rejects.toMatchObject({ fault: 'unsigned' });
    const mine = await witness.cosign(note.text, at);
    const mixed = await addCosignatures(note, `${formatSignature(another)}${formatSignature(mine)}`, verifier);
    expect(mixed.signatures.slice(1)).toEqual([mine]);
    for (const body of ['', '\n', 'ok\n', formatSignature(mine).slice(0, -1)])
      await expect(addCosignatures(note, body, verifier)).rejects.toMatchObject({ fault: 'malformed' });
  });

  it('says a size in its conflict, or nothing that can be read', () => {
    expect(parseConflict('20852163\n')).toBe(20_852_163);
    for (const body of ['20852163', '', '\n', '01\n', 'x\n', '1\n1\n']) expect(() => parseConflict(body)).toThrow(TlogError);
  });
});
