import type { MutationResolvers } from '../../generated/resolvers.ts';

export const logout: NonNullable<MutationResolvers['logout']> = (_parent, _args, context) => context.services.logout(context);
