import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { startTestApp, type TestApp } from '#test/support/app.ts';
import { rawSocket, toAnswer } from '#test/support/graph.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 60_000);
afterAll(() => app?.stop());

const JSON_TYPE = { 'content-type': 'application/json' };
const send = async (init: RequestInit & { path?: string }) => toAnswer(await fetch(`${app.graph.url}${init.path ?? '/graphql'}`, init));
const expectRefusal = (answer: Awaited<ReturnType<typeof send>>, status: number): void => {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toContain('json');
  expect(answer.errors.length).toBeGreaterThan(0);
  expect(answer.errors[0]?.extensions).toMatchObject({ code: expect.any(String), requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  expect(answer.text.length).toBeLessThan(4096);
};

describe('bodies', () => {
  it.each(['/graphql', '/graphql/stream'])('refuses 5 MB at %s before parsing', async (path) => {
    expectRefusal(
      await send({ path, method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ query: `{ __typename } #${'x'.repeat(5_000_000)}` }) }),
      413,
    );
  });
  it.each(['gzip', 'br', 'deflate'])('refuses a compressed request (%s)', async (encoding) => {
    const body = gzipSync(Buffer.alloc(20_000_000, ' '));
    expectRefusal(await send({ method: 'POST', headers: { ...JSON_TYPE, 'content-encoding': encoding }, body }), 415);
  });
  it('refuses 2,000 headers', async () => {
    const headers = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`x-filler-${i}`, 'filler']));
    const { port } = new URL(app.graph.url);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(
        { port, host: '127.0.0.1', path: '/graphql', method: 'POST', headers: { ...headers, ...JSON_TYPE } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      request.on('error', reject);
      request.end('{"query":"{ __typename }"}');
    });
    expect(status).toBe(431);
  });
  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-7',
    'application/json\ta',
    'application/json garbage',
  ])('refuses content of type %j', async (type) => {
    const answer = await send({ method: 'POST', headers: { 'content-type': type }, body: '{"query":"{ __typename }"}' });
    expect([400, 415]).toContain(answer.status);
    expectRefusal(answer, answer.status);
  });
  it('refuses what is no JSON without repeating it', async () => {
    const answer = await send({ method: 'POST', headers: JSON_TYPE, body: '{"query": canary-4711' });
    expectRefusal(answer, 400);
    expect(answer.text).not.toContain('canary');
  });
});

describe('cross-site requests', () => {
  it('refuses a query by GET without a preflight header', async () => {
    expectRefusal(await send({ path: `/graphql?query=${encodeURIComponent('{ __typename }')}`, method: 'GET' }), 400);
  });
  it('answers a query by GET with one', async () => {
    const answer = await send({
      path: `/graphql?query=${encodeURIComponent('{ __typename }')}`,
      method: 'GET',
      headers: { 'apollo-require-preflight': '1', accept: 'application/graphql-response+json' },
    });
    expect([answer.status, answer.data]).toEqual([200, { __typename: 'Query' }]);
  });
  it('refuses a mutation by GET with 405', async () => {
    const answer = await send({
      path: `/graphql?query=${encodeURIComponent('mutation { logout { username } }')}`,
      method: 'GET',
      headers: { 'apollo-require-preflight': '1' },
    });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });
  it.each(['https://evil.example', 'null', 'https://console.example.evil.example', 'http://console.example'])(
    'gives origin %s nothing',
    async (origin) => {
      for (const method of ['POST', 'OPTIONS']) {
        const answer = await fetch(`${app.graph.url}/graphql`, {
          method,
          headers: { ...JSON_TYPE, origin, cookie: 'a=b', 'access-control-request-method': 'POST' },
          ...(method === 'POST' ? { body: '{"query":"{ __typename }"}' } : {}),
        });
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
        expect(answer.headers.get('access-control-allow-credentials')).not.toBe('true');
      }
    },
  );
  it('names a listed origin', async () => {
    const answer = await fetch(`${app.graph.url}/graphql`, {
      method: 'POST',
      headers: { ...JSON_TYPE, origin: 'https://console.example' },
      body: '{"query":"{ __typename }"}',
    });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://console.example');
  });
  it.each([
    ['https://evil.example', 403],
    ['https://console.example', 101],
    [undefined, 101],
  ])('answers the upgrade of a WebSocket from origin %s with %i', async (origin, expected) => {
    const { port } = new URL(app.graph.url);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest({
        port,
        host: '127.0.0.1',
        path: '/graphql',
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-key': Buffer.alloc(16, 1).toString('base64'),
          'sec-websocket-version': '13',
          'sec-websocket-protocol': 'graphql-transport-ws',
          cookie: 'session=stolen',
          ...(origin === undefined ? {} : { origin }),
        },
      });
      request.on('upgrade', (response, socket) => {
        socket.destroy();
        resolve(response.statusCode);
      });
      request.on('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
      request.end();
    });
    expect(status).toBe(expected);
  });
});

