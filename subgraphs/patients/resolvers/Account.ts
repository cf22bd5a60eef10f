import { ROLE_NAMES } from '#platform/access/viewer.ts';
import type { AccountResolvers } from '../generated/resolvers.ts';

export const Account: AccountResolvers = {
  role: ({ role }) => ROLE_NAMES[role],
  city: ({ city }) => ({ code: city }),
  patient: ({ patientId, viewer }, _args, { loaders, loadersFor }) =>
    patientId === null ? null : (viewer ? loadersFor(viewer) : loaders).patient.load({ id: patientId, act: 'patient' }),
  practitioner: ({ practitionerId, viewer }, _args, { loaders, loadersFor }) =>
    practitionerId === null ? null : (viewer ? loadersFor(viewer) : loaders).practitioner.load(practitionerId),
};
