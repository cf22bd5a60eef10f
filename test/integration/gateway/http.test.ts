import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { getIntrospectionQuery } from 'graphql';
import { auditServer } from 'graphql-http';
import { makeAsserter } from '#platform/access/assertion.ts';
import type { Loose } from '#test/support/loose.ts';
import { aViewer, type Running, startWorld } from './graph.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ERROR = (code: string) => ({
  errors: [{ message: expect.any(String), extensions: { code, requestId: expect.stringMatching(UUID) } }],
});

describe.each(['in-process', 'http'] as const)('the gateway over %s subgraphs', (kind) => {
  let world: Running;
  beforeAll(async () => {
    world = await startWorld(kind);
  });
  afterAll(() => world.stop());

  it('answers from both subgraphs with one context each', async () => {
    const before = { ...world.contexts };
    const { status, json } = await world.ask(
      { query: '{ me person(id: "1") { name town } people { id town friends(first: 3) { name town } } }' },
      { authorization: `Bearer ${await world.token()}` },
    );
    expect(status).toBe(200);
    expect(json).toEqual({
      data: {
        me: 'MTL-acc-1',
        person: { name: 'Éloïse', town: 'Montréal' },
        people: [
          { id: '1', town: 'Montréal', friends: [{ name: "O'Brien", town: 'Québec' }] },
          { id: '2', town: 'Québec', friends: [{ name: "O'Brien", town: 'Québec' }] },
        ],
      },
    });
    expect([world.contexts.people - before.people, world.contexts.places - before.places]).toEqual([1, 1]);
  });

  it('gives the same answers by the short way and through Apollo Server', async () => {
    const queries: [string, Record<string, unknown>?][] = [
      ['{ __typename me person(id: "1") { __typename id n: name town } none: person(id: "9") { name } }'],
      [
        'query($yes: Boolean! = true, $no: Boolean!) { a: me @include(if: $yes) b: me @include(if: $no) people { id town @skip(if: $yes) name @include(if: $no) visits @skip(if: true) } }',
        { no: false },
      ],
      [
        'query($n: Int = 3) { people(first: $n) { ...A ... on Person { friends { ...B } } } } fragment A on Person { id name } fragment B on Person { name town id }',
      ],
      ['{ fails refused missing towns people { id name } }'],
      ['query($n: Int) { whole(n: $n) }', { n: 5 }],
      ['query($w: DateTime!) { at(when: $w) }', { w: '2027-02-10T13:00:00-05:00' }],
    ];
    const plain = (text: string) => JSON.parse(text.replaceAll(/"requestId":"[^"]+"/g, '"requestId":"-"'));
    for (const [query, variables] of queries) {
      const short = await world.ask({ query, variables });
      const search = new URLSearchParams({ query, ...(variables ? { variables: JSON.stringify(variables) } : {}) });
      const long = await fetch(`${world.gateway.url}/graphql?${search}`, { headers: { 'apollo-require-preflight': 'yes' } });
      expect({ query, status: short.status, ...plain(short.text) }).toEqual({ query, status: long.status, ...plain(await long.text()) });
    }
  });

  it('passes on the largest body that it takes, and no body makes a subgraph count as down', async () => {
    const full = { tags: Array(100).fill('x'.repeat(10_000)) };
    const asked = (last: number) =>
      JSON.stringify({
        query:
          'query($a:PersonFilter,$b:PersonFilter,$c:PersonFilter){a:people(filter:$a){town}b:people(filter:$b){town}c:people(filter:$c){town}}',
        variables: { a: full, b: full, c: { tags: [...Array(9).fill('x'.repeat(10_000)), 'x'.repeat(last)] } },
      });
    const limit = 2 * 1024 * 1024;
    for (let i = 0; i < 6; i++) {
      const { status, json } = await world.ask(asked(limit - asked(0).length));
      expect([status, json.errors, json.data?.c]).toEqual([200, undefined, [{ town: 'Montréal' }, { town: 'Québec' }]]);
    }
    expect((await world.ask({ query: '{ people { id } }' })).json.errors).toBeUndefined();
  });

  it('resolves what follows a mutation afresh', async () => {
    const { json } = await world.ask({ query: 'mutation { rename(id: "2", name: "O\'Brien") { id name town } touch }' });
    expect(json).toEqual({ data: { rename: { id: '2', name: "O'Brien", town: 'Québec' }, touch: expect.any(Number) } });
  });

  it('shows refusals by their code and surprises by nothing', async () => {
    const { status, json, text } = await world.ask({ query: '{ fails refused missing towns }' });
    expect(status).toBe(200);
    expect(json.data).toEqual({ fails: null, refused: null, missing: null, towns: ['Montréal', 'Québec'] });
    const byPath = Object.fromEntries(json.errors.map((error: Loose) => [error.path[0], error.extensions]));
    expect(byPath).toEqual({
      fails: { code: 'INTERNAL_SERVER_ERROR', requestId: expect.stringMatching(UUID) },
      refused: { code: 'FORBIDDEN', requestId: expect.stringMatching(UUID) },
      missing: { code: 'NOT_FOUND', requestId: expect.stringMatching(UUID) },
    });
    expect(text).not.toMatch(/constraint|db-host|5432|serviceName|stack|loïse/);
    const surprises = world.lines.filter(({ level, fields }) => level === 'error' && fields['requestId'] === byPath['fails'].requestId);
    expect(surprises).toHaveLength(1);
    expect(JSON.stringify(world.lines)).not.toContain('duplicate key');
  });

  it('gives up on a slow subgraph and shows the rest', async () => {
    const began = Date.now();
    const { status, json } = await world.ask({ query: '{ slow(ms: 6000) towns }' });
    expect(status).toBe(200);
    expect(json.data).toEqual({ slow: null, towns: ['Montréal', 'Québec'] });
    expect(json.errors[0].extensions.code).toBe('SUBGRAPH_UNAVAILABLE');
    expect(Date.now() - began).toBeLessThan(4_000);
  });

  it('tells subgraphs what it knows itself, and nothing that clients claim', async () => {
    const headers = {
      authorization: `Bearer ${await world.token()}`,
      'x-user-id': 'MTL-acc-9',
      'x-role': 'A',
      'x-forwarded-for': '10.9.9.9',
      'x-request-id': 'mine',
      'x-caregraph-assertion': 'mine',
      'x-caregraph-address': '10.9.9.9',
      'accept-language': 'de, fr-CA;q=0.8, en;q=0.5',
    };
    const { json, headers: answered } = await world.ask({ query: '{ me }' }, headers);
    expect(json).toEqual({ data: { me: 'MTL-acc-1' } });
    const caller = world.callers.at(-1);
    expect(caller).toMatchObject({ viewer: { accountId: 'MTL-acc-1', role: 'P' }, language: 'fr' });
    expect(caller?.address).not.toContain('10.9.9.9');
    expect(answered.get('x-request-id')).toMatch(UUID);
    expect(caller?.requestId).toBe(answered.get('x-request-id'));
  });

  it('writes one line for each request, without what was asked', async () => {
    const before = world.lines.length;
    const query = 'query Named($id: ID!) { person(id: $id) { name } at(when: "2031-07-09T00:00:00Z") }';
    await world.ask({ query, operationName: 'Named', variables: { id: 'canary-7c1' } }, { 'user-agent': 'agent\u0009canary-7c2' });
    await new Promise((done) => setTimeout(done, 50));
    const lines = world.lines.slice(before);
    expect(lines).toEqual([
      {
        level: 'info',
        message: 'request',
        fields: {
          requestId: expect.stringMatching(UUID),
          kind: 'query',
          operation: 'Named',
          status: 200,
          code: 'OK',
          ms: expect.any(Number),
        },
      },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/canary|2031|127\.0\.0\.1/);
  });
});

describe('a subgraph that is down', () => {
  it('costs its own part alone, at once, and comes back by itself', async () => {
    const world = await startWorld('http');
    await world.servers['places']?.stop();
    const query = '{ person(id: "1") { name town } towns }';
    await world.ask({ query });
    const began = performance.now();
    const { json, text } = await world.ask({ query });
    expect(performance.now() - began).toBeLessThan(50);
    expect(json.data).toEqual({ person: { name: 'Éloïse', town: null }, towns: null });
    expect(new Set(json.errors.map((error: Loose) => error.extensions.code))).toEqual(new Set(['SUBGRAPH_UNAVAILABLE']));
    expect(text).not.toMatch(/127\.0\.0\.1|localhost|ECONN|places/);
    const ready = await fetch(`${world.gateway.url}/health/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ status: 'not ready', subgraphs: { patients: 'up', places: 'down' } });
    await world.gateway.stop();
    await world.servers['patients']?.stop();
  });
});

describe('the edge', () => {
  let world: Running;
  let url: string;
  beforeAll(async () => {
    world = await startWorld('in-process', { development: false });
    url = `${world.gateway.url}/graphql`;
  });
  afterAll(() => world.stop());

  it.each<[string, unknown, string, number]>([
    ['a token that is none', undefined, 'Bearer abc', 401],
    ['a token without Bearer', undefined, 'abc', 401],
    ['basic credentials', undefined, 'Basic YTpi', 401],
  ])('answers %s with one 401', async (_title, _body, authorization, status) => {
    const answer = await world.ask({ query: '{ me }' }, { authorization });
    expect(answer.status).toBe(status);
    expect(answer.json).toEqual({
      errors: [
        {
          message: 'The token does not hold. Log in again.',
          extensions: { code: 'UNAUTHENTICATED', requestId: expect.stringMatching(UUID) },
        },
      ],
    });
  });

  it.each<[string, string | undefined, string, number, string]>([
    ['a form of plain text', 'text/plain', '{"query":"{me}"}', 400, 'BAD_USER_INPUT'],
    ['a form of fields', 'application/x-www-form-urlencoded', 'query={me}', 400, 'BAD_USER_INPUT'],
    ['a form of parts', 'multipart/form-data; boundary=x', '--x--', 400, 'BAD_USER_INPUT'],
    ['UTF-7', 'application/json; charset=utf-7', '{"query":"{me}"}', 415, 'BAD_USER_INPUT'],
    ['a type with a tab', 'application/json\ta', '{"query":"{me}"}', 415, 'BAD_USER_INPUT'],
    ['a type with more behind it', 'application/json garbage', '{"query":"{me}"}', 415, 'BAD_USER_INPUT'],
    ['XML', 'application/xml', '<a/>', 415, 'BAD_USER_INPUT'],
    ['several operations', 'application/json', JSON.stringify(Array(50).fill({ query: '{me}' })), 400, 'BAD_USER_INPUT'],
    ['broken JSON', 'application/json', '{"query":', 400, 'BAD_USER_INPUT'],
    ['nothing', 'application/json', '', 400, 'BAD_USER_INPUT'],
    ['a number', 'application/json', '5', 400, 'BAD_USER_INPUT'],
    ['a query that is a number', 'application/json', '{"query":5}', 400, 'BAD_USER_INPUT'],
    ['variables that are a list', 'application/json', '{"query":"{me}","variables":[]}', 400, 'BAD_USER_INPUT'],
    ['a key __proto__', 'application/json', '{"query":"{me}","variables":{"__proto__":{"polluted":1}}}', 400, 'BAD_USER_INPUT'],
    ['3 MB', 'application/json', JSON.stringify({ query: '{me}', x: 'a'.repeat(3_000_000) }), 413, 'LIMIT_EXCEEDED'],
    [
      'an operation name of control characters',
      'application/json',
      JSON.stringify({ query: 'query A { me }', operationName: 'A\r\n{"level":"error"}' }),
      400,
      'BAD_USER_INPUT',
    ],
    ['introspection by a stranger', 'application/json', JSON.stringify({ query: getIntrospectionQuery() }), 400, 'INTROSPECTION_DISABLED'],
    ['a subscription without a stream', 'application/json', '{"query":"subscription { moved { count } }"}', 400, 'BAD_USER_INPUT'],
  ])('refuses %s', async (_title, type, body, status, code) => {
    const before = { ...world.contexts };
    const { text, ...answer } = await new Promise<{ status: number; type: string | undefined; text: string }>((done, fail) => {
      const request = httpRequest(url, { method: 'POST', headers: type === undefined ? {} : { 'content-type': type } }, (response) => {
        let read = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          read += chunk;
        });
        response.on('end', () => done({ status: response.statusCode ?? 0, type: response.headers['content-type'], text: read }));
      });
      request.on('error', fail);
      request.end(body);
    });
    expect(answer).toEqual({ status, type: expect.stringMatching(/^application\/json/) });
    expect(JSON.parse(text)).toEqual(ERROR(code));
    expect(text.length).toBeLessThan(4_000);
    expect(world.contexts).toEqual(before);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('refuses compressed bodies unread', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, 32));
    for (const [encoding, body] of [
      ['gzip', bomb],
      ['br', bomb.subarray(0, 100)],
    ] as const) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-encoding': encoding },
        body: new Uint8Array(body),
      });
      expect(response.status).toBe(415);
      expect(await response.json()).toEqual(ERROR('BAD_USER_INPUT'));
    }
  });

  it('refuses 2,000 headers with 431 and what is no HTTP with 400', async () => {
    const raw = (text: string) =>
      new Promise<string>((done) => {
        const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
        let read = '';
        socket.on('data', (chunk) => {
          read += chunk;
        });
        socket.on('close', () => done(read));
        socket.on('error', () => done(read));
      });
    const many = await raw(
      `POST /graphql HTTP/1.1\r\nhost: a\r\n${Array.from({ length: 2_000 }, (_, i) => `x-h${i}: aaaaaaaaaaaaaaaa\r\n`).join('')}\r\n`,
    );
    expect(many).toMatch(/^HTTP\/1\.1 431 /);
    expect(JSON.parse(many.split('\r\n\r\n')[1] ?? '')).toEqual(ERROR('LIMIT_EXCEEDED'));
    const broken = await raw('no http at all\r\n\r\n');
    expect(broken).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(broken.split('\r\n\r\n')[1] ?? '')).toEqual(ERROR('BAD_USER_INPUT'));
  });

  it('asks for a header that no form can send at a GET, and refuses mutations there', async () => {
    const get = (query: string, headers: Record<string, string> = {}) => fetch(`${url}?query=${encodeURIComponent(query)}`, { headers });
    const forged = await get('{me}');
    expect(forged.status).toBe(400);
    expect(await forged.json()).toEqual(ERROR('BAD_USER_INPUT'));
    const asked = await get('{ towns }', { 'apollo-require-preflight': 'yes' });
    expect([asked.status, await asked.json()]).toEqual([200, { data: { towns: ['Montréal', 'Québec'] } }]);
    const mutation = await get('mutation { touch }', { 'apollo-require-preflight': 'yes' });
    expect([mutation.status, mutation.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await mutation.json()).toEqual(ERROR('BAD_USER_INPUT'));
  });

  it.each([
    ['https://evil.example', null],
    ['null', null],
    ['https://app.example.org.evil.example', null],
    ['https://app.example.org', 'https://app.example.org'],
  ])('tells a page of %s that it may be read by %s', async (origin, allowed) => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json', cookie: 'a=b' },
      body: '{"query":"{ towns }"}',
    });
    expect(answer.headers.get('access-control-allow-origin')).toBe(allowed);
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBe(allowed);
  });

  it('keeps persisted queries under their hash alone', async () => {
    const sha256Hash = 'ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38'; // of {__typename}
    const extensions = { persistedQuery: { version: 1, sha256Hash } };
    expect((await world.ask({ extensions })).json).toEqual({
      errors: [
        { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND', requestId: expect.stringMatching(UUID) } },
      ],
    });
    const wrong = await world.ask({ query: '{me}', extensions });
    expect([wrong.status, wrong.json]).toEqual([400, ERROR('BAD_USER_INPUT')]);
    expect((await world.ask({ query: '{__typename}', extensions })).json).toEqual({ data: { __typename: 'Query' } });
    expect((await world.ask({ extensions })).json).toEqual({ data: { __typename: 'Query' } });
    const odd = await world.ask({ query: '{me}', extensions: { persistedQuery: { version: 1, sha256Hash: '__proto__' } } });
    expect([odd.status, odd.json]).toEqual([400, ERROR('BAD_USER_INPUT')]);
  });

  it('lets administrators introspect', async () => {
    const authorization = `Bearer ${await world.token({ role: 'A' })}`;
    const { status, json } = await world.ask({ query: getIntrospectionQuery() }, { authorization });
    expect(status).toBe(200);
    const query = json.data.__schema.types.find((type: Loose) => type.name === 'Query');
    expect(query.fields.map((field: Loose) => field.name)).not.toContain('revokedSessions');
  });

  it('rejects documents with 400, with 200 where the client reads plain JSON alone', async () => {
    expect((await world.ask({ query: '{ nope }' })).status).toBe(400);
    expect((await world.ask({ query: '{ nope }' }, { accept: 'application/json' })).status).toBe(200);
    expect((await world.ask({ query: '{ nope }' }, { accept: 'application/graphql-response+json' })).status).toBe(400);
  });

  it('answers other addresses in JSON, and shows nothing of development', async () => {
    for (const path of ['/nope', '/explorer', '/', '/graphql/../etc/passwd']) {
      const response = await fetch(`${world.gateway.url}${path}`, { headers: { accept: 'text/html' } });
      expect([path, response.status, await response.json()]).toEqual([path, 404, ERROR('NOT_FOUND')]);
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('tells its health, its figures and the keys of tokens', async () => {
    const live = await fetch(`${world.gateway.url}/health/live`);
    expect([live.status, await live.json()]).toEqual([200, { status: 'live' }]);
    const ready = await fetch(`${world.gateway.url}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: 'ready', subgraphs: { patients: 'up', places: 'up' }, cities: { MTL: 'up', QUE: 'down' } },
    ]);
    const figures = await (await fetch(`${world.gateway.url}/metrics`)).text();
    expect(figures).toMatch(/caregraph_operation_duration_seconds_count\{kind="query",code="OK"\} [1-9]/);
    expect(figures).toContain('nodejs_eventloop_lag_seconds');
    const { keys } = (await (await fetch(`${world.gateway.url}/.well-known/jwks.json`)).json()) as { keys: Record<string, string>[] };
    expect(keys).toMatchObject([{ kid: 't1', alg: 'EdDSA', crv: 'Ed25519' }]);
    expect(JSON.stringify(keys)).not.toContain('"d"');
  });
});

