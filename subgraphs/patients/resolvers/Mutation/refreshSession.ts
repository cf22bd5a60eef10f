import type { MutationResolvers } from '../../generated/resolvers.ts';
import { say } from '../refusals.ts';

export const refreshSession: NonNullable<MutationResolvers['refreshSession']> = async (_parent, { refreshToken }, context) => {
  const session = await context.services.refreshSession(context, refreshToken);
  return session ? { __typename: 'Session', ...session } : say('InvalidRefreshToken', context.caller);
};
