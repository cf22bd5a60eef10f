import { OverloadedError } from '#platform/database/errors.ts';

/** Runs a write in its turn. */
export type WriteTurns = <T>(city: string, act: () => Promise<T>) => Promise<T>;

/** Writes of a city that are under way at once; further ones wait here, where they hold no connection that a reading could have. */
const AT_ONCE = 5;
const MAX_WAITING = 2_000;

/** Makes turns for one process. Throws `OverloadedError` where too many wait. */
export const makeWriteTurns = (): WriteTurns => {
  const cities = new Map<string, { running: number; readonly waiting: (() => void)[] }>();
  return async (city, act) => {
    const turns = cities.get(city) ?? { running: 0, waiting: [] };
    cities.set(city, turns);
    if (turns.running >= AT_ONCE) {
      if (turns.waiting.length >= MAX_WAITING) throw new OverloadedError(city);
      await new Promise<void>((resolve) => turns.waiting.push(resolve)); // the turn is handed on, `running` stays
    } else turns.running++;
    try {
      return await act();
    } finally {
      const next = turns.waiting.shift();
      if (next) next();
      else turns.running--;
    }
  };
};
