import { setTimeout as pause } from 'node:timers/promises';
import { makeGate } from '#platform/blobs/gate.ts';

const never = (): Error => new Error('unavailable');
const deferred = <T>() => Promise.withResolvers<T>();

describe('makeGate', () => {
  it('lets so many calls run at once and the others after them, in order', async () => {
    const gate = makeGate(2, 1_000, never);
    const held = [deferred<number>(), deferred<number>(), deferred<number>()];
    const begun: number[] = [];
    const calls = held.map(({ promise }, index) =>
      gate.run(() => {
        begun.push(index);
        return promise;
      }),
    );
    await pause(5);
    expect(begun).toEqual([0, 1]);
    held[1]?.resolve(1);
    expect(await calls[1]).toBe(1);
    expect(begun).toEqual([0, 1, 2]);
    held[0]?.resolve(0);
    held[2]?.resolve(2);
    expect(await Promise.all(calls)).toEqual([0, 1, 2]);
  });

  it('turns everybody away while a call is overdue, undoes it when it comes back, and goes on', async () => {
    const gate = makeGate(1, 30, never);
    const hung = deferred<string>();
    const undone: string[] = [];
    const first = gate.run(() => hung.promise, { late: (value) => undone.push(value) });
    let ran = false;
    const waiting = gate.run(async () => {
      ran = true;
    });
    await expect(first).rejects.toThrow('unavailable');
    await expect(waiting).rejects.toThrow('unavailable');
    const started = performance.now();
    await expect(gate.run(async () => 1)).rejects.toThrow('unavailable');
    expect(performance.now() - started).toBeLessThan(20);
    expect([gate.overdue(), ran, undone]).toEqual([1, false, []]);
    hung.resolve('handle');
    await pause(5);
    expect([gate.overdue(), undone]).toEqual([0, ['handle']]);
    expect(await gate.run(async () => 2)).toBe(2);
  });

  it('gives a flush longer, and waiting for a turn no deadline', async () => {
    const gate = makeGate(1, 40, never);
    const slow = gate.run(() => pause(100, 'slow'), { factor: 5 });
    const after = gate.run(async () => 'after');
    expect(await Promise.all([slow, after])).toEqual(['slow', 'after']);
  });

  it('passes errors on and keeps its places', async () => {
    const gate = makeGate(1, 1_000, never);
    for (let call = 0; call < 3; call++) await expect(gate.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await gate.run(async () => 'yes')).toBe('yes');
  });
});
