import { once } from 'node:events';
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { SESSION_ENDED_HEADER } from '#platform/access/assertion.ts';
import type { Caller } from '#platform/access/viewer.ts';
import type { Transfer } from '#platform/http/transfer.ts';
import { releaseBytes } from '#platform/pure/release-bytes.ts';
import { unavailable } from './source.ts';

/** How long a subgraph may be silent while the gateway waits for it, in milliseconds. A transfer as a whole has no deadline. */
const SILENCE_MS = 30_000;
/** How long a connection may take to come about, and how long one is kept that nobody uses, in milliseconds. */
const CONNECT_MS = 1_000;
const KEEP_MS = 30_000;
/** Connections for transfers to one subgraph, beside those of the graph. */
const CONNECTIONS = 300;
const KEPT_CONNECTIONS = 32;

/** Headers that speak of one connection, or that the gateway gives itself. */
const OWN = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date', 'x-request-id']);

/** Ends what is silent for too long; the time while a client is waited for does not count. */
const makeSilence = (silenceMs: number, onSilent: () => void) => {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const pause = (): void => clearTimeout(timer);
  return {
    pause,
    wait: (): void => {
      pause();
      if (!isOver) timer = setTimeout(onSilent, silenceMs);
    },
    end: (): void => {
      isOver = true;
      pause();
    },
  };
};

/** Ends a connection that does not come about. */
const watchConnect = (request: ClientRequest): void => {
  request.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => request.destroy(), CONNECT_MS);
    const stop = (): void => clearTimeout(timer);
    socket.once('connect', stop).once('close', stop);
  });
};

const answerTo = (request: ClientRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject); // also of what comes after the answer
    request.once('close', () => reject(new Error('the connection ended')));
  });

/** Until more can be written; returns as well when the request has ended. */
const untilDrained = async (request: ClientRequest): Promise<void> => {
  if (request.destroyed || !request.writableNeedDrain) return;
  const stop = new AbortController();
  try {
    await Promise.race([once(request, 'drain', stop), once(request, 'close', stop)]);
  } finally {
    stop.abort();
  }
};

/**
 * Transfers of a subgraph behind HTTP, streamed both ways. `headers` tells the subgraph who asks. By Node's own client: undici's ends the
 * process where a connection ends while a reader holds back (https://github.com/nodejs/undici/issues/5360).
 */
export const openTransfers = (
  url: string,
  headers: (caller: Caller) => Promise<Record<string, string>>,
  { silenceMs = SILENCE_MS }: { readonly silenceMs?: number } = {},
) => {
  const { protocol, hostname, port } = new URL(url);
  const isTls = protocol === 'https:';
  const kept = { keepAlive: true, maxSockets: CONNECTIONS, maxFreeSockets: KEPT_CONNECTIONS, timeout: KEEP_MS };
  const agent = isTls ? new HttpsAgent(kept) : new HttpAgent(kept);
  const place = { agent, host: hostname.replace(/^\[|\]$/g, ''), ...(port === '' ? {} : { port }) };

  const transfer: Transfer = async ({ method, path, headers: given, body, caller, sessionEnded, signal }) => {
    const { 'content-length': length, ...rest } = given;
    const hasBody = method === 'PUT' || method === 'POST';
    const own: Record<string, string> = {
      ...(await headers(caller)),
      ...rest,
      'content-type': 'application/octet-stream',
      ...(sessionEnded ? { [SESSION_ENDED_HEADER]: '1' } : {}),
      ...(hasBody && length !== undefined ? { 'content-length': length } : {}),
    };
    if (signal.aborted) throw new Error('the client is gone');
    const request = (isTls ? requestHttps : requestHttp)({
      ...place,
      path: `/transfer/${path}`,
      method: method === 'OTHER' ? 'PATCH' : method,
      headers: own,
    });
    const silence = makeSilence(silenceMs, () => request.destroy());
    const onAbort = (): void => void request.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    watchConnect(request);

    let isAnswered = false;
    let failure: unknown = null;
    /** Passes the body on as fast as it is taken; an answer that comes before its end ends it. */
    const passOn = async (): Promise<void> => {
      try {
        for await (const piece of body) {
          if (isAnswered || request.destroyed) return;
          silence.wait();
          request.write(piece, () => releaseBytes(piece));
          await untilDrained(request);
          if (isAnswered || request.destroyed) return;
          silence.pause();
        }
        if (isAnswered) return;
        silence.wait();
        request.end();
      } catch (error) {
        if (isAnswered) return;
        failure = error;
        request.destroy();
      }
    };
    const answered = answerTo(request);
    if (hasBody) void passOn();
    else {
      silence.wait();
      request.end();
    }
    /** Gives the connection back where all was said on both sides, and ends it where not. */
    const leave = (): void => {
      silence.end();
      signal.removeEventListener('abort', onAbort);
      if (!answer?.complete || !request.writableEnded) request.destroy();
    };

    let answer: IncomingMessage | null = null;
    try {
      answer = await answered;
    } catch (error) {
      leave();
      if (failure !== null) throw failure;
      if (signal.aborted) throw error;
      throw unavailable();
    }
    isAnswered = true;
    const source = answer;
    const status = source.statusCode ?? 502;
    const told: Record<string, string> = {};
    for (const [name, value] of Object.entries(source.headers)) if (typeof value === 'string' && !OWN.has(name)) told[name] = value;
    const pieces = async function* (): AsyncGenerator<Uint8Array, void, void> {
      try {
        silence.wait();
        for await (const piece of source) {
          silence.pause();
          yield piece as Uint8Array;
          silence.wait();
        }
      } finally {
        leave();
      }
    };
    silence.pause();
    const isBare = method === 'HEAD' || status === 204 || status === 304;
    if (!isBare && !(told['content-type']?.startsWith('application/json') && told['content-disposition'] === undefined))
      return { status, headers: told, body: pieces() };
    const parts: Uint8Array[] = [];
    try {
      for await (const piece of pieces()) parts.push(piece);
    } catch (error) {
      if (signal.aborted) throw error;
      throw unavailable();
    }
    return { status, headers: told, body: isBare ? null : Buffer.concat(parts).toString('utf8') };
  };
  return {
    transfer,
    stop: async (): Promise<void> => agent.destroy(),
  };
};
