import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '#test/support/started.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-start-refused-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['tools/start.ts', ...words], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { PATH: process.env['PATH'] ?? '', PORT: '0', DATA_DIR: path.join(folder, 'data'), ...env },
  });
  return { status, stdout, stderr };
};
// Nothing was made, whatever was asked.
afterEach(() => expect(readdirSync(folder)).toEqual([]));

describe('npm start', () => {
  it('explains itself', () => {
    expect(run(['--help'])).toEqual({ status: 0, stdout: expect.stringContaining('npm start --'), stderr: '' });
  });
  it.each([
    [['--bogus'], /^Unknown option '--bogus'\.\n\nnpm start -- /],
    [['extra'], /^Unexpected argument 'extra'\.\n\nnpm start -- /],
    [['--processes=2'], /^Option '--processes' does not take an argument\.\n\nnpm start -- /],
  ])('answers a command line that it cannot read with one line and its help: %s', (words, said) => {
    expect(run(words)).toEqual({ status: 2, stdout: '', stderr: expect.stringMatching(said) });
  });
  it('tells all wrong settings at once', () => {
    const { status, stderr } = run([], { PORT: 'abc', HOST: '0.0.0.0.0', AUDIT_SHARD_DAYS: '-1', TRUST_PROXY: 'maybe' });
    expect([status, stderr.match(/^ {2}[A-Z_]+/gm)?.sort()]).toEqual([2, ['  AUDIT_SHARD_DAYS', '  HOST', '  PORT', '  TRUST_PROXY']]);
    expect(stderr).not.toContain(' at ');
  });
  it('tells an account that no server can run as', () => {
    if (process.getuid?.() !== 0) return void console.info('left out: only root runs servers as another account');
    for (const name of ['canary-account', 'root']) {
      const { status, stderr } = run([], { PG_RUN_AS: name });
      expect([status, stderr]).toEqual([
        2,
        '\nThe configuration cannot be used:\n  PG_RUN_AS names no unprivileged account of this machine\n',
      ]);
    }
  });
  it('tells an address that is not of this machine', () => {
    // 192.0.2.0/24 is for texts alone (RFC 5737), so that no machine has it.
    expect(run([], { HOST: '192.0.2.1' })).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^\nThe config[^\n]*\n {2}HOST is no address of this machine: [^\n]*\n$/),
    });
  });
  it('tells which port is taken, and one that is free', async () => {
    const port = await freePort();
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    try {
      const { status, stderr } = run([], { PORT: String(port) });
      expect([status, stderr]).toEqual([2, expect.stringContaining(`PORT ${port} is in use by another program`)]);
      const free = Number(/PORT=(\d+) npm start/.exec(stderr)?.[1]);
      expect(free).toBeGreaterThan(port);
      expect(free).toBeLessThanOrEqual(port + 100);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
