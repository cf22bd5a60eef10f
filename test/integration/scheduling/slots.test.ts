import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { demoPractitioners } from '#embedded/demo/people.ts';
import { seedDemoSlots } from '#embedded/demo/slots.ts';
import type { Viewer } from '#platform/access/viewer.ts';
import { openCities } from '#platform/database/cities.ts';
import { newId } from '#platform/database/new-id.ts';
import { addDays, toLocal } from '#platform/pure/zoned-time.ts';
import { type Harness, startHarness } from './harness.ts';

let house: Harness;
let admin: Viewer;
beforeAll(async () => {
  house = await startHarness({ clock: () => new Date('2026-11-01T12:00:00Z') });
  admin = house.viewer('A', 'MTL');
});
afterAll(async () => {
  await house?.stop();
});

const ADD = `mutation ($input: AddSlotInput!) { addSlot(input: $input) { __typename
  ... on Refusal { message } ... on UnknownAppointmentType { known } ... on SlotAlreadyExists { existing { id } }
  ... on AddSlotSuccess { slot { id code start end capacity booked available status appointmentType city { code name timeZone } practitioner { id } } } } }`;
const add = async (who: Viewer | null, input: Record<string, unknown>) => {
  const { data, codes, errors } = await house.ask(who, ADD, { input: { appointmentType: 'PHYSICIAN', capacity: 3, ...input } });
  return { result: data?.addSlot ?? null, codes, message: errors[0]?.message ?? '' };
};
const slotCount = async (): Promise<number> => (await house.sql('MTL', 'select 1 from scheduling.slot')).length;

