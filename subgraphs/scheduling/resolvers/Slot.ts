import type { SlotResolvers } from '../generated/resolvers.ts';

export const Slot: SlotResolvers = {
  __resolveReference: (reference, { caller, services, loaders }) =>
    services.findSlots.slot(caller, loaders, (reference as { id?: string }).id ?? (reference as { nodeId?: string }).nodeId ?? ''),
  __isTypeOf: (value) => 'capacity' in value,
  nodeId: ({ id }) => id,
  city: ({ city }) => ({ code: city }),
  practitioner: ({ practitionerId }) => (practitionerId === null ? null : { id: practitionerId }),
  start: ({ startsAt }) => startsAt,
  end: ({ endsAt }) => endsAt,
  status: ({ status }) => (status === 'open' ? 'OPEN' : 'REMOVED'),
  appointments: (slot, paging, { caller, services }) => services.findAppointments.ofSlot(caller, slot, paging),
};
