import type { QueryResolvers } from '../../generated/resolvers.ts';

export const auditShards: NonNullable<QueryResolvers['auditShards']> = (_parent, { city }, { services }) => services.prove.shardsOf(city);