describe('addSlot', () => {
  it('opens a slot given by instants, by local times, and by code', async () => {
    const doctor = await house.addPractitioner('MTL');
    const byInstant = await add(admin, {
      start: '2027-02-10T08:00:00-05:00',
      end: '2027-02-10T08:30:00-05:00',
      practitionerId: doctor.practitionerId,
    });
    expect(byInstant.result).toMatchObject({
      __typename: 'AddSlotSuccess',
      slot: {
        code: 'MTLM100227',
        capacity: 3,
        booked: 0,
        available: 3,
        status: 'OPEN',
        city: { code: 'MTL', name: 'Montreal', timeZone: 'America/Toronto' },
        practitioner: { id: doctor.practitionerId },
      },
    });
    expect((await add(admin, { city: 'MTL', localStart: '2027-07-01T13:00', localEnd: '2027-07-01T14:00' })).result.slot).toMatchObject({
      start: '2027-07-01T17:00:00.000Z',
      code: 'MTLA010727',
    });
    expect((await add(admin, { code: 'MTLN130327' })).result.slot).toMatchObject({
      start: '2027-03-14T02:00:00.000Z',
      end: '2027-03-14T12:00:00.000Z',
      code: 'MTLN130327',
    });
    const events = await house.sql('MTL', `select payload from scheduling.outbox where kind = 'ADDED' and subject = $1`, [
      byInstant.result.slot.id,
    ]);
    expect(events).toMatchObject([{ payload: { before: 0, after: 3, practitionerId: doctor.practitionerId } }]);
    expect((await house.audits('MTL', 'addSlot')).map(({ outcome }) => outcome)).toEqual([0, 0, 0]);
  });

  it.each([
    ['no time', {}, /input\.start/],
    ['two ways', { code: 'MTLA100227', start: '2027-02-10T13:00:00-05:00', end: '2027-02-10T14:00:00-05:00' }, /exactly one way/],
    ['no end', { start: '2027-02-10T13:00:00-05:00' }, /input\.end/],
    ['an end before the start', { start: '2027-02-10T13:00:00Z', end: '2027-02-10T12:00:00Z' }, /input\.end/],
    ['more than a day', { start: '2027-02-10T13:00:00Z', end: '2027-02-11T13:00:01Z' }, /24 h/],
    ['the past', { start: '2026-10-10T13:00:00Z', end: '2026-10-10T14:00:00Z' }, /future/],
    ['no place', { code: 'MTLA100227', capacity: 0 }, /input\.capacity/],
    ['too many places', { code: 'MTLA100227', capacity: 1_001 }, /input\.capacity/],
    [
      'a time that the clock jumps over',
      { localStart: '2027-03-14T02:30', localEnd: '2027-03-14T04:00' },
      /2027-03-14T01:59-05:00 or 2027-03-14T03:00-04:00/,
    ],
    [
      'a time that happens twice',
      { localStart: '2027-11-07T01:30', localEnd: '2027-11-07T04:00' },
      /2027-11-07T01:30-04:00 or 2027-11-07T01:30-05:00/,
    ],
    ['a day that does not exist', { localStart: '2027-02-29T08:00', localEnd: '2027-02-29T09:00' }, /input\.localStart/],
    ['a code of no day', { code: 'MTLA310227' }, /input\.code/],
    ['a code of another city', { code: 'QUEA100227' }, /input\.code/],
    ['a city of another network', { city: 'PAR', code: 'PARA100227' }, /input\.city/],
  ])('refuses %s as bad input and writes nothing', async (_name, input, message) => {
    const before = await slotCount();
    const answer = await add(admin, input);
    expect(answer.codes).toEqual(['BAD_USER_INPUT']);
    expect(answer.message).toMatch(message);
    expect(await slotCount()).toBe(before);
  });

  it('takes a time that happens twice with its offset', async () => {
    const first = await add(admin, { localStart: '2027-11-07T01:30-04:00', localEnd: '2027-11-07T01:30-05:00' });
    expect(first.result.slot).toMatchObject({ start: '2027-11-07T05:30:00.000Z', end: '2027-11-07T06:30:00.000Z' });
  });

  it('refuses who is no admin of the city, and says so in the audit trail of that city', async () => {
    const before = await slotCount();
    for (const who of [house.viewer('A', 'QUE'), house.viewer('D', 'MTL'), house.viewer('P', 'MTL'), house.viewer('U', 'MTL')])
      expect((await add(who, { city: 'MTL', code: 'MTLE100227' })).codes).toEqual(['FORBIDDEN']);
    expect((await add(null, { city: 'MTL', code: 'MTLE100227' })).codes).toEqual(['UNAUTHENTICATED']);
    expect(await slotCount()).toBe(before);
    expect((await house.audits('MTL', 'addSlot')).filter(({ outcome }) => outcome === 8).length).toBe(4);
  });

  it('tells what is in the way, which types there are, and that a practitioner is not there', async () => {
    const doctor = await house.addPractitioner('MTL');
    const input = { localStart: '2027-05-03T09:00', localEnd: '2027-05-03T10:00', practitionerId: doctor.practitionerId };
    const { result } = await add(admin, input);
    const before = await slotCount();
    for (const again of [input, { ...input, localStart: '2027-05-03T09:30', localEnd: '2027-05-03T11:00', appointmentType: 'SURGEON' }])
      expect((await add(admin, again)).result).toMatchObject({ __typename: 'SlotAlreadyExists', existing: { id: result.slot.id } });
    const open = await add(admin, { localStart: '2027-05-03T09:00', localEnd: '2027-05-03T10:00' });
    expect(open.result.__typename).toBe('AddSlotSuccess');
    expect((await add(admin, { localStart: '2027-05-03T09:00', localEnd: '2027-05-03T12:00' })).result).toMatchObject({
      __typename: 'SlotAlreadyExists',
      existing: { id: open.result.slot.id },
    });
    expect((await add(admin, { code: 'MTLA030527', appointmentType: 'ASTROLOGER' })).result).toMatchObject({
      __typename: 'UnknownAppointmentType',
      known: ['PHYSICIAN', 'SURGEON', 'DENTAL'],
    });
    for (const practitionerId of ['x', newId('MTL', 'prc'), newId('QUE', 'prc'), (await house.addPractitioner('QUE')).practitionerId])
      expect((await add(admin, { code: 'MTLA030527', practitionerId })).result).toMatchObject({ __typename: 'PractitionerNotFound' });
    expect(await slotCount()).toBe(before + 1);
  });

  it('opens one slot when sixteen ask for the same at once', async () => {
    const answers = await Promise.all(Array.from({ length: 16 }, () => add(admin, { code: 'MTLA040527' })));
    const kinds = Map.groupBy(answers, ({ result }) => result.__typename);
    expect(kinds.get('AddSlotSuccess')?.length).toBe(1);
    expect(kinds.get('SlotAlreadyExists')?.length).toBe(15);
  });
});

