import '../no-telemetry.ts';
import { operationFromDocument } from '@apollo/federation-internals';
import { buildOperationContext, executeQueryPlan } from '@apollo/gateway';
import type { FetchNode, PlanNode, QueryPlan } from '@apollo/query-planner';
import type { DocumentNode, ExecutionResult, FormattedExecutionResult } from 'graphql';
import type { PreparedOperation } from '#platform/graphql/limits.ts';
import type { GraphContext } from '../graph-context.ts';
import { placeInFetch } from '../place-errors.ts';
import type { LoadedSupergraph } from '../supergraph.ts';

/** How a subscription is answered: `primary` opens it at one subgraph, and each event runs through `plan`, whose first fetch is the event. */
export type SubscriptionPlan = {
  readonly primary: FetchNode;
  readonly plan: QueryPlan;
  readonly operationContext: ReturnType<typeof buildOperationContext>;
  readonly document: DocumentNode;
  readonly text: string;
};

/** Plans subscriptions with the gateway's own planner, each text once. Throws when a subscription cannot be planned. */
export const makePlanner = (supergraph: LoadedSupergraph) => {
  // As long as the gate keeps the document, and no longer.
  const known = new WeakMap<PreparedOperation, SubscriptionPlan>();
  return (text: string, document: DocumentNode, operation: PreparedOperation): SubscriptionPlan => {
    const seen = known.get(operation);
    if (seen) return seen;
    const named = operation.name === null ? {} : { operationName: operation.name };
    const { node } = supergraph.planner.buildQueryPlan(operationFromDocument(supergraph.api, document, named));
    if (node?.kind !== 'Subscription') throw new Error('the planner made no plan of a subscription');
    const { primary, rest } = node;
    const plan: SubscriptionPlan = {
      primary,
      plan: { kind: 'QueryPlan', node: { kind: 'Sequence', nodes: rest ? [primary, rest as PlanNode] : [primary] } },
      operationContext: buildOperationContext({ schema: supergraph.apiSchema, operationDocument: document, ...named }),
      document,
      text,
    };
    known.set(operation, plan);
    return plan;
  };
};

/** An event with what is wrong with the whole of it at its fields. */
const placed = (event: FormattedExecutionResult, asked: Parameters<typeof placeInFetch>[1]): FormattedExecutionResult =>
  event.errors ? { ...event, errors: placeInFetch(event.errors, asked) } : event;

/** Answers one event: the rest of what the subscription selects is fetched from whichever subgraphs have it. `event` is changed. */
export const answerEvent = async (
  supergraph: LoadedSupergraph,
  { primary, plan, operationContext, document, text }: SubscriptionPlan,
  event: FormattedExecutionResult,
  variables: Readonly<Record<string, unknown>>,
  context: GraphContext,
): Promise<ExecutionResult> => {
  const services: Record<string, unknown> = Object.create(null);
  for (const [name, source] of supergraph.sources)
    services[name] =
      name === primary.serviceName
        ? {
            process: (options: Parameters<typeof source.process>[0]) =>
              options.request.query === primary.operation ? Promise.resolve(placed(event, options.request)) : source.process(options),
          }
        : source;
  const request = { query: text, operationName: operationContext.operation.name?.value, variables };
  return executeQueryPlan(
    plan,
    services as never,
    { schema: supergraph.apiSchema, document, source: text, metrics: {}, context, request } as never,
    operationContext,
    supergraph.supergraphSchema,
    supergraph.api,
  ) as Promise<ExecutionResult>;
};
