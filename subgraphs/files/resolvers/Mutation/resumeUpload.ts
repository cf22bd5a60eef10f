import type { MutationResolvers } from '../../generated/resolvers.ts';
import { sayRefusal } from '../say-refusal.ts';

export const resumeUpload: NonNullable<MutationResolvers['resumeUpload']> = async (_parent, { uploadId }, { caller, services }) => {
  const outcome = await services.resumeUpload(caller, uploadId);
  return outcome.kind === 'asked' ? { __typename: 'RequestUploadSuccess', upload: outcome.upload } : sayRefusal(caller.language, outcome);
};
