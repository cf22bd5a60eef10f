import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startAudit } from '#audit/server.ts';
import type { Caller, RoleCode, Viewer } from '#platform/access/viewer.ts';
import { Outcome } from '#platform/audit/event.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { newId } from '#platform/database/new-id.ts';
import { type Executor, makeExecutor } from '#platform/graphql/executor.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { makeLog } from '#platform/observability/log.ts';
import { hashLeaf, verifyConsistency, verifyInclusion } from '#platform/tlog/merkle.ts';
import { parsePolicy } from '#platform/tlog/policy.ts';
import { judgeProof } from '#platform/tlog/proof.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { openEntry } from '#test/support/subjects.ts';
import { bodiesOf, type Fetch, makeFetch, rootOf, sizeOf, until, writeEvents } from './log-support.ts';

const log = makeLog('test', 'silent', 2);
let network: TestNetwork;
let subgraph: Subgraph;
let executor: Executor;
let writers: Cities;
let fetchFile: Fetch;

beforeAll(async () => {
  network = await testNetwork();
  const { cities, secrets } = network;
  writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects: network.subjects });
  subgraph = (await startAudit({
    cities,
    secrets,
    subjects: network.subjects,
    log,
    sequencing: { pollMs: 20, recheckMs: 50 },
    witnessing: null,
  })) as Subgraph;
  executor = makeExecutor(subgraph, log);
  if (subgraph.transfer) fetchFile = makeFetch(subgraph.transfer);
});
afterAll(async () => {
  await subgraph?.stop();
  await writers?.stop();
  await network?.stop();
});

const aViewer = (role: RoleCode, city: string, own: Partial<Viewer> = {}): Viewer => ({
  accountId: newId(city, 'acc'),
  role,
  city,
  patientId: role === 'P' ? newId(city, 'pat') : null,
  practitionerId: role === 'D' ? newId(city, 'prc') : null,
  sessionId: newId(city, 'ses'),
  expiresAt: Math.floor(Date.now() / 1000) + 600,
  ...own,
});
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests alone
type Answer = { data?: any; errors?: readonly { extensions?: Record<string, unknown> }[] };
const ask = (viewer: Viewer | null, query: string, variables: Record<string, unknown> = {}): Promise<Answer> => {
  const caller: Caller = { viewer, requestId: randomUUID(), address: '192.0.2.1', language: 'en', origin: 'http://127.0.0.1:4000' };
  const context = subgraph.makeContext(caller);
  return executor.run({ query, variables }, caller.requestId, () => context) as Promise<Answer>;
};
const codes = ({ errors }: Answer) => errors?.map(({ extensions }) => extensions?.['code']);
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const allLogged = (city: string): Promise<void> =>
  until(async () => {
    const admin = await network.admin(city);
    return (await sizeOf(admin, city)) === (await bodiesOf(admin, city)).length;
  });

const EVENT =
  'id act leaf entities { kind id } tlogProof proof { leafIndex treeSize hashes checkpoint { city origin size root note signedAt } }';
const EVENTS = `query ($filter: AuditEventFilter, $first: Int) { auditEvents(filter: $filter, first: $first) { nodes { ${EVENT} } } }`;
const TRAIL = `query ($representations: [_Any!]!, $first: Int, $after: String) { _entities(representations: $representations) { ... on Patient { id
  auditTrail(first: $first, after: $after) { nodes { ${EVENT} agent { role accountId } } pageInfo { hasNextPage endCursor } cityStates { city state } } } } }`;
const trailOf = (viewer: Viewer | null, id: string, page: Record<string, unknown> = {}) =>
  ask(viewer, TRAIL, { representations: [{ __typename: 'Patient', id }], ...page });

