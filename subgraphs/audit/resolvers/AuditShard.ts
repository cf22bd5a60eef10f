import type { AuditShardResolvers } from '../generated/resolvers.ts';

export const AuditShard: AuditShardResolvers = {
  size: async ({ city, shard, finalSize }, _args, { services }) => finalSize ?? (await services.prove.checkpointOf(city, shard))?.size ?? 0,
  checkpoint: ({ city, shard }, _args, { services }) => services.prove.checkpointOf(city, shard),
};
