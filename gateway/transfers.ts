import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { CLIENT_PACE, serveTransfer, type TransferPace } from '#platform/http/serve-transfer.ts';
import { refuseTransfer, sessionTagIn, sessionTagOf, type Transfer, type TransferAnswer } from '#platform/http/transfer.ts';
import type { Log } from '#platform/observability/log.ts';
import type { Metrics } from '#platform/observability/metrics.ts';
import { type Authenticator, BAD_TOKEN, languageOf } from './authenticate.ts';
import type { Sessions } from './sessions.ts';

/** Where transfers come in: `/files/*`. */
export const TRANSFERS_PATH = '/files/';
/** Transfers that one gateway carries at once. */
const MAX_OPEN = 256;
const RETRY_AFTER_SECONDS = '5';

/** What pages of allowed origins may send and read here. */
export const TRANSFER_CORS = {
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
 * Serves `/files/*`: bytes that go by signed addresses, streamed in and out without a body parser, at the client's pace but not slower than
 * is fair. A token is not needed; one that is sent has to hold. Who may is the subgraph's question.
 */
export const serveTransfers = async (app: FastifyInstance, settings: TransfersSettings): Promise<{ readonly stop: () => void }> => {
  const { authenticate, sessions, metrics, log, pace = CLIENT_PACE, maxOpen = MAX_OPEN } = settings;
  const tags = watchTags(sessions);
  let open = 0;

  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const began = performance.now();
    const url = request.url.slice(TRANSFERS_PATH.length).split('?', 1)[0] ?? '';
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
    const early = (): TransferAnswer | null => {
      if (authenticated === 'bad') return refuseTransfer(401, 'UNAUTHENTICATED', BAD_TOKEN, request.id, { 'www-authenticate': 'Bearer' });
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
      const kind = /^(?:upload|download)(?=\/)/.exec(path)?.[0] ?? 'none';
      const { status, bytesIn, bytesOut, broken } = done;
      const outcome = broken ? 'broken' : status < 400 ? 'ok' : 'refused';
      metrics.transfer(kind, outcome, bytesIn, bytesOut);
      const ms = Math.round((performance.now() - began) * 10) / 10;
      log.info('transfer', {
        requestId: request.id,
        route: `/files/${kind}`,
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
      url: `${TRANSFERS_PATH}*`,
      exposeHeadRoute: false,
      config: { streams: true },
      handler: serve,
    });
  });
  return { stop: tags.stop };
};

const plainHeaders = (reply: FastifyReply): Record<string, string> =>
  Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
