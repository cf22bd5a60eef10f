import type { FormattedExecutionResult } from 'graphql';
import type { Caller } from '#platform/access/viewer.ts';
import { makeExecutor } from '#platform/graphql/executor.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { inBatches, isMutation, MUTATION_MS, noTransfer, type Observe, processBy, QUERY_MS, type Source, unavailable } from './source.ts';

/** A subgraph that runs in this process: one context per gateway request, a mutation and what follows it excepted. */
export const openInProcess = (subgraph: Subgraph, log: Log, observe: Observe): Source => {
  const executor = makeExecutor(subgraph, log);
  const contexts = new WeakMap<Caller, unknown>();

  const ask: Source['ask'] = inBatches(async (request, caller) => {
    const began = performance.now();
    const { promise: deadline, resolve } = Promise.withResolvers<null>();
    const timer = setTimeout(resolve, isMutation(request.query) ? MUTATION_MS : QUERY_MS, null);
    let answer: FormattedExecutionResult | null = null;
    try {
      answer = await Promise.race([
        executor.run(
          request,
          caller.requestId,
          (kind) => {
            if (kind === 'mutation') {
              contexts.delete(caller);
              return subgraph.makeContext(caller);
            }
            let context = contexts.get(caller);
            if (context === undefined) {
              context = subgraph.makeContext(caller);
              contexts.set(caller, context);
            }
            return context;
          },
          caller.language,
        ),
        deadline,
      ]);
    } finally {
      clearTimeout(timer);
      observe(subgraph.name, (performance.now() - began) / 1_000, answer !== null);
    }
    if (answer === null) throw unavailable();
    return answer;
  });
  return {
    name: subgraph.name,
    ask,
    process: processBy(ask),
    subscribe: (request, caller) => executor.subscribe(request, caller),
    transfer: subgraph.transfer ?? noTransfer,
    health: async () => ({ cities: await subgraph.health(), report: subgraph.report?.() ?? {} }),
    stop: () => Promise.resolve(),
  };
};
