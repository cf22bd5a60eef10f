import './no-telemetry.ts';
import { type Schema, Supergraph } from '@apollo/federation-internals';
import { ApolloGateway } from '@apollo/gateway';
import { QueryPlanner } from '@apollo/query-planner';
import type { ApolloServerOptionsWithGateway } from '@apollo/server';
import { type GraphQLScalarType, type GraphQLSchema, isScalarType } from 'graphql';
import { Base64, ByteCount, CalendarDate, DateTime, EntryCount, LocalDateTime } from '#platform/graphql/scalars.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import type { Source } from './data-sources/source.ts';
import type { GraphContext } from './graph-context.ts';

/** The composed graph, ready to plan and run operations. */
export type LoadedSupergraph = {
  /** For Apollo Server: it is loaded already. */
  readonly gateway: ApolloServerOptionsWithGateway<GraphContext>['gateway'];
  /** What callers see. */
  readonly apiSchema: GraphQLSchema;
  readonly api: Schema;
  readonly supergraphSchema: GraphQLSchema;
  readonly planner: QueryPlanner;
  readonly sources: ReadonlyMap<string, Source>;
};

/** Takes over how a scalar reads values, so that a bad one is refused before anything runs. */
const adopt = (schema: GraphQLSchema, scalar: GraphQLScalarType): void => {
  const own = schema.getType(scalar.name);
  if (!isScalarType(own)) return;
  own.parseValue = scalar.parseValue;
  own.parseLiteral = scalar.parseLiteral;
};

/** Loads a supergraph over its sources; throws when it does not fit the sources or is none. */
export const loadSupergraph = async (sdl: string, sources: ReadonlyMap<string, Source>, log: Log): Promise<LoadedSupergraph> => {
  const gateway = new ApolloGateway({
    supergraphSdl: sdl,
    logger: {
      debug: () => {},
      info: () => {},
      warn: (message) => log.warn('gateway', { note: String(message).slice(0, 200) }),
      error: (message) => log.error('gateway', describeError(message)),
    },
    __exposeQueryPlanExperimental: false,
    buildService: ({ name }) => {
      const source = sources.get(name);
      if (!source) throw new Error(`the supergraph names a subgraph that is not configured: ${name}`);
      return source as never;
    },
  });
  let apiSchema: GraphQLSchema | null = null;
  gateway.onSchemaLoadOrUpdate((loaded) => {
    apiSchema = loaded.apiSchema;
    for (const scalar of [DateTime, CalendarDate, LocalDateTime, Base64, ByteCount, EntryCount]) adopt(loaded.apiSchema, scalar);
  });
  const { executor } = await gateway.load();
  if (!apiSchema) throw new Error('the supergraph did not load');
  const supergraph = Supergraph.build(sdl, { validateSupergraph: false });
  const loaded: GraphQLSchema = apiSchema;
  return {
    gateway: {
      load: async () => ({ executor: executor as never }),
      onSchemaLoadOrUpdate: (tell) => {
        tell({ apiSchema: loaded, coreSupergraphSdl: sdl });
        return () => {};
      },
      stop: () => gateway.stop(),
    },
    apiSchema: loaded,
    api: supergraph.apiSchema(),
    supergraphSchema: supergraph.schema.toGraphQLJSSchema(),
    planner: new QueryPlanner(supergraph),
    sources,
  };
};