describe('introspection in development', () => {
  it('is open, and not for circles', async () => {
    expect((await app.graph.ask('{ __schema { queryType { name } } }')).data).toEqual({ __schema: { queryType: { name: 'Query' } } });
    const circle = `{ __schema { types { fields { type { fields { type { fields { type { fields { type { fields { name } } } } } } } } } } } }`;
    const answer = await app.graph.ask(circle);
    expect(answer.status).toBe(400);
    expect(answer.errors[0]?.extensions['code']).toBe('LIMIT_EXCEEDED');
  });
});

describe('request ids', () => {
  it.each(['\u001b[31mred', 'a b', '{"x":1}', 'f'.repeat(500)])('makes its own and does not repeat %j', async (id) => {
    const answer = await app.graph.ask('{ nothing }', {}, { headers: { 'x-request-id': id.replaceAll('\u001b', '') } });
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.errors[0]?.extensions['requestId']).toBe(answer.headers.get('x-request-id'));
    expect(answer.text).not.toContain(id);
  });
});

describe('frames by hand', () => {
  const until = async (socket: Awaited<ReturnType<typeof rawSocket>>, count: number): Promise<void> => {
    for (let i = 0; i < 300 && socket.messages.length < count; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const ack = async (token: string | null = null) => {
    const socket = await rawSocket(app.graph.url);
    socket.send({ type: 'connection_init', payload: token ? { authorization: `Bearer ${token}` } : {} });
    await until(socket, 1);
    expect(socket.messages[0]).toMatchObject({ type: 'connection_ack' });
    return socket;
  };
  const query = 'subscription { slotChanged(filter: {}) { cursor kind } }';

  it('closes 4408 when no connection_init comes', async () => {
    const { closed } = await rawSocket(app.graph.url);
    expect((await closed).code).toBe(4408);
  }, 20_000);
  it('closes 4429 on a second connection_init', async () => {
    const socket = await ack();
    socket.send({ type: 'connection_init' });
    expect((await socket.closed).code).toBe(4429);
  });
  it('closes 4401 on a subscribe before the acknowledgement', async () => {
    const socket = await rawSocket(app.graph.url);
    socket.send({ id: '1', type: 'subscribe', payload: { query } });
    expect((await socket.closed).code).toBe(4401);
  });
  it('closes 4409 when an id is used twice', async () => {
    const socket = await ack(await app.tokenOf('MTLP0001'));
    socket.send({ id: '1', type: 'subscribe', payload: { query } });
    socket.send({ id: '1', type: 'subscribe', payload: { query } });
    expect((await socket.closed).code).toBe(4409);
  });
  it('caps the operations of one socket', async () => {
    const socket = await ack(await app.tokenOf('MTLP0001'));
    for (let i = 0; i < 60; i++) socket.send({ id: `${i}`, type: 'subscribe', payload: { query } });
    await Promise.race([socket.closed, until(socket, 2)]);
    const refusals = (socket.messages as { type: string; payload?: { extensions?: { code?: string } }[] }[]).filter(
      ({ type }) => type === 'error',
    );
    if (socket.socket.readyState === socket.socket.OPEN) expect(refusals[0]?.payload?.[0]?.extensions?.code).toBe('LIMIT_EXCEEDED');
    else expect((await socket.closed).code).toBeGreaterThan(4000);
    socket.socket.terminate();
  });
  it('closes 4403 within a second of the end of the token', async () => {
    const socket = await ack(await app.tokenOf('MTLP0001', 3));
    socket.send({ id: '1', type: 'subscribe', payload: { query } });
    const from = Date.now();
    expect((await socket.closed).code).toBe(4403);
    expect(Date.now() - from).toBeLessThan(4_200);
    expect(Date.now() - from).toBeGreaterThan(1_000);
  });
  it('refuses a bad token and a frame of 65 KB', async () => {
    const bad = await rawSocket(app.graph.url);
    bad.send({ type: 'connection_init', payload: { authorization: 'Bearer not.a.token' } });
    expect([4401, 4403]).toContain((await bad.closed).code);
    const large = await ack();
    large.send('x'.repeat(66_000));
    expect((await large.closed).code).toBe(1009);
  });
});
