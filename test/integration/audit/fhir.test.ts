import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { FhirAuditEvent } from '#audit/domain/fhir-event.ts';
import { startAudit } from '#audit/server.ts';
import type { Caller, RoleCode, Viewer } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { type AuditEvent, Outcome } from '#platform/audit/event.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { newId } from '#platform/database/new-id.ts';
import { type Executor, makeExecutor } from '#platform/graphql/executor.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { makeLog } from '#platform/observability/log.ts';
import { hashLeaf } from '#platform/tlog/merkle.ts';
import { validateAuditEvent } from '#test/support/fhir/validate.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { openEntry } from '#test/support/subjects.ts';
import { anEvent, until } from './log-support.ts';

const log = makeLog('test', 'silent', 2);
const CITIES = ['MTL', 'QUE', 'SHE'];
let network: TestNetwork;
let subgraph: Subgraph;
let executor: Executor;
let writers: Cities;
beforeAll(async () => {
  network = await testNetwork();
  const { cities, secrets, subjects } = network;
  writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
  subgraph = await startAudit({ cities, secrets, subjects, log });
  executor = makeExecutor(subgraph, log);
  // First connections of a busy machine may take longer than an act waits.
  const begun = (city: string) =>
    write(city, { act: 'begun' }).then(
      () => true,
      () => false,
    );
  for (const city of CITIES) await until(() => begun(city), 20_000, `the first entry of ${city}`);
}, 90_000);
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
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests alone
type Answer = { data?: any; errors?: readonly { extensions?: Record<string, unknown> }[] };
const ask = (viewer: Viewer | null, query: string, variables: Record<string, unknown> = {}): Promise<Answer> => {
  const caller: Caller = { viewer, requestId: randomUUID(), address: '192.0.2.1', language: 'en', origin: 'http://127.0.0.1:4000' };
  const context = subgraph.makeContext(caller);
  return executor.run({ query, variables }, caller.requestId, () => context) as Promise<Answer>;
};
/** The same, asked again while a city of a busy machine answers late. */
const askWhole = async (viewer: Viewer | null, query: string, variables: Record<string, unknown> = {}): Promise<Answer> => {
  for (const end = Date.now() + 20_000; ; ) {
    const answer = await ask(viewer, query, variables);
    const isLate = (codes(answer) ?? []).some((code) => code === 'AUDIT_UNAVAILABLE' || code === 'CITY_UNAVAILABLE');
    const states: { state: string }[] = Object.values(answer.data ?? {}).flatMap((field) => (field as Answer['data'])?.cityStates ?? []);
    if ((!isLate && states.every(({ state }) => state === 'COMPLETE')) || Date.now() > end) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};
const codes = ({ errors }: Answer) => errors?.map(({ extensions }) => extensions?.['code']);
const write = (city: string, given: Partial<AuditEvent> = {}): Promise<void> => appendAudit(writers.of(city), anEvent(city, given));

const LIST = `query ($filter: AuditEventFilter, $first: Int, $after: String) { auditEvents(filter: $filter, first: $first, after: $after) {
  nodes { id act recordedAt leaf fhir proof { leafIndex treeSize checkpoint { origin root } } } pageInfo { hasNextPage endCursor } cityStates { state } } }`;
const EXPORT = `query ($filter: AuditEventFilter, $first: Int, $after: String) { auditExport(filter: $filter, limit: $first, after: $after) {
  ndjson count endCursor hasNextPage cityStates { city state asOf } } }`;

type Stored = {
  readonly id: string;
  readonly city: string;
  readonly act: string;
  readonly action: string;
  readonly outcome: number;
  readonly recordedAt: Date;
  readonly actorId: string | null;
  readonly patientId: string | null;
  readonly leaf: string;
};
/** All that the logs hold, as their rows and the keys beside them say. */
const storedIn = async (cities: readonly string[]): Promise<Stored[]> =>
  (
    await Promise.all(
      cities.map(async (city) => {
        const { rows } = await (await network.admin(city)).query(
          `select city, event_id, sealed, act, action, outcome, recorded_at, convert_from(body, 'UTF8') as text, convert_from(body, 'UTF8')::jsonb as leaf
           from audit.entry where city = $1`,
          [city],
        );
        return rows.map((row) => {
          const opened = openEntry(network.subjects, row);
          return {
            id: row.event_id,
            city,
            act: row.act,
            action: row.action,
            outcome: row.outcome,
            recordedAt: row.recorded_at,
            actorId: opened.actor_id,
            patientId: opened.patient_id,
            leaf: row.text,
          };
        });
      }),
    )
  ).flat();

const linesOf = (ndjson: string): FhirAuditEvent[] =>
  ndjson
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('AuditEvent.fhir', () => {
  it('is valid, tells what the event tells, and where the proof finds it', async () => {
    const [patientId, accountId] = [newId('QUE', 'pat'), newId('QUE', 'acc')];
    const requestId = randomUUID();
    await write('MTL', {
      act: 'exported',
      actor: { role: 'PATIENT', city: 'QUE', accountId },
      patientId,
      requestId,
      entities: [{ kind: 'Appointment', id: newId('MTL', 'apt'), sha256: 'a'.repeat(64) }],
    });
    const list = async () => (await askWhole(auditor, LIST, { filter: { act: 'exported' } })).data.auditEvents.nodes;
    await until(async () => (await list())[0]?.proof, 25_000, 'the checkpoint');
    const [node] = await list();
    const event: FhirAuditEvent = JSON.parse(node.fhir);
    expect(validateAuditEvent(event)).toEqual([]);
    expect(event.meta?.profile).toEqual([expect.stringMatching(/IHE\.BasicAudit\.PatientCreate$/)]);
    expect([event.id, event.recorded, event.source.site]).toEqual([node.id, node.recordedAt, 'MTL']);
    expect(event.agent[0]?.who.identifier?.value).toBe(accountId);
    expect(event.entity.map(({ what }) => what.identifier?.value)).toEqual(expect.arrayContaining([patientId, requestId]));
    const place = event.entity.find(({ name }) => name === 'audit log');
    const details = Object.fromEntries((place?.detail ?? []).map(({ type, ...value }) => [type, Object.values(value)[0]]));
    expect(details).toEqual({
      origin: node.proof.checkpoint.origin,
      'leaf-index': String(node.proof.leafIndex),
      'leaf-hash': Buffer.from(hashLeaf(Buffer.from(node.leaf))).toString('base64'),
      'checkpoint-size': String(node.proof.treeSize),
      'checkpoint-root': node.proof.checkpoint.root,
    });
  });

  it('shows a patient no other person', async () => {
    const patient = aViewer('P', 'QUE');
    const { patientId } = patient;
    const other = newId('QUE', 'pat');
    await write('QUE', {
      act: 'copied',
      patientId,
      entities: [
        { kind: 'Patient', id: patientId },
        { kind: 'Patient', id: other, sha256: 'b'.repeat(64) },
      ],
    });
    const trail =
      'query ($id: ID!) { _entities(representations: [{ __typename: "Patient", id: $id }]) { ... on Patient { auditTrail { nodes { act fhir } } } } }';
    const seen = async (): Promise<string | undefined> => {
      const { data } = await ask(patient, trail, { id: patientId });
      const nodes: { act: string; fhir: string }[] = data?._entities?.[0]?.auditTrail?.nodes ?? [];
      return nodes.find(({ act }) => act === 'copied')?.fhir;
    };
    await until(async () => (await seen()) !== undefined, 25_000, 'the trail');
    const text = (await seen()) ?? '';
    expect(validateAuditEvent(JSON.parse(text))).toEqual([]);
    expect(text).toContain(patientId);
    expect(text).not.toContain(other);
    expect(text).not.toContain(Buffer.from('b'.repeat(64), 'hex').toString('base64'));
  });

  it('holds the commitments of who was erased, in a list and in an export, and is valid still', async () => {
    const [patientId, accountId] = [newId('SHE', 'pat'), newId('SHE', 'acc')];
    const entities = [{ kind: 'Patient', id: patientId, sha256: 'c'.repeat(64) }];
    await write('SHE', { act: 'forgotten', patientId, actor: { role: 'PATIENT', city: 'SHE', accountId }, entities });
    const filter = { act: 'forgotten' };
    const shown = async (): Promise<readonly string[]> => [
      (await askWhole(auditor, LIST, { filter })).data.auditEvents.nodes[0].fhir,
      (await askWhole(auditor, EXPORT, { filter })).data.auditExport.ndjson.trim(),
    ];
    for (const text of await shown()) expect(text).toContain(patientId);
    const { subjects } = network;
    await subjects.destroy('SHE', [subjects.tagOf(patientId), subjects.tagOf(accountId)]);
    for (const text of await shown()) {
      expect(text).not.toContain(patientId);
      expect(text).not.toContain(accountId);
      expect(text).not.toContain(Buffer.from('c'.repeat(64), 'hex').toString('base64'));
      const event: FhirAuditEvent = JSON.parse(text);
      expect(validateAuditEvent(event)).toEqual([]);
      expect(event.meta?.profile).toEqual([expect.stringMatching(/PatientCreate$/)]);
      const commitment = { system: 'https://caregraph.example/fhir/commitment', value: expect.stringMatching(/^cm:[0-9a-f]{64}$/) };
      expect([event.agent[0]?.who.identifier, event.entity[0]?.what.identifier]).toMatchObject([commitment, commitment]);
    }
  });
});

describe('filters of auditEvents and auditExport', () => {
  const pool = <T>(make: (i: number) => T, count = 3): readonly T[] => Array.from({ length: count }, (_, i) => make(i));
  const patients = pool((i) => newId(CITIES[i] ?? 'MTL', 'pat'));
  const actors = pool((i) => newId(CITIES[i] ?? 'MTL', 'acc'));
  const acts = ['Slot.appointments', 'bookAppointment', 'files'];
  let stored: readonly Stored[] = [];
  let end = new Date();
  beforeAll(async () => {
    for (let i = 0; i < 120; i++) {
      const pick = <T>(from: readonly T[], by: number): T => from[Math.floor(i / by) % from.length] as T;
      await write(pick(CITIES, 1), {
        act: pick(acts, 2),
        action: pick(['C', 'R', 'R', 'U', 'D', 'E'] as const, 3),
        outcome: pick([0, 0, 0, 4, 8, 12] as const, 5),
        actor: { role: 'PATIENT', city: 'MTL', accountId: pick([...actors, null], 7) },
        patientId: pick([...patients, null], 4),
      });
    }
    // What is written while the test runs is later than this.
    await until(() => Date.now() > end.getTime() + 5);
    end = new Date();
    stored = (await storedIn(CITIES)).filter(({ recordedAt }) => recordedAt < end);
  });

  const NAMES = {
    action: { CREATE: 'C', READ: 'R', UPDATE: 'U', DELETE: 'D', EXECUTE: 'E' },
    outcome: { SUCCESS: 0, MINOR_FAILURE: 4, SERIOUS_FAILURE: 8, MAJOR_FAILURE: 12 },
  } as const;
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 2, arbitrary });
  const aFilter = fc.record({
    city: maybe(fc.constantFrom(...CITIES)),
    patientId: maybe(fc.constantFrom(...patients)),
    actorId: maybe(fc.constantFrom(...actors)),
    action: maybe(fc.constantFrom(...(Object.keys(NAMES.action) as (keyof typeof NAMES.action)[]))),
    act: maybe(fc.constantFrom(...acts)),
    outcome: maybe(fc.constantFrom(...(Object.keys(NAMES.outcome) as (keyof typeof NAMES.outcome)[]))),
    from: maybe(fc.nat({ max: 119 })),
    to: maybe(fc.nat({ max: 119 })),
  });
  const instantAt = (place: number): Date =>
    [...stored].sort((a, b) => a.recordedAt.getTime() - b.recordedAt.getTime())[place]?.recordedAt ?? end;

  it('give what a plain filter gives, in any combination, whatever the pages', async () => {
    let found = 0;
    await fc.assert(
      fc.asyncProperty(aFilter, fc.integer({ min: 1, max: 60 }), async ({ from, to, ...rest }, first) => {
        const begin = from === undefined ? undefined : instantAt(from);
        const before = to === undefined || (begin && instantAt(to) <= begin) ? end : instantAt(to);
        const filter = { ...rest, ...(begin ? { from: begin.toISOString() } : {}), to: before.toISOString() };
        const expected = stored
          .filter(
            (event) =>
              (rest.city === undefined || event.city === rest.city) &&
              (rest.patientId === undefined || event.patientId === rest.patientId) &&
              (rest.actorId === undefined || event.actorId === rest.actorId) &&
              (rest.action === undefined || event.action === NAMES.action[rest.action]) &&
              (rest.act === undefined || event.act === rest.act) &&
              (rest.outcome === undefined || event.outcome === NAMES.outcome[rest.outcome]) &&
              (begin === undefined || event.recordedAt >= begin) &&
              event.recordedAt < before,
          )
          .map(({ id }) => id)
          .sort();
        const listed: { id: string; recordedAt: string }[] = [];
        const exported: FhirAuditEvent[] = [];
        for (let after: string | undefined, more = true; more; ) {
          const { data, errors } = await askWhole(auditor, LIST, { filter, first, after });
          expect(errors).toBeUndefined();
          listed.push(...data.auditEvents.nodes);
          ({ hasNextPage: more, endCursor: after } = data.auditEvents.pageInfo);
        }
        for (let after: string | undefined, more = true; more; ) {
          const { data, errors } = await askWhole(auditor, EXPORT, { filter, first, after });
          expect(errors).toBeUndefined();
          expect(linesOf(data.auditExport.ndjson)).toHaveLength(data.auditExport.count);
          exported.push(...linesOf(data.auditExport.ndjson));
          ({ hasNextPage: more, endCursor: after } = data.auditExport);
        }
        expect(listed.map(({ id }) => id).sort()).toEqual(expected);
        expect(exported.map(({ id }) => id)).toEqual(listed.map(({ id }) => id));
        const times = listed.map(({ recordedAt }) => recordedAt);
        expect(times).toEqual([...times].sort().reverse());
        found += expected.length;
      }),
      { numRuns: 25 },
    );
    expect(found).toBeGreaterThan(100);
  }, 60_000);
});

