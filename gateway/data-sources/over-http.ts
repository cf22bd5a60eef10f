import { setTimeout as sleep } from 'node:timers/promises';
import type { FormattedExecutionResult } from 'graphql';
import { createClient } from 'graphql-sse';
import { LRUCache } from 'lru-cache';
import { Pool } from 'undici';
import { ADDRESS_HEADER, ASSERTION_HEADER, type Asserter, ORIGIN_HEADER, REQUEST_ID_HEADER } from '#platform/access/assertion.ts';
import type { Caller } from '#platform/access/viewer.ts';
import {
  type EventStream,
  inBatches,
  isMutation,
  MUTATION_MS,
  type Observe,
  processBy,
  QUERY_MS,
  type Source,
  type SourceHealth,
  unavailable,
} from './source.ts';
import { openTransfers } from './transfer-over-http.ts';

/** How long a subgraph that cannot be reached is left alone, in milliseconds; then it is tried once for all who ask. */
const BREAK_MS = 1_000;
/** How long others wait for a request that tries a subgraph which was too slow, in milliseconds. */
const TRIAL_MS = 1_000;
/** Requests in a row that got no answer in time before a subgraph counts as down. */
const MAX_LATE = 5;
/** Connections to one subgraph. */
const CONNECTIONS = 64;
/** Largest answer of a subgraph, in characters. */
const MAX_ANSWER = 32 * 1024 * 1024;

const TREACHEROUS = /__proto__|\\u00/;

/** Reads JSON from a subgraph; a key `__proto__` is left out. */
export const readAnswer = (text: string): unknown =>
  TREACHEROUS.test(text) ? JSON.parse(text, (key, value) => (key === '__proto__' ? undefined : value)) : JSON.parse(text);

/** A subgraph that runs would not take one request. */
class NotTaken extends Error {}

const isRefusedConnection = (error: unknown): boolean =>
  ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT', 'ENOENT'].includes(
    (error as { code?: string }).code ?? '',
  );
/** A connection that the other side closed, perhaps between two requests. */
const isLostConnection = (error: unknown): boolean =>
  ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes((error as { code?: string }).code ?? '');

