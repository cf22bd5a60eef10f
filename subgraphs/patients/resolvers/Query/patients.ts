import type { QueryResolvers } from '../../generated/resolvers.ts';

export const patients: NonNullable<QueryResolvers['patients']> = (_parent, { filter, first, after }, context) =>
  context.services.searchPatients(context, filter ?? {}, first, after);
