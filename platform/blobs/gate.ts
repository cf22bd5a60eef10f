/** Calls to one device, a few at a time, each with a deadline. */
export type Gate = {
  /**
   * Makes a call when it is its turn. Rejects with `unavailable()` when the call takes longer than `factor` deadlines, at once while an
   * earlier call is still overdue. A call that ends after all is given to `late`, which undoes what it did; until then nothing else runs.
   */
  readonly run: <T>(call: () => Promise<T>, options?: { readonly factor?: number; readonly late?: (value: T) => unknown }) => Promise<T>;
  /** Calls that passed their deadline and have not come back. */
  readonly overdue: () => number;
};

/**
 * A gate of `width` calls at once. File system calls cannot be cancelled, and each holds a thread of Node's pool (four for the whole
 * process); so a disk that hangs may take `width` of them and no more, and the rest of the process goes on. Waiting for one's turn has no
 * deadline of its own: either the calls before go on, or one of them is overdue and all who wait are turned away.
 */
export const makeGate = (width: number, timeoutMs: number, unavailable: (cause?: unknown) => Error): Gate => {
  type Waiting = { readonly start: () => void; readonly refuse: () => void };
  let waiting: Waiting[] = [];
  let running = 0;
  let overdue = 0;

  const next = (): void => {
    while (overdue === 0 && running < width) {
      const first = waiting.shift();
      if (first === undefined) return;
      first.start();
    }
  };

  const run: Gate['run'] = <T>(
    call: () => Promise<T>,
    { factor = 1, late }: { readonly factor?: number; readonly late?: (value: T) => unknown } = {},
  ) =>
    new Promise<T>((resolve, reject) => {
      const refuse = (): void => reject(unavailable());
      const start = (): void => {
        let expired = false;
        running++;
        const timer = setTimeout(() => {
          expired = true;
          overdue++;
          refuse();
          const all = waiting;
          waiting = [];
          for (const one of all) one.refuse();
        }, timeoutMs * factor);
        const end = (): void => {
          clearTimeout(timer);
          running--;
          if (expired) overdue--;
          next();
        };
        call().then(
          async (value) => {
            if (!expired) resolve(value);
            else await Promise.resolve(late?.(value)).catch(() => undefined);
            end();
          },
          (error: unknown) => {
            reject(error);
            end();
          },
        );
      };
      if (overdue > 0) refuse();
      else if (running < width) start();
      else waiting.push({ start, refuse });
    });

  return { run, overdue: () => overdue };
};
