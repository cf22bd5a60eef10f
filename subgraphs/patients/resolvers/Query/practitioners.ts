import type { QueryResolvers } from '../../generated/resolvers.ts';

export const practitioners: NonNullable<QueryResolvers['practitioners']> = (_parent, { filter, first, after }, context) =>
  context.services.searchPractitioners(context, filter ?? {}, first, after);
