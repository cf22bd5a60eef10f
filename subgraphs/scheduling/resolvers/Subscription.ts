import type { AppointmentChange, SlotChange } from '../domain/change.ts';
import type { SubscriptionResolvers } from '../generated/resolvers.ts';

/** The stream is passed on as it is, so that ending it ends the feed at once; `resolve` takes each change for the field's value. */
export const Subscription: SubscriptionResolvers = {
  slotChanged: {
    subscribe: (_parent, { filter, after }, { caller, services }) =>
      services.followChanges.slots(caller, filter, after) as AsyncIterable<never>,
    resolve: (change: SlotChange) => change,
  },
  appointmentChanged: {
    subscribe: async (_parent, { patientId, after }, { caller, services }) =>
      (await services.followChanges.appointments(caller, patientId, after)) as AsyncIterable<never>,
    resolve: (change: AppointmentChange) => change,
  },
};
