import type { CityResolvers } from '../generated/resolvers.ts';

export const City: CityResolvers = {
  /** Names and zones of cities are no secret: nobody has to log in for them. */
  __resolveReference: ({ code }, { city }) => city(code),
};
