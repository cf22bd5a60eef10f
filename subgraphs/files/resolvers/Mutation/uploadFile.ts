import type { MutationResolvers } from '../../generated/resolvers.ts';
import { sayRefusal } from '../say-refusal.ts';

export const uploadFile: NonNullable<MutationResolvers['uploadFile']> = async (_parent, { input }, { caller, services }) => {
  const outcome = await services.uploadFile(caller, input);
  return outcome.kind === 'kept' ? { __typename: 'UploadFileSuccess', file: outcome.file } : sayRefusal(caller.language, outcome);
};
