import type { QueryResolvers } from '../generated/resolvers.ts';
import { requireLogin } from './require-login.ts';

export const Query: QueryResolvers = {
  cities: (_parent, _args, { viewer, cities }) => requireLogin(viewer) && cities.map(({ code }) => ({ code })),
  appointmentTypes: (_parent, _args, { viewer, appointmentTypes }) => requireLogin(viewer) && appointmentTypes,
  slots: (_parent, { filter, first, after }, { caller, services }) => services.findSlots.slots(caller, filter, { first, after }),
  slot: (_parent, { id }, { caller, services, loaders }) => services.findSlots.slot(caller, loaders, id),
  slotsByCode: (_parent, { code }, { caller, services }) => services.findSlots.byCode(caller, code),
  appointment: (_parent, { id }, { caller, services, loaders }) => services.findAppointments.appointment(caller, loaders, id),
};
