import type { MutationResolvers } from '../../generated/resolvers.ts';
import { sayRefusal } from '../say-refusal.ts';

export const deleteFile: NonNullable<MutationResolvers['deleteFile']> = async (_parent, { id }, { caller, services }) => {
  const outcome = await services.deleteFile(caller, id);
  return outcome.kind === 'deleted' ? { __typename: 'DeleteFileSuccess', id: outcome.id } : sayRefusal(caller.language, outcome);
};
