import { getIntrospectionQuery } from 'graphql';
import { startTestApp, type TestApp } from '#test/support/app.ts';
import type { Answer } from '#test/support/graph.ts';
import { TRANSPORT_NAMES, TRANSPORTS } from '#test/support/transports.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ development: false, sessionsEveryMs: 300 });
}, 60_000);
afterAll(() => app?.stop());

describe.each(TRANSPORT_NAMES)('introspection in production over %s', (transport) => {
  const ask = async (query: string, username: string | null) =>
    TRANSPORTS[transport](app.graph, { query }, username === null ? null : await app.tokenOf(username));

  it.each([
    ['the whole of it', getIntrospectionQuery()],
    ['one type', '{ __type(name: "Patient") { fields { name } } }'],
    ['some of it under another name', '{ cities { code } a: __schema { queryType { name } } }'],
    ['some of it in a fragment', '{ ...A } fragment A on Query { ... { __type(name: "Query") { name } } }'],
    ['some of it under a condition', 'query ($no: Boolean = false) { cities { code } __schema @include(if: $no) { queryType { name } } }'],
  ])('is refused to all but admins: %s', async (_what, query) => {
    for (const username of [null, 'MTLP0001', 'MTLD0001', 'MTLU0001']) {
      const { data, errors } = await ask(query, username);
      expect([username, data, errors.map(({ extensions }) => extensions['code'])]).toEqual([username, null, ['INTROSPECTION_DISABLED']]);
    }
  });
  it('is given to admins, and leaves every answer its __typename', async () => {
    const { data, errors } = await ask('{ __type(name: "Query") { fields { name } } }', 'QUEA0001');
    expect(errors).toEqual([]);
    const { fields } = (data as { __type: { fields: { name: string }[] } }).__type;
    expect(fields.map(({ name }) => name)).toContain('slots');
    expect(fields.map(({ name }) => name)).not.toContain('revokedSessions');
    expect((await ask('{ __typename cities { __typename } }', null)).errors).toEqual([]);
  });
});

it('shows no page of development', async () => {
  for (const path of ['/', '/explorer', '/graphql']) {
    const response = await fetch(`${app.graph.url}${path}`, { headers: { accept: 'text/html' } });
    expect([path, response.status >= 400, response.headers.get('content-type')]).toEqual([path, true, 'application/json; charset=utf-8']);
  }
});

it('ends what a session holds open once its account gets another role', async () => {
  const session = await app.graph.login('MTLP0030');
  const feeds = [app.graph.overWebSocket(session), app.graph.overSse(session)].map((client) =>
    client.subscribe('subscription { appointmentChanged { cursor } }'),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(feeds.flatMap(({ results }) => results)).toEqual([]);
  const changed = await app.graph.ask<{ setRole: unknown }>(
    'mutation { setRole(username: "MTLP0030", role: AUDITOR) { __typename } }',
    {},
    { token: await app.tokenOf('MTLA0001') },
  );
  expect(changed.data?.setRole).toEqual({ __typename: 'SetRoleSuccess' });
  const [socket, stream] = feeds;
  expect((await socket?.next(60_000))?.errors?.[0]?.extensions).toMatchObject(expect.objectContaining({ closeCode: 4403 }));
  expect((await stream?.next(60_000))?.errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  expect(await stream?.next()).toBeNull();
  await Promise.all(feeds.map((feed) => feed.close()));
  const after = await app.graph.ask('{ me { username } }', {}, { token: session });
  expect([after.status, after.errors[0]?.extensions['code']]).toEqual([401, 'UNAUTHENTICATED']);
}, 90_000);

describe('what goes wrong inside', () => {
  const PRIVATE =
    /127\.0\.0\.1|localhost|:\d{4,5}\b|\/\w+\/\w+|\.[jt]s\b|node_modules|canary|constraint|relation|column|schema|patients|scheduling|ECONN|postgres|\bselect\b|\binsert\b|\bat \w/i;
  /** Errors that tell a code, a sentence and the id of the request, and nothing of the inside. */
  const expectClosed = ({ errors, text, headers }: Answer, code: string): void => {
    expect(errors.map(({ extensions }) => extensions['code'])).toEqual([code]);
    expect(errors[0]?.extensions['requestId']).toBe(headers.get('x-request-id'));
    expect(
      Object.keys(errors[0]?.extensions ?? {}).filter((key) => !['code', 'requestId', 'city', 'retryAfterSeconds', 'field'].includes(key)),
    ).toEqual([]);
    expect(errors[0]?.message).not.toMatch(PRIVATE);
    expect(text).not.toMatch(/stack|serviceName|originalError|canary|exception/i);
  };
  const sql = async (city: string, text: string) => (await app.network.admin(city)).query(text);

  it('is not told of bytes that are no JSON', async () => {
    for (const body of ['{"query": canary', '\u0000', '']) expectClosed(await app.graph.post(body), 'BAD_USER_INPUT');
  });
  it('is not told of a constraint', async () => {
    await sql('SHE', 'alter table patients.patient add constraint canary_rule check (false) not valid');
    const input = {
      name: { family: 'Roy', given: ['Zoé'] },
      birthDate: '1984-02-29',
      identifiers: [{ system: 'urn:x:mr', value: 'canary-7' }],
    };
    const answer = await app.graph.ask(
      'mutation ($input: CreatePatientInput!) { createPatient(input: $input) { __typename } }',
      { input },
      { token: await app.tokenOf('SHEA0001') },
    );
    expect(answer.data).toEqual({ createPatient: null });
    expectClosed(answer, 'INTERNAL_SERVER_ERROR');
    await sql('SHE', 'alter table patients.patient drop constraint canary_rule');
  });
  it('is not told of a table that is gone', async () => {
    const { rows } = await sql('QUE', 'select id from patients.patient limit 1');
    await sql('QUE', 'alter table patients.patient rename to canary_gone');
    const answer = await app.graph.ask(
      'query ($id: ID!) { patient(id: $id) { id name { family } } }',
      { id: rows[0]?.id },
      { token: await app.tokenOf('QUEA0001') },
    );
    expect(answer.data).toEqual({ patient: null });
    expectClosed(answer, 'INTERNAL_SERVER_ERROR');
    await sql('QUE', 'alter table patients.canary_gone rename to patient');
  });
  it('is told of a database that is down by its city alone', async () => {
    const { rows } = await sql('QUE', 'select id, current_database() as name from patients.patient limit 1');
    await sql('QUE', `alter database ${rows[0]?.name} connection limit 0`);
    await sql(
      'QUE',
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    const answer = await app.graph.ask(
      'query ($id: ID!) { patient(id: $id) { id name { family } } }',
      { id: rows[0]?.id },
      { token: await app.tokenOf('QUEA0001') },
    );
    expect(answer.data).toEqual({ patient: null });
    expectClosed(answer, 'CITY_UNAVAILABLE');
    await sql('QUE', `alter database ${rows[0]?.name} connection limit -1`);
  });
});
