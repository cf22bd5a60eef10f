import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os, { tmpdir } from 'node:os';
import path from 'node:path';
import { type EmbeddedNetwork, startEmbeddedNetwork } from '#embedded/network.ts';
import type { Log } from '#platform/observability/log.ts';
import { onParentGone } from '#tools/parent.ts';

/**
 * What a benchmark makes outside its process (folders, servers, children) is ended when the benchmark ends, and also when a signal ends it:
 * the last made first, each once.
 */
const ends: (() => Promise<void>)[] = [];
const interruption = new AbortController();

/** Aborted by the signal that ends the run; for child processes and for waiting. */
export const interrupted: AbortSignal = interruption.signal;

/** Has `end` run at a signal; what it gives runs it now. Throws where a signal has come already. */
const atEnd = (end: () => unknown): (() => Promise<void>) => {
  interrupted.throwIfAborted();
  let ending: Promise<void> | null = null;
  const endOnce = (): Promise<void> => {
    ending ??= (async () => {
      try {
        await end();
      } finally {
        ends.splice(ends.indexOf(endOnce), 1);
      }
    })();
    return ending;
  };
  ends.push(endOnce);
  return endOnce;
};

/** A folder for temporary files, of this run alone. */
export const makeFolder = (): { readonly folder: string; readonly remove: () => Promise<void> } => {
  interrupted.throwIfAborted();
  const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-bench-'));
  return { folder, remove: atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })) };
};

/** Ends a child at a signal, with the patience that it needs to end what it has made itself. */
export const endChild = (child: ChildProcess): void => {
  const end = atEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    // Not `once`, which an error of the channel would end.
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.connected) child.disconnect();
    else child.kill();
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(timer);
  });
  child.once('exit', () => void end());
};

/** Runs `work` on a network of its own, in a folder of its own, and leaves neither. */
export const withNetwork = async <T>(log: Log, work: (network: EmbeddedNetwork, dataDir: string) => Promise<T>): Promise<T> => {
  const { folder, remove } = makeFolder();
  try {
    const dataDir = path.join(folder, 'data');
    const starting = startEmbeddedNetwork({ dataDir, log });
    // A signal may come while it starts: it is waited for then, as only a network that runs can be stopped.
    const stop = atEnd(async () => (await starting.catch(() => null))?.stop());
    try {
      return await work(await starting, dataDir);
    } finally {
      await stop();
    }
  } finally {
    await remove();
  }
};

const endAll = async (code: number): Promise<void> => {
  if (interrupted.aborted) return;
  console.error('stopping …');
  // Whatever the benchmark is doing loses its servers now, and may fail in any way.
  for (const failure of ['uncaughtException', 'unhandledRejection'] as const) process.on(failure, () => {});
  interruption.abort(new Error('interrupted'));
  let isClean = true;
  for (let end = ends.at(-1); end !== undefined; end = ends.at(-1)) {
    await end().catch((error: unknown) => {
      isClean = false;
      console.error('something could not be ended:', (error as Error).message);
    });
  }
  process.exit(isClean ? code : 1);
};

/**
 * From now on SIGINT, SIGTERM and SIGHUP end the process once all that was made has been ended: with 128 and the signal's number. So does
 * the end of npm, which passes no signal on, and of whoever reads what it prints, as in `npm run bench | head`.
 */
export const endOnSignals = (): void => {
  const { signals } = os.constants;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void endAll(128 + signals[signal]));
  onParentGone(() => void endAll(128 + signals.SIGTERM));
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => void endAll(128 + signals.SIGPIPE));
};
