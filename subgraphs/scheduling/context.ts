import type { Caller, Viewer } from '#platform/access/viewer.ts';
import type { CityConfig } from '#platform/config/city.ts';
import type { AddSlot } from './service/add-slot.ts';
import type { BookAppointment } from './service/book-appointment.ts';
import type { CancelAppointment } from './service/cancel-appointment.ts';
import type { FindAppointments } from './service/find-appointments.ts';
import type { FindSlots } from './service/find-slots.ts';
import type { FollowChanges } from './service/follow-changes.ts';
import type { Loaders } from './store/loaders.ts';

export type Services = {
  readonly addSlot: AddSlot;
  readonly bookAppointment: BookAppointment;
  readonly cancelAppointment: CancelAppointment;
  readonly findSlots: FindSlots;
  readonly findAppointments: FindAppointments;
  readonly followChanges: FollowChanges;
};

/** Made once per request of the gateway and shared by its fetches to this subgraph. */
export type Context = {
  readonly caller: Caller;
  readonly viewer: Viewer | null;
  readonly services: Services;
  readonly loaders: Loaders;
  readonly cities: readonly CityConfig[];
  readonly appointmentTypes: readonly string[];
};
