import type { CityFault, CityReport, ShardReport, TrustNotice } from '#platform/audit/verify-city.ts';
import type { LogWarning } from '#platform/tlog/verify-log.ts';

/** Names of logs, keys and witnesses are chosen by whoever runs them: no control and no direction characters reach a terminal. */
export const toShown = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');

type Told = { readonly what: string; readonly next: string };
const ASK_OTHERS = 'Keep the evidence, compare with what others and the witnesses have seen, and tell the auditors of the network.';
const RESTORE =
  'Whoever runs the log has to put the file back as it was published; with their entries whole, npm run audit-log -- rebuild does.';
const FAULTS: Readonly<Record<CityFault['kind'], Told>> = {
  gone: { what: 'the log is not there any more', next: 'Ask whoever runs it; if it moved, give its new address with the same --state.' },
  malformed: { what: 'the checkpoint is none', next: 'Ask whoever runs the log what stands at that address.' },
  'bad-signature': { what: 'the log’s key did not sign this checkpoint', next: ASK_OTHERS },
  'bad-cosignature': { what: 'a witness’s key did not make the cosignature under its name', next: ASK_OTHERS },
  'unknown-log': {
    what: 'no key that is believed signed the checkpoint',
    next: 'The log has another key than before, or another name. If that was announced, check the new key and give it with --policy or --key.',
  },
  'no-quorum': {
    what: 'fewer witnesses cosigned than the policy asks for',
    next: 'Try again in a minute. If it stays so, ask the witnesses whether they refused, and why.',
  },
  'other-log': { what: 'another log stands where this one was', next: 'If that was announced, begin anew with another --state.' },
  'rolled-back': {
    what: 'an older checkpoint is shown again: a backup was restored, or a copy is behind',
    next: 'Try again in a minute. If it stays so, entries from there on are lost or held back.',
  },
  truncated: { what: 'the log is smaller than it was', next: ASK_OTHERS },
  fork: { what: 'the log signed two trees of one size', next: ASK_OTHERS },
  rewritten: { what: 'the log did not grow out of the one that was seen before', next: ASK_OTHERS },
  'entry-missing': { what: 'entries are not there', next: RESTORE },
  'entry-changed': { what: 'an entry is not the one that was published', next: RESTORE },
  'tile-missing': { what: 'hashes of the tree are not there', next: RESTORE },
  'tile-changed': { what: 'hashes of the tree are not those that were published', next: RESTORE },
  'root-changed': { what: 'entries and tiles agree with each other and not with the signed root', next: RESTORE },
  'entry-malformed': { what: 'an entry has not the form that entries have', next: ASK_OTHERS },
  'entry-foreign': { what: 'an entry is of another city', next: ASK_OTHERS },
  'entry-twice': { what: 'an entry has the id of another one', next: ASK_OTHERS },
  'shard-broken-off': { what: 'a shard does not begin with the last checkpoint of the one before', next: ASK_OTHERS },
};
const WARNINGS: Readonly<Record<Exclude<LogWarning['kind'], 'stale' | 'witness-clock-ahead'>, string>> = {
  'clock-back': 'times of recording jump back by more than 10 minutes, as behind a clock that was turned back',
  'clock-ahead': 'times of recording lie more than 10 minutes ahead of the clock here',
  'witness-clock-back': 'a witness cosigned with an earlier time than before',
};

const numbered = (name: string, shard: number, of: number): string => (of > 1 ? `${name} shard ${shard}` : name);
const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;
/** In the largest unit of which there are two or more. */
const toAge = (seconds: number): string => {
  const [unit, length] = UNITS.find(([, each]) => seconds >= 2 * each) ?? ['second', 1];
  return `${plural(Math.floor(seconds / length), unit)} ago`;
};
const toTime = (at: Date): string => at.toISOString().replace('.000Z', 'Z');
const tellAge = ({ cosignedAt, ageSeconds }: Pick<ShardReport, 'cosignedAt' | 'ageSeconds'>): string | null =>
  cosignedAt === null || ageSeconds === null ? null : `${toTime(cosignedAt)} (${toAge(ageSeconds)})`;

const tellWarning = (of: string, { kind, index, count }: LogWarning, shard: ShardReport): string[] => {
  const age = tellAge(shard);
  if (kind === 'stale')
    return [
      age === null
        ? `${of}: STALE: no witness says how old this checkpoint is; newer entries may be held back`
        : `${of}: STALE: not since ${age} have the witnesses said that this checkpoint is still the newest; newer entries may be held back`,
      '  A copy is as old as it is. A log that is served should be newer within an hour; if it is not, compare with what the witnesses and others have seen, and ask whoever runs it.',
    ];
  if (kind === 'witness-clock-ahead')
    return [
      `${of}: warning: ${count === 1 ? 'a witness' : `${count} witnesses`} cosigned with a time that lies more than 10 minutes ahead of the clock here; it does not count`,
    ];
  return [`${of}: warning at entry ${index}: ${WARNINGS[kind]} (${plural(count, 'time')})`];
};

/** What a person is told of a log that was gone through: first the judgement, then what goes with it. */
export const tellReport = (place: string, { isSound, shards, fault }: CityReport): string[] => {
  const name = toShown(place);
  const lines = shards.flatMap((report) => {
    const { shard, size, checked, witnesses, warnings, isOpen, fault: own } = report;
    const of = numbered(name, shard, Math.max(shard, shards.length));
    const age = tellAge(report);
    const witnessed =
      witnesses.length === 0
        ? 'not witnessed'
        : `witnessed by ${witnesses.map((each) => toShown(each.name)).join(', ')}${age === null ? '' : `, last at ${age}`}`;
    const closed = isOpen || shards.some((each) => each.shard > shard) ? '' : '; it is closed, and the shard behind it is not shown here';
    const sound = own
      ? []
      : [`${of}: sound, ${plural(size ?? 0, 'entry').replace('entrys', 'entries')} (${checked} gone through now), ${witnessed}${closed}`];
    return [...sound, ...warnings.flatMap((each) => tellWarning(of, each, report))];
  });
  if (isSound || !fault) return lines;
  const { what, next } = FAULTS[fault.kind];
  const of = numbered(name, fault.shard, Math.max(fault.shard, shards.length));
  const how = fault.isExact ? `first bad entry ${fault.firstBadIndex}` : `first bad entry ${fault.firstBadIndex} or one behind it`;
  return [...lines, `${of}: NOT SOUND (${fault.kind}): ${what}; ${how}`, `  ${next}`];
};

/** What is said loudly beside the judgement. */
export const tellNotice = (place: string, { kind, shard, key }: TrustNotice): string => {
  const name = toShown(place);
  if (kind === 'trusted-on-first-use')
    return `${name}: TRUSTED ON FIRST USE, on the word of the server that is being checked: ${toShown(key ?? '')}\n  Compare this key, and the witnesses if there are any, with ones from another source (shard ${Math.max(1, shard)}); from now on it is believed, and another one is refused.`;
  if (kind === 'policy-differs')
    return `${name}: the server gives another policy now than the one that is kept and goes on being believed. If the change was announced, give the new one with --policy.`;
  return `${name}: shard ${shard} is not served any more; if it was archived, verify its folder by itself`;
};
