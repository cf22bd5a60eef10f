import type {
  AppointmentChangeResolvers,
  CityResolvers,
  FeeResolvers,
  PatientResolvers,
  PractitionerResolvers,
  SlotChangeResolvers,
} from '../generated/resolvers.ts';

export const City: CityResolvers = {
  /** Names and zones of cities are no secret: nobody has to log in for them. */
  __resolveReference: ({ code }, { cities }) => (cities.some((city) => city.code === code) ? { code } : null),
  name: ({ code }, _args, { caller, cities }) => cities.find((city) => city.code === code)?.name[caller.language] ?? code,
  timeZone: ({ code }, _args, { cities }) => cities.find((city) => city.code === code)?.timeZone ?? 'UTC',
};

export const Patient: PatientResolvers = {
  appointments: ({ id }, input, { caller, services }) => services.findAppointments.schedule(caller, id, input),
};

export const Practitioner: PractitionerResolvers = {
  slots: ({ id }, input, { caller, services }) => services.findSlots.ofPractitioner(caller, id, input),
  fees: ({ id }, _args, { caller, services }) => services.findSlots.feesOf(caller, id),
};

export const Fee: FeeResolvers = {
  amount: ({ amountCents, currency }) => ({ cents: amountCents, currency }),
  planPays: ({ planPaysCents, currency }) => ({ cents: planPaysCents, currency }),
};

/** Read at delivery, past what earlier changes of the same stream have loaded. */
export const SlotChange: SlotChangeResolvers = {
  slot: ({ slotId }, _args, { loaders }) => (slotId === null ? null : loaders.freshSlot.load(slotId)),
};

export const AppointmentChange: AppointmentChangeResolvers = {
  appointment: (change, _args, { caller, services }) => services.followChanges.appointmentOf(caller, change),
};
