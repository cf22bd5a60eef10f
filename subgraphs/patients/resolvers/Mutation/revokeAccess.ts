import type { MutationResolvers } from '../../generated/resolvers.ts';
import { toRefusal } from '../refusals.ts';

export const revokeAccess: NonNullable<MutationResolvers['revokeAccess']> = async (_parent, { patientId, practitionerId }, context) => {
  const outcome = await context.services.revokeAccess(context, patientId, practitionerId);
  return outcome.kind === 'revoked' ? { __typename: 'RevokeAccessSuccess', patientId, practitionerId } : toRefusal(outcome, context.caller);
};
