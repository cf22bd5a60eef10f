import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { hashLeaf, openTree, proveInclusion } from '#platform/tlog/merkle.ts';
import { parseNote } from '#platform/tlog/note.ts';
import { formatProof } from '#platform/tlog/proof.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { tilePath } from '#platform/tlog/tiles.ts';
import { anEntry, logSigner, ORIGIN } from '#test/support/published-log.ts';
import { all, COUNT, changed, entries, setUpVerifier } from '#test/support/verify-audit.ts';

const site = setUpVerifier();

describe('npm run verify-audit, whatever answers it', () => {
  it('says 2, and nothing of the log, where it cannot ask: no server, redirects, answers without end, a spoilt state', async () => {
    site.served = await all();
    const cases: readonly (readonly [typeof site.instead, string])[] = [
      [() => ({ status: 302, headers: { location: 'http://198.51.100.1/' } }), 'sends elsewhere'],
      [(name) => (name === 'checkpoint' ? { status: 200, body: Buffer.alloc(1_100_000, 65) } : null), 'longer than'],
      [(name) => (name.startsWith('tile/0/') ? { status: 200, body: Buffer.alloc(9_000) } : null), 'longer than'],
      [(name) => (name.startsWith('tile/') ? { status: 403 } : null), 'answers 403'],
    ];
    for (const [answer, message] of cases) {
      site.instead = answer;
      const told = await site.withPolicy(site.url);
      expect([told.code, told.out, told.err]).toEqual([2, '', expect.stringContaining(message)]);
      expect(existsSync(site.state())).toBe(false);
    }
    site.instead = null;
    expect(await site.withPolicy(path.join(site.root, 'nothing'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('no such folder'),
    });
    expect(await site.withPolicy(site.root)).toMatchObject({ code: 2, err: expect.stringContaining('holds no log') });
    await site.withPolicy(site.url);
    writeFileSync(site.state(), readFileSync(site.state(), 'utf8').replace('"size":600', '"size":601'));
    expect(await site.withPolicy(site.url)).toMatchObject({ code: 2, err: expect.stringContaining('is spoilt') });
  }, 60_000);

  it('waits while a server is busy, as long as it says', async () => {
    site.served = await all();
    let busy = 3;
    site.instead = (name) => (name.startsWith('tile/entries/') && busy-- > 0 ? { status: 429, headers: { 'retry-after': '0' } } : null);
    expect(await site.withPolicy(site.url)).toMatchObject({ code: 0 });
    expect(busy).toBeLessThan(0);
  });

  it('checks a proof without a network', async () => {
    const files = await all();
    const tree = openTree();
    for (const entry of entries) tree.append(hashLeaf(entry));
    const note = parseNote(files.get('checkpoint') ?? '');
    const read = openTileReader(COUNT, tree.root(), async (tile) => files.get(tilePath(tile)) ?? null);
    writeFileSync(path.join(site.root, 'p'), formatProof({ index: 77, path: await proveInclusion(77, COUNT, read), note }));
    writeFileSync(path.join(site.root, 'leaf'), anEntry(77));
    writeFileSync(path.join(site.root, 'other'), anEntry(78));
    const policy = ['--policy', path.join(site.root, 'policy')];
    const proof = ['--proof', path.join(site.root, 'p'), '--leaf', path.join(site.root, 'leaf')];
    expect(await site.run(...proof, ...policy)).toEqual({
      code: 0,
      out: `proven: entry 77 of 600 in ${ORIGIN}, witnessed by w0, w1\n`,
      err: '',
    });
    expect(await site.run('--proof', path.join(site.root, 'p'), '--leaf', path.join(site.root, 'other'), ...policy)).toMatchObject({
      code: 1,
      out: 'NOT PROVEN (not-included)\n',
    });
    expect(await site.run(...proof, '--key', logSigner(9).vkey)).toMatchObject({ code: 1, out: 'NOT PROVEN (unknown-log)\n' });
    expect(await site.run(...proof)).toMatchObject({ code: 2, err: expect.stringContaining('--policy or --key') });
  });

  it('shows nothing that a terminal obeys, whatever the log calls itself', async () => {
    const origin = `city.example/\u009b2J\u202elog`;
    site.served = new Map([...(await all(entries, { origin })), ['key', Buffer.from(`${logSigner(1, origin).vkey}\n`)]]);
    const folder = site.writeFolder(site.served, path.join(site.root, 'logs', '\u001b]0;x\u0007'));
    const words = await site.run(path.dirname(folder), '--state', site.state());
    expect(words).toMatchObject({ code: 0, out: expect.stringContaining('sound, 600 entries') });
    expect(words.err).toContain('city.example/\ufffd2J\ufffdlog+');
    const json = await site.run(path.dirname(folder), '--state', path.join(site.root, 'second.json'), '--json');
    expect(JSON.parse(json.out)).toMatchObject({ isSound: true, shards: [{ origin }] });
    for (const text of [words.out, words.err, json.out, json.err]) expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('takes no list of cities that never ends, packed or not', async () => {
    const { origin } = new URL(site.url);
    const body = Buffer.from(`{"cities":{"MTL":{}},"pad":"${'x'.repeat(3_000_000)}"}`);
    for (const answer of [
      { status: 200, body },
      { status: 200, body: gzipSync(body), headers: { 'content-encoding': 'gzip' } },
    ]) {
      site.instead = (name) => (name === '/health/ready' ? answer : null);
      site.served = new Map();
      expect(await site.run(origin, '--state', site.state())).toMatchObject({ code: 2, err: expect.stringContaining('tells no cities') });
    }
  });

  it('tells a smaller log that is another one at once, though the next answer may be the right one', async () => {
    site.served = await all();
    expect(await site.withPolicy(site.url)).toMatchObject({ code: 0 });
    site.served = await all(changed(100).slice(0, 500));
    const right = await all();
    let heads = 0;
    site.instead = (name) => (name === 'checkpoint' && ++heads > 3 ? { status: 200, body: right.get(name) ?? new Uint8Array() } : null);
    expect(await site.withPolicy(site.url)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/NOT SOUND \(truncated\).*first bad entry 0 or one/),
    });
    expect(readFileSync(path.join(site.root, 'state.evidence.json'), 'utf8')).toContain('truncated');
  });
});

it('explains itself, and says 2 for what it does not understand', async () => {
  expect(await site.run('--help')).toMatchObject({ code: 0, out: expect.stringContaining('--mirror DIR') });
  for (const args of [[], ['--nothing'], ['x', '--policy', 'p', '--key', 'k'], ['--proof', 'x']])
    expect([args, (await site.run(...args)).code]).toEqual([args, 2]);
}, 60_000);
