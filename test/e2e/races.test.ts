import { startTestApp, type TestApp } from '#test/support/app.ts';

/** How often each race is run; the longer run of `npm run test:chaos` asks for more. */
const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 2);

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 60_000);
afterAll(() => app?.stop());

const BOOK = `mutation ($input: BookAppointmentInput!) {
  bookAppointment(input: $input) { __typename ... on BookAppointmentSuccess { replayed appointment { id } } ... on Refusal { message } }
}`;
type Booked = { bookAppointment: { __typename: string; replayed?: boolean; appointment?: { id: string } } | null };

/** Opens a slot of half an hour, far from the demo's, `days` from now at `hour` UTC. */
const aSlot = async (city: string, capacity: number, days: number, hour: number, appointmentType = 'PHYSICIAN'): Promise<string> => {
  const start = new Date(Date.now() + days * 86_400_000);
  start.setUTCHours(hour, 0, 0, 0);
  const end = new Date(start.getTime() + 1_800_000);
  const answer = await app.graph.ask<{ addSlot: { slot?: { id: string } } }>(
    'mutation ($input: AddSlotInput!) { addSlot(input: $input) { __typename ... on AddSlotSuccess { slot { id } } ... on Refusal { message } } }',
    { input: { appointmentType, capacity, start: start.toISOString(), end: end.toISOString() } },
    { token: await app.tokenOf(`${city}A0001`) },
  );
  const made = answer.data?.addSlot.slot?.id;
  if (!made) throw new Error(`no slot: ${answer.text}`);
  return made;
};
const book = async (token: string, slotId: string, idempotencyKey: string) => {
  const answer = await app.graph.ask<Booked>(BOOK, { input: { slotId, idempotencyKey } }, { token });
  return answer.data?.bookAppointment ?? { __typename: `error ${answer.text}` };
};
const count = (names: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};
const one = async (city: string, sql: string, values: unknown[]): Promise<number> =>
  Number((await (await app.network.admin(city)).query(sql, values)).rows[0]?.n);

it('gives a slot of capacity 5 to 5 of 200 clients', async () => {
  const names = ['MTL', 'QUE', 'SHE']
    .flatMap((city) => Array.from({ length: 67 }, (_, i) => `${city}P${String(i + 1).padStart(4, '0')}`))
    .slice(0, 200);
  const tokens = await Promise.all(names.map((name) => app.tokenOf(name)));
  for (let round = 0; round < ROUNDS; round++) {
    const slotId = await aSlot('MTL', 5, 30 + round * 7, 3);
    const answers = await Promise.all(tokens.map((token, i) => book(token, slotId, `hot-${round}-${i}`)));
    expect(count(answers.map(({ __typename }) => __typename))).toEqual({ BookAppointmentSuccess: 5, SlotFull: 195 });
    expect(await one('MTL', `select count(*) n from scheduling.appointment where slot_id = $1 and status = 'booked'`, [slotId])).toBe(5);
  }
}, 240_000);

it('lets one patient have three appointments a week away from home', async () => {
  // Ten slots of one ISO week in two other cities, none overlapping, no two of a type on a day.
  const monday = 7 - ((new Date().getUTCDay() + 6) % 7) + 28;
  const slots: string[] = [];
  for (let i = 0; i < 10; i++) {
    slots.push(await aSlot(i % 2 ? 'MTL' : 'QUE', 100, monday + (i % 5), i < 5 ? 14 : 16, i < 5 ? 'PHYSICIAN' : 'DENTAL'));
  }
  for (let round = 0; round < ROUNDS; round++) {
    const token = await app.tokenOf(`SHEP${String(70 + round).padStart(4, '0')}`);
    const answers = await Promise.all(slots.map((slotId, i) => book(token, slotId, `week-${round}-${i}`)));
    expect(count(answers.map(({ __typename }) => __typename))).toEqual({ BookAppointmentSuccess: 3, WeeklyLimitReached: 7 });
  }
}, 240_000);

it('answers one key 50 times with one appointment', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const token = await app.tokenOf(`QUEP${String(80 + round).padStart(4, '0')}`);
    const slotId = await aSlot(round % 2 ? 'QUE' : 'MTL', 5, 60 + round, 5);
    const answers = await Promise.all(Array.from({ length: 50 }, () => book(token, slotId, `same-${round}`)));
    expect(count(answers.map((answer) => `${answer.__typename} ${'replayed' in answer ? answer.replayed : ''}`))).toEqual({
      'BookAppointmentSuccess false': 1,
      'BookAppointmentSuccess true': 49,
    });
    expect(new Set(answers.map((answer) => ('appointment' in answer ? answer.appointment?.id : null))).size).toBe(1);
  }
}, 240_000);
