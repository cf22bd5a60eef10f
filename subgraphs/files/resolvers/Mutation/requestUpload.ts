import type { MutationResolvers } from '../../generated/resolvers.ts';
import { sayRefusal } from '../say-refusal.ts';

export const requestUpload: NonNullable<MutationResolvers['requestUpload']> = async (_parent, { input }, { caller, services }) => {
  const outcome = await services.requestUpload(caller, input);
  return outcome.kind === 'asked' ? { __typename: 'RequestUploadSuccess', upload: outcome.upload } : sayRefusal(caller.language, outcome);
};
