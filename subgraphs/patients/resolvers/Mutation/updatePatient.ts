import type { MutationResolvers } from '../../generated/resolvers.ts';
import { toRefusal } from '../refusals.ts';

export const updatePatient: NonNullable<MutationResolvers['updatePatient']> = async (_parent, { input }, context) => {
  const outcome = await context.services.updatePatient(context, input);
  return outcome.kind === 'updated' ? { __typename: 'UpdatePatientSuccess', patient: outcome.patient } : toRefusal(outcome, context.caller);
};
