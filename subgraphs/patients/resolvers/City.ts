import { NotFoundError } from '#platform/pure/faults.ts';
import type { CityResolvers } from '../generated/resolvers.ts';

export const City: CityResolvers = {
  __resolveReference: ({ code }, { cities }) => {
    if (!cities.has(code)) throw new NotFoundError();
    return { code };
  },
  name: ({ code }, _args, { cities, caller }) => cities.get(code)?.name[caller.language] ?? code,
  timeZone: ({ code }, _args, { cities }) => {
    const city = cities.get(code);
    if (!city) throw new NotFoundError();
    return city.timeZone;
  },
};
