import type { AppointmentResolvers } from '../generated/resolvers.ts';

export const Appointment: AppointmentResolvers = {
  /** Null where the caller sees no patient of the appointment. */
  files: ({ id, patient }, input, { caller, services }) =>
    patient ? services.ofAppointment(caller, { appointmentId: id, patientId: patient.id }, input) : null,
};
