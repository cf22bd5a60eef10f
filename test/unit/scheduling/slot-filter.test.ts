import { describe, expect, it } from '@jest/globals';
import { matchesChange, type SlotFilter } from '#scheduling/domain/slot-filter.ts';

const now = new Date('2027-02-01T00:00:00Z');
const all: SlotFilter = { cities: ['MTL'], appointmentType: null, practitionerId: null, from: null, to: null, onlyAvailable: false };
const change = {
  appointmentType: 'DENTAL',
  practitionerId: null,
  startsAt: new Date('2027-02-10T13:00:00Z'),
  availableBefore: 1,
  availableAfter: 0,
};

describe('matchesChange', () => {
  it.each([
    [{}, {}, true],
    [{ appointmentType: 'DENTAL' }, {}, true],
    [{ appointmentType: 'SURGEON' }, {}, false],
    [{ practitionerId: 'p' }, {}, false],
    [{ practitionerId: 'p' }, { practitionerId: 'p' }, true],
    [{ from: change.startsAt }, {}, true],
    [{ to: change.startsAt }, {}, false],
    [{ onlyAvailable: true }, {}, true],
    [{ onlyAvailable: true }, { availableBefore: 0, availableAfter: 1 }, true],
    [{ onlyAvailable: true }, { availableBefore: 0, availableAfter: 0 }, false],
    [{ onlyAvailable: true }, { startsAt: now }, false],
  ])('%j with %j: %s', (filter, more, expected) => {
    expect(matchesChange({ ...all, ...filter }, { ...change, ...more }, now)).toBe(expected);
  });
});
