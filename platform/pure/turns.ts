/** Runs an act in its turn and gives what the act gives. An act that throws rejects for its own caller and stops nobody behind it. */
export type Turns = <T>(act: () => Promise<T>) => Promise<T>;

export type TurnsOptions = {
  /** How many may wait; any number unless told. */
  readonly maxWaiting?: number;
  /** What is thrown where so many wait already; the act is not run then. */
  readonly toRefusal?: () => Error;
};

/** Up to `width` acts at once, first come first served. An act that finds room begins at once, within the call. */
export const makeTurns = (
  width: number,
  { maxWaiting = Number.POSITIVE_INFINITY, toRefusal = () => new Error('too many wait for their turn') }: TurnsOptions = {},
): Turns => {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (act) => {
    if (running >= width) {
      if (waiting.length >= maxWaiting) throw toRefusal();
      await new Promise<void>((go) => waiting.push(go)); // the turn is handed on, `running` stays
    } else running++;
    try {
      return await act();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
};

const ignore = (): void => {};

/** One act after the other, first come first served. No act begins within the call, so that what a caller does next comes before it. */
export const makeQueue = (): Turns => {
  let last: Promise<void> = Promise.resolve();
  return (act) => {
    const mine = last.then(act);
    last = mine.then(ignore, ignore);
    return mine;
  };
};

/** A queue of its own for each key. */
export type Queues = {
  /** Runs an act behind all earlier ones of its key; see `makeQueue`. */
  readonly run: <T>(key: string, act: () => Promise<T>) => Promise<T>;
  /** Resolves when all acts that were asked for before this call have ended, however they did. */
  readonly idle: () => Promise<void>;
  /** Keys with an act that is under way or waits; nothing is kept of others. */
  readonly size: () => number;
};

/** One act a key at a time, first come first served; acts of different keys do not wait for each other. */
export const makeQueues = (): Queues => {
  const lasts = new Map<string, Promise<void>>();
  return {
    run: (key, act) => {
      const mine = (lasts.get(key) ?? Promise.resolve()).then(act);
      const forget = (): void => {
        if (lasts.get(key) === last) lasts.delete(key);
      };
      const last = mine.then(forget, forget);
      lasts.set(key, last);
      return mine;
    },
    idle: async () => {
      await Promise.all(lasts.values());
    },
    size: () => lasts.size,
  };
};
