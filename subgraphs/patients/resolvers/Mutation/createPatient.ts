import type { MutationResolvers } from '../../generated/resolvers.ts';
import { toRefusal } from '../refusals.ts';

export const createPatient: NonNullable<MutationResolvers['createPatient']> = async (_parent, { input }, context) => {
  const outcome = await context.services.createPatient(context, input);
  return outcome.kind === 'created' ? { __typename: 'CreatePatientSuccess', patient: outcome.patient } : toRefusal(outcome, context.caller);
};
