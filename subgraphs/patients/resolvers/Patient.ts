import { cityOfId } from '#platform/pure/id.ts';
import type { Context } from '../context.ts';
import type { PatientRecord, SeenPatient } from '../domain/patient.ts';
import type { PatientResolvers } from '../generated/resolvers.ts';

/** The field of a record that is shown whole; `FORBIDDEN` at its path where the viewer may see the name alone. */
const ofRecord =
  <K extends keyof PatientRecord>(field: K) =>
  ({ id, record, sight }: SeenPatient, _args: unknown, { loaders }: Context): PatientRecord[K] | Promise<PatientRecord[K]> =>
    sight === 'full' ? record[field] : loaders.refuseField.load(id);

export const Patient: PatientResolvers = {
  __resolveReference: ({ id }, { loaders }) => loaders.patient.load({ id, act: 'patient' }),
  city: ({ id }) => ({ code: cityOfId(id, 'pat') ?? '' }),
  name: ({ record }) => record.name,
  birthDate: ofRecord('birthDate'),
  gender: ofRecord('gender'),
  contacts: ofRecord('contacts'),
  addresses: ofRecord('addresses'),
  identifiers: ofRecord('identifiers'),
  coverages: ofRecord('coverages'),
  version: ofRecord('version'),
  asOf: ({ asOf }) => asOf ?? null,
};
