import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLFormattedError,
  Kind,
  parse,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { MAX_ERRORS } from '#platform/graphql/limits.ts';
import type { GraphRequest } from './graph-context.ts';

type Path = readonly (string | number)[];
/** What was asked of a subgraph, and what it answered in errors alone. */
type Asked = { readonly query?: string | undefined; readonly variables?: Readonly<Record<string, unknown>> | null | undefined };

/** What a subgraph says of the whole of a document is no field's error: the document is the gateway's, and so is the fault. */
const OF_DOCUMENT = new Set<unknown>(['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'LIMIT_EXCEEDED']);

const keyOf = (node: FieldNode): string => node.alias?.value ?? node.name.value;
const typenameOf = (representation: unknown): unknown => (representation as { readonly __typename?: unknown } | null)?.__typename;

/** Response keys that a subgraph was asked for, of the root or of each entity of a type. */
const keysOf = (
  query: string,
  variables: Asked['variables'],
): { readonly root: readonly string[]; readonly entity: (type: unknown) => readonly string[] } => {
  const document = parse(query, { noLocation: true });
  const fragments = new Map<string, FragmentDefinitionNode>();
  let top: SelectionSetNode | null = null;
  for (const node of document.definitions) {
    if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
    else if (node.kind === Kind.OPERATION_DEFINITION) top ??= node.selectionSet;
  }
  const isLeftOut = (node: SelectionNode): boolean =>
    (node.directives ?? []).some(({ name, arguments: given }) => {
      const value = given?.[0]?.value;
      const holds = value?.kind === Kind.VARIABLE ? variables?.[value.name.value] : value?.kind === Kind.BOOLEAN ? value.value : undefined;
      return (name.value === 'skip' && holds === true) || (name.value === 'include' && holds === false);
    });
  /** Fields with those of fragments put in, of all types, or of one where `type` says so. */
  const collect = (set: SelectionSetNode, type: unknown, into: FieldNode[]): FieldNode[] => {
    for (const node of set.selections) {
      if (isLeftOut(node)) continue;
      if (node.kind === Kind.FIELD) {
        if (node.name.value !== '__typename') into.push(node);
        continue;
      }
      const fragment = node.kind === Kind.FRAGMENT_SPREAD ? fragments.get(node.name.value) : node;
      const condition = fragment?.typeCondition?.name.value;
      if (fragment && (type === null || condition === undefined || condition === type)) collect(fragment.selectionSet, type, into);
    }
    return into;
  };
  const roots = top ? collect(top, null, []) : [];
  const entities = roots.find((node) => node.name.value === '_entities')?.selectionSet;
  return {
    root: [...new Set(roots.map(keyOf))],
    entity: (type) => {
      if (!entities) return [];
      const own = collect(entities, type, []);
      return [...new Set((own.length > 0 ? own : collect(entities, null, [])).map(keyOf))];
    },
  };
};

/** How often one fetch tells of the same field in several entities. */
const PER_FIELD = MAX_ERRORS;

/**
 * An error of a whole fetch, once for each field that is null because of it: without a path nobody could tell which of several nulls it is
 * about. Paths are those of a subgraph's answer (`_entities`, index, field).
 */
const spread = (error: GraphQLFormattedError, { query, variables }: Asked): readonly GraphQLFormattedError[] => {
  const ofAll = error.path?.length === 1 && error.path[0] === '_entities';
  if (query === undefined || (error.path ? !ofAll : OF_DOCUMENT.has(error.extensions?.['code']))) return [error];
  const { root, entity } = keysOf(query, variables);
  const at = (...path: (string | number)[]): GraphQLFormattedError => ({ ...error, path });
  const representations = variables?.['representations'];
  if (!root.includes('_entities') || !Array.isArray(representations)) return root.map((key) => at(key));
  const times = new Map<string, number>();
  const placed: GraphQLFormattedError[] = [];
  representations.forEach((representation, i) => {
    const type = typenameOf(representation);
    for (const key of entity(type)) {
      const before = times.get(`${type} ${key}`) ?? 0;
      if (before >= PER_FIELD) continue;
      times.set(`${type} ${key}`, before + 1);
      placed.push(at('_entities', i, key));
    }
  });
  return placed.length > 0 ? placed : [error];
};

/** Errors of a fetch with the fields they are about. */
export const placeInFetch = (errors: readonly GraphQLFormattedError[], asked: Asked): GraphQLFormattedError[] =>
  errors.flatMap((error) => spread(error, asked));

/** How much of a path is in the answer: a fetch also asks for what other fetches need. */
const shownLength = (graph: GraphRequest, path: Path): number => {
  const { prepared, operation } = graph;
  if (!prepared?.document || !operation) return path.length;
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of prepared.document.definitions) if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
  const below = (sets: readonly SelectionSetNode[], key: string, into: SelectionSetNode[]): boolean => {
    let isThere = false;
    for (const set of sets)
      for (const node of set.selections) {
        if (node.kind === Kind.FIELD) {
          if (keyOf(node) !== key) continue;
          isThere = true;
          if (node.selectionSet) into.push(node.selectionSet);
        } else {
          const inner = node.kind === Kind.FRAGMENT_SPREAD ? fragments.get(node.name.value)?.selectionSet : node.selectionSet;
          if (inner && below([inner], key, into)) isThere = true;
        }
      }
    return isThere;
  };
  let sets: SelectionSetNode[] = [operation.node.selectionSet];
  for (let i = 0; i < path.length; i++) {
    const key = path[i];
    if (typeof key !== 'string') continue;
    const next: SelectionSetNode[] = [];
    if (!below(sets, key, next)) return i;
    sets = next;
  }
  return path.length;
};

const UNREACHED = new Set<unknown>(['SUBGRAPH_UNAVAILABLE', 'INTERNAL_SERVER_ERROR']);

const valueAt = (data: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : null),
    data,
  );

/**
 * The errors of one answer, at paths that are in it, none twice, and none of a field that another fetch has filled. Where there are more than are shown, each field comes before the second
 * element of a list.
 */
export const placeInAnswer = (
  graph: GraphRequest,
  errors: readonly GraphQLFormattedError[],
  data: unknown,
): readonly GraphQLFormattedError[] => {
  const seen = new Set<string>();
  const times = new Map<string, number>();
  const ranked: { readonly error: GraphQLFormattedError; readonly rank: number }[] = [];
  for (const given of errors) {
    let error = given;
    const { path } = given;
    if (path && UNREACHED.has(given.extensions?.['code'])) {
      const length = shownLength(graph, path);
      if (length < path.length) {
        const { path: _hidden, ...rest } = given;
        error = length === 0 ? rest : { ...rest, path: path.slice(0, length) };
      } else if ((valueAt(data, path) ?? null) !== null) continue;
      const key = JSON.stringify([error.path, error.extensions?.['code'], error.message]);
      if (error.path && seen.has(key)) continue;
      seen.add(key);
    }
    const shape = JSON.stringify([error.extensions?.['code'], error.path?.map((key) => (typeof key === 'number' ? 0 : key)) ?? null]);
    const rank = times.get(shape) ?? 0;
    times.set(shape, rank + 1);
    ranked.push({ error, rank });
  }
  if (ranked.length > MAX_ERRORS) ranked.sort((a, b) => a.rank - b.rank);
  return ranked.map(({ error }) => error);
};
