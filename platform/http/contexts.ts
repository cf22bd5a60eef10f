import { LRUCache } from 'lru-cache';
import type { PreparedOperation } from '#platform/graphql/limits.ts';

/** How long the fetches of one gateway request can share a context, in milliseconds. */
const SHARED_MS = 5_000;

/**
 * Contexts of a subgraph, one per gateway request and shared by its fetches. A mutation gets one of its own, and what follows it too:
 * loaders must not show what they saw before it.
 */
export const makeContexts = <C>() => {
  const open = new LRUCache<string, { readonly context: C }>({ max: 5_000, ttl: SHARED_MS, ttlResolution: 1_000 });
  return (key: string, kind: PreparedOperation['kind'], make: () => C): C => {
    if (kind === 'mutation') {
      open.delete(key);
      return make();
    }
    const shared = open.get(key);
    if (shared) return shared.context;
    const context = make();
    open.set(key, { context });
    return context;
  };
};
