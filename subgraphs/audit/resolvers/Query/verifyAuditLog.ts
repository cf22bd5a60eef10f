import type { QueryResolvers } from '../../generated/resolvers.ts';

export const verifyAuditLog: NonNullable<QueryResolvers['verifyAuditLog']> = (_parent, { city }, { services }) =>
  services.verifyAuditLog(city);
