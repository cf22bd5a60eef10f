import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from '#platform/access/viewer.ts';
import { type ErrorCode, internalError, toGraphError } from '#platform/graphql/errors.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { releaseBytes } from '#platform/pure/release-bytes.ts';
import { refuseTransfer, TooSlowError, TRANSFER_HEADERS, type Transfer, type TransferAnswer, type TransferRequest } from './transfer.ts';

/** How slow a client may be. Only time that is spent waiting for the client counts, in milliseconds. */
export type TransferPace = {
  /** Longest silence while its bytes are waited for. */
  readonly sendingMs: number;
  /** Longest silence while it takes no bytes. */
  readonly takingMs: number;
  /** Bytes that have to pass in each `windowMs` of waiting. */
  readonly windowMs: number;
  readonly windowBytes: number;
};

/** 15 s of silence for a sender, 30 s for a taker, and 16 KiB/s over a minute. */
export const CLIENT_PACE: TransferPace = { sendingMs: 15_000, takingMs: 30_000, windowMs: 60_000, windowBytes: 60 * 16 * 1024 };
/** Between servers: silence alone, longer than the client's, whose pace the gateway watches. */
export const SERVER_PACE: TransferPace = { sendingMs: 60_000, takingMs: 60_000, windowMs: 600_000, windowBytes: 0 };

export type TransferSettings = {
  readonly path: string;
  readonly caller: Caller;
  readonly sessionEnded: boolean;
  readonly pace: TransferPace;
  /** Ends the transfer for a reason of the server's own. */
  readonly signal?: AbortSignal;
  /** Headers of every answer. */
  readonly headers: Readonly<Record<string, string>>;
  readonly log: Log;
};

/** What came of a transfer. `status` 499: the client was gone before the end; 500 with `broken`: the answer broke off. */
export type TransferDone = {
  readonly status: number;
  readonly broken: boolean;
  readonly bytesIn: number;
  readonly bytesOut: number;
};

/** Bytes that are read away, and for how long, of a body that was refused, so that its sender hears the answer and not a broken pipe. */
const LINGER_BYTES = 16 * 1024 * 1024;
const LINGER_MS = 5_000;
/** Bytes that are given to the socket at once; the client takes so many within its longest silence at the lowest rate. */
const PIECE = 256 * 1024;

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  BAD_USER_INPUT: 400,
  LIMIT_EXCEEDED: 413,
  RATE_LIMITED: 429,
  CITY_UNAVAILABLE: 503,
  SUBGRAPH_UNAVAILABLE: 503,
  OVERLOADED: 503,
  AUDIT_UNAVAILABLE: 503,
  STORAGE_FULL: 507,
};

/** Waits for the client and no longer than the pace allows. */
const makePatience = (silenceMs: number, { windowMs, windowBytes }: TransferPace) => {
  let [waited, passed] = [0, 0];
  return {
    count: (bytes: number): void => {
      passed += bytes;
    },
    wait: async <T>(event: Promise<T>): Promise<T> => {
      const { promise: deadline, reject } = Promise.withResolvers<never>();
      const began = performance.now();
      const timer = setTimeout(() => reject(new TooSlowError('silence')), silenceMs);
      event.catch(() => {}); // the deadline may win
      let given: T;
      try {
        given = await Promise.race([event, deadline]);
      } finally {
        clearTimeout(timer);
      }
      waited += performance.now() - began;
      if (waited >= windowMs) {
        if (passed < windowBytes) throw new TooSlowError('rate');
        [waited, passed] = [0, 0];
      }
      return given;
    },
  };
};

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

/** Lets a sender finish its sentence, up to a bound, where the answer came before all of the body. */
const lingerOn = (request: IncomingMessage): void => {
  if (request.complete || request.destroyed) return;
  let left = LINGER_BYTES;
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.once('close', () => clearTimeout(timer));
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.destroy();
  });
};

/**
 * Runs a transfer between a client's connection and a `Transfer`: the body is read as it is asked for and never held, the answer is
 * written as the client takes it. An answer that breaks off destroys the connection. Never throws.
 */
