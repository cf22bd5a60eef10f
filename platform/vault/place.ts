import { type BlobStore, StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import type { StoreName } from './vault.ts';

/** One of the two stores, each act with a deadline. */
export type Place = {
  readonly name: StoreName;
  readonly store: BlobStore;
  /**
   * Runs an act, with `factor` times the deadline. Whatever goes wrong becomes `StoreUnavailableError`, but for `StoreFullError`. An act
   * that is too late goes on unseen.
   */
  readonly run: <T>(act: () => Promise<T>, factor?: number) => Promise<T>;
  /** Whether the store did not answer a moment ago; whoever has a choice takes the other one first. */
  readonly isAway: () => boolean;
};

/** How long a store that did not answer counts as away. */
const AWAY_MS = 2_000;

export const makePlace = (name: StoreName, store: BlobStore, deadlineMs: number, log?: Log): Place => {
  let awayUntil = 0;
  return {
    name,
    store,
    isAway: () => performance.now() < awayUntil,
    run: async <T>(act: () => Promise<T>, factor = 1): Promise<T> => {
      const { promise: late, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new StoreUnavailableError(name)), deadlineMs * factor);
      const acting = act();
      acting.catch(() => {}); // the deadline may win: the late failure has nobody left to hear it
      try {
        const value = await Promise.race([acting, late]);
        awayUntil = 0;
        return value;
      } catch (error) {
        if (error instanceof StoreFullError) throw error;
        awayUntil = performance.now() + AWAY_MS;
        if (error instanceof StoreUnavailableError) throw error;
        log?.error('a store failed', { store: name, ...describeError(error) });
        throw new StoreUnavailableError(name, error);
      } finally {
        clearTimeout(timer);
      }
    },
  };
};
