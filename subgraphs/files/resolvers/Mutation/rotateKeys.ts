import type { MutationResolvers } from '../../generated/resolvers.ts';

export const rotateKeys: NonNullable<MutationResolvers['rotateKeys']> = (_parent, { city, newKey }, { caller, services }) =>
  services.rotateKeys(caller, { city, newKey: newKey === true });