describe('the proof of an event', () => {
  it('is there as soon as a checkpoint is, whatever was looked up a moment before', async () => {
    const viewer = aViewer('U', 'SHE');
    for (let round = 0; round < 8; round++) {
      const act = `atOnce${round}`;
      await writeEvents(writers, 'SHE', 1, { act });
      await allLogged('SHE');
      const { data, errors } = await ask(viewer, EVENTS, { filter: { city: 'SHE', act }, first: 1 });
      expect(errors).toBeUndefined();
      expect(data.auditEvents.nodes).toEqual([
        expect.objectContaining({ act, proof: expect.objectContaining({ hashes: expect.any(Array) }) }),
      ]);
    }
  });
  it('leads from its leaf to the root that the log signed, and as a file is believed by a policy alone', async () => {
    await writeEvents(writers, 'MTL', 300, { act: 'proven' });
    await writeEvents(writers, 'QUE', 5, { act: 'proven' });
    await Promise.all([allLogged('MTL'), allLogged('QUE')]);
    const { data, errors } = await ask(aViewer('U', 'SHE'), EVENTS, { filter: { act: 'proven' }, first: 100 });
    expect(errors).toBeUndefined();
    const { nodes } = data.auditEvents;
    expect(nodes).toHaveLength(100);
    const vkeys = await Promise.all(
      ['MTL', 'QUE'].map(async (city) =>
        Buffer.from((await fetchFile(`${city}/key`)).bytes)
          .toString()
          .trim(),
      ),
    );
    const policy = parsePolicy(`${vkeys.map((vkey) => `log ${vkey}`).join('\n')}\nquorum none\n`);
    const seen = new Set<string>();
    for (const { leaf, proof, tlogProof, id } of nodes) {
      const hash = hashLeaf(Buffer.from(leaf));
      const { checkpoint, leafIndex, treeSize, hashes } = proof;
      expect(checkpoint).toMatchObject({ city: id.slice(0, 3), origin: `caregraph.example/audit/${id.slice(0, 3)}`, size: treeSize });
      expect(verifyInclusion(leafIndex, treeSize, hash, hashes.map(bytes), bytes(checkpoint.root))).toBe(true);
      expect(await judgeProof(tlogProof, hash, policy)).toMatchObject({ kind: 'proven', index: leafIndex });
      expect(await judgeProof(tlogProof, hashLeaf(Buffer.from(`${leaf} `)), policy)).toEqual({ kind: 'refused', reason: 'not-included' });
      seen.add(`${checkpoint.city} ${leafIndex}`);
    }
    expect(seen.size).toBe(100);
  });

  it('is null until the event is under a checkpoint', async () => {
    const [held] = await Promise.all([
      writers.of('SHE').transaction(async (tx) => {
        // An older transaction that still runs keeps the fence where it is.
        await tx.named({ name: 'hold', text: 'select pg_current_xact_id()' }, []);
        await writeEvents(writers, 'SHE', 1, { act: 'fresh' });
        const { data } = await ask(aViewer('U', 'QUE'), EVENTS, { filter: { act: 'fresh' } });
        return data.auditEvents.nodes;
      }),
    ]);
    expect(held).toEqual([expect.objectContaining({ act: 'fresh', proof: null, tlogProof: null })]);
    await allLogged('SHE');
    const { data } = await ask(aViewer('U', 'QUE'), EVENTS, { filter: { act: 'fresh' } });
    expect(data.auditEvents.nodes[0].proof).not.toBeNull();
  });

  it('is refused where a tile does not belong to the tree, and the event is shown all the same', async () => {
    await writeEvents(writers, 'QUE', 300, { act: 'spoilt' });
    await allLogged('QUE');
    const admin = await network.admin('QUE');
    await admin.query('update audit.log_tile set data = set_byte(data, 3, get_byte(data, 3) # 1) where level = 0 and n = 0');
    // The tree of the next checkpoint, of which no tile was read yet.
    await until(async () => (await ask(null, '{ auditCheckpoint(city: "QUE") { size } }')).data.auditCheckpoint !== null);
    const { data, errors } = await ask(aViewer('U', 'MTL'), EVENTS, { filter: { act: 'proven', city: 'QUE' } });
    await admin.query('update audit.log_tile set data = set_byte(data, 3, get_byte(data, 3) # 1) where level = 0 and n = 0');
    expect(data.auditEvents.nodes[0]).toMatchObject({ act: 'proven', proof: null });
    expect(codes({ errors: errors ?? [] })).toContain('INTEGRITY_ERROR');
  });
});

describe('checkpoints and growth', () => {
  // Reading events writes events: what the tests before did is waited for, and nothing is written here.
  beforeAll(() => allLogged('MTL'));
  it('are for anybody', async () => {
    const { data } = await ask(null, '{ auditCheckpoint(city: "MTL") { city origin size root note } }');
    const bodies = await bodiesOf(await network.admin('MTL'), 'MTL');
    expect(data.auditCheckpoint).toMatchObject({ city: 'MTL', size: bodies.length, root: Buffer.from(rootOf(bodies)).toString('base64') });
    expect(data.auditCheckpoint.note).toBe(Buffer.from((await fetchFile('MTL/checkpoint')).bytes).toString());
    const city = await ask(
      null,
      '{ _entities(representations: [{ __typename: "City", code: "MTL" }]) { ... on City { checkpoint { size } } } }',
    );
    expect(city.data._entities).toEqual([{ checkpoint: { size: bodies.length } }]);
  });

  it('prove that the log has only grown', async () => {
    const bodies = await bodiesOf(await network.admin('MTL'), 'MTL');
    const query =
      'query ($from: EntryCount!, $to: EntryCount) { consistencyProof(city: "MTL", fromSize: $from, toSize: $to) { fromSize toSize hashes checkpoint { size } } }';
    for (const [from, to] of [
      [1, null],
      [17, 256],
      [256, 257],
      [255, null],
      [bodies.length, null],
    ] as const) {
      const { data } = await ask(null, query, { from, to });
      const { fromSize, toSize, hashes } = data.consistencyProof;
      expect([fromSize, toSize]).toEqual([from, to ?? bodies.length]);
      const [older, newer] = [rootOf(bodies.slice(0, fromSize)), rootOf(bodies.slice(0, toSize))];
      expect(verifyConsistency(fromSize, toSize, older, newer, hashes.map(bytes))).toBe(true);
    }
    for (const [from, to] of [
      [5, 4],
      [0, 10_000_000],
    ])
      expect(codes(await ask(null, query, { from, to }))).toEqual(['BAD_USER_INPUT']);
    expect(codes(await ask(null, query, { from: -1 }))).toHaveLength(1);
    expect(codes(await ask(null, '{ auditCheckpoint(city: "XXX") { size } }'))).toEqual(['BAD_USER_INPUT']);
  });
});

