import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-commands-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The scripts of `package.json` that are commands of our own, and the files that they run. */
const COMMANDS = Object.entries((JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }).scripts).flatMap(
  ([name, line]): [string, string][] => {
    const file = /^node ((?:tools|bench)\/\S+\.ts)$/.exec(line)?.[1];
    return file === undefined ? [] : [[name, file]];
  },
);
/** Those that take words. */
const TAKE_WORDS = ['import', 'keyring', 'files', 'bench', 'audit-log', 'verify-audit'];

const run = async (args: readonly string[], cwd = process.cwd(), env: Readonly<Record<string, string>> = {}) => {
  const made = mkdtempSync(path.join(folder, 'run-'));
  const child = spawn(process.execPath, [...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', TMPDIR: made, HOME: folder, DATA_DIR: path.join(made, 'data'), LANG: 'fr_CA.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 40_000,
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    err += text;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, out, err, made: readdirSync(made) };
};

describe('a command', () => {
  it('is one of those that a user finds in package.json', () => {
    const names = COMMANDS.map(([name]) => name);
    expect(names).toEqual(expect.arrayContaining(['start', 'bench', 'migrate', 'check:graph', 'compose']));
    expect(TAKE_WORDS.filter((name) => !names.includes(name))).toEqual([]);
  });
  it.each(COMMANDS)(
    'explains itself, and answers what it cannot read with one line and its help: %s',
    async (name, file) => {
      const [help, option, word] = await Promise.all([
        run([file, '--help']),
        run([file, '--no-such-option']),
        TAKE_WORDS.includes(name) ? null : run([file, 'extra']),
      ]);
      expect(help).toEqual({
        status: 0,
        out: expect.stringContaining(name === 'start' ? 'npm start' : `npm run ${name}`),
        err: '',
        made: [],
      });
      const misuse = (first: RegExp) => ({ status: 2, out: '', err: expect.stringMatching(first), made: [] });
      expect(option).toEqual(misuse(/^Unknown option '--no-such-option'/));
      expect(option.err).toContain(help.out.trim());
      if (word) expect(word).toEqual(misuse(/^Unexpected argument 'extra'\.\n\n/));
      for (const { err } of [option, ...(word ? [word] : [])]) expect(err).not.toMatch(/^ {4}at /m);
    },
    120_000,
  );
});

describe('a number of the environment that is none', () => {
  it.each([
    ['bench/run.ts', ['audit-verify', 'audit'], { AUDIT_ENTRIES: 'many' }, /AUDIT_ENTRIES is a whole number, 1 or more\n/],
    ['bench/run.ts', ['audit-verify'], { AUDIT_VERIFY_ENTRIES: '0' }, /AUDIT_VERIFY_ENTRIES is a whole number, 1 or more\n/],
    ['tools/files.ts', ['list'], { PORT: 'abc' }, /^PORT is a port from 1 to 65535; or name the address: --url\n/],
    ['tools/files.ts', ['list'], { PORT: '70000' }, /^PORT is a port from 1 to 65535; or name the address: --url\n/],
  ] as const)(
    'is named before anything is done: %s %j %j',
    async (file, words, env, said) => {
      const { status, out, err, made } = await run([file, ...words], process.cwd(), env);
      expect([status, out, err, made]).toEqual([2, '', expect.stringMatching(said), []]);
      expect(err).not.toMatch(/^ {4}at /m);
    },
    60_000,
  );
});

describe('node tools/install-hooks.mjs', () => {
  const clone = path.join(folder, 'clone');
  const hooks = path.join(clone, '.git', 'hooks');
  beforeAll(() => {
    mkdirSync(path.join(clone, 'tools'), { recursive: true });
    copyFileSync('tools/install-hooks.mjs', path.join(clone, 'tools', 'install-hooks.mjs'));
    expect(spawnSync('git', ['init', '-q', clone]).status).toBe(0);
  });
  // Without the reading of types it is as on a Node of its user's own, which may be Node 20.
  const install = (...words: string[]) => run(['--no-experimental-strip-types', 'tools/install-hooks.mjs', ...words], clone);
  it.each([
    [['--help'], 0, /^$/, /Puts the hooks/],
    [['--bogus'], 2, /^It takes no words and no option but --help\.\n\n/, /^$/],
    [['extra'], 2, /^It takes no words and no option but --help\.\n\n/, /^$/],
    [[], 1, /^lefthook is not there: run "npm ci" first\.\n$/, /^$/],
  ] as const)('tells what it does or lacks, and installs nothing then: %j', async (words, status, err, out) => {
    const before = readdirSync(hooks);
    expect(await install(...words)).toMatchObject({ status, out: expect.stringMatching(out), err: expect.stringMatching(err) });
    expect(readdirSync(hooks)).toEqual(before);
  });
});
