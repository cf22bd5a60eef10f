import type { Viewer } from '#platform/access/viewer.ts';
import { Outcome } from '#platform/audit/event.ts';
import { ForbiddenError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { appendHappening } from './audit.ts';
import type { Parts } from './parts.ts';
import { PATIENT_NOT_FOUND, type PatientNotFound } from './refusals.ts';
import type { Request } from './request.ts';

/** The viewer, who has to be logged in. */
export const requireViewer = ({ viewer }: Pick<Request, 'viewer'>): Viewer => {
  if (!viewer) throw new UnauthenticatedError();
  return viewer;
};

/** City that keeps a patient's record, by the id; null where the id is none or names no city of the network. */
export const homeOf = ({ cities }: Parts, patientId: string): string | null => {
  const city = cityOfId(patientId, 'pat');
  return city !== null && cities.find(city) ? city : null;
};

/**
 * Refuses an act on a patient, audited. Whether the patient exists must not be seen: staff of another city and roles that may never do
 * this are told `FORBIDDEN` for every id, patients and staff of the id's own city that there is no such patient.
 */
export const refuseAct = async (
  parts: Parts,
  request: Request,
  act: string,
  patientId: string,
  roles: readonly Viewer['role'][],
): Promise<PatientNotFound> => {
  const viewer = requireViewer(request);
  const home = homeOf(parts, patientId);
  const forbidden = !roles.includes(viewer.role) || (viewer.role !== 'P' && home !== null && home !== viewer.city);
  const known = home === null ? null : patientId;
  await appendHappening(parts.cities, request.caller, {
    city: home ?? viewer.city,
    act,
    outcome: Outcome.DENIED,
    reason: forbidden ? 'FORBIDDEN' : 'PatientNotFound',
    patientId: known,
    entities: [{ kind: 'Patient', id: known }],
  });
  if (forbidden) throw new ForbiddenError();
  return PATIENT_NOT_FOUND;
};