describe('slots', () => {
  const SLOTS = `query ($filter: SlotFilter!, $first: Int, $after: String) { slots(filter: $filter, first: $first, after: $after) {
    nodes { id start city { code } available } pageInfo { hasNextPage hasPreviousPage endCursor } cityStates { city state asOf } feedCursor } }`;

  it('lists all cities by start, page by page, and each slot once', async () => {
    const from = new Date(Date.now() + 40 * 86_400_000);
    const ids: string[] = [];
    for (let i = 0; i < 9; i++)
      ids.push(
        await house.addSlot({
          city: ['SHE', 'MTL', 'QUE'][i % 3] ?? '',
          startsAt: new Date(from.getTime() + i * 60_000),
          type: 'DENTAL',
          capacity: 1 + (i % 2),
        }),
      );
    const filter = { from: from.toISOString(), appointmentType: 'DENTAL' };
    const who = house.viewer('P', 'QUE');
    const seen: string[] = [];
    let after: string | null = null;
    for (let page = 0; page < 5; page++) {
      const { data, errors } = await house.ask(who, SLOTS, { filter, first: 2, after });
      expect(errors).toEqual([]);
      seen.push(...data.slots.nodes.map((node: { id: string }) => node.id));
      expect(data.slots.pageInfo.hasNextPage).toBe(page < 4);
      expect(data.slots.cityStates).toEqual(['MTL', 'QUE', 'SHE'].map((city) => ({ city, state: 'COMPLETE', asOf: null })));
      after = data.slots.pageInfo.endCursor;
    }
    expect(seen).toEqual(ids);
    expect((await house.ask(who, SLOTS, { filter: { appointmentType: 'DENTAL' }, after })).codes).toEqual(['BAD_USER_INPUT']);
    await house.book(await house.addPatient('SHE'), ids[0] ?? '');
    const open = await house.ask(who, SLOTS, { filter: { ...filter, onlyAvailable: true }, first: 100 });
    expect(open.data.slots.nodes.map((node: { id: string }) => node.id)).toEqual(ids.slice(1));
  });

  it('begins now, unless the filter names a beginning or an end in the past', async () => {
    const hour = 3_600_000;
    // By the clock that this file gives the subgraph.
    const at = (hours: number): Date => new Date(Date.parse('2026-11-01T12:00:00Z') + hours * hour);
    const [begun, ahead] = [
      await house.addSlot({ city: 'SHE', startsAt: at(-2), type: 'PAST', capacity: 1 }),
      await house.addSlot({ city: 'SHE', startsAt: at(2), type: 'PAST', capacity: 1 }),
    ];
    const list = async (filter: Record<string, unknown>): Promise<string[]> => {
      const { data } = await house.ask(admin, SLOTS, { filter: JSON.parse(JSON.stringify({ appointmentType: 'PAST', ...filter })) });
      return data.slots.nodes.map((node: { id: string }) => node.id);
    };
    expect(await list({})).toEqual([ahead]);
    expect(await list({ to: at(3) })).toEqual([ahead]);
    expect(await list({ from: at(-3) })).toEqual([begun, ahead]);
    expect(await list({ to: at(-1) })).toEqual([begun]);
  });

  it.each([
    [{ cities: ['MTL', 'PAR'] }, 'filter.cities'],
    [{ cities: [] }, 'filter.cities'],
    [{ cities: Array.from({ length: 21 }, () => 'MTL') }, 'filter.cities'],
    [{ from: '2027-01-02T00:00:00Z', to: '2027-01-02T00:00:00Z' }, 'filter.to'],
    [{ practitionerId: "x' or 1=1" }, 'filter.practitionerId'],
    [{ appointmentType: 'a\u0000b' }, 'filter.appointmentType'],
  ])('refuses the filter %j', async (filter, field) => {
    const { codes, errors } = await house.ask(admin, SLOTS, { filter });
    expect(codes).toEqual(['BAD_USER_INPUT']);
    expect(errors[0]?.extensions['field']).toBe(field);
  });

  it.each([0, -1, 101, 2_147_483_647, null])('refuses %s slots a page', async (first) => {
    expect((await house.ask(admin, SLOTS, { filter: {}, first })).codes).toEqual(['BAD_USER_INPUT']);
  });

  it('finds slots by id, by code and by practitioner; nothing for nobody', async () => {
    const doctor = await house.addPractitioner('MTL');
    const { result } = await add(admin, {
      localStart: '2027-06-01T18:00',
      localEnd: '2027-06-01T19:00',
      practitionerId: doctor.practitionerId,
    });
    const { id } = result.slot;
    const { data } = await house.ask(
      doctor,
      `query ($id: ID!, $prc: ID!) { slot(id: $id) { id } slotsByCode(code: "MTLE010627") { id }
        cities { code name timeZone } appointmentTypes
        _entities(representations: [{ __typename: "Slot", nodeId: $id }, { __typename: "Practitioner", id: $prc }]) {
          ... on Slot { id start } ... on Practitioner { slots { nodes { id } cityStates { city } } fees { plan } } } }`,
      { id, prc: doctor.practitionerId },
    );
    expect(data).toMatchObject({
      slot: { id },
      slotsByCode: [{ id }],
      appointmentTypes: ['PHYSICIAN', 'SURGEON', 'DENTAL'],
      _entities: [{ id }, { slots: { nodes: [{ id }], cityStates: [{ city: 'MTL' }] }, fees: [] }],
    });
    expect(data.cities.map((city: { code: string }) => city.code)).toEqual(['MTL', 'QUE', 'SHE']);
    for (const missing of ['', 'x', newId('MTL', 'slt'), newId('XXX', 'slt')])
      expect((await house.ask(doctor, 'query ($id: ID!) { slot(id: $id) { id } }', { id: missing })).codes).toEqual(['NOT_FOUND']);
    expect((await house.ask(doctor, '{ slotsByCode(code: "MTLE310227") { id } }')).codes).toEqual(['BAD_USER_INPUT']);
    const anonymous = await house.ask(
      null,
      '{ slots(filter: {}) { nodes { id } } slot(id: "x") { id } slotsByCode(code: "x") { id } cities { code } appointmentTypes }',
    );
    expect(anonymous.codes).toEqual(Array.from({ length: 3 }, () => 'UNAUTHENTICATED'));
    expect(anonymous.data).toMatchObject({
      cities: [{ code: 'MTL' }, { code: 'QUE' }, { code: 'SHE' }],
      appointmentTypes: ['PHYSICIAN', 'SURGEON', 'DENTAL'],
    });
  });
});

