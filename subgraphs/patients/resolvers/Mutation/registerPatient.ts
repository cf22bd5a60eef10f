import type { MutationResolvers } from '../../generated/resolvers.ts';
import { toRefusal } from '../refusals.ts';

export const registerPatient: NonNullable<MutationResolvers['registerPatient']> = async (_parent, { input }, context) => {
  const outcome = await context.services.registerPatient(context, input);
  if (outcome.kind !== 'registered') return toRefusal(outcome, context.caller);
  const { session } = outcome;
  return { __typename: 'RegisterPatientSuccess', username: session.account.username, session };
};
