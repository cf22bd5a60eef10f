import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { describeError, type Log } from '#platform/observability/log.ts';
import { describeHttpFault, errorBody } from './json-errors.ts';

/** Largest body in bytes. */
export const BODY_LIMIT = 2 * 1024 * 1024;
/**
 * Deadlines of the server, in milliseconds: for the headers, for the whole body after them, and for a silent connection. Bodies of routes
 * with `config.streams` take as long as they take; whoever serves them watches their pace.
 */
const HEADERS_MS = 10_000;
const BODY_MS = 30_000;
const KEEP_ALIVE_MS = 65_000;
/** Bytes of all headers of a request. */
const MAX_HEADER_BYTES = 16_384;

/** Bytes that are read away of a body that was refused, so that its sender hears the answer and not a broken pipe. */
const LINGER_BYTES = 16 * 1024 * 1024;

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
};

/** Answers what Node's parser refused before there was a request. */
const refuseBroken = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const message =
    status === 431 ? 'The headers are too large.' : status === 408 ? 'The request did not arrive in time.' : 'This is no HTTP request.';
  const body = JSON.stringify(errorBody(status === 400 ? 'BAD_USER_INPUT' : 'LIMIT_EXCEEDED', message, randomUUID()));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status]}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
};

/** Ends a connection whose body does not come in time, as Node's own deadline would. */
const watchBody = (request: FastifyRequest, reply: FastifyReply, deadlineMs: number): void => {
  const { raw } = request;
  if (raw.headers['content-length'] === undefined && raw.headers['transfer-encoding'] === undefined) return;
  if (request.routeOptions.config.streams === true) return;
  const timer = setTimeout(() => {
    if (raw.complete) return;
    if (reply.raw.headersSent) raw.socket.destroy();
    else refuseBroken({ name: 'Error', message: 'late', code: 'ERR_HTTP_REQUEST_TIMEOUT' }, raw.socket);
  }, deadlineMs);
  timer.unref();
  raw.once('end', () => clearTimeout(timer));
  raw.once('close', () => clearTimeout(timer));
};

const JSON_TYPE = /^application\/(?:json|graphql-response\+json|graphql\+json)(?:\s*;\s*charset\s*=\s*"?utf-?8"?)?\s*$/i;

/**
 * An HTTP server with the house's limits and deadlines, taking JSON alone. Every refusal is JSON with a code and the request's id, a UUID
 * of our own whatever the client says; a surprise is logged once.
 */
export const makeHttpServer = (
  log: Log,
  options: { readonly trustProxy?: boolean; readonly bodyLimit?: number; readonly bodyMs?: number } = {},
): FastifyInstance => {
  const { bodyLimit = BODY_LIMIT, bodyMs = BODY_MS } = options;
  const app = fastify({
    logger: false,
    trustProxy: options.trustProxy === true,
    bodyLimit,
    connectionTimeout: 0,
    requestTimeout: 0, // would hold for transfers too: see `watchBody`
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: true,
    forceCloseConnections: false,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    clientErrorHandler: refuseBroken as never,
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_MS, connectionsCheckingInterval: 2_000 } as never,
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: true },
  });
  app.server.headersTimeout = HEADERS_MS;
  app.server.maxHeadersCount = 200;
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(JSON_TYPE, { parseAs: 'string', bodyLimit }, parseJson);
  // Compressed bodies are refused unread: what they would grow to is not known.
  app.addHook('onRequest', (request, reply, done) => {
    watchBody(request, reply, bodyMs);
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined || encoding === 'identity') done();
    else done(Object.assign(new Error('compressed'), { statusCode: 415 }));
  });
  app.setErrorHandler((error, request, reply) => {
    const fault = describeHttpFault(error);
    if (fault.status >= 500 && fault.status !== 503) log.error('unexpected error', { requestId: request.id, ...describeError(error) });
    if (!request.raw.complete) {
      reply.removeHeader('connection');
      let left = LINGER_BYTES;
      request.raw.on('data', (chunk: Buffer) => {
        left -= chunk.length;
        if (left < 0) request.raw.destroy();
      });
    }
    void reply
      .code(fault.status)
      .header('x-request-id', request.id)
      .type('application/json; charset=utf-8')
      .send(errorBody(fault.code, fault.message, request.id));
  });
  app.setNotFoundHandler((request, reply) => {
    void reply
      .code(404)
      .header('x-request-id', request.id)
      .type('application/json; charset=utf-8')
      .send(errorBody('NOT_FOUND', 'There is nothing at this address.', request.id));
  });
  return app;
};

/** How long a stop waits for what runs, in milliseconds. */
const DRAIN_MS = 10_000;

/** Takes no more connections, lets what runs finish for up to 10 s, and ends the server. */
export const closeHttpServer = async (app: FastifyInstance): Promise<void> => {
  const idle = setInterval(() => app.server.closeIdleConnections(), 50);
  const late = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
  try {
    await app.close();
  } finally {
    clearInterval(idle);
    clearTimeout(late);
  }
};

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the body comes at its own pace, for as long as it takes. */
    streams?: boolean;
  }
}
