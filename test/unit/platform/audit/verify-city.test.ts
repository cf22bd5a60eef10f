import { describe, expect, it } from '@jest/globals';
import { type CityReport, type CityState, parseCityState, type VerifyCityOptions, verifyCity } from '#platform/audit/verify-city.ts';
import { parseCheckpoint } from '#platform/tlog/checkpoint.ts';
import { parseNote } from '#platform/tlog/note.ts';
import { anEntry, type Files, logSigner, ORIGIN, type PublishOptions, policyText, publish } from '#test/support/published-log.ts';

const NOW = new Date('2026-03-20T00:00:00Z');
type Served = Map<string, Uint8Array>;
/** A city's log at one address: its shards below their numbers, the newest one's checkpoint above them, as the network serves it. */
const serve = (shards: Readonly<Record<number, Files | null>>, more: Readonly<Record<string, string>> = {}): Served => {
  const files: Served = new Map();
  for (const [number, each] of Object.entries(shards)) {
    for (const [name, bytes] of each ?? []) files.set(`${number}/${name}`, bytes);
    const head = each?.get('checkpoint');
    if (head) files.set('checkpoint', head);
  }
  for (const [name, text] of Object.entries(more)) files.set(name, Buffer.from(text));
  return files;
};
const FIRST_USE: Partial<VerifyCityOptions> = { trust: { kind: 'first-use' } };
/** Runs the verifier, and takes its state through JSON as a file would. */
const verify = async (files: Served, known: CityState | null = null, more: Partial<VerifyCityOptions> = {}): Promise<CityReport> => {
  const report = await verifyCity({
    source: async (path) => files.get(path) ?? null,
    trust: { kind: 'policy', text: policyText() },
    known,
    city: 'MTL',
    now: NOW,
    ...more,
  });
  return { ...report, state: parseCityState(JSON.parse(JSON.stringify(report.state))) };
};

const bind = (id: number, act: string, what: string, sha256?: string): Uint8Array =>
  anEntry(id, { act, entities: [{ kind: 'AuditLogShard', ...(sha256 === undefined ? {} : { sha256 }), what }] });
const some = (from: number, count: number): Uint8Array[] => Array.from({ length: count }, (_none, i) => anEntry(from + i));
const shardOne = (count: number, next: string | null = null, options: PublishOptions = {}): Promise<Files> =>
  publish([...some(0, count), ...(next === null ? [] : [bind(count, 'endLogShard', next)])], options);
/** Shard `n`, which begins with the last checkpoint of the one before. */
const behind = (before: Files, n: number, count: number, options: PublishOptions = {}): Promise<Files> => {
  const { origin, size, root } = parseCheckpoint(parseNote(before.get('checkpoint') ?? '').text);
  const first = bind(10_000 * n, 'beginLogShard', `${origin}@${size}`, Buffer.from(root).toString('hex'));
  return publish([first, ...some(10_000 * n + 1, count)], { origin: `${ORIGIN}/${n}`, ...options });
};
const onlyHead = (files: Files): Files => new Map([...files].filter(([name]) => name === 'checkpoint'));
const vkeyOf = (n: number, key: number): string => logSigner(key, `${ORIGIN}/${n}`).vkey;

