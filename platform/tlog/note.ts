import { concatBytes, equalBytes, fromBase64, fromUtf8, toBase64, toHex, toUtf8 } from './bytes.ts';
import { makeEd25519Verifier, PUBLIC_KEY_BYTES, sha256 } from './crypto.ts';
import type { SigningKey } from './signing-key.ts';
import { malformed, TlogError } from './tlog-error.ts';
import { isWeakKey } from './weak-key.ts';

/** Signature types of https://c2sp.org/signed-note that are known here. */
export const SignatureType = { ED25519: 0x01, COSIGNATURE_V1: 0x04 } as const;
export type SignatureType = (typeof SignatureType)[keyof typeof SignatureType];

const MAX_NOTE_BYTES = 1_000_000;
const MAX_SIGNATURES = 100;
const KEY_ID_BYTES = 4;
const KEY_NAME = /^[^\p{White_Space}+]+$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: those that a note may not hold
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;
const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([^ ]+)$/;

/** A line below a note. `keyId` is 8 hex digits, `bytes` what the key made, without its id. Nothing is verified yet. */
export type NoteSignature = { readonly name: string; readonly keyId: string; readonly bytes: Uint8Array };

/** A note as it was written: text with its final newline, and signatures. Believed only once opened. */
export type Note = { readonly text: string; readonly signatures: readonly NoteSignature[] };

/** Name and id of a key choose its verifier; both have to match. */
export type NoteVerifier = {
  readonly name: string;
  readonly keyId: string;
  readonly verify: (text: string, signature: Uint8Array) => Promise<boolean>;
};

export type NoteSigner = { readonly name: string; readonly keyId: string; readonly sign: (text: string) => Promise<Uint8Array> };

/** A public key in the form `<name>+<key id>+<base64 of type and key>`. */
export type VerifierKey = {
  readonly name: string;
  readonly keyId: string;
  readonly type: SignatureType;
  /** 32 bytes of Ed25519. */
  readonly publicKey: Uint8Array;
};

/** SHA-256(name, newline, type, public key), the first four bytes in hex. */
const keyIdOf = (name: string, typed: Uint8Array): string =>
  toHex(sha256(concatBytes(toUtf8(`${name}\n`), typed)).subarray(0, KEY_ID_BYTES));

export const requireKeyName = (name: string): string => {
  if (!KEY_NAME.test(name) || CONTROL.test(name) || !name.isWellFormed())
    throw new RangeError('name: a key name has at least one character, and neither white space nor a plus sign');
  return name;
};

/** The public key under a name, for one type of signature. */
export const toVerifierKey = (name: string, type: SignatureType, publicKey: Uint8Array): VerifierKey => {
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw new RangeError(`publicKey: must have ${PUBLIC_KEY_BYTES} bytes`);
  return { name: requireKeyName(name), keyId: keyIdOf(name, concatBytes(Uint8Array.of(type), publicKey)), type, publicKey };
};

export const formatVerifierKey = ({ name, keyId, type, publicKey }: VerifierKey): string =>
  `${name}+${keyId}+${toBase64(concatBytes(Uint8Array.of(type), publicKey))}`;

const VKEY = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u;

/** Reads a verifier key. Throws `malformed` for another form, a type that is not known here, or an id that is not the key's. */
export const parseVerifierKey = (vkey: string): VerifierKey => {
  const [, name = '', keyId = '', encoded = ''] = VKEY.exec(vkey) ?? [];
  const typed = fromBase64(encoded);
  if (!KEY_NAME.test(name) || CONTROL.test(name) || !typed) throw malformed('the verifier key is not of the form <name>+<key id>+<base64>');
  const [type, ...key] = typed;
  if (type !== SignatureType.ED25519 && type !== SignatureType.COSIGNATURE_V1) throw malformed('the verifier key is of an unknown type');
  if (key.length !== PUBLIC_KEY_BYTES) throw malformed(`the verifier key holds no public key of ${PUBLIC_KEY_BYTES} bytes`);
  if (isWeakKey(Uint8Array.from(key))) throw malformed('the verifier key is one that anybody can sign for');
  if (keyIdOf(name, typed) !== keyId) throw malformed('the id in the verifier key is not that of its name and key');
  return { name, keyId, type, publicKey: Uint8Array.from(key) };
};

/** Verifies a log's own signatures, type 0x01. Throws `malformed` for anything but such a key. */
export const makeNoteVerifier = (vkey: string): NoteVerifier => {
  const { name, keyId, type, publicKey } = parseVerifierKey(vkey);
  if (type !== SignatureType.ED25519) throw malformed('the verifier key is not one of a log (type 01)');
  const verify = makeEd25519Verifier(publicKey);
  return { name, keyId, verify: (text, signature) => verify(toUtf8(text), signature) };
};

/** Signs texts as type 0x01. */
export const makeNoteSigner = (name: string, key: SigningKey): NoteSigner & { readonly vkey: string } => {
  const own = toVerifierKey(name, SignatureType.ED25519, key.publicKey);
  return { name, keyId: own.keyId, vkey: formatVerifierKey(own), sign: (text) => key.sign(toUtf8(text)) };
};

