import type { FetchNode, PlanNode, QueryPlan, QueryPlanSelectionNode } from '@apollo/query-planner';
import { GraphQLError, type GraphQLFormattedError, type GraphQLSchema, isAbstractType, isObjectType } from 'graphql';
import type { Caller } from '#platform/access/viewer.ts';
import { internalError } from '#platform/graphql/errors.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import type { Source } from './data-sources/source.ts';
import { placeInFetch } from './place-errors.ts';

type Data = Record<string, unknown>;
type Path = readonly (string | number)[];
type Variables = Readonly<Record<string, unknown>>;

/** One run of a plan: what was put together, and what went wrong on the way. */
export type Run = {
  readonly data: Data;
  readonly errors: GraphQLFormattedError[];
};

const isObject = (value: unknown): value is Data => typeof value === 'object' && value !== null;
const own = (value: unknown, key: string): unknown => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined);

const merge = (target: Data, source: Data): void => {
  for (const key of Object.keys(source)) {
    const given = source[key];
    if (key === '__proto__' || given === undefined) continue;
    const there = Object.hasOwn(target, key) ? target[key] : undefined;
    if (Array.isArray(given) && Array.isArray(there) && given.length === there.length) {
      for (let i = 0; i < given.length; i++) {
        if (isObject(there[i]) && isObject(given[i])) merge(there[i] as Data, given[i] as Data);
        else there[i] = given[i];
      }
    } else if (isObject(given) && !Array.isArray(given) && isObject(there) && !Array.isArray(there)) merge(there, given);
    else target[key] = given;
  }
};

/** The values at a path through lists (`@`), with where each stands; missing ones are left out. */
const flatten = (value: unknown, path: Path, at: number, here: Path, into: { readonly value: Data; readonly path: Path }[]): void => {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) {
    const next = path[at] === '@' ? at + 1 : at;
    for (let i = 0; i < value.length; i++) flatten(value[i], path, next, [...here, i], into);
  } else if (at === path.length) {
    if (isObject(value)) into.push({ value, path: here });
  } else {
    const key = String(path[at]);
    flatten(own(value, key), path, at + 1, [...here, key], into);
  }
};

/** Whether this runner can run a plan; data rewrites and deferred parts are left to the gateway's own. */
export const isPlain = (node: PlanNode | QueryPlan['node']): boolean => {
  switch (node?.kind) {
    case undefined:
      return true;
    case 'Sequence':
    case 'Parallel':
      return node.nodes.every(isPlain);
    case 'Flatten':
      return isPlain(node.node);
    case 'Condition':
      return (!node.ifClause || isPlain(node.ifClause)) && (!node.elseClause || isPlain(node.elseClause));
    case 'Fetch':
      return !node.inputRewrites?.length && !node.outputRewrites?.length && !node.contextRewrites?.length;
    default:
      return false;
  }
};

