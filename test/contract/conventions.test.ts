import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  type GraphQLNamedType,
  type GraphQLObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { toApiSchema } from '#tools/graph-changes.ts';

const schema = toApiSchema(readFileSync('schema/supergraph.graphql', 'utf8'));
const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'));
const objects = types.filter(isObjectType);
const rootFields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((root) =>
  Object.values(root?.getFields() ?? {}).map((field) => ({ at: `${root?.name}.${field.name}`, field })),
);
const refusal = schema.getType('Refusal');
const implementsRefusal = (type: GraphQLObjectType): boolean => type.getInterfaces().some(({ name }) => name === 'Refusal');
const unwrap = (type: unknown): GraphQLNamedType =>
  isNonNullType(type) || isListType(type) ? unwrap(type.ofType) : (type as GraphQLNamedType);

describe('the graph that callers meet', () => {
  it.each(rootFields)('$at is nullable, so that one dead part never nulls the rest', ({ field }) => {
    expect(isNonNullType(field.type)).toBe(false);
  });

  it.each(objects.filter(({ name }) => name.endsWith('Connection')))('$name follows Relay', (connection) => {
    const fields = connection.getFields();
    expect(String(fields['pageInfo']?.type)).toBe('PageInfo!');
    const edge = unwrap(fields['edges']?.type) as GraphQLObjectType;
    expect(String(edge.getFields()['cursor']?.type)).toBe('String!');
    expect(unwrap(fields['nodes']?.type)).toBe(unwrap(edge.getFields()['node']?.type));
  });

  it('takes a page size of 25 unless told, wherever it gives a page', () => {
    const paged = objects.flatMap((type) =>
      Object.values(type.getFields())
        .filter((field) => unwrap(field.type).name.endsWith('Connection'))
        .map((field) => [`${type.name}.${field.name}`, field.args.find(({ name }) => name === 'first')?.defaultValue] as const),
    );
    expect(paged.length).toBeGreaterThan(0);
    expect(paged.filter(([, first]) => first !== 25)).toEqual([]);
  });

  it('has one interface for refusals, with a message and nothing else', () => {
    expect(isInterfaceType(refusal) && Object.keys(refusal.getFields())).toEqual(['message']);
  });

  it.each(types.filter(isUnionType))('$name holds one outcome and otherwise refusals', (union) => {
    const outcomes = union.getTypes().filter((type) => !implementsRefusal(type));
    expect(outcomes).toHaveLength(1);
    expect(union.getTypes().length).toBeGreaterThan(1);
  });

  it('shows callers nothing of the federation', () => {
    const shown = objects.flatMap((type) => Object.keys(type.getFields()).map((field) => `${type.name}.${field}`));
    expect(shown.filter((name) => /\.nodeId$|revokedSessions|\._/.test(name))).toEqual([]);
  });
});
