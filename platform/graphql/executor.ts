import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionResult,
  execute,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLFormattedError,
} from 'graphql';
import type { Caller } from '#platform/access/viewer.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { graphError, internalError, toGraphError } from './errors.ts';
import { PLATFORM_FRENCH } from './french.ts';
import { checkVariables, findMisfits, makeDocuments, type PreparedOperation, pickOperation, SUBGRAPH_LIMITS } from './limits.ts';
import { type Language, makeSay, sayErrors } from './say.ts';
import type { Subgraph } from './subgraph.ts';

/** What the gateway asks of a subgraph. */
export type SubgraphRequest = {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
};

/** Asks one subgraph; errors in answers are masked, and nothing is thrown. */
export type Executor = {
  /** Runs a query or a mutation. `context` gives the context to run in, told which of the two it is; errors are told in `language`. */
  readonly run: (
    request: SubgraphRequest,
    requestId: string,
    context: (kind: PreparedOperation['kind']) => unknown,
    language?: Language,
  ) => Promise<FormattedExecutionResult>;
  /** Opens a subscription; each event is resolved in a fresh context, so that no loader shows what an earlier event saw. */
  readonly subscribe: (
    request: SubgraphRequest,
    caller: Caller,
  ) => Promise<AsyncGenerator<FormattedExecutionResult, void, void> | FormattedExecutionResult>;
};

type Variables = SubgraphRequest['variables'];
type Sound = { readonly document: DocumentNode; readonly operation: PreparedOperation };

const isOfVariable = (error: GraphQLError): boolean => error.path === undefined && error.message.startsWith('Variable "$');

