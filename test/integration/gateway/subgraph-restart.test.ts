import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startGateway } from '#gateway/server.ts';
import type { Served } from '#platform/http/serve-subgraph.ts';
import type { Loose } from '#test/support/loose.ts';
import { aSigningKey } from '#test/support/signing-key.ts';
import { freePort } from '#test/support/started.ts';
import { makeWorld, supergraphOf } from './graph.ts';

/** Two fetches to the subgraph that is killed: one of its root, one of an entity. */
const QUERY = 'query Q { person(id: "1") { name town } towns }';
const WHOLE = { person: { name: 'Éloïse', town: 'Montréal' }, towns: ['Montréal', 'Québec'] };
const PERSISTED = { version: 1, sha256Hash: '' };
const WITHIN_MS = 20_000;
/** Longer than a subgraph that could not be reached is left alone. */
const LEFT_ALONE_MS = 1_200;

const [assertionKey, tokenKey] = [aSigningKey('a'), aSigningKey('t')];
let child: ChildProcess | null = null;
let port: number;
let gateway: Served;

const startSubgraph = async (): Promise<void> => {
  const script = fileURLToPath(new URL('../../support/subgraph-process.ts', import.meta.url));
  const { kid, publicJwk } = assertionKey;
  child = spawn(process.execPath, [script, 'places', String(port), JSON.stringify({ kid, publicJwk })], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(child, 'message', { signal: AbortSignal.timeout(WITHIN_MS) });
};
const killSubgraph = async (): Promise<void> => {
  if (!child) return;
  const ended = once(child, 'exit', { signal: AbortSignal.timeout(WITHIN_MS) });
  child.kill('SIGKILL');
  await ended;
  child = null;
};
const ask = async (body: unknown): Promise<Loose> => {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(WITHIN_MS),
  });
  return response.json();
};
/** Asks until an answer is as wanted; the gateway leaves a subgraph alone for a while after it could not be reached. */
const askUntil = async (wanted: (answer: Loose) => boolean): Promise<Loose> => {
  const end = Date.now() + WITHIN_MS;
  for (;;) {
    const answer = await ask({ query: QUERY });
    if (wanted(answer) || Date.now() > end) return answer;
    await new Promise((done) => setTimeout(done, 20));
  }
};

beforeAll(async () => {
  port = await freePort();
  await startSubgraph();
  const world = makeWorld();
  gateway = await startGateway({
    supergraphSdl: supergraphOf(),
    subgraphs: {
      patients: { kind: 'in-process', subgraph: world.subgraphs.people },
      places: { kind: 'http', url: `http://127.0.0.1:${port}` },
    },
    secrets: { assertionKey, tokenKeys: [tokenKey] },
    cities: ['MTL', 'QUE'],
    host: '127.0.0.1',
    port: 0,
    development: true,
    allowedOrigins: [],
    log: world.log,
    sessionsEveryMs: 3_600_000,
  });
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await killSubgraph();
});

describe('a subgraph whose process is killed and started again', () => {
  it.each(['own', 'Apollo'] as const)('is told of at each field that is null because of it, by the %s executor', async (executor) => {
    const body = executor === 'own' ? { query: QUERY } : { query: QUERY, extensions: { persistedQuery: await hashOf(QUERY) } };
    expect(await askUntil(({ errors }) => errors === undefined)).toEqual({ data: WHOLE });
    expect(await ask(body)).toEqual({ data: WHOLE });
    await killSubgraph();
    const { data, errors } = await ask(body);
    expect(data).toEqual({ person: { name: 'Éloïse', town: null }, towns: null });
    expect(errors.map(({ path, extensions }: Loose) => [extensions.code, path.join('.')]).sort()).toEqual([
      ['SUBGRAPH_UNAVAILABLE', 'person.town'],
      ['SUBGRAPH_UNAVAILABLE', 'towns'],
    ]);
    await startSubgraph();
  });

  it.each([1, 2, 3])('answers all fetches of the first request that reaches it again (%i)', async () => {
    await askUntil(({ errors }) => errors === undefined);
    await killSubgraph();
    const broken = await ask({ query: QUERY });
    expect(broken.errors).toHaveLength(2);
    await startSubgraph();
    await new Promise((done) => setTimeout(done, LEFT_ALONE_MS));
    expect(await ask({ query: QUERY })).toEqual({ data: WHOLE });
  });

  it('answers all of many requests that reach it again at once', async () => {
    await askUntil(({ errors }) => errors === undefined);
    await killSubgraph();
    await ask({ query: QUERY });
    await startSubgraph();
    await new Promise((done) => setTimeout(done, LEFT_ALONE_MS));
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask({ query: QUERY })));
    expect(answers).toEqual(Array(20).fill({ data: WHOLE }));
  });
});

const hashOf = async (text: string): Promise<typeof PERSISTED> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return { ...PERSISTED, sha256Hash: Buffer.from(digest).toString('hex') };
};
