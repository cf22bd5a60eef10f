import { fromUtf8, toHex, toUtf8 } from '#platform/tlog/bytes.ts';
import { parseCheckpoint } from '#platform/tlog/checkpoint.ts';
import { type Freshness, judgeFreshness, STALE_MS } from '#platform/tlog/freshness.ts';
import { type LogSource, SourceError } from '#platform/tlog/log-source.ts';
import { type LogState, parseLogState } from '#platform/tlog/log-state.ts';
import { formatVerifierKey, parseNote, parseVerifierKey } from '#platform/tlog/note.ts';
import { judgeCheckpoint, type Policy, parsePolicy } from '#platform/tlog/policy.ts';
import { TILE_WIDTH } from '#platform/tlog/tiles.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { type LogFault, type LogReport, type LogWarning, verifyLog } from '#platform/tlog/verify-log.ts';
import { makeEntryCheck, type ShardEntry } from './check-entries.ts';
import { baseOf, isSameKey, keysFor, logKeys, NoKeyError, policyFor, witnessPart } from './city-policy.ts';

/**
 * Whom a verifier believes: a policy, a log's key, or, at the first run, what the log's own server says (`policy` below the city, else `key`),
 * which is kept and believed from then on.
 */
export type Trust =
  | { readonly kind: 'policy'; readonly text: string }
  | { readonly kind: 'key'; readonly vkey: string }
  | { readonly kind: 'first-use' };

/**
 * A shard as it was seen. `policy` is what its log is believed by, a text after https://c2sp.org/tlog-policy; `begins` the checkpoint of the shard
 * before that its beginning names, `next` the key that its last entry names for the shard behind it, each null where it does not.
 */
export type ShardState = {
  readonly policy: string;
  readonly log: LogState | null;
  readonly begins: string | null;
  readonly next: string | null;
};
/** What a verifier keeps of a city's log: its shards by their number, `0` for a log that has no numbers. */
export type CityState = { readonly shards: Readonly<Record<string, ShardState>> };

/** What is worth telling and no fault: a key was taken on trust, another policy is served now than was kept, a shard is not served any more. */
export type TrustNotice = {
  readonly kind: 'trusted-on-first-use' | 'policy-differs' | 'shard-not-served';
  readonly shard: number;
  readonly key: string | null;
};

/** `shard-broken-off`: a shard's first entry does not name the last checkpoint of the one before, so the two do not make one log. */
export type CityFault = Omit<LogFault, 'kind'> & { readonly kind: LogFault['kind'] | 'shard-broken-off'; readonly shard: number };
/**
 * `isOpen`: entries can still come, so that its witnesses are to say again and again that nothing was left out. Not open are a shard that another one
 * follows, and one by itself that ends with the entry that closed it.
 */
export type ShardReport = LogReport & Omit<Freshness, 'ahead'> & { readonly shard: number; readonly isOpen: boolean };
export type CityReport = {
  readonly isSound: boolean;
  /** Whether the newest shard carries the warning `stale`: the log may have gone on, and an old checkpoint of it be shown for ever. */
  readonly isStale: boolean;
  /** Oldest first, up to the first that is not sound. */
  readonly shards: readonly ShardReport[];
  readonly fault: CityFault | null;
  readonly notices: readonly TrustNotice[];
  /** What to keep: also of shards that are sound beside one that is not. */
  readonly state: CityState;
};

export type VerifyCityOptions = {
  /** Files below the city's prefix: those of the shards below `{n}/`, or of a log without numbers. */
  readonly source: LogSource;
  readonly trust: Trust;
  readonly known: CityState | null;
  /** Code of the city; null: whatever the first entry says. */
  readonly city: string | null;
  readonly now: Date;
  /**
   * Age of the newest shard's cosignatures beyond which it is stale, in milliseconds. Where it is given, a shard that nobody cosigned is stale as well,
   * and so is an old one that is closed and shown by itself; else it is 24 hours, and these two are told as what they are.
   */
  readonly maxAgeMs?: number;
  readonly isFull?: boolean;
  readonly copy?: LogSource | null;
  readonly onProgress?: (shard: number, done: number, total: number) => void;
  readonly onFile?: (path: string, bytes: Uint8Array) => Promise<void>;
  readonly parallel?: number;
  readonly signal?: AbortSignal;
};

