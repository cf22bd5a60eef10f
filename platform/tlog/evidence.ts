import { equalBytes, fromBase64, toBase64 } from './bytes.ts';
import { openCheckpoint } from './checkpoint.ts';
import { HASH_BYTES } from './crypto.ts';
import { type Hash, verifyConsistency } from './merkle.ts';
import type { NoteVerifier } from './note.ts';
import { malformed, TlogError } from './tlog-error.ts';
import { MAX_PROOF_HASHES } from './witness.ts';

/**
 * Two notes that a log signed and that cannot both be true, the older finding first. `fork`: two roots of one size. `rewritten`: `proof` shows that the
 * larger tree has `foundRoot` at the smaller size, where the first note has another one.
 */
export type Evidence = {
  readonly kind: 'fork' | 'rewritten';
  readonly notes: readonly [string, string];
  readonly foundRoot: Hash | null;
  readonly proof: readonly Hash[];
};

const FORM = 'caregraph-log-evidence/1';
/** Evidence as a file, JSON, the same bytes for the same evidence. */
export const formatEvidence = ({ kind, notes, foundRoot, proof }: Evidence): string =>
  `${JSON.stringify({ form: FORM, kind, notes, foundRoot: foundRoot && toBase64(foundRoot), proof: proof.map(toBase64) }, null, 2)}\n`;

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((each) => typeof each === 'string');
/** Reads such a file. Throws `TlogError` for anything else. */
export const parseEvidence = (text: string): Evidence => {
  let read: Record<string, unknown>;
  try {
    read = Object(JSON.parse(text));
  } catch {
    throw malformed('evidence: is no JSON');
  }
  const { form, kind, notes, foundRoot, proof } = read;
  if (form !== FORM) throw malformed(`evidence: form is not ${FORM}`);
  if (kind !== 'fork' && kind !== 'rewritten') throw malformed('evidence: kind is neither fork nor rewritten');
  const [known, found, ...others] = isTexts(notes) ? notes : [];
  if (known === undefined || found === undefined || others.length > 0) throw malformed('evidence: notes are not two texts');
  const bytesOf = (part: string): Hash => {
    const bytes = fromBase64(part);
    if (bytes?.length !== HASH_BYTES) throw malformed(`evidence: foundRoot or proof is not the base 64 of ${HASH_BYTES} bytes`);
    return bytes;
  };
  if (!isTexts(proof) || proof.length > MAX_PROOF_HASHES) throw malformed('evidence: proof is no list of hashes');
  if (foundRoot !== null && typeof foundRoot !== 'string') throw malformed('evidence: foundRoot is neither a hash nor null');
  return { kind, notes: [known, found], foundRoot: foundRoot === null ? null : bytesOf(foundRoot), proof: proof.map(bytesOf) };
};

/** What evidence shows: the log, and the two sizes. */
export type Shown = { readonly origin: string; readonly knownSize: number; readonly size: number };

/**
 * Checks evidence by the keys of the log alone: both notes are signed, by one origin, and contradict each other. Throws `TlogError` where one of it does not
 * hold; such evidence proves nothing.
 */
export const checkEvidence = async ({ kind, notes, foundRoot, proof }: Evidence, verifiers: readonly NoteVerifier[]): Promise<Shown> => {
  const [known, found] = [(await openCheckpoint(notes[0], verifiers)).checkpoint, (await openCheckpoint(notes[1], verifiers)).checkpoint];
  if (known.origin !== found.origin) throw new TlogError('mismatch', 'the notes are of two logs');
  const contradicts =
    kind === 'fork'
      ? known.size === found.size && !equalBytes(known.root, found.root)
      : foundRoot !== null && !equalBytes(foundRoot, known.root) && verifyConsistency(known.size, found.size, foundRoot, found.root, proof);
  if (!contradicts) throw new TlogError('mismatch', 'the notes do not contradict each other');
  return { origin: known.origin, knownSize: known.size, size: found.size };
};
