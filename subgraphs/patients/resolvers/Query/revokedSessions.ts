import type { QueryResolvers } from '../../generated/resolvers.ts';

export const revokedSessions: NonNullable<QueryResolvers['revokedSessions']> = (_parent, _args, { services }) =>
  services.findRevokedSessions();
