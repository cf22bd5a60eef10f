import { CalendarDate, DateTime } from '#platform/graphql/scalars.ts';
import type { Resolvers } from '../generated/resolvers.ts';
import { Account } from './Account.ts';
import { City } from './City.ts';
import { Coverage } from './Coverage.ts';
import { createPatient } from './Mutation/createPatient.ts';
import { deletePatient } from './Mutation/deletePatient.ts';
import { grantAccess } from './Mutation/grantAccess.ts';
import { login } from './Mutation/login.ts';
import { logout } from './Mutation/logout.ts';
import { refreshSession } from './Mutation/refreshSession.ts';
import { registerPatient } from './Mutation/registerPatient.ts';
import { revokeAccess } from './Mutation/revokeAccess.ts';
import { setRole } from './Mutation/setRole.ts';
import { updatePatient } from './Mutation/updatePatient.ts';
import { Patient } from './Patient.ts';
import { Practitioner } from './Practitioner.ts';
import { me } from './Query/me.ts';
import { node } from './Query/node.ts';
import { patient } from './Query/patient.ts';
import { patients } from './Query/patients.ts';
import { practitioner } from './Query/practitioner.ts';
import { practitioners } from './Query/practitioners.ts';
import { revokedSessions } from './Query/revokedSessions.ts';

export const resolvers: Resolvers = {
  Query: { me, node, patient, patients, practitioner, practitioners, revokedSessions },
  Mutation: {
    createPatient,
    deletePatient,
    grantAccess,
    login,
    logout,
    refreshSession,
    registerPatient,
    revokeAccess,
    setRole,
    updatePatient,
  },
  Account,
  City,
  Coverage,
  Patient,
  Practitioner,
  Date: CalendarDate,
  DateTime,
};
