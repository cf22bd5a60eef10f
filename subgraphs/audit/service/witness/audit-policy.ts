import { ConfigurationError } from '#platform/config/configuration-error.ts';
import {
  formatVerifierKey,
  makeNoteVerifier,
  type NoteVerifier,
  parseVerifierKey,
  SignatureType,
  toVerifierKey,
} from '#platform/tlog/note.ts';
import { type Policy, type PolicyGroup, parsePolicy } from '#platform/tlog/policy.ts';

/** A log of this network by its public key as verifiers take it; its name is the origin of the city's first log. */
export type NetworkLog = { readonly city: string; readonly vkey: string };
export type NetworkWitness = { readonly city: string; readonly vkey: string };

/** A witness that a log asks. `city` is that of a witness of this network; `url` where another one takes requests. */
export type PolicyWitness = Policy['witnesses'][number] & { readonly city: string | null };

/** Which logs and witnesses are believed. https://c2sp.org/tlog-policy */
export type AuditPolicy = {
  /** The whole policy as a file. `place` is the address of the logs, such as `https://graph.example/audit`; '' for none. */
  readonly text: (place: string) => string;
  /**
   * The policy for logs of a city, of these keys, without its own witness, which counts for nothing there. A public key stands in one line alone, of the
   * first log that has it, as the format asks: whoever verifies an older shard with the same key takes the shard's own policy, or one that knows shards.
   */
  readonly textOf: (city: string, logs: readonly PlacedLog[], place: string) => string;
  /** The same, to judge by. */
  readonly of: (city: string, vkey: string) => Policy;
  /** Keys that a city, as a witness, trusts for an origin: of all logs but its own. */
  readonly verifiersFor: (city: string, origin: string) => readonly NoteVerifier[];
  /** The city of this network whose log has this origin, or a shard of it; null for others. */
  readonly cityOf: (origin: string) => string | null;
  /** Where the files of a log are that is not of this network; null where nothing says so. */
  readonly urlOf: (origin: string) => string | null;
  /** Takes a key in that a city began to sign with after the start. A policy that was configured stays as it is. */
  readonly learn: (city: string, vkey: string) => void;
  /** Whom the logs of a city ask: all witnesses but its own. */
  readonly witnessesFor: (city: string) => readonly PolicyWitness[];
};

/** A log by its key; `path` is that of its files below the address of the logs, such as `MTL` or `MTL/1`. */
export type PlacedLog = { readonly vkey: string; readonly path: string };

type Line = { readonly vkey: string; readonly url: string | null };
const halfOf = (vkey: string): string => Buffer.from(parseVerifierKey(vkey).publicKey).toString('base64');

/** How many witnesses of all cities make the default quorum, with that of the log's own city taken for given: so one of the others. */
const DEFAULT_THRESHOLD = 2;

/**
 * A threshold once the own city's witness is left out: the file counts it as given, as whoever holds a city's log may hold its witness. `2` of
 * three cities so asks for one of the other two.
 */
const withoutOwn = (groups: readonly PolicyGroup[], own: string | null): PolicyGroup[] => {
  const empty = new Set<string>();
  return groups.flatMap((group) => {
    const members = group.members.filter((each) => each !== own && !empty.has(each));
    const given = group.members.length - members.length;
    if (members.length > 0) return [{ ...group, members, threshold: Math.max(1, group.threshold - given) }];
    empty.add(group.name);
    return [];
  });
};

/** An origin and the names of its further shards, `<origin>/2` and on. */
const isOriginOf = (name: string, origin: string): boolean =>
  origin === name || (origin.startsWith(`${name}/`) && /^(?:[2-9]|[1-9][0-9]{1,8})$/.test(origin.slice(name.length + 1)));

/**
 * The policy as it was configured, or else made from the cities: each is a log and a witness. Throws `ConfigurationError` where a configured
 * policy lacks a log of this network, whose checkpoints nobody could judge then.
 */
