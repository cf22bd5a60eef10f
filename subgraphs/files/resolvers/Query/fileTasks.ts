import type { QueryResolvers } from '../../generated/resolvers.ts';

export const fileTasks: NonNullable<QueryResolvers['fileTasks']> = (_parent, { city }, { caller, services }) =>
  services.fileTasks(caller, city);
