/** Waits so many milliseconds, or until the signal comes, whichever is sooner. Never rejects. */
export const sleepUntil = (stopped: AbortSignal, ms: number): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stopped.addEventListener('abort', done, { once: true });
    if (stopped.aborted) done();
  });
