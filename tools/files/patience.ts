import { setTimeout as sleep } from 'node:timers/promises';

const LONGEST_MS = 5_000;

/** Waits between tries, longer each time, and gives up when nothing got further for so many milliseconds. */
export type Patience = {
  /** Tells how far it has come by now and waits; false: long enough without getting further. */
  readonly wait: (at: number) => Promise<boolean>;
};

export const makePatience = (lastsMs: number): Patience => {
  let [furthest, since, tries] = [0, performance.now(), 0];
  return {
    wait: async (at) => {
      if (at > furthest) [furthest, since, tries] = [at, performance.now(), 0];
      const left = since + lastsMs - performance.now();
      if (left <= 0) return false;
      await sleep(Math.min(LONGEST_MS, 100 * 2 ** tries++, left));
      return true;
    },
  };
};
