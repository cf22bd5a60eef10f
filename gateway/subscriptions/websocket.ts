import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type FormattedExecutionResult, GraphQLError, type GraphQLSchema } from 'graphql';
import { CloseCode, handleProtocols, makeServer } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { graphError } from '#platform/graphql/errors.ts';
import { errorBody } from '#platform/http/json-errors.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { type Authenticator, languageOf } from '../authenticate.ts';
import { say } from '../french.ts';
import { type GraphRequest, makeGraphRequest } from '../graph-context.ts';
import { faultOf } from '../parse-request.ts';
import type { Asked, Gate } from '../pipeline.ts';
import type { Sessions } from '../sessions.ts';
import type { ClientQueue } from './client-queue.ts';
import type { Deliver } from './deliver.ts';

/** Bytes of one message from a client, and bytes that may wait to be sent to it. */
const MAX_PAYLOAD = 64 * 1024;
const MAX_BUFFERED = 1024 * 1024;
/** Operations open on one socket, and sockets. */
const MAX_OPERATIONS = 50;
const MAX_SOCKETS = 10_000;
/** A socket is pinged this often, and cut when the last ping is still unanswered, in milliseconds. */
const PING_MS = 12_000;
/** How long a client has to say who it is. */
const INIT_MS = 3_000;
/** How long a closing handshake may take. */
const CLOSE_MS = 1_000;
const TRY_AGAIN_LATER = 1013;
const SERVICE_RESTART = 1012;
const INTERNAL_ERROR = 1011;

export type WebSocketSettings = {
  readonly server: Server;
  readonly schema: GraphQLSchema;
  readonly authenticate: Authenticator;
  readonly sessions: Sessions;
  readonly gate: Gate;
  readonly deliver: Deliver;
  /** Runs a query or mutation as over HTTP. */
  readonly execute: (graph: GraphRequest, asked: Asked) => Promise<FormattedExecutionResult>;
  readonly allowedOrigins: readonly string[];
  readonly addressOf: (request: IncomingMessage) => string;
  /** Where callers reach the gateway. */
  readonly origin: () => string;
  readonly log: Log;
};

type Extra = {
  readonly socket: WebSocket;
  readonly address: string;
  readonly language: Caller['language'];
  viewer: Viewer | null;
};
type Running = { readonly graph: GraphRequest; readonly asked: Asked };

const turnAway = (socket: Duplex, status: string, message: string): void => {
  const code = status.startsWith('403') ? 'FORBIDDEN' : status.startsWith('404') ? 'NOT_FOUND' : 'OVERLOADED';
  const body = JSON.stringify(errorBody(code, message, randomUUID()));
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
};

/** Closes politely, and at once if the other side does not answer. */
const close = (socket: WebSocket, code: number, reason: string): void => {
  socket.close(code, reason);
  setTimeout(() => socket.terminate(), CLOSE_MS).unref();
};

/**
 * graphql-transport-ws at `/graphql`: subscriptions, and queries and mutations with the answers they have over HTTP. A page of a foreign
 * origin is refused before the upgrade; a token that ends or is revoked closes the socket with 4403.
 */
