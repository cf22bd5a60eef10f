import type { QueryResolvers } from '../../generated/resolvers.ts';

export const auditEvents: NonNullable<QueryResolvers['auditEvents']> = (_parent, args, { services }) => services.findEvents(args);