describe('the shards of a city', () => {
  it('follow one another, also in later runs', async () => {
    const one = await shardOne(300, vkeyOf(2, 1));
    const first = await verify(serve({ 1: one, 2: await behind(one, 2, 20) }));
    expect(first).toMatchObject({ isSound: true, notices: [], shards: [{ size: 301 }, { size: 21 }] });
    const later = await verify(serve({ 1: one, 2: await behind(one, 2, 30) }), first.state);
    expect(later).toMatchObject({ isSound: true, shards: [{ checked: 0 }, { size: 31 }] });
  });

  it('are broken off where one was seen empty first and then begins with nothing', async () => {
    const one = await shardOne(30);
    const empty = await publish([], { origin: `${ORIGIN}/2` });
    const before = await verify(serve({ 1: one, 2: empty }));
    expect(before.isSound).toBe(true);
    const unbound = serve({ 1: one, 2: await publish(some(20_000, 5), { origin: `${ORIGIN}/2` }) });
    expect((await verify(unbound, before.state)).fault).toMatchObject({ kind: 'shard-broken-off', shard: 2, firstBadIndex: 0 });
    expect((await verify(serve({ 1: one, 2: await behind(one, 2, 5) }), before.state)).isSound).toBe(true);
  });

  it('are broken off where one that is over goes on', async () => {
    const one = await shardOne(30);
    const two = await behind(one, 2, 5);
    const { state } = await verify(serve({ 1: one, 2: two }));
    const { fault } = await verify(serve({ 1: await shardOne(40), 2: two }), state);
    expect(fault).toMatchObject({ kind: 'shard-broken-off', shard: 2 });
  });

  it('cannot be left out of the middle, nor stand in each other’s place', async () => {
    const one = await shardOne(30);
    const three = await publish(some(30_000, 5), { origin: `${ORIGIN}/3` });
    const { state } = await verify(serve({ 1: one }));
    for (const known of [null, state])
      expect((await verify(serve({ 1: one, 3: three }), known)).fault).toMatchObject({ kind: 'gone', shard: 2 });
    const two = await behind(one, 2, 5);
    expect((await verify(serve({ 1: two }))).fault).toMatchObject({ kind: 'other-log', shard: 1 });
    // Where the row itself begins later, that is said.
    expect(await verify(serve({ 2: two }))).toMatchObject({ isSound: true, notices: [{ kind: 'shard-not-served', shard: 1 }] });
  });

  it('are held against what was known of the log before it had numbers', async () => {
    const { state } = await verify(await shardOne(300));
    expect(Object.keys(state.shards)).toEqual(['0']);
    const others = await publish(some(500, 310));
    expect((await verify(serve({ 1: others }), state)).fault).toMatchObject({ kind: 'rewritten', shard: 1 });
    const same = await verify(serve({ 1: await shardOne(310) }), state);
    expect(same).toMatchObject({ isSound: true, shards: [{ size: 310, checked: 310 }] });
    expect(Object.keys(same.state.shards)).toEqual(['1']);
  });

  it('can be verified one by one, whatever their number', async () => {
    const two = await behind(await shardOne(30), 2, 20);
    const alone = await verify(two);
    expect(alone).toMatchObject({ isSound: true, notices: [], shards: [{ origin: `${ORIGIN}/2`, size: 21 }] });
    expect((await verify(two, alone.state)).isSound).toBe(true);
  });

  it('of a server that tells of ever more of them are not gone through for ever', async () => {
    const { state } = await verify(serve({ 1: await shardOne(3) }));
    const head = (await publish([], { origin: `${ORIGIN}/900000000` })).get('checkpoint') ?? null;
    let asked = 0;
    const endless: VerifyCityOptions['source'] = async (path) => {
      asked++;
      return asked > 1 || path !== 'checkpoint' ? head : null;
    };
    for (const known of [null, state]) {
      asked = 0;
      await expect(verify(new Map(), known, { source: endless })).rejects.toThrow('there are more than the 10000 shards');
    }
    await expect(verify(new Map(), state, { source: async () => head })).rejects.toThrow('there are more than the 10000 shards');
    expect(asked).toBeLessThan(10_100);
  });
});

describe('a shard whose entries are no longer served', () => {
  it('is told, and believed as far as nothing contradicts it', async () => {
    const one = await shardOne(300);
    const two = await behind(one, 2, 5);
    const notices = [{ kind: 'shard-not-served', shard: 1 }];
    const retired = serve({ 1: onlyHead(one), 2: two });
    expect(await verify(retired)).toMatchObject({ isSound: true, notices });
    const { state } = await verify(serve({ 1: one }));
    expect(await verify(retired, state)).toMatchObject({ isSound: true, notices: [] });
    expect(await verify(retired, state, { isFull: true })).toMatchObject({ isSound: true, notices });
    // Seen before it was over: that it grew out of that, the witnesses saw.
    for (const size of [100, 260]) {
      const partly = await verify(serve({ 1: await shardOne(size) }));
      expect(await verify(retired, partly.state)).toMatchObject({ isSound: true, notices });
    }
    expect((await verify(serve({ 1: onlyHead(one) }))).fault).toMatchObject({ kind: 'entry-missing' });
  });

  it('is a fault where it has grown out of sight, and no witness was asked for', async () => {
    const trust = { kind: 'key', vkey: logSigner().vkey } as const;
    const { state } = await verify(serve({ 1: await shardOne(100) }), null, { trust });
    const forked = await publish(some(700, 300));
    const files = serve({ 1: onlyHead(forked), 2: await behind(forked, 2, 5) });
    expect((await verify(files, state, { trust })).fault).toMatchObject({ kind: 'entry-missing', shard: 1 });
  });
});

