import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkNewPatient, type PatientInput, searchWords } from '#patients/domain/check-patient.ts';
import { BadInputError } from '#platform/pure/faults.ts';

const TODAY = '2026-11-21';
const sound: PatientInput = { name: { family: 'Tremblay', given: ['Éloïse'] }, birthDate: '1984-02-29' };
const fieldOf = (part: Partial<PatientInput>): string | null => {
  try {
    checkNewPatient('input', { ...sound, ...part }, TODAY);
    return null;
  } catch (error) {
    if (!(error instanceof BadInputError)) throw error;
    return error.field;
  }
};

describe('checkNewPatient', () => {
  it('keeps a sound record', () => {
    expect(checkNewPatient('input', sound, TODAY)).toEqual({
      name: { text: 'Éloïse Tremblay', family: 'Tremblay', given: ['Éloïse'] },
      birthDate: '1984-02-29',
      gender: 'UNKNOWN',
      contacts: [],
      addresses: [],
      identifiers: [],
      coverages: [],
    });
  });
  it.each<[Partial<PatientInput>, string]>([
    [{ name: { family: '', given: ['x'] } }, 'input.name.family'],
    [{ name: { family: 'x', given: [] } }, 'input.name.given'],
    [{ name: { family: 'x', given: ['x', '🏥'.repeat(101)] } }, 'input.name.given[1]'],
    [{ birthDate: '2026-11-22' }, 'input.birthDate'],
    [{ birthDate: '1849-12-31' }, 'input.birthDate'],
    [{ contacts: [{ system: 'PHONE', value: 'x'.repeat(201) }] }, 'input.contacts[0].value'],
    [{ addresses: [{ lines: ['ok', '\u0000'] }] }, 'input.addresses[0].lines[1]'],
    [{ addresses: Array(11).fill({ lines: [] }) }, 'input.addresses'],
    [{ identifiers: [{ system: 'RAMQ', value: 'x' }] }, 'input.identifiers[0].system'],
    [{ identifiers: Array(21).fill({ system: 'urn:x:y', value: '1' }) }, 'input.identifiers'],
    [{ coverages: [{ plan: ' ', payor: 'x' }] }, 'input.coverages[0].plan'],
  ])('names the field of %j', (part, field) => expect(fieldOf(part)).toBe(field));
  it.each<Partial<PatientInput>>([
    { name: { family: 'x'.repeat(100), given: Array(10).fill('🏥'.repeat(100)) } },
    { birthDate: TODAY },
    { birthDate: '1850-01-01' },
    { contacts: Array(20).fill({ system: 'PHONE', value: '1' }) },
    { gender: 'OTHER' },
  ])('takes what is just within the limits', (part) => expect(fieldOf(part)).toBeNull());
  it('stores text that PostgreSQL takes, in NFC, whatever is sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (family) => {
        if (fieldOf({ name: { family, given: ['x'] } }) !== null) return;
        const { name } = checkNewPatient('input', { ...sound, name: { family, given: ['x'] } }, TODAY);
        expect(name.family).toBe(name.family?.normalize('NFC').trim());
        expect(name.text).not.toContain('\u0000');
        expect(name.text.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('searchWords', () => {
  it('parts names as people write them, longest first', () => {
    expect(searchWords('f', "d'Arc-Côté  Éloïse")).toEqual(['Éloïse', 'Côté', 'Arc', 'd']);
  });
  it.each(['', '   ', "-'", '\u0000', 'x'.repeat(101)])('refuses %j', (name) =>
    expect(() => searchWords('f', name)).toThrow(BadInputError),
  );
});
