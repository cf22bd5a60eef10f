import type { QueryResolvers } from '../../generated/resolvers.ts';

export const node: NonNullable<QueryResolvers['node']> = (_parent, { id }, context) => context.services.findNode(context, id);