describe('keys and witnesses of a later shard', () => {
  const trusting = (n: number, key: number, quorum: 'both' | 'none' = 'both'): Readonly<Record<string, string>> => ({
    policy: policyText(quorum, logSigner(key, n === 1 ? ORIGIN : `${ORIGIN}/${n}`).vkey),
  });

  it('are believed where the last entry before names the key, and nowhere else', async () => {
    const one = await shardOne(30, vkeyOf(2, 9));
    const two = await behind(one, 2, 5, { key: 9 });
    const { state } = await verify(serve({ 1: one }, trusting(1, 1)), null, FIRST_USE);
    expect(await verify(serve({ 1: one, 2: two }, trusting(2, 9)), state, FIRST_USE)).toMatchObject({ isSound: true, notices: [] });

    // Nobody named that key, or an entry did that is not the last one: whoever may write entries can write such a one.
    const middle = [...some(0, 10), bind(10, 'endLogShard', vkeyOf(2, 9)), ...some(11, 20)];
    for (const other of [await shardOne(30), await publish(middle), await shardOne(30, vkeyOf(2, 8))]) {
      const before = await verify(serve({ 1: other }, trusting(1, 1)), null, FIRST_USE);
      expect(before.isSound).toBe(true);
      const files = serve({ 1: other, 2: await behind(other, 2, 5, { key: 9 }) }, trusting(2, 9));
      expect((await verify(files, before.state, FIRST_USE)).fault).toMatchObject({ kind: 'unknown-log', shard: 2 });
      // By hand it is: the first shard's key has to be in such a policy as well.
      const byHand = (text: string) => verify(files, before.state, { trust: { kind: 'policy', text } });
      const given = trusting(2, 9)['policy'] ?? '';
      await expect(byHand(given)).rejects.toThrow(`the policy has no key for ${ORIGIN}`);
      expect(await byHand(`log ${logSigner().vkey}\n${given}`)).toMatchObject({ isSound: true });
    }
  });

  it('are believed by a policy of the first one as well where the last entry names the key', async () => {
    const one = await shardOne(30, vkeyOf(2, 9));
    const files = serve({ 1: one, 2: await behind(one, 2, 5, { key: 9 }) });
    expect(await verify(files)).toMatchObject({ isSound: true, shards: [{ size: 31 }, { size: 6 }] });
    const other = await shardOne(30, vkeyOf(2, 8));
    const report = await verify(serve({ 1: other, 2: await behind(other, 2, 5, { key: 9 }) }));
    expect(report.fault).toMatchObject({ kind: 'unknown-log', shard: 2 });
    // A policy that says itself which key the shard has has the word.
    const text = `log ${vkeyOf(2, 8)}\n${policyText()}`;
    expect((await verify(files, null, { trust: { kind: 'policy', text } })).fault).toMatchObject({ kind: 'unknown-log', shard: 2 });
  });

  it('stay those of the shard before, though the server’s policy asks for no witness any more', async () => {
    const one = await shardOne(30, vkeyOf(2, 1));
    const { state } = await verify(serve({ 1: one }, trusting(1, 1)), null, FIRST_USE);
    const two = await behind(one, 2, 5, { witnesses: 0 });
    const report = await verify(serve({ 1: one, 2: two }, trusting(2, 1, 'none')), state, FIRST_USE);
    expect(report.fault).toMatchObject({ kind: 'no-quorum', shard: 2 });
    expect(report.notices).toContainEqual({ kind: 'policy-differs', shard: 2, key: null });
  });
});

