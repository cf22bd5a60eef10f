import type { ContentRefusedResolvers } from '../generated/resolvers.ts';

export const ContentRefused: ContentRefusedResolvers = {
  allowed: (_refusal, _args, { allowedTypes }) => allowedTypes,
};
