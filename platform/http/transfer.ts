import { hash } from 'node:crypto';
import type { Caller } from '#platform/access/viewer.ts';
import type { ErrorCode } from '#platform/graphql/errors.ts';
import { errorBody } from './json-errors.ts';

/** Headers of a request that a transfer looks at; in lower case, one value each. */
export const TRANSFER_HEADERS = ['range', 'content-range', 'content-length', 'if-none-match'] as const;

/** Bytes that come or go at an address of a subgraph, outside the graph. */
export type TransferRequest = {
  readonly method: 'PUT' | 'POST' | 'GET' | 'HEAD' | 'OTHER';
  /** What follows `/files/`, or the subgraph's other prefix, in the address. */
  readonly path: string;
  readonly headers: Readonly<Partial<Record<(typeof TRANSFER_HEADERS)[number], string>>>;
  /**
   * Pieces that are the reader's alone. Throws when the client is gone or too slow; whoever reads it lets that through and keeps what can
   * be gone on with.
   */
  readonly body: AsyncIterable<Uint8Array>;
  readonly caller: Caller;
  /** Whether the session that the address names by its tag was ended; see `sessionTagOf`. */
  readonly sessionEnded: boolean;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
};

/**
 * The answer. Pieces of its body are the taker's alone, who frees them. A body that fails half-way ends the connection without its end, so
 * that nobody takes it for whole.
 */
export type TransferAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array> | string | null;
};

export type Transfer = (request: TransferRequest) => Promise<TransferAnswer>;

/**
 * Stands for a session in an address, so that a gateway can tell whether the session was ended without asking whose address it is: 11
 * characters of base64url, from which nobody finds the session. The address' own signature covers it.
 */
export const sessionTagOf = (sessionId: string): string => hash('sha256', `session ${sessionId}`, 'base64url').slice(0, 11);

/** The session tag of an address: what follows `/files/` is `{kind}/{id}.{expires}.{tag}.{signature}`. Null where there is none. */
export const sessionTagIn = (path: string): string | null => /^[a-z]+\/[^./]+\.[^./]+\.([A-Za-z0-9_-]{11})\.[^/]*$/.exec(path)?.[1] ?? null;

/** The client sent nothing, took nothing, or did so too slowly. */
export class TooSlowError extends Error {
  override readonly name = 'TooSlowError';
}

/** Codes that answers carry; those of the graph. */
export type TransferCode = ErrorCode;

/** An answer that says why nothing came of it, in the house's shape; `more` stands beside the code. */
export const refuseTransfer = (
  status: number,
  code: ErrorCode,
  message: string,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
  more: Readonly<Record<string, string>> = {},
): TransferAnswer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(errorBody(code, message, requestId, more)),
});
