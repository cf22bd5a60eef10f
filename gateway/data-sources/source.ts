import type { GraphQLDataSource } from '@apollo/gateway';
import { type FormattedExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { GraphContext } from '#gateway/graph-context.ts';
import { placeInFetch } from '#gateway/place-errors.ts';
import type { Caller } from '#platform/access/viewer.ts';
import { graphError } from '#platform/graphql/errors.ts';
import type { SubgraphRequest } from '#platform/graphql/executor.ts';
import { refuseTransfer, type Transfer } from '#platform/http/transfer.ts';

export type SourceHealth = { readonly cities: Readonly<Record<string, boolean>>; readonly report: Readonly<Record<string, unknown>> };
export type EventStream = AsyncGenerator<FormattedExecutionResult, void, void>;

/** One subgraph as the gateway asks it, wherever it runs. */
export type Source = GraphQLDataSource<GraphContext> & {
  readonly name: string;
  /** One query or mutation. Throws a `SUBGRAPH_UNAVAILABLE` error when there is no answer. */
  readonly ask: (request: SubgraphRequest, caller: Caller) => Promise<FormattedExecutionResult>;
  readonly subscribe: (request: SubgraphRequest, caller: Caller) => Promise<EventStream | FormattedExecutionResult>;
  /** Bytes outside the graph; answers 404 where the subgraph has none. */
  readonly transfer: Transfer;
  /** State of its cities' databases, and what else it tells of itself; null when the subgraph itself is not reachable. */
  readonly health: () => Promise<SourceHealth | null>;
  readonly stop: () => Promise<void>;
};

/** How long a subgraph may take, in milliseconds. A mutation gets longer: its deadlines are its own, and giving up early would hide what was done. */
export const QUERY_MS = 2_500;
export const MUTATION_MS = 10_000;

export const unavailable = () => graphError('SUBGRAPH_UNAVAILABLE', 'The part of the graph that answers this cannot be reached now.');

export const isMutation = (query: string): boolean => query.startsWith('mutation');

/** Told of each request to a subgraph: its name, how long it took in seconds, and whether there was an answer. */
export type Observe = (subgraph: string, seconds: number, answered: boolean) => void;

/** Representations that one request to a subgraph may carry. */
const BATCH = 500;

/** Splits a request for many entities into several, and puts the answers together in their order. */
export const inBatches =
  (ask: Source['ask']): Source['ask'] =>
  async (request, caller) => {
    const all = request.variables?.['representations'];
    if (!Array.isArray(all) || all.length <= BATCH) return ask(request, caller);
    const entities: unknown[] = new Array(all.length).fill(null);
    const errors: GraphQLFormattedError[] = [];
    for (let from = 0; from < all.length; from += BATCH) {
      const representations = all.slice(from, from + BATCH);
      const answer = await ask({ ...request, variables: { ...request.variables, representations } }, caller);
      const given = answer.data?.['_entities'];
      if (Array.isArray(given)) for (let i = 0; i < given.length; i++) entities[from + i] = given[i];
      for (const error of answer.errors ?? []) {
        const [first, index, ...rest] = error.path ?? [];
        errors.push(first === '_entities' && typeof index === 'number' ? { ...error, path: [first, index + from, ...rest] } : error);
      }
    }
    return { data: { _entities: entities }, ...(errors.length > 0 ? { errors } : {}) };
  };

/** A source as Apollo's executor asks it: what is wrong with a whole fetch is an answer as well, at each field that is null because of it. */
export const processBy =
  (ask: Source['ask']): Source['process'] =>
  async ({ request, context }) => {
    const asked = { query: request.query ?? '', operationName: request.operationName, variables: request.variables };
    let answer: FormattedExecutionResult;
    try {
      answer = await ask(asked, context.graph.caller);
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      answer = { errors: [error.toJSON()] };
    }
    return (answer.errors ? { ...answer, errors: placeInFetch(answer.errors, asked) } : answer) as never;
  };

/** What a subgraph without transfers answers. */
export const noTransfer: Transfer = async ({ caller }) =>
  refuseTransfer(404, 'NOT_FOUND', 'There is nothing at this address.', caller.requestId);
