import type { MutationResolvers } from '../../generated/resolvers.ts';
import { sayRefusal } from '../say-refusal.ts';

export const detachFile: NonNullable<MutationResolvers['detachFile']> = async (_parent, input, { caller, services }) => {
  const outcome = await services.detachFile(caller, input);
  return outcome.kind === 'changed' ? { __typename: 'DetachFileSuccess', file: outcome.file } : sayRefusal(caller.language, outcome);
};
