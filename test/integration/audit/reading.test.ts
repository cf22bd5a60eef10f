import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startAudit } from '#audit/server.ts';
import { HOLDS_ACT } from '#audit/store/entry-store.ts';
import type { Caller, RoleCode, Viewer } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { type AuditEvent, Outcome } from '#platform/audit/event.ts';
import { makeSealer, openSealed } from '#platform/audit/sealed.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { newId } from '#platform/database/new-id.ts';
import { type Executor, makeExecutor } from '#platform/graphql/executor.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { makeLog } from '#platform/observability/log.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { openEntry } from '#test/support/subjects.ts';

const log = makeLog('test', 'silent', 2);
const CITIES = ['MTL', 'QUE', 'SHE'];
let network: TestNetwork;
let subgraph: Subgraph;
let executor: Executor;
let writers: Cities;

beforeAll(async () => {
  network = await testNetwork();
  const { cities, secrets } = network;
  writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects: network.subjects });
  subgraph = await startAudit({ cities, secrets, subjects: network.subjects, log });
  executor = makeExecutor(subgraph, log);
});
afterAll(async () => {
  await subgraph?.stop();
  await writers?.stop();
  await network?.stop();
});

const aViewer = (role: RoleCode, city = 'MTL', own: Partial<Viewer> = {}): Viewer => ({
  accountId: newId(city, 'acc'),
  role,
  city,
  patientId: role === 'P' ? newId(city, 'pat') : null,
  practitionerId: role === 'D' ? newId(city, 'prc') : null,
  sessionId: newId(city, 'ses'),
  expiresAt: Math.floor(Date.now() / 1000) + 600,
  ...own,
});
const auditor = aViewer('U');
const aCaller = (viewer: Viewer | null): Caller => ({
  viewer,
  requestId: randomUUID(),
  address: '192.0.2.1',
  language: 'en',
  origin: 'http://127.0.0.1:4000',
});
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests alone
type Answer = { data?: any; errors?: readonly { message: string; extensions?: Record<string, unknown> }[] };
const ask = (
  viewer: Viewer | null,
  query: string,
  variables: Record<string, unknown> = {},
  of = executor,
  from = subgraph,
): Promise<Answer> => {
  const caller = aCaller(viewer);
  const context = from.makeContext(caller);
  return of.run({ query, variables }, caller.requestId, () => context) as Promise<Answer>;
};
const codes = ({ errors }: Answer) => errors?.map(({ extensions }) => extensions?.['code']);

/** Writes an act into a city's log as another subgraph would. */
const write = (city: string, given: Partial<AuditEvent> = {}): Promise<void> =>
  appendAudit(writers.of(city), {
    city,
    observer: 'scheduling',
    act: 'bookAppointment',
    action: 'C',
    outcome: Outcome.SUCCESS,
    purpose: 'PATRQT',
    actor: { role: 'PATIENT', city, accountId: null },
    entities: [],
    requestId: randomUUID(),
    ...given,
  });
type Entry = {
  readonly outcome: number;
  readonly actor_id: string | null;
  readonly patient_id: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: the frozen bytes, as JSON
  readonly leaf: Record<string, any>;
  readonly disclosure: Readonly<Record<string, { readonly value: string }>>;
};
const entriesOf = async (city: string, act: string): Promise<Entry[]> => {
  const client = await network.admin(city);
  const { rows } = await client.query<Pick<Entry, 'outcome' | 'leaf'> & { city: string; event_id: string; sealed: Uint8Array }>(
    `select outcome, city, event_id, sealed, convert_from(body, 'UTF8')::jsonb as leaf from audit.entry where city = $1 and act = $2 order by id`,
    [city, act],
  );
  return rows.map((row) => openEntry(network.subjects, row));
};
const countAll = async (): Promise<number> => {
  const counts = await Promise.all(
    CITIES.map(async (city) => {
      const client = await network.admin(city);
      return Number((await client.query('select count(*) as n from audit.entry')).rows[0].n);
    }),
  );
  return counts.reduce((sum, n) => sum + n, 0);
};

