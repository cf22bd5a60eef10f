import { describe, expect, it } from '@jest/globals';
import { nearestActs } from '#audit/domain/nearest-acts.ts';
import { ACTS } from '#schema/events/acts.ts';

describe('nearestActs', () => {
  it.each([
    ['bookAppointmnt', 'bookAppointment'],
    ['bookappointment', 'bookAppointment'],
    ['boookAppointment', 'bookAppointment'],
    ['ptaient', 'patient'],
    ['retireLogShards', 'retireLogShard'],
    ['slot.appointments', 'Slot.appointments'],
  ])('finds what %s was meant to be', (given, meant) => {
    expect(nearestActs(given, ACTS)[0]).toBe(meant);
  });
  it.each(['', 'x', 'somethingElseAltogether', 'zzzzzzzz'])('finds nothing near %j', (given) => {
    expect(nearestActs(given, ACTS)).toEqual([]);
  });
  it('names three at most, the nearest first', () => {
    expect(nearestActs('abcd', ['abcx', 'abcd', 'xbcd', 'axcd', 'wxyz'])).toEqual(['abcd', 'abcx', 'xbcd']);
  });
});
