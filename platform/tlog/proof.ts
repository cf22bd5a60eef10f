import { fromBase64, fromDecimal, fromUtf8, toBase64 } from './bytes.ts';
import type { Checkpoint } from './checkpoint.ts';
import { HASH_BYTES } from './crypto.ts';
import { type Hash, hashLeaf, verifyInclusion } from './merkle.ts';
import { formatNote, type Note, parseNote } from './note.ts';
import { judgeCheckpoint, type Policy, type Witnessed } from './policy.ts';
import { malformed, TlogError } from './tlog-error.ts';
import { MAX_PROOF_HASHES } from './witness.ts';

/** That an entry stands in a log, for whoever is offline. `extra` is signed by nobody. https://c2sp.org/tlog-proof */
export type LogProof = {
  readonly index: number;
  /** From the leaf's sibling up. */
  readonly path: readonly Hash[];
  readonly note: Note;
  readonly extra?: Uint8Array;
};

const HEADER = 'c2sp.org/tlog-proof@v1';

/** Content of a `.tlog-proof` file. */
export const formatProof = ({ index, path, note, extra }: LogProof): string =>
  [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${toBase64(extra)}`]),
    `index ${index}`,
    ...path.map(toBase64),
    '',
    formatNote(note),
  ].join('\n');

/** Reads such a file. Throws `malformed` with the number of the line; verifies nothing. */
export const parseProof = (file: string | Uint8Array): LogProof => {
  const text = typeof file === 'string' ? file : fromUtf8(file);
  if (text === null) throw malformed('the proof is not UTF-8');
  const at = text.indexOf('\n\n');
  if (at < 0) throw malformed('the proof has no empty line before the checkpoint');
  const [header, ...lines] = text.slice(0, at).split('\n');
  if (header !== HEADER) throw malformed(`line 1 of the proof is not ${HEADER}`);
  const extraLine = lines[0]?.startsWith('extra ') ? lines.shift() : undefined;
  const extra = extraLine === undefined ? undefined : fromBase64(extraLine.slice('extra '.length));
  if (extra === null) throw malformed('line 2 of the proof is not extra and base 64');
  const indexLine = lines.shift() ?? '';
  const before = extra === undefined ? 2 : 3;
  const index = indexLine.startsWith('index ') ? fromDecimal(indexLine.slice('index '.length)) : null;
  if (index === null) throw malformed(`line ${before} of the proof is not index and a number`);
  if (lines.length > MAX_PROOF_HASHES) throw malformed(`the proof has more than ${MAX_PROOF_HASHES} hashes`);
  const path = lines.map((line, i) => {
    const hash = fromBase64(line);
    if (hash?.length !== HASH_BYTES) throw malformed(`line ${before + 1 + i} of the proof is no hash`);
    return hash;
  });
  return { index, path, note: parseNote(text.slice(at + 2)), ...(extra === undefined ? {} : { extra }) };
};

/** What a proof comes to. `witnesses` may be empty where the policy asks for none; then the entry is logged and not witnessed. */
export type ProofJudgement =
  | { readonly kind: 'proven'; readonly index: number; readonly checkpoint: Checkpoint; readonly witnesses: readonly Witnessed[] }
  | { readonly kind: 'refused'; readonly reason: 'malformed' | 'bad-signature' | 'unknown-log' | 'no-quorum' | 'not-included' };

/** Judges whether a proof file shows that the entry with hash `leaf` is in a log that the policy believes. Never throws for what is in it. */
export const judgeProof = async (file: string | Uint8Array, leaf: Hash, policy: Policy): Promise<ProofJudgement> => {
  let proof: LogProof;
  try {
    proof = parseProof(file);
  } catch (error) {
    if (error instanceof TlogError) return { kind: 'refused', reason: 'malformed' };
    throw error;
  }
  const judgement = await judgeCheckpoint(formatNote(proof.note), policy);
  if (judgement.kind === 'refused') return { kind: 'refused', reason: judgement.reason };
  const { checkpoint, witnesses } = judgement;
  return verifyInclusion(proof.index, checkpoint.size, leaf, proof.path, checkpoint.root)
    ? { kind: 'proven', index: proof.index, checkpoint, witnesses }
    : { kind: 'refused', reason: 'not-included' };
};

const NEWLINE = 0x0a;
/** The judgement of an entry by its bytes. `isNewlineTooMuch`: it is refused as it is, and would be proven without the newline at its end. */
export type EntryJudgement = ProofJudgement & { readonly isNewlineTooMuch: boolean };

/**
 * Judges a proof for an entry as it was saved. Tools that end every text with a newline make other bytes of it, which no log has: those are refused, and
 * what is wrong is told.
 */
export const judgeEntry = async (file: string | Uint8Array, entry: Uint8Array, policy: Policy): Promise<EntryJudgement> => {
  const judgement = await judgeProof(file, hashLeaf(entry), policy);
  if (judgement.kind === 'proven' || judgement.reason !== 'not-included' || entry.at(-1) !== NEWLINE)
    return { ...judgement, isNewlineTooMuch: false };
  const { kind } = await judgeProof(file, hashLeaf(entry.subarray(0, -1)), policy);
  return { ...judgement, isNewlineTooMuch: kind === 'proven' };
};
