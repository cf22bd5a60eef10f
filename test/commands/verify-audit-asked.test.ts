import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseCheckpoint } from '#platform/tlog/checkpoint.ts';
import { hashLeaf, openTree, proveInclusion } from '#platform/tlog/merkle.ts';
import { parseNote } from '#platform/tlog/note.ts';
import { formatProof } from '#platform/tlog/proof.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { tilePath } from '#platform/tlog/tiles.ts';
import { anEntry, type Files, logSigner, ORIGIN, policyText } from '#test/support/published-log.ts';
import { all, COUNT, entries, setUpVerifier } from '#test/support/verify-audit.ts';
import { lockState } from '#tools/verify/state-file.ts';

const site = setUpVerifier();
const below = (prefix: string, files: Files): Files => new Map([...files].map(([name, bytes]) => [`${prefix}/${name}`, bytes]));
/** A shard that begins with the last checkpoint of the one before. */
const behind = (before: Files, n: number, key = 1): Promise<Files> => {
  const { origin, size, root } = parseCheckpoint(parseNote(before.get('checkpoint') ?? '').text);
  const entities = [{ kind: 'AuditLogShard', sha256: Buffer.from(root).toString('hex'), what: `${origin}@${size}` }];
  const first = anEntry(5_000 * n, { act: 'beginLogShard', entities });
  return all([first, anEntry(5_000 * n + 1)], { origin: `${ORIGIN}/${n}`, key });
};
const head = (files: Files): Files => new Map([...files].filter(([name]) => name === 'checkpoint'));
const serveRow = (...shards: readonly Files[]): Files =>
  new Map([...shards.flatMap((each, i) => [...below(String(i + 1), each)]), ...head(shards.at(-1) ?? new Map())]);

describe('npm run verify-audit, where it can write nothing', () => {
  it('ends with one line that names the option, with 2, and leaves nothing', async () => {
    site.served = await all();
    const isFile = path.join(site.root, 'file');
    writeFileSync(isFile, 'x');
    const before = readdirSync(site.root).sort();
    const policy = ['--policy', path.join(site.root, 'policy')];
    for (const [args, told] of [
      [
        ['--state', path.join(isFile, 'x')],
        /^--state: the state file .* cannot be written \(a file is in the place of a folder, [A-Z]+\)\.\n$/,
      ],
      [['--state', '/proc/nothing/x'], /^--state: the state file .* cannot be written \(there is no such place, ENOENT\)\.\n$/],
      [['--mirror', isFile], /^--mirror: the copy cannot be written \(a file is in the place of a folder, [A-Z]+\)\.\n$/],
      [['--mirror', '/proc/nothing'], /^--mirror: the copy cannot be written \(there is no such place, ENOENT\)\.\n$/],
    ] as const) {
      const state = args[0] === '--state' ? [] : ['--state', path.join(site.root, 'states', 's.json')];
      const asked = site.asked;
      expect(await site.run(site.url, ...policy, ...args, ...state)).toEqual({ code: 2, out: '', err: expect.stringMatching(told) });
      expect(site.asked - asked).toBeLessThan(4);
      expect(readdirSync(site.root).sort()).toEqual(before);
    }
    expect(readFileSync(isFile, 'utf8')).toBe('x');
  }, 60_000);

  it('takes no name beside a state file on a disk that is full', async () => {
    if (!existsSync('/dev/full')) return console.warn('a full disk is not tried: this system has no /dev/full');
    const before = readdirSync(site.root);
    // What is written through this link meets a full disk.
    symlinkSync('/dev/full', path.join(site.root, `s.json.lock.${process.pid}`));
    await expect(lockState(path.join(site.root, 's.json'))).rejects.toThrow(/^--state: .* \(the disk is full, ENOSPC\)\.$/);
    expect(readdirSync(site.root)).toEqual(before);
    const unlock = await lockState(path.join(site.root, 'a', 'b', 's.json'));
    expect(readdirSync(path.join(site.root, 'a', 'b'))).toEqual(['s.json.lock']);
    await unlock();
    expect(readdirSync(site.root)).toEqual(before);
  });

  it('tells a fault with 1, though neither state nor notes can be kept', async () => {
    site.served = await all();
    expect(await site.withPolicy(site.url)).toMatchObject({ code: 0 });
    site.served = await all(entries.slice(0, 400));
    site.instead = (name) => {
      // Once the state was read, a folder stands in its place, and in that of the notes.
      if (name !== '1/checkpoint') return null;
      rmSync(site.state(), { force: true, recursive: true });
      for (const name of ['state.json', 'state.evidence.json']) mkdirSync(path.join(site.root, name), { recursive: true });
      return null;
    };
    const before = readdirSync(site.root);
    const told = await site.withPolicy(site.url);
    expect(told).toMatchObject({ code: 1, out: expect.stringContaining('NOT SOUND'), err: expect.stringContaining('--state: ') });
    expect(told.err).toMatch(/^--state: the state file .* cannot be written \([^\n]*\)\.\n$/);
    expect(readdirSync(site.root).sort()).toEqual([...before, 'state.evidence.json'].sort());
  }, 30_000);

  it('ends with 2 where nobody can read what it found, and not for a reader that has seen enough', async () => {
    site.served = await all();
    const { child, ended } = site.begin([site.url, '--policy', path.join(site.root, 'policy'), '--state', site.state()]);
    child.stdout.destroy();
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });
});

