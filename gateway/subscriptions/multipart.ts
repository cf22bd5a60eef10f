import type { ServerResponse } from 'node:http';
import { drained } from '#platform/http/sse.ts';
import type { ClientQueue } from './client-queue.ts';

const HEARTBEAT_MS = 5_000;

/** Whether a client asks for a subscription in parts of one answer. https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol */
export const wantsParts = (accept: string | undefined): boolean =>
  accept !== undefined && /multipart\/mixed/i.test(accept) && /subscriptionSpec\s*=\s*"?1\.0/i.test(accept);

/** Sends a subscription's results as parts of one answer, with a heartbeat, until the client or the results end. */
export const sendParts = async (
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  results: ClientQueue,
): Promise<void> => {
  response.writeHead(200, {
    ...headers,
    'content-type': 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  const part = (body: string): boolean => response.write(`\r\n--graphql\r\ncontent-type: application/json\r\n\r\n${body}`);
  part('{}');
  const heartbeat = setInterval(() => part('{}'), HEARTBEAT_MS);
  const leave = (): void => {
    clearInterval(heartbeat);
    void results.return();
  };
  response.on('close', leave);
  if (response.destroyed) leave();
  for await (const payload of results) if (!response.destroyed && !part(JSON.stringify({ payload }))) await drained(response);
  clearInterval(heartbeat);
  if (!response.destroyed) response.end('\r\n--graphql--\r\n');
};
