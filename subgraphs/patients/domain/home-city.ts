import { foldText } from '#platform/pure/text.ts';
import type { Address } from './patient.ts';

/** A city as far as it matters where people live: names of towns and beginnings of postal codes. */
export type Home = {
  readonly code: string;
  readonly home: { readonly towns: readonly string[]; readonly postalPrefixes: readonly string[] };
};

const fold = (text: string): string =>
  foldText(text)
    .replace(/[\s\-'.,]+/g, ' ')
    .trim();
const isCanadian = ({ country }: Address): boolean => country === null || ['ca', 'can', 'canada'].includes(fold(country));
const CANADIAN_CODE = /^[A-Z]\d[A-Z]/;

const livesIn = ({ home }: Home, address: Address): boolean => {
  if (!isCanadian(address)) return false;
  const code = (address.postalCode ?? '').replace(/[\s-]/g, '').toUpperCase();
  if (CANADIAN_CODE.test(code) && home.postalPrefixes.some((prefix) => code.startsWith(prefix.toUpperCase()))) return true;
  return address.city !== null && home.towns.some((town) => fold(town) === fold(address.city ?? ''));
};

/**
 * The city that keeps a record: where an address says the person lives, first address first; else one that depends on `key` alone (the
 * record's first identifier as `system|value`) through `digest`, a SHA-256. The order of `cities` does not matter.
 */
export const homeCityOf = (
  addresses: readonly Address[],
  key: string,
  cities: readonly Home[],
  digest: (text: string) => Uint8Array,
): string => {
  const sorted = [...cities].sort((a, b) => (a.code < b.code ? -1 : 1));
  for (const address of addresses) {
    const home = sorted.find((city) => livesIn(city, address));
    if (home) return home.code;
  }
  const number = digest(key)
    .subarray(0, 6)
    .reduce((sum, byte) => sum * 256 + byte, 0);
  const chosen = sorted[number % sorted.length];
  if (!chosen) throw new Error('no city');
  return chosen.code;
};
