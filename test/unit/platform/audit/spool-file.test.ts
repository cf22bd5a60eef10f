import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { holdFile } from '#platform/audit/hold-file.ts';
import {
  openSpoolFile,
  SpoolFailedError,
  type SpoolFile,
  type SpoolFileOptions,
  SpoolFullError,
  type SpoolRow,
  toRecord,
} from '#platform/audit/spool-file.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-spool-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let serial = 0;
const fresh = (): string => path.join(folder, `${serial++}.spool`);
const open = async (name: string, over: Partial<SpoolFileOptions> = {}): Promise<SpoolFile> => {
  const file = await openSpoolFile(name, { kind: 'rows of a test', maxBytes: 1_000_000, timeAt: 1, ...over });
  if (!file) throw new Error('of another kind');
  return file;
};
const row = (n: number): SpoolRow => [`MTL-evt-${n}`, new Date(1_800_000_000_000 + n), 'patient', 0, null, Buffer.from(`leaf ${n}`)];
const drainAll = async (file: SpoolFile): Promise<SpoolRow[]> => {
  const rows: SpoolRow[] = [];
  await file.drain(async (some) => void rows.push(...some));
  return rows;
};
/** What a file holds for whoever opens it next. */
const drainFrom = async (name: string): Promise<SpoolRow[]> => {
  const file = await open(name);
  return drainAll(file).finally(() => file.close());
};
/** Rows as they compare: bytes as base 64. */
const told = (rows: readonly SpoolRow[]): unknown[] =>
  rows.map((values) => values.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value)));

const anyRow = fc.tuple(
  fc.string({ maxLength: 40 }),
  fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }),
  fc.integer({ min: 0, max: 12 }),
  fc.option(fc.uint8Array({ maxLength: 300 })),
);