type Shape = Readonly<Record<string, unknown>>;
const isShape = (value: unknown): value is Shape => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Takes a state that was read from JSON. Throws `malformed`. */
export const parseCityState = (value: unknown): CityState => {
  const shards = isShape(value) && isShape(value['shards']) ? value['shards'] : null;
  if (!shards) throw new TlogError('malformed', 'the state is not one that a verifier wrote');
  return {
    shards: Object.fromEntries(
      Object.entries(shards).map(([name, shard]) => {
        if (!/^\d{1,9}$/.test(name) || !isShape(shard) || typeof shard['policy'] !== 'string')
          throw new TlogError('malformed', 'the state is not one that a verifier wrote');
        parsePolicy(shard['policy']);
        const log = shard['log'] === null ? null : parseLogState(shard['log']);
        const textAt = (key: string): string | null => (typeof shard[key] === 'string' ? shard[key] : null);
        return [name, { policy: shard['policy'], log, begins: textAt('begins'), next: textAt('next') }];
      }),
    ),
  };
};

/** The origin that a checkpoint names, whoever signed it; null where it is none. */
const originIn = (bytes: Uint8Array): string | null => {
  try {
    return parseCheckpoint(parseNote(bytes).text).origin;
  } catch (error) {
    if (error instanceof TlogError) return null;
    throw error;
  }
};
/** Number of a shard by its origin: `…/2` is the second, and the first has none. */
const shardOf = (origin: string | null): number => Number(/\/([1-9]\d{0,8})$/.exec(origin ?? '')?.[1] ?? 1);

const NO_WITNESS = 'quorum none';
const readPolicy = (text: string): Policy | null => {
  try {
    return parsePolicy(text);
  } catch (error) {
    if (error instanceof TlogError) return null;
    throw error;
  }
};
const readKey = (text: string | null | undefined): string | null => {
  try {
    return text ? formatVerifierKey(parseVerifierKey(text)) : null;
  } catch (error) {
    if (error instanceof TlogError) return null;
    throw error;
  }
};
/** A key that an entry names, where it is one, and of the log of that name. */
const keyUnder = (text: string | null, origin: string): string | null => {
  const vkey = readKey(text);
  return vkey !== null && parseVerifierKey(vkey).name === origin ? vkey : null;
};
/** Whether a key that was believed before signed this checkpoint. */
const isAsBefore = async (head: Uint8Array, origin: string, { policy, log }: ShardState): Promise<boolean> => {
  const judgement = await judgeCheckpoint(head, parsePolicy(policyFor(logKeys(policy), NO_WITNESS)));
  return log?.origin === origin && judgement.kind === 'accepted';
};
/** The checkpoint of a note as the entry that begins the next shard names it. */
const nameOf = (note: string): string => {
  const { origin, size, root } = parseCheckpoint(parseNote(note).text);
  return `${origin}@${size} ${toHex(root)}`;
};
/** Takes the entries that bind a shard of that size to its neighbours: its first one, or the first behind a restored backup, and its last one. */
const takeBounds = () => {
  let begins: string | null = null;
  let end: ShardEntry | null = null;
  return {
    take: (entry: ShardEntry): void => {
      if (entry.act === 'endLogShard') end = entry;
      else if (entry.index === 0 || entry.act !== 'beginLogShard') begins ??= `${entry.what} ${entry.sha256}`;
    },
    begins: (): string | null => begins,
    /** Whoever may write entries may write one that looks like an end: only the last one is. */
    next: (size: number): string | null => (end !== null && end.index === size - 1 ? end.what : null),
  };
};
/** More shards than any log has; a server that tells of ever more would keep whoever asks for ever. */
const MAX_SHARDS = 10_000;

/**
 * Verifies a city's log, shard by shard, each as `verifyLog` does, and that each begins with the last checkpoint of the one before. Throws
 * `SourceError` where it cannot be asked, `NoKeyError` where the policy or key that was given is of other logs, `malformed` for one that is none.
 */
