import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { CLIENT_PACE, serveTransfer, type TransferPace } from '#platform/http/serve-transfer.ts';
import { refuseTransfer, sessionTagIn, sessionTagOf, type Transfer, type TransferAnswer } from '#platform/http/transfer.ts';
import type { Log } from '#platform/observability/log.ts';
import type { Metrics } from '#platform/observability/metrics.ts';
import { type AddressRateOptions, makeAddressRate } from './address-rate.ts';
import { type Authenticator, BAD_TOKEN, languageOf } from './authenticate.ts';
import type { Sessions } from './sessions.ts';

const RETRY_AFTER_SECONDS = '5';

/** What pages of allowed origins may send and read here. */
const FILES_CORS = {
  methods: ['GET', 'HEAD', 'PUT'],
  allowedHeaders: ['authorization', 'content-type', 'content-range', 'range'],
  exposedHeaders: [
    'x-request-id',
    'upload-offset',
    'upload-length',
    'content-range',
    'content-disposition',
    'accept-ranges',
    'retry-after',
  ],
};

/** Addresses that lead past the graph into a subgraph: where they begin, and how many are carried at once. */
export type TransferRoute = {
  readonly prefix: '/files/' | '/audit/';
  readonly maxOpen: number;
  /** What pages of other origins may do. */
  readonly cors: Readonly<Record<string, unknown>>;
  /** What is asked for, in one of few words, for figures. */
  readonly kindOf: (path: string) => string;
  /** How often one address may ask: so many at once, and so many a second later on. */
  readonly rate: AddressRateOptions | null;
  /** Whether each is worth a line in the log. */
  readonly isLogged: boolean;
};

/** Contents of files, both ways, by signed addresses. */
export const FILES_ROUTE: TransferRoute = {
  prefix: '/files/',
  maxOpen: 256,
  cors: FILES_CORS,
  kindOf: (path) => /^(?:upload|download)(?=\/)/.exec(path)?.[0] ?? 'none',
  rate: null,
  isLogged: true,
};

/** The audit logs, read by anybody, also from pages of any origin; whoever verifies a whole log asks a few thousand times. */
export const AUDIT_ROUTE: TransferRoute = {
  prefix: '/audit/',
  maxOpen: 64,
  cors: { origin: '*', methods: ['GET', 'HEAD'], allowedHeaders: [], exposedHeaders: ['x-request-id', 'etag', 'retry-after'] },
  kindOf: (path) => (/^[A-Z]{3}\/witness\//.test(path) ? 'witness' : 'audit'),
  rate: { burst: 4_000, perSecond: 500 },
  isLogged: false,
};

/** A content is somebody else's bytes: whatever it is, it is kept on the disk and never shown as a page of ours. */
const HEADERS = {
  'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/** What an address can hold; anything else is no address of ours and is asked for as `none`, so that it is refused like one. */
const PATH = /^[A-Za-z0-9._~/-]{1,400}$/;

export type TransfersSettings = {
  readonly route: TransferRoute;
  readonly transfer: Transfer;
  readonly authenticate: Authenticator;
  readonly sessions: Sessions;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly origin: () => string;
  readonly pace?: TransferPace;
  readonly maxOpen?: number;
};

/** Sessions that were ended, by the tags that stand in addresses. */
const watchTags = (sessions: Sessions) => {
  const open = new Map<string, Set<AbortController>>();
  const stop = sessions.onRevoked((sessionId) => {
    for (const transfer of open.get(sessionTagOf(sessionId)) ?? []) transfer.abort();
  });
  return {
    open: (tag: string | null): { readonly signal: AbortSignal; readonly close: () => void } => {
      const controller = new AbortController();
      if (tag === null) return { signal: controller.signal, close: () => {} };
      const same = open.get(tag) ?? new Set();
      open.set(tag, same.add(controller));
      const close = (): void => {
        same.delete(controller);
        if (same.size === 0) open.delete(tag);
      };
      return { signal: controller.signal, close };
    },
    stop,
  };
};

/**
 * Serves the addresses of a route, such as `/files/*`: bytes streamed in and out without a body parser, at the client's pace but not slower than
 * is fair. A token is not needed; one that is sent has to hold. Who may is the subgraph's question.
 */
export const serveTransfers = async (app: FastifyInstance, settings: TransfersSettings): Promise<{ readonly stop: () => void }> => {
  const { route, authenticate, sessions, metrics, log, pace = CLIENT_PACE, maxOpen = route.maxOpen } = settings;
  const mayAsk = route.rate === null ? () => true : makeAddressRate(route.rate);
  const tags = watchTags(sessions);
  let open = 0;

  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const began = performance.now();
    const url = request.url.slice(route.prefix.length).split('?', 1)[0] ?? '';
    const path = PATH.test(url) && !request.url.includes('?') ? url : 'none';
    const tag = sessionTagIn(path);
    const authenticated = await authenticate(request.headers.authorization);
    const viewer: Viewer | null = authenticated === 'bad' ? null : authenticated.viewer;
    const caller: Caller = {
      viewer,
      requestId: request.id,
      address: request.ip,
      language: languageOf(request.headers['accept-language']),
      origin: settings.origin(),
    };
    const isFull = open >= maxOpen;
    const isTooOften = !mayAsk(request.ip);
    const early = (): TransferAnswer | null => {
      if (authenticated === 'bad') return refuseTransfer(401, 'UNAUTHENTICATED', BAD_TOKEN, request.id, { 'www-authenticate': 'Bearer' });
      if (isTooOften)
        return refuseTransfer(429, 'RATE_LIMITED', 'Too many requests from one address. Go on more slowly.', request.id, {
          'retry-after': '1',
        });
      if (isFull)
        return refuseTransfer(503, 'OVERLOADED', 'Too many transfers are under way. Try again in a moment.', request.id, {
          'retry-after': RETRY_AFTER_SECONDS,
        });
      return null;
    };
    const refused = early();
    const held = tags.open(tag);
    reply.hijack();
    open++;
    try {
      const done = await serveTransfer(request.raw, reply.raw, refused ? async () => refused : settings.transfer, {
        path,
        caller,
        sessionEnded: tag !== null && sessions.hasTag(tag),
        pace,
        signal: held.signal,
        headers: { ...plainHeaders(reply), ...HEADERS },
        log,
      });
      const kind = route.kindOf(path);
      const { status, bytesIn, bytesOut, broken } = done;
      const outcome = broken ? 'broken' : status < 400 ? 'ok' : 'refused';
      metrics.transfer(kind, outcome, bytesIn, bytesOut);
      const ms = Math.round((performance.now() - began) * 10) / 10;
      log[route.isLogged ? 'info' : 'debug']('transfer', {
        requestId: request.id,
        route: `${route.prefix}${kind}`,
        method: request.method,
        status,
        broken,
        bytesIn,
        bytesOut,
        ms,
      });
    } finally {
      open--;
      held.close();
    }
  };

  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null)); // the body is read as it comes
    scope.route({
      method: ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'],
      url: `${route.prefix}*`,
      exposeHeadRoute: false,
      config: { streams: true },
      handler: serve,
    });
  });
  return { stop: tags.stop };
};

const plainHeaders = (reply: FastifyReply): Record<string, string> =>
  Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
