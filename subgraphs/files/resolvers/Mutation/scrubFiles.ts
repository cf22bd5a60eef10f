import type { MutationResolvers } from '../../generated/resolvers.ts';

export const scrubFiles: NonNullable<MutationResolvers['scrubFiles']> = (_parent, { city }, { caller, services }) =>
  services.scrubFiles(caller, { city });
