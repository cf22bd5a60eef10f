import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { hashLeaf, openTree, proveInclusion } from '#platform/tlog/merkle.ts';
import { parseNote } from '#platform/tlog/note.ts';
import { formatProof } from '#platform/tlog/proof.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { tilePath } from '#platform/tlog/tiles.ts';
import {
  anEntry,
  type Files,
  logSigner,
  ORIGIN,
  type PublishOptions,
  policyText,
  publish,
  someEntries,
} from '#test/support/published-log.ts';

const RUN_MS = 30_000;
let root: string;
let server: Server;
let url: string;
/** What the server gives, by path; the number of requests; and what it does instead, where a test says so. */
let served: Files;
let asked = 0;
let instead:
  | ((path: string) => { readonly status: number; readonly headers?: Record<string, string>; readonly body?: Uint8Array } | null)
  | null;
beforeAll(async () => {
  server = createServer((request, response) => {
    asked++;
    const name = (request.url ?? '').replace(/^\/logs\/city\//, '');
    const other = instead?.(name);
    const bytes = served.get(name);
    if (other) response.writeHead(other.status, other.headers).end(other.body);
    else if (bytes) response.writeHead(200).end(bytes);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/logs/city`;
});
afterAll(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'caregraph-verify-'));
  writeFileSync(path.join(root, 'policy'), policyText());
  instead = null;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

type Told = { readonly code: number | null; readonly out: string; readonly err: string };
const begin = (args: readonly string[]) => {
  const env = { ...process.env, NODE_OPTIONS: '', XDG_STATE_HOME: path.join(root, 'states') };
  const child = spawn(process.execPath, ['tools/verify-audit.ts', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_MS });
  const ended = new Promise<Told>((resolve) => {
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.stderr.on('data', (text) => {
      err += text;
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });
  return { child, ended };
};
const run = (...args: readonly string[]): Promise<Told> => begin(args).ended;
const state = (): string => path.join(root, 'state.json');
const withPolicy = (where: string, ...more: readonly string[]): Promise<Told> =>
  run(where, '--policy', path.join(root, 'policy'), '--state', state(), ...more);

const COUNT = 600;
const entries = someEntries(COUNT);
const all = (of: readonly Uint8Array[] = entries, options: PublishOptions = {}): Promise<Files> => publish(of, options);
const writeFolder = (files: Files, folder = path.join(root, 'log')): string => {
  for (const [name, bytes] of files) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), bytes);
  }
  return folder;
};
const changed = (index: number): Uint8Array[] => entries.map((each, i) => (i === index ? anEntry(i, { act: 'other' }) : each));

describe('npm run verify-audit', () => {
  it('finds a folder sound, and says so in words and in JSON', async () => {
    const folder = writeFolder(await all());
    expect(await withPolicy(folder)).toEqual({
      code: 0,
      out: 'log: sound, 600 entries (600 gone through now), witnessed by w0, w1\n',
      err: '',
    });
    const json = await withPolicy(folder, '--json');
    expect(JSON.parse(json.out)).toMatchObject({
      log: 'log',
      isSound: true,
      shards: [{ shard: 1, origin: ORIGIN, size: COUNT, checked: 0, warnings: [] }],
    });
    expect(json).toMatchObject({ code: 0, err: '' });
  });

  it('goes on from what it kept, over HTTP, and fetches what is new alone', async () => {
    served = await all();
    expect(await withPolicy(url)).toMatchObject({ code: 0, err: '' });
    served = await all([...entries, anEntry(COUNT)]);
    const before = asked;
    expect(await withPolicy(url)).toEqual({
      code: 0,
      out: 'city: sound, 601 entries (89 gone through now), witnessed by w0, w1\n',
      err: '',
    });
    expect(asked - before).toBeLessThan(10);
    const full = asked;
    expect((await withPolicy(url, '--full')).out).toContain('(601 gone through now)');
    expect(asked - full).toBeGreaterThan(8);
  });

  it('believes the server at the first time, says so loudly, keeps its key, and refuses another one later', async () => {
    served = new Map([...(await all()), ['key', Buffer.from(`${logSigner().vkey}\n`)]]);
    const first = await run(url, '--state', state());
    expect(first).toMatchObject({ code: 0, out: expect.stringContaining('not witnessed') });
    expect(first.err).toContain(`TRUSTED ON FIRST USE, on the word of the server that is being checked: ${logSigner().vkey}`);
    expect((await run(url, '--state', state())).err).toBe('');
    served = new Map([...(await all(entries, { key: 9 })), ['key', Buffer.from(`${logSigner(9).vkey}\n`)]]);
    const swapped = await run(url, '--state', state());
    expect(swapped).toMatchObject({ code: 1, out: expect.stringContaining('NOT SOUND (unknown-log)') });
    expect(swapped.out).toContain('If that was announced, check the new key and give it with --policy or --key.');
    expect(await run(url, '--state', state(), '--key', logSigner(9).vkey)).toMatchObject({ code: 0 });
  });

  it('takes the policy that the server gives, with its witnesses, and tells when it gives another one', async () => {
    served = new Map([...(await all()), ['policy', Buffer.from(policyText())]]);
    expect(await run(url, '--state', state())).toMatchObject({ code: 0, out: expect.stringContaining('witnessed by w0, w1') });
    served.set('policy', Buffer.from(policyText('none')));
    expect(await run(url, '--state', state())).toMatchObject({ code: 0, err: expect.stringContaining('another policy now') });
    served = new Map([...(await all(entries, { witnesses: 1 })), ['policy', Buffer.from(policyText('none'))]]);
    expect(await run(url, '--state', state())).toMatchObject({ code: 1, out: expect.stringContaining('NOT SOUND (no-quorum)') });
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
  it.each(ATTACKS)(
    'finds it when somebody with every key %s, keeps evidence, and what it knew',
    async (_what, make, kind, first) => {
      expect(await withPolicy(writeFolder(await all(entries.slice(0, 400))))).toMatchObject({ code: 0 });
      expect(await withPolicy(writeFolder(await all()))).toMatchObject({ code: 0 });
      const before = readFileSync(state(), 'utf8');
      rmSync(path.join(root, 'log'), { recursive: true });
      const found = await withPolicy(writeFolder(await make()));
      expect(found).toMatchObject({ code: 1, err: '' });
      expect(found.out).toContain(`NOT SOUND (${kind})`);
      expect(found.out).toMatch(first);
      expect(readFileSync(state(), 'utf8')).toBe(before);
      const evidence = JSON.parse(readFileSync(path.join(root, 'state.evidence.json'), 'utf8')) as { kind: string; notes: string[] }[];
      expect(evidence).toEqual([
        expect.objectContaining({ kind, notes: [expect.stringContaining(ORIGIN), expect.stringContaining(ORIGIN)] }),
      ]);
      rmSync(path.join(root, 'log'), { recursive: true });
      expect(await withPolicy(writeFolder(await all()))).toMatchObject({ code: 0 });
    },
    60_000,
  );

  it('keeps a copy that can be verified by itself, and with it tells a rewritten past to the entry', async () => {
    served = await all();
    const copy = path.join(root, 'copy');
    expect(await withPolicy(url, '--mirror', copy)).toMatchObject({ code: 0 });
    expect(await run(copy, '--state', path.join(root, 'other.json'))).toMatchObject({
      code: 0,
      out: expect.stringContaining('witnessed by w0, w1'),
    });
    served = await all([...changed(300), anEntry(900)]);
    const found = await withPolicy(url, '--mirror', copy);
    expect(found).toMatchObject({ code: 1, out: expect.stringMatching(/\(rewritten\).*first bad entry 300$/m) });
    expect(readdirSync(copy).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(await run(copy, '--state', path.join(root, 'other.json'), '--full')).toMatchObject({ code: 0 });
    // A copy that lost its place is made whole.
    served = await all([...entries, anEntry(COUNT)]);
    rmSync(copy, { recursive: true });
    expect((await withPolicy(url, '--mirror', copy)).out).toContain('(601 gone through now)');
    expect(await run(copy, '--state', path.join(root, 'third.json'))).toMatchObject({ code: 0 });
  }, 60_000);

  it('ended in the middle leaves what was known, and lets the next run begin; two runs at once are refused', async () => {
    served = await all();
    expect(await withPolicy(url)).toMatchObject({ code: 0 });
    const before = readFileSync(state(), 'utf8');
    served = await all([...entries, ...someEntries(0), anEntry(COUNT)]);
    let reached: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      reached = resolve;
    });
    instead = (name) => {
      if (!name.startsWith('tile/entries/')) return null;
      reached();
      return { status: 503, headers: { 'retry-after': '1' } };
    };
    const { child, ended } = begin([url, '--policy', path.join(root, 'policy'), '--state', state()]);
    await held;
    const second = await withPolicy(url);
    expect(second).toMatchObject({ code: 2, err: expect.stringContaining('Another run (process') });
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 2, err: expect.stringContaining('what was known before stays') });
    expect(readFileSync(state(), 'utf8')).toBe(before);
    // One that was killed outright gave nothing back.
    writeFileSync(`${state()}.lock`, `${child.pid}\nno such process\n`);
    instead = null;
    expect(await withPolicy(url)).toMatchObject({ code: 0, out: expect.stringContaining('601 entries') });
    expect(existsSync(`${state()}.lock`)).toBe(false);
  }, 60_000);

  it('says 2, and nothing of the log, where it cannot ask: no server, redirects, answers without end, a spoilt state', async () => {
    served = await all();
    const cases: readonly (readonly [typeof instead, string])[] = [
      [() => ({ status: 302, headers: { location: 'http://198.51.100.1/' } }), 'sends elsewhere'],
      [(name) => (name === 'checkpoint' ? { status: 200, body: Buffer.alloc(1_100_000, 65) } : null), 'longer than'],
      [(name) => (name.startsWith('tile/0/') ? { status: 200, body: Buffer.alloc(9_000) } : null), 'longer than'],
      [(name) => (name.startsWith('tile/') ? { status: 403 } : null), 'answers 403'],
    ];
    for (const [answer, message] of cases) {
      instead = answer;
      const told = await withPolicy(url);
      expect([told.code, told.out, told.err]).toEqual([2, '', expect.stringContaining(message)]);
      expect(existsSync(state())).toBe(false);
    }
    instead = null;
    expect(await withPolicy(path.join(root, 'nothing'))).toMatchObject({ code: 2, err: expect.stringContaining('no such folder') });
    expect(await withPolicy(root)).toMatchObject({ code: 2, err: expect.stringContaining('holds no log') });
    await withPolicy(url);
    writeFileSync(state(), readFileSync(state(), 'utf8').replace('"size":600', '"size":601'));
    expect(await withPolicy(url)).toMatchObject({ code: 2, err: expect.stringContaining('is spoilt') });
  }, 60_000);

  it('waits while a server is busy, as long as it says', async () => {
    served = await all();
    let busy = 3;
    instead = (name) => (name.startsWith('tile/entries/') && busy-- > 0 ? { status: 429, headers: { 'retry-after': '0' } } : null);
    expect(await withPolicy(url)).toMatchObject({ code: 0 });
    expect(busy).toBeLessThan(0);
  });

  it('checks a proof without a network', async () => {
    const files = await all();
    const tree = openTree();
    for (const entry of entries) tree.append(hashLeaf(entry));
    const note = parseNote(files.get('checkpoint') ?? '');
    const read = openTileReader(COUNT, tree.root(), async (tile) => files.get(tilePath(tile)) ?? null);
    writeFileSync(path.join(root, 'p'), formatProof({ index: 77, path: await proveInclusion(77, COUNT, read), note }));
    writeFileSync(path.join(root, 'leaf'), anEntry(77));
    writeFileSync(path.join(root, 'other'), anEntry(78));
    const policy = ['--policy', path.join(root, 'policy')];
    const proof = ['--proof', path.join(root, 'p'), '--leaf', path.join(root, 'leaf')];
    expect(await run(...proof, ...policy)).toEqual({
      code: 0,
      out: `proven: entry 77 of 600 in ${ORIGIN}, witnessed by w0, w1\n`,
      err: '',
    });
    expect(await run('--proof', path.join(root, 'p'), '--leaf', path.join(root, 'other'), ...policy)).toMatchObject({
      code: 1,
      out: 'NOT PROVEN (not-included)\n',
    });
    expect(await run(...proof, '--key', logSigner(9).vkey)).toMatchObject({ code: 1, out: 'NOT PROVEN (unknown-log)\n' });
    expect(await run(...proof)).toMatchObject({ code: 2, err: expect.stringContaining('--policy or --key') });
  });

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
    const folder = path.join(root, 'city');
    writeFolder(first, path.join(folder, '1'));
    writeFolder(await shard(`${ORIGIN}@${COUNT}`, rootHex), path.join(folder, '2'));
    expect(await withPolicy(folder)).toEqual({
      code: 0,
      out: `city shard 1: sound, 600 entries (600 gone through now), witnessed by w0, w1\ncity shard 2: sound, 21 entries (21 gone through now), witnessed by w0, w1\n`,
      err: '',
    });
    // A shard whose time has passed: its last checkpoint is all that is left here, and the next one still has to name it.
    const retired = path.join(root, 'retired');
    cpSync(folder, retired, { recursive: true });
    rmSync(path.join(retired, '1', 'tile'), { recursive: true });
    expect(await run(retired, '--policy', path.join(root, 'policy'), '--state', path.join(root, 'retired.json'))).toMatchObject({
      code: 0,
      out: 'retired shard 2: sound, 21 entries (21 gone through now), witnessed by w0, w1\n',
      err: expect.stringContaining('shard 1 is not served any more'),
    });
    const bad = path.join(root, 'bad');
    for (const [what, hash] of [
      [`${ORIGIN}@${COUNT - 1}`, rootHex],
      [`${ORIGIN}@${COUNT}`, rootHex.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))],
    ] as const) {
      cpSync(path.join(folder, '1'), path.join(bad, '1'), { recursive: true });
      rmSync(path.join(bad, '2'), { recursive: true, force: true });
      writeFolder(await shard(what, hash), path.join(bad, '2'));
      const told = await run(bad, '--policy', path.join(root, 'policy'), '--state', path.join(root, `${what.length}${hash}.json`));
      expect(told).toMatchObject({ code: 1, out: expect.stringMatching(/bad shard 2: NOT SOUND \(shard-broken-off\)/) });
    }
  }, 60_000);
});

it('explains itself, and says 2 for what it does not understand', async () => {
  expect(await run('--help')).toMatchObject({ code: 0, out: expect.stringContaining('--mirror DIR') });
  for (const args of [[], ['--nothing'], ['x', '--policy', 'p', '--key', 'k'], ['--proof', 'x']])
    expect([args, (await run(...args)).code]).toEqual([args, 2]);
}, 60_000);
