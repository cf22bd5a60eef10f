import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import type pg from 'pg';
import { DEMO_PASSWORD, type GraphClient, graphClient } from '#test/support/graph.ts';
import { connectAs, freePort, type Started, startNetwork } from '#test/support/started.ts';

const whyNot = (() => {
  try {
    execFileSync('sqlmap', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'sqlmap is not installed (Debian: apt-get install sqlmap)';
  }
})();
if (whyNot !== null) process.stderr.write(`SKIPPED, no search for SQL injection: ${whyNot}\n`);
const withSqlmap = whyNot === null ? describe : describe.skip;

/** What sqlmap found, and what it met: answers by status, and codes of errors. */
type Finding = { readonly verdict: 'injectable' | 'not injectable'; readonly statuses: readonly number[]; readonly codes: Set<string> };

let folder: string;
/** Where a payload goes in the JSON that sqlmap sends. */
const MARK = '*';

/** Runs sqlmap against one place in a JSON body, marked with `*`. Throws when it comes to no verdict. */
const search = async (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Finding> => {
  const data = JSON.stringify(body);
  if (data.split(MARK).length !== 2) throw new Error('one place has to be marked');
  const out = mkdtempSync(path.join(folder, 'run-'));
  const traffic = path.join(out, 'traffic');
  const given = Object.entries({ 'content-type': 'application/json', ...headers }).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const bounds = '--batch --level 2 --risk 2 --threads 1 --timeout 5 --retries 0 --technique BEUST --dbms postgresql --flush-session';
  const { promise, resolve } = Promise.withResolvers<string>();
  const child = execFile(
    'sqlmap',
    ['-u', url, '--method', 'POST', '--data', data, ...given, ...bounds.split(' '), '--ignore-code', '400,401,403,404,429,500,503'].concat(
      '--output-dir',
      out,
      '-t',
      traffic,
      '--disable-coloring',
    ),
    // It keeps a history in the home folder.
    { env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, TERM: 'dumb' }, timeout: 90_000, maxBuffer: 64 * 2 ** 20 },
    (_error, stdout, stderr) => resolve(stdout + stderr),
  );
  child.stdin?.end();
  const said = await promise;
  const found = /sqlmap identified the following injection point/.test(said);
  if (found === /all tested parameters do not appear to be injectable/.test(said)) throw new Error(`sqlmap came to no verdict:\n${said}`);
  const met = readFileSync(traffic, 'utf8');
  return {
    verdict: found ? 'injectable' : 'not injectable',
    statuses: [...met.matchAll(/^HTTP response \[#\d+\] \((\d{3})\b/gm)].map(([, status]) => Number(status)),
    codes: new Set([...met.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code ?? '')),
  };
};

/** A server of our own on 127.0.0.1 that answers a JSON body with JSON. */
const serve = async (answer: (body: { variables: Record<string, string> }) => Promise<unknown>) => {
  const server = http.createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const answered = await answer(JSON.parse(text)).catch((error: Error) => ({
      errors: [{ message: error.message, extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
    }));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answered));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
};

withSqlmap('sqlmap on the variables of the graph', () => {
  let started: Started;
  let graph: GraphClient;
  let anybody: pg.Client;
  const tokens = new Map<string, string>();
  const known = { slot: '', code: '', practitioner: '', cursor: '', account: '' };

  const filter = {
    cities: ['QUE'],
    appointmentType: 'PHYSICIAN',
    onlyAvailable: true,
    from: new Date(Date.now() + 3 * 86_400_000).toISOString(),
  };

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'caregraph-sqlmap-'));
    const dataDir = path.join(folder, 'data');
    mkdirSync(dataDir);
    started = await startNetwork({ dataDir, port: await freePort(), withinMs: 120_000 });
    graph = graphClient(started.url);
    for (const username of ['QUEP0001', 'QUED0001', 'QUEU0001']) tokens.set(username, await graph.login(username));
    const token = tokens.get('QUEP0001') ?? null;
    type Page = { nodes: { id: string; code: string; practitioner: { id: string } | null }[]; pageInfo: { endCursor: string } };
    const slots = await graph.ask<{ slots: Page }>(
      'query ($f: SlotFilter!) { slots(filter: $f, first: 3) { nodes { id code practitioner { id } } pageInfo { endCursor } } }',
      { f: filter },
      { token },
    );
    const slot = slots.data?.slots.nodes.find(({ practitioner }) => practitioner);
    if (!slot) throw new Error(`no slot to ask for: ${slots.text}`);
    const { practitioner, ...rest } = slot;
    Object.assign(known, { slot: rest.id, code: rest.code, practitioner: practitioner?.id });
    Object.assign(known, { cursor: slots.data?.slots.pageInfo.endCursor, account: decodeJwt(token ?? '').sub });
    anybody = await connectAs(dataDir, 'QUE', 'audit');
  }, 180_000);
  afterAll(async () => {
    await anybody?.end();
    await started?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const PATIENTS = 'query ($f: PatientFilter) { patients(filter: $f, first: 3) { nodes { id } } }';
  const SLOTS =
    'query ($f: SlotFilter!, $after: String) { slots(filter: $f, after: $after, first: 3) { nodes { id } pageInfo { endCursor } } }';
  const EVENTS = 'query ($f: AuditEventFilter) { auditEvents(filter: $f, first: 3) { nodes { id } } }';
  /** Who asks, what, and with which variables; the marked one is attacked. */
  const places: [string, string | null, string, () => Record<string, unknown>][] = [
    ['patients(filter.name)', 'QUED0001', PATIENTS, () => ({ f: { name: 'an*' } })],
    ['patients(filter.identifier)', 'QUED0001', PATIENTS, () => ({ f: { identifier: 'AB12*' } })],
    [
      'practitioners(filter.name)',
      'QUEP0001',
      'query ($f: PractitionerFilter) { practitioners(filter: $f, first: 3) { nodes { id } } }',
      () => ({ f: { name: 'a*' } }),
    ],
    ['slots(filter.cities)', 'QUEP0001', SLOTS, () => ({ f: { cities: ['QUE*'] } })],
    ['slots(filter.appointmentType)', 'QUEP0001', SLOTS, () => ({ f: { appointmentType: 'PHYSICIAN*' } })],
    ['slots(filter.practitionerId)', 'QUEP0001', SLOTS, () => ({ f: { practitionerId: `${known.practitioner}*` } })],
    ['slots(after)', 'QUEP0001', SLOTS, () => ({ f: filter, after: `${known.cursor}*` })],
    ['slotsByCode(code)', 'QUEP0001', 'query ($v: String!) { slotsByCode(code: $v) { id } }', () => ({ v: `${known.code}*` })],
    ['node(id)', 'QUEP0001', 'query ($v: ID!) { node(id: $v) { id } }', () => ({ v: `${known.slot}*` })],
    ['auditEvents(filter.act)', 'QUEU0001', EVENTS, () => ({ f: { act: 'login*' } })],
    ['auditEvents(filter.actorId)', 'QUEU0001', EVENTS, () => ({ f: { actorId: `${known.account}*` } })],
    [
      'login(username)',
      null,
      'mutation ($v: String!, $password: String!) { login(username: $v, password: $password) { __typename } }',
      () => ({ v: 'QUEP0002*', password: DEMO_PASSWORD }),
    ],
  ];

  it.each(places)(
    'finds nothing in %s',
    async (_place, username, query, variablesOf) => {
      const token = username === null ? null : (tokens.get(username) ?? null);
      const variables = variablesOf();
      const unmarked = JSON.parse(JSON.stringify(variables).replace(MARK, ''));
      // The place is reached: what is attacked gives data when nothing is amiss.
      const sound = await graph.ask(query, unmarked, { token });
      expect(sound.errors).toEqual([]);
      const finding = await search(graph.endpoint, { query, variables }, token === null ? {} : { authorization: `Bearer ${token}` });
      expect(finding.verdict).toBe('not injectable');
      expect(finding.statuses.length).toBeGreaterThan(50);
      // Payloads met the graph and nothing before it, and no statement failed on one.
      expect(finding.statuses.filter((status) => status !== 200)).toEqual([]);
      expect([...finding.codes].filter((code) => code !== 'BAD_USER_INPUT' && code !== 'NOT_FOUND')).toEqual([]);
    },
    100_000,
  );

  it('finds nothing in cancelAppointment(reason)', async () => {
    const token = tokens.get('QUEP0001') ?? null;
    let [tries, cancelled] = [0, 0];
    // A reason is written once: each try takes a booking of its own.
    const relay = await serve(async ({ variables: { v } }) => {
      const booked = await graph.ask<{ bookAppointment: { appointment?: { id: string } } }>(
        `mutation ($slotId: ID!, $key: String!) { bookAppointment(input: { slotId: $slotId, idempotencyKey: $key }) {
          __typename ... on BookAppointmentSuccess { appointment { id } } } }`,
        { slotId: known.slot, key: `try-${tries++}` },
        { token },
      );
      const id = booked.data?.bookAppointment.appointment?.id;
      if (!id) throw new Error(`nothing was booked: ${booked.text}`);
      const query = (reason: string) => `mutation ($id: ID!${reason && ', $v: String'}) {
        cancelAppointment(appointmentId: $id${reason && ', reason: $v'}) { __typename } }`;
      const { data, errors } = await graph.ask<{ cancelAppointment: { __typename: string } | null }>(query('v'), { id, v }, { token });
      if (data?.cancelAppointment?.__typename === 'CancelAppointmentSuccess') cancelled++;
      // What was refused for its reason must not be in the way of the next try.
      else await graph.ask(query(''), { id }, { token });
      return { data, errors: errors.map(({ message, extensions: { code } }) => ({ message, extensions: { code } })) };
    });
    try {
      const finding = await search(relay.url, { query: 'mutation ($v: String) { cancel(reason: $v) }', variables: { v: 'ill*' } });
      expect(finding.verdict).toBe('not injectable');
      expect([...finding.codes].filter((code) => code !== 'BAD_USER_INPUT')).toEqual([]);
      expect(cancelled).toBeGreaterThan(50);
    } finally {
      relay.close();
    }
  }, 100_000);

  it('finds a statement that is put together from the input', async () => {
    const careless = await serve(async ({ variables: { v } }) => {
      const { rows } = await anybody.query(`select nspname as id from pg_namespace where nspname = '${v}'`);
      return { data: { nodes: rows } };
    });
    try {
      const finding = await search(careless.url, { query: 'query ($v: String!) { nodes(name: $v) { id } }', variables: { v: 'public*' } });
      expect(finding.verdict).toBe('injectable');
      expect(finding.codes).toContain('INTERNAL_SERVER_ERROR');
    } finally {
      careless.close();
    }
  }, 100_000);
});
