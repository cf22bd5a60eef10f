import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DAY_PARTS, dayPartOf, parseSlotCode, toSlotCode } from '#scheduling/domain/slot-code.ts';

const days = fc
  .integer({ min: Date.UTC(2000, 0, 1) / 86_400_000, max: Date.UTC(2099, 11, 31) / 86_400_000 })
  .map((day) => new Date(day * 86_400_000).toISOString().slice(0, 10));

describe('slot codes', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.constantFrom('MTL', 'QUE', 'SHE'), days, fc.integer({ min: 0, max: 1_439 }), (city, date, minute) => {
        expect(parseSlotCode(toSlotCode(city, date, minute))).toEqual({ city, part: dayPartOf(minute), date });
      }),
    );
  });

  it('have the form that people know', () => {
    expect(toSlotCode('MTL', '2027-02-10', 13 * 60)).toBe('MTLA100227');
    expect(parseSlotCode('MTLA100227')).toEqual({ city: 'MTL', part: 'A', date: '2027-02-10' });
  });

  it.each([
    [0, 'N'],
    [479, 'N'],
    [480, 'M'],
    [719, 'M'],
    [720, 'A'],
    [1_019, 'A'],
    [1_020, 'E'],
    [1_259, 'E'],
    [1_260, 'N'],
    [1_439, 'N'],
  ])('count minute %i to %s', (minute, part) => {
    expect(dayPartOf(minute)).toBe(part);
  });

  it('cover the day without gap or overlap', () => {
    const parts = [DAY_PARTS.M, DAY_PARTS.A, DAY_PARTS.E, DAY_PARTS.N];
    parts.forEach(({ to }, i) => {
      expect(to % 1_440).toBe(parts[(i + 1) % 4]?.from);
    });
  });

  it.each([
    '',
    'MTLA1002',
    'mtla100227',
    'MTLX100227',
    'MTLA310227',
    'MTLA290227',
    'MTLA000127',
    'MTLA011327',
    ' MTLA100227',
    'MTLA100227\n',
    'MTLA１00227',
  ])('refuse %j', (text) => {
    expect(parseSlotCode(text)).toBeNull();
  });
  it('know leap days', () => {
    expect(parseSlotCode('MTLA290228')).toMatchObject({ date: '2028-02-29' });
  });
});
