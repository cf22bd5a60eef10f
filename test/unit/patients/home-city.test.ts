import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { homeCityOf } from '#patients/domain/home-city.ts';
import type { Address } from '#patients/domain/patient.ts';
import { HOME_CITIES } from '#platform/config/city.ts';

const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();
const NOWHERE: Address = { lines: [], city: null, state: null, postalCode: null, country: null };
const home = (address: Partial<Address>): string => homeCityOf([{ ...NOWHERE, ...address }], 'urn:x|1', HOME_CITIES, digest);
const BY_HASH = homeCityOf([], 'urn:x|1', HOME_CITIES, digest);

describe('homeCityOf', () => {
  it.each<[Partial<Address>, string]>([
    [{ city: 'Montréal' }, 'MTL'],
    [{ city: 'MONTREAL', country: 'Canada' }, 'MTL'],
    [{ city: 'Lévis', country: 'CA' }, 'QUE'],
    [{ city: 'Québec' }, 'QUE'],
    [{ city: 'sherbrooke' }, 'SHE'],
    [{ postalCode: 'g1v 4g2' }, 'QUE'],
    [{ postalCode: 'J1H1A1' }, 'SHE'],
    [{ postalCode: 'H3Z-2Y7', city: 'Westmount' }, 'MTL'],
  ])('knows %j as %s', (address, city) => expect(home(address)).toBe(city));
  it.each<Partial<Address>>([
    { state: 'Québec' },
    { state: 'QC', country: 'CA', city: 'Gatineau', postalCode: 'J8X 1A1' },
    { city: 'Laval', country: 'FR' },
    { city: 'Glasgow', postalCode: 'G1 1AA', country: 'GB' },
    { postalCode: 'G11AA' },
    { postalCode: '02720', city: 'Fall River', country: 'US' },
  ])('does not take %j for one of ours', (address) => expect(home(address)).toBe(BY_HASH));
  it('depends neither on the order of cities nor on the run', () => {
    expect(homeCityOf([], 'https://github.com/synthetichealth/synthea|a', HOME_CITIES, digest)).toBe('MTL');
    fc.assert(
      fc.property(fc.string(), fc.shuffledSubarray([...HOME_CITIES], { minLength: 3 }), (key, cities) => {
        expect(homeCityOf([], key, cities, digest)).toBe(homeCityOf([], key, HOME_CITIES, digest));
      }),
    );
  });
  it('spreads those without an address over all cities', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 3_000; i++) {
      const city = homeCityOf([], `urn:x|${i}`, HOME_CITIES, digest);
      counts.set(city, (counts.get(city) ?? 0) + 1);
    }
    for (const { code } of HOME_CITIES) expect(counts.get(code)).toBeGreaterThan(850);
  });
});
