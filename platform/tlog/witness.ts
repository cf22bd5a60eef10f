import { equalBytes, fromBase64, fromDecimal, fromUtf8, toBase64 } from './bytes.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { HASH_BYTES } from './crypto.ts';
import { type Hash, verifyConsistency } from './merkle.ts';
import {
  formatNote,
  formatSignature,
  isSameSignature,
  type Note,
  type NoteSignature,
  type NoteVerifier,
  openNote,
  parseNote,
  parseSignatures,
} from './note.ts';
import { malformed, TlogError } from './tlog-error.ts';

/** Most hashes that a proof can have. */
export const MAX_PROOF_HASHES = 63;

/** A log asks its witness to cosign: the size it believes the witness knows, and the proof from there. https://c2sp.org/tlog-witness */
export type AddCheckpoint = { readonly oldSize: number; readonly proof: readonly Hash[]; readonly note: Note };

/** The same as a witness reads it. */
export type AddCheckpointRequest = AddCheckpoint & { readonly checkpoint: Checkpoint };

/** Body of `POST <prefix>/add-checkpoint`. */
export const formatAddCheckpoint = ({ oldSize, proof, note }: AddCheckpoint): string =>
  `old ${oldSize}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${formatNote(note)}`;

/** Reads that body. Throws `malformed`. */
export const parseAddCheckpoint = (body: string | Uint8Array): AddCheckpointRequest => {
  const text = typeof body === 'string' ? body : fromUtf8(body);
  if (text === null) throw malformed('the request is not UTF-8');
  const at = text.indexOf('\n\n');
  if (at < 0) throw malformed('the request has no empty line before the checkpoint');
  const [first = '', ...lines] = text.slice(0, at).split('\n');
  const oldSize = first.startsWith('old ') ? fromDecimal(first.slice('old '.length)) : null;
  if (oldSize === null) throw malformed('line 1 of the request is not old and a size');
  if (lines.length > MAX_PROOF_HASHES) throw malformed(`the request has more than ${MAX_PROOF_HASHES} hashes`);
  const proof = lines.map((line, i) => {
    const hash = fromBase64(line);
    if (hash?.length !== HASH_BYTES) throw malformed(`line ${i + 2} of the request is no hash`);
    return hash;
  });
  const note = parseNote(text.slice(at + 2));
  return { oldSize, proof, note, checkpoint: parseCheckpoint(note.text) };
};

/** What a witness knows of a log: keys that it trusts for the origin, and what it cosigned last, null before the first time. */
export type KnownLog = {
  readonly verifiers: readonly NoteVerifier[];
  readonly latest: Pick<Checkpoint, 'size' | 'root'> | null;
};

/**
 * What a witness does. A `conflict` carries the size that the witness stands at. `isFork` and `inconsistent` come with a sound signature of the
 * log: worth an alarm, and the request is worth keeping as evidence.
 */
export type WitnessDecision =
  | { readonly kind: 'cosign'; readonly checkpoint: Checkpoint }
  | { readonly kind: 'bad-request' }
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'conflict'; readonly size: number; readonly isFork: boolean }
  | { readonly kind: 'inconsistent' };

/**
 * Decides on a request by what is known of its origin, null where the origin is unknown. To cosign means: store the checkpoint as the latest,
 * in one step with checking that the latest is still the one decided by, and only then sign and answer.
 */
export const decideAddCheckpoint = async (request: AddCheckpointRequest, known: KnownLog | null): Promise<WitnessDecision> => {
  if (!known) return { kind: 'unknown' };
  try {
    await openNote(request.note, known.verifiers);
  } catch (error) {
    if (error instanceof TlogError) return { kind: 'forbidden' };
    throw error;
  }
  return decideOpened(request, known);
};

/** The same for a request whose note was opened with the log's keys. */
export const decideOpened = ({ oldSize, proof, checkpoint }: AddCheckpointRequest, known: Pick<KnownLog, 'latest'>): WitnessDecision => {
  if (oldSize > checkpoint.size) return { kind: 'bad-request' };
  const size = known.latest?.size ?? 0;
  if (oldSize !== size) return { kind: 'conflict', size, isFork: false };
  if (!known.latest || oldSize === 0) return proof.length === 0 ? { kind: 'cosign', checkpoint } : { kind: 'inconsistent' };
  if (oldSize === checkpoint.size) {
    if (proof.length > 0) return { kind: 'inconsistent' };
    return equalBytes(known.latest.root, checkpoint.root) ? { kind: 'cosign', checkpoint } : { kind: 'conflict', size, isFork: true };
  }
  return verifyConsistency(oldSize, checkpoint.size, known.latest.root, checkpoint.root, proof)
    ? { kind: 'cosign', checkpoint }
    : { kind: 'inconsistent' };
};

/** An answer over HTTP. */
export type WitnessAnswer = { readonly status: number; readonly contentType: string; readonly body: string };

const PLAIN = 'text/plain; charset=utf-8';
const plain = (status: number, body: string): WitnessAnswer => ({ status, contentType: PLAIN, body });

/** The answer to a decision; `cosignatures` are those made once the checkpoint was stored, none for a refusal. */
export const toWitnessAnswer = (decision: WitnessDecision, cosignatures: readonly NoteSignature[] = []): WitnessAnswer => {
  switch (decision.kind) {
    case 'cosign':
      if (cosignatures.length === 0) throw new RangeError('cosignatures: there must be one');
      return plain(200, cosignatures.map(formatSignature).join(''));
    case 'bad-request':
      return plain(400, 'the old size is larger than the size of the checkpoint\n');
    case 'forbidden':
      return plain(403, 'no key of the origin signed the checkpoint\n');
    case 'unknown':
      return plain(404, 'the origin is not known here\n');
    case 'conflict':
      return { status: 409, contentType: 'text/x.tlog.size', body: `${decision.size}\n` };
    case 'inconsistent':
      return plain(422, 'the proof does not lead from the old size to the checkpoint\n');
  }
};

/** The size that a witness stands at, from the body of its answer 409. Throws `malformed`. */
export const parseConflict = (body: string): number => {
  const size = body.endsWith('\n') ? fromDecimal(body.slice(0, -1)) : null;
  if (size === null) throw malformed('the witness answered a conflict without a size');
  return size;
};

/**
 * Takes a witness's cosignatures, the body of its answer 200, over into the note. Lines of unknown keys are left out. Throws `malformed`,
 * `bad-signature`, or `unsigned` where the witness's own is not among them.
 */
export const addCosignatures = async (note: Note, body: string | Uint8Array, witness: NoteVerifier): Promise<Note> => {
  const { verified } = await openNote({ text: note.text, signatures: parseSignatures(body) }, [witness]);
  const added = verified.filter((each) => !note.signatures.some((present) => isSameSignature(each, present)));
  return { text: note.text, signatures: [...note.signatures, ...added] };
};
