import { LRUCache } from 'lru-cache';

/** So many at once, and later on so many a second. */
export type AddressRateOptions = { readonly burst: number; readonly perSecond: number };

/** Addresses that are remembered; the one that was silent longest is forgotten first. */
const MAX_ADDRESSES = 10_000;

/** Tells whether an address may ask once more now; each has a bucket of its own that fills by time. */
export const makeAddressRate = ({ burst, perSecond }: AddressRateOptions, now: () => number = () => performance.now()) => {
  const buckets = new LRUCache<string, { left: number; at: number }>({ max: MAX_ADDRESSES });
  return (address: string): boolean => {
    const at = now();
    const bucket = buckets.get(address) ?? { left: burst, at };
    bucket.left = Math.min(burst, bucket.left + ((at - bucket.at) / 1_000) * perSecond);
    bucket.at = at;
    buckets.set(address, bucket);
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  };
};
