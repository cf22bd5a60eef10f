import type { CityResolvers } from '../generated/resolvers.ts';

export const City: CityResolvers = {
  __resolveReference: ({ code }, { services }) => services.city(code),
  checkpoint: ({ code }, _args, { loaders }) => loaders.checkpoint.load(code),
};
