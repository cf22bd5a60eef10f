import type { QueryResolvers } from '../../generated/resolvers.ts';

export const consistencyProof: NonNullable<QueryResolvers['consistencyProof']> = (
  _parent,
  { city, fromSize, toSize, shard },
  { services },
) => services.prove.proveGrowth(city, fromSize, toSize ?? null, shard ?? null);
