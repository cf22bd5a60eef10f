import type { MutationResolvers } from '../../generated/resolvers.ts';
import { sayRefusal } from '../say-refusal.ts';

export const addSlot: NonNullable<MutationResolvers['addSlot']> = async (_parent, { input }, { caller, services }) => {
  const outcome = await services.addSlot(caller, input);
  return outcome.kind === 'added' ? { __typename: 'AddSlotSuccess', slot: outcome.slot } : sayRefusal(caller.language, outcome.refusal);
};