describe('a subgraph by itself', () => {
  let world: Running;
  let url: string;
  beforeAll(async () => {
    world = await startWorld('http');
    url = world.servers['patients']?.url ?? '';
  });
  afterAll(() => world.stop());
  const ask = (body: unknown, headers: Record<string, string> = {}, path = '/graphql') =>
    fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });

  it('refuses whoever is not the gateway', async () => {
    const assert = await makeAsserter(world.assertionKey);
    const viewer = { ...aViewer(), expiresAt: Math.floor(Date.now() / 1_000) + 60 };
    const bad: Record<string, string>[] = [
      {},
      { 'x-caregraph-assertion': 'a.b.c' },
      { 'x-caregraph-assertion': await assert('places', viewer) },
      { authorization: `Bearer ${await world.token()}` },
      { 'x-caregraph-assertion': await world.token() },
    ];
    const before = { ...world.contexts };
    for (const headers of bad)
      for (const query of [
        '{ _service { sdl } }',
        '{ _entities(representations: [{ __typename: "Person", id: "1" }]) { __typename } }',
        'mutation { touch }',
        '{ me }',
        '{ revokedSessions }',
      ])
        for (const path of ['/graphql', '/graphql/stream']) {
          const response = await ask({ query }, headers, path);
          expect([response.status, await response.json()]).toEqual([401, ERROR('UNAUTHENTICATED')]);
        }
    expect(world.contexts).toEqual(before);
    expect((await ask({ query: '{ me }' }, { 'x-caregraph-assertion': await assert('patients', viewer) })).status).toBe(200);
  });

  it('takes 500 representations', async () => {
    const assertion = { 'x-caregraph-assertion': await (await makeAsserter(world.assertionKey))('patients', null) };
    const query = 'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Person { name } } }';
    const of = (count: number) => ({ query, variables: { representations: Array(count).fill({ __typename: 'Person', id: '1' }) } });
    expect(((await (await ask(of(500), assertion)).json()) as Loose).data._entities).toHaveLength(500);
    expect(((await (await ask(of(501), assertion)).json()) as Loose).errors[0].extensions.code).toBe('LIMIT_EXCEEDED');
    expect(((await (await ask(of(20_000), assertion)).json()) as Loose).data).toBeUndefined();
  });

  it('tells its health to everyone', async () => {
    expect(await (await fetch(`${url}/health/ready`)).json()).toEqual({
      status: 'ready',
      subgraph: 'patients',
      cities: { MTL: true, QUE: false },
    });
  });
});

describe('GraphQL over HTTP', () => {
  it('is followed without an error', async () => {
    const world = await startWorld('in-process');
    const results = await auditServer({ url: `${world.gateway.url}/graphql` });
    const failed = results
      .filter((result) => result.status === 'error')
      .map((result) => `${result.name}: ${'reason' in result ? result.reason : ''}`);
    await world.stop();
    expect(failed).toEqual([]);
    expect(results.length).toBeGreaterThan(40);
  });
});
