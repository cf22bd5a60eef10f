import type { CoverageResolvers } from '../generated/resolvers.ts';

export const Coverage: CoverageResolvers = {
  __resolveReference: ({ id }, { loaders }) => loaders.coverage.load(id),
};
