import { describe, expect, it } from '@jest/globals';
import { BadInputError } from '#platform/pure/faults.ts';
import { readSlotTime, type SlotTimeInput } from '#scheduling/domain/slot-time.ts';

const city = { code: 'MTL', timeZone: 'America/Toronto' };
const now = new Date('2026-11-21T12:00:00Z');
const read = (input: SlotTimeInput) => readSlotTime(city, input, now);
const hours = ({ startsAt, endsAt }: { startsAt: Date; endsAt: Date }): number => (endsAt.getTime() - startsAt.getTime()) / 3_600_000;

describe('readSlotTime', () => {
  it.each([
    ['MTLM100227', 4, '2027-02-10T13:00:00.000Z'],
    ['MTLA100227', 5, '2027-02-10T17:00:00.000Z'],
    ['MTLE100227', 4, '2027-02-10T22:00:00.000Z'],
    ['MTLN100227', 11, '2027-02-11T02:00:00.000Z'],
    ['MTLN130327', 10, '2027-03-14T02:00:00.000Z'],
    ['MTLN061127', 12, '2027-11-07T01:00:00.000Z'],
  ])('takes the whole part of the day for %s: %i h', (code, length, start) => {
    const time = read({ code });
    expect(hours(time)).toBe(length);
    expect(time.startsAt.toISOString()).toBe(start);
  });

  it('keeps 09:00 at 09:00 across the change of the clock', () => {
    const before = read({ localStart: '2027-03-13T09:00', localEnd: '2027-03-13T10:00' });
    const after = read({ localStart: '2027-03-14T09:00', localEnd: '2027-03-14T10:00' });
    expect(after.startsAt.getTime() - before.startsAt.getTime()).toBe(23 * 3_600_000);
  });

  it('counts an overlap of the clock as time that passes', () => {
    expect(hours(read({ localStart: '2027-11-07T01:30-04:00', localEnd: '2027-11-07T01:30-05:00' }))).toBe(1);
  });

  it.each([
    [{}, 'input.start'],
    [{ start: null, localStart: null, code: null }, 'input.start'],
    [{ code: 'MTLM100227', localEnd: '2027-02-10T10:00' }, 'input.start'],
    [{ localStart: '2027-02-10T10:00' }, 'input.localEnd'],
    [{ localEnd: '2027-02-10T10:00' }, 'input.localStart'],
    [{ end: new Date('2027-02-10T10:00Z') }, 'input.start'],
    [{ start: new Date('2027-02-10T10:00Z') }, 'input.end'],
    [{ localStart: '2027-03-14T02:30', localEnd: '2027-03-14T04:00' }, 'input.localStart'],
    [{ localStart: '2027-03-14T01:30', localEnd: '2027-03-14T02:59' }, 'input.localEnd'],
    [{ localStart: '2027-11-07T01:00', localEnd: '2027-11-07T04:00' }, 'input.localStart'],
    [{ localStart: '2027-02-10T10:00-04:00', localEnd: '2027-02-10T11:00' }, 'input.localStart'],
    [{ localStart: '0000-01-01T00:00', localEnd: '2027-02-10T11:00' }, 'input.localStart'],
    [{ localStart: '9999-12-31T00:00', localEnd: '9999-12-31T01:00' }, 'input.localStart'],
    [{ localStart: '2027-02-10T24:00', localEnd: '2027-02-11T01:00' }, 'input.localStart'],
    [{ localStart: '2027-02-10T10:00:60', localEnd: '2027-02-11T01:00' }, 'input.localStart'],
    [{ start: now, end: new Date(now.getTime() + 1) }, 'input.start'],
  ] as const)('refuses %j at its field', (input, field) => {
    let thrown: unknown;
    try {
      read(input);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(BadInputError);
    expect((thrown as BadInputError).field).toBe(field);
  });
});
