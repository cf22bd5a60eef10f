import type { AuditEventResolvers } from '../generated/resolvers.ts';

export const AuditEvent: AuditEventResolvers = {
  __resolveReference: (reference, { loaders }) => loaders.event.load('id' in reference ? reference.id : reference.nodeId),
  nodeId: ({ id }) => id,
  city: ({ cityCode }, _args, { services }) => services.cityOf(cityCode),
  outcomeReason: ({ reason }) => reason,
  proof: (event, _args, { loaders }) => loaders.proof.load(event),
  tlogProof: async (event, _args, { loaders }) => (await loaders.proof.load(event))?.file ?? null,
  fhir: async (event, _args, { services, loaders }) => services.toFhirText(event, await loaders.position.load(event)),
  patient: ({ patientId }) => (patientId === null ? null : { id: patientId }),
};
