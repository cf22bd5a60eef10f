import { equalBytes, fromBase64, fromDecimal, toBase64 } from './bytes.ts';
import { HASH_BYTES } from './crypto.ts';
import { EMPTY_ROOT, type Hash } from './merkle.ts';
import { type Note, type NoteSigner, type NoteVerifier, openNote, parseNote, signNote } from './note.ts';
import { malformed, TlogError } from './tlog-error.ts';

/** What a log says of itself: its name, how many entries it has, and the root over them. https://c2sp.org/tlog-checkpoint */
export type Checkpoint = {
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
  /** Further lines; nobody but the log vouches for them. */
  readonly extensions?: readonly string[];
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: those that a line may not hold
const LINE = /^[^\u0000-\u001f]+$/;
const isLine = (line: string): boolean => LINE.test(line) && line.isWellFormed();

/** The text that is signed. */
export const formatCheckpoint = ({ origin, size, root, extensions = [] }: Checkpoint): string => {
  if (![origin, ...extensions].every(isLine)) throw new RangeError('origin, extensions: each must be one line that is not empty');
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError('size: must be a whole number from 0 to 2^53 − 1');
  if (root.length !== HASH_BYTES) throw new RangeError(`root: must have ${HASH_BYTES} bytes`);
  return [origin, size, toBase64(root), ...extensions, ''].join('\n');
};

/** Reads the text of a note as a checkpoint. Throws `malformed`. A tree of size 0 has the root of no entries. */
export const parseCheckpoint = (text: string): Checkpoint => {
  if (!text.endsWith('\n')) throw malformed('the checkpoint does not end in a newline');
  const [origin = '', sizeLine = '', rootLine = '', ...extensions] = text.slice(0, -1).split('\n');
  if (!isLine(origin)) throw malformed('line 1 of the checkpoint names no origin');
  const size = fromDecimal(sizeLine);
  if (size === null) throw malformed('line 2 of the checkpoint is no size: a decimal without leading zeros, at most 2^53 − 1');
  const root = fromBase64(rootLine);
  if (root?.length !== HASH_BYTES) throw malformed(`line 3 of the checkpoint is not the base 64 of ${HASH_BYTES} bytes`);
  if (size === 0 && !equalBytes(root, EMPTY_ROOT)) throw malformed('line 3 of the checkpoint is not the root of a tree of size 0');
  if (!extensions.every(isLine)) throw malformed('the checkpoint has an empty line or control characters behind its root');
  return extensions.length === 0 ? { origin, size, root } : { origin, size, root, extensions };
};

/** Signs a checkpoint. The key's name should be the origin. */
export const signCheckpoint = (checkpoint: Checkpoint, ...signers: readonly NoteSigner[]): Promise<Note> =>
  signNote(formatCheckpoint(checkpoint), ...signers);

/** A checkpoint with the note that it came in. */
export type SignedCheckpoint = { readonly checkpoint: Checkpoint; readonly note: Note };

/**
 * Reads a checkpoint that one of the log's keys signed. Throws `malformed`, `bad-signature` or `unsigned`; the latter also where the
 * signature is of a key under another name than the origin.
 */
export const openCheckpoint = async (bytes: string | Uint8Array, verifiers: readonly NoteVerifier[]): Promise<SignedCheckpoint> => {
  const note = parseNote(bytes);
  const { verified } = await openNote(note, verifiers);
  const checkpoint = parseCheckpoint(note.text);
  if (!verified.some(({ name }) => name === checkpoint.origin))
    throw new TlogError('unsigned', 'no key of the origin signed the checkpoint');
  return { checkpoint, note };
};
