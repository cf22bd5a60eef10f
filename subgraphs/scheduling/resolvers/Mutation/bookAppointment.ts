import type { MutationResolvers } from '../../generated/resolvers.ts';
import { sayRefusal } from '../say-refusal.ts';

export const bookAppointment: NonNullable<MutationResolvers['bookAppointment']> = async (_parent, { input }, { caller, services }) => {
  const outcome = await services.bookAppointment(caller, input);
  return outcome.kind === 'booked'
    ? { __typename: 'BookAppointmentSuccess', appointment: outcome.appointment, replayed: outcome.replayed }
    : sayRefusal(caller.language, outcome.refusal);
};
