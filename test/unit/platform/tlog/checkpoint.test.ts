import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Checkpoint, formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosignatureVerifier, makeCosigner, timeOfCosignature } from '#platform/tlog/cosignature.ts';
import { EMPTY_ROOT, hashLeaf } from '#platform/tlog/merkle.ts';
import { formatNote, makeNoteSigner, makeNoteVerifier, openNote, parseNote, signNote } from '#platform/tlog/note.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { anEntry, aSigningKey, flip } from './builders.ts';

const log = makeNoteSigner('example.com/log', aSigningKey(1));
const witness = makeCosigner('witness.example/w1', aSigningKey(2));
const root = hashLeaf(anEntry(0));
const aCheckpoint = (change: Partial<Checkpoint> = {}): Checkpoint => ({ origin: 'example.com/log', size: 1, root, ...change });

/** Example of https://c2sp.org/tlog-cosignature (CC BY 4.0), without its last line that of https://c2sp.org/tlog-checkpoint; its public keys are not given. */
const C2SP_CHECKPOINT = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`;

describe('a checkpoint', () => {
  it('of the specification is read, and written the same', () => {
    const note = parseNote(C2SP_CHECKPOINT);
    const checkpoint = parseCheckpoint(note.text);
    expect(checkpoint).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163 });
    expect(formatCheckpoint(checkpoint)).toBe(note.text);
    expect(formatNote(note)).toBe(C2SP_CHECKPOINT);
    expect(note.signatures.map(({ bytes }) => timeOfCosignature(bytes))).toEqual([null, 1_679_315_147]);
    const alone = C2SP_CHECKPOINT.replace(/— witness.*\n/, '');
    expect(parseNote(alone)).toEqual({ ...note, signatures: note.signatures.slice(0, 1) });
    expect(formatNote(parseNote(alone))).toBe(alone);
  });

  it('is read as it was written', () => {
    const lines = fc.string({ unit: 'grapheme', minLength: 1 }).filter((line) => !/\p{Cc}/u.test(line) && line.isWellFormed());
    fc.assert(
      fc.property(
        lines,
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.array(lines),
        (origin, size, hash, extensions) => {
          const checkpoint = { origin, size, root: hash, ...(extensions.length === 0 ? {} : { extensions }) };
          expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
        },
      ),
    );
    expect(formatCheckpoint({ origin: 'o', size: 0, root: EMPTY_ROOT })).toBe('o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n');
  });

  const sound = formatCheckpoint(aCheckpoint());
  it.each([
    ['has a leading zero', sound.replace('\n1\n', '\n01\n')],
    ['is negative', sound.replace('\n1\n', '\n-1\n')],
    ['is no number', sound.replace('\n1\n', '\none\n')],
    ['is beyond 2^53', sound.replace('\n1\n', '\n9007199254740992\n')],
    ['is 0 with the root of something', sound.replace('\n1\n', '\n0\n')],
    ['is missing', sound.replace('\n1\n', '\n')],
  ])('is none where the size %s', (_name, text) => {
    expect(parseCheckpoint(sound)).toEqual(aCheckpoint());
    expect(() => parseCheckpoint(text)).toThrow(TlogError);
  });

  it.each([
    ['no origin', sound.replace('example.com/log', '')],
    ['a root of 31 bytes', `o\n1\n${Buffer.alloc(31).toString('base64')}\n`],
    ['a root of 33 bytes', `o\n1\n${Buffer.alloc(33).toString('base64')}\n`],
    ['a root in hex', `o\n1\n${Buffer.alloc(32).toString('hex')}\n`],
    ['a root with stray bits', sound.replace(/.=\n$/, '/=\n')],
    ['an empty line behind it', `${sound}\n`],
    ['an empty line between', `${sound}a\n\nb\n`],
    ['no last newline', sound.slice(0, -1)],
    ['carriage returns', sound.replaceAll('\n', '\r\n')],
    ['nothing in it', ''],
  ])('is none with %s', (_name, text) => {
    expect(() => parseCheckpoint(text)).toThrow(TlogError);
  });

  it('is not written where it could not be read', () => {
    for (const change of [
      { origin: '' },
      { origin: 'a\nb' },
      { size: -1 },
      { size: 0.5 },
      { size: 2 ** 53 },
      { root: root.subarray(1) },
      { extensions: [''] },
      { extensions: ['a\nb'] },
    ])
      expect(() => formatCheckpoint(aCheckpoint(change))).toThrow(RangeError);
  });

  it('is opened with the key of its origin alone', async () => {
    const signed = formatNote(await signCheckpoint(aCheckpoint(), log));
    expect((await openCheckpoint(signed, [makeNoteVerifier(log.vkey)])).checkpoint).toEqual(aCheckpoint());
    const another = makeNoteSigner('example.com/another', aSigningKey(1));
    const foreign = formatNote(await signCheckpoint(aCheckpoint(), another));
    const keys = [log, another].map(({ vkey }) => makeNoteVerifier(vkey));
    await expect(openCheckpoint(foreign, keys)).rejects.toMatchObject({ fault: 'unsigned' });
    await expect(openCheckpoint(signed.replace('\n1\n', '\n2\n'), keys)).rejects.toMatchObject({ fault: 'bad-signature' });
    await expect(openCheckpoint(formatNote(await signNote('example.com/log\n', log)), keys)).rejects.toMatchObject({ fault: 'malformed' });
  });
});

describe('a cosignature', () => {
  const verifier = makeCosignatureVerifier(witness.vkey);
  const at = new Date('2027-02-10T14:00:00.900Z');

  it('says when and verifies over that and the whole text', async () => {
    const text = formatCheckpoint(aCheckpoint({ extensions: ['more'] }));
    const signature = await witness.cosign(text, at);
    expect(timeOfCosignature(signature.bytes)).toBe(Math.floor(at.getTime() / 1000));
    expect(await verifier.verify(text, signature.bytes)).toBe(true);
    expect(await verifier.verify(text.replace('more', 'less'), signature.bytes)).toBe(false);
    for (const bit of [0, 63, 64, 400, 575]) expect(await verifier.verify(text, flip(signature.bytes, bit))).toBe(false);
    expect(await verifier.verify(text, signature.bytes.subarray(8))).toBe(false);
    expect(await verifier.verify(text, new Uint8Array(0))).toBe(false);
  });

  it('is over the message of the specification', async () => {
    const { text } = parseNote(C2SP_CHECKPOINT);
    const message = `cosignature/v1
