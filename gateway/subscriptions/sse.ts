import type { ServerResponse } from 'node:http';
import type { FormattedExecutionResult } from 'graphql';
import { writeEvents } from '#platform/http/sse.ts';
import type { ClientQueue } from './client-queue.ts';

/** Sends one operation's results as server-sent events (distinct connections mode) until the client or the results end. */
export const sendEvents = async (
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  results: ClientQueue | FormattedExecutionResult,
): Promise<void> => {
  const writer = writeEvents(response, headers);
  if (Symbol.asyncIterator in results) {
    const leave = (): void => void results.return();
    response.on('close', leave);
    if (response.destroyed) leave();
    for await (const result of results) await writer.next(result);
  } else {
    await writer.next(results);
  }
  writer.complete();
};