export const serveTransfer = async (
  request: IncomingMessage,
  response: ServerResponse,
  transfer: Transfer,
  settings: TransferSettings,
): Promise<TransferDone> => {
  const { caller, pace, log } = settings;
  const { requestId } = caller;
  const ended = new AbortController();
  const signal = settings.signal ? AbortSignal.any([ended.signal, settings.signal]) : ended.signal;
  let [bytesIn, bytesOut, gone] = [0, 0, false];
  let tooSlow: TooSlowError | null = null;
  const onClose = (): void => {
    if (response.writableFinished) return;
    gone = true;
    ended.abort();
  };
  response.once('close', onClose);
  if (response.destroyed || request.destroyed) onClose();
  const onStop = (): void => void response.destroy();
  settings.signal?.addEventListener('abort', onStop, { once: true });
  if (settings.signal?.aborted) onStop();

  const readBody = async function* (): AsyncGenerator<Uint8Array, void, void> {
    if (!hasBody(request)) return;
    const chunks = request.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
    const patience = makePatience(pace.sendingMs, pace);
    try {
      for (;;) {
        const step = await patience.wait(chunks.next());
        if (step.done === true) return;
        const chunk = step.value as Buffer;
        bytesIn += chunk.length;
        patience.count(chunk.length);
        yield chunk;
      }
    } catch (error) {
      if (error instanceof TooSlowError) tooSlow = error;
      throw error;
    } finally {
      chunks.return?.()?.catch(() => {});
    }
  };
  const headersOf = (): TransferRequest['headers'] => {
    const given: Partial<Record<(typeof TRANSFER_HEADERS)[number], string>> = {};
    for (const name of TRANSFER_HEADERS) {
      const value = request.headers[name];
      if (typeof value === 'string') given[name] = value;
    }
    return given;
  };
  const methodOf = (): TransferRequest['method'] => {
    const { method } = request;
    return method === 'PUT' || method === 'POST' || method === 'GET' || method === 'HEAD' ? method : 'OTHER';
  };

  const send = async (answer: TransferAnswer): Promise<void> => {
    const head = { ...settings.headers, ...answer.headers };
    const { body } = answer;
    if (body === null || typeof body === 'string') {
      const length = body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      response.writeHead(
        answer.status,
        body === null && answer.status !== 204 && answer.status !== 304 ? { 'content-length': '0', ...head } : { ...head, ...length },
      );
      response.end(body ?? undefined);
      return;
    }
    const pieces = body[Symbol.asyncIterator]();
    const patience = makePatience(pace.takingMs, pace);
    let whole = false;
    let onAborted = (_reason: unknown): void => {};
    const onEnd = (): void => onAborted(new Error('the client is gone'));
    signal.addEventListener('abort', onEnd, { once: true });
    try {
      // What fails before the first byte is still an answer.
      let step = await pieces.next();
      response.writeHead(answer.status, head);
      for (; step.done !== true; step = await pieces.next()) {
        const bytes = step.value;
        for (let from = 0; from < bytes.length; from += PIECE) {
          if (signal.aborted) throw new Error('the client is gone');
          const piece = bytes.subarray(from, from + PIECE);
          const taken = Promise.withResolvers<void>();
          response.write(piece, (error) => (error ? taken.reject(error) : taken.resolve()));
          bytesOut += piece.length;
          patience.count(piece.length);
          onAborted = taken.reject;
          if (signal.aborted) onAborted(new Error('the client is gone'));
          await patience.wait(taken.promise);
        }
        releaseBytes(bytes);
      }
      whole = true;
    } finally {
      signal.removeEventListener('abort', onEnd);
      if (!whole) await pieces.return?.();
    }
    const told = head['content-length'];
    if (told !== undefined && Number(told) !== bytesOut) throw new Error('the answer is not as long as it was told');
    response.end();
  };
  const answerFor = (thrown: unknown): TransferAnswer => {
    if (tooSlow) return refuseTransfer(408, 'LIMIT_EXCEEDED', 'The bytes came too slowly. What was stored stays; go on.', requestId);
    const known = toGraphError(thrown);
    if (!known) log.error('unexpected error', { requestId, ...describeError(thrown) });
    const { message, extensions } = known ?? internalError();
    const code = extensions['code'] as ErrorCode;
    const status = STATUS[code] ?? 500;
    return refuseTransfer(status, code, message, requestId, status === 503 ? { 'retry-after': '2' } : {});
  };

  let status = 499;
  let broken = false;
  try {
    let answer: TransferAnswer;
    try {
      const asked = { method: methodOf(), path: settings.path, headers: headersOf(), body: readBody(), caller };
      answer = await transfer({ ...asked, sessionEnded: settings.sessionEnded, signal });
    } catch (thrown) {
      if (gone || signal.aborted) throw thrown;
      answer = answerFor(thrown);
    }
    if (tooSlow && answer.status < 400) answer = answerFor(tooSlow);
    status = answer.status;
    try {
      await send(answer);
    } catch (thrown) {
      if (gone || signal.aborted || response.headersSent) throw thrown;
      const failed = answerFor(thrown);
      status = failed.status;
      await send(failed);
    }
    if (!tooSlow) lingerOn(request);
    else if (response.writableFinished) request.destroy();
    else response.once('finish', () => request.destroy());
  } catch (thrown) {
    broken = true;
    if (gone || signal.aborted) status = 499;
    else if (!(thrown instanceof TooSlowError)) log.warn('a transfer broke off', { requestId, ...describeError(thrown) });
    response.destroy();
    ended.abort();
  } finally {
    response.removeListener('close', onClose);
    settings.signal?.removeEventListener('abort', onStop);
  }
  return { status, broken, bytesIn, bytesOut };
};
