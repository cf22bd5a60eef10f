import type { GraphQLSchema } from 'graphql';
import type { Caller } from '#platform/access/viewer.ts';
import type { Transfer } from '#platform/http/transfer.ts';
import type { FrenchTexts } from './say.ts';

/**
 * A running subgraph. The same value is served in the gateway's process or over HTTP by a process of its own; both ask for one context
 * per gateway request and share it among the fetches of that request.
 */
export type Subgraph<C = unknown> = {
  readonly name: string;
  readonly schema: GraphQLSchema;
  /** Its errors in French. */
  readonly french?: FrenchTexts;
  readonly makeContext: (caller: Caller) => C;
  /** Bytes that come and go outside the graph, at addresses under `/files/` or `/audit/`. */
  readonly transfer?: Transfer;
  /** Whether each city's database answers. */
  readonly health: () => Promise<Readonly<Record<string, boolean>>>;
  /** What else health tells of this subgraph, by a name of its own; no personal data. Shown to everybody. */
  readonly report?: () => Readonly<Record<string, unknown>>;
  /** Ends feeds, timers and connections; what is acknowledged is already kept. */
  readonly stop: () => Promise<void>;
};
