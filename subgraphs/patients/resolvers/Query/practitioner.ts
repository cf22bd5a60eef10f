import type { QueryResolvers } from '../../generated/resolvers.ts';

export const practitioner: NonNullable<QueryResolvers['practitioner']> = (_parent, { id }, { loaders }) => loaders.practitioner.load(id);
