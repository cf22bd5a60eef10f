import type { AppointmentResolvers } from '../generated/resolvers.ts';

export const Appointment: AppointmentResolvers = {
  __resolveReference: (reference, { caller, services, loaders }) =>
    services.findAppointments.appointment(
      caller,
      loaders,
      (reference as { id?: string }).id ?? (reference as { nodeId?: string }).nodeId ?? '',
    ),
  __isTypeOf: (value) => 'patientCity' in value,
  nodeId: ({ id }) => id,
  slot: ({ slotId }, _args, { caller, services, loaders }) => services.findSlots.slot(caller, loaders, slotId),
  patient: ({ patientId }) => ({ id: patientId }),
  start: ({ startsAt }) => startsAt,
  end: ({ endsAt }) => endsAt,
  city: ({ city }) => ({ code: city }),
};
