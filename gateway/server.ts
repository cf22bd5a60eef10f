import './no-telemetry.ts';
import type { AddressInfo } from 'node:net';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import cors from '@fastify/cors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FormattedExecutionResult, GraphQLError } from 'graphql';
import { LRUCache } from 'lru-cache';
import { type Asserter, makeAsserter } from '#platform/access/assertion.ts';
import { makeTokenVerifier, type PublicKey } from '#platform/access/token.ts';
import type { SigningKey } from '#platform/config/secrets.ts';
import { type ErrorCode, internalError } from '#platform/graphql/errors.ts';
import { makeDocuments } from '#platform/graphql/limits.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { errorBody } from '#platform/http/json-errors.ts';
import type { Served } from '#platform/http/serve-subgraph.ts';
import type { TransferPace } from '#platform/http/serve-transfer.ts';
import { closeHttpServer, makeHttpServer } from '#platform/http/server.ts';
import type { Log } from '#platform/observability/log.ts';
import { makeMetrics } from '#platform/observability/metrics.ts';
import { tellAuditFigures } from './audit-figures.ts';
import { BAD_TOKEN, languageOf, makeAuthenticator } from './authenticate.ts';
import { openInProcess } from './data-sources/in-process.ts';
import { openOverHttp } from './data-sources/over-http.ts';
import { noTransfer, type Source } from './data-sources/source.ts';
import { codeOf, makeMask } from './errors.ts';
import { serveExplorer } from './explorer.ts';
import { makeFastPath } from './fast-path.ts';
import { say } from './french.ts';
import { type GraphContext, type GraphRequest, makeGraphRequest } from './graph-context.ts';
import { GRAPH_LIMITS } from './graph-limits.ts';
import { makeHealth } from './health.ts';
import { answerType, couldBeForged, faultOf, parametersOf, readsPlainJson } from './parse-request.ts';
import { type Asked, makeGate, makePipeline, tellAll } from './pipeline.ts';
import { watchSessions } from './sessions.ts';
import { makeDeliver } from './subscriptions/deliver.ts';
import { sendParts, wantsParts } from './subscriptions/multipart.ts';
import { sendEvents } from './subscriptions/sse.ts';
import { serveWebSockets } from './subscriptions/websocket.ts';
import { loadSupergraph } from './supergraph.ts';
import { AUDIT_ROUTE, FILES_ROUTE, serveTransfers } from './transfers.ts';
import { serveVerifier } from './verify.ts';

/** Where a subgraph runs: in this process, or behind an address such as `http://127.0.0.1:4101`. */
export type SubgraphPlace = { readonly kind: 'in-process'; readonly subgraph: Subgraph } | { readonly kind: 'http'; readonly url: string };

export type GatewaySettings = {
  readonly supergraphSdl: string;
  readonly subgraphs: Readonly<Record<string, SubgraphPlace>>;
  readonly secrets: {
    /** Signs what subgraphs are told. */
    readonly assertionKey: SigningKey;
    /** Public halves of the keys that sign access tokens. */
    readonly tokenKeys: readonly PublicKey[];
  };
  /** Codes of the cities, for health. */
  readonly cities: readonly string[];
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Introspection for everyone, Sandbox and explorer. */
  readonly development: boolean;
  /** Origins of pages that may call, such as `https://app.example.org`; its own is always one. */
  readonly allowedOrigins: readonly string[];
  /** Where callers reach the gateway, such as `https://graph.example.org`, without a path; where it listens when left out. */
  readonly publicUrl?: string | null;
  /** Whether a proxy in front tells the client's address. */
  readonly trustProxy?: boolean;
  readonly log: Log;
  /** How often ended sessions are read, in milliseconds. */
  readonly sessionsEveryMs?: number;
  /** How slow clients of transfers may be, and how many transfers are carried at once. */
  readonly transfers?: { readonly pace?: TransferPace; readonly maxOpen?: number };
};

/** Characters of all persisted queries. */
const APQ_CHARACTERS = 4_000_000;

