import type { QueryResolvers } from '../generated/resolvers.ts';

export const Query: QueryResolvers = {
  // What somebody has to know who signs up: no login is needed.
  cities: (_parent, _args, { cities }) => cities.map(({ code }) => ({ code })),
  appointmentTypes: (_parent, _args, { appointmentTypes }) => appointmentTypes,
  slots: (_parent, { filter, first, after }, { caller, services }) => services.findSlots.slots(caller, filter, { first, after }),
  slot: (_parent, { id }, { caller, services, loaders }) => services.findSlots.slot(caller, loaders, id),
  slotsByCode: (_parent, { code }, { caller, services }) => services.findSlots.byCode(caller, code),
  appointment: (_parent, { id }, { caller, services, loaders }) => services.findAppointments.appointment(caller, loaders, id),
};
