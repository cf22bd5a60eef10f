import type { Caller } from '#platform/access/viewer.ts';
import type { ErrorCode } from '#platform/graphql/errors.ts';
import type { Prepared, PreparedOperation } from '#platform/graphql/limits.ts';

/** One request to the graph, on whichever transport; filled in while it runs. */
export type GraphRequest = {
  readonly caller: Caller;
  /** Whether the client reads `application/json` alone, where a refused document is HTTP 200. */
  readonly plainJson: boolean;
  prepared: Prepared | null;
  operation: PreparedOperation | null;
  /** Code of the first error of the answer. */
  code: ErrorCode | null;
  /** Whether the answer went through the graph's pipeline, which masks it. */
  answered: boolean;
  /** Whether the answer is a stream, which tells its own end. */
  streamed: boolean;
};

/** What Apollo Server and the data sources get. */
export type GraphContext = { readonly graph: GraphRequest };

export const makeGraphRequest = (caller: Caller, plainJson: boolean): GraphRequest => ({
  caller,
  plainJson,
  prepared: null,
  operation: null,
  code: null,
  answered: false,
  streamed: false,
});