describe('npm run verify-audit, asked for a log that is not there', () => {
  it('names the address, with the cities that there are, and asks for no other log', async () => {
    const { origin } = new URL(site.url);
    site.served = new Map();
    site.instead = (name) => (name === '/health/ready' ? { status: 200, body: Buffer.from('{"cities":{"MTL":{},"QUE":{}}}') } : null);
    for (const address of ['/audit/MTK', '/audit/MTL/9', '/nope']) {
      const told = await site.run(`${origin}${address}/`, '--state', site.state());
      expect(told).toEqual({
        code: 2,
        out: '',
        err: `There is no log at ${origin}${address}: it has no checkpoint. The cities of the network there are MTL, QUE.\n`,
      });
    }
    const chosen = await site.run(origin, '--city', 'MTK', '--state', site.state());
    expect(chosen).toMatchObject({ code: 2, err: expect.stringContaining(`(${origin}/audit/MTK)`) });
    expect(existsSync(site.state())).toBe(false);
  }, 30_000);

  it('says that one is gone where it was seen before', async () => {
    site.served = await all();
    expect(await site.withPolicy(site.url)).toMatchObject({ code: 0 });
    site.served = new Map();
    expect(await site.withPolicy(site.url)).toMatchObject({ code: 1, out: expect.stringContaining('city: NOT SOUND (gone)') });
  });

  it('names a shard by its city as well, in an archive too, and goes on from what it kept by its number alone', async () => {
    const one = await all();
    site.served = serveRow(one, await behind(one, 2));
    expect((await site.withPolicy(`${site.url}/1`)).out).toMatch(/^city\/1: sound, 600 entries \(600 gone/);
    const archive = site.writeFolder(one, path.join(site.root, 'archive', 'QUE', '1'));
    const state = path.join(site.root, 'archive.json');
    const policy = ['--policy', path.join(site.root, 'policy'), '--state', state];
    expect((await site.run(archive, ...policy)).out).toMatch(/^QUE\/1: sound, 600 entries \(600 gone/);
    const [, ...body] = readFileSync(state, 'utf8').replace('"QUE/1":', '"1":').split('\n');
    const { digestOf } = await import('#platform/tlog/log-state.ts');
    writeFileSync(state, [digestOf(body.join('\n')), ...body].join('\n'));
    expect((await site.run(archive, ...policy)).out).toMatch(/^QUE\/1: sound, 600 entries \(0 gone/);
  }, 30_000);
});

describe('npm run verify-audit of a shard by itself whose entries are not served', () => {
  it('says so with 2 where a later shard names its last checkpoint, and calls it a fault where none does', async () => {
    const one = await all();
    const two = await behind(one, 2);
    const three = await behind(two, 3);
    const alone = (n: number, state: string, ...more: readonly string[]) =>
      site.run(`${site.url}/${n}`, '--policy', path.join(site.root, 'policy'), '--state', path.join(site.root, state), ...more);
    for (const row of [serveRow(head(one), two), serveRow(head(one), head(two), three)]) {
      site.served = row;
      const told = await alone(1, 'retired.json');
      expect(told).toMatchObject({ code: 2, out: '' });
      expect(told.err).toMatch(/^city\/1: this shard is not served any more.*archive.*folder city\/1.*\n$/);
    }
    const other = await all([...entries.slice(0, 599), anEntry(900)]);
    for (const [what, row] of [
      ['nothing follows', serveRow(head(one))],
      ['what follows is of another past', serveRow(head(one), await behind(other, 2))],
      ['what follows is signed by somebody else', serveRow(head(one), await behind(one, 2, 9))],
      ['what follows is not served', serveRow(head(one), head(two))],
      ['some entries are gone, and others are not', new Map([...serveRow(one, two)].filter(([name]) => name !== '1/tile/entries/001'))],
    ] as const) {
      site.served = row;
      const told = await alone(1, `${what}.json`);
      expect([what, told.code, /NOT SOUND \((\S+)\)/.exec(told.out)?.[1]]).toEqual([what, 1, 'entry-missing']);
    }
    // In an archive they have to be.
    const archive = path.join(site.root, 'archive', 'QUE');
    site.writeFolder(head(one), path.join(archive, '1'));
    site.writeFolder(two, path.join(archive, '2'));
    const own = ['--policy', path.join(site.root, 'policy'), '--state', path.join(site.root, 'archive.json')];
    expect(await site.run(path.join(archive, '1'), ...own)).toMatchObject({ code: 1, out: expect.stringContaining('(entry-missing)') });
    // One that was seen before in another form was not retired, whoever follows it.
    site.served = serveRow(other, await behind(other, 2));
    expect(await alone(1, 'seen.json')).toMatchObject({ code: 0 });
    site.served = serveRow(head(one), two);
    expect(await alone(1, 'seen.json')).toMatchObject({ code: 1, out: expect.stringContaining('(fork)') });
  }, 60_000);
});

describe('npm run verify-audit with a policy', () => {
  const two = async (key = 1) => {
    const one = await all();
    return serveRow(one, await behind(one, 2, key));
  };
  it('takes one that names the newest shard for the earlier ones with its key', async () => {
    site.served = await two();
    writeFileSync(path.join(site.root, 'policy'), policyText('both', logSigner(1, `${ORIGIN}/2`).vkey));
    const copy = path.join(site.root, 'copy');
    expect(await site.withPolicy(site.url, '--mirror', copy)).toMatchObject({ code: 0, err: '' });
    const own = ['--policy', path.join(copy, 'policy'), '--state', path.join(site.root, 'copy.json')];
    expect(await site.run(copy, ...own)).toMatchObject({ code: 0, err: '' });
  }, 30_000);

  it('says with 2 that it has no key for a log, and tells of the others all the same', async () => {
    const { origin } = new URL(site.url);
    const others = await all(entries, { origin: 'city.example/other', key: 9 });
    site.served = new Map([...below('/audit/MTL', await all()), ...below('/audit/QUE', others)]);
    site.instead = (name) => (name === '/health/ready' ? { status: 200, body: Buffer.from('{"cities":{"MTL":{},"QUE":{}}}') } : null);
    const told = await site.withPolicy(origin);
    expect(told).toMatchObject({ code: 2, out: expect.stringMatching(/^MTL: sound/) });
    expect(told.out).not.toContain('QUE');
    expect(told.err).toMatch(/^QUE: the policy has no key for city\.example\/other, so nothing is said of that log\.[^\n]*\n$/);
    const key = await site.run(origin, '--key', logSigner().vkey, '--state', path.join(site.root, 'key.json'));
    expect(key).toMatchObject({ code: 2, err: expect.stringContaining('QUE: --key is not one of city.example/other') });
    expect(readFileSync(site.state(), 'utf8')).not.toContain('city.example/other');
  }, 30_000);
});

describe('npm run verify-audit --proof', () => {
  it('refuses an entry with a newline at its end, and tells that it is proven without; judges shards by what names the city', async () => {
    const list = [...entries];
    const files = await all(list, { origin: `${ORIGIN}/2` });
    const tree = openTree();
    for (const entry of list) tree.append(hashLeaf(entry));
    const read = openTileReader(COUNT, tree.root(), async (tile) => files.get(tilePath(tile)) ?? null);
    const note = parseNote(files.get('checkpoint') ?? '');
    const put = (name: string, text: string | Uint8Array): string => {
      writeFileSync(path.join(site.root, name), text);
      return path.join(site.root, name);
    };
    const proof = put('p', formatProof({ index: 77, path: await proveInclusion(77, COUNT, read), note }));
    const judge = (leaf: string, ...more: readonly string[]) =>
      site.run('--proof', proof, '--leaf', leaf, ...(more.length > 0 ? more : ['--policy', path.join(site.root, 'policy')]));
    expect(await judge(put('right', anEntry(77)))).toMatchObject({ code: 0, out: expect.stringContaining(`in ${ORIGIN}/2`) });
    const saved = put('saved', Buffer.concat([anEntry(77), Buffer.from('\n')]));
    const told = await judge(saved);
    expect(told).toMatchObject({ code: 1, err: '' });
    expect(told.out).toMatch(/^NOT PROVEN \(not-included\)\n {2}Without the newline at its end the entry of --leaf is proven\.[^\n]*\n$/);
    const json = await site.run('--proof', proof, '--leaf', saved, '--policy', path.join(site.root, 'policy'), '--json');
    expect([json.code, JSON.parse(json.out)]).toEqual([1, { isProven: false, reason: 'not-included', isNewlineTooMuch: true }]);
    for (const wrong of [Buffer.concat([anEntry(78), Buffer.from('\n')]), Buffer.concat([anEntry(77), Buffer.from('\n\n')])])
      expect(await judge(put('wrong', wrong))).toMatchObject({ code: 1, out: 'NOT PROVEN (not-included)\n' });
    expect(await judge(saved, '--key', logSigner(1, 'x.example').vkey)).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining(`--key is not one of ${ORIGIN}/2`),
    });
  }, 30_000);
});
