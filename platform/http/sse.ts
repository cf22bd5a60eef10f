import type { ServerResponse } from 'node:http';
import type { FormattedExecutionResult } from 'graphql';

/** How often a silent stream says that it lives, in milliseconds. */
const HEARTBEAT_MS = 12_000;

export type EventWriter = {
  /** Writes one result; resolves when the client may take more. */
  readonly next: (result: FormattedExecutionResult) => Promise<void>;
  /** Says that nothing more follows, and ends the answer. */
  readonly complete: () => void;
};

/** Waits until a response takes more, or is gone. */
export const drained = (response: ServerResponse): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    response.off('drain', done);
    response.off('close', done);
    resolve();
  };
  response.on('drain', done);
  response.on('close', done);
  return promise;
};

/** Server-sent events of one operation, in the distinct connections mode. https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md */
export const writeEvents = (response: ServerResponse, headers: Readonly<Record<string, string>>): EventWriter => {
  response.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.write(':\n\n');
  const heartbeat = setInterval(() => response.write(':\n\n'), HEARTBEAT_MS);
  response.on('close', () => clearInterval(heartbeat));
  return {
    next: async (result) => {
      if (response.destroyed || response.writableEnded) return;
      if (!response.write(`event: next\ndata: ${JSON.stringify(result)}\n\n`)) await drained(response);
    },
    complete: () => {
      clearInterval(heartbeat);
      if (!response.destroyed && !response.writableEnded) response.end('event: complete\ndata:\n\n');
    },
  };
};