/** Runs query plans over the sources. The order of fetches, their variables and representations are those of Apollo's executor. */
export const makePlanRunner = (sources: ReadonlyMap<string, Source>, supergraphSchema: GraphQLSchema, log: Log) => {
  const isOf = (typename: unknown, condition: string): boolean => {
    if (typename === condition) return true;
    const [type, wanted] = [supergraphSchema.getType(String(typename)), supergraphSchema.getType(condition)];
    return isObjectType(type) && isAbstractType(wanted) && supergraphSchema.isSubType(wanted, type);
  };
  /** What a subgraph needs of an entity to find it; null when a part is missing. */
  const represent = (entity: unknown, selections: readonly QueryPlanSelectionNode[]): unknown => {
    if (!isObject(entity)) return null;
    const result: Data = Object.create(null);
    for (const selection of selections) {
      if (selection.kind === 'Field') {
        const key = selection.alias ?? selection.name;
        const value = own(entity, key);
        if (value === undefined) return null;
        const below = selection.selections;
        if (!below) result[key] = value;
        else result[key] = Array.isArray(value) ? value.map((each) => represent(each, below)) : represent(value, below);
      } else if (selection.typeCondition === undefined || isOf(entity['__typename'], selection.typeCondition)) {
        const part = represent(entity, selection.selections);
        if (isObject(part)) merge(result, part);
      }
    }
    return result;
  };

  return async (plan: QueryPlan, variables: Variables, defaults: Variables, caller: Caller): Promise<Run> => {
    const run: Run = { data: Object.create(null), errors: [] };
    const fetchAt = async (node: FetchNode, at: readonly { readonly value: Data; readonly path: Path }[]): Promise<void> => {
      const sent: Data = {};
      for (const name of node.variableUsages ?? []) if (Object.hasOwn(variables, name)) sent[name] = variables[name];
      let targets = at;
      if (node.requires) {
        const found: { readonly value: Data; readonly path: Path }[] = [];
        const representations: unknown[] = [];
        for (const target of at) {
          const representation = represent(target.value, node.requires);
          if (!isObject(representation) || !representation['__typename']) continue;
          representations.push(representation);
          found.push(target);
        }
        if (representations.length === 0) return;
        sent['representations'] = representations;
        targets = found;
      }
      const fail = (error: GraphQLFormattedError, path?: Path): void => {
        const { path: _subgraphs, ...rest } = error;
        run.errors.push({ ...rest, ...(path ? { path } : {}), extensions: { ...error.extensions, serviceName: node.serviceName } });
      };
      const failAll = (errors: readonly GraphQLFormattedError[]): void => {
        for (const error of placeInFetch(errors, { query: node.operation, variables: sent })) {
          const [first, index, ...rest] = error.path ?? [];
          if (first === '_entities') fail(error, typeof index === 'number' ? [...(targets[index]?.path ?? []), ...rest] : undefined);
          else fail(error, error.path && [...(targets[0]?.path ?? []), ...error.path]);
        }
      };
      try {
        const source = sources.get(node.serviceName);
        if (!source) throw new Error('the plan names a subgraph that is not configured');
        const { data, errors } = await source.ask({ query: node.operation, operationName: node.operationName, variables: sent }, caller);
        if (errors) failAll(errors);
        if (!isObject(data)) return;
        if (!node.requires) {
          for (const { value } of targets) merge(value, data);
          return;
        }
        const entities = data['_entities'];
        if (!Array.isArray(entities) || entities.length !== targets.length) {
          if (!errors?.length) throw new Error('a subgraph gave another number of entities than it was asked for');
          return;
        }
        targets.forEach(({ value }, i) => {
          if (isObject(entities[i])) merge(value, entities[i] as Data);
        });
      } catch (error) {
        if (error instanceof GraphQLError) return failAll([error.toJSON()]);
        log.error('unexpected error', { requestId: caller.requestId, subgraph: node.serviceName, ...describeError(error) });
        failAll([internalError().toJSON()]);
      }
    };
    const walk = async (node: PlanNode, at: readonly { readonly value: Data; readonly path: Path }[]): Promise<void> => {
      switch (node.kind) {
        case 'Sequence':
          for (const each of node.nodes) await walk(each, at);
          return;
        case 'Parallel':
          await Promise.all(node.nodes.map((each) => walk(each, at)));
          return;
        case 'Flatten': {
          const found: { readonly value: Data; readonly path: Path }[] = [];
          for (const { value, path } of at) flatten(value, node.path, 0, path, found);
          if (found.length > 0) await walk(node.node, found);
          return;
        }
        case 'Condition': {
          const given = Object.hasOwn(variables, node.condition) ? variables[node.condition] : defaults[node.condition];
          const branch = given === true ? node.ifClause : node.elseClause;
          if (branch) await walk(branch, at);
          return;
        }
        case 'Fetch':
          await fetchAt(node, at);
          return;
        default:
          throw new Error(`a plan with ${node.kind} cannot be run here`);
      }
    };
    if (plan.node) await walk(plan.node as PlanNode, [{ value: run.data, path: [] }]);
    return run;
  };
};
