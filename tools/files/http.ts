import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';

/** An answer whose body is still to be read; it throws where the connection ends before the body does. */
export type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: IncomingMessage };

export type Request = {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: AsyncIterable<Uint8Array> | string | null;
  /** Longest silence on the connection, in milliseconds. */
  readonly silenceMs: number;
};

/**
 * One request on a connection of its own, streamed both ways. Throws where no answer comes; what the body throws is thrown as it is. An answer
 * that comes before all of the body was sent is given at once.
 */
export const send = async (url: string, { method, headers, body = null, silenceMs }: Request): Promise<Answer> => {
  const outgoing = (url.startsWith('https:') ? secureRequest : plainRequest)(url, { method, headers, agent: false });
  outgoing.setTimeout(silenceMs, () => outgoing.destroy(new Error('silence')));
  const answered = new Promise<Answer>((resolve, reject) => {
    outgoing.once('error', reject);
    outgoing.once('response', (message) => resolve({ status: message.statusCode ?? 0, headers: message.headers, body: message }));
  });
  // Whoever sends notices a lost connection first; the answer then fails as well, and nobody waits for it.
  answered.catch(() => {});
  outgoing.on('error', () => {});
  if (body === null || typeof body === 'string') outgoing.end(body ?? undefined);
  else {
    let isAnswered = false;
    answered.then(
      () => {
        isAnswered = true;
      },
      () => {
        isAnswered = true;
      },
    );
    try {
      for await (const bytes of body) {
        if (isAnswered) break;
        if (!outgoing.write(bytes)) await Promise.race([once(outgoing, 'drain'), answered]);
      }
      outgoing.end();
    } catch (error) {
      outgoing.destroy();
      throw error;
    }
  }
  return answered;
};

/** Reads a body whole; throws for one that is longer than `maxBytes`. */
export const readText = async (body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> => {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > maxBytes) throw new Error('the answer is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
};
