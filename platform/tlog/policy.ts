import { toHex } from './bytes.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { makeCosignatureVerifier, timeOfCosignature } from './cosignature.ts';
import { makeNoteVerifier, type Note, type NoteVerifier, type OpenedNote, openNote, parseNote, parseVerifierKey } from './note.ts';
import { malformed, TlogError } from './tlog-error.ts';

/** A log whose checkpoints are accepted; the name of its key is its origin. */
export type PolicyLog = { readonly verifier: NoteVerifier; readonly url: string | null };
/** A witness, under the name that the policy gives it. */
export type PolicyWitness = { readonly name: string; readonly verifier: NoteVerifier; readonly url: string | null };
/** Has witnessed when `threshold` of its members have; members are witnesses and groups named before it. */
export type PolicyGroup = { readonly name: string; readonly threshold: number; readonly members: readonly string[] };

/** Which logs and how many witnesses make a checkpoint believed. https://c2sp.org/tlog-policy */
export type Policy = {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  readonly groups: readonly PolicyGroup[];
  /** Name of a witness or group; null: `none`, no witness is asked for. */
  readonly quorum: string | null;
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: those that a policy may not hold
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/;
const NUMBER = /^[1-9][0-9]{0,8}$/;
const NONE = 'none';

/**
 * Reads a policy. Throws `malformed` with the number of the line. Names are compared letter by letter, never folded; the file is UTF-8.
 */
export const parsePolicy = (text: string): Policy => {
  if (!text.isWellFormed() || CONTROL.test(text)) throw malformed('the policy holds control characters or is not UTF-8');
  if (text !== '' && !text.endsWith('\n')) throw malformed('the last line of the policy does not end in a newline');
  const logs: PolicyLog[] = [];
  const witnesses: PolicyWitness[] = [];
  const groups: PolicyGroup[] = [];
  const defined = new Set<string>();
  const members = new Set<string>();
  const keys = { log: new Set<string>(), witness: new Set<string>() };
  let quorum: string | null | undefined;

  const takeKey = (kind: 'log' | 'witness', vkey: string): NoteVerifier => {
    const key = toHex(parseVerifierKey(vkey).publicKey);
    if (keys[kind].has(key)) throw malformed(`the key of another ${kind} is used again`);
    keys[kind].add(key);
    return kind === 'log' ? makeNoteVerifier(vkey) : makeCosignatureVerifier(vkey);
  };
  const define = (name: string): string => {
    if (name === NONE || defined.has(name)) throw malformed('the name is taken');
    defined.add(name);
    return name;
  };
  const read = (line: string): void => {
    const [word = '', ...rest] = line.split(/[ \t]+/).filter((item) => item !== '');
    if (word === '' || word.startsWith('#')) return;
    if (word === 'log' && (rest.length === 1 || rest.length === 2)) {
      const [vkey = '', url = null] = rest;
      logs.push({ verifier: takeKey('log', vkey), url });
    } else if (word === 'witness' && (rest.length === 2 || rest.length === 3)) {
      const [name = '', vkey = '', url = null] = rest;
      witnesses.push({ name: define(name), verifier: takeKey('witness', vkey), url });
    } else if (word === 'group' && rest.length >= 3) {
      const [name = '', rule = '', ...own] = rest;
      for (const member of own) {
        if (!defined.has(member)) throw malformed('a member of the group is not defined on a line before');
        if (members.has(member)) throw malformed('a member of the group is a member already');
        members.add(member);
      }
      const threshold = rule === 'all' ? own.length : rule === 'any' ? 1 : NUMBER.test(rule) ? Number(rule) : 0;
      if (threshold < 1 || threshold > own.length) throw malformed('the rule of the group is not all, any, or a number of its members');
      groups.push({ name: define(name), threshold, members: own });
    } else if (word === 'quorum' && rest.length === 1) {
      const [name = ''] = rest;
      if (quorum !== undefined) throw malformed('there is a quorum already');
      if (name !== NONE && !defined.has(name)) throw malformed('the quorum is not defined on a line before');
      quorum = name === NONE ? null : name;
    } else {
      throw malformed('the line is not a log, witness, group or quorum with what belongs to it');
    }
  };
  for (const [i, line] of text.split('\n').entries()) {
    try {
      read(line);
    } catch (error) {
      throw error instanceof TlogError ? malformed(`line ${i + 1} of the policy: ${error.message}`) : error;
    }
  }
  if (quorum === undefined) throw malformed('the policy has no quorum');
  return { logs, witnesses, groups, quorum };
};

/** A witness that cosigned, and when, by its own clock. */
export type Witnessed = { readonly name: string; readonly at: Date };

/**
 * What a policy says of a checkpoint. `witnesses` are those whose cosignature verified, whether the quorum asked for them or not: none means
 * that the checkpoint is not witnessed, even where the policy is content with that.
 */
export type Judgement =
  | { readonly kind: 'accepted'; readonly checkpoint: Checkpoint; readonly note: Note; readonly witnesses: readonly Witnessed[] }
  | { readonly kind: 'refused'; readonly reason: 'malformed' | 'bad-signature' | 'unknown-log' }
  | { readonly kind: 'refused'; readonly reason: 'no-quorum'; readonly witnesses: readonly Witnessed[] };

/** Whether these witnesses, by their names in the policy, are as many as it asks for. */
export const hasQuorum = ({ groups, quorum }: Pick<Policy, 'groups' | 'quorum'>, cosigned: ReadonlySet<string>): boolean => {
  const standing = new Set(cosigned);
  // Members stand on lines before their group, so one walk is enough.
  for (const { name, threshold, members } of groups)
    if (members.filter((each) => standing.has(each)).length >= threshold) standing.add(name);
  return quorum === null || standing.has(quorum);
};

const witnessesOf = ({ witnesses }: Policy, { verified }: OpenedNote): Witnessed[] =>
  witnesses.flatMap(({ name, verifier }) => {
    const times = verified
      .filter((each) => each.name === verifier.name && each.keyId === verifier.keyId)
      .flatMap(({ bytes }) => timeOfCosignature(bytes) ?? []);
    return times.length === 0 ? [] : [{ name, at: new Date(Math.max(...times) * 1000) }];
  });

/** Judges a note as it came. Never throws for what is in it. */
export const judgeCheckpoint = async (bytes: string | Uint8Array, policy: Policy): Promise<Judgement> => {
  try {
    const note = parseNote(bytes);
    const checkpoint = parseCheckpoint(note.text);
    const logs = policy.logs.map(({ verifier }) => verifier).filter(({ name }) => name === checkpoint.origin);
    const opened = await openNote(note, [...logs, ...policy.witnesses.map(({ verifier }) => verifier)]);
    if (!opened.verified.some((each) => logs.some(({ name, keyId }) => each.name === name && each.keyId === keyId)))
      return { kind: 'refused', reason: 'unknown-log' };
    const witnesses = witnessesOf(policy, opened);
    return hasQuorum(policy, new Set(witnesses.map(({ name }) => name)))
      ? { kind: 'accepted', checkpoint, note, witnesses }
      : { kind: 'refused', reason: 'no-quorum', witnesses };
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    return {
      kind: 'refused',
      reason: error.fault === 'bad-signature' ? 'bad-signature' : error.fault === 'unsigned' ? 'unknown-log' : 'malformed',
    };
  }
};
