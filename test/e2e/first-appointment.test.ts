import { startTestApp, type TestApp } from '#test/support/app.ts';
import type { Feed } from '#test/support/graph.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 60_000);
afterAll(() => app?.stop());

const SLOTS = `query ($filter: SlotFilter!, $after: String) {
  slots(filter: $filter, first: 100, after: $after) {
    nodes { id code start available city { code name } practitioner { id name { text } } }
    pageInfo { hasNextPage endCursor }
    cityStates { city state asOf }
    feedCursor
  }
}`;
const FEED = `subscription ($filter: SlotFilter!, $after: String) {
  slotChanged(filter: $filter, after: $after) { cursor kind city slotId slot { id available practitioner { name { text } } } }
}`;
const BOOK = `mutation ($slotId: ID!, $key: String!) {
  bookAppointment(input: { slotId: $slotId, idempotencyKey: $key }) {
    __typename
    ... on BookAppointmentSuccess { replayed appointment { id status start city { code } slot { id available } patient { id name { text } } } }
    ... on Refusal { message }
  }
}`;
type SlotNode = { id: string; available: number; start: string; city: { code: string }; practitioner: { id: string } | null };
type Change = {
  cursor: string;
  kind: string;
  city: string;
  slotId: string;
  slot: { id: string; available: number; practitioner: { name: { text: string } } | null };
};

const change = (result: Awaited<ReturnType<Feed['next']>>): Change => {
  if (!result || result.errors) throw new Error(`no change came: ${JSON.stringify(result)}`);
  return result.data?.['slotChanged'] as Change;
};
const tomorrow = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

it('lists physician slots of all cities, books one in Montreal for a patient of Quebec City, and two feeds show it', async () => {
  const token = await app.graph.login('QUEP0001');
  const filter = { appointmentType: 'PHYSICIAN', onlyAvailable: true, from: tomorrow(1) };
  const listed = await app.graph.ask<{ slots: { nodes: SlotNode[]; cityStates: unknown[]; feedCursor: string } }>(
    SLOTS,
    { filter },
    { token },
  );
  expect(listed.errors).toEqual([]);
  const { nodes = [], cityStates, feedCursor } = listed.data?.slots ?? {};
  expect(new Set(nodes.map(({ city }) => city.code))).toEqual(new Set(['MTL', 'QUE', 'SHE']));
  expect(cityStates).toEqual(['MTL', 'QUE', 'SHE'].map((city) => ({ city, state: 'COMPLETE', asOf: null })));
  expect(nodes.map(({ start }) => start)).toEqual(nodes.map(({ start }) => start).toSorted());

  const slot = nodes.find(({ city, practitioner, available }) => city.code === 'MTL' && practitioner && available > 1);
  if (!slot) throw new Error('no slot of Montreal is free');
  const overSocket = app.graph.overWebSocket(token).subscribe(FEED, { filter: { cities: ['MTL'] }, after: feedCursor });
  const overSse = app.graph.overSse(token).subscribe(FEED, { filter: { cities: ['MTL'] }, after: feedCursor });

  const booked = await app.graph.ask<{ bookAppointment: Record<string, unknown> }>(BOOK, { slotId: slot.id, key: 'first' }, { token });
  expect(booked.errors).toEqual([]);
  expect(booked.data?.bookAppointment).toMatchObject({
    __typename: 'BookAppointmentSuccess',
    replayed: false,
    appointment: {
      status: expect.stringMatching(/BOOKED|PENDING/),
      city: { code: 'MTL' },
      slot: { id: slot.id, available: slot.available - 1 },
    },
  });

  const seen = [change(await overSocket.next()), change(await overSse.next())];
  for (const each of seen)
    expect(each).toMatchObject({ kind: 'CHANGED', city: 'MTL', slotId: slot.id, slot: { available: slot.available - 1 } });
  expect(seen[0]?.slot.practitioner?.name.text).toEqual(expect.any(String));
  await overSocket.close();
  await overSse.close();

  // Two more changes while nobody listens; both feeds then replay exactly those.
  const admin = await app.tokenOf('MTLA0001');
  const added: string[] = [];
  for (const hour of [3, 4]) {
    const start = new Date(Date.now() + 9 * 86_400_000);
    start.setUTCHours(hour, 0, 0, 0);
    const answer = await app.graph.ask<{ addSlot: { slot?: { id: string } } }>(
      'mutation ($input: AddSlotInput!) { addSlot(input: $input) { __typename ... on AddSlotSuccess { slot { id } } ... on Refusal { message } } }',
      {
        input: {
          appointmentType: 'PHYSICIAN',
          capacity: 2,
          start: start.toISOString(),
          end: new Date(start.getTime() + 1_800_000).toISOString(),
        },
      },
      { token: admin },
    );
    expect(answer.errors).toEqual([]);
    added.push(answer.data?.addSlot.slot?.id ?? '');
  }
  for (const client of [app.graph.overWebSocket(token), app.graph.overSse(token)]) {
    const feed = client.subscribe(FEED, { filter: { cities: ['MTL'] }, after: seen[0]?.cursor });
    const replayed = [change(await feed.next()), change(await feed.next())];
    expect(replayed.map(({ kind, slotId }) => [kind, slotId])).toEqual(added.map((id) => ['ADDED', id]));
    await expect(feed.next(500)).rejects.toThrow('nothing came');
    await feed.close();
  }
});