export const verifyCity = async (options: VerifyCityOptions): Promise<CityReport> => {
  const { source, trust, known, city, now, maxAgeMs, isFull = false, copy = null, onFile } = options;
  const notices: TrustNotice[] = [];
  const shards: ShardReport[] = [];
  const states: Record<string, ShardState> = { ...known?.shards };
  const latest = await source('checkpoint');
  let newest = Math.max(shardOf(latest && originIn(latest)), ...Object.keys(states).map(Number), 1);
  // One shard by itself has no shards below it, whatever its own number is.
  const hasNumbers =
    Object.keys(states).some((name) => name !== '0') ||
    (await source('1/checkpoint')) !== null ||
    (newest > 1 && (await source(`${newest}/checkpoint`)) !== null);
  if (!hasNumbers) newest = 1;
  // What is known of a log without numbers goes on being known once it has them.
  const { 0: unnumbered } = states;
  const moved = hasNumbers && unnumbered ? shardOf(unnumbered.log?.origin ?? null) : null;
  if (moved !== null && unnumbered) {
    states[String(moved)] ??= unnumbered;
    delete states['0'];
    newest = Math.max(newest, moved);
  }
  // A folder has the shards alone, and none that says which is the newest. A server says it, so what is not there need not be asked for.
  while (hasNumbers && !latest && newest <= MAX_SHARDS && (await source(`${newest + 1}/checkpoint`)) !== null) newest++;
  if (newest > MAX_SHARDS) throw new SourceError(`there are more than the ${MAX_SHARDS} shards that a log may have`);
  if (!latest && !hasNumbers && !known) throw new SourceError('there is no log at this address: it has no checkpoint');

  let served: Promise<string | null> | null = null;
  const servedPolicy = (): Promise<string | null> => {
    served ??= source('policy').then((bytes) => {
      const text = bytes && fromUtf8(bytes);
      return text && readPolicy(text) ? text : null;
    });
    return served;
  };
  /** What a shard's log is believed by. Not `isNamed`: what was given has no line for it, and at most one for another shard of the city. */
  const believe = async (shard: number, origin: string | null, own: LogSource): Promise<{ text: string; isNamed: boolean }> => {
    const of = origin ?? '';
    if (trust.kind !== 'first-use') {
      const given = trust.kind === 'policy' ? trust.text : policyFor([trust.vkey], NO_WITNESS);
      const { named, others } = keysFor(given, of);
      const isOwn = named.some((vkey) => logKeys(given).includes(vkey));
      // Whom the shard before names, under a signature that is believed, is believed as well, unless the policy itself says who it is.
      const next = isOwn ? null : keyUnder(states[String(shard - 1)]?.next ?? null, of);
      const keys = isOwn ? named : [...named, ...others, ...(next === null ? [] : [next])];
      return { text: keys.length === 0 ? given : policyFor(keys, witnessPart(given)), isNamed: named.length > 0 || next !== null };
    }
    return { text: await believeServer(shard, of, own), isNamed: true };
  };
  /** The same at the first use, and by what was kept then. */
  const believeServer = async (shard: number, of: string, own: LogSource): Promise<string> => {
    const offered = await servedPolicy();
    const kept = states[String(shard)]?.policy;
    if (kept !== undefined) {
      if (offered !== null && witnessPart(offered) !== witnessPart(kept)) notices.push({ kind: 'policy-differs', shard, key: null });
      return kept;
    }
    const named = offered === null ? [] : keysFor(offered, of).named;
    const key = named[0] ?? readKey(fromUtf8((await own('key')) ?? new Uint8Array())?.trim());
    if (key === null) throw new SourceError('the log serves neither a policy that names it nor a key; give --policy or --key');
    const before = states[String(shard - 1)];
    const rest = offered === null ? NO_WITNESS : witnessPart(offered);
    if (!before?.log) {
      notices.push({ kind: 'trusted-on-first-use', shard, key });
      return policyFor(named.length > 0 ? named : [key], rest);
    }
    // The shard before was seen: it names this one's key, or has the same, and its witnesses stay. The server's word is no longer taken.
    if (rest !== witnessPart(before.policy)) notices.push({ kind: 'policy-differs', shard, key: null });
    const keysBefore = logKeys(before.policy);
    const vouched = (named.length > 0 ? named : [key]).filter(
      (each) => each === before.next || keysBefore.some((old) => isSameKey(old, each)),
    );
    return policyFor(vouched.length > 0 ? vouched : keysBefore, witnessPart(before.policy));
  };

  const below = (shard: number, of: LogSource): LogSource => (hasNumbers ? (path) => of(`${shard}/${path}`) : of);
  const end = (fault: CityFault | null): CityReport => {
    const isStale = shards.some(({ warnings }) => warnings.some(({ kind }) => kind === 'stale'));
    return { isSound: fault === null, isStale, shards, fault, notices, state: { shards: states } };
  };
  /** Adds how old the witnesses' word is to what was found in a shard. */
  const withFreshness = (report: LogReport, shard: number, isOpen: boolean, rules: Policy): ShardReport => {
    const { ahead, ...freshness } = judgeFreshness(report.witnesses, rules, now);
    const isTooOld = freshness.ageSeconds === null ? maxAgeMs !== undefined : freshness.ageSeconds * 1_000 > (maxAgeMs ?? STALE_MS);
    const index = report.size ?? 0;
    const warnings: LogWarning[] = [...report.warnings];
    if (ahead.length > 0) warnings.push({ kind: 'witness-clock-ahead', index, count: ahead.length });
    // Whoever asks for an age is not content with a shard that says of itself that it is over, and that nothing follows.
    if (report.size !== null && isTooOld && (isOpen || (maxAgeMs !== undefined && shard === newest)))
      warnings.push({ kind: 'stale', index, count: 1 });
    return { ...report, ...freshness, warnings, shard, isOpen };
  };
  let before: { readonly note: string } | null = null;
  for (let shard = 1; shard <= newest; shard++) {
    const name = String(hasNumbers ? shard : 0);
    const own = below(shard, source);
    const kept = states[name] ?? null;
    const head = hasNumbers ? await own('checkpoint') : latest;
    if (!head && shard < newest) {
      // In a row that was begun, none can be left out: what is behind it hangs on nothing then. The row itself may begin anywhere.
      if (before && !kept?.log) return end({ kind: 'gone', shard, firstBadIndex: 0, isExact: true, notes: [before.note] });
      notices.push({ kind: 'shard-not-served', shard, key: null });
      before = kept?.log ? { note: kept.log.note } : null;
      continue;
    }
    // Files of another shard in this one's place would hide it.
    const origin = head && originIn(head);
    if (hasNumbers && head && origin !== null && shardOf(origin) !== shard)
      return end({ kind: 'other-log', shard, firstBadIndex: 0, isExact: true, notes: kept?.log ? [kept.log.note] : [] });
    // So would a log of another name.
    if (before && origin !== null && baseOf(origin) !== baseOf(originIn(toUtf8(before.note)) ?? origin))
      return end({ kind: 'other-log', shard, firstBadIndex: 0, isExact: true, notes: [before.note] });
    const { text: policy, isNamed } = await believe(Number(name), origin, own);
    const rules = parsePolicy(policy);
    const bounds = takeBounds();
    const report = await verifyLog({
      source: own,
      policy: rules,
      known: kept?.log ?? null,
      isFull: isFull || shard === moved,
      copy: copy && below(shard, copy),
      makeEntryCheck: makeEntryCheck({ city, now, onShardEntry: bounds.take }),
      onProgress: (done, total) => options.onProgress?.(shard, done, total),
      ...(onFile ? { onFile: (path: string, bytes: Uint8Array) => onFile(hasNumbers ? `${shard}/${path}` : path, bytes) } : {}),
      ...(options.parallel === undefined ? {} : { parallel: options.parallel }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    // Entries of a shard that is over may be deleted here once they are in an archive; its last checkpoint stays, and the next shard names it.
    const { fault } = report;
    // What was given has no line for the log: that is no fault of one that is as it was before, or that nothing is known of. Behind a shard that is
    // believed it is one: that one has to name the key.
    const isStrange = !isNamed && !before && head && origin !== null && (!kept?.log || (await isAsBefore(head, origin, kept)));
    if (fault?.kind === 'unknown-log' && isStrange) throw new NoKeyError(origin);
    const size = report.size ?? 0;
    const seen = kept?.log?.size ?? 0;
    const firstAsked = isFull || shard === moved ? 0 : Math.floor(seen / TILE_WIDTH) * TILE_WIDTH;
    // That the last checkpoint grew out of one that is known nothing shows then, so witnesses have to have seen it.
    const isVouched = seen === 0 || seen === size || rules.quorum !== null;
    if (shard < newest && fault?.kind === 'entry-missing' && fault.firstBadIndex === firstAsked && isVouched && report.note !== null) {
      notices.push({ kind: 'shard-not-served', shard, key: null });
      states[name] = { policy, log: kept?.log ?? null, begins: kept?.begins ?? null, next: kept?.next ?? null };
      before = { note: report.note };
      continue;
    }
    const next = bounds.next(size) ?? (size === seen ? (kept?.next ?? null) : null);
    // Unless the shard itself says that another one follows.
    const isOver = hasNumbers && shard === newest && next !== null && fault === null && newest < MAX_SHARDS;
    if (isOver && latest && (await source(`${newest + 1}/checkpoint`)) !== null) newest++;
    // A row of shards goes on behind one that is closed; one by itself is over then.
    shards.push(withFreshness(report, shard, shard === newest && (hasNumbers || next === null), rules));
    if (fault) return end({ ...fault, shard });
    // Also where nothing is new: a shard that goes on behind the checkpoint that the next one names was not over.
    const begins = kept?.begins ?? bounds.begins();
    if (before && size > 0 && begins !== nameOf(before.note))
      return end({ kind: 'shard-broken-off', shard, firstBadIndex: 0, isExact: true, notes: [before.note, report.note ?? ''] });
    states[name] = { policy, log: report.state, begins, next };
    before = report.note === null ? null : { note: report.note };
  }
  return end(null);
};
