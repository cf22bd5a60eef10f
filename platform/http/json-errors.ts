import type { ErrorCode } from '#platform/graphql/errors.ts';

/** An answer that holds nothing but one error, as every path of every server gives it. */
export const errorBody = (
  code: ErrorCode,
  message: string,
  requestId: string,
  more: Readonly<Record<string, string>> = {},
): { readonly errors: readonly unknown[] } => ({ errors: [{ message, extensions: { code, requestId, ...more } }] });

/** What a client is told of a request that the HTTP server itself refused: status, code, text. */
export const describeHttpFault = (error: unknown): { readonly status: number; readonly code: ErrorCode; readonly message: string } => {
  const { statusCode, code } = (error ?? {}) as { readonly statusCode?: unknown; readonly code?: unknown };
  if (statusCode === 413) return { status: 413, code: 'LIMIT_EXCEEDED', message: 'The body is larger than 2 MB.' };
  if (statusCode === 415)
    return { status: 415, code: 'BAD_USER_INPUT', message: 'Send JSON as application/json in UTF-8, not compressed.' };
  if (statusCode === 404) return { status: 404, code: 'NOT_FOUND', message: 'There is nothing at this address.' };
  if (statusCode === 503) return { status: 503, code: 'OVERLOADED', message: 'The server is going down. Try again in a moment.' };
  if (statusCode === 401) return { status: 401, code: 'UNAUTHENTICATED', message: 'Log in first.' };
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    const message = code === 'FST_ERR_CTP_EMPTY_JSON_BODY' ? 'The body is empty.' : 'The body cannot be read as JSON.';
    return { status: statusCode, code: 'BAD_USER_INPUT', message };
  }
  return { status: 500, code: 'INTERNAL_SERVER_ERROR', message: 'Something went wrong on our side.' };
};
