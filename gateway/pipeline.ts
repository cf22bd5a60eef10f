import { type ApolloServerPlugin, type GraphQLRequestListener, HeaderMap } from '@apollo/server';
import { GraphQLError, type GraphQLFormattedError, parse } from 'graphql';
import type { Caller } from '#platform/access/viewer.ts';
import { graphError, internalError } from '#platform/graphql/errors.ts';
import { checkVariables, type Documents, type Limits, type PreparedOperation, pickOperation } from '#platform/graphql/limits.ts';
import type { Log } from '#platform/observability/log.ts';
import { decide } from '#policy/decide.ts';
import { codeOf, stamp } from './errors.ts';
import type { GraphContext, GraphRequest } from './graph-context.ts';
import { placeInAnswer } from './place-errors.ts';

/** What a client asks, on whichever transport. */
export type Asked = {
  readonly query?: string | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
};

/** Stands in for a document that may not run, so that the server neither parses nor validates it again. */
const NOTHING = parse('{ __typename }');

/** Decides what of a request may run: document, operation, introspection, variables. */
export const makeGate = (documents: Documents, limits: Limits, settings: { readonly development: boolean }) => {
  const mayIntrospect = (graph: GraphRequest): boolean =>
    settings.development || decide(graph.caller.viewer, { action: 'graph:introspect' }).allow;

  return (graph: GraphRequest, asked: Asked): readonly GraphQLError[] => {
    graph.prepared ??= documents(asked.query ?? '');
    const { prepared } = graph;
    if (prepared.errors.length > 0) return prepared.errors;
    const operation: PreparedOperation | GraphQLError = pickOperation(prepared, asked.operationName);
    if (operation instanceof GraphQLError) return [operation];
    graph.operation = operation;
    if (operation.introspects && !mayIntrospect(graph))
      return [graphError('INTROSPECTION_DISABLED', 'Introspection is for administrators alone.')];
    return checkVariables(operation, asked.variables, limits);
  };
};
export type Gate = ReturnType<typeof makeGate>;

export const tellAll = (errors: readonly GraphQLError[], caller: Caller): GraphQLFormattedError[] =>
  stamp(
    errors.map((error) => error.toJSON()),
    caller,
  );

/** The gate as a plugin of Apollo Server, before parsing and validation, and the last look at what leaves. */
export const makePipeline = (documents: Documents, gate: Gate, log: Log): ApolloServerPlugin<GraphContext> => {
  const listener: GraphQLRequestListener<GraphContext> = {
    didResolveSource: async (context) => {
      const { graph } = context.contextValue;
      graph.prepared = documents(context.source);
      (context as { document?: unknown }).document = graph.prepared.document ?? NOTHING;
    },
    responseForOperation: async ({ contextValue: { graph }, request }) => {
      let errors = gate(graph, request as Asked);
      if (errors.length === 0 && graph.operation?.kind === 'subscription')
        errors = [graphError('BAD_USER_INPUT', 'Subscriptions are asked for over WebSocket, or as a stream at /graphql/stream.')];
      if (errors.length === 0) return null;
      return {
        http: { status: graph.plainJson ? 200 : 400, headers: new HeaderMap() },
        body: { kind: 'single', singleResult: { errors: errors.map((error) => error.toJSON()) } },
      };
    },
    willSendResponse: async ({ contextValue: { graph }, response: { body } }) => {
      graph.answered = true;
      if (body.kind !== 'single') return;
      const result = body.singleResult;
      if (result.extensions) {
        // The gateway's note of results that did not fit the schema names its types; callers get an error instead.
        if (result.extensions['valueCompletion'] !== undefined) {
          log.error('a result does not fit the schema', { requestId: graph.caller.requestId });
          result.errors = [...(result.errors ?? []), internalError().toJSON()];
        }
        delete result.extensions;
      }
      if (!result.errors) return;
      const errors = stamp(placeInAnswer(graph, result.errors, result.data), graph.caller);
      graph.code = codeOf(errors[0]);
      if (errors.length > 0) result.errors = errors;
      else delete result.errors;
    },
  };
  return { requestDidStart: async () => listener };
};
