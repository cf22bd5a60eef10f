import type { MutationResolvers } from '../../generated/resolvers.ts';
import { toRefusal } from '../refusals.ts';

export const setRole: NonNullable<MutationResolvers['setRole']> = async (_parent, { username, role }, context) => {
  const outcome = await context.services.setRole(context, username, role);
  return outcome.kind === 'set'
    ? { __typename: 'SetRoleSuccess', username: outcome.username, role: outcome.role }
    : toRefusal(outcome, context.caller);
};
