import { request as httpRequest } from 'node:http';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Loose } from '#test/support/loose.ts';
import { type Running, startWorld } from './graph.ts';

const MOVED = 'subscription { moved { count person { id town name visits } } }';

type Message = { readonly id?: string; readonly type: string; readonly payload?: Loose };

/** A client that speaks the protocol by hand. */
const dial = async (url: string, headers: Readonly<Record<string, string>> = {}) => {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { headers });
  const messages: Message[] = [];
  let wake = (): void => {};
  socket.on('message', (data) => {
    messages.push(JSON.parse(String(data)));
    wake();
  });
  const closed = new Promise<number>((done) => socket.once('close', (code) => done(code)));
  await new Promise((done, fail) => {
    socket.once('open', done);
    socket.once('error', fail);
    socket.once('unexpected-response', (_request, response) => fail(new Error(`HTTP ${response.statusCode}`)));
  });
  return {
    socket,
    closed,
    send: (message: unknown) => socket.send(JSON.stringify(message)),
    next: async (): Promise<Message> => {
      while (messages.length === 0) {
        await new Promise<void>((done) => {
          wake = done;
        });
      }
      return messages.shift() as Message;
    },
  };
};
const until = async (holds: () => boolean, ms = 5_000): Promise<void> => {
  const end = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > end) throw new Error('it did not come to pass');
    await new Promise((done) => setTimeout(done, 10));
  }
};

