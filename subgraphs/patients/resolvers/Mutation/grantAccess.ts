import type { MutationResolvers } from '../../generated/resolvers.ts';
import { toRefusal } from '../refusals.ts';

export const grantAccess: NonNullable<MutationResolvers['grantAccess']> = async (_parent, { patientId, practitionerId, days }, context) => {
  const outcome = await context.services.grantAccess(context, patientId, practitionerId, days);
  if (outcome.kind !== 'granted') return toRefusal(outcome, context.caller);
  return { __typename: 'GrantAccessSuccess', patientId, practitionerId, until: outcome.until };
};
