import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  formatNote,
  formatVerifierKey,
  makeNoteSigner,
  makeNoteVerifier,
  type NoteVerifier,
  openNote,
  parseNote,
  parseVerifierKey,
  SignatureType,
  signNote,
  toVerifierKey,
} from '#platform/tlog/note.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { aSigningKey, flip } from './builders.ts';

/** Key and note of the examples of golang.org/x/mod/sumdb/note (BSD 3-Clause); the seed is that of its public example key. */
const GO = {
  seed: 'gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=',
  vkey: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  line: '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
};
const goNote = `${GO.text}\n${GO.line}`;

/** Example of https://c2sp.org/signed-note (CC BY 4.0). Its public key is not given, so it is read and written, not verified. */
const C2SP_NOTE = `Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
`;

const alice = makeNoteSigner('example.com/alice', aSigningKey(1));
const bob = makeNoteSigner('example.com/bob', aSigningKey(2));
const verifiers = [alice, bob].map(({ vkey }) => makeNoteVerifier(vkey));
const faultOf = async (work: () => Promise<unknown> | unknown): Promise<string> => {
  try {
    await work();
    return 'none';
  } catch (error) {
    return error instanceof TlogError ? error.fault : String(error);
  }
};
const open = async (note: string | Uint8Array, known: readonly NoteVerifier[] = verifiers) => openNote(parseNote(note), known);

describe('a signed note', () => {
  it('is that of the Go library, letter by letter', async () => {
    const signer = makeNoteSigner('PeterNeumann', openSigningKey(new Uint8Array(Buffer.from(GO.seed, 'base64'))));
    expect(signer.vkey).toBe(GO.vkey);
    expect(formatNote(await signNote(GO.text, signer))).toBe(goNote);
    expect(await open(goNote, [makeNoteVerifier(GO.vkey)])).toMatchObject({
      text: GO.text,
      verified: [{ name: 'PeterNeumann', keyId: 'c74f20a3' }],
    });
    expect(await faultOf(() => open(goNote.replace('cryptography', 'cryptographY'), [makeNoteVerifier(GO.vkey)]))).toBe('bad-signature');
  });

  it('of the specification is taken apart at its last empty line', async () => {
    const note = parseNote(C2SP_NOTE);
    expect(note.text.endsWith('\n\ned è subito sera.\n')).toBe(true);
    expect(note.signatures).toMatchObject([{ name: 'quasimodo.example/salvatore', keyId: '367ba04b' }]);
    expect(note.signatures[0]?.bytes).toHaveLength(64);
    expect(formatNote(note)).toBe(C2SP_NOTE);
    expect(parseNote(Buffer.from(C2SP_NOTE))).toEqual(note);
    expect(await faultOf(() => open(C2SP_NOTE))).toBe('unsigned');
  });

  it('is opened as it was signed, whatever the text, by each key alone and by both', async () => {
    const texts = fc
      .array(fc.string({ unit: 'grapheme' }).map((line) => line.replace(/\p{Cc}/gu, '')))
      .map((lines) => `${lines.join('\n')}\n`)
      .filter((text) => text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const written = formatNote(await signNote(text, alice, bob));
        for (const known of [verifiers, verifiers.slice(0, 1), verifiers.slice(1)]) {
          const opened = await open(written, known);
          expect(opened.text).toBe(text);
          expect(opened.verified).toHaveLength(known.length);
          expect(opened.unknown).toHaveLength(2 - known.length);
        }
        expect(formatNote(parseNote(Buffer.from(written)))).toBe(written);
      }),
      { numRuns: 60 },
    );
  });

  it('is not opened with any one bit changed', async () => {
    const written = new Uint8Array(Buffer.from(formatNote(await signNote('one\n\ntwo\n', alice))));
    for (let bit = 0; bit < written.length * 8; bit++)
      expect([bit, await faultOf(() => open(flip(written, bit)))]).not.toEqual([bit, 'none']);
  });

  it('keeps what unknown keys wrote and believes none of it', async () => {
    const stranger = makeNoteSigner('example.com/alice', aSigningKey(9));
    const both = formatNote(await signNote('text\n', stranger, alice));
    expect(await open(both)).toMatchObject({ verified: [{ keyId: alice.keyId }], unknown: [{ keyId: stranger.keyId }] });
    expect(await faultOf(async () => open(formatNote(await signNote('text\n', stranger))))).toBe('unsigned');
    // Same id under another name, and the same name under another id, are other keys.
    const [signature] = (await signNote('text\n', alice)).signatures;
    if (!signature) throw new Error('there is no signature');
    for (const changed of [
      { ...signature, name: 'example.com/bob' },
      { ...signature, keyId: bob.keyId },
    ])
      expect(await faultOf(() => openNote({ text: 'text\n', signatures: [changed] }, verifiers))).toBe('unsigned');
  });

  it('is refused whole where one known key signed something else', async () => {
    const [mine] = (await signNote('text\n', alice)).signatures;
    const [other] = (await signNote('another\n', bob)).signatures;
    if (!mine || !other) throw new Error('there is no signature');
    expect(await faultOf(() => openNote({ text: 'text\n', signatures: [mine, other] }, verifiers))).toBe('bad-signature');
    expect(await faultOf(() => openNote({ text: 'text\n', signatures: [mine, other] }, verifiers.slice(0, 1)))).toBe('none');
    expect(
      await faultOf(() => openNote({ text: 'text\n', signatures: [mine, { ...mine, bytes: mine.bytes.subarray(1) }] }, verifiers)),
    ).toBe('bad-signature');
  });

  it('takes at least 16 signatures and at most 100, and at most a million bytes', async () => {
    const lines = (count: number): string => `text\n\n${GO.line.repeat(count)}`;
    expect(parseNote(lines(16)).signatures).toHaveLength(16);
    expect(parseNote(lines(100)).signatures).toHaveLength(100);
    expect(() => parseNote(lines(101))).toThrow('more than 100');
    expect(() => parseNote(`${'è'.repeat(500_000)}\n\n${GO.line}`)).toThrow('longer than');
  });

  it.each([
    ['without an empty line', `text\n${GO.line}`],
    ['without a signature', 'text\n\n'],
    ['without its last newline', goNote.slice(0, -1)],
    ['with something behind it', `${goNote}x\n`],
    ['with an empty line behind it', `${goNote}\n`],
    ['with a hyphen for the dash', goNote.replace('—', '-')],
    ['with two blanks', goNote.replace(' x08', '  x08')],
    ['with a blank at the end of a line', goNote.replace('=\n', '= \n')],
    ['with a name that has a plus sign', goNote.replace('PeterNeumann', 'Peter+Neumann')],
    ['with a name that has a wide blank', goNote.replace('PeterNeumann', 'Peter\u3000Neumann')],
    ['without a name', goNote.replace('PeterNeumann ', '')],
    ['with a signature of an id alone', goNote.replace(/x08.*/, 'x08gow==')],
    ['with base 64 for URLs', goNote.replace('go/Z', 'go_Z')],
    ['with base 64 without its padding', goNote.replace('AM=', 'AM')],
    ['with stray bits in its base 64', goNote.replace('AM=', 'AN=')],
    ['with a carriage return', goNote.replaceAll('\n', '\r\n')],
    ['with a tab', goNote.replace('If you', 'If\tyou')],
    ['with a null', goNote.replace('If you', 'If\0you')],
    ['with half a letter', goNote.replace('If you', 'If\ud800you')],
    ['that is empty', ''],
  ])('is none %s', (_name, text) => {
    expect(() => parseNote(goNote)).not.toThrow();
    expect(() => parseNote(text)).toThrow(TlogError);
  });

  it('is none in bytes that are not UTF-8, and keeps a byte order mark', () => {
    const bytes = Buffer.from(goNote);
    bytes[0] = 0xff;
    expect(() => parseNote(bytes)).toThrow('not UTF-8');
    expect(parseNote(Buffer.from(`\ufeff${goNote}`)).text).toBe(`\ufeff${GO.text}`);
  });

  it('is not signed where the text is none', async () => {
    for (const text of ['', 'text', 'a\tb\n', 'a\ud800\n']) await expect(signNote(text, alice)).rejects.toThrow(RangeError);
  });

  it('is not opened where two verifiers have the same name and id', async () => {
    await expect(open(formatNote(await signNote('text\n', alice)), [...verifiers, ...verifiers])).rejects.toThrow(RangeError);
  });
});

