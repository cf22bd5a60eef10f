import { describe, expect, it } from '@jest/globals';
import { fanOut } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { CityUnavailableError, OverloadedError } from '#platform/database/errors.ts';

const aCity = (code: string): CityDatabase => ({ city: { code } }) as CityDatabase;
const cities = ['MTL', 'QUE', 'SHE'].map(aCity);
const later = <T>(ms: number, value: T): Promise<T> => new Promise((resolve) => setTimeout(() => resolve(value), ms));
const fresh = <T>(value: T) => ({ value, staleAsOf: null });

describe('fanOut', () => {
  it('asks all cities at once and keeps their order', async () => {
    const started = performance.now();
    const parts = await fanOut(cities, ({ city }) => later(100, fresh(city.code.toLowerCase())));
    expect(performance.now() - started).toBeLessThan(250);
    expect(parts).toEqual([
      { city: 'MTL', state: 'COMPLETE', asOf: null, value: 'mtl' },
      { city: 'QUE', state: 'COMPLETE', asOf: null, value: 'que' },
      { city: 'SHE', state: 'COMPLETE', asOf: null, value: 'she' },
    ]);
  });

  it('waits for a slow city until the deadline and no longer', async () => {
    const started = performance.now();
    const parts = await fanOut(cities, ({ city }) => (city.code === 'QUE' ? new Promise(() => {}) : Promise.resolve(fresh(1))), 100);
    const took = performance.now() - started;
    expect(took).toBeGreaterThanOrEqual(95);
    expect(took).toBeLessThan(400);
    expect(parts.map(({ state }) => state)).toEqual(['COMPLETE', 'UNAVAILABLE', 'COMPLETE']);
    expect(parts[1]).toEqual({ city: 'QUE', state: 'UNAVAILABLE', asOf: null, value: null });
  });

  it.each([new CityUnavailableError('QUE', 'not-sent'), new OverloadedError('QUE')])(
    'takes %s for a city that is missing',
    async (error) => {
      const parts = await fanOut(cities, ({ city }) => (city.code === 'QUE' ? Promise.reject(error) : Promise.resolve(fresh(1))));
      expect(parts.map(({ state }) => state)).toEqual(['COMPLETE', 'UNAVAILABLE', 'COMPLETE']);
    },
  );

  it('passes other errors on: a wrong statement is no city that is down', async () => {
    await expect(fanOut(cities, () => Promise.reject(new Error('syntax error')))).rejects.toThrow('syntax error');
  });

  it('says since when the answer of a replica is true', async () => {
    const asOf = new Date('2027-02-10T13:00:00Z');
    const [part] = await fanOut([aCity('MTL')], async () => ({ value: 1, staleAsOf: asOf }));
    expect(part).toEqual({ city: 'MTL', state: 'STALE', asOf, value: 1 });
  });

  it('leaves a failure that comes after the deadline to nobody, not to the process', async () => {
    const surprises: unknown[] = [];
    const hear = (reason: unknown): void => void surprises.push(reason);
    process.on('unhandledRejection', hear);
    try {
      const [part] = await fanOut([aCity('MTL')], () => later(60, null).then(() => Promise.reject(new Error('late'))), 20);
      expect(part?.state).toBe('UNAVAILABLE');
      await later(120, null);
      expect(surprises).toEqual([]);
    } finally {
      process.off('unhandledRejection', hear);
    }
  });
});