describe('the demo’s slots', () => {
  it('are the same again, reach two weeks ahead, and have fees for every practitioner', async () => {
    const { cities: configs, secrets } = house.network;
    const cities = openCities(configs, { role: 'scheduling', password: secrets.databasePasswords.scheduling });
    const practitioners = Object.fromEntries(cities.codes.map((code) => [code, demoPractitioners(code)]));
    const now = new Date('2028-03-06T14:00:00Z');
    const count = async () =>
      (await house.sql<{ n: number }>('QUE', `select count(*)::int n from scheduling.slot where starts_at > $1`, [now]))[0]?.n ?? 0;
    const started = performance.now();
    await seedDemoSlots({ cities, practitioners, now });
    expect(performance.now() - started).toBeLessThan(5_000);
    const first = await count();
    expect(first).toBeGreaterThan(500);
    await seedDemoSlots({ cities, practitioners, now });
    expect(await count()).toBe(first);
    await seedDemoSlots({ cities, practitioners, now: new Date('2028-03-07T14:00:00Z') });
    expect(await count()).toBeGreaterThan(first);
    const [last] = await house.sql<{ day: string }>('QUE', 'select max(local_date)::text as day from scheduling.slot');
    expect(last?.day).toBe(addDays(toLocal('America/Toronto', new Date('2028-03-07T14:00:00Z')).date, 14));
    const [odd] = await house.sql<{ n: number }>(
      'QUE',
      `select count(*)::int n from scheduling.slot where starts_at > $1 and (week <> to_char(local_date, 'IYYY"-W"IW') or local_date <> (starts_at at time zone 'America/Toronto')::date or substr(code, 5) <> to_char(local_date, 'DDMMYY'))`,
      [now],
    );
    expect(odd?.n).toBe(0);
    const fees = await house.ask(
      admin,
      'query ($id: ID!) { _entities(representations: [{ __typename: "Practitioner", id: $id }]) { ... on Practitioner { fees { appointmentType plan amount { cents currency } planPays { cents } } } } }',
      { id: practitioners['MTL']?.[0]?.id },
    );
    expect(fees.data._entities[0].fees).toContainEqual({
      appointmentType: 'PHYSICIAN',
      plan: 'RAMQ',
      amount: { cents: 9_500, currency: 'CAD' },
      planPays: { cents: 9_500 },
    });
    await cities.stop();
  });
});
