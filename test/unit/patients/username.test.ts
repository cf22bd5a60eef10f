import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseUsername, toUsername } from '#patients/domain/username.ts';

describe('login names', () => {
  it.each(['', 'MTLP001', 'MTLX0001', 'mtlp0001', 'MTLP0001 ', ' MTLP0001', 'MTLP0001\n', 'MTLP00000000001', 'MTLP000१', 'constructor'])(
    '%j is none',
    (text) => expect(parseUsername(text)).toBeNull(),
  );
  it('are read as they are written', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('MTL', 'QUE', 'SHE'),
        fc.constantFrom('P', 'D', 'A', 'U'),
        fc.integer({ min: 1, max: 999_999 }),
        (city, role, number) => {
          expect(parseUsername(toUsername(city, role, number))).toEqual({ city, role, number });
        },
      ),
    );
  });
});
