import type { FormattedExecutionResult } from 'graphql';

/**
 * Events between a feed that runs and a client that reads: bounded, in order, one reader. The reader sees what was there before `end`,
 * then `last` if one was given, then the end.
 */
export type ClientQueue = AsyncGenerator<FormattedExecutionResult, void, void> & {
  /** False when the queue is full or ended; nothing was put in. */
  readonly push: (result: FormattedExecutionResult) => boolean;
  readonly end: (last?: FormattedExecutionResult) => void;
  /** Ends without what still waits. */
  readonly abandon: (last?: FormattedExecutionResult) => void;
};

/** `onLeave` is called once, when the reader goes or the queue ends. */
export const makeClientQueue = (capacity: number, onLeave: () => void): ClientQueue => {
  const waiting: FormattedExecutionResult[] = [];
  const readers: ((step: IteratorResult<FormattedExecutionResult, void>) => void)[] = [];
  let ended = false;
  const leave = (): void => {
    if (ended) return;
    ended = true;
    onLeave();
  };
  const give = (result: FormattedExecutionResult): void => {
    const reader = readers.shift();
    if (reader) reader({ done: false, value: result });
    else waiting.push(result);
  };
  const end = (last?: FormattedExecutionResult): void => {
    if (ended) return;
    if (last) give(last);
    leave();
    for (const reader of readers.splice(0)) reader({ done: true, value: undefined });
  };
  const drop = async (): Promise<IteratorResult<FormattedExecutionResult, void>> => {
    waiting.length = 0;
    end();
    return { done: true, value: undefined };
  };
  const queue: ClientQueue = {
    push: (result) => {
      if (ended || waiting.length >= capacity) return false;
      give(result);
      return true;
    },
    end,
    abandon: (last) => {
      waiting.length = 0;
      end(last);
    },
    next: async () => {
      const result = waiting.shift();
      if (result) return { done: false, value: result };
      if (ended) return { done: true, value: undefined };
      const { promise, resolve } = Promise.withResolvers<IteratorResult<FormattedExecutionResult, void>>();
      readers.push(resolve);
      return promise;
    },
    return: drop,
    throw: drop,
    [Symbol.asyncIterator]: () => queue,
    [Symbol.asyncDispose]: async () => {
      await drop();
    },
  };
  return queue;
};
