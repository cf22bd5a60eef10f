import { describe, expect, it } from '@jest/globals';
import { isFoundBy } from '#tools/audit-log/drills/drills.ts';

const at = (firstBadIndex: number | null) => ({ said: 'broken', firstBadIndex });

describe('a drill', () => {
  it.each([
    ['all who have to find it did', { sequencer: at(7), verifier: at(7) }, true],
    ['one names the first entry that may be bad', { sequencer: at(0), verifier: at(7) }, true],
    ['a witness names no entry', { sequencer: at(7), verifier: at(7), witnesses: at(null) }, true],
    ['one who has to find it did not', { verifier: at(7) }, false],
    ['nobody did', {}, false],
    ['one names an entry behind the first bad one', { sequencer: at(7), verifier: at(8) }, false],
  ])('where %s', (_where, found, isFound) => {
    expect(isFoundBy({ must: ['sequencer', 'verifier'], firstBadIndex: 7, found })).toBe(isFound);
  });
});