it('shows the schedule from the home city, and gives the place back', async () => {
  const token = await app.tokenOf('SHEP0002');
  const listed = await app.graph.ask<{ slots: { nodes: SlotNode[] } }>(
    SLOTS,
    { filter: { cities: ['QUE'], onlyAvailable: true, from: tomorrow(2) } },
    { token },
  );
  const slot = listed.data?.slots.nodes[0];
  const booked = await app.graph.ask<{ bookAppointment: { appointment: { id: string } } }>(
    BOOK,
    { slotId: slot?.id, key: 'again' },
    { token },
  );
  const id = booked.data?.bookAppointment.appointment.id;
  const schedule = () =>
    app.graph.ask<{ me: { patient: { appointments: { nodes: { id: string; status: string }[] } } } }>(
      '{ me { patient { appointments { nodes { id status appointmentType start city { code } slot { id } } } } } }',
      {},
      { token },
    );
  expect((await schedule()).data?.me.patient.appointments.nodes).toMatchObject([{ id }]);
  const cancelled = await app.graph.ask<{ cancelAppointment: Record<string, unknown> }>(
    'mutation ($id: ID!) { cancelAppointment(appointmentId: $id) { __typename ... on CancelAppointmentSuccess { appointment { id status } } ... on Refusal { message } } }',
    { id },
    { token },
  );
  expect(cancelled.data?.cancelAppointment).toEqual({ __typename: 'CancelAppointmentSuccess', appointment: { id, status: 'CANCELLED' } });
  const after = await app.graph.ask<{ slot: SlotNode }>('query ($id: ID!) { slot(id: $id) { available } }', { id: slot?.id }, { token });
  expect(after.data?.slot.available).toBe(slot?.available);
});

it('writes each act once into the audit table of the city that decided it', async () => {
  const auditor = await app.tokenOf('SHEU0001');
  const patient = await app.account('QUEP0001');
  const answer = await app.graph.ask<{ auditEvents: { nodes: { act: string; city: { code: string }; outcome: string }[] } }>(
    'query ($filter: AuditEventFilter) { auditEvents(filter: $filter, first: 100) { nodes { act outcome city { code } agent { role accountId } patient { id } } } }',
    { filter: { patientId: patient.patientId, act: 'bookAppointment' } },
    { token: auditor },
  );
  expect(answer.errors).toEqual([]);
  expect(answer.data?.auditEvents.nodes).toMatchObject([
    { act: 'bookAppointment', outcome: 'SUCCESS', city: { code: 'MTL' }, patient: { id: patient.patientId } },
  ]);
});