export const serveWebSockets = (settings: WebSocketSettings): { readonly stop: () => Promise<void> } => {
  const { authenticate, sessions, gate, deliver, log } = settings;
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_PAYLOAD,
    perMessageDeflate: false,
    handleProtocols,
    clientTracking: true,
  });
  const viewers = new Map<WebSocket, Viewer>();

  const isOwn = (origin: string, host: string | undefined): boolean => {
    if (settings.allowedOrigins.includes(origin)) return true;
    try {
      return host !== undefined && new URL(origin).host === host;
    } catch {
      return false;
    }
  };
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy());
    const path = (request.url ?? '').split('?', 1)[0];
    const isForeign = request.headers.origin !== undefined && !isOwn(request.headers.origin, request.headers.host);
    if (path !== '/graphql') turnAway(socket, '404 Not Found', 'There is nothing at this address.');
    else if (isForeign) turnAway(socket, '403 Forbidden', 'Pages of this origin may not connect.');
    else if (sockets.clients.size >= MAX_SOCKETS) turnAway(socket, '503 Service Unavailable', 'Too many connections are open.');
    else sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request));
  };
  settings.server.on('upgrade', upgrade);

  const stamped = (error: GraphQLError, { requestId, language }: Caller): GraphQLError =>
    new GraphQLError(say(error.message, language), {
      ...(error.source ? { source: error.source } : {}),
      ...(error.positions ? { positions: error.positions } : {}),
      extensions: { ...error.extensions, requestId },
    });
  const protocol = makeServer<Record<string, unknown>, Extra>({
    connectionInitWaitTimeout: INIT_MS,
    onConnect: async (context) => {
      const { extra } = context;
      const given = context.connectionParams?.['authorization'] ?? context.connectionParams?.['Authorization'];
      const authenticated = await authenticate(given);
      if (authenticated === 'bad') return false;
      const { viewer } = authenticated;
      extra.viewer = viewer;
      if (viewer) {
        viewers.set(extra.socket, viewer);
        const timer = setTimeout(
          () => close(extra.socket, CloseCode.Forbidden, 'Forbidden'),
          Math.max(0, viewer.expiresAt * 1_000 - Date.now()),
        );
        extra.socket.once('close', () => clearTimeout(timer));
      }
      return true;
    },
    onSubscribe: ({ extra, subscriptions }, _id, payload) => {
      const { viewer, address, language } = extra;
      const graph = makeGraphRequest({ viewer, requestId: randomUUID(), address, language, origin: settings.origin() }, false);
      if (Object.keys(subscriptions).length > MAX_OPERATIONS)
        return [stamped(graphError('LIMIT_EXCEEDED', `One connection takes ${MAX_OPERATIONS} operations at once.`), graph.caller)];
      const asked: Asked = { query: payload.query, operationName: payload.operationName, variables: payload.variables };
      const fault = faultOf(asked);
      const errors = fault === null ? gate(graph, asked) : [graphError('BAD_USER_INPUT', fault)];
      if (errors.length > 0) return errors.map((error) => stamped(error, graph.caller));
      return {
        schema: settings.schema,
        document: graph.prepared?.document as never,
        operationName: graph.operation?.name ?? null,
        variableValues: asked.variables ?? {},
        contextValue: { graph, asked, socket: extra.socket },
        rootValue: undefined,
      };
    },
    execute: ({ contextValue }) => {
      const { graph, asked } = contextValue as Running;
      return settings.execute(graph, asked) as never;
    },
    subscribe: ({ contextValue }) => {
      const { graph, asked, socket } = contextValue as Running & { readonly socket: WebSocket };
      return deliver.open(graph, asked, 'websocket', () => close(socket, TRY_AGAIN_LATER, 'Too slow')) as Promise<
        ClientQueue | FormattedExecutionResult
      > as never;
    },
    onNext: (_context, _id, _payload, _args, result) => result as FormattedExecutionResult,
  });

  sockets.on('connection', (socket: WebSocket, request: IncomingMessage) => {
    const extra: Extra = {
      socket,
      address: settings.addressOf(request),
      language: languageOf(request.headers['accept-language']),
      viewer: null,
    };
    socket.on('error', () => {}); // a broken frame: ws closes the socket with its code
    let answered = true;
    socket.on('pong', () => {
      answered = true;
    });
    const ping = setInterval(() => {
      if (answered) socket.ping();
      else socket.terminate();
      answered = false;
    }, PING_MS);
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) => {
          if (socket.readyState !== socket.OPEN) return;
          if (socket.bufferedAmount > MAX_BUFFERED) {
            close(socket, TRY_AGAIN_LATER, 'Too slow');
            return;
          }
          const { promise, resolve } = Promise.withResolvers<void>();
          socket.send(data, () => resolve());
          return promise;
        },
        close: (code, reason) => close(socket, code ?? INTERNAL_ERROR, reason ?? ''),
        onMessage: (take) => {
          socket.on('message', (data: Buffer, isBinary: boolean) => {
            if (isBinary) {
              close(socket, CloseCode.BadRequest, 'Send text');
              return;
            }
            take(data.toString('utf8')).catch((error: unknown) => {
              log.error('unexpected error on a socket', describeError(error));
              close(socket, INTERNAL_ERROR, 'Internal server error');
            });
          });
        },
      },
      extra,
    );
    socket.once('close', (code, reason) => {
      clearInterval(ping);
      viewers.delete(socket);
      closed(code, String(reason)).catch(() => {});
    });
  });
  const forget = sessions.onRevoked((sessionId) => {
    for (const [socket, viewer] of viewers) if (viewer.sessionId === sessionId) close(socket, CloseCode.Forbidden, 'Forbidden');
  });

  return {
    stop: async () => {
      forget();
      settings.server.off('upgrade', upgrade);
      settings.server.on('upgrade', (_request, socket: Duplex) => turnAway(socket, '503 Service Unavailable', 'The server is going down.'));
      for (const socket of sockets.clients) close(socket, SERVICE_RESTART, 'Service restart');
      const { promise, resolve } = Promise.withResolvers<void>();
      sockets.close(() => resolve());
      await promise;
    },
  };
};
