import type { MutationResolvers } from '../../generated/resolvers.ts';
import { sayRefusal } from '../say-refusal.ts';

export const finishUpload: NonNullable<MutationResolvers['finishUpload']> = async (_parent, { uploadId }, { caller, services }) => {
  const outcome = await services.finishUpload(caller, uploadId);
  return outcome.kind === 'kept' ? { __typename: 'UploadFileSuccess', file: outcome.file } : sayRefusal(caller.language, outcome);
};
