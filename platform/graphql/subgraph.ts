import type { GraphQLSchema } from 'graphql';
import type { Caller } from '#platform/access/viewer.ts';
import type { Transfer } from '#platform/http/transfer.ts';

/**
 * A running subgraph. The same value is served in the gateway's process or over HTTP by a process of its own; both ask for one context
 * per gateway request and share it among the fetches of that request.
 */
export type Subgraph<C = unknown> = {
  readonly name: string;
  readonly schema: GraphQLSchema;
  readonly makeContext: (caller: Caller) => C;
  /** Bytes that come and go outside the graph, at addresses under `/files/`. */
  readonly transfer?: Transfer;
  /** Whether each city's database answers. */
  readonly health: () => Promise<Readonly<Record<string, boolean>>>;
  /** Ends feeds, timers and connections; what is acknowledged is already kept. */
  readonly stop: () => Promise<void>;
};
