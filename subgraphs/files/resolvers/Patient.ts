import type { PatientResolvers } from '../generated/resolvers.ts';

export const Patient: PatientResolvers = {
  files: ({ id }, input, { caller, services }) => services.ofPatient(caller, id, input),
};
