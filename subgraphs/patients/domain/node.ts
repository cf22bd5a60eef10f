import type { Coverage, Practitioner, SeenPatient } from './patient.ts';

/** A thing that another subgraph keeps: it answers by `nodeId`. */
export type ForeignNode = {
  readonly __typename: 'Slot' | 'Appointment' | 'AuditEvent' | 'MedicalFile';
  readonly id: string;
  readonly nodeId: string;
};
/** What `node(id)` may find. */
export type NodeView =
  | ({ readonly __typename: 'Patient' } & SeenPatient)
  | ({ readonly __typename: 'Practitioner' } & Practitioner)
  | ({ readonly __typename: 'Coverage' } & Coverage)
  | ForeignNode;
