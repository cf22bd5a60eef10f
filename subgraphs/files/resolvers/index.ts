import type { Resolvers } from '../generated/resolvers.ts';
import { City } from './City.ts';

/** Every resolver of this subgraph. */
export const resolvers: Resolvers = { City };
