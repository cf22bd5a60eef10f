import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import os, { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = new URL('../../', import.meta.url);
const DEADLINE_MS = 60_000;
const GIB = 1_073_741_824;
const here = mkdtempSync(path.join(tmpdir(), 'caregraph-interrupted-'));
afterAll(() => rmSync(here, { recursive: true, force: true }));

/** Process id and start of each process below `pid`: together they name a process for good. */
const below = (pid: number): readonly string[] => {
  const parents = new Map<string, string>();
  const starts = new Map<string, string>();
  for (const each of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${each}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      if (fields[0] === 'Z') continue;
      parents.set(each, fields[1] ?? '');
      starts.set(each, fields[19] ?? '');
    } catch {
      // it ended meanwhile
    }
  }
  const isBelow = (each: string): boolean => {
    const parent = parents.get(each);
    return parent === String(pid) || (parent !== undefined && parent !== '0' && isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow).map((each) => `${each} ${starts.get(each)}`);
};
const isThere = (named: string): boolean => {
  const [pid = '', start] = named.split(' ');
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] !== 'Z' && fields[19] === start;
  } catch {
    return false;
  }
};

type State = (folder: string, children: number) => boolean;
const primariesRun: State = (folder) => globSync('caregraph-bench-*/data/cities/*/a/postmaster.pid', { cwd: folder }).length === 3;
const clustersAreMade: State = (folder) => globSync('caregraph-bench-*/data/cities/*/a', { cwd: folder }).length > 0;
const transfersRun: State = (folder) => globSync('caregraph-bench-*/data/files/primary/*', { cwd: folder }).length > 0;
/** The part of `files` that comes minutes later. */
const TRANSFERS = path.join(here, 'transfers.mjs');
writeFileSync(
  TRANSFERS,
  `import { endOnSignals } from '${new URL('bench/ending.ts', ROOT)}';
  import { measureTransfers } from '${new URL('bench/files/transfers.ts', ROOT)}';
  endOnSignals();
  await measureTransfers(() => {});`,
);

type Case = readonly [name: string, signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', when: State, args: readonly string[]];
const CASES: readonly Case[] = [
  ['booking while its databases are made', 'SIGINT', clustersAreMade, ['bench/run.ts', 'booking']],
  ['booking', 'SIGTERM', primariesRun, ['bench/run.ts', 'booking']],
  // npm ends at once, and the benchmark behind it.
  ['booking by npm', 'SIGTERM', primariesRun, ['run', '-s', 'bench', '--', 'booking']],
  ['audit', 'SIGINT', primariesRun, ['bench/run.ts', 'audit']],
  ['gateway', 'SIGTERM', (_folder, children) => children >= 2, ['bench/run.ts', 'gateway']],
  ['files: cipher', 'SIGHUP', (folder, children) => children >= 1 && readdirSync(folder).length > 0, ['bench/run.ts', 'files']],
  ['files: transfers', 'SIGTERM', transfersRun, [TRANSFERS]],
];

describe('a benchmark that a signal ends', () => {
  it.each(CASES)(
    'leaves no process and no folder: %s, %s',
    async (name, signal, when, args) => {
      if (!existsSync('/proc/self/stat')) return void console.info('left out: processes are seen in /proc, which is not here');
      if (name.includes('transfers')) {
        const { bavail, bsize } = statfsSync(here);
        if (bavail * bsize < 24 * GIB) return void console.info('left out: this benchmark needs 24 GiB of free space');
      }
      const folder = path.join(here, name.replaceAll(/\W+/g, '-'));
      mkdirSync(folder);
      const isByNpm = args[0] === 'run';
      const child = spawn(isByNpm ? 'npm' : process.execPath, [...args], {
        cwd: ROOT,
        env: { ...process.env, TMPDIR: folder, NODE_OPTIONS: '', NODE_DISABLE_COMPILE_CACHE: '1', AUDIT_ENTRIES: '1000' },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      child.stderr.on('data', (chunk) => {
        said += chunk;
      });
      const pid = child.pid ?? 0;
      const gone = once(child, 'exit', { signal: AbortSignal.timeout(2 * DEADLINE_MS) });
      // Whoever was seen below it at any time; the servers' parent may be somebody else later.
      const seen = new Set<string>();
      try {
        for (const end = Date.now() + DEADLINE_MS; !when(folder, below(pid).length); ) {
          if (child.exitCode !== null) throw new Error(`it ended by itself:\n${said}`);
          if (Date.now() > end) throw new Error(`it made nothing in time:\n${said}`);
          for (const each of below(pid)) seen.add(each);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        for (const each of below(pid)) seen.add(each);
        expect(seen.size).toBeGreaterThan(0);
        child.kill(signal);
        const watching = setInterval(() => {
          for (const each of below(pid)) seen.add(each);
        }, 20);
        await gone.finally(() => clearInterval(watching));
        // npm ends by the signal itself, or with the code of the shell that did.
        if (!isByNpm) expect([child.exitCode, said]).toEqual([128 + os.constants.signals[signal], expect.stringContaining('stopping')]);
        for (const end = Date.now() + DEADLINE_MS; isByNpm && [...seen].some(isThere) && Date.now() < end; )
          await new Promise((resolve) => setTimeout(resolve, 50));
        expect([...seen].filter(isThere)).toEqual([]);
        expect(readdirSync(folder)).toEqual([]);
      } finally {
        child.kill('SIGKILL');
        for (const each of [...seen].filter(isThere)) process.kill(Number(each.split(' ')[0]), 'SIGKILL');
      }
    },
    200_000,
  );
});
