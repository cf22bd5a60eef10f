import type { Caller } from '#platform/access/viewer.ts';

/** Bytes that come or go at an address of a subgraph, outside the graph. Headers in lower case, one value each. */
export type TransferRequest = {
  readonly method: 'PUT' | 'GET' | 'HEAD' | 'OTHER';
  /** What follows `/files/` in the address. */
  readonly path: string;
  readonly headers: Readonly<Partial<Record<'range' | 'content-range' | 'content-length' | 'content-type', string>>>;
  readonly body: AsyncIterable<Uint8Array>;
  readonly caller: Caller;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
};

/** The answer; a body that fails half-way ends the connection without its end, so that nobody takes it for whole. */
export type TransferAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array> | string | null;
};

export type Transfer = (request: TransferRequest) => Promise<TransferAnswer>;
