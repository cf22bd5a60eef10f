import { makeCreatePatient, makeRegisterPatient } from './create-patient.ts';
import { makeDeletePatient } from './delete-patient.ts';
import { makeFindRevokedSessions, makeLogout } from './end-session.ts';
import { findNode } from './find-node.ts';
import { makeGrantAccess, makeRevokeAccess } from './grant-access.ts';
import { makeLogin } from './login.ts';
import type { Parts } from './parts.ts';
import { makeRefreshSession } from './refresh-session.ts';
import { makeSearchPatients } from './search-patients.ts';
import { makeSearchPractitioners } from './search-practitioners.ts';
import { makeSetRole } from './set-role.ts';
import { makeUpdatePatient } from './update-patient.ts';

/** The services of the subgraph, made once per process. */
export const makeServices = (parts: Parts) => ({
  createPatient: makeCreatePatient(parts),
  deletePatient: makeDeletePatient(parts),
  findNode,
  findRevokedSessions: makeFindRevokedSessions(parts),
  grantAccess: makeGrantAccess(parts),
  login: makeLogin(parts),
  logout: makeLogout(parts),
  refreshSession: makeRefreshSession(parts),
  registerPatient: makeRegisterPatient(parts),
  revokeAccess: makeRevokeAccess(parts),
  searchPatients: makeSearchPatients(parts),
  searchPractitioners: makeSearchPractitioners(parts),
  setRole: makeSetRole(parts),
  updatePatient: makeUpdatePatient(parts),
});
export type Services = ReturnType<typeof makeServices>;
