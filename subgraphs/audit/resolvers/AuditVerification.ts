import type { AuditVerificationResolvers } from '../generated/resolvers.ts';

export const AuditVerification: AuditVerificationResolvers = {
  checkpoint: ({ city }, _args, { loaders }) => loaders.checkpoint.load(city),
};