const LIST = `query ($filter: AuditEventFilter, $first: Int, $after: String) {
  auditEvents(filter: $filter, first: $first, after: $after) {
    edges { cursor node { id act } }
    nodes { id act action outcome outcomeReason purpose recordedAt requestId city { code name timeZone } agent { role city accountId } entities { kind id sha256 } patient { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    cityStates { city state asOf }
  }
}`;
const ONE = 'query ($id: ID!) { auditEvent(id: $id) { id act agent { accountId } patient { id } entities { kind id } } }';
const ENTITY =
  'query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on AuditEvent { id nodeId act } ... on City { code name } } }';

describe('auditEvents', () => {
  it('lists acts of all cities, newest first, each once however the pages are cut', async () => {
    const act = 'walk';
    for (let i = 0; i < 30; i++) {
      await write(CITIES[(i * 7) % 3] ?? 'MTL', { act, reason: `n${i}` });
      if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const whole = await ask(auditor, LIST, { filter: { act }, first: 100 });
    expect(whole.errors).toBeUndefined();
    const all = whole.data.auditEvents.nodes;
    expect(all).toHaveLength(30);
    expect(new Set(all.map(({ id }: { id: string }) => id)).size).toBe(30);
    const times = all.map(({ recordedAt }: { recordedAt: string }) => recordedAt);
    expect(times).toEqual([...times].sort().reverse());
    expect(whole.data.auditEvents.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
    expect(whole.data.auditEvents.cityStates).toEqual(CITIES.map((city) => ({ city, state: 'COMPLETE', asOf: null })));

    for (const first of [1, 7, 29, 30]) {
      const walked: string[] = [];
      let after: string | null = null;
      for (let page = 0; page < 40; page++) {
        const answer: Answer = await ask(auditor, LIST, { filter: { act }, first, after });
        const { auditEvents } = answer.data;
        expect(auditEvents.pageInfo.hasPreviousPage).toBe(page > 0);
        walked.push(...auditEvents.nodes.map(({ id }: { id: string }) => id));
        if (!auditEvents.pageInfo.hasNextPage) break;
        after = auditEvents.pageInfo.endCursor;
      }
      expect(walked).toEqual(all.map(({ id }: { id: string }) => id));
    }
    const middle = whole.data.auditEvents.edges[11].cursor;
    const rest = await ask(auditor, LIST, { filter: { act }, first: 100, after: middle });
    expect(rest.data.auditEvents.nodes).toEqual(all.slice(12));
  });

  it('shows an act as it was recorded, with what it was about', async () => {
    const patientId = newId('QUE', 'pat');
    const accountId = newId('QUE', 'acc');
    const slotId = newId('MTL', 'slt');
    const requestId = randomUUID();
    await write('MTL', {
      act: 'shown',
      outcome: Outcome.REFUSED,
      reason: 'SlotFull',
      actor: { role: 'PATIENT', city: 'QUE', accountId },
      patientId,
      entities: [
        { kind: 'Slot', id: slotId, sha256: 'a'.repeat(64) },
        { kind: 'Patient', id: patientId, sha256: 'b'.repeat(64) },
      ],
      requestId,
    });
    const { data } = await ask(auditor, LIST, { filter: { act: 'shown' } });
    expect(data.auditEvents.nodes).toEqual([
      {
        id: expect.stringMatching(/^MTL-evt-/),
        act: 'shown',
        action: 'CREATE',
        outcome: 'MINOR_FAILURE',
        outcomeReason: 'SlotFull',
        purpose: 'PATRQT',
        recordedAt: expect.stringMatching(/Z$/),
        requestId,
        city: { code: 'MTL', name: 'Montreal', timeZone: 'America/Toronto' },
        agent: { role: 'PATIENT', city: 'QUE', accountId },
        entities: [
          { kind: 'Slot', id: slotId, sha256: 'a'.repeat(64) },
          { kind: 'Patient', id: patientId, sha256: 'b'.repeat(64) },
        ],
        patient: { id: patientId },
      },
    ]);
  });

  describe('filters', () => {
    const patientId = newId('SHE', 'pat');
    const actorId = newId('SHE', 'acc');
    const given: readonly (readonly [string, Record<string, unknown>, number])[] = [
      ['city', { city: 'QUE' }, 1],
      ['patientId', { patientId }, 1],
      ['actorId', { actorId }, 1],
      ['the name of a service', { actorId: 'demo' }, 0],
      ['action', { action: 'DELETE' }, 1],
      ['outcome', { outcome: 'SERIOUS_FAILURE' }, 1],
      ['from in the future', { from: '2190-01-01T00:00:00Z' }, 0],
      ['to in the past', { to: '1990-01-01T00:00:00Z' }, 0],
      ['a span around now', { from: '2000-01-01T00:00:00Z', to: '2190-01-01T00:00:00Z' }, 5],
      ['several at once', { city: 'SHE', patientId, action: 'CREATE' }, 1],
      ['several that exclude each other', { city: 'QUE', patientId }, 0],
      ['none', {}, 5],
    ];
    beforeAll(async () => {
      await write('MTL', { act: 'filtered', action: 'D' });
      await write('MTL', { act: 'filtered', outcome: Outcome.DENIED });
      await write('MTL', { act: 'filtered', actor: { role: 'ADMIN', city: 'SHE', accountId: actorId } });
      await write('QUE', { act: 'filtered' });
      await write('SHE', { act: 'filtered', patientId });
    });
    it.each(given)('by %s', async (_name, filter, count) => {
      const { data, errors } = await ask(auditor, LIST, { filter: { act: 'filtered', ...filter } });
      expect(errors).toBeUndefined();
      expect(data.auditEvents.nodes).toHaveLength(count);
    });
    it('by the field of a type', async () => {
      await write('MTL', { act: 'Slot.appointments' });
      const { data } = await ask(auditor, LIST, { filter: { act: 'Slot.appointments' } });
      expect(data.auditEvents.nodes).toHaveLength(1);
    });
    it.each([
      [{ city: 'XXX' }, 'filter.city'],
      [{ city: "MTL'; DROP TABLE audit.entry; --" }, 'filter.city'],
      [{ city: '' }, 'filter.city'],
      [{ patientId: "' OR 1=1 --" }, 'filter.patientId'],
      [{ patientId: actorId }, 'filter.patientId'],
      [{ actorId: "' OR 1=1 --" }, 'filter.actorId'],
      [{ actorId: '' }, 'filter.actorId'],
      [{ act: 'a b' }, 'filter.act'],
      [{ from: '2027-01-02T00:00:00Z', to: '2027-01-01T00:00:00Z' }, 'filter.to'],
    ])('refuses %j and says which field', async (filter, field) => {
      const answer = await ask(auditor, LIST, { filter });
      expect(answer.data).toEqual({ auditEvents: null });
      expect(answer.errors).toEqual([expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT', field } })]);
    });
    it('refuses an act that nobody writes and no log holds, names those that are near, and records nothing', async () => {
      const before = (await entriesOf('MTL', 'auditEvents')).length;
      for (const [act, says] of [
        ['bookAppointmnt', 'filter.act: is no act that is known or stands in a log; near are bookAppointment'],
        ['nope', /^filter\.act: is no act that is known or stands in a log; near are node$/],
        ['somethingElseAltogether', 'filter.act: is no act that is known or stands in a log; docs/audit-log.md lists all'],
      ] as const) {
        const answer = await ask(auditor, LIST, { filter: { act } });
        expect(answer.data).toEqual({ auditEvents: null });
        const message = typeof says === 'string' ? says : expect.stringMatching(says);
        expect(answer.errors).toEqual([expect.objectContaining({ message, extensions: { code: 'BAD_USER_INPUT', field: 'filter.act' } })]);
      }
      expect(await entriesOf('MTL', 'auditEvents')).toHaveLength(before);
    });
    it('takes an act of the network that did not happen, and one of an older release that stands in a log of the asked cities', async () => {
      const empty = await ask(auditor, LIST, { filter: { act: 'eraseFiles' } });
      expect([empty.errors, empty.data.auditEvents.nodes]).toEqual([undefined, []]);
      await write('QUE', { act: 'actOfOldTimes' });
      for (const [city, count] of [
        [null, 1],
        ['QUE', 1],
      ] as const) {
        const { data, errors } = await ask(auditor, LIST, { filter: { act: 'actOfOldTimes', city } });
        expect([errors, data.auditEvents.nodes.length]).toEqual([undefined, count]);
      }
      expect(codes(await ask(auditor, LIST, { filter: { act: 'actOfOldTimes', city: 'SHE' } }))).toEqual(['BAD_USER_INPUT']);
    });
    it('looks for an act that is not there by one step in an index, whatever the plan knows', async () => {
      const admin = await network.admin('MTL');
      await admin.query('begin');
      try {
        await admin.query(`insert into audit.entry (city, event_id, recorded_at, act, action, outcome, sealed, body)
          select 'MTL', 'plan-' || i, now(), 'act' || i % 60, 'R', 0, 'x', convert_to('{"id":"plan-' || i || '"}', 'UTF8') from generate_series(1, 20000) i`);
        await admin.query('analyze audit.entry');
        await admin.query('set local plan_cache_mode = force_generic_plan');
        await admin.query('set local random_page_cost = 4'); // PostgreSQL's own
        await admin.query(`prepare plan_of_act as ${HOLDS_ACT.text}`);
        const { rows } = await admin.query(`explain (format json, analyze, buffers) execute plan_of_act('MTL', 'act6x')`);
        const text = JSON.stringify(rows);
        expect(text).toContain('"entry_act"');
        expect(text).not.toContain('Seq Scan');
      } finally {
        await admin.query('rollback');
        await admin.query('deallocate all');
      }
    });
    it.each([0, -1, 101, null])('refuses a page of %j', async (first) => {
      expect(codes(await ask(auditor, LIST, { first }))).toEqual(['BAD_USER_INPUT']);
    });
  });

  it("is recorded in the auditor's own city, with what it showed, before it is answered", async () => {
    const own = aViewer('U', 'QUE');
    const patientId = newId('SHE', 'pat');
    await write('SHE', { act: 'watched', patientId });
    const { data } = await ask(own, LIST, { filter: { patientId } });
    const [shown] = data.auditEvents.nodes;
    expect(shown.act).toBe('watched');
    const recorded = (await entriesOf('QUE', 'auditEvents')).filter(({ actor_id }) => actor_id === own.accountId);
    expect(recorded).toHaveLength(1);
    expect(recorded[0]).toMatchObject({ outcome: 0, patient_id: patientId, leaf: { action: 'R', purpose: 'HCOMPL' } });
    expect(recorded[0]?.leaf['entities']).toEqual([
      { kind: 'AuditEvent', what: shown.id, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
  });

  it('shows nothing where its own entry cannot be written', async () => {
    const admin = await network.admin('MTL');
    await write('MTL', { act: 'hidden' });
    await admin.query('revoke insert (body) on audit.entry from audit');
    try {
      const list = await ask(auditor, LIST, { filter: { act: 'hidden' } });
      expect(list.data).toEqual({ auditEvents: null });
      expect(codes(list)).toEqual(['AUDIT_UNAVAILABLE']);
      const hidden = (await entriesOf('MTL', 'hidden'))[0];
      const one = await ask(auditor, ONE, { id: hidden?.leaf['id'] });
      expect(one.data).toEqual({ auditEvent: null });
      expect(codes(one)).toEqual(['AUDIT_UNAVAILABLE']);
    } finally {
      await admin.query('grant insert (body) on audit.entry to audit');
    }
  });

  it.each(['P', 'D', 'A'] as const)('is forbidden to role %s, and the try is recorded', async (role) => {
    const viewer = aViewer(role, 'SHE');
    const answer = await ask(viewer, LIST);
    expect(answer.data).toEqual({ auditEvents: null });
    expect(codes(answer)).toEqual(['FORBIDDEN']);
    const recorded = (await entriesOf('SHE', 'auditEvents')).filter(({ actor_id }) => actor_id === viewer.accountId);
    expect(recorded).toMatchObject([{ outcome: 8, leaf: { reason: 'FORBIDDEN', entities: [] } }]);
  });

  it('asks a stranger to log in and writes nothing', async () => {
    const before = await countAll();
    expect(codes(await ask(null, LIST))).toEqual(['UNAUTHENTICATED']);
    expect(codes(await ask(null, ONE, { id: newId('MTL', 'evt') }))).toEqual(['UNAUTHENTICATED']);
    expect(await countAll()).toBe(before);
  });

  it('takes a cursor only from the same auditor and the same filter', async () => {
    await write('MTL', { act: 'bound' });
    await write('MTL', { act: 'bound' });
    const { endCursor: after } = (await ask(auditor, LIST, { filter: { act: 'bound' }, first: 1 })).data.auditEvents.pageInfo;
    expect((await ask(auditor, LIST, { filter: { act: 'bound' }, first: 1, after })).errors).toBeUndefined();
    expect(codes(await ask(aViewer('U'), LIST, { filter: { act: 'bound' }, first: 1, after }))).toEqual(['BAD_USER_INPUT']);
    expect(codes(await ask(auditor, LIST, { filter: { act: 'bound', city: 'MTL' }, first: 1, after }))).toEqual(['BAD_USER_INPUT']);
    expect(codes(await ask(auditor, LIST, { filter: { act: 'bound' }, after: `${after}A` }))).toEqual(['BAD_USER_INPUT']);
  });

  it('shows personal values only while the key of their subject is there and they match what was committed to', async () => {
    const patientId = newId('MTL', 'pat');
    const accountId = newId('MTL', 'acc');
    const admin = await network.admin('MTL');
    const look = async () => (await ask(auditor, LIST, { filter: { act: 'erased' } })).data.auditEvents.nodes[0];
    await write('MTL', {
      act: 'erased',
      patientId,
      actor: { role: 'PATIENT', city: 'MTL', accountId },
      entities: [{ kind: 'Patient', id: patientId }],
    });
    expect(await look()).toMatchObject({ patient: { id: patientId }, agent: { accountId }, entities: [{ id: patientId }] });

    // A value that was put in its place, sealed with the right key.
    const { rows } = await admin.query<{ event_id: string; sealed: Uint8Array }>(
      `select event_id, sealed from audit.entry where act = 'erased'`,
    );
    const eventId = rows[0]?.event_id ?? '';
    const forger = makeSealer(eventId, network.subjects.of('MTL'));
    forger.add(patientId, 'patient', Buffer.alloc(16), 'MTL-pat-00000000000000000000000000');
    forger.add(
      accountId,
      'actor',
      openSealed(rows[0]?.sealed ?? Buffer.of(), eventId, network.subjects.of('MTL')).get('actor')?.salt ?? Buffer.of(),
      accountId,
    );
    await admin.query(`update audit.entry set sealed = $1 where act = 'erased'`, [forger.seal()]);
    expect(await look()).toMatchObject({ patient: null, agent: { accountId } });
    await admin.query(`update audit.entry set sealed = $1 where act = 'erased'`, [rows[0]?.sealed]);
    expect(await look()).toMatchObject({ patient: { id: patientId }, agent: { accountId } });

    await network.subjects.destroy('MTL', [network.subjects.tagOf(patientId)]);
    expect(await look()).toMatchObject({ patient: null, agent: { accountId }, entities: [{ kind: 'Patient', id: null }] });
    await network.subjects.destroy('MTL', [network.subjects.tagOf(accountId)]);
    expect(await look()).toMatchObject({ patient: null, agent: { role: 'PATIENT', city: 'MTL', accountId: null } });
    // The entry is still found by whose it was.
    const found = await ask(auditor, LIST, { filter: { patientId, act: 'erased' } });
    expect(found.data.auditEvents.nodes).toHaveLength(1);
  });

  it('loses the rows of a city that is down, and those alone', async () => {
    await Promise.all(CITIES.map((city) => write(city, { act: 'partial' })));
    const cities = network.cities.map((city) => (city.code === 'SHE' ? { ...city, nodes: [{ host: '127.0.0.1', port: 1 }] } : city));
    const lame = await startAudit({ cities, secrets: network.secrets, subjects: network.subjects, log });
    try {
      const { data, errors } = await ask(auditor, LIST, { filter: { act: 'partial' } }, makeExecutor(lame, log), lame);
      expect(errors).toBeUndefined();
      expect(data.auditEvents.nodes.map(({ city }: { city: { code: string } }) => city.code).sort()).toEqual(['MTL', 'QUE']);
      expect(data.auditEvents.cityStates).toEqual([
        { city: 'MTL', state: 'COMPLETE', asOf: null },
        { city: 'QUE', state: 'COMPLETE', asOf: null },
        { city: 'SHE', state: 'UNAVAILABLE', asOf: null },
      ]);
      const one = await ask(auditor, ONE, { id: newId('SHE', 'evt') }, makeExecutor(lame, log), lame);
      expect(codes(one)).toEqual(['CITY_UNAVAILABLE']);
      expect(await lame.health()).toEqual({ MTL: true, QUE: true, SHE: false });
    } finally {
      await lame.stop();
    }
  });
});

describe('one audit event', () => {
  const idOf = async (act: string, city = 'QUE'): Promise<string> => (await entriesOf(city, act))[0]?.leaf['id'];

  it('is found by id, and through the graph by both of its keys, and its reading is recorded once a request', async () => {
    const viewer = aViewer('U', 'SHE');
    await write('QUE', { act: 'single' });
    const id = await idOf('single');
    expect((await ask(viewer, ONE, { id })).data.auditEvent).toMatchObject({ id, act: 'single' });
    const representations = [
      { __typename: 'AuditEvent', id },
      { __typename: 'AuditEvent', nodeId: id },
    ];
    const entities = await ask(viewer, ENTITY, { representations });
    expect(entities.data._entities).toEqual([
      { id, nodeId: id, act: 'single' },
      { id, nodeId: id, act: 'single' },
    ]);
    const recorded = (await entriesOf('SHE', 'auditEvent')).filter(({ actor_id }) => actor_id === viewer.accountId);
    expect(recorded.map(({ leaf }) => leaf['entities'].map(({ what }: { what: string }) => what))).toEqual([[id], [id]]);
  });

  it('looks to anyone but auditors like one that is not there, and both tries are recorded alike', async () => {
    await write('QUE', { act: 'private' });
    const there = await idOf('private');
    const nowhere = newId('QUE', 'evt');
    for (const role of ['P', 'D', 'A'] as const) {
      const viewer = aViewer(role, 'MTL');
      const seen = await ask(viewer, ONE, { id: there });
      const missing = await ask(viewer, ONE, { id: nowhere });
      expect(codes(seen)).toEqual(['NOT_FOUND']);
      expect(seen).toEqual(missing);
      const entities = await ask(viewer, ENTITY, { representations: [{ __typename: 'AuditEvent', nodeId: there }] });
      expect(entities.data).toEqual({ _entities: [null] });
      expect(codes(entities)).toEqual(['NOT_FOUND']);
      const denied = (await entriesOf('QUE', 'auditEvent')).filter(({ actor_id }) => actor_id === viewer.accountId);
      // Everybody sees that something was asked for in vain, and who may see values what it was.
      const commitment = [{ kind: 'AuditEvent', what: expect.stringMatching(/^cm:[0-9a-f]{64}$/) }];
      expect(
        denied.map(({ outcome, leaf, disclosure }) => [outcome, leaf['reason'], leaf['entities'], disclosure['entity0']?.value]),
      ).toEqual([there, nowhere, there].map((id) => [8, 'NOT_FOUND', commitment, id]));
    }
  });

  it.each([newId('MTL', 'evt'), newId('MTL', 'pat'), 'XXX-evt-00000000000000000000000000', '', "' OR 1=1 --"])(
    'is not found by %j, and the try is recorded without keeping the text',
    async (id) => {
      const viewer = aViewer('U', 'MTL');
      expect(codes(await ask(viewer, ONE, { id }))).toEqual(['NOT_FOUND']);
      const tried = (await entriesOf('MTL', 'auditEvent')).filter(({ actor_id }) => actor_id === viewer.accountId);
      expect(tried).toMatchObject([{ outcome: 4, leaf: { reason: 'NOT_FOUND' } }]);
      expect(JSON.stringify(tried)).not.toContain('OR 1=1');
    },
  );

  it('answers for cities in the language of the caller', async () => {
    const caller = { ...aCaller(null), language: 'fr' as const };
    const context = subgraph.makeContext(caller);
    const representations = [
      { __typename: 'City', code: 'MTL' },
      { __typename: 'City', code: 'XXX' },
    ];
    const { data } = (await executor.run({ query: ENTITY, variables: { representations } }, caller.requestId, () => context)) as Answer;
    expect(data._entities).toEqual([{ code: 'MTL', name: 'Montréal' }, null]);
  });
});