const JSON_TYPE = 'application/json; charset=utf-8';
const PLAIN_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
};
const SANDBOX = 'https://*.apollographql.com';
const SANDBOX_POLICY = `default-src 'none'; script-src 'unsafe-inline' ${SANDBOX}; style-src 'unsafe-inline' ${SANDBOX} https://fonts.googleapis.com; font-src https://fonts.gstatic.com; img-src ${SANDBOX} data:; connect-src 'self' ${SANDBOX}; frame-src ${SANDBOX}; manifest-src ${SANDBOX}; frame-ancestors 'none'`;

/**
 * Starts the gateway: token check, limits, planning, errors, subscriptions, health and figures in front of the subgraphs. Throws when the
 * supergraph does not load or the port is taken.
 */
export const startGateway = async (settings: GatewaySettings): Promise<Served> => {
  const { log, development } = settings;
  const metrics = makeMetrics();
  const assert: Asserter = await makeAsserter(settings.secrets.assertionKey);
  const sources = new Map<string, Source>(
    Object.entries(settings.subgraphs).map(([name, place]) => [
      name,
      place.kind === 'http'
        ? openOverHttp(name, place.url, assert, metrics.subgraph)
        : openInProcess(place.subgraph, log, metrics.subgraph),
    ]),
  );
  const supergraph = await loadSupergraph(settings.supergraphSdl, sources, log);
  const sessions = watchSessions(sources.get('patients'), log, settings.sessionsEveryMs);
  const authenticate = makeAuthenticator(await makeTokenVerifier(settings.secrets.tokenKeys), sessions);
  const documents = makeDocuments(supergraph.apiSchema, GRAPH_LIMITS);
  const gate = makeGate(documents, GRAPH_LIMITS, { development });
  const mask = makeMask(log);
  const fastPath = makeFastPath(supergraph, mask, log);
  const deliver = makeDeliver(supergraph, sessions, mask, metrics, log);
  let origin = settings.publicUrl ?? '';
  const server = new ApolloServer<GraphContext>({
    gateway: supergraph.gateway,
    logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => log.error('unexpected error in the server') },
    formatError: mask,
    includeStacktraceInErrorResponses: false,
    introspection: true, // the gate decides
    documentStore: null, // the gate keeps documents
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    cache: 'bounded',
    persistedQueries: { cache: makePersistedQueries(), ttl: null },
    stopOnTerminationSignals: false,
    hideSchemaDetailsFromClientErrors: true,
    plugins: [
      makePipeline(documents, gate, log),
      development ? ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false }) : ApolloServerPluginLandingPageDisabled(),
    ],
  });
  await server.start();
  const handle = fastifyApolloHandler(server, {
    context: async (request: FastifyRequest): Promise<GraphContext> => ({ graph: request.graph as GraphRequest }),
  });

  const app = makeHttpServer(log, { trustProxy: settings.trustProxy === true });
  app.decorateRequest('graph', null);
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(PLAIN_HEADERS).header('x-request-id', request.id);
    done();
  });
  const sharing = { origin: [...settings.allowedOrigins], credentials: false, maxAge: 600, strictPreflight: false };
  const graphSharing = {
    ...sharing,
    methods: ['GET', 'POST'],
    allowedHeaders: ['authorization', 'content-type', 'accept-language', 'apollo-require-preflight', 'x-apollo-operation-name'],
    exposedHeaders: ['x-request-id'],
  };
  await app.register(cors, {
    delegator: (request, done) => {
      const route = [FILES_ROUTE, AUDIT_ROUTE].find(({ prefix }) => request.url.startsWith(prefix));
      done(null, route ? { ...sharing, ...route.cors } : graphSharing);
    },
  });

  const refuse = (request: FastifyRequest, reply: FastifyReply, status: number, code: ErrorCode, message: string) => {
    if (request.graph) request.graph.code = code;
    return reply
      .code(status)
      .type('application/json; charset=utf-8')
      .send(errorBody(code, say(message, languageOf(request.headers['accept-language'])), request.id));
  };
  const reject = (request: FastifyRequest, reply: FastifyReply, errors: readonly GraphQLError[], type: string = JSON_TYPE) => {
    const graph = request.graph as GraphRequest;
    const told = tellAll(errors, graph.caller);
    graph.code = codeOf(told[0]);
    return reply
      .code(graph.plainJson ? 200 : 400)
      .type(type)
      .send({ errors: told });
  };
  /** Lets a request in with its viewer, or answers it. */
  const admit = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const authenticated = await authenticate(request.headers.authorization);
    request.graph = makeGraphRequest(
      {
        viewer: authenticated === 'bad' ? null : authenticated.viewer,
        requestId: request.id,
        address: request.ip,
        language: languageOf(request.headers['accept-language']),
        origin,
      },
      readsPlainJson(request.headers.accept),
    );
    if (authenticated === 'bad') {
      reply.header('www-authenticate', 'Bearer');
      await refuse(request, reply, 401, 'UNAUTHENTICATED', BAD_TOKEN);
    } else if (request.method === 'POST' && couldBeForged(request)) {
      await refuse(request, reply, 400, 'BAD_USER_INPUT', 'Send JSON as application/json; what a form can send is refused.');
    }
  };
  const tally = (graph: GraphRequest | null, requestId: string, status: number, ms: number): void => {
    const kind = graph?.operation?.kind ?? 'none';
    const code = graph?.code ?? (status < 400 ? 'OK' : 'REFUSED');
    metrics.operation(kind, code, ms / 1_000);
    const operation = graph?.operation?.name ?? undefined;
    log.info('request', { requestId, kind, operation, status, code, ms: Math.round(ms * 10) / 10 });
  };
  const note = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const { graph } = request;
    if (!graph?.streamed) tally(graph, request.id, reply.statusCode, reply.elapsedTime); // a stream has a line of its own
    done();
  };

  /** A query or mutation on a transport other than plain HTTP, with the same answer. */
  const execute = async (graph: GraphRequest, asked: Asked): Promise<FormattedExecutionResult> => {
    const { body } = await server.executeOperation(
      {
        ...(asked.query === undefined ? {} : { query: asked.query }),
        ...(asked.operationName ? { operationName: asked.operationName } : {}),
        ...(asked.variables ? { variables: asked.variables as Record<string, unknown> } : {}),
      },
      { contextValue: { graph } },
    );
    return body.kind === 'single' ? (body.singleResult as FormattedExecutionResult) : { errors: [internalError().toJSON()] };
  };

  const isPage = (request: FastifyRequest): boolean =>
    development && request.method === 'GET' && request.headers.accept?.includes('text/html') === true && !request.url.includes('query=');
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    onRequest: admit,
    onResponse: note,
    handler: async (request, reply) => {
      if (isPage(request)) {
        reply.header('content-security-policy', SANDBOX_POLICY);
        return handle.call(app, request, reply);
      }
      const fault = faultOf(request.method === 'GET' ? parametersOf(request) : request.body);
      if (fault !== null && !(request.method === 'GET' && couldBeForged(request)))
        return refuse(request, reply, 400, 'BAD_USER_INPUT', fault);
      const type = request.method === 'POST' && !wantsParts(request.headers.accept) ? answerType(request.headers.accept) : null;
      if (type !== null) {
        const asked = request.body as Asked & { readonly extensions?: { readonly persistedQuery?: unknown } };
        const graph = request.graph as GraphRequest;
        if (!asked.extensions?.persistedQuery) {
          const errors = gate(graph, asked);
          if (errors.length > 0) return reject(request, reply, errors, type);
          const run = fastPath(graph);
          if (run) return reply.type(type).send(await run(asked.variables ?? {}));
        }
      }
      if (request.method === 'POST' && wantsParts(request.headers.accept)) {
        const asked = request.body as Asked;
        const graph = request.graph as GraphRequest;
        graph.prepared = documents(asked.query ?? '');
        const isStream = [...graph.prepared.operations.values()].some((each) => each.kind === 'subscription');
        if (isStream) {
          const errors = gate(graph, asked);
          if (errors.length > 0) return reject(request, reply, errors);
          if (graph.operation?.kind === 'subscription') {
            const results = await deliver.open(graph, asked, 'multipart');
            if (!(Symbol.asyncIterator in results)) return reply.code(200).type('application/json; charset=utf-8').send(results);
            graph.streamed = true;
            reply.hijack();
            await sendParts(reply.raw, plainHeaders(reply), results);
            return reply;
          }
        }
      }
      const answer = await handle.call(app, request, reply);
      if (request.graph?.answered || reply.statusCode < 400) return answer;
      // Refused before the pipeline: the answer has no request id yet.
      return refuse(request, reply, reply.statusCode, 'BAD_USER_INPUT', messageOf(answer));
    },
  });

  app.post('/graphql/stream', { onRequest: admit, onResponse: note }, async (request, reply) => {
    const graph = request.graph as GraphRequest;
    if (!/text\/event-stream|\*\/\*|text\/\*/.test(request.headers.accept ?? '*/*'))
      return refuse(request, reply, 406, 'BAD_USER_INPUT', 'The answer is a stream: accept text/event-stream.');
    const fault = faultOf(request.body);
    if (fault !== null) return refuse(request, reply, 400, 'BAD_USER_INPUT', fault);
    const asked = request.body as Asked;
    const errors = gate(graph, asked);
    if (errors.length > 0) return reject(request, reply, errors);
    const results = graph.operation?.kind === 'subscription' ? await deliver.open(graph, asked, 'sse') : await execute(graph, asked);
    graph.streamed = Symbol.asyncIterator in results;
    reply.hijack();
    await sendEvents(reply.raw, plainHeaders(reply), results);
    return reply;
  });

  const webSockets = serveWebSockets({
    server: app.server,
    schema: supergraph.apiSchema,
    authenticate,
    sessions,
    gate,
    deliver,
    execute: async (graph, asked) => {
      const began = performance.now();
      const result = await execute(graph, asked);
      tally(graph, graph.caller.requestId, 200, performance.now() - began);
      return result;
    },
    allowedOrigins: settings.allowedOrigins,
    addressOf: (request) => request.socket.remoteAddress ?? '',
    origin: () => origin,
    log,
  });

  const carrying = { authenticate, sessions, metrics, log, origin: () => origin, ...settings.transfers };
  const transfers = await Promise.all([
    serveTransfers(app, { ...carrying, route: FILES_ROUTE, transfer: sources.get('files')?.transfer ?? noTransfer }),
    serveTransfers(app, { ...carrying, route: AUDIT_ROUTE, transfer: sources.get('audit')?.transfer ?? noTransfer }),
  ]);

  const health = makeHealth(sources, settings.cities);
  app.get('/health/live', () => ({ status: 'live' }));
  app.get('/health/ready', async (_request, reply) => {
    const state = await health();
    return reply.code(state.status === 'ready' ? 200 : 503).send(state);
  });
  app.get('/metrics', async (_request, reply) => {
    tellAuditFigures(await health(), settings.cities, metrics);
    return reply.type(metrics.contentType).send(await metrics.text());
  });
  app.get('/.well-known/jwks.json', async (_request, reply) =>
    reply
      .header('cache-control', 'public, max-age=300')
      .send({ keys: settings.secrets.tokenKeys.map(({ kid, publicJwk }) => ({ ...publicJwk, kid, use: 'sig', alg: 'EdDSA' })) }),
  );

  serveVerifier(app);
  const explorer = development ? await serveExplorer(app, log) : null;
  await app.listen({ host: settings.host, port: settings.port });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${port}`;
  if (origin === '') origin = url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
  return {
    port,
    url,
    stop: async () => {
      sessions.stop();
      for (const each of transfers) each.stop();
      explorer?.stop();
      deliver.stop();
      await webSockets.stop();
      await closeHttpServer(app);
      await server.stop();
      await Promise.all([...sources.values()].map((source) => source.stop()));
      metrics.stop();
    },
  };
};

/** Texts that clients sent with their hash, in a bounded store. */
const makePersistedQueries = () => {
  const texts = new LRUCache<string, string>({ max: 5_000, maxSize: APQ_CHARACTERS, sizeCalculation: (text) => text.length + 100 });
  return {
    get: async (key: string) => texts.get(key),
    set: async (key: string, text: string) => void texts.set(key, text),
    delete: async (key: string) => texts.delete(key),
  };
};

/** The headers that a reply would have had, for an answer that is written by hand. */
const plainHeaders = (reply: FastifyReply): Record<string, string> =>
  Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));

/** The text of an answer that Apollo Server gave by itself. */
const messageOf = (answer: unknown): string => {
  try {
    return (JSON.parse(String(answer)) as { errors: [{ message: string }] }).errors[0].message;
  } catch {
    return 'The request cannot be read.';
  }
};

declare module 'fastify' {
  interface FastifyRequest {
    /** The request to the graph, once it was let in. */
    graph: GraphRequest | null;
  }
}
