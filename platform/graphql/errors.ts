import { GraphQLError } from 'graphql';
import { AuditUnavailableError } from '#platform/audit/append.ts';
import { StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import { CityUnavailableError, OverloadedError, sqlStateOf } from '#platform/database/errors.ts';
import { KeyRefusedError, KeysUnavailableError } from '#platform/keys/key-ring.ts';
import { BadInputError, ForbiddenError, LimitExceededError, NotFoundError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { IntegrityError } from '#platform/vault/vault.ts';

/** Every code that an error of the graph can carry. */
export const ERROR_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'BAD_USER_INPUT',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'LIMIT_EXCEEDED',
  'RATE_LIMITED',
  'INTROSPECTION_DISABLED',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_ALLOWED',
  'CITY_UNAVAILABLE',
  'SUBGRAPH_UNAVAILABLE',
  'OVERLOADED',
  'STORAGE_FULL',
  'AUDIT_UNAVAILABLE',
  'INTEGRITY_ERROR',
  'INTERNAL_SERVER_ERROR',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

const isCode = (value: unknown): value is ErrorCode => ERROR_CODES.includes(value as ErrorCode);

/** An error of the graph with its code. `message` is read by callers: no value of a record may stand in it. */
export const graphError = (code: ErrorCode, message: string, extensions: Readonly<Record<string, unknown>> = {}): GraphQLError =>
  new GraphQLError(message, { extensions: { code, ...extensions } });

/** What callers are told of something thrown; null where it is a surprise that has to be masked and logged. */
export const toGraphError = (thrown: unknown): GraphQLError | null => {
  if (thrown instanceof GraphQLError) {
    if (thrown.originalError) return toGraphError(thrown.originalError);
    return isCode(thrown.extensions['code']) ? thrown : null;
  }
  if (thrown instanceof UnauthenticatedError) return graphError('UNAUTHENTICATED', 'Log in first.');
  if (thrown instanceof ForbiddenError) return graphError('FORBIDDEN', 'You may not do this.');
  if (thrown instanceof NotFoundError) return graphError('NOT_FOUND', 'Not found.');
  if (thrown instanceof BadInputError) return graphError('BAD_USER_INPUT', thrown.message, { field: thrown.field });
  if (thrown instanceof LimitExceededError) return graphError('LIMIT_EXCEEDED', thrown.message);
  if (thrown instanceof IntegrityError || thrown instanceof KeyRefusedError)
    return graphError('INTEGRITY_ERROR', 'No store holds this content intact; it is not shown.');
  if (thrown instanceof TlogError)
    return graphError('INTEGRITY_ERROR', 'The log does not match its checkpoint; nothing can be proven from it.');
  if (thrown instanceof StoreFullError) return graphError('STORAGE_FULL', 'The storage is full; nothing was written.');
  if (thrown instanceof StoreUnavailableError)
    return graphError('SUBGRAPH_UNAVAILABLE', 'The stores of contents do not answer now. Try again in a moment.');
  if (thrown instanceof KeysUnavailableError)
    return graphError('SUBGRAPH_UNAVAILABLE', 'The keys of contents cannot be had now. Try again in a moment.');
  if (thrown instanceof AuditUnavailableError)
    return graphError('AUDIT_UNAVAILABLE', 'The audit entry could not be written, so nothing was done. Try again.', { city: thrown.city });
  if (thrown instanceof CityUnavailableError)
    return graphError('CITY_UNAVAILABLE', `The city ${thrown.city} does not answer now. Try again in a moment.`, {
      city: thrown.city,
      retryAfterSeconds: thrown.retryAfterSeconds,
    });
  if (thrown instanceof OverloadedError)
    return graphError('OVERLOADED', 'Too much work is waiting. Try again in a moment.', { city: thrown.city });
  if (['53100', '53400', '58030'].includes(sqlStateOf(thrown) ?? ''))
    return graphError('STORAGE_FULL', 'The storage is full; nothing was written.');
  return null;
};

/** The one answer to a surprise. */
export const internalError = (): GraphQLError => graphError('INTERNAL_SERVER_ERROR', 'Something went wrong on our side.');
