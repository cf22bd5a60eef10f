import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startTestApp, type TestApp } from '#test/support/app.ts';
import { type CuttingProxy, startCuttingProxy } from '#test/support/cutting-proxy.ts';
import { DEMO_PASSWORD } from '#test/support/graph.ts';

const TOOL = fileURLToPath(new URL('../../tools/files.ts', import.meta.url));
const CANARY = 'canary of a content 4711';
const KIB = 1024;
const MIB = 1024 * KIB;
const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-files-command-'));
let app: TestApp;
let proxy: CuttingProxy;
beforeAll(async () => {
  app = await startTestApp();
  proxy = await startCuttingProxy(app.graph.url);
}, 60_000);
afterAll(async () => {
  await proxy?.stop();
  await app?.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Run = { readonly status: number | null; readonly out: string; readonly err: string };
const DEADLINE_MS = 25_000;
type Says = { readonly as?: string; readonly env?: Record<string, string>; readonly url?: string; readonly cwd?: string };
const run = async (words: readonly string[], says: Says = {}): Promise<Run> => {
  const credentials = says.as === '' ? {} : { CAREGRAPH_TOKEN: await app.tokenOf(says.as ?? 'MTLP0001') };
  const child = spawn(process.execPath, [TOOL, ...words, ...(words.includes('--url') ? [] : ['--url', says.url ?? app.graph.url])], {
    cwd: says.cwd ?? folder,
    env: { PATH: process.env['PATH'] ?? '', LANG: 'C', ...credentials, ...says.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    err += text;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, out, err };
};
const json = <T = Record<string, unknown>>(result: Run): T => {
  expect([result.status, result.err]).toEqual([0, '']);
  return JSON.parse(result.out) as T;
};
type Kept = {
  readonly kept: {
    readonly id: string;
    readonly name: string;
    readonly version: number;
    readonly sha256: string;
    readonly contentType: string;
  }[];
};

let serial = 0;
/** A folder of its own for one test. */
const aFolder = (): string => {
  const made = path.join(folder, `${++serial}`);
  mkdirSync(made);
  return made;
};
const write = (where: string, name: string, content: string | Buffer): string => {
  const file = path.join(where, name);
  writeFileSync(file, content);
  return file;
};
/** A PDF by its beginning and end, with nothing in it that compresses or repeats. */
const aPdf = (bytes: number): Buffer => {
  const [head, tail] = [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1'), Buffer.from('\n%%EOF\n')];
  return Buffer.concat([head, randomBytes(bytes - head.length - tail.length), tail]);
};
const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('npm run files', () => {
  it('keeps a file, lists it, gives it back byte for byte, and verifies it', async () => {
    const here = aFolder();
    const content = `${CANARY}\n`;
    const file = write(here, 'Résumé du séjour.txt', content);
    const { kept } = json<Kept>(await run(['upload', file, '--priority', 'high', '--json']));
    expect(kept).toEqual([
      expect.objectContaining({
        name: 'Résumé du séjour.txt',
        version: 1,
        sha256: sha256(content),
        contentType: 'text/plain',
        sizeBytes: content.length,
      }),
    ]);
    const { id = '' } = kept[0] ?? {};
    const listed = await run(['list']);
    expect([listed.status, listed.err]).toEqual([0, '']);
    expect(listed.out.split('\n')[0]).toMatch(/^NAME +PRIORITY +VERSION +SIZE +TYPE +DATE +ID$/);
    expect(listed.out).toMatch(
      new RegExp(`^Résumé du séjour.txt +HIGH +1 +${content.length} B +text/plain +\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d +${id}$`, 'm'),
    );
    const there = aFolder();
    expect(await run(['download', id], { cwd: there })).toMatchObject({
      status: 0,
      err: '',
      out: expect.stringMatching(/^wrote {2}.*Résumé du séjour\.txt {2}version 1 {2}/),
    });
    expect(readFileSync(path.join(there, 'Résumé du séjour.txt'), 'utf8')).toBe(content);
    expect(statSync(path.join(there, 'Résumé du séjour.txt')).mode & 0o777).toBe(0o600);
    expect(await run(['verify', id])).toMatchObject({ status: 0, out: expect.stringMatching(/^intact {2}version 1 {2}/) });
    expect(await run(['verify', file, id])).toMatchObject({ status: 0, out: expect.stringMatching(/^same as version 1/) });
    expect(await run(['verify', write(here, 'other.txt', 'other'), id])).toMatchObject({
      status: 1,
      err: '',
      out: expect.stringMatching(/^differs from version 1/),
    });
  }, 60_000);

  it('keeps a name again as its next version, and gives any of them', async () => {
    const here = aFolder();
    for (const text of ['one', 'two', 'three']) json(await run(['upload', write(here, 'versions.txt', text), '--json']));
    const { files } = json<{ files: { id: string; name: string; version: number }[] }>(await run(['list', '--json']));
    const { id = '', version } = files.find(({ name }) => name === 'versions.txt') ?? {};
    expect(version).toBe(3);
    const there = aFolder();
    expect((await run(['download', id, '--version', '1'], { cwd: there })).status).toBe(0);
    expect(readFileSync(path.join(there, 'versions.txt'), 'utf8')).toBe('one');
    const taken = await run(['download', id, '--version', '2'], { cwd: there });
    expect([taken.status, taken.out, readFileSync(path.join(there, 'versions.txt'), 'utf8')]).toEqual([1, '', 'one']);
    expect(taken.err).toMatch(/is there already.*\n.*-o FILE.*--force/);
    expect((await run(['download', id, '--version', '2', '--force'], { cwd: there })).status).toBe(0);
    expect((await run(['download', id, '-o', 'third.txt'], { cwd: there })).status).toBe(0);
    expect([readFileSync(path.join(there, 'versions.txt'), 'utf8'), readFileSync(path.join(there, 'third.txt'), 'utf8')]).toEqual([
      'two',
      'three',
    ]);
    expect(await run(['download', id, '--version', '9', '-o', 'ninth.txt'], { cwd: there })).toMatchObject({
      status: 1,
      err: expect.stringMatching(/no version 9/),
    });
    expect(readdirSync(there).sort()).toEqual(['third.txt', 'versions.txt']);
  }, 60_000);

  it.each([
    ['nothing', 0, false],
    ['one byte', 1, false],
    ['one byte, in the open', 1, true],
    ['the most that the graph takes in the open', 256 * KIB, true],
    ['one byte more, in the open', 256 * KIB + 1, true],
    ['the most that the graph takes sealed', MIB, false],
    ['one byte more', MIB + 1, false],
    ['whole chunks', 2 * MIB, false],
    ['some megabytes', 5 * MIB + 4_711, false],
    ['some megabytes, in the open', 5 * MIB + 4_711, true],
  ])(
    'carries %s both ways',
    async (_what, bytes, isPlain) => {
      const here = aFolder();
      const content = bytes < 100 ? Buffer.alloc(bytes, 'x') : aPdf(bytes);
      const file = write(here, `size-${bytes}-${isPlain}.${bytes < 100 ? 'txt' : 'pdf'}`, content);
      const flags = isPlain ? ['--plain'] : [];
      const { kept } = json<Kept>(await run(['upload', file, '--json', ...flags]));
      const { id = '' } = kept[0] ?? {};
      const there = aFolder();
      json(await run(['download', id, '--json', ...flags], { cwd: there }));
      expect(sha256(readFileSync(path.join(there, path.basename(file))))).toBe(sha256(content));
      expect(readdirSync(there)).toEqual([path.basename(file)]);
    },
    60_000,
  );

  it('shows no content on its way, small or large', async () => {
    const here = aFolder();
    const small = write(here, 'canary.txt', CANARY);
    const large = write(here, 'canary.pdf', Buffer.concat([aPdf(MIB), Buffer.from(CANARY.repeat(20_000)), Buffer.from('\n%%EOF\n')]));
    const traces = [
      CANARY,
      ...[0, 1, 2].map((skip) =>
        Buffer.from(CANARY)
          .subarray(skip, skip + 18)
          .toString('base64')
          .slice(0, 20),
      ),
    ];
    const seen = (): readonly string[] => {
      const bytes = proxy.passed();
      return traces.filter((trace) => bytes.includes(trace));
    };
    for (const file of [small, large]) {
      proxy.forget();
      const { kept } = json<Kept>(await run(['upload', file, '--json'], { url: proxy.url }));
      expect([proxy.passed().length > statSync(file).size, seen()]).toEqual([true, []]);
      proxy.forget();
      json(await run(['download', kept[0]?.id ?? '', '--json', '-o', path.join(here, 'back')], { url: proxy.url }));
      expect([proxy.passed().length > statSync(file).size, seen()]).toEqual([true, []]);
      expect(sha256(readFileSync(path.join(here, 'back')))).toBe(sha256(readFileSync(file)));
      rmSync(path.join(here, 'back'));
    }
    // The trace would be found where there is one.
    proxy.forget();
    json(await run(['upload', small, '--json', '--plain'], { url: proxy.url }));
    expect(seen().length).toBeGreaterThan(0);
  }, 60_000);

  it.each([
    ['sealed', []],
    ['in the open', ['--plain']],
  ])(
    'goes on where a transfer broke off, up and down, %s',
    async (_what, flags) => {
      const here = aFolder();
      const content = aPdf(6 * MIB + 99);
      const file = write(here, 'broken.pdf', content);
      const before = proxy.cutCount();
      proxy.cuts.push({ direction: 'up', afterBytes: 2 * MIB }, { direction: 'up', afterBytes: MIB });
      const { kept } = json<Kept>(await run(['upload', file, '--json', ...flags], { url: proxy.url }));
      expect([kept[0]?.sha256, proxy.cutCount() - before]).toEqual([sha256(content), 2]);
      proxy.cuts.push({ direction: 'down', afterBytes: 3 * MIB }, { direction: 'down', afterBytes: MIB });
      proxy.forget();
      json(await run(['download', kept[0]?.id ?? '', '--json', '-o', path.join(here, 'back.pdf'), ...flags], { url: proxy.url }));
      expect([sha256(readFileSync(path.join(here, 'back.pdf'))), proxy.cutCount() - before]).toEqual([sha256(content), 4]);
      // It went on, it did not begin again: little more passed than there is.
      expect(proxy.passed().length).toBeLessThan(10 * MIB);
      expect(readdirSync(here).sort()).toEqual(['back.pdf', 'broken.pdf']);
    },
    60_000,
  );

  it.each([
    ['sealed', []],
    ['in the open', ['--plain']],
  ])(
    'goes on sending to another address where the first one has ended, %s',
    async (_what, flags) => {
      const content = aPdf(3 * MIB + 7);
      const city = await app.network.admin('MTL');
      const before = proxy.cutCount();
      proxy.cuts.push({
        direction: 'up',
        afterBytes: 2 * MIB,
        onCut: () => void city.query(`update files.upload set address_until = now() - interval '1 s' where state = 'open'`),
      });
      const file = write(aFolder(), 'moved.pdf', content);
      const { kept } = json<Kept>(await run(['upload', file, '--json', ...flags], { url: proxy.url }));
      expect([kept[0]?.sha256, proxy.cutCount() - before]).toEqual([sha256(content), 1]);
    },
    60_000,
  );

  it.each([
    ['sealed', []],
    ['in the open', ['--plain']],
  ])(
    'goes on at another address where the first one has ended, %s',
    async (_what, flags) => {
      const here = aFolder();
      const content = aPdf(3 * MIB + 5);
      const { kept } = json<Kept>(await run(['upload', write(here, 'ended.pdf', content), '--json']));
      const db = await app.network.admin('MTL');
      let ended = 0;
      const endAll = async (): Promise<void> => {
        ended += (await db.query('delete from files.download')).rowCount ?? 0;
      };
      proxy.forget();
      proxy.cuts.push({ direction: 'down', afterBytes: 2 * MIB, onCut: () => void endAll() });
      json(await run(['download', kept[0]?.id ?? '', '--json', '-o', path.join(here, 'back.pdf'), ...flags], { url: proxy.url }));
      expect(sha256(readFileSync(path.join(here, 'back.pdf')))).toBe(sha256(content));
      expect(ended).toBeGreaterThan(0);
      expect(proxy.passed().length).toBeLessThan(5 * MIB);
    },
    60_000,
  );

  it('leaves nothing where a download is interrupted', async () => {
    const here = aFolder();
    const { kept } = json<Kept>(await run(['upload', write(here, 'interrupted.pdf', aPdf(3 * MIB)), '--json']));
    const there = aFolder();
    const seen: string[] = [];
    for (let cut = 0; cut < 30; cut++)
      proxy.cuts.push({
        direction: 'down',
        afterBytes: 600 * KIB,
        onCut: () => {
          seen.push(...readdirSync(there));
          child?.kill('SIGINT');
        },
      });
    const child = spawn(process.execPath, [TOOL, 'download', kept[0]?.id ?? '', '--url', proxy.url], {
      cwd: there,
      env: { PATH: process.env['PATH'] ?? '', CAREGRAPH_TOKEN: await app.tokenOf('MTLP0001') },
      timeout: DEADLINE_MS,
    });
    const [status] = (await once(child, 'close')) as [number | null];
    proxy.cuts.length = 0;
    expect([status, readdirSync(there)]).toEqual([130, []]);
    expect(seen).toContainEqual(expect.stringMatching(/^\..*\.part$/));
  }, 60_000);

  it('leaves nothing where a download does not come to its end', async () => {
    const here = aFolder();
    const { kept } = json<Kept>(await run(['upload', write(here, 'endless.pdf', aPdf(3 * MIB)), '--json']));
    const there = aFolder();
    for (let cut = 0; cut < 30; cut++) proxy.cuts.push({ direction: 'down', afterBytes: 40 * KIB });
    const broken = await run(['download', kept[0]?.id ?? '', '--patience', '1'], { url: proxy.url, cwd: there });
    proxy.cuts.length = 0;
    expect([broken.status, broken.out, readdirSync(there)]).toEqual([1, '', []]);
    expect(broken.err).toMatch(/does not get further|Nothing answers/);
  }, 60_000);

  it('refuses what the server refuses, says what to do, and keeps the rest', async () => {
    const here = aFolder();
    const good = write(here, 'good.txt', 'good');
    const page = write(here, 'page.txt', '<!DOCTYPE html><html><script>1</script></html>');
    const strange = write(here, 'archive.zip', 'PK\u0003\u0004');
    const result = await run(['upload', page, strange, path.join(here, 'absent.txt'), here, good, '--json']);
    expect(result.status).toBe(1);
    const { kept, failed } = JSON.parse(result.out) as Kept & { failed: { file: string; code: string }[] };
    expect(kept.map(({ name }) => name)).toEqual(['good.txt']);
    expect(failed.map(({ file, code }) => [path.basename(file), code])).toEqual([
      ['page.txt', expect.stringMatching(/^TYPE_(?:MISMATCH|NOT_ALLOWED)$/)],
      ['archive.zip', 'TYPE'],
      ['absent.txt', 'FILE'],
      [path.basename(here), expect.stringMatching(/FILE$/)],
    ]);
    expect(result.err).toMatch(/--type/);
    expect(result.err).not.toMatch(/\bat \w+.*:\d+/);
  }, 60_000);

  it('names the option and the folder where a download cannot be written, and keeps nothing', async () => {
    const here = aFolder();
    const file = write(here, 'kept.txt', CANARY);
    const { kept } = json<Kept>(await run(['upload', file, '--json']));
    const { id = '' } = kept[0] ?? {};
    for (const [target, told, fault] of [
      [path.join(here, 'none', 'x'), path.join(here, 'none'), 'is not there'],
      [path.join(here, 'none/'), path.join(here, 'none'), 'is not there'],
      [path.join(file, 'x'), file, 'is no folder'],
    ] as const) {
      const result = await run(['download', id, '-o', target], { cwd: here });
      expect(result).toEqual({ status: 1, out: '', err: expect.stringMatching(/^--output: the folder .*\n {2}Name .*-o FILE\n$/) });
      expect(result.err).toContain(`the folder ${told} ${fault}.`);
    }
    const absent = await run(['verify', path.join(here, 'absent'), id]);
    expect([absent.status, absent.err]).toEqual([1, expect.stringContaining(`${path.join(here, 'absent')} is not there.`)]);
    expect(readdirSync(here)).toEqual(['kept.txt']);
  }, 60_000);

  it('shows nobody what they may not see', async () => {
    const here = aFolder();
    const { kept } = json<Kept>(await run(['upload', write(here, 'private.txt', CANARY), '--json']));
    const { id = '' } = kept[0] ?? {};
    const there = aFolder();
    for (const words of [
      ['download', id],
      ['verify', id],
      ['verify', path.join(here, 'private.txt'), id],
    ]) {
      const result = await run(words, { as: 'QUEP0001', cwd: there });
      expect([result.status, result.out]).toEqual([1, '']);
      expect(result.err).toMatch(/npm run files -- list/);
      expect(result.err).not.toMatch(/private|canary/);
    }
    const { patientId } = await app.account('MTLP0001');
    const before = json<{ files: unknown[] }>(await run(['list', '--json'])).files.length;
    for (const words of [
      ['list', '--patient', patientId ?? ''],
      ['upload', path.join(here, 'private.txt'), '--patient', patientId ?? ''],
    ])
      expect(await run(words, { as: 'QUEP0001' })).toMatchObject({ status: 1, out: '' });
    expect(json<{ files: unknown[] }>(await run(['list', '--json'])).files).toHaveLength(before);
    expect(readdirSync(there)).toEqual([]);
  }, 60_000);

  it('logs in by name and password, and speaks one language, English, whatever LANG says', async () => {
    const env = { CAREGRAPH_PASSWORD: DEMO_PASSWORD };
    expect((await run(['list', '--user', 'MTLP0002'], { as: '', env })).status).toBe(0);
    const english = await run(['list', '--user', 'MTLP0002'], { as: '', env: { CAREGRAPH_PASSWORD: 'canary-wrong', LANG: 'en_CA.UTF-8' } });
    const french = await run(['list'], {
      as: '',
      env: { CAREGRAPH_USER: 'MTLP0002', CAREGRAPH_PASSWORD: 'canary-wrong', LANG: 'fr_CA.UTF-8' },
    });
    expect([english.status, french.status, english.out + french.out]).toEqual([1, 1, '']);
    expect(french.err).toBe(english.err);
    const words = ['list', '--patient', 'MTL-pat-none'];
    const [there, here] = [await run(words, { env: { LANG: 'fr_CA.UTF-8' } }), await run(words)];
    expect([there.status, there.err, there.err]).toEqual([1, here.err, expect.stringContaining('Check --patient')]);
    expect(english.err + french.err).not.toMatch(/canary/);
    expect(await run(['list'], { as: '' })).toMatchObject({ status: 2, out: '', err: expect.stringMatching(/^Say who you are/) });
  }, 60_000);

  it('ends with 2 and its help where the command line is wrong', async () => {
    for (const words of [
      [],
      ['explode'],
      ['upload'],
      ['list', 'x'],
      ['download'],
      ['download', 'a', 'b'],
      ['download', 'a', '--version', '0'],
      ['upload', 'x', '--priority', 'URGENT'],
      ['list', '--patience', 'much'],
      ['list', '--force'],
      ['list', '--no-such'],
      ['list', '--url', 'http://graph.example.org'],
      ['list', '--url', 'nowhere'],
    ]) {
      const result = await run(words);
      expect([words, result.status, result.out]).toEqual([words, 2, '']);
      expect(result.err).toContain('npm run files -- COMMAND');
    }
  }, 30_000);
  it('shows its help', async () =>
    expect(await run(['--help'])).toMatchObject({ status: 0, err: '', out: expect.stringContaining('upload FILE…') }));
  it('says what to do where nothing answers', async () => {
    const result = await run(['list', '--url', 'http://127.0.0.1:9']);
    expect(result).toMatchObject({ status: 1, out: '', err: expect.stringMatching(/^Nothing answers at .*\n {2}Start the network/) });
  });

  const hasScript = spawnSync('script', ['--version']).status === 0;
  if (!hasScript) console.error('left out: a terminal needs the command script of util-linux, which is not here');
  (hasScript ? it : it.skip)(
    'asks for the password on a terminal without showing it, and shows bars',
    async () => {
      const here = aFolder();
      write(here, 'bars.pdf', aPdf(4 * MIB));
      const line = `${process.execPath} ${TOOL} upload bars.pdf --user MTLP0003 --url ${app.graph.url}`;
      const child = spawn('script', ['-qec', line, '/dev/null'], {
        cwd: here,
        env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm' },
        timeout: DEADLINE_MS,
      });
      let screen = '';
      let isAsked = false;
      child.stdout.on('data', (text) => {
        screen += text;
        if (isAsked || !screen.includes('Password of MTLP0003: ')) return;
        isAsked = true;
        child.stdin.write(`${DEMO_PASSWORD}\r`);
      });
      const [status] = (await once(child, 'close')) as [number | null];
      expect([status, isAsked]).toEqual([0, true]);
      expect(screen).not.toContain(DEMO_PASSWORD);
      expect(screen).toMatch(/[#.]{25} +\d+ %.*of 4\.0 MiB.*bars\.pdf/);
      expect(screen).toMatch(/kept {2}bars\.pdf {2}version 1 {2}4\.0 MiB/);
    },
    60_000,
  );
});
