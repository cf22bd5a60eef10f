import { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import { SESSION_ENDED_HEADER } from '#platform/access/assertion.ts';
import type { Caller } from '#platform/access/viewer.ts';
import type { Transfer } from '#platform/http/transfer.ts';
import { unavailable } from './source.ts';

/** How long a subgraph may be silent while the gateway waits for it, in milliseconds. A transfer as a whole has no deadline. */
const SILENCE_MS = 30_000;
/** Connections for transfers to one subgraph, beside those of the graph. */
const CONNECTIONS = 300;

/** Headers that speak of one connection, or that the gateway gives itself. */
const OWN = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date', 'x-request-id']);

/** Aborts when nothing moved for too long; the time while a client is waited for does not count. */
const makeSilence = () => {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const pause = (): void => clearTimeout(timer);
  const wait = (): void => {
    pause();
    timer = setTimeout(() => controller.abort(), SILENCE_MS);
  };
  return { signal: controller.signal, pause, wait };
};

/** Transfers of a subgraph behind HTTP, streamed both ways. `headers` tells the subgraph who asks. */
export const openTransfers = (url: string, headers: (caller: Caller) => Promise<Record<string, string>>) => {
  const pool = new Pool(url, {
    connections: CONNECTIONS,
    pipelining: 1,
    connect: { timeout: 1_000 },
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 30_000,
  });
  const transfer: Transfer = async ({ method, path, headers: given, body, caller, sessionEnded, signal }) => {
    const silence = makeSilence();
    const { 'content-length': length, ...rest } = given;
    const own: Record<string, string> = {
      ...(await headers(caller)),
      ...rest,
      'content-type': 'application/octet-stream',
      ...(sessionEnded ? { [SESSION_ENDED_HEADER]: '1' } : {}),
    };
    const isPut = method === 'PUT';
    if (isPut && length !== undefined) own['content-length'] = length;
    let failure: unknown = null;
    const passOn = async function* (): AsyncGenerator<Uint8Array, void, void> {
      silence.pause();
      try {
        for await (const chunk of body) {
          silence.wait();
          yield chunk;
          silence.pause();
        }
        silence.wait();
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    silence.wait();
    let answer: Dispatcher.ResponseData;
    try {
      answer = await pool.request({
        path: `/transfer/${path}`,
        method: method === 'OTHER' ? 'POST' : method,
        headers: own,
        body: isPut ? Readable.from(passOn(), { objectMode: false }) : null,
        signal: AbortSignal.any([signal, silence.signal]),
      });
    } catch (error) {
      silence.pause();
      if (failure !== null) throw failure;
      if (signal.aborted) throw error;
      throw unavailable();
    }
    const told: Record<string, string> = {};
    for (const [name, value] of Object.entries(answer.headers)) if (typeof value === 'string' && !OWN.has(name)) told[name] = value;
    const pieces = async function* (): AsyncGenerator<Uint8Array, void, void> {
      try {
        silence.wait();
        for await (const piece of answer.body) {
          silence.pause();
          yield piece as Uint8Array;
          silence.wait();
        }
      } finally {
        silence.pause();
        answer.body.destroy();
      }
    };
    silence.pause();
    if (method === 'HEAD' || answer.statusCode === 204 || answer.statusCode === 304) {
      await answer.body.dump();
      return { status: answer.statusCode, headers: told, body: null };
    }
    if (told['content-type']?.startsWith('application/json') && told['content-disposition'] === undefined) {
      silence.wait();
      const text = await answer.body.text();
      silence.pause();
      return { status: answer.statusCode, headers: told, body: text };
    }
    return { status: answer.statusCode, headers: told, body: pieces() };
  };
  return { transfer, stop: (): Promise<void> => pool.destroy() };
};
