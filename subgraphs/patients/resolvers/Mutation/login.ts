import type { MutationResolvers } from '../../generated/resolvers.ts';
import { say } from '../refusals.ts';

export const login: NonNullable<MutationResolvers['login']> = async (_parent, { username, password }, context) => {
  const outcome = await context.services.login(context, username, password);
  return outcome.kind === 'session' ? { __typename: 'Session', ...outcome.session } : say('InvalidCredentials', context.caller);
};