time 1679315147
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
`;
    const expected = await aSigningKey(2).sign(Buffer.from(message));
    const { bytes } = await witness.cosign(text, new Date(1_679_315_147_000));
    expect(Buffer.from(bytes).toString('hex')).toBe(`00000000641850cb${Buffer.from(expected).toString('hex')}`);
  });

  it('is not the same key as one that signs notes', async () => {
    const same = makeNoteSigner('witness.example/w1', aSigningKey(2));
    expect(same.keyId).not.toBe(witness.keyId);
    expect(() => makeCosignatureVerifier(same.vkey)).toThrow('not one of a witness');
    const note = await signCheckpoint(aCheckpoint(), same);
    await expect(openNote(note, [verifier])).rejects.toMatchObject({ fault: 'unsigned' });
  });

  it('is neither made nor believed over anything but a checkpoint', async () => {
    await expect(witness.cosign('anything\n', at)).rejects.toThrow(TlogError);
    await expect(witness.cosign(formatCheckpoint(aCheckpoint()), new Date(0))).rejects.toThrow(RangeError);
    await expect(witness.cosign(formatCheckpoint(aCheckpoint()), new Date(Number.NaN))).rejects.toThrow(RangeError);
    const signed = await aSigningKey(2).sign(Buffer.from('cosignature/v1\ntime 1\nanything\n'));
    expect(await verifier.verify('anything\n', new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1, ...signed]))).toBe(false);
  });

  it('is none with a time that no clock shows', () => {
    const bytes = new Uint8Array(72);
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 63n);
    expect(timeOfCosignature(bytes)).toBeNull();
    new DataView(bytes.buffer).setBigUint64(0, 8_640_000_000_001n);
    expect(timeOfCosignature(bytes)).toBeNull();
    new DataView(bytes.buffer).setBigUint64(0, 8_640_000_000_000n);
    expect(timeOfCosignature(bytes)).toBe(8_640_000_000_000);
  });
});