/** The executor of a subgraph, the same for callers in the process and over HTTP. Surprises are logged once and shown as nothing but that. */
export const makeExecutor = (subgraph: Pick<Subgraph, 'name' | 'schema' | 'french' | 'makeContext'>, log: Log): Executor => {
  const { schema } = subgraph;
  const documents = makeDocuments(schema, SUBGRAPH_LIMITS);
  const say = makeSay(subgraph.french ?? {}, PLATFORM_FRENCH);
  const said = (result: FormattedExecutionResult, language: Language): FormattedExecutionResult =>
    result.errors ? { ...result, errors: sayErrors(say, result.errors, language) } : result;

  const tell = (error: GraphQLError, requestId: string): GraphQLFormattedError => {
    const place = {
      ...(error.path ? { path: error.path } : {}),
      ...(error.locations ? { locations: error.locations } : {}),
    };
    if (!error.originalError && error.extensions['code'] === undefined) {
      // Written by the engine, not by a resolver: a value that does not fit its type, or a field that may not be null.
      log.error('a result does not fit the schema', { requestId, subgraph: subgraph.name, path: error.path?.join('.') });
      return { ...internalError().toJSON(), ...place };
    }
    const known = toGraphError(error);
    if (known) return { ...known.toJSON(), ...place };
    log.error('unexpected error', {
      requestId,
      subgraph: subgraph.name,
      path: error.path?.join('.'),
      ...describeError(error.originalError ?? error),
    });
    return { ...internalError().toJSON(), ...place };
  };
  const mask = (
    result: ExecutionResult,
    {
      requestId,
      operation,
      variables,
    }: { readonly requestId: string; readonly operation: PreparedOperation; readonly variables: Variables },
  ): FormattedExecutionResult => {
    const { errors } = result;
    if (!errors) return result as FormattedExecutionResult;
    // The engine's own words on a variable repeat its value.
    const misfits = errors.some(isOfVariable) ? findMisfits(operation, variables) : [];
    return misfits.length > 0 ? refused(...misfits) : { ...result, errors: errors.map((error) => tell(error, requestId)) };
  };
  const refused = (...errors: readonly GraphQLError[]): FormattedExecutionResult => ({ errors: errors.map((error) => error.toJSON()) });

  const check = ({ query, operationName, variables }: SubgraphRequest): Sound | FormattedExecutionResult => {
    const prepared = documents(query);
    if (prepared.errors.length > 0 || !prepared.document) return refused(...prepared.errors);
    const operation = pickOperation(prepared, operationName);
    if (operation instanceof GraphQLError) return refused(operation);
    const faults = checkVariables(operation, variables, SUBGRAPH_LIMITS);
    return faults.length > 0 ? refused(...faults) : { document: prepared.document, operation };
  };
  const failure = (error: unknown, requestId: string): FormattedExecutionResult => ({
    errors: [tell(error instanceof GraphQLError ? error : new GraphQLError('thrown', { originalError: error as Error }), requestId)],
  });

  return {
    run: async (request, requestId, context, language = 'en') => {
      const sound = check(request);
      if (!('operation' in sound)) return said(sound, language);
      if (sound.operation.kind === 'subscription')
        return said(refused(graphError('BAD_USER_INPUT', 'Subscriptions are asked for as a stream.')), language);
      try {
        const result = await execute({
          schema,
          document: sound.document,
          contextValue: context(sound.operation.kind),
          variableValues: request.variables ?? {},
          operationName: sound.operation.name,
        });
        return said(mask(result, { requestId, operation: sound.operation, variables: request.variables }), language);
      } catch (error) {
        return said(failure(error, requestId), language);
      }
    },
    subscribe: async (request, caller) => {
      const { requestId, language } = caller;
      const sound = check(request);
      if (!('operation' in sound)) return said(sound, language);
      if (sound.operation.kind !== 'subscription')
        return said(refused(graphError('BAD_USER_INPUT', 'Only subscriptions are asked for as a stream.')), language);
      const args = {
        schema,
        document: sound.document,
        variableValues: request.variables ?? {},
        operationName: sound.operation.name,
      };
      let source: AsyncIterable<unknown> | ExecutionResult;
      try {
        source = await createSourceEventStream({ ...args, contextValue: subgraph.makeContext(caller) });
      } catch (error) {
        return said(failure(error, requestId), language);
      }
      const about = { requestId, operation: sound.operation, variables: request.variables };
      if (!(Symbol.asyncIterator in source)) return said(mask(source, about), language);
      return resolveEach(
        source[Symbol.asyncIterator](),
        async (event) => {
          try {
            return said(mask(await execute({ ...args, rootValue: event, contextValue: subgraph.makeContext(caller) }), about), language);
          } catch (error) {
            return said(failure(error, requestId), language);
          }
        },
        (error) => said(failure(error, requestId), language),
      );
    },
  };
};

/**
 * Each event of `source` resolved by `toResult`; a source that breaks gives one last result. Unlike an async generator, `return()` reaches
 * the source at once even while an event is awaited.
 */
const resolveEach = (
  source: AsyncIterator<unknown>,
  toResult: (event: unknown) => Promise<FormattedExecutionResult>,
  toFailure: (error: unknown) => FormattedExecutionResult,
): AsyncGenerator<FormattedExecutionResult, void, void> => {
  let ended = false;
  const end = async (): Promise<IteratorResult<FormattedExecutionResult, void>> => {
    ended = true;
    await source.return?.();
    return { done: true, value: undefined };
  };
  const stream: AsyncGenerator<FormattedExecutionResult, void, void> = {
    next: async () => {
      if (ended) return { done: true, value: undefined };
      let step: IteratorResult<unknown>;
      try {
        step = await source.next();
      } catch (error) {
        ended = true;
        return { done: false, value: toFailure(error) };
      }
      if (step.done === true) {
        ended = true;
        return { done: true, value: undefined };
      }
      return { done: false, value: await toResult(step.value) };
    },
    return: end,
    throw: end,
    [Symbol.asyncIterator]: () => stream,
    [Symbol.asyncDispose]: async () => {
      await end();
    },
  };
  return stream;
};
