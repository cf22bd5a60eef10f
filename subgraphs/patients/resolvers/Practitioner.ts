import type { PractitionerResolvers } from '../generated/resolvers.ts';

export const Practitioner: PractitionerResolvers = {
  __resolveReference: ({ id }, { loaders }) => loaders.practitioner.load(id),
  city: ({ city }) => ({ code: city }),
};
