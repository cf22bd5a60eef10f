import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Caller } from '#platform/access/viewer.ts';
import { ERROR_CODES, type ErrorCode, internalError } from '#platform/graphql/errors.ts';
import { MAX_ERRORS } from '#platform/graphql/limits.ts';
import { sayErrors } from '#platform/graphql/say.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { say } from './french.ts';

/** What of an error's extensions callers see, beside its code and the request's id. */
const SHOWN = ['field', 'city', 'retryAfterSeconds'] as const;
/** Characters of a message. */
const MAX_MESSAGE = 500;

/** Codes of Apollo Server that have another name in the graph. */
const RENAMED: Readonly<Record<string, ErrorCode>> = { BAD_REQUEST: 'BAD_USER_INPUT', OPERATION_RESOLUTION_FAILURE: 'BAD_USER_INPUT' };
/** What a subgraph says of a document that the gateway wrote, and so of no field of it: a fault of ours. */
const OURS = new Set<string>(['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'LIMIT_EXCEEDED']);

const isCode = (value: unknown): value is ErrorCode => ERROR_CODES.includes(value as ErrorCode);

/**
 * An error as it may leave: its code if that is one of the graph's, else `INTERNAL_SERVER_ERROR`, logged. Names of subgraphs, their
 * addresses, stacks and whatever else stands in its extensions stay here.
 */
export const makeMask = (log: Log) => {
  return (formatted: GraphQLFormattedError, original: unknown): GraphQLFormattedError => {
    const extensions = formatted.extensions ?? {};
    const told = extensions['code'];
    const fromSubgraph = extensions['serviceName'] !== undefined;
    const path = formatted.path ? { path: formatted.path } : {};
    let code = isCode(told) ? told : typeof told === 'string' ? RENAMED[told] : undefined;
    if (
      code === 'INTERNAL_SERVER_ERROR' &&
      /^(?:provided sha does not match query|Unsupported persisted query version)$/.test(formatted.message)
    )
      code = 'BAD_USER_INPUT';
    if (fromSubgraph && code !== undefined && OURS.has(code) && formatted.path === undefined) {
      log.error('a subgraph refused what the gateway asked', { subgraph: extensions['serviceName'], code });
      code = 'INTERNAL_SERVER_ERROR';
    } else if (code === undefined || (code === 'INTERNAL_SERVER_ERROR' && !fromSubgraph)) {
      log.error('unexpected error', describeError(original instanceof GraphQLError ? (original.originalError ?? original) : original));
      code = 'INTERNAL_SERVER_ERROR';
    }
    if (code === 'INTERNAL_SERVER_ERROR') return { ...internalError().toJSON(), ...path };
    const shown: Record<string, unknown> = { code };
    for (const key of SHOWN) if (extensions[key] !== undefined) shown[key] = extensions[key];
    const { locations } = formatted;
    return {
      message: formatted.message.trim().slice(0, MAX_MESSAGE),
      ...(locations && !fromSubgraph ? { locations } : {}),
      ...path,
      extensions: shown,
    };
  };
};
export type Mask = ReturnType<typeof makeMask>;

/** The errors of one answer in the caller's language and with the request's id, five at most. */
export const stamp = (
  errors: readonly GraphQLFormattedError[],
  { requestId, language }: Pick<Caller, 'requestId' | 'language'>,
): GraphQLFormattedError[] =>
  sayErrors(say, errors.slice(0, MAX_ERRORS), language).map((error) => ({ ...error, extensions: { ...error.extensions, requestId } }));

export const codeOf = (error: GraphQLFormattedError | undefined): ErrorCode | null => {
  const code = error?.extensions?.['code'];
  return isCode(code) ? code : null;
};
