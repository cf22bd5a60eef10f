import type { MutationResolvers } from '../../generated/resolvers.ts';
import { sayRefusal } from '../say-refusal.ts';

export const attachFile: NonNullable<MutationResolvers['attachFile']> = async (_parent, input, { caller, services }) => {
  const outcome = await services.attachFile(caller, input);
  return outcome.kind === 'changed' ? { __typename: 'AttachFileSuccess', file: outcome.file } : sayRefusal(caller.language, outcome);
};
