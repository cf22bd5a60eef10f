import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { takeLock } from '#embedded/lock.ts';

const DEADLINE_MS = 90_000;
/** Where the drills make their own folders. */
let temporary: string;
const children = new Set<ChildProcess>();
beforeAll(() => {
  temporary = mkdtempSync(path.join(tmpdir(), 'caregraph-interrupted-'));
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const pid of serversIn(temporary)) process.kill(pid, 'SIGKILL');
  rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
});

/** Processes that work below a folder. */
const serversIn = (folder: string): number[] =>
  readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return readlinkSync(`/proc/${name}/cwd`).startsWith(`${folder}/`) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });

const begin = (args: readonly string[]) => {
  const child = spawn(process.execPath, ['tools/audit-log.ts', 'drill', ...args], {
    cwd: new URL('../../', import.meta.url),
    env: { ...process.env, NODE_OPTIONS: '', TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  let said = '';
  child.stdout.on('data', (piece) => {
    said += String(piece);
  });
  child.stderr.on('data', (piece) => {
    said += String(piece);
  });
  const ended = once(child, 'close').then(([code, signal]) => {
    children.delete(child);
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  const until = async (what: RegExp): Promise<void> => {
    for (const end = Date.now() + DEADLINE_MS; !what.test(said); ) {
      if (Date.now() > end || child.exitCode !== null) throw new Error(`the drill did not come to ${what}: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return { child, ended, until, said: () => said };
};

describe('a drill that is interrupted', () => {
  it.each([
    ['SIGINT', 130, 'while its servers start', /making the database/],
    ['SIGTERM', 143, 'as soon as there is a network', /three cities are there/],
    ['SIGHUP', 129, 'in the middle of its drills', /found +change/],
    ['SIGINT', 130, 'in the middle of its drills', /found +change/],
  ] as const)(
    'by %s ends with %i and leaves neither folder nor server: %s',
    async (signal, code, _when, reached) => {
      const { child, ended, until } = begin(['change', 'delete']);
      await until(reached);
      child.kill(signal);
      // A second one, from a hasty hand, changes nothing.
      child.kill(signal);
      expect(await ended).toEqual({ code, signal: null });
      expect({ left: readdirSync(temporary), servers: serversIn(temporary) }).toEqual({ left: [], servers: [] });
    },
    120_000,
  );

  it('by SIGKILL is cleaned up after by the next one, which leaves alone what is or may be anything else', async () => {
    const { child, ended, until } = begin(['change', 'delete']);
    await until(/three cities are there/);
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    const [left = ''] = readdirSync(temporary);
    expect(serversIn(path.join(temporary, left)).length).toBeGreaterThan(0);
    const others = ['unmarked', 'alive', 'of-a-stale-network'].map((name) => path.join(temporary, `caregraph-drill-${name}`));
    for (const folder of others) mkdirSync(folder);
    const [, alive = '', stale = ''] = others;
    const release = await takeLock(alive);
    mkdirSync(path.join(stale, 'data'));
    writeFileSync(path.join(stale, 'data', 'lock'), '1\nno such mark\n');
    const elsewhere = path.join(temporary, 'somebody-elses');
    mkdirSync(elsewhere);
    writeFileSync(path.join(elsewhere, 'lock'), '1\nno such mark\n');
    try {
      const next = begin(['clock-back']);
      expect((await next.ended).code).toBe(0);
      expect(next.said()).toContain('removed what 2 drills left that were killed');
      expect(readdirSync(temporary).sort()).toEqual(['caregraph-drill-alive', 'caregraph-drill-unmarked', 'somebody-elses']);
      expect([existsSync(stale), serversIn(temporary)]).toEqual([false, []]);
    } finally {
      await release();
      for (const folder of [...others, elsewhere]) rmSync(folder, { recursive: true, force: true });
    }
  }, 180_000);
});