describe('a verifier key', () => {
  it('is read as it was written, and knows its own id', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.stringMatching(/^[a-z][a-z0-9./-]{0,30}$/),
        fc.constantFrom(1, 4),
        (publicKey, name, type) => {
          const key = toVerifierKey(name, type === 1 ? SignatureType.ED25519 : SignatureType.COSIGNATURE_V1, publicKey);
          expect(parseVerifierKey(formatVerifierKey(key))).toEqual(key);
        },
      ),
    );
  });

  it('is refused with any letter changed or left out', () => {
    for (let i = 0; i < GO.vkey.length; i++) {
      expect(() => parseVerifierKey(`${GO.vkey.slice(0, i)}${GO.vkey.slice(i + 1)}`)).toThrow(TlogError);
      const letter = String.fromCharCode(GO.vkey.charCodeAt(i) + 1);
      expect(() => parseVerifierKey(`${GO.vkey.slice(0, i)}${letter}${GO.vkey.slice(i + 1)}`)).toThrow(TlogError);
    }
  });

  it('is refused where anybody can sign for it', () => {
    const one = Uint8Array.of(1, ...new Uint8Array(31));
    for (const sign of [0x00, 0x80]) {
      const weak = one.map((byte, i) => (i === 31 ? byte | sign : byte));
      for (const type of [SignatureType.ED25519, SignatureType.COSIGNATURE_V1])
        expect(() => parseVerifierKey(formatVerifierKey(toVerifierKey('example.com/w', type, weak)))).toThrow('anybody can sign');
    }
  });

  it('is refused for a type, length or use that is not known', () => {
    const log = makeNoteSigner('example.com/log', aSigningKey(3)).vkey;
    expect(() => makeNoteVerifier(log)).not.toThrow();
    const witness = formatVerifierKey(toVerifierKey('example.com/w', SignatureType.COSIGNATURE_V1, aSigningKey(3).publicKey));
    expect(() => makeNoteVerifier(witness)).toThrow('not one of a log');
    for (const name of ['', 'a b', 'a+b', 'a\u2003b', 'a\nb', 'a\u0001b'])
      expect(() => toVerifierKey(name, 1, new Uint8Array(32))).toThrow(RangeError);
    expect(() => toVerifierKey('a', 1, new Uint8Array(33))).toThrow(RangeError);
    // Go's own cases: a wrong length with the id to match, an algorithm that does not exist with the id to match.
    expect(() => parseVerifierKey('PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==')).toThrow(TlogError);
    expect(() => parseVerifierKey('PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')).toThrow('unknown type');
  });
});
