import type { AuditVerificationResolvers } from '../generated/resolvers.ts';

export const AuditVerification: AuditVerificationResolvers = {
  isStale: ({ city }, _args, { services }) => services.prove.isStale(city),
  checkpoint: ({ city }, _args, { loaders }) => loaders.checkpoint.load(city),
};
