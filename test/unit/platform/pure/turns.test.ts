import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { makeQueue, makeQueues, makeTurns } from '#platform/pure/turns.ts';

/** An act that a property runs: a throwing one fails once the scheduler lets it end. */
type Wanted = { readonly key: string; readonly throws: boolean };
const wanted = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), throws: fc.boolean() }), { maxLength: 12 });

/** Asks for all acts; each takes as long as the scheduler likes. Tells who began in which order, and the most at once. */
const runAll = async (
  scheduler: fc.Scheduler,
  acts: readonly Wanted[],
  run: (key: string, act: () => Promise<number>) => Promise<number>,
): Promise<{ readonly begun: number[]; readonly mostOf: Map<string, number>; readonly most: number; readonly ends: string[] }> => {
  const begun: number[] = [];
  const running = new Map<string, number>();
  const mostOf = new Map<string, number>();
  let all = 0;
  let most = 0;
  const step = (key: string, by: 1 | -1): void => {
    const now = (running.get(key) ?? 0) + by;
    running.set(key, now);
    mostOf.set(key, Math.max(mostOf.get(key) ?? 0, now));
    all += by;
    most = Math.max(most, all);
  };
  const asked = acts.map(({ key, throws }, index) =>
    run(key, async () => {
      begun.push(index);
      step(key, 1);
      await scheduler.schedule(Promise.resolve());
      step(key, -1);
      if (throws) throw new Error(`act ${index}`);
      return index;
    }),
  );
  const settled = Promise.allSettled(asked);
  await scheduler.waitFor(settled);
  const ends = (await settled).map((each) => (each.status === 'fulfilled' ? String(each.value) : (each.reason as Error).message));
  return { begun, mostOf, most, ends };
};
const endsOf = (acts: readonly Wanted[]): string[] => acts.map(({ throws }, index) => (throws ? `act ${index}` : String(index)));
const indexesOf = (acts: readonly Wanted[], key: string): number[] => acts.flatMap((act, index) => (act.key === key ? [index] : []));

describe('makeQueue', () => {
  it('runs one act after the other in the order they came, and gives each caller the end of its own act', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), wanted, async (scheduler, acts) => {
        const inTurn = makeQueue();
        const { begun, most, ends } = await runAll(scheduler, acts, (_key, act) => inTurn(act));
        expect(begun).toEqual(acts.map((_act, index) => index));
        expect(most).toBeLessThanOrEqual(1);
        expect(ends).toEqual(endsOf(acts));
      }),
    ));

  it('begins no act within the call', async () => {
    const told: string[] = [];
    const asked = makeQueue()(async () => void told.push('act'));
    told.push('caller');
    await asked;
    expect(told).toEqual(['caller', 'act']);
  });

  it('goes on behind an act that throws before it gives a promise', async () => {
    const inTurn = makeQueue();
    const broken = inTurn(() => {
      throw new Error('at once');
    });
    const next = inTurn(async () => 'next');
    await expect(broken).rejects.toThrow('at once');
    await expect(next).resolves.toBe('next');
  });
});

describe('makeQueues', () => {
  it('runs one act of a key at a time in the order they came, and keeps nothing when all have ended', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), wanted, async (scheduler, acts) => {
        const queues = makeQueues();
        const { begun, mostOf, ends } = await runAll(scheduler, acts, queues.run);
        for (const [key, most] of mostOf) {
          expect(most).toBe(1);
          expect(begun.filter((index) => acts[index]?.key === key)).toEqual(indexesOf(acts, key));
        }
        expect(ends).toEqual(endsOf(acts));
        expect(queues.size()).toBe(0);
      }),
    ));

  it('does not let one key wait for another', async () => {
    const queues = makeQueues();
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const first = queues.run('a', () => held);
    await expect(queues.run('b', async () => 'b')).resolves.toBe('b');
    expect(queues.size()).toBe(1);
    letGo();
    await first;
    expect(queues.size()).toBe(0);
  });

  it('has forgotten a key when the last caller hears of the end, also of a bad one', async () => {
    const queues = makeQueues();
    const fails = queues.run('a', async () => {
      throw new Error('bad end');
    });
    const sizeAtEnd = await fails.catch(() => queues.size());
    expect(sizeAtEnd).toBe(0);
  });

  it('lets a latecomer wait for one that waits itself, though the first has ended', async () => {
    const queues = makeQueues();
    const told: string[] = [];
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const first = queues.run('a', async () => {});
    const second = queues.run('a', async () => {
      await held;
      told.push('second');
    });
    await first;
    const third = queues.run('a', async () => void told.push('third'));
    await queues.run('b', async () => {});
    letGo();
    await Promise.all([second, third]);
    expect(told).toEqual(['second', 'third']);
  });

  it('runs an act that another one of its key asks for behind that one', async () => {
    const queues = makeQueues();
    const told: string[] = [];
    let inner: Promise<void> = Promise.resolve();
    await queues.run('a', async () => {
      inner = queues.run('a', async () => void told.push('inner'));
      await Promise.resolve();
      told.push('outer');
    });
    await inner;
    expect(told).toEqual(['outer', 'inner']);
    expect(queues.size()).toBe(0);
  });

  it('is idle when what was asked for has ended, and does not throw what an act threw', async () => {
    const queues = makeQueues();
    const ended: string[] = [];
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const bad = queues.run('a', async () => {
      await held;
      ended.push('a');
      throw new Error('bad end');
    });
    bad.catch(() => {});
    const good = queues.run('b', async () => void ended.push('b'));
    let isIdle = false;
    const idle = queues.idle().then(() => {
      isIdle = true;
    });
    await good;
    expect(isIdle).toBe(false);
    letGo();
    await idle;
    expect(ended).toEqual(['b', 'a']);
    await expect(makeQueues().idle()).resolves.toBeUndefined();
  });
});

describe('makeTurns', () => {
  it('runs no more than its width at once, in the order they came, and as many as it may', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), wanted, fc.integer({ min: 1, max: 4 }), async (scheduler, acts, width) => {
        const inTurn = makeTurns(width);
        const { begun, most, ends } = await runAll(scheduler, acts, (_key, act) => inTurn(act));
        expect(begun).toEqual(acts.map((_act, index) => index));
        expect(most).toBe(Math.min(width, acts.length));
        expect(ends).toEqual(endsOf(acts));
      }),
    ));

  it('begins an act that finds room within the call', () => {
    let hasBegun = false;
    void makeTurns(1)(async () => {
      hasBegun = true;
    });
    expect(hasBegun).toBe(true);
  });

  it('refuses whoever comes when as many wait as may, runs nothing of theirs, and takes others later', async () => {
    const inTurn = makeTurns(1, { maxWaiting: 1, toRefusal: () => new RangeError('full') });
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const ran: string[] = [];
    const running = inTurn(() => held);
    const waiting = inTurn(async () => void ran.push('waiting'));
    await expect(inTurn(async () => void ran.push('refused'))).rejects.toThrow(new RangeError('full'));
    letGo();
    await Promise.all([running, waiting]);
    await inTurn(async () => void ran.push('later'));
    expect(ran).toEqual(['waiting', 'later']);
  });
});
