import type { MutationResolvers } from '../../generated/resolvers.ts';
import { toRefusal } from '../refusals.ts';

export const deletePatient: NonNullable<MutationResolvers['deletePatient']> = async (_parent, { id, expectedVersion }, context) => {
  const outcome = await context.services.deletePatient(context, id, expectedVersion ?? null);
  return outcome.kind === 'deleted' ? { __typename: 'DeletePatientSuccess', id: outcome.id } : toRefusal(outcome, context.caller);
};
