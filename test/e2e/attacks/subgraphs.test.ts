import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startAudit } from '#audit/server.ts';
import { seedDemo } from '#embedded/demo/seed.ts';
import { startFiles } from '#files/server.ts';
import { startPatients } from '#patients/server.ts';
import { ASSERTION_HEADER, makeAsserter, REQUEST_ID_HEADER } from '#platform/access/assertion.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { type Served, serveSubgraph } from '#platform/http/serve-subgraph.ts';
import { makeLog } from '#platform/observability/log.ts';
import { startScheduling } from '#scheduling/server.ts';
import { testFiles } from '#test/support/files-config.ts';
import { DEMO_PASSWORD, toAnswer } from '#test/support/graph.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';

const log = makeLog('test', 'silent');
const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-subgraphs-'));
let network: TestNetwork;
const subgraphs: Subgraph[] = [];
const served: Record<string, Served> = {};
let assert: Awaited<ReturnType<typeof makeAsserter>>;

beforeAll(async () => {
  network = await testNetwork();
  const { cities, secrets } = network;
  await seedDemo({ cities, secrets, subjects: network.subjects, password: DEMO_PASSWORD, now: new Date() });
  const parts = { cities, secrets, subjects: network.subjects, log };
  subgraphs.push(
    (await startPatients(parts)) as Subgraph,
    (await startScheduling({ ...parts, appointmentTypes: ['PHYSICIAN'] })) as Subgraph,
    (await startFiles({ ...parts, files: testFiles(folder, cities) })) as Subgraph,
    (await startAudit(parts)) as Subgraph,
  );
  for (const subgraph of subgraphs) {
    served[subgraph.name] = await serveSubgraph(subgraph, { host: '127.0.0.1', port: 0, assertionKeys: [secrets.assertionKey], log });
  }
  assert = await makeAsserter(secrets.assertionKey);
}, 60_000);
afterAll(async () => {
  await Promise.all(Object.values(served).map((each) => each.stop()));
  await Promise.all(subgraphs.map((subgraph) => subgraph.stop()));
  await network?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const NAMES = ['patients', 'scheduling', 'files', 'audit'];
const ask = async (name: string, body: unknown, headers: Record<string, string> = {}, path = '/graphql') =>
  toAnswer(
    await fetch(`${served[name]?.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    }),
  );
const asGateway = async (name: string) => ({
  [ASSERTION_HEADER]: await assert(name, null),
  [REQUEST_ID_HEADER]: '01234567-89ab-4cde-8f01-23456789abcd',
});

describe.each(NAMES)('%s, asked past the gateway', (name) => {
  const QUESTIONS = [
    { query: '{ _service { sdl } }' },
    { query: '{ __typename }' },
    { query: '{ __schema { types { name } } }' },
    {
      query: 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }',
      variables: { r: [{ __typename: 'City', code: 'MTL' }] },
    },
  ];
  it.each(QUESTIONS)('refuses $query without an assertion', async (question) => {
    for (const path of ['/graphql', '/graphql/stream']) {
      const answer = await ask(name, question, {}, path);
      expect([answer.status, answer.errors[0]?.extensions['code'], answer.data]).toEqual([401, 'UNAUTHENTICATED', null]);
    }
  });
  it('refuses an assertion made for another subgraph, by another key, or ended', async () => {
    const other = NAMES[(NAMES.indexOf(name) + 1) % 4] ?? '';
    const { tokenKey } = network.secrets;
    const forged = await (await makeAsserter({ ...tokenKey, kid: network.secrets.assertionKey.kid }))(name, null);
    for (const assertion of [await assert(other, null), forged, 'x', '', `${await assert(name, null)}x`]) {
      const answer = await ask(
        name,
        { query: '{ __typename }' },
        { [ASSERTION_HEADER]: assertion, authorization: 'Bearer x', 'x-role': 'A' },
      );
      expect(answer.status).toBe(401);
    }
  });
  it('answers the gateway, 500 representations at the most', async () => {
    const query = 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on City { code timeZone } } }';
    const representations = (count: number) => Array.from({ length: count }, () => ({ __typename: 'City', code: 'MTL' }));
    const fine = await ask(name, { query, variables: { r: representations(100) } }, await asGateway(name));
    expect(fine.status).toBe(200);
    expect(fine.errors).toEqual([]);
    const refused = await ask(name, { query, variables: { r: representations(20_000) } }, await asGateway(name));
    expect(refused.errors[0]?.extensions['code']).toBe('LIMIT_EXCEEDED');
    expect(refused.data).toBeNull();
  });
  it('gives entities of patients to nobody who is not logged in', async () => {
    const representation = { patients: 'Patient', scheduling: 'Appointment', audit: 'AuditEvent', files: 'City' }[name] ?? '';
    if (name === 'files') return expect(representation).toBe('City');
    const id = `MTL-${{ Patient: 'pat', Appointment: 'apt', AuditEvent: 'evt' }[representation]}-0zzzzzzzzzzzzzzzzzzzzzzzzz`;
    const answer = await ask(
      name,
      {
        query: `query ($r: [_Any!]!) { _entities(representations: $r) { ... on ${representation} { id } } }`,
        variables: { r: [{ __typename: representation, id }] },
      },
      await asGateway(name),
    );
    expect(answer.data).toEqual({ _entities: [null] });
    expect(['UNAUTHENTICATED', 'NOT_FOUND']).toContain(answer.errors[0]?.extensions['code']);
  });
});