describe('the trail of a patient', () => {
  const patient = aViewer('P', 'QUE');
  const patientId = patient.patientId ?? '';
  const other = newId('QUE', 'pat');
  const entriesOf = async (city: string, actor: string): Promise<{ outcome: number; patient_id: string | null }[]> =>
    (
      await (
        await network.admin(city)
      ).query(`select outcome, city, event_id, sealed from audit.entry where act = 'Patient.auditTrail' and actor_tag = $1`, [
        network.subjects.tagOf(actor),
      ])
    ).rows.map((row) => {
      const { outcome, patient_id } = openEntry(network.subjects, row);
      return { outcome, patient_id };
    });

  it('shows the patient who looked, in all cities, with proof, and names no other patient', async () => {
    const doctor = { role: 'PRACTITIONER', city: 'MTL', accountId: newId('MTL', 'acc') };
    await writeEvents(writers, 'MTL', 2, {
      act: 'patient',
      action: 'R',
      actor: doctor,
      patientId,
      entities: [
        { kind: 'Patient', id: patientId },
        { kind: 'Patient', id: other },
      ],
    });
    await writeEvents(writers, 'QUE', 1, { act: 'patient', action: 'R', outcome: Outcome.DENIED, actor: doctor, patientId });
    await writeEvents(writers, 'QUE', 1, { act: 'patient', patientId: other });
    await Promise.all([allLogged('MTL'), allLogged('QUE')]);
    const { data, errors } = await trailOf(patient, patientId);
    expect(errors).toBeUndefined();
    const [{ auditTrail }] = data._entities;
    expect(auditTrail.nodes.map(({ act, agent }: { act: string; agent: unknown }) => [act, agent])).toEqual(
      Array.from({ length: 3 }, () => ['patient', { role: 'PRACTITIONER', accountId: doctor.accountId }]),
    );
    // Entries of different cities within a millisecond have no order of their own.
    const about = auditTrail.nodes.filter(({ entities }: { entities: unknown[] }) => entities.length > 0);
    expect(about.map(({ entities }: { entities: unknown[] }) => entities)).toEqual(
      Array.from({ length: 2 }, () => [
        { kind: 'Patient', id: patientId },
        { kind: 'Patient', id: null },
      ]),
    );
    for (const { leaf, proof } of auditTrail.nodes)
      expect(
        verifyInclusion(
          proof.leafIndex,
          proof.treeSize,
          hashLeaf(Buffer.from(leaf)),
          proof.hashes.map(bytes),
          bytes(proof.checkpoint.root),
        ),
      ).toBe(true);
    expect(await entriesOf('QUE', patient.accountId)).toEqual([{ outcome: 0, patient_id: patientId }]);
    // The reading stands in the trail itself, page by page.
    const first = (await trailOf(patient, patientId, { first: 2 })).data._entities[0].auditTrail;
    expect(first.nodes[0].act).toBe('Patient.auditTrail');
    const rest = (await trailOf(patient, patientId, { first: 2, after: first.pageInfo.endCursor })).data._entities[0].auditTrail;
    expect(rest.nodes.map(({ act }: { act: string }) => act)).toEqual(['patient', 'patient']);
  });

  it('is shown to auditors whole', async () => {
    const { data } = await trailOf(aViewer('U', 'SHE'), patientId);
    const acts: { act: string; entities: { id: string }[] }[] = data._entities[0].auditTrail.nodes;
    expect(acts.filter(({ act }) => act === 'patient').map(({ entities }) => entities[1]?.id)).toContain(other);
  });

  it.each([
    ['another patient', aViewer('P', 'QUE')],
    ['an admin of the home city', aViewer('A', 'QUE')],
    ['a practitioner of the home city', aViewer('D', 'QUE')],
  ])('looks to %s like one of a patient that is not there, and the try is recorded at home', async (_who, viewer) => {
    const answer = await trailOf(viewer, patientId);
    expect(codes(answer)).toEqual(['NOT_FOUND']);
    expect(answer.data._entities[0].auditTrail).toBeNull();
    expect(await entriesOf('QUE', viewer.accountId)).toEqual([{ outcome: 8, patient_id: patientId }]);
  });

  it('asks a stranger to log in', async () => {
    expect(codes(await trailOf(null, patientId))).toEqual(['UNAUTHENTICATED']);
  });
});
