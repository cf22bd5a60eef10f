import type { QueryResolvers } from '../../generated/resolvers.ts';

export const patient: NonNullable<QueryResolvers['patient']> = (_parent, { id }, { loaders }) =>
  loaders.patient.load({ id, act: 'patient' });
