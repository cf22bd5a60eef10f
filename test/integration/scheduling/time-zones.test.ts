import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Scheduling } from '#scheduling/server.ts';
import { type Harness, startHarness } from './harness.ts';

let house: Harness;
let west: Scheduling;
beforeAll(async () => {
  house = await startHarness();
  // Three hours behind the others.
  const cities = house.network.cities.map((city) => (city.code === 'SHE' ? { ...city, timeZone: 'America/Los_Angeles' } : city));
  west = await house.start({ feed: false, cities, clock: () => new Date('2026-11-01T00:00:00Z') });
});
afterAll(async () => {
  await west?.stop();
  await house?.stop();
});

const ADD = `mutation ($input: AddSlotInput!) { addSlot(input: $input) { __typename
  ... on Refusal { message } ... on AddSlotSuccess { slot { id code start end city { code timeZone } } } } }`;
const add = async (city: string, time: Record<string, string>, appointmentType = 'PHYSICIAN') => {
  const input = { city, appointmentType, capacity: 5, ...time };
  const { data, errors } = await house.ask(house.viewer('A', city), ADD, { input }, west);
  if (!data?.addSlot?.slot) throw new Error(JSON.stringify(errors));
  return data.addSlot.slot;
};
const daysOf = (city: string, id: string) =>
  house.sql(city, 'select local_date::text as date, week from scheduling.slot where id = $1', [id]);

describe('a city in another zone', () => {
  it('has its own wall clock, codes, days and weeks', async () => {
    const morning = await add('SHE', { localStart: '2027-02-10T08:00', localEnd: '2027-02-10T08:30' });
    expect(morning).toMatchObject({ code: 'SHEM100227', start: '2027-02-10T16:00:00.000Z', city: { timeZone: 'America/Los_Angeles' } });
    const evening = await add('SHE', { start: '2027-01-01T02:00:00Z', end: '2027-01-01T02:30:00Z' }, 'DENTAL');
    expect(evening.code).toBe('SHEE311226');
    expect(await daysOf('SHE', evening.id)).toEqual([{ date: '2026-12-31', week: '2026-W53' }]);
    const same = await add('MTL', { start: '2027-01-01T06:00:00Z', end: '2027-01-01T06:30:00Z' }, 'DENTAL');
    expect(same.code).toBe('MTLN010127');
    expect(await daysOf('MTL', same.id)).toEqual([{ date: '2027-01-01', week: '2026-W53' }]);
    const byCode = await add('SHE', { code: 'SHEA100227' });
    expect(byCode).toMatchObject({ start: '2027-02-10T20:00:00.000Z', end: '2027-02-11T01:00:00.000Z' });
  });

  it('counts the day of a type by the slot’s own calendar, wherever the other slot is', async () => {
    const patient = await house.addPatient('QUE');
    // 22:00 of 20 January in Los Angeles is 01:00 of the 21st in Montréal.
    const late = await add('SHE', { start: '2027-01-21T06:00:00Z', end: '2027-01-21T06:20:00Z' });
    const sameDay = await add('MTL', { localStart: '2027-01-20T10:00', localEnd: '2027-01-20T10:20' });
    const nextDay = await add('MTL', { localStart: '2027-01-21T03:00', localEnd: '2027-01-21T03:20' });
    const book = (slotId: string) => house.book(patient, slotId, { key: randomUUID(), of: west });
    expect(await book(late.id)).toMatchObject({ __typename: 'BookAppointmentSuccess' });
    expect(await book(sameDay.id)).toMatchObject({ __typename: 'SameTypeSameDay' });
    expect(await book(nextDay.id)).toMatchObject({ __typename: 'BookAppointmentSuccess' });
  });

  it('counts a week that begins in one year and ends in the next as one', async () => {
    const patient = await house.addPatient('QUE');
    const book = (slotId: string) => house.book(patient, slotId, { key: randomUUID(), of: west });
    const slots = [
      await add('MTL', { localStart: '2026-12-28T08:00', localEnd: '2026-12-28T08:20' }),
      // Monday already in Montréal, Sunday still in Los Angeles.
      await add('SHE', { start: '2027-01-04T06:30:00Z', end: '2027-01-04T06:50:00Z' }),
      await add('MTL', { localStart: '2027-01-02T08:00', localEnd: '2027-01-02T08:20' }),
    ];
    for (const { id } of slots) expect(await book(id)).toMatchObject({ __typename: 'BookAppointmentSuccess' });
    const fourth = await add('MTL', { localStart: '2027-01-01T12:00', localEnd: '2027-01-01T12:20' });
    expect(await book(fourth.id)).toMatchObject({ __typename: 'WeeklyLimitReached', week: '2026-W53', limit: 3 });
    const nextWeek = await add('MTL', { localStart: '2027-01-04T08:00', localEnd: '2027-01-04T08:20' });
    expect(await book(nextWeek.id)).toMatchObject({ __typename: 'BookAppointmentSuccess' });
  });
});
