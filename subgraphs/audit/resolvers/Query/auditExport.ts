import type { QueryResolvers } from '../../generated/resolvers.ts';

export const auditExport: NonNullable<QueryResolvers['auditExport']> = (_parent, args, { services }) => services.exportEvents(args);
