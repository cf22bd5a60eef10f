import type { Log } from '#platform/observability/log.ts';
import { describeError } from '#platform/observability/log.ts';

/** How long a stop may take before the process ends anyway, in milliseconds. */
const GRACE_MS = 15_000;

/**
 * Ends a server process in order: on SIGTERM, SIGINT, or when the parent that spawned it with an IPC channel is gone. Tells that parent
 * `ready`, with where it listens.
 */
export const runUntilStopped = (server: { readonly url: string; readonly stop: () => Promise<void> }, log: Log): void => {
  let stopping = false;
  const stop = (why: string): void => {
    if (stopping) return;
    stopping = true;
    log.info('stopping', { why });
    setTimeout(() => process.exit(1), GRACE_MS).unref();
    server.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('stop failed', describeError(error));
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('disconnect', () => stop('parent gone'));
  process.send?.({ ready: server.url });
};
