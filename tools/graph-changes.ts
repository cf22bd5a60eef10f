import { Supergraph } from '@apollo/federation-internals';
import { type Change, CriticalityLevel, diff } from '@graphql-inspector/core';
import type { GraphQLSchema } from 'graphql';

/** A change of the graph that callers can feel. `path` names the thing that changed, down to the member of a union. */
export type GraphChange = {
  readonly level: 'breaking' | 'dangerous';
  readonly type: string;
  readonly path: string;
  readonly message: string;
};

/** A change that somebody took upon themself, with the reason. Entries of `schema/accepted-changes.json`. */
export type Acceptance = { readonly type: string; readonly path: string; readonly reason: string };

/** What callers see of a supergraph: without the machinery of federation and without what is `@inaccessible`. */
export const toApiSchema = (supergraphSdl: string): GraphQLSchema => Supergraph.build(supergraphSdl).apiSchema().toGraphQLJSSchema();

/** A union's change stands on the union alone; without its member one acceptance would let every later member through. */
const pathOf = ({ path = '', type, meta }: Change): string => {
  if (type === 'UNION_MEMBER_ADDED') return `${path}.${meta.addedUnionMemberTypeName}`;
  if (type === 'UNION_MEMBER_REMOVED') return `${path}.${meta.removedUnionMemberTypeName}`;
  return path;
};

/** Changes from one supergraph to the next that can break callers (`breaking`) or surprise them (`dangerous`: a new enum value or union member …). */
export const findChanges = async (earlierSdl: string, laterSdl: string): Promise<GraphChange[]> => {
  const changes = await diff(toApiSchema(earlierSdl), toApiSchema(laterSdl));
  return changes.flatMap((change): GraphChange[] => {
    const { level } = change.criticality;
    if (level === CriticalityLevel.NonBreaking) return [];
    return [
      {
        level: level === CriticalityLevel.Breaking ? 'breaking' : 'dangerous',
        type: change.type,
        path: pathOf(change),
        message: change.message,
      },
    ];
  });
};

/** Reads `schema/accepted-changes.json`. Throws where an entry lacks its type, its path or a reason. */
export const readAcceptances = (json: string): Acceptance[] => {
  const entries: unknown = JSON.parse(json);
  if (!Array.isArray(entries)) throw new Error('accepted-changes.json holds no list');
  return entries.map((entry: Partial<Record<keyof Acceptance, unknown>>, i) => {
    for (const key of ['type', 'path', 'reason'] as const) {
      const value = entry?.[key];
      if (typeof value !== 'string' || value.trim() === '') throw new Error(`accepted-changes.json: entry ${i} lacks its ${key}`);
    }
    return entry as Acceptance;
  });
};

/** Divides changes into those that an acceptance names and those that none does. */
export const judgeChanges = (
  changes: readonly GraphChange[],
  acceptances: readonly Acceptance[],
): { readonly accepted: readonly (GraphChange & { readonly reason: string })[]; readonly refused: readonly GraphChange[] } => {
  const reasonOf = ({ type, path }: GraphChange): string | undefined =>
    acceptances.find((acceptance) => acceptance.type === type && acceptance.path === path)?.reason;
  return {
    accepted: changes.flatMap((change) => {
      const reason = reasonOf(change);
      return reason === undefined ? [] : [{ ...change, reason }];
    }),
    refused: changes.filter((change) => reasonOf(change) === undefined),
  };
};