export const makeAuditPolicy = (
  given: string | null,
  firstLogs: readonly NetworkLog[],
  witnesses: readonly NetworkWitness[],
): AuditPolicy => {
  const logs = [...firstLogs];
  const namesOf = witnesses.map(({ city }) => city);
  const makeDefault = (place: string): string => {
    const at = (path: string): string => (place === '' ? '' : ` ${place}/${path}`);
    return [
      '# https://c2sp.org/tlog-policy. For the logs of one city take {city}/policy: there its own witness counts for nothing.',
      ...logs.map(({ city, vkey }) => `log ${vkey}${at(city)}`),
      ...witnesses.map(({ city, vkey }) => `witness ${city} ${vkey}${at(`${city}/witness`)}`),
      ...(namesOf.length < DEFAULT_THRESHOLD
        ? ['quorum none']
        : [`group cities ${DEFAULT_THRESHOLD} ${namesOf.join(' ')}`, 'quorum cities']),
      '',
    ].join('\n');
  };
  const text = given ?? makeDefault('');
  const policy = parsePolicy(text);
  /** Keys stand in the text alone; a policy that was read holds verifiers. */
  const lines = (word: 'log' | 'witness'): readonly Line[] =>
    text.split('\n').flatMap((line) => {
      const items = line.split(/[ \t]+/).filter((item) => item !== '');
      if (items[0] !== word) return [];
      const [vkey = '', url = null] = items.slice(word === 'log' ? 1 : 2);
      return [{ vkey, url }];
    });
  const logLines = [...lines('log')];
  const witnessHalves = lines('witness').map(({ vkey }) => halfOf(vkey));
  const known = new Set(logLines.map(({ vkey }) => vkey));
  const missing = logs.filter(({ vkey }) => !known.has(vkey));
  if (missing.length > 0)
    throw new ConfigurationError([`AUDIT_POLICY lacks a log of ${[...new Set(missing.map(({ city }) => city))].join(', ')}`]);

  const cityOfHalf = new Map(witnesses.map(({ city, vkey }) => [halfOf(vkey), city]));
  const all: readonly PolicyWitness[] = policy.witnesses.map((each, i) => ({
    ...each,
    city: cityOfHalf.get(witnessHalves[i] ?? '') ?? null,
  }));
  const witnessesFor = (city: string): readonly PolicyWitness[] => all.filter((each) => each.city !== city);

  const groupsFor = (city: string): { readonly groups: readonly PolicyGroup[]; readonly quorum: string | null } => {
    const own = all.find((each) => each.city === city)?.name ?? null;
    const groups = withoutOwn(policy.groups, own);
    const isThere =
      policy.quorum === null ||
      groups.some(({ name }) => name === policy.quorum) ||
      witnessesFor(city).some(({ name }) => name === policy.quorum);
    // A quorum of the own witness alone can never be had: then all others are asked for, or nobody is left to ask.
    return isThere ? { groups, quorum: policy.quorum } : { groups, quorum: null };
  };
  const textOf = (city: string, logs: readonly PlacedLog[], place: string): string => {
    const { groups, quorum } = groupsFor(city);
    const keys = lines('witness');
    const urls = (i: number): string => {
      const own = all[i];
      const url = own?.url ?? (place !== '' && own?.city ? `${place}/${own.city}/witness` : null);
      return url === null ? '' : ` ${url}`;
    };
    const halves = logs.map(({ vkey }) => halfOf(vkey));
    return [
      ...logs.flatMap(({ vkey, path }, i) =>
        halves.indexOf(halves[i] ?? '') === i ? [`log ${vkey}${place === '' ? '' : ` ${place}/${path}`}`] : [],
      ),
      ...all.flatMap((each, i) => (each.city === city ? [] : [`witness ${each.name} ${keys[i]?.vkey ?? ''}${urls(i)}`])),
      ...groups.map(({ name, threshold, members }) => `group ${name} ${threshold} ${members.join(' ')}`),
      `quorum ${quorum ?? 'none'}`,
      '',
    ].join('\n');
  };
  const judged = new Map<string, Policy>();
  const verifiers = new Map<string, readonly NoteVerifier[]>();
  const ownHalves = new Map<string, Set<string>>();
  for (const { city, vkey } of logs) ownHalves.set(city, (ownHalves.get(city) ?? new Set()).add(halfOf(vkey)));

  return {
    text: (place) => given ?? makeDefault(place),
    textOf,
    of: (city, vkey) => {
      const key = `${city} ${vkey}`;
      const made = judged.get(key) ?? parsePolicy(textOf(city, [{ vkey, path: city }], ''));
      judged.set(key, made);
      return made;
    },
    verifiersFor: (city, origin) => {
      const key = `${city} ${origin}`;
      const made =
        verifiers.get(key) ??
        logLines.flatMap(({ vkey }) => {
          const { name, publicKey } = parseVerifierKey(vkey);
          if (!isOriginOf(name, origin) || ownHalves.get(city)?.has(halfOf(vkey))) return [];
          return [makeNoteVerifier(formatVerifierKey(toVerifierKey(origin, SignatureType.ED25519, publicKey)))];
        });
      // What strangers make up is not remembered.
      if (made.length > 0) verifiers.set(key, made);
      return made;
    },
    cityOf: (origin) => logs.find(({ vkey }) => isOriginOf(parseVerifierKey(vkey).name, origin))?.city ?? null,
    urlOf: (origin) => logLines.find(({ vkey }) => parseVerifierKey(vkey).name === origin)?.url ?? null,
    learn: (city, vkey) => {
      const { name, publicKey } = parseVerifierKey(vkey);
      const base = logs.find((each) => each.city === city && isOriginOf(parseVerifierKey(each.vkey).name, name));
      if (given !== null || !base || ownHalves.get(city)?.has(halfOf(vkey))) return;
      const own = formatVerifierKey(toVerifierKey(parseVerifierKey(base.vkey).name, SignatureType.ED25519, publicKey));
      logs.push({ city, vkey: own });
      logLines.push({ vkey: own, url: null });
      ownHalves.get(city)?.add(halfOf(own));
      verifiers.clear();
    },
    witnessesFor,
  };
};
