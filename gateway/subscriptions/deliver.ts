import { randomUUID } from 'node:crypto';
import { type ExecutionResult, type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Caller } from '#platform/access/viewer.ts';
import { graphError, internalError } from '#platform/graphql/errors.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import type { Metrics } from '#platform/observability/metrics.ts';
import { BAD_TOKEN, stillHolds } from '../authenticate.ts';
import { codeOf, type Mask, stamp } from '../errors.ts';
import { type GraphRequest, makeGraphRequest } from '../graph-context.ts';
import type { Asked } from '../pipeline.ts';
import { placeInAnswer } from '../place-errors.ts';
import type { Sessions } from '../sessions.ts';
import type { LoadedSupergraph } from '../supergraph.ts';
import { type ClientQueue, makeClientQueue } from './client-queue.ts';
import { answerEvent, makePlanner, type SubscriptionPlan } from './plan.ts';
import { openUpstream } from './upstream.ts';

/** Events that may wait for one client. */
const QUEUE_CAPACITY = 1_000;
/** Subscriptions open at once in this process. */
const MAX_OPEN = 20_000;

export type Transport = 'websocket' | 'sse' | 'multipart';
export type Deliver = {
  /**
   * Opens a subscription that the gate has let through. Events arrive masked and stamped, in order; the stream ends when the feed does,
   * the viewer's token or session ends, or the client is too slow (`onOverflow`, then an `OVERLOADED` error). An answer that is no stream
   * is a refusal.
   */
  readonly open: (
    graph: GraphRequest,
    asked: Asked,
    transport: Transport,
    onOverflow?: () => void,
  ) => Promise<ClientQueue | FormattedExecutionResult>;
  /** Ends every open subscription. */
  readonly stop: () => void;
};

export const makeDeliver = (supergraph: LoadedSupergraph, sessions: Sessions, mask: Mask, metrics: Metrics, log: Log): Deliver => {
  const plan = makePlanner(supergraph);
  const open = new Set<ClientQueue>();

  const tell = (
    graph: GraphRequest,
    errors: readonly (GraphQLError | GraphQLFormattedError)[],
    caller: Caller,
    data: unknown = null,
  ): GraphQLFormattedError[] => {
    const masked = errors.map((error) => mask(error instanceof GraphQLError ? error.toJSON() : error, error));
    return stamp(placeInAnswer(graph, masked, data), caller);
  };
  const refusal = (graph: GraphRequest, ...errors: readonly (GraphQLError | GraphQLFormattedError)[]): FormattedExecutionResult => {
    const told = tell(graph, errors, graph.caller);
    graph.code = codeOf(told[0]);
    return { errors: told };
  };

  return {
    open: async (graph, asked, transport, onOverflow) => {
      const { caller, operation, prepared } = graph;
      const { viewer } = caller;
      const document = prepared?.document;
      if (!document || !operation) return refusal(graph, internalError());
      if (open.size >= MAX_OPEN) return refusal(graph, graphError('OVERLOADED', 'Too many subscriptions are open. Try again later.'));
      const variables = asked.variables ?? {};
      let planned: SubscriptionPlan;
      let upstream: Awaited<ReturnType<typeof openUpstream>>;
      try {
        planned = plan(asked.query ?? '', document, operation);
        upstream = await openUpstream(supergraph, planned, variables, caller);
      } catch (error) {
        log.error('a subscription could not be opened', { requestId: caller.requestId, ...describeError(error) });
        graph.code = 'INTERNAL_SERVER_ERROR';
        return { errors: stamp([internalError().toJSON()], caller) };
      }
      if (!(Symbol.asyncIterator in upstream)) {
        const from = (error: GraphQLFormattedError) => ({
          ...error,
          extensions: { ...error.extensions, serviceName: planned.primary.serviceName },
        });
        return refusal(graph, ...(upstream.errors ?? [internalError().toJSON()]).map(from));
      }
      const events = upstream;
      const began = performance.now();
      let sent = 0;
      let ended = false;
      let code: string = 'OK';
      let timer: NodeJS.Timeout | undefined;
      let forget = (): void => {};

      const queue = makeClientQueue(QUEUE_CAPACITY, () => {
        ended = true;
        clearTimeout(timer);
        forget();
        open.delete(queue);
        metrics.subscriptionEnded(transport);
        events.return().catch(() => {});
        log.info('subscription', {
          requestId: caller.requestId,
          transport,
          operation: operation.name ?? undefined,
          code,
          events: sent,
          ms: Math.round(performance.now() - began),
        });
      });
      const endWith = (error: GraphQLError): void => {
        code = String(error.extensions['code']);
        queue.abandon({ errors: stamp([error.toJSON()], caller) });
      };
      const expire = (): void => endWith(graphError('UNAUTHENTICATED', BAD_TOKEN));
      open.add(queue);
      metrics.subscriptionOpened(transport);
      if (viewer) {
        timer = setTimeout(expire, Math.max(0, viewer.expiresAt * 1_000 - Date.now()));
        forget = sessions.onRevoked((sessionId) => {
          if (sessionId === viewer.sessionId) expire();
        });
        if (!stillHolds(viewer, sessions)) expire();
      }

      const answer = async (event: FormattedExecutionResult): Promise<FormattedExecutionResult> => {
        // A request of its own, so that subgraphs answer it from fresh contexts.
        const own = makeGraphRequest({ ...caller, requestId: randomUUID() }, false);
        let result: ExecutionResult;
        try {
          result = await answerEvent(supergraph, planned, event, variables, { graph: own });
        } catch (error) {
          log.error('an event could not be answered', { requestId: own.caller.requestId, ...describeError(error) });
          return { data: null, errors: stamp([internalError().toJSON()], own.caller) };
        }
        const { data, errors, extensions } = result;
        const faults = extensions?.['valueCompletion'] === undefined ? (errors ?? []) : [...(errors ?? []), internalError()];
        const told = faults.length > 0 ? tell(graph, faults, own.caller, data) : [];
        return {
          ...(data === undefined ? {} : { data: data as Record<string, unknown> | null }),
          ...(told.length > 0 ? { errors: told } : {}),
        };
      };
      const run = async (): Promise<void> => {
        for await (const event of events) {
          if (ended) return;
          if (!stillHolds(viewer, sessions)) return expire();
          const result = await answer(event);
          if (ended) return;
          if (!queue.push(result)) {
            onOverflow?.();
            return endWith(graphError('OVERLOADED', 'The events were not read fast enough. Subscribe again from the last cursor.'));
          }
          sent++;
        }
        queue.end();
      };
      run().catch((error: unknown) => {
        log.error('a subscription broke', { requestId: caller.requestId, ...describeError(error) });
        endWith(internalError());
      });
      return queue;
    },
    stop: () => {
      for (const queue of open) queue.end();
    },
  };
};
