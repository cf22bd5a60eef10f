import type { MutationResolvers } from '../../generated/resolvers.ts';
import { sayRefusal } from '../say-refusal.ts';

export const cancelAppointment: NonNullable<MutationResolvers['cancelAppointment']> = async (_parent, input, { caller, services }) => {
  const outcome = await services.cancelAppointment(caller, input);
  return outcome.kind === 'cancelled'
    ? { __typename: 'CancelAppointmentSuccess', appointment: outcome.appointment }
    : sayRefusal(caller.language, outcome.refusal);
};
