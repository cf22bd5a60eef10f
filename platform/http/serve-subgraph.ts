import type { AddressInfo } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  ADDRESS_HEADER,
  ASSERTION_HEADER,
  makeAssertionVerifier,
  ORIGIN_HEADER,
  REQUEST_ID_HEADER,
  SESSION_ENDED_HEADER,
} from '#platform/access/assertion.ts';
import type { PublicKey } from '#platform/access/token.ts';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { makeExecutor, type SubgraphRequest } from '#platform/graphql/executor.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { makeContexts } from './contexts.ts';
import { errorBody } from './json-errors.ts';
import { SERVER_PACE, serveTransfer } from './serve-transfer.ts';
import { closeHttpServer, makeHttpServer } from './server.ts';
import { writeEvents } from './sse.ts';

export type ServeOptions = {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Public halves of the gateway's keys. */
  readonly assertionKeys: readonly PublicKey[];
  readonly log: Log;
};

/** A running server: where it listens, and how it ends. */
export type Served = { readonly port: number; readonly url: string; readonly stop: () => Promise<void> };

/** Largest body in bytes. What the gateway asks can be longer than what it was asked: fragments are put in, keys and types added. */
const BODY_LIMIT = 32 * 1024 * 1024;

const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const one = (header: string | string[] | undefined): string | undefined => (typeof header === 'string' ? header : undefined);

const toRequest = (body: unknown): SubgraphRequest | null => {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
  const { query, operationName, variables } = body as Record<string, unknown>;
  if (typeof query !== 'string') return null;
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') return null;
  if (variables !== undefined && (typeof variables !== 'object' || Array.isArray(variables))) return null;
  return { query, operationName, variables: variables as Readonly<Record<string, unknown>> | null | undefined };
};

/**
 * Serves a subgraph over HTTP: `POST /graphql`, subscriptions as server-sent events at `POST /graphql/stream`, and `GET /health/live`,
 * `/health/ready`; where the subgraph has transfers, `/transfer/*`. Everything but health takes an assertion that the gateway signed for this subgraph, else 401.
 */
export const serveSubgraph = async <C>(subgraph: Subgraph<C>, options: ServeOptions): Promise<Served> => {
  const { log } = options;
  const verify = await makeAssertionVerifier(subgraph.name, options.assertionKeys);
  const executor = makeExecutor(subgraph, log);
  const contextFor = makeContexts<C>();
  const app = makeHttpServer(log, { bodyLimit: BODY_LIMIT });
  const streams = new Set<() => void>();

  const callerOf = (request: FastifyRequest, viewer: Viewer | null): Caller => {
    const requestId = one(request.headers[REQUEST_ID_HEADER]) ?? '';
    return {
      viewer,
      requestId: REQUEST_ID.test(requestId) ? requestId : request.id,
      address: one(request.headers[ADDRESS_HEADER]) ?? '',
      language: request.headers['accept-language'] === 'fr' ? 'fr' : 'en',
      origin: one(request.headers[ORIGIN_HEADER]) ?? '',
    };
  };
  const unauthenticated = (request: FastifyRequest, reply: FastifyReply) =>
    reply.code(401).send(errorBody('UNAUTHENTICATED', 'Only the gateway may ask here.', request.id));
  const bad = (request: FastifyRequest, reply: FastifyReply) =>
    reply.code(400).send(errorBody('BAD_USER_INPUT', 'Send an object with a query.', request.id));
  // Before the body is read: a stranger's bytes are not parsed.
  const guard = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const asserted = await verify(one(request.headers[ASSERTION_HEADER]));
    if (!asserted) await unauthenticated(request, reply);
    else request.graphCaller = callerOf(request, asserted.viewer);
  };
  app.decorateRequest('graphCaller', null);

  app.post('/graphql', { onRequest: guard }, async (request, reply) => {
    const asked = toRequest(request.body);
    const caller = request.graphCaller;
    if (!asked || !caller) return bad(request, reply);
    const key = `${request.headers[ASSERTION_HEADER] as string}\n${caller.requestId}`;
    const result = await executor.run(
      asked,
      caller.requestId,
      (kind) => contextFor(key, kind, () => subgraph.makeContext(caller)),
      caller.language,
    );
    return reply.type('application/json; charset=utf-8').send(JSON.stringify(result));
  });
  app.post('/graphql/stream', { onRequest: guard }, async (request, reply) => {
    const asked = toRequest(request.body);
    const caller = request.graphCaller;
    if (!asked || !caller) return bad(request, reply);
    const results = await executor.subscribe(asked, caller);
    reply.hijack();
    const writer = writeEvents(reply.raw, {});
    if (!(Symbol.asyncIterator in results)) {
      await writer.next(results);
      writer.complete();
      return reply;
    }
    const end = (): void => void results.return().catch(() => {});
    streams.add(end);
    reply.raw.on('close', end);
    if (reply.raw.destroyed) end();
    for await (const result of results) await writer.next(result);
    streams.delete(end);
    writer.complete();
    return reply;
  });
  const { transfer } = subgraph;
  if (transfer)
    await app.register(async (scope) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser('*', (_request, _payload, done) => done(null)); // the body is read as it comes
      scope.route({
        method: ['GET', 'HEAD', 'PUT', 'POST', 'PATCH'],
        url: '/transfer/*',
        exposeHeadRoute: false,
        config: { streams: true },
        onRequest: guard,
        handler: async (request, reply) => {
          reply.hijack();
          await serveTransfer(request.raw, reply.raw, transfer, {
            path: request.url.slice('/transfer/'.length),
            caller: request.graphCaller as Caller,
            sessionEnded: request.headers[SESSION_ENDED_HEADER] === '1',
            pace: SERVER_PACE,
            headers: {},
            log,
          });
        },
      });
    });
  app.get('/health/live', () => ({ status: 'live' }));
  app.get('/health/ready', async () => ({
    status: 'ready',
    subgraph: subgraph.name,
    cities: await subgraph.health(),
    ...(subgraph.report ? { report: subgraph.report() } : {}),
  }));

  await app.listen({ host: options.host, port: options.port });
  const { port } = app.server.address() as AddressInfo;
  return {
    port,
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    stop: async () => {
      for (const end of streams) end();
      await closeHttpServer(app);
    },
  };
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, once the assertion was checked. */
    graphCaller: Caller | null;
  }
}
