import { randomUUID } from 'node:crypto';
import { isoWeek } from '#platform/pure/iso-week.ts';
import { toLocal } from '#platform/pure/zoned-time.ts';
import { startTestApp, type TestApp } from '#test/support/app.ts';

/**
 * Row 54 of the attacks, as far as the graph goes: a place can be taken by booking it and in no other way, so whoever hoards meets the limits
 * of bookings. Holds come with limits of their own.
 */
const ZONE = 'America/Toronto';
const PER_WEEK = 3;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 60_000);
afterAll(async () => {
  await app?.stop();
});

type Slot = { readonly id: string; readonly start: string; readonly available: number };

it('one who would take every place of a city gets three a week, at one of a type a day, and the others find room', async () => {
  const [bot, other] = [await app.tokenOf('QUEP0005'), await app.tokenOf('QUEP0006')];
  const from = new Date(Date.now() + 86_400_000).toISOString();
  const listed = await app.graph.ask<{ slots: { nodes: Slot[] } }>(
    'query ($from: DateTime) { slots(filter: { cities: ["MTL"], onlyAvailable: true, from: $from }, first: 100) { nodes { id start available } } }',
    { from },
    { token: bot },
  );
  const slots = listed.data?.slots.nodes ?? [];
  expect(slots.length).toBe(100);
  const book = async (slotId: string, token: string): Promise<string> => {
    const answer = await app.graph.ask<{ bookAppointment: { __typename: string } | null }>(
      'mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { __typename } }',
      { input: { slotId, idempotencyKey: randomUUID() } },
      { token },
    );
    const isPutOff = /"code":"(?:OVERLOADED|CITY_UNAVAILABLE)"/.test(answer.text);
    return answer.data?.bookAppointment?.__typename ?? (isPutOff ? 'CityUnavailable' : answer.text);
  };
  // As a bot does it: ten at once, and what a busy city puts off is tried again.
  const left = [...slots];
  const outcomes = new Map<string, string>();
  const deadline = Date.now() + 20_000;
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      for (let slot = left.shift(); slot !== undefined && Date.now() < deadline; slot = left.shift()) {
        const outcome = await book(slot.id, bot);
        if (outcome === 'CityUnavailable') left.push(slot);
        else outcomes.set(slot.id, outcome);
      }
    }),
  );
  expect(outcomes.size).toBe(100);
  const taken = slots.filter(({ id }) => outcomes.get(id) === 'BookAppointmentSuccess');
  const weeks = new Map<string, number>();
  for (const { start } of taken) {
    const week = isoWeek(toLocal(ZONE, new Date(start)).date);
    weeks.set(week, (weeks.get(week) ?? 0) + 1);
  }
  expect(taken.length).toBeGreaterThan(0);
  for (const count of weeks.values()) expect(count).toBeLessThanOrEqual(PER_WEEK);
  const refused = [...outcomes.values()].filter((outcome) => outcome !== 'BookAppointmentSuccess');
  expect(refused.filter((outcome) => !['WeeklyLimitReached', 'SameTypeSameDay', 'OverlappingAppointment'].includes(outcome))).toEqual([]);
  // The refused took nothing: each slot lacks the bot's own place at most.
  const after = await app.graph.ask<{ slots: { nodes: Slot[] } }>(
    'query ($from: DateTime) { slots(filter: { cities: ["MTL"], from: $from }, first: 100) { nodes { id start available } } }',
    { from },
    { token: other },
  );
  const before = new Map(slots.map(({ id, available }) => [id, available]));
  for (const { id, available } of after.data?.slots.nodes ?? []) {
    const was = before.get(id);
    if (was !== undefined) expect([id, available]).toEqual([id, was - (outcomes.get(id) === 'BookAppointmentSuccess' ? 1 : 0)]);
  }
  const free = after.data?.slots.nodes.find(({ available }) => available > 0);
  expect(await book(free?.id ?? '', other)).toBe('BookAppointmentSuccess');
}, 60_000);
