import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { demoPatients } from '#embedded/demo/patients.ts';
import { demoPractitioners } from '#embedded/demo/people.ts';
import { checkNewPatient } from '#patients/domain/check-patient.ts';
import { homeCityOf } from '#patients/domain/home-city.ts';
import type { Address } from '#patients/domain/patient.ts';
import { parseRamq } from '#patients/domain/ramq.ts';
import { HOME_CITIES } from '#platform/config/city.ts';

const all = HOME_CITIES.flatMap((city) => demoPatients(city).map((patient) => ({ city, patient })));
const digest = (text: string) => createHash('sha256').update(text).digest();

describe('the demo population', () => {
  it('is the same on every machine', () => {
    const text = JSON.stringify([all.map(({ patient }) => patient), HOME_CITIES.map(({ code }) => demoPractitioners(code))]);
    expect(createHash('sha256').update(text).digest('hex')).toMatchInlineSnapshot(
      `"f6b600d3e765769b4c62d3bba30a384e4f585ba8d683133754dd04ce3ffdd714"`,
    );
  });
  it('has at least 100 patients a city, each with records that callers could have sent', () => {
    for (const { code } of HOME_CITIES) expect(all.filter(({ city }) => city.code === code).length).toBeGreaterThanOrEqual(100);
    for (const { patient } of all) {
      const { family, given, birthDate, gender, ramq, coverages } = patient;
      expect(() =>
        checkNewPatient(
          'demo',
          {
            name: { family, given },
            birthDate,
            gender,
            coverages,
            identifiers: [],
          },
          '2026-01-01',
        ),
      ).not.toThrow();
      expect(parseRamq(ramq)).toBe(ramq);
      expect(ramq.slice(4, 6)).toBe(birthDate.slice(2, 4));
    }
  });
  it('gives nobody another’s id or number', () => {
    expect(new Set(all.map(({ patient }) => patient.id)).size).toBe(all.length);
    expect(new Set(all.map(({ patient }) => patient.ramq)).size).toBe(all.length);
    expect(new Set(all.flatMap(({ patient }) => patient.coverages.map(({ id }) => id))).size).toBe(
      all.flatMap(({ patient }) => patient.coverages).length,
    );
  });
  it('lives where its city is', () => {
    for (const { city, patient } of all) {
      const address = patient.addresses[0] as Address | undefined;
      if (!address) throw new Error('no address');
      expect(homeCityOf([address], 'x', HOME_CITIES, digest)).toBe(city.code);
      expect(homeCityOf([{ ...address, city: null }], 'x', HOME_CITIES, digest)).toBe(city.code);
    }
  });
  it('has practitioners for every kind of appointment in every city', () => {
    for (const { code } of HOME_CITIES) {
      const practitioners = demoPractitioners(code);
      expect(practitioners.length).toBeGreaterThanOrEqual(6);
      for (const type of ['PHYSICIAN', 'SURGEON', 'DENTAL'])
        expect(practitioners.filter(({ specialties }) => specialties.includes(type)).length).toBeGreaterThanOrEqual(2);
    }
  });
});