const isNoteText = (text: string): boolean => text.endsWith('\n') && !CONTROL.test(text) && text.isWellFormed();

export const formatSignature = ({ name, keyId, bytes }: NoteSignature): string =>
  `\u2014 ${name} ${toBase64(
    concatBytes(
      Uint8Array.from(keyId.match(/../g) ?? [], (hex) => Number.parseInt(hex, 16)),
      bytes,
    ),
  )}\n`;

/** Reads one line without its newline; null where it is no signature. */
const readSignature = (line: string): NoteSignature | null => {
  const [, name = '', encoded = ''] = SIGNATURE_LINE.exec(line) ?? [];
  const bytes = fromBase64(encoded);
  if (!KEY_NAME.test(name) || !bytes || bytes.length <= KEY_ID_BYTES) return null;
  return { name, keyId: toHex(bytes.subarray(0, KEY_ID_BYTES)), bytes: bytes.slice(KEY_ID_BYTES) };
};

const textOf = (note: string | Uint8Array): string => {
  const length = typeof note === 'string' ? toUtf8(note).length : note.length;
  if (length > MAX_NOTE_BYTES) throw malformed(`the note is longer than ${MAX_NOTE_BYTES} bytes`);
  const text = typeof note === 'string' ? note : fromUtf8(note);
  if (text === null || !text.isWellFormed()) throw malformed('the note is not UTF-8');
  if (CONTROL.test(text)) throw malformed('the note holds control characters');
  return text;
};

/** Reads lines of signatures, each with its newline, such as a witness answers with. Throws `malformed` unless there is at least one. */
export const parseSignatures = (lines: string | Uint8Array): NoteSignature[] => {
  const text = textOf(lines);
  if (!text.endsWith('\n')) throw malformed('the signatures do not end in a newline');
  const each = text.slice(0, -1).split('\n');
  if (each.length > MAX_SIGNATURES) throw malformed(`the note has more than ${MAX_SIGNATURES} signatures`);
  return each.map((line, i) => {
    const signature = readSignature(line);
    if (!signature) throw malformed(`signature line ${i + 1} is not of the form — <name> <base64>`);
    return signature;
  });
};

/** Takes a note apart at its last empty line. Throws `malformed`; verifies nothing. https://c2sp.org/signed-note */
export const parseNote = (note: string | Uint8Array): Note => {
  const whole = textOf(note);
  const at = whole.lastIndexOf('\n\n');
  if (at < 0) throw malformed('the note has no empty line between text and signatures');
  return { text: whole.slice(0, at + 1), signatures: parseSignatures(whole.slice(at + 2)) };
};

/** Writes a note. `text` ends in a newline. */
export const formatNote = ({ text, signatures }: Note): string => {
  if (!isNoteText(text)) throw new RangeError('text: must end in a newline and hold no other control character');
  return `${text}\n${signatures.map(formatSignature).join('')}`;
};

/** Signs a text with each key, in that order. */
export const signNote = async (text: string, ...signers: readonly NoteSigner[]): Promise<Note> => {
  if (!isNoteText(text)) throw new RangeError('text: must end in a newline and hold no other control character');
  const sign = async ({ name, keyId, sign }: NoteSigner): Promise<NoteSignature> => ({ name, keyId, bytes: await sign(text) });
  return { text, signatures: await Promise.all(signers.map(sign)) };
};

/** A text that known keys signed. Signatures of unknown keys say nothing and are kept as they came. */
export type OpenedNote = { readonly text: string; readonly verified: readonly NoteSignature[]; readonly unknown: readonly NoteSignature[] };

const isOf = (signature: NoteSignature, { name, keyId }: NoteVerifier): boolean => signature.name === name && signature.keyId === keyId;

/**
 * Verifies every signature of a known key. Throws `bad-signature` where one is not the key's, whatever the others say, and `unsigned` where
 * no known key signed.
 */
export const openNote = async (note: Note, verifiers: readonly NoteVerifier[]): Promise<OpenedNote> => {
  const verified: NoteSignature[] = [];
  const unknown: NoteSignature[] = [];
  for (const signature of note.signatures) {
    const [verifier, another] = verifiers.filter((each) => isOf(signature, each));
    if (another) throw new RangeError('verifiers: two have the same name and key id');
    if (!verifier) unknown.push(signature);
    else if (await verifier.verify(note.text, signature.bytes)) verified.push(signature);
    else throw new TlogError('bad-signature', 'a signature of a known key does not belong to the note');
  }
  if (verified.length === 0) throw new TlogError('unsigned', 'no known key signed the note');
  return { text: note.text, verified, unknown };
};

/** Whether two lines are the same. */
export const isSameSignature = (a: NoteSignature, b: NoteSignature): boolean =>
  a.name === b.name && a.keyId === b.keyId && equalBytes(a.bytes, b.bytes);