describe('a spool file', () => {
  it('gives back what was kept, in order, and is empty then', async () => {
    const name = fresh();
    const file = await open(name);
    await file.append([row(1), row(2)]);
    await file.append([row(3)]);
    expect(file.state()).toMatchObject({ entries: 3, oldestAt: row(1)[1] });
    expect(told(await drainAll(file))).toEqual(told([row(1), row(2), row(3)]));
    expect(file.state()).toEqual({ entries: 0, bytes: 0, oldestAt: null, failed: false });
    expect(await drainAll(file)).toEqual([]);
    expect(statSync(name).mode & 0o777).toBe(0o600);
    await file.close();
  });

  it('after a crash at any point holds all that was acknowledged, and nothing that was not written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(anyRow, { minLength: 1, maxLength: 4 }), { maxLength: 5 }),
        fc.array(anyRow, { maxLength: 4 }),
        fc.nat(),
        fc.oneof(
          fc.constant(new Uint8Array()),
          fc.uint8Array({ maxLength: 60 }),
          fc.nat({ max: 5_000 }).map((n) => new Uint8Array(n)),
        ),
        async (kept, cut, at, garbage) => {
          const name = fresh();
          const file = await open(name);
          for (const rows of kept) await file.append(rows);
          await file.close();
          // A write that nobody was told of got this far, and what the disk made of the rest follows.
          const unfinished = Buffer.concat(cut.map(toRecord));
          const reached = unfinished.subarray(0, unfinished.length === 0 ? 0 : at % (unfinished.length + 1));
          writeFileSync(name, Buffer.concat([readFileSync(name), reached, garbage]));
          const again = await open(name);
          const found = told(await drainAll(again));
          await again.close();
          const all = told([...kept.flat(), ...cut]);
          expect(found).toEqual(all.slice(0, found.length));
          expect(found.length).toBeGreaterThanOrEqual(kept.flat().length);
          rmSync(name);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('whose first line was torn begins anew', async () => {
    const name = fresh();
    await (await open(name)).close();
    truncateSync(name, 5);
    const file = await open(name);
    await file.append([row(1)]);
    await file.close();
    expect(told(await drainFrom(name))).toEqual(told([row(1)]));
  });

  it('of another kind is left as it is', async () => {
    const name = fresh();
    const file = await open(name);
    await file.append([row(1)]);
    await file.close();
    const before = readFileSync(name);
    expect(await openSpoolFile(name, { kind: 'rows of another release', maxBytes: 1_000_000, timeAt: 1 })).toBeNull();
    expect(readFileSync(name)).toEqual(before);
  });

  it('writes what comes together with one flush to the disk', async () => {
    let syncs = 0;
    const file = await open(fresh(), { fault: (step) => void (step === 'sync' && syncs++) });
    await Promise.all(Array.from({ length: 100 }, (_, n) => file.append([row(n)])));
    expect(syncs).toBeLessThan(20);
    expect(told(await drainAll(file))).toEqual(told(Array.from({ length: 100 }, (_, n) => row(n))));
    await file.close();
  });

  it('answers no append before it is on the disk', async () => {
    const steps: string[] = [];
    const file = await open(fresh(), { fault: (step) => void steps.push(step) });
    await file.append([row(1)]);
    steps.push('answered');
    expect(steps).toEqual(['write', 'sync', 'answered']);
    await file.close();
  });

  it('takes nothing more than it may, and again once it was drained', async () => {
    const name = fresh();
    const file = await open(name, { maxBytes: 400 });
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => file.append([row(n)])));
    const kept = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(20);
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(SpoolFullError);
    expect(statSync(name).size).toBeLessThanOrEqual(400);
    expect(told(await drainAll(file))).toEqual(told(kept.map(row)));
    await file.append([row(99)]);
    expect(told(await drainAll(file))).toEqual(told([row(99)]));
    await file.close();
  });

  it('takes nothing more than it may while others are on their way to the disk', async () => {
    const name = fresh();
    let sync = Promise.withResolvers<void>();
    const file = await open(name, { maxBytes: 400, fault: (step) => (step === 'sync' ? sync.promise : undefined) });
    const first = file.append([row(1), row(2)]);
    await new Promise((resolve) => setImmediate(resolve));
    const later = Array.from({ length: 10 }, (_, n) => file.append([row(10 + n)]));
    sync.resolve();
    sync = Promise.withResolvers<void>();
    sync.resolve();
    await first;
    const outcomes = await Promise.allSettled(later);
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
    expect(statSync(name).size).toBeLessThanOrEqual(400);
    await file.close();
  });

  it.each(['write', 'sync'] as const)('keeps nothing of an append whose %s failed, and all before and after it', async (failing) => {
    let isFull = false;
    const fault = (step: string): void => {
      if (isFull && step === failing) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    const name = fresh();
    const file = await open(name, { fault });
    await file.append([row(1)]);
    isFull = true;
    await expect(file.append([row(2)])).rejects.toBeInstanceOf(SpoolFailedError);
    isFull = false;
    await file.append([row(3)]);
    await file.close();
    expect(told(await drainFrom(name))).toEqual(told([row(1), row(3)]));
  });

  it('takes nothing more once its end is not known', async () => {
    let isBroken = false;
    const fault = (step: string): void => {
      if (isBroken && step !== 'write') throw new Error('input/output error');
    };
    const name = fresh();
    const file = await open(name, { fault });
    await file.append([row(1)]);
    isBroken = true;
    await expect(file.append([row(2)])).rejects.toBeInstanceOf(SpoolFailedError);
    isBroken = false;
    await expect(file.append([row(3)])).rejects.toBeInstanceOf(SpoolFailedError);
    expect(file.state()).toMatchObject({ entries: 1, failed: true });
    await file.close();
    expect(told(await drainFrom(name)).slice(0, 1)).toEqual(told([row(1)]));
  });

  it('takes again once what stood was drained and the disk is well', async () => {
    let isBroken = false;
    const fault = (step: string): void => {
      if (isBroken && step !== 'write') throw new Error('input/output error');
    };
    const name = fresh();
    const file = await open(name, { fault });
    await file.append([row(1)]);
    isBroken = true;
    await expect(file.append([row(2)])).rejects.toBeInstanceOf(SpoolFailedError);
    await expect(drainAll(file)).rejects.toThrow('input/output error');
    expect(file.state()).toMatchObject({ entries: 1, failed: true });
    isBroken = false;
    await drainAll(file);
    expect(file.state()).toEqual({ entries: 0, bytes: 0, oldestAt: null, failed: false });
    await file.append([row(3)]);
    await file.close();
    expect(told(await drainFrom(name))).toEqual(told([row(3)]));
  });

  it('gives the same again when taking failed, or the process ended before it forgot', async () => {
    const name = fresh();
    const file = await open(name);
    await file.append([row(1), row(2)]);
    await expect(file.drain(() => Promise.reject(new Error('the city is gone')))).rejects.toThrow('the city is gone');
    await file.append([row(3)]);
    const before = readFileSync(name);
    expect(told(await drainAll(file))).toEqual(told([row(1), row(2), row(3)]));
    await file.close();
    // As a process leaves it that ended between the last taking and the forgetting.
    writeFileSync(name, before);
    expect(told(await drainFrom(name))).toEqual(told([row(1), row(2), row(3)]));
  });

  it('gives what comes while it is drained as well, and forgets nothing of it', async () => {
    const file = await open(fresh());
    await file.append([row(0)]);
    const rows: SpoolRow[] = [];
    await file.drain(async (some) => {
      rows.push(...some);
      if (rows.length < 50) await file.append([row(rows.length)]);
    });
    rows.push(...(await drainAll(file)));
    expect(told(rows)).toEqual(told(Array.from({ length: 50 }, (_, n) => row(n))));
    await file.close();
  });

  it('reads records longer than what it reads at once', async () => {
    const name = fresh();
    const long: SpoolRow = ['MTL-evt-long', new Date(0), Buffer.alloc(3_000_000, 7)];
    const file = await open(name, { maxBytes: 20_000_000 });
    await file.append([row(1), long, row(2)]);
    await file.close();
    const again = await open(name, { maxBytes: 20_000_000 });
    expect(again.state().entries).toBe(3);
    expect(told(await drainAll(again))).toEqual(told([row(1), long, row(2)]));
    await again.close();
  });
});

describe('a held file', () => {
  it('is held by one, and free once it was let go', async () => {
    const name = fresh();
    const letGo = await holdFile(name);
    expect(letGo).not.toBeNull();
    expect(await holdFile(name)).toBeNull();
    await letGo?.();
    const again = await holdFile(name);
    expect(again).not.toBeNull();
    await again?.();
  });
  it('is not held by a process that was killed, and is by one that lives', async () => {
    const name = fresh();
    const script = `const { holdFile } = await import(${JSON.stringify(new URL('../../../../platform/audit/hold-file.ts', import.meta.url).href)});
      console.log((await holdFile(${JSON.stringify(name)})) ? 'held' : 'refused'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      expect(String(line).trim()).toBe('held');
      expect(await holdFile(name)).toBeNull();
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const letGo = await holdFile(name);
    expect(letGo).not.toBeNull();
    await letGo?.();
  });
});
