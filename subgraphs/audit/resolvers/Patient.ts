import type { PatientResolvers } from '../generated/resolvers.ts';

export const Patient: PatientResolvers = {
  auditTrail: ({ id }, page, { services }) => services.findTrail(id, page),
};
