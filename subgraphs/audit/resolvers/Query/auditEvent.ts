import type { QueryResolvers } from '../../generated/resolvers.ts';

export const auditEvent: NonNullable<QueryResolvers['auditEvent']> = (_parent, { id }, { loaders }) => loaders.event.load(id);