describe.each(['in-process', 'http'] as const)('subscriptions over %s subgraphs', (kind) => {
  let world: Running;
  let url: string;
  beforeAll(async () => {
    world = await startWorld(kind, { sessionsEveryMs: 100 });
    url = `${world.gateway.url}/graphql`;
  });
  afterAll(() => world.stop());
  afterEach(() => until(() => world.openFeeds() === 0));

  const ready = async (token?: string) => {
    const client = await dial(url);
    client.send({ type: 'connection_init', ...(token ? { payload: { authorization: `Bearer ${token}` } } : {}) });
    expect((await client.next()).type).toBe('connection_ack');
    return client;
  };

  it('answers each event with fields of both subgraphs, resolved afresh', async () => {
    const client = await ready(await world.token());
    client.send({ id: 'a', type: 'subscribe', payload: { query: MOVED } });
    await until(() => world.openFeeds() === 1);
    world.move('1');
    const first = await client.next();
    expect(first).toMatchObject({
      id: 'a',
      type: 'next',
      payload: { data: { moved: { person: { id: '1', town: 'Montréal', name: 'Éloïse' } } } },
    });
    world.move('2');
    const second = await client.next();
    expect(second.payload.data.moved.person.name).toBe("O'Brien");
    expect(second.payload.data.moved.count).toBe(first.payload.data.moved.count + 1);
    expect(second.payload.data.moved.person.visits).not.toBe(first.payload.data.moved.person.visits);
    client.send({ id: 'a', type: 'complete' });
    await until(() => world.openFeeds() === 0);
    client.socket.close();
  });

  it('speaks with the client libraries of graphql-ws and graphql-sse', async () => {
    const token = await world.token();
    const ws = createClient({
      url: url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
    });
    const sse = createSseClient({ url: `${world.gateway.url}/graphql/stream`, headers: { authorization: `Bearer ${token}` } });
    const [overWs, overSse] = [ws.iterate({ query: MOVED }), sse.iterate({ query: MOVED })];
    const both = Promise.all([overWs.next(), overSse.next()]);
    await until(() => world.openFeeds() === 2);
    world.move('1');
    const [a, b] = await both;
    expect(a.value?.data).toMatchObject({ moved: { person: { name: 'Éloïse' } } });
    expect(b.value?.data).toMatchObject({ moved: { person: { name: 'Éloïse' } } });
    await overWs.return?.();
    await overSse.return?.();
    sse.dispose();
    await ws.dispose();
  });

  it('sends parts to clients that ask for them', async () => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'multipart/mixed;subscriptionSpec=1.0, application/json' },
      body: JSON.stringify({ query: 'subscription { moved(until: 1) { count person { name } } }' }),
    });
    expect(response.headers.get('content-type')).toContain('multipart/mixed');
    await until(() => world.openFeeds() === 1);
    world.move('1');
    world.move('1');
    const text = await response.text();
    expect(text).toContain('"payload":{"data":{"moved":');
    expect(text.trimEnd().endsWith('--graphql--')).toBe(true);
  });

  it('answers queries and mutations as over HTTP', async () => {
    const client = await ready(await world.token());
    client.send({ id: 'q', type: 'subscribe', payload: { query: '{ me refused }' } });
    const { payload } = await client.next();
    expect(payload.data).toEqual({ me: 'MTL-acc-1', refused: null });
    expect(payload.errors).toMatchObject([
      { message: 'You may not do this.', path: ['refused'], extensions: { code: 'FORBIDDEN', requestId: expect.any(String) } },
    ]);
    expect(await client.next()).toEqual({ id: 'q', type: 'complete' });
    client.socket.close();
  });

  it.each([
    [
      'a document that is too deep',
      `subscription { moved { person { ${'friends { '.repeat(20)}id${' }'.repeat(20)} } } }`,
      'LIMIT_EXCEEDED',
    ],
    ['too many aliases', `{ ${Array.from({ length: 31 }, (_, i) => `a${i}: __typename`).join(' ')} }`, 'LIMIT_EXCEEDED'],
    ['an unknown field', 'subscription { moved { nope } }', 'GRAPHQL_VALIDATION_FAILED'],
    [
      'two root fields with a condition on a variable',
      'subscription($a: Boolean!) { moved @include(if: $a) { count } forbidden { count } }',
      'BAD_USER_INPUT',
    ],
    ['broken text', 'subscription {', 'GRAPHQL_PARSE_FAILED'],
    ['a forbidden subscription', 'subscription { forbidden { count } }', 'FORBIDDEN'],
  ])('refuses %s on a socket and as a stream', async (_title, query, code) => {
    const client = await ready();
    client.send({ id: 'x', type: 'subscribe', payload: { query } });
    const message = await client.next();
    const errors = message.type === 'error' ? message.payload : message.payload.errors;
    expect(errors[0].extensions).toEqual({
      code: code === 'BAD_USER_INPUT' ? expect.stringMatching(/^(BAD_USER_INPUT|GRAPHQL_VALIDATION_FAILED)$/) : code,
      requestId: expect.any(String),
    });
    client.socket.close();
    const stream = await fetch(`${world.gateway.url}/graphql/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query }),
    });
    expect(await stream.text()).toContain(errors[0].extensions.code);
    expect(stream.status).toBe(code === 'FORBIDDEN' ? 200 : 400);
  });

  it('ends a stream when the token ends, the socket with 4403', async () => {
    const token = await world.token({}, 2);
    const end = Date.now() + 2_000;
    const client = await ready(token);
    client.send({ id: 'a', type: 'subscribe', payload: { query: MOVED } });
    const stream = await fetch(`${world.gateway.url}/graphql/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: MOVED }),
    });
    expect(await client.closed).toBe(4403);
    expect(Date.now()).toBeLessThan(end + 1_000);
    expect(await stream.text()).toContain('"code":"UNAUTHENTICATED"');
  });

  it('ends what a revoked session holds open, and lets it in no more', async () => {
    const token = await world.token({ sessionId: `MTL-ses-${kind}` });
    const client = await ready(token);
    client.send({ id: 'a', type: 'subscribe', payload: { query: MOVED } });
    await until(() => world.openFeeds() === 1);
    world.revoked.push(`MTL-ses-${kind}`);
    expect(await client.closed).toBe(4403);
    expect((await world.ask({ query: '{ me }' }, { authorization: `Bearer ${token}` })).status).toBe(401);
    const again = await dial(url);
    again.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
    expect(await again.closed).toBe(4403);
  });

  it('closes the feed when the client of a stream goes', async () => {
    const leave = new AbortController();
    const stream = await fetch(`${world.gateway.url}/graphql/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: MOVED }),
      signal: leave.signal,
    });
    await until(() => world.openFeeds() === 1);
    leave.abort();
    await until(() => world.openFeeds() === 0);
    await expect(stream.text()).rejects.toThrow();
  });
});

describe('the protocol of sockets', () => {
  let world: Running;
  let url: string;
  beforeAll(async () => {
    world = await startWorld('in-process');
    url = `${world.gateway.url}/graphql`;
  });
  afterAll(() => world.stop());

  it('closes with 4408 when nobody says who they are', async () => {
    const client = await dial(url);
    expect(await client.closed).toBe(4408);
  });
  it('closes with 4429 at a second connection_init', async () => {
    const client = await dial(url);
    client.send({ type: 'connection_init' });
    client.send({ type: 'connection_init' });
    expect(await client.closed).toBe(4429);
  });
  it('closes with 4401 when something is asked before connection_ack', async () => {
    const client = await dial(url);
    client.send({ id: 'a', type: 'subscribe', payload: { query: MOVED } });
    expect(await client.closed).toBe(4401);
  });
  it('closes with 4409 when an id is used twice', async () => {
    const client = await dial(url);
    client.send({ type: 'connection_init' });
    await client.next();
    client.send({ id: 'a', type: 'subscribe', payload: { query: MOVED } });
    client.send({ id: 'a', type: 'subscribe', payload: { query: MOVED } });
    expect(await client.closed).toBe(4409);
  });
  it('closes with 4403 at a token that does not hold', async () => {
    const client = await dial(url);
    client.send({ type: 'connection_init', payload: { authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' } });
    expect(await client.closed).toBe(4403);
  });
  it('closes with 4400 at a message that is none, and with 1009 at one that is too large', async () => {
    const broken = await dial(url);
    broken.socket.send('{"type":"nope"}');
    expect(await broken.closed).toBe(4400);
    const large = await dial(url);
    large.socket.send('x'.repeat(70_000));
    expect(await large.closed).toBe(1009);
  });
  it('takes 50 operations on one socket', async () => {
    const client = await dial(url);
    client.send({ type: 'connection_init' });
    await client.next();
    for (let i = 0; i < 51; i++) client.send({ id: `s${i}`, type: 'subscribe', payload: { query: MOVED } });
    expect(await client.next()).toMatchObject({ id: 's50', type: 'error', payload: [{ extensions: { code: 'LIMIT_EXCEEDED' } }] });
    await until(() => world.openFeeds() === 50);
    client.socket.close();
    await until(() => world.openFeeds() === 0);
  });
  it.each([
    ['https://evil.example', 403],
    ['null', 403],
    ['https://app.example.org.evil.example', 403],
    ['https://app.example.org', 101],
  ])('answers a page of %s with %d', async (origin, status) => {
    const answer = await new Promise<number>((done) => {
      const { port } = new URL(url);
      const request = httpRequest({
        port,
        path: '/graphql',
        headers: {
          origin,
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          'sec-websocket-protocol': 'graphql-transport-ws',
        },
      });
      request.on('response', (response) => done(response.statusCode ?? 0));
      request.on('upgrade', (_response, socket) => {
        socket.destroy();
        done(101);
      });
      request.end();
    });
    expect(answer).toBe(status);
  });
  it('ends a client that does not read, and keeps the others going', async () => {
    const slow = await dial(url);
    slow.send({ type: 'connection_init' });
    await slow.next();
    slow.send({ id: 'a', type: 'subscribe', payload: { query: MOVED } });
    await until(() => world.openFeeds() === 1);
    slow.socket.pause();
    for (let i = 0; i < 60_000 && world.openFeeds() > 0; i++) {
      world.move('1');
      if (i % 200 === 0) await new Promise((done) => setTimeout(done, 1));
    }
    await until(() => world.openFeeds() === 0);
    expect((await world.ask({ query: '{ me }' })).status).toBe(200);
    slow.socket.terminate();
  });
  it('closes sockets with 1012 and completes streams when the gateway stops', async () => {
    const other = await startWorld('in-process');
    const client = await dial(`${other.gateway.url}/graphql`);
    client.send({ type: 'connection_init' });
    await client.next();
    client.send({ id: 'a', type: 'subscribe', payload: { query: MOVED } });
    const stream = await fetch(`${other.gateway.url}/graphql/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: MOVED }),
    });
    const running = other.ask({ query: '{ slow(ms: 500) }' });
    await until(() => other.openFeeds() === 2);
    const stopping = other.stop();
    expect(await client.closed).toBe(1012);
    expect((await stream.text()).endsWith('event: complete\ndata:\n\n')).toBe(true);
    expect((await running).json).toEqual({ data: { slow: 'done' } });
    await stopping;
  });
});
