import { toHex } from '#platform/tlog/bytes.ts';
import { parseCheckpoint } from '#platform/tlog/checkpoint.ts';
import { formatVerifierKey, parseVerifierKey, toVerifierKey } from '#platform/tlog/note.ts';
import { parsePolicy } from '#platform/tlog/policy.ts';
import { type EntryJudgement, judgeEntry, parseProof } from '#platform/tlog/proof.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';

/** A policy or a key that was given has none for a log that is to be verified, which says nothing of the log. */
export class NoKeyError extends Error {
  override readonly name = 'NoKeyError';
  readonly origin: string;
  constructor(origin: string) {
    super(`the policy has no key for ${origin}`);
    this.origin = origin;
  }
}

const SHARD = /^(.+)\/([2-9]|[1-9]\d{1,8})$/s;
/** Name of the city's first shard, by the origin of any: `…/2` is the second, and the first has no number. */
export const baseOf = (origin: string): string => SHARD.exec(origin)?.[1] ?? origin;

/** The same public key under another log's name. */
const under = (vkey: string, origin: string): string => {
  const { type, publicKey } = parseVerifierKey(vkey);
  return formatVerifierKey(toVerifierKey(origin, type, publicKey));
};
const publicHalf = (vkey: string): string => toHex(parseVerifierKey(vkey).publicKey);
export const isSameKey = (a: string, b: string): boolean => publicHalf(a) === publicHalf(b);
/** A policy names no public key twice, whatever the names. */
const eachOnce = (keys: readonly string[]): string[] => keys.filter((key, i) => keys.findIndex((other) => isSameKey(other, key)) === i);

const itemsOf = (line: string): string[] => line.split(/[ \t]+/).filter((item) => item !== '');
export const logKeys = (text: string): string[] =>
  text.split('\n').flatMap((line) => (itemsOf(line)[0] === 'log' ? (itemsOf(line)[1] ?? []) : []));

/**
 * The keys that a policy has for a shard's log, under its name. `named`: of lines with its own name, else with that of the city's first shard, which
 * stands for all. `others`: of lines with the name of another shard of the city. A public key stands in one line alone, so that of several shards
 * with the same key a policy can name one: https://c2sp.org/tlog-policy
 */
export const keysFor = (text: string, origin: string): { readonly named: readonly string[]; readonly others: readonly string[] } => {
  const keys = logKeys(text);
  const nameOf = (vkey: string): string => parseVerifierKey(vkey).name;
  const own = keys.filter((vkey) => nameOf(vkey) === origin);
  const base = keys.filter((vkey) => nameOf(vkey) !== origin && nameOf(vkey) === baseOf(origin));
  const others = keys.filter(
    (vkey) => nameOf(vkey) !== baseOf(origin) && nameOf(vkey) !== origin && baseOf(nameOf(vkey)) === baseOf(origin),
  );
  const named = own.length > 0 ? own : base.map((vkey) => under(vkey, origin));
  return { named: eachOnce(named), others: eachOnce(others.map((vkey) => under(vkey, origin))) };
};

/** A policy without its logs and without addresses: the witnesses and what is asked of them. */
export const witnessPart = (text: string): string =>
  text
    .split('\n')
    .map(itemsOf)
    .filter(([word = '#']) => word !== 'log' && !word.startsWith('#'))
    .map((items) => (items[0] === 'witness' ? items.slice(0, 3) : items).join(' '))
    .join('\n');
/** The policy for logs with these keys, each public key once. */
export const policyFor = (keys: readonly string[], rest: string): string =>
  `${eachOnce(keys)
    .map((vkey) => `log ${vkey}\n`)
    .join('')}${rest}\n`;

/** The log that a proof file is of, whoever signed it; null where it is none. */
const originOfProof = (file: Uint8Array): string | null => {
  try {
    return parseCheckpoint(parseProof(file).note.text).origin;
  } catch (error) {
    if (error instanceof TlogError) return null;
    throw error;
  }
};

/** Judges a proof for an entry, as it was saved, by a policy's text. Throws `NoKeyError` where that has no key for the log. */
export const judgeEntryBy = async (text: string, file: Uint8Array, entry: Uint8Array): Promise<EntryJudgement> => {
  const origin = originOfProof(file);
  if (origin === null) return judgeEntry(file, entry, parsePolicy(text));
  const { named, others } = keysFor(text, origin);
  if (named.length + others.length === 0) throw new NoKeyError(origin);
  const judgement = await judgeEntry(file, entry, parsePolicy(policyFor([...named, ...others], witnessPart(text))));
  if (named.length === 0 && judgement.kind === 'refused' && judgement.reason === 'unknown-log') throw new NoKeyError(origin);
  return judgement;
};
