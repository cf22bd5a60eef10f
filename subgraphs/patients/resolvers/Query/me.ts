import type { QueryResolvers } from '../../generated/resolvers.ts';

export const me: NonNullable<QueryResolvers['me']> = (_parent, _args, { viewer, loaders }) =>
  viewer ? loaders.shownAccount.load(viewer.accountId) : null;
