import type { QueryResolvers } from '../../generated/resolvers.ts';

export const auditCheckpoint: NonNullable<QueryResolvers['auditCheckpoint']> = (_parent, { city }, { loaders }) =>
  loaders.checkpoint.load(city);
