import { NotFoundError } from '#platform/pure/faults.ts';
import { parseId } from '#platform/pure/id.ts';
import type { NodeView } from '../domain/node.ts';
import { requireViewer } from './own-patient.ts';
import type { Request } from './request.ts';

const FOREIGN = { slt: 'Slot', apt: 'Appointment', evt: 'AuditEvent', fil: 'MedicalFile' } as const;
const isForeign = (kind: string): kind is keyof typeof FOREIGN => Object.hasOwn(FOREIGN, kind);

/**
 * Finds an entity by its id. What another subgraph keeps is told by type and id alone: that subgraph answers, and judges, by `nodeId`.
 * `NotFoundError` for what is not there, what may not be seen, and what is no id; an id that names nothing costs a look for a patient.
 */
export const findNode = async (request: Request, id: string): Promise<NodeView> => {
  requireViewer(request);
  const { loaders } = request;
  const kind = parseId(id)?.kind ?? '';
  if (isForeign(kind)) return { __typename: FOREIGN[kind], id, nodeId: id };
  if (kind === 'prc') return { __typename: 'Practitioner', ...(await loaders.practitioner.load(id)) };
  if (kind === 'cov') return { __typename: 'Coverage', ...(await loaders.coverage.load(id)) };
  const patient = await loaders.patient.load({ id, act: 'node' });
  if (kind !== 'pat') throw new NotFoundError();
  return { __typename: 'Patient', ...patient };
};
