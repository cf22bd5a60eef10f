import { OverloadedError } from '#platform/database/errors.ts';
import { makeTurns, type Turns } from '#platform/pure/turns.ts';

/** Runs a write in its turn. */
export type WriteTurns = <T>(city: string, act: () => Promise<T>) => Promise<T>;

/** Writes of a city that are under way at once; further ones wait here, where they hold no connection that a reading could have. */
const AT_ONCE = 5;
const MAX_WAITING = 2_000;

/** Makes turns for one process. Throws `OverloadedError` where too many wait. */
export const makeWriteTurns = (): WriteTurns => {
  const cities = new Map<string, Turns>();
  return (city, act) => {
    const inTurn = cities.get(city) ?? makeTurns(AT_ONCE, { maxWaiting: MAX_WAITING, toRefusal: () => new OverloadedError(city) });
    cities.set(city, inTurn);
    return inTurn(act);
  };
};