describe('a policy that names one of several shards', () => {
  const by = (text: string): Partial<VerifyCityOptions> => ({ trust: { kind: 'policy', text } });
  const ofSecond = policyText('both', vkeyOf(2, 1));

  it('is one for all that have the same key, as no policy may name a key twice', async () => {
    const one = await shardOne(300, vkeyOf(2, 1));
    const two = await behind(one, 2, 20);
    const row = serve({ 1: one, 2: two });
    for (const more of [by(ofSecond), by(policyText()), { trust: { kind: 'key', vkey: vkeyOf(2, 1) } } as const])
      expect(await verify(row, null, more)).toMatchObject({ isSound: true, shards: [{ size: 301 }, { size: 21 }] });
    expect(await verify(one, null, by(ofSecond))).toMatchObject({ isSound: true });
    // The witnesses it asks for are asked for all the same.
    const alone = serve({ 1: await shardOne(300, null, { witnesses: 1 }), 2: two });
    expect((await verify(alone, null, by(ofSecond))).fault).toMatchObject({ kind: 'no-quorum', shard: 1 });
  });

  it('says nothing of a log that it has no line for, nor does a key', async () => {
    const others = policyText('both', logSigner(1, 'other.example/log').vkey);
    const files = serve({ 1: await shardOne(30) });
    for (const more of [by(others), { trust: { kind: 'key', vkey: logSigner(1, 'other.example/log').vkey } } as const]) {
      await expect(verify(files, null, more)).rejects.toThrow(`the policy has no key for ${ORIGIN}`);
      const { state } = await verify(files);
      await expect(verify(files, state, more)).rejects.toThrow(`the policy has no key for ${ORIGIN}`);
    }
  });

  it('says so of one that has a line and is signed with another key, and of one that is not the one of before', async () => {
    const { state } = await verify(serve({ 1: await shardOne(30) }));
    const taken = serve({ 1: await shardOne(30, null, { key: 9 }) });
    for (const known of [null, state]) expect((await verify(taken, known)).fault).toMatchObject({ kind: 'unknown-log', shard: 1 });
    // Nor is it hidden by a name that no policy knows, or by a policy that never knew the log.
    const renamed = serve({ 1: await publish(some(0, 30), { key: 9, origin: 'else.example/log' }) });
    expect((await verify(renamed, state)).fault).toMatchObject({ kind: 'unknown-log', shard: 1 });
    expect((await verify(taken, state, by(ofSecond.replace(vkeyOf(2, 1), logSigner(5, 'x.example').vkey)))).fault).toMatchObject({
      kind: 'unknown-log',
    });
    // Nor by a shard that somebody else begins behind one that is believed.
    const two = await behind(await shardOne(30), 2, 20);
    const three = await behind(two, 3, 5, { key: 9 });
    expect((await verify(serve({ 2: two, 3: three }), null, by(ofSecond))).fault).toMatchObject({ kind: 'unknown-log', shard: 3 });
    const one = await shardOne(30);
    const elsewhere = await behind(one, 2, 5, { origin: 'else.example/log/2', key: 9 });
    expect((await verify(serve({ 1: one, 2: elsewhere }))).fault).toMatchObject({ kind: 'other-log', shard: 2 });
  });
});

describe('which shard is the newest', () => {
  it('is asked for where a server or the last entry says so, and nothing that is not there', async () => {
    const one = await shardOne(30, vkeyOf(2, 1));
    const two = await behind(one, 2, 5);
    const missing: string[] = [];
    const seeing = (files: Served): Partial<VerifyCityOptions> => ({
      source: async (path) => {
        const bytes = files.get(path) ?? null;
        if (!bytes) missing.push(path);
        return bytes;
      },
    });
    const row = serve({ 1: one, 2: two });
    const { state } = await verify(row, null, seeing(row));
    await verify(row, state, seeing(row));
    expect(missing).toEqual([]);
    // A head that is behind what is served below it hides nothing.
    const behindIt = new Map([...row, ['checkpoint', one.get('checkpoint') ?? new Uint8Array()]]);
    expect(await verify(behindIt)).toMatchObject({ isSound: true, shards: [{ isOpen: false }, { shard: 2, isOpen: true }] });
    const folder = new Map([...row].filter(([name]) => name !== 'checkpoint'));
    expect(await verify(folder)).toMatchObject({ isSound: true, shards: [{ shard: 1 }, { shard: 2 }] });
  });
});

