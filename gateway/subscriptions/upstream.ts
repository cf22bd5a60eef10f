import type { FormattedExecutionResult } from 'graphql';
import type { Caller } from '#platform/access/viewer.ts';
import type { EventStream } from '../data-sources/source.ts';
import type { LoadedSupergraph } from '../supergraph.ts';
import type { SubscriptionPlan } from './plan.ts';

/** Opens a subscription at the subgraph that has its events, for one viewer; nobody else gets anything of it. */
export const openUpstream = (
  supergraph: LoadedSupergraph,
  { primary }: SubscriptionPlan,
  variables: Readonly<Record<string, unknown>>,
  caller: Caller,
): Promise<EventStream | FormattedExecutionResult> => {
  const source = supergraph.sources.get(primary.serviceName);
  if (!source) throw new Error('the plan names a subgraph that is not configured');
  const used: Record<string, unknown> = {};
  for (const name of primary.variableUsages ?? []) if (Object.hasOwn(variables, name)) used[name] = variables[name];
  return source.subscribe({ query: primary.operation, operationName: primary.operationName, variables: used }, caller);
};
