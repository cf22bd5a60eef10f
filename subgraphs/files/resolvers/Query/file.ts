import type { QueryResolvers } from '../../generated/resolvers.ts';

export const file: NonNullable<QueryResolvers['file']> = (_parent, { id }, { loaders }) => loaders.file.load({ id, act: 'file' });
