import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseRamq } from '#patients/domain/ramq.ts';

describe('parseRamq', () => {
  it.each([
    ['TREM84541512', 'TREM84541512'],
    ['trem 8454 1512', 'TREM84541512'],
    ['TREM-8404-1512', 'TREM84041512'],
    ['TREE84522915', 'TREE84522915'],
    ['LEAP00022900', 'LEAP00022900'],
  ])('reads %s', (text, number) => expect(parseRamq(text)).toBe(number));
  it.each([
    ['', 'nothing'],
    ['TRE84541512', 'three letters'],
    ['TREM8454151', 'seven digits'],
    ['TREM845415123', 'nine digits'],
    ['TREM84001512', 'month 0'],
    ['TREM84131512', 'month 13'],
    ['TREM84501512', 'month 50'],
    ['TREM84631512', 'month 63'],
    ['TREM84020012', 'day 0'],
    ['TREM84023012', '30 February'],
    ['TREM83022912', '29 February of no leap year'],
    ['TREM84043112', '31 April'],
    ['ÉREM84541512', 'an accent'],
    ['TREM８4541512', 'a wide digit'],
  ])('refuses %s: %s', (text) => expect(parseRamq(text)).toBeNull());
  it('takes every day of a life, of men and women', () => {
    const day = fc.date({ min: new Date('1900-01-01'), max: new Date('2026-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(day, fc.boolean(), fc.nat(99), (date, female, last) => {
        const two = (n: number) => String(n).padStart(2, '0');
        const number = `ABCD${two(date.getUTCFullYear() % 100)}${two(date.getUTCMonth() + 1 + (female ? 50 : 0))}${two(date.getUTCDate())}${two(last)}`;
        return parseRamq(number) === number;
      }),
    );
  });
  it('answers any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => [null, text.replace(/[\s-]/g, '').toUpperCase()].includes(parseRamq(text))),
    );
  });
});
