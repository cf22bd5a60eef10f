import type { LogSource } from '#platform/tlog/log-source.ts';
import { type CityState, type VerifyCityOptions, verifyCity } from './verify-city.ts';

export type SuccessorOptions = Pick<VerifyCityOptions, 'trust' | 'city' | 'now' | 'isFull' | 'signal'> & {
  /** Files below the city's prefix, where shards stand below their numbers. */
  readonly source: LogSource;
  readonly shard: number;
  /** What is known of the shard by itself. */
  readonly known: CityState | null;
};

/**
 * The later shard that names the last checkpoint of one whose entries are not served any more, by the rules by which a whole row of shards is verified; null
 * where there is none, so that the missing entries are a fault. Verifies that later shard whole. Throws as `verifyCity` does.
 */
export const findSuccessor = async ({ source, shard, known, ...options }: SuccessorOptions): Promise<number | null> => {
  const alone = known?.shards['0'] ?? known?.shards[String(shard)];
  for (let last = shard + 1; (await source(`${last}/checkpoint`)) !== null; last++) {
    const isShown = (path: string): boolean => {
      const number = /^([1-9]\d{0,8})\//.exec(path)?.[1];
      return number === undefined || (Number(number) >= shard && Number(number) <= last);
    };
    const { fault, notices } = await verifyCity({
      ...options,
      known: alone ? { shards: { [shard]: alone } } : null,
      source: async (path) => (path === 'checkpoint' ? source(`${last}/checkpoint`) : isShown(path) ? source(path) : null),
    });
    if (fault === null) return notices.some((each) => each.kind === 'shard-not-served' && each.shard === shard) ? last : null;
    // That one may be gone as well, and the one behind it name it.
    if (fault.kind !== 'entry-missing' || fault.shard !== last || fault.firstBadIndex !== 0) return null;
  }
  return null;
};
