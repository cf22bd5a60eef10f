import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isoWeek, weekdayOf } from '#platform/pure/iso-week.ts';
import { addDays, atLocal, isTimeZone, readLocal, toLocal } from '#platform/pure/zoned-time.ts';

const ZONE = 'America/Toronto';
const days = fc
  .integer({ min: Date.UTC(1970, 0, 1) / 86_400_000, max: Date.UTC(2199, 11, 31) / 86_400_000 })
  .map((day) => new Date(day * 86_400_000).toISOString().slice(0, 10));

describe('readLocal', () => {
  it.each([
    ['2027-02-10T08:00', { kind: 'instant', at: new Date('2027-02-10T13:00:00Z') }],
    ['2028-02-29T08:00', { kind: 'instant', at: new Date('2028-02-29T13:00:00Z') }],
    ['2027-02-29T08:00', { kind: 'invalid' }],
    ['2027-02-10T24:00', { kind: 'invalid' }],
    ['2027-02-10T08:60', { kind: 'invalid' }],
    ['2027-02-10T08:00:60', { kind: 'invalid' }],
    ['0000-02-10T08:00', { kind: 'invalid' }],
    ['9999-02-10T08:00', { kind: 'invalid' }],
    ['2027-02-10T08:00Z', { kind: 'invalid' }],
    ['2027-02-10 08:00', { kind: 'invalid' }],
    ['2027-02-10T08:00+99:99', { kind: 'wrong-offset', right: '2027-02-10T08:00-05:00' }],
    ['2027-03-14T02:30', { kind: 'gap', before: '2027-03-14T01:59-05:00', after: '2027-03-14T03:00-04:00' }],
    ['2027-03-14T02:30-05:00', { kind: 'gap', before: '2027-03-14T01:59-05:00', after: '2027-03-14T03:00-04:00' }],
    ['2027-11-07T01:30', { kind: 'twice', earlier: '2027-11-07T01:30-04:00', later: '2027-11-07T01:30-05:00' }],
    ['2027-11-07T01:30-04:00', { kind: 'instant', at: new Date('2027-11-07T05:30:00Z') }],
    ['2027-11-07T01:30-05:00', { kind: 'instant', at: new Date('2027-11-07T06:30:00Z') }],
    ['2027-11-07T02:00', { kind: 'instant', at: new Date('2027-11-07T07:00:00Z') }],
  ])('reads %s', (text, expected) => {
    expect(readLocal(ZONE, text)).toEqual(expected);
  });

  it('is undone by toLocal wherever the clock runs straight', () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 0, max: 1_439 }), fc.constantFrom(ZONE, 'America/St_Johns', 'UTC'), (date, minute, zone) => {
        const clock = `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
        const reading = readLocal(zone, `${date}T${clock}`);
        if (reading.kind === 'instant') expect(toLocal(zone, reading.at)).toEqual({ date, minuteOfDay: minute });
        else expect(['gap', 'twice']).toContain(reading.kind);
      }),
    );
  });
});

describe('atLocal, addDays, isTimeZone', () => {
  it('find instants, days and zones', () => {
    expect(atLocal(ZONE, '2027-07-01', 13 * 60)).toEqual(new Date('2027-07-01T17:00:00Z'));
    expect(atLocal(ZONE, '2027-03-14', 150)).toEqual(new Date('2027-03-14T07:30:00Z'));
    expect(addDays('2027-02-28', 1)).toBe('2027-03-01');
    expect(addDays('2027-01-01', -1)).toBe('2026-12-31');
    expect(isTimeZone(ZONE)).toBe(true);
    expect(isTimeZone('America/Nowhere')).toBe(false);
  });
});

describe('isoWeek', () => {
  it.each([
    ['2026-11-22', '2026-W47'],
    ['2026-11-23', '2026-W48'],
    ['2027-01-01', '2026-W53'],
    ['2027-01-03', '2026-W53'],
    ['2027-01-04', '2027-W01'],
    ['2024-12-30', '2025-W01'],
    ['2027-02-10', '2027-W06'],
  ])('puts %s into %s', (date, week) => {
    expect(isoWeek(date)).toBe(week);
  });

  it('changes on Mondays and only then', () => {
    fc.assert(
      fc.property(days, (date) => {
        expect(isoWeek(date) === isoWeek(addDays(date, 1))).toBe(weekdayOf(date) !== 7);
      }),
    );
  });
});
