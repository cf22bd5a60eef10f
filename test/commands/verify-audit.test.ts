import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { anEntry, type Files, logSigner, ORIGIN, policyText, someEntries } from '#test/support/published-log.ts';
import { all, COUNT, changed, entries, setUpVerifier } from '#test/support/verify-audit.ts';

const site = setUpVerifier();
/** When `all` has a log cosigned unless a test says otherwise, as it is told. */
const LAST = /2026-03-02T00:00:00Z \(\d+ days ago\)/.source;
/** That lines of a sound log are told, and nothing else but that its newest cosignature is old. */
const soundOnly = (...lines: readonly string[]) => {
  const told = lines.map((line) =>
    `${line}, witnessed by w0, w1, last at ${LAST}\\n`.replaceAll(/(?<= )\((?=\d+ gone)|(?<=now)\)/g, '\\$&'),
  );
  return expect.stringMatching(new RegExp(`^${told.join('')}[^\\n]+: STALE: not since ${LAST} have [^\\n]+\\n  [^\\n]+\\n$`));
};

describe('npm run verify-audit', () => {
  it('finds a folder sound, and says so in words and in JSON', async () => {
    const folder = site.writeFolder(await all());
    expect(await site.withPolicy(folder)).toEqual({
      code: 0,
      out: soundOnly('log: sound, 600 entries (600 gone through now)'),
      err: '',
    });
    const json = await site.withPolicy(folder, '--json');
    expect(JSON.parse(json.out)).toMatchObject({
      log: 'log',
      isSound: true,
      isStale: true,
      shards: [
        {
          shard: 1,
          origin: ORIGIN,
          size: COUNT,
          checked: 0,
          isOpen: true,
          cosignedAt: '2026-03-02T00:00:00.000Z',
          ageSeconds: expect.any(Number),
          warnings: [{ kind: 'stale', index: COUNT, count: 1 }],
        },
      ],
    });
    expect(json).toMatchObject({ code: 0, err: '' });
  });

  it('goes on from what it kept, over HTTP, and fetches what is new alone', async () => {
    site.served = await all();
    expect(await site.withPolicy(site.url)).toMatchObject({ code: 0, err: '' });
    site.served = await all([...entries, anEntry(COUNT)]);
    const before = site.asked;
    expect(await site.withPolicy(site.url)).toEqual({
      code: 0,
      out: soundOnly('city: sound, 601 entries (89 gone through now)'),
      err: '',
    });
    expect(site.asked - before).toBeLessThan(10);
    const full = site.asked;
    expect((await site.withPolicy(site.url, '--full')).out).toContain('(601 gone through now)');
    expect(site.asked - full).toBeGreaterThan(8);
  });

  it('tells how old the newest cosignature is, and fails where it is older than was asked for', async () => {
    const minutesAgo = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);
    site.served = await all(entries, { at: minutesAgo(200) });
    const told = await site.withPolicy(site.url);
    expect(told).toMatchObject({ code: 0, err: '' });
    expect(told.out).toMatch(
      /^city: sound, 600 entries \(600 gone through now\), witnessed by w0, w1, last at [-T:0-9]{19}Z \(3 hours ago\)\n$/,
    );
    expect(await site.withPolicy(site.url, '--max-age', '5h')).toMatchObject({ code: 0 });
    const old = await site.withPolicy(site.url, '--max-age', '199m');
    expect(old).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^city: sound, .*\ncity: STALE: not since .* \(3 hours ago\) have the witnesses/),
    });
    // The log is sound all the same, and what was seen is kept.
    const json = await site.withPolicy(site.url, '--max-age', '3h', '--json');
    expect([json.code, JSON.parse(json.out)]).toMatchObject([
      1,
      { isSound: true, isStale: true, evidence: null, shards: [{ checked: 0, warnings: [{ kind: 'stale' }] }] },
    ]);
    site.served = await all(entries, { at: minutesAgo(0) });
    expect(await site.withPolicy(site.url, '--max-age', '1h')).toMatchObject({
      code: 0,
      out: expect.stringContaining('(0 gone through now)'),
    });
    site.served = await all(entries, { at: minutesAgo(-60) });
    expect(await site.withPolicy(site.url, '--max-age', '1h')).toMatchObject({
      code: 1,
      out: expect.stringMatching(
        /2 witnesses cosigned with a time that lies more than 10 minutes ahead.*\n.*STALE: no witness says how old/,
      ),
    });
    site.served = new Map([...(await all(entries, { witnesses: 0 })), ['key', Buffer.from(`${logSigner().vkey}\n`)]]);
    const other = path.join(site.root, 'unwitnessed.json');
    expect(await site.run(site.url, '--state', other)).toMatchObject({ code: 0, out: expect.not.stringContaining('STALE') });
    expect(await site.run(site.url, '--state', other, '--max-age', '7d')).toMatchObject({ code: 1 });
    for (const [args, words] of [
      [['--max-age', '1'], '--max-age is a number with s, m, h or d behind it'],
      [['--max-age', '0h'], '--max-age is a number'],
      [['--max-age', '1h', '--key', logSigner().vkey], 'give --policy with --max-age'],
    ] as const)
      expect(await site.run(site.url, '--state', other, ...args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(words) });
  }, 60_000);

  it('believes the server at the first time, says so loudly, keeps its key, and refuses another one later', async () => {
    site.served = new Map([...(await all()), ['key', Buffer.from(`${logSigner().vkey}\n`)]]);
    const first = await site.run(site.url, '--state', site.state());
    expect(first).toMatchObject({ code: 0, out: expect.stringContaining('not witnessed') });
    expect(first.err).toContain(`TRUSTED ON FIRST USE, on the word of the server that is being checked: ${logSigner().vkey}`);
    expect((await site.run(site.url, '--state', site.state())).err).toBe('');
    site.served = new Map([...(await all(entries, { key: 9 })), ['key', Buffer.from(`${logSigner(9).vkey}\n`)]]);
    const swapped = await site.run(site.url, '--state', site.state());
    expect(swapped).toMatchObject({ code: 1, out: expect.stringContaining('NOT SOUND (unknown-log)') });
    expect(swapped.out).toContain('If that was announced, check the new key and give it with --policy or --key.');
    expect(await site.run(site.url, '--state', site.state(), '--key', logSigner(9).vkey)).toMatchObject({ code: 0 });
  });

  it('takes the policy that the server gives, with its witnesses, and tells when it gives another one', async () => {
    site.served = new Map([...(await all()), ['policy', Buffer.from(policyText())]]);
    expect(await site.run(site.url, '--state', site.state())).toMatchObject({
      code: 0,
      out: expect.stringContaining('witnessed by w0, w1'),
    });
    site.served.set('policy', Buffer.from(policyText('none')));
    expect(await site.run(site.url, '--state', site.state())).toMatchObject({
      code: 0,
      err: expect.stringContaining('another policy now'),
    });
    site.served = new Map([...(await all(entries, { witnesses: 1 })), ['policy', Buffer.from(policyText('none'))]]);
    expect(await site.run(site.url, '--state', site.state())).toMatchObject({
      code: 1,
      out: expect.stringContaining('NOT SOUND (no-quorum)'),
    });
  }, 60_000);

  type Attack = readonly [what: string, make: () => Promise<Files>, kind: string, first: RegExp];
  const ATTACKS: readonly Attack[] = [
    ['rewrites an entry', () => all([...changed(300), anEntry(900)]), 'rewritten', /first bad entry 256 or one behind it/],
    ['signs two trees of one size', () => all(changed(300)), 'fork', /first bad entry 256 or one behind it/],
    [
      'shows an older checkpoint again',
      async () => new Map([...(await all()), ['checkpoint', (await all(entries.slice(0, 400))).get('checkpoint') ?? new Uint8Array()]]),
      'rolled-back',
      /first bad entry 400$/m,
    ],
  ];
  /** What is known of a log that was seen with 400 entries and with 600. */
  const see = async (): Promise<string> => {
    expect(await site.withPolicy(site.writeFolder(await all(entries.slice(0, 400))))).toMatchObject({ code: 0 });
    expect(await site.withPolicy(site.writeFolder(await all()))).toMatchObject({ code: 0 });
    return readFileSync(site.state(), 'utf8');
  };
  let seen: string | null = null;
  it.each(ATTACKS)(
    'finds it when somebody with every key %s, keeps evidence, and what it knew',
    async (_what, make, kind, first) => {
      seen = seen ?? (await see());
      const before = seen;
      writeFileSync(site.state(), before);
      rmSync(path.join(site.root, 'log'), { recursive: true, force: true });
      const found = await site.withPolicy(site.writeFolder(await make()));
      expect(found).toMatchObject({ code: 1, err: '' });
      expect(found.out).toContain(`NOT SOUND (${kind})`);
      expect(found.out).toMatch(first);
      expect(readFileSync(site.state(), 'utf8')).toBe(before);
      const evidence = JSON.parse(readFileSync(path.join(site.root, 'state.evidence.json'), 'utf8')) as { kind: string; notes: string[] }[];
      expect(evidence).toEqual([
        expect.objectContaining({ kind, notes: [expect.stringContaining(ORIGIN), expect.stringContaining(ORIGIN)] }),
      ]);
    },
    60_000,
  );

  it('keeps a copy that can be verified by itself, and with it tells a rewritten past to the entry', async () => {
    site.served = await all();
    const copy = path.join(site.root, 'copy');
    expect(await site.withPolicy(site.url, '--mirror', copy)).toMatchObject({ code: 0 });
    expect(await site.run(copy, '--state', path.join(site.root, 'other.json'))).toMatchObject({
      code: 0,
      out: expect.stringContaining('witnessed by w0, w1'),
    });
    site.served = await all([...changed(300), anEntry(900)]);
    const found = await site.withPolicy(site.url, '--mirror', copy);
    expect(found).toMatchObject({ code: 1, out: expect.stringMatching(/\(rewritten\).*first bad entry 300$/m) });
    expect(readdirSync(copy).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(await site.run(copy, '--state', path.join(site.root, 'other.json'), '--full')).toMatchObject({ code: 0 });
    // A copy that lost its place is made whole.
    site.served = await all([...entries, anEntry(COUNT)]);
    rmSync(copy, { recursive: true });
    expect((await site.withPolicy(site.url, '--mirror', copy)).out).toContain('(601 gone through now)');
    expect(await site.run(copy, '--state', path.join(site.root, 'third.json'))).toMatchObject({ code: 0 });
  }, 60_000);

  it('ended in the middle leaves what was known, and lets the next run begin; two runs at once are refused', async () => {
    site.served = await all();
    expect(await site.withPolicy(site.url)).toMatchObject({ code: 0 });
    const before = readFileSync(site.state(), 'utf8');
    site.served = await all([...entries, ...someEntries(0), anEntry(COUNT)]);
    let reached: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      reached = resolve;
    });
    site.instead = (name) => {
      if (!name.startsWith('tile/entries/')) return null;
      reached();
      return { status: 503, headers: { 'retry-after': '1' } };
    };
    const { child, ended } = site.begin([site.url, '--policy', path.join(site.root, 'policy'), '--state', site.state()]);
    await held;
    const second = await site.withPolicy(site.url);
    expect(second).toMatchObject({ code: 2, err: expect.stringContaining('Another run (process') });
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 2, err: expect.stringContaining('what was known before stays') });
    expect(readFileSync(site.state(), 'utf8')).toBe(before);
    // One that was killed outright gave nothing back.
    writeFileSync(`${site.state()}.lock`, `${child.pid}\nno such process\n`);
    site.instead = null;
    expect(await site.withPolicy(site.url)).toMatchObject({ code: 0, out: expect.stringContaining('601 entries') });
    expect(existsSync(`${site.state()}.lock`)).toBe(false);
  }, 60_000);

  it('follows the shards of a log in a folder, each from the one before', async () => {
    const first = await all();
    const note = Buffer.from(first.get('checkpoint') ?? '').toString();
    const rootHex = Buffer.from(note.split('\n')[2] ?? '', 'base64').toString('hex');
    const shard = (what: string, sha256: string): Promise<Files> =>
      all(
        [
          anEntry(5_000, { act: 'beginLogShard', entities: [{ kind: 'AuditLogShard', sha256, what }] }),
          ...Array.from({ length: 20 }, (_none, i) => anEntry(5_001 + i)),
        ],
        {
          origin: `${ORIGIN}/2`,
        },
      );
    const folder = path.join(site.root, 'city');
    site.writeFolder(first, path.join(folder, '1'));
    site.writeFolder(await shard(`${ORIGIN}@${COUNT}`, rootHex), path.join(folder, '2'));
    expect(await site.withPolicy(folder)).toEqual({
      code: 0,
      out: soundOnly('city shard 1: sound, 600 entries (600 gone through now)', 'city shard 2: sound, 21 entries (21 gone through now)'),
      err: '',
    });
    // A shard whose time has passed: its last checkpoint is all that is left here, and the next one still has to name it.
    const retired = path.join(site.root, 'retired');
    cpSync(folder, retired, { recursive: true });
    rmSync(path.join(retired, '1', 'tile'), { recursive: true });
    expect(
      await site.run(retired, '--policy', path.join(site.root, 'policy'), '--state', path.join(site.root, 'retired.json')),
    ).toMatchObject({
      code: 0,
      out: soundOnly('retired shard 2: sound, 21 entries (21 gone through now)'),
      err: expect.stringContaining('shard 1 is not served any more'),
    });
    const bad = path.join(site.root, 'bad');
    for (const [what, hash] of [
      [`${ORIGIN}@${COUNT - 1}`, rootHex],
      [`${ORIGIN}@${COUNT}`, rootHex.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))],
    ] as const) {
      cpSync(path.join(folder, '1'), path.join(bad, '1'), { recursive: true });
      rmSync(path.join(bad, '2'), { recursive: true, force: true });
      site.writeFolder(await shard(what, hash), path.join(bad, '2'));
      const told = await site.run(
        bad,
        '--policy',
        path.join(site.root, 'policy'),
        '--state',
        path.join(site.root, `${what.length}${hash}.json`),
      );
      expect(told).toMatchObject({ code: 1, out: expect.stringMatching(/bad shard 2: NOT SOUND \(shard-broken-off\)/) });
    }
  }, 60_000);
});
