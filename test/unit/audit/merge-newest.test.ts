import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Listed, mergeNewest } from '#audit/domain/merge-newest.ts';

/** Lists of cities, newest first by number; clocks may disagree with the order. */
const lists = fc
  .array(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 12 }), { minLength: 1, maxLength: 4 })
  .map((cities) =>
    cities.map((times, city) =>
      times.map((time, i): Listed => ({ city: `C${city}`, position: String(times.length - i), recordedAt: new Date(time) })),
    ),
  );

describe('mergeNewest', () => {
  it('takes each entry once and keeps the order within a city', () => {
    fc.assert(
      fc.property(lists, (given) => {
        const merged = mergeNewest(given, {}, 100).map(({ entry }) => entry);
        expect(merged).toHaveLength(given.flat().length);
        for (const [city, list] of given.entries()) expect(merged.filter((entry) => entry.city === `C${city}`)).toEqual(list);
      }),
    );
  });

  it('is newest first where the clocks of each city ran forward', () => {
    fc.assert(
      fc.property(lists, (given) => {
        const ordered = given.map((list) => {
          const times = list.map(({ recordedAt }) => recordedAt).sort((a, b) => b.getTime() - a.getTime());
          return list.map((entry, i) => ({ ...entry, recordedAt: times[i] ?? entry.recordedAt }));
        });
        const times = mergeNewest(ordered, {}, 100).map(({ entry }) => entry.recordedAt.getTime());
        expect(times).toEqual([...times].sort((a, b) => b - a));
      }),
    );
  });

  it('continues behind any entry without a gap or a repeat', () => {
    fc.assert(
      fc.property(lists, fc.integer({ min: 1, max: 7 }), (given, size) => {
        const whole = mergeNewest(given, {}, 100).map(({ entry }) => entry);
        const walked: Listed[] = [];
        let positions = {};
        for (;;) {
          const rest = given.map((list) =>
            list.filter(({ city, position }) => {
              const before = (positions as Record<string, string>)[city];
              return before === undefined || Number(position) < Number(before);
            }),
          );
          const page = mergeNewest(rest, positions, size);
          if (page.length === 0) break;
          walked.push(...page.map(({ entry }) => entry));
          positions = page.at(-1)?.positions ?? positions;
        }
        expect(walked).toEqual(whole);
      }),
    );
  });
});