/** A subgraph behind HTTP: connections kept, deadlines, and an answer at once while it is down. `url` has no path. */
export const openOverHttp = (name: string, url: string, assert: Asserter, observe: Observe): Source => {
  const pool = new Pool(url, {
    connections: CONNECTIONS,
    pipelining: 1,
    connect: { timeout: 1_000 },
    headersTimeout: QUERY_MS,
    bodyTimeout: QUERY_MS,
    keepAliveTimeout: 30_000,
    maxResponseSize: MAX_ANSWER,
  });
  // A query is the same text again and again: it is written as JSON once.
  const written = new LRUCache<string, string>({ max: 2_000, maxSize: 4_000_000, sizeCalculation: (json) => json.length + 1 });
  let downUntil = 0;
  let late = 0;
  /** Why it is down: nobody listens there, or answers come too late. */
  let isGone = false;
  /** The one try to reach it again, and whether it did; everybody who asks meanwhile waits for it. */
  let trial: Promise<boolean> | null = null;

  const body = ({ query, operationName, variables }: Parameters<Source['ask']>[0]): string => {
    let json = written.get(query);
    if (json === undefined) {
      json = JSON.stringify(query);
      written.set(query, json);
    }
    const named = operationName ? `,"operationName":${JSON.stringify(operationName)}` : '';
    return variables ? `{"query":${json}${named},"variables":${JSON.stringify(variables)}}` : `{"query":${json}${named}}`;
  };
  const headers = async (caller: Caller): Promise<Record<string, string>> => ({
    'content-type': 'application/json',
    [ASSERTION_HEADER]: await assert(name, caller.viewer),
    [REQUEST_ID_HEADER]: caller.requestId,
    [ADDRESS_HEADER]: caller.address,
    [ORIGIN_HEADER]: caller.origin,
    'accept-language': caller.language,
  });
  const send = async (text: string, caller: Caller, isWrite: boolean): Promise<FormattedExecutionResult> => {
    const deadline = isWrite ? MUTATION_MS : QUERY_MS;
    const sent = await headers(caller);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const chunks: Buffer[] = [];
    let status = 0;
    pool.dispatch(
      { path: '/graphql', method: 'POST', headers: sent, body: text, headersTimeout: deadline, bodyTimeout: deadline },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, statusCode) => {
          status = statusCode;
        },
        onResponseData: (_controller, chunk) => {
          chunks.push(chunk);
        },
        onResponseEnd: () => resolve(chunks.length === 1 ? (chunks[0] as Buffer).toString('utf8') : Buffer.concat(chunks).toString('utf8')),
        onResponseError: (_controller, error) => reject(error),
      },
    );
    const read = await promise;
    if (status >= 400 && status < 500) throw new NotTaken();
    if (status !== 200) throw unavailable();
    return readAnswer(read) as FormattedExecutionResult;
  };

  /** Whether somebody listens there again. A connection tells, so that no request of a caller has to be tried, and no mutation sent twice. */
  const knock = async (): Promise<boolean> => {
    try {
      const { statusCode, body: answer } = await pool.request({ path: '/health/live', method: 'GET', headersTimeout: QUERY_MS });
      await answer.dump();
      if (statusCode !== 200) throw unavailable();
      downUntil = 0;
      late = 0;
      return true;
    } catch {
      downUntil = Date.now() + BREAK_MS;
      return false;
    }
  };
  /** Whether a subgraph that was down may be asked. `tell` is there for the one request that finds out whether it answers in time again. */
  const comeBack = async (): Promise<{ readonly tell?: (isBack: boolean) => void } | null> => {
    if (trial) return (await Promise.race([trial, sleep(isGone ? QUERY_MS : TRIAL_MS, false, { ref: false })])) ? {} : null;
    if (Date.now() < downUntil) return null;
    if (isGone) {
      trial = knock().finally(() => {
        trial = null;
      });
      return (await trial) ? {} : null;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    trial = promise;
    return {
      tell: (isBack) => {
        trial = null;
        resolve(isBack);
      },
    };
  };

  const ask: Source['ask'] = inBatches(async (request, caller) => {
    const began = performance.now();
    let tell: ((isBack: boolean) => void) | undefined;
    if (downUntil > 0) {
      const back = await comeBack();
      if (back === null) {
        observe(name, 0, false);
        throw unavailable();
      }
      tell = back.tell;
    }
    let answered = false;
    try {
      const isWrite = isMutation(request.query);
      const text = body(request);
      let result: FormattedExecutionResult;
      try {
        result = await send(text, caller, isWrite);
      } catch (error) {
        if (isWrite || !isLostConnection(error)) throw error;
        result = await send(text, caller, isWrite); // a kept connection had just been closed; reading twice does no harm
      }
      answered = true;
      downUntil = 0;
      late = 0;
      return result;
    } catch (error) {
      if (error instanceof NotTaken) {
        downUntil = 0;
        throw unavailable();
      }
      late++;
      const isRefused = isRefusedConnection(error);
      if (tell || isRefused || late >= MAX_LATE) {
        downUntil = Date.now() + BREAK_MS;
        isGone = isRefused;
      }
      throw unavailable();
    } finally {
      tell?.(downUntil === 0);
      observe(name, (performance.now() - began) / 1_000, answered);
    }
  });

  const transfers = openTransfers(url, headers);
  return {
    name,
    ask,
    transfer: transfers.transfer,
    process: processBy(ask),
    subscribe: async (request, caller) => {
      const client = createClient({ url: `${url}/graphql/stream`, headers: await headers(caller), retryAttempts: 0 });
      const results = client.iterate({
        query: request.query,
        ...(request.operationName ? { operationName: request.operationName } : {}),
        ...(request.variables ? { variables: request.variables as Record<string, unknown> } : {}),
      });
      let ended = false;
      const end = async (): Promise<IteratorResult<FormattedExecutionResult, void>> => {
        ended = true;
        client.dispose();
        await results.return?.();
        return { done: true, value: undefined };
      };
      const stream: EventStream = {
        next: async () => {
          if (ended) return { done: true, value: undefined };
          try {
            const step = await results.next();
            if (!step.done) return { done: false, value: readAnswer(JSON.stringify(step.value)) as FormattedExecutionResult };
            ended = true;
            return { done: true, value: undefined };
          } catch {
            if (ended) return { done: true, value: undefined };
            ended = true;
            return { done: false, value: { errors: [unavailable().toJSON()] } };
          }
        },
        return: end,
        throw: end,
        [Symbol.asyncIterator]: () => stream,
        [Symbol.asyncDispose]: async () => {
          await end();
        },
      };
      return stream;
    },
    health: async () => {
      try {
        const { statusCode, body: answer } = await pool.request({ path: '/health/ready', method: 'GET', headersTimeout: 2_000 });
        const { cities, report = {} } = readAnswer(await answer.text()) as Partial<SourceHealth>;
        return statusCode === 200 && cities ? { cities, report } : null;
      } catch {
        return null;
      }
    },
    stop: async () => {
      await Promise.all([pool.destroy(), transfers.stop()]);
    },
  };
};
