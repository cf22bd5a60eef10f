import { readFileSync } from 'node:fs';
import { type GraphQLField, type GraphQLNamedType, type GraphQLObjectType, getNamedType, isObjectType, isUnionType } from 'graphql';
import { toApiSchema } from '#tools/graph-changes.ts';
import { PARTS, PERSONAL, type Personal, REASONS } from './fields.contract.ts';

export const schema = toApiSchema(readFileSync('schema/supergraph.graphql', 'utf8'));
const roots = new Set([schema.getQueryType()?.name, schema.getMutationType()?.name, schema.getSubscriptionType()?.name]);
const objects = Object.values(schema.getTypeMap()).filter(
  (type): type is GraphQLObjectType => isObjectType(type) && !type.name.startsWith('__'),
);
export const fieldsOf = (type: GraphQLObjectType): readonly GraphQLField<unknown, unknown>[] => Object.values(type.getFields());
export const isPersonal = (name: string): name is Personal => (PERSONAL as readonly string[]).includes(name);
export const isPart = (name: string): boolean => PARTS.includes(name);
export const isRoot = (name: string): boolean => roots.has(name);
export const coordinates = objects.flatMap((type) => fieldsOf(type).map((field) => ({ type, field, name: `${type.name}.${field.name}` })));
export const listed = Object.entries(REASONS).flatMap(([type, rows]) =>
  rows.flatMap(([names]) => names.split(' ').map((name) => `${type}.${name}`)),
);

/** Objects that stand for nothing themselves, but hold what a field leads to. */
const CARRIERS = /(Connection|Edge|Success|Change)$|^VersionConflict$/;
/** The personal objects that a field's type leads to, through pages, edges, successes and members of unions. */
export const leadsTo = (type: GraphQLNamedType): ReadonlySet<Personal> => {
  const found = new Set<Personal>();
  const seen = new Set<string>();
  const walk = (at: GraphQLNamedType): void => {
    if (seen.has(at.name)) return;
    seen.add(at.name);
    if (isPersonal(at.name)) found.add(at.name);
    else if (isUnionType(at) || at.name === 'Node') for (const each of schema.getPossibleTypes(at as never)) walk(each);
    else if (isObjectType(at) && CARRIERS.test(at.name)) for (const field of fieldsOf(at)) walk(getNamedType(field.type));
  };
  walk(type);
  return found;
};
export const edges = new Map(
  coordinates
    .filter(({ type }) => !CARRIERS.test(type.name))
    .map(({ field, name }) => [name, leadsTo(getNamedType(field.type))] as const)
    .filter(([, found]) => found.size > 0),
);