describe('how old the newest cosignature is', () => {
  const HOUR = 3_600_000;
  const ago = (hours: number): Date => new Date(NOW.getTime() - hours * HOUR);
  const kindsOf = ({ shards }: CityReport): string[] => shards.flatMap(({ warnings }) => warnings.map(({ kind }) => kind));

  it('is told of each shard, and the newest one is stale after 24 hours', async () => {
    const one = await shardOne(5, null, { at: ago(900) });
    const fresh = await verify(serve({ 1: one, 2: await behind(one, 2, 3, { at: ago(3) }) }));
    expect(fresh).toMatchObject({
      isSound: true,
      isStale: false,
      shards: [
        { shard: 1, isOpen: false, cosignedAt: ago(900), ageSeconds: 900 * 3_600, warnings: [] },
        { shard: 2, isOpen: true, cosignedAt: ago(3), ageSeconds: 3 * 3_600, warnings: [] },
      ],
    });
    expect((await verify(serve({ 1: await shardOne(5, null, { at: ago(24) }) }))).isStale).toBe(false);
    const stale = await verify(serve({ 1: one, 2: await behind(one, 2, 3, { at: ago(24.01) }) }));
    expect(stale).toMatchObject({ isSound: true, isStale: true, shards: [{}, { warnings: [{ kind: 'stale', index: 4, count: 1 }] }] });
  });

  it('is held against the age that was asked for, where nobody cosigned as well', async () => {
    const files = serve({ 1: await shardOne(5, null, { at: ago(3) }) });
    expect((await verify(files, null, { maxAgeMs: 3 * HOUR })).isStale).toBe(false);
    expect((await verify(files, null, { maxAgeMs: 3 * HOUR - 1 })).isStale).toBe(true);
    const alone = serve({ 1: await shardOne(5, null, { witnesses: 0 }) });
    const trust = { kind: 'policy', text: policyText('none') } as const;
    expect(await verify(alone, null, { trust })).toMatchObject({ isStale: false, shards: [{ cosignedAt: null, ageSeconds: null }] });
    expect(await verify(alone, null, { trust, maxAgeMs: HOUR })).toMatchObject({ isSound: true, isStale: true });
  });

  it('of a checkpoint that is shown again and again grows, and the same one cosigned anew is fresh', async () => {
    const { state } = await verify(serve({ 1: await shardOne(5, null, { at: ago(1) }) }));
    const later = { now: new Date(NOW.getTime() + 30 * HOUR) };
    const frozen = await verify(serve({ 1: await shardOne(5, null, { at: ago(1) }) }), state, later);
    expect(frozen).toMatchObject({ isSound: true, isStale: true, shards: [{ checked: 0, ageSeconds: 31 * 3_600 }] });
    const renewed = await verify(serve({ 1: await shardOne(5, null, { at: ago(-29) }) }), frozen.state, later);
    expect(renewed).toMatchObject({ isStale: false, shards: [{ checked: 0, ageSeconds: 3_600, warnings: [] }] });
  });

  it('takes as many witnesses as the policy asks for: one that lies makes no old checkpoint new', async () => {
    const files = serve({ 1: await shardOne(5, null, { at: [ago(40), ago(30), ago(1)], witnesses: 3 }) });
    expect(await verify(files)).toMatchObject({ isStale: true, shards: [{ cosignedAt: ago(30) }] });
    const any = { kind: 'policy', text: policyText('none') } as const;
    expect(await verify(files, null, { trust: any })).toMatchObject({ isStale: false, shards: [{ cosignedAt: ago(1) }] });
  });

  it('does not count a time that lies ahead, and tells of it', async () => {
    const years = ago(-24 * 365);
    const ahead = await verify(serve({ 1: await shardOne(5, null, { at: years }) }));
    expect(ahead).toMatchObject({ isSound: true, isStale: false, shards: [{ cosignedAt: null, ageSeconds: null }] });
    expect(ahead.shards[0]?.warnings).toEqual([{ kind: 'witness-clock-ahead', index: 5, count: 2 }]);
    expect((await verify(serve({ 1: await shardOne(5, null, { at: years }) }), null, { maxAgeMs: HOUR })).isStale).toBe(true);
    const one = await verify(serve({ 1: await shardOne(5, null, { at: [years, ago(30), ago(26)], witnesses: 3 }) }));
    expect([one.shards[0]?.cosignedAt, kindsOf(one)]).toEqual([ago(30), ['witness-clock-ahead', 'stale']]);
    // Clocks are never quite the same.
    const almost = await verify(serve({ 1: await shardOne(5, null, { at: ago(-1 / 6) }) }), null, { maxAgeMs: HOUR });
    expect([almost.isStale, almost.shards[0]?.ageSeconds, kindsOf(almost)]).toEqual([false, 0, []]);
  });

  it('cannot be made younger by whoever shows it: the time is signed', async () => {
    const files = await shardOne(5, null, { at: ago(48) });
    const note = Buffer.from(files.get('checkpoint') ?? '').toString();
    const forged = note.replace(/(— witness2\S+ )(\S+)/, (_all, before: string, line: string) => {
      const bytes = Buffer.from(line, 'base64');
      bytes.writeBigUInt64BE(BigInt(Math.floor(NOW.getTime() / 1_000)), 4);
      return `${before}${bytes.toString('base64')}`;
    });
    expect(forged).not.toBe(note);
    const report = await verify(serve({ 1: new Map([...files, ['checkpoint', Buffer.from(forged)]]) }));
    expect(report.fault).toMatchObject({ kind: 'bad-cosignature', shard: 1 });
  });

  it('says nothing of a shard that was closed and stands by itself, unless an age was asked for', async () => {
    const files = await shardOne(5, vkeyOf(2, 1), { at: ago(900) });
    const { state, ...report } = await verify(files);
    expect(report).toMatchObject({ isStale: false, shards: [{ isOpen: false, ageSeconds: 900 * 3_600, warnings: [] }] });
    expect((await verify(files, state)).shards).toMatchObject([{ isOpen: false, checked: 0 }]);
    expect((await verify(files, state, { maxAgeMs: HOUR })).isStale).toBe(true);
    // In its row something has to follow.
    expect(await verify(serve({ 1: files }))).toMatchObject({ isStale: true, shards: [{ isOpen: true }] });
  });
});