describe('auditExport', () => {
  const entriesOf = async (city: string) => (await storedIn([city])).filter(({ act }) => act === 'auditExport');

  it('is recorded a part as one act, from which the log tells what it held', async () => {
    const own = aViewer('U', 'QUE');
    const patientId = newId('SHE', 'pat');
    // No id of ours, so it is committed to; whoever may see it sees it.
    const typed = 'Éloïse-Noël'.normalize('NFC');
    for (let i = 0; i < 3; i++) await write('SHE', { act: 'handedOut', patientId, entities: [{ kind: 'Upload', id: typed }] });
    const { data } = await ask(own, EXPORT, { filter: { patientId, city: 'SHE' }, first: 2 });
    const given = linesOf(data.auditExport.ndjson);
    expect([data.auditExport.count, data.auditExport.hasNextPage]).toEqual([2, true]);
    const shown = { what: { identifier: { system: 'https://caregraph.example/fhir/record', value: typed } }, name: 'Upload' };
    for (const event of given) {
      expect(event.entity).toContainEqual(expect.objectContaining(shown));
      expect(validateAuditEvent(event)).toEqual([]);
    }
    const [entry, ...others] = (await entriesOf('QUE')).filter(({ actorId }) => actorId === own.accountId);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ outcome: Outcome.SUCCESS, action: 'R', patientId });
    const held = (await storedIn(['SHE'])).filter(({ id }) => given.some((event) => event.id === id));
    for (const { leaf } of held) expect(leaf).not.toContain(typed);
    const hash = createHash('sha256');
    for (const { id } of given)
      hash.update(
        createHash('sha256')
          .update(held.find((each) => each.id === id)?.leaf ?? '')
          .digest(),
      );
    const leaf = JSON.parse(entry?.leaf ?? '{}');
    expect(leaf.entities).toEqual([
      { kind: 'AuditExport', what: '{"count":2,"city":"SHE"}', sha256: hash.digest('hex') },
      { kind: 'AuditEvent', what: given[0]?.id, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      { kind: 'AuditEvent', what: given[1]?.id, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    expect(entry?.leaf).not.toContain(patientId);
  });

  it('keeps the name of an act that an auditor typed out of the leaf, and shows it to auditors', async () => {
    const own = aViewer('U', 'QUE');
    await write('QUE', { act: 'handedOverTwice' });
    await ask(own, EXPORT, { filter: { act: 'handedOverTwice', city: 'QUE' } });
    const [entry] = (await entriesOf('QUE')).filter(({ actorId }) => actorId === own.accountId);
    expect(entry?.leaf).toBeDefined();
    expect(entry?.leaf).not.toContain('handedOverTwice');
    const id = JSON.parse(entry?.leaf ?? '{}').id;
    const { data } = await ask(aViewer('U', 'QUE'), 'query ($id: ID!) { auditEvent(id: $id) { entities { kind id } fhir } }', { id });
    const title = '{"count":1,"city":"QUE","act":"handedOverTwice"}';
    expect(data.auditEvent.entities[0]).toEqual({ kind: 'AuditExport', id: title });
    expect(JSON.parse(data.auditEvent.fhir).entity[0].what.identifier.value).toBe(title);
  });

  it('keeps the id of an actor whom it asked for out of the leaf', async () => {
    const own = aViewer('U', 'SHE');
    const actorId = newId('SHE', 'acc');
    await ask(own, EXPORT, { filter: { actorId } });
    const [entry] = (await entriesOf('SHE')).filter((each) => each.actorId === own.accountId);
    expect(entry?.leaf).toBeDefined();
    expect(entry?.leaf).not.toContain(actorId);
    expect(JSON.parse(entry?.leaf ?? '{}').entities.map(({ kind }: { kind: string }) => kind)).toEqual(['AuditExport', 'Account']);
  });

  it.each([
    ['P', 'FORBIDDEN'],
    ['D', 'FORBIDDEN'],
    ['A', 'FORBIDDEN'],
  ] as const)('is denied to others, and the denial recorded: %s', async (role, code) => {
    const viewer = aViewer(role, 'SHE');
    const answer = await ask(viewer, EXPORT, {});
    expect([answer.data, codes(answer)]).toEqual([{ auditExport: null }, [code]]);
    const [entry, ...others] = (await entriesOf('SHE')).filter(({ actorId }) => actorId === viewer.accountId);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ outcome: Outcome.DENIED });
    expect(JSON.parse(entry?.leaf ?? '{}').entities).toEqual([]);
  });

  it('is nothing for who is not logged in', async () => {
    expect(codes(await ask(null, EXPORT, {}))).toEqual(['UNAUTHENTICATED']);
  });

  it.each([0, -1, 1001, null])('refuses parts of %j', async (first) => {
    expect(codes(await ask(auditor, EXPORT, { first }))).toEqual(['BAD_USER_INPUT']);
  });

  it('takes no cursor of another list or another filter', async () => {
    const { data } = await ask(auditor, EXPORT, { filter: { city: 'MTL' }, first: 1 });
    const after = data.auditExport.endCursor;
    expect(codes(await ask(auditor, EXPORT, { filter: { city: 'QUE' }, after }))).toEqual(['BAD_USER_INPUT']);
    expect(codes(await ask(auditor, LIST, { filter: { city: 'MTL' }, after }))).toEqual(['BAD_USER_INPUT']);
    expect(codes(await ask(aViewer('U'), EXPORT, { filter: { city: 'MTL' }, after }))).toEqual(['BAD_USER_INPUT']);
  });
});
