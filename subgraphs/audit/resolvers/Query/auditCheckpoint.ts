import type { QueryResolvers } from '../../generated/resolvers.ts';

export const auditCheckpoint: NonNullable<QueryResolvers['auditCheckpoint']> = (_parent, { city, shard }, { loaders, services }) =>
  typeof shard === 'number' ? services.prove.checkpointOf(city, shard) : loaders.checkpoint.load(city);
