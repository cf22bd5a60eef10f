import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type GatewaySettings, startGateway } from '#gateway/server.ts';
import { makeTokenSigner } from '#platform/access/token.ts';
import { type Served, serveSubgraph } from '#platform/http/serve-subgraph.ts';
import type { TransferPace } from '#platform/http/serve-transfer.ts';
import { refuseTransfer, sessionTagOf, type Transfer, type TransferRequest } from '#platform/http/transfer.ts';
import { aSigningKey } from '#test/support/signing-key.ts';
import { aViewer, makeWorld, supergraphOf } from './graph.ts';

const UUID = /^[0-9a-f-]{36}$/;
const MIB = 1024 * 1024;
const PACE: TransferPace = { sendingMs: 400, takingMs: 700, windowMs: 1_500, windowBytes: 64 * 1024 };
const until = async (holds: () => boolean, withinMs = 5_000): Promise<void> => {
  const end = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error('it did not come about in time');
    await new Promise((done) => setTimeout(done, 10));
  }
};

/** A subgraph that takes and gives bytes; what it was asked is kept. */
const makeBytes = () => {
  const asked: Pick<TransferRequest, 'method' | 'path' | 'headers' | 'caller' | 'sessionEnded'>[] = [];
  const state = { stored: 0, ended: [] as string[], given: 0, aborted: 0, most: 0 };
  const transfer: Transfer = async ({ body, signal, ...rest }) => {
    asked.push(rest);
    const { path, caller, method } = rest;
    const kind = path.split('/')[1]?.split('.')[0] ?? '';
    signal.addEventListener('abort', () => state.aborted++);
    if (method === 'OTHER' || path === 'none' || rest.sessionEnded)
      return refuseTransfer(403, 'FORBIDDEN', 'This address does not hold.', caller.requestId);
    if (method === 'HEAD') return { status: 200, headers: { 'upload-offset': '7', 'content-length': '0' }, body: null };
    if (method === 'PUT' || method === 'POST') {
      if (kind === 'early') return refuseTransfer(409, 'BAD_USER_INPUT', 'Go on at 0.', caller.requestId, { 'upload-offset': '0' });
      state.stored = 0;
      try {
        for await (const chunk of body) {
          state.stored += chunk.length;
          if (kind === 'slow-store') await new Promise((done) => setTimeout(done, 60));
          if (kind === 'limited' && state.stored > 100_000) return refuseTransfer(413, 'LIMIT_EXCEEDED', 'Too long.', caller.requestId);
        }
        state.ended.push('whole');
      } catch (error) {
        state.ended.push('broken');
        throw error;
      }
      return { status: 201, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sizeBytes: state.stored }) };
    }
    if (kind === 'fails-first')
      return {
        status: 200,
        headers: { 'content-length': '10' },
        // biome-ignore lint/correctness/useYield: it fails before its first byte
        body: (async function* (): AsyncGenerator<Uint8Array> {
          throw new Error('canary at /secret/place');
        })(),
      };
    const count = kind === 'fails' ? 8 : kind === 'short' ? 3 : kind === 'large' ? 512 : 4;
    const size = 256 * 1024;
    return {
      status: 200,
      headers: { 'content-length': String((kind === 'short' ? 4 : count) * size), 'content-disposition': 'attachment' },
      body: (async function* () {
        for (let i = 0; i < count; i++) {
          if (kind === 'fails' && i === 4) throw new Error('half-way');
          state.given += size;
          yield Buffer.alloc(size, i);
        }
      })(),
    };
  };
  return { asked, state, transfer };
};

const start = async (kind: 'in-process' | 'http', says: Partial<GatewaySettings> = {}) => {
  const world = makeWorld();
  const bytes = makeBytes();
  const [assertionKey, tokenKey] = [aSigningKey('a1'), aSigningKey('t1')];
  const servers: Served[] = [];
  const subgraphs: Record<string, GatewaySettings['subgraphs'][string]> = {};
  const { people, places } = world.subgraphs;
  for (const subgraph of [people, { ...places, transfer: bytes.transfer }]) {
    const name = subgraph.name === 'places' ? 'files' : subgraph.name;
    if (kind === 'in-process') subgraphs[name] = { kind, subgraph: { ...subgraph, name } };
    else {
      const given = { host: '127.0.0.1', port: 0, assertionKeys: [assertionKey], log: world.log };
      const served = await serveSubgraph({ ...subgraph, name }, given);
      servers.push(served);
      subgraphs[name] = { kind, url: served.url };
    }
  }
  const gateway = await startGateway({
    supergraphSdl: supergraphOf().replaceAll('"places"', '"files"'),
    subgraphs,
    secrets: { assertionKey, tokenKeys: [tokenKey] },
    cities: ['MTL'],
    host: '127.0.0.1',
    port: 0,
    development: true,
    allowedOrigins: ['https://app.example.org'],
    log: world.log,
    sessionsEveryMs: 50,
    transfers: { pace: PACE, maxOpen: 6 },
    ...says,
  });
  const sign = await makeTokenSigner(tokenKey);
  return {
    ...world,
    ...bytes,
    gateway,
    servers,
    token: (seconds?: number) => sign(aViewer(), seconds),
    put: (path: string, body: RequestInit['body'], headers: Record<string, string> = {}) =>
      fetch(`${gateway.url}/files/${path}`, { method: 'PUT', body, headers, duplex: 'half' } as RequestInit),
    get: (path: string, init: RequestInit = {}) => fetch(`${gateway.url}/files/${path}`, init),
    stop: async () => {
      await gateway.stop();
      await Promise.all(servers.map((served) => served.stop()));
    },
  };
};
const errorOf = async (response: Response) => {
  const { errors } = (await response.json()) as { errors: { extensions: { code: string; requestId: string } }[] };
  expect(errors[0]?.extensions.requestId).toMatch(UUID);
  expect(response.headers.get('x-request-id')).toBe(errors[0]?.extensions.requestId);
  return [response.status, errors[0]?.extensions.code];
};
const rawPut = (url: string, path: string, length: number): Socket => {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(`PUT /files/${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`);
  return socket;
};
const readAll = async (socket: Socket): Promise<string> => {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(10_000) });
  return text;
};

describe.each(['in-process', 'http'] as const)('transfers through a gateway over %s subgraphs', (kind) => {
  let world: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    world = await start(kind);
  });
  afterAll(() => world.stop());
  beforeEach(() => {
    world.asked.length = 0;
    Object.assign(world.state, { stored: 0, ended: [], given: 0, aborted: 0 });
  });

  it('takes a body whole, whatever its type, and far beyond what the graph takes', async () => {
    const answer = await world.put('upload/a.1.b.c', Buffer.alloc(20 * MIB, 1), { 'content-type': 'application/dicom' });
    expect([answer.status, await answer.json()]).toEqual([201, { sizeBytes: 20 * MIB }]);
    expect(world.asked).toMatchObject([
      { method: 'PUT', path: 'upload/a.1.b.c', headers: { 'content-length': String(20 * MIB) }, sessionEnded: false },
    ]);
    expect(world.asked[0]?.caller).toMatchObject({ viewer: null, origin: world.gateway.url, address: '127.0.0.1' });
  });
  it('takes a body of no bytes and one whose length is not told', async () => {
    expect(await (await world.put('upload/a.1.b.c', Buffer.alloc(0))).json()).toEqual({ sizeBytes: 0 });
    const stream = new ReadableStream({
      start: (controller) => {
        for (let i = 0; i < 5; i++) controller.enqueue(Buffer.alloc(70_000));
        controller.close();
      },
    });
    expect(await (await world.put('upload/a.1.b.c', stream as never)).json()).toEqual({ sizeBytes: 350_000 });
    expect(world.asked[1]?.headers['content-length']).toBeUndefined();
  });
  it('gives a body with the headers of a thing that is kept, never shown', async () => {
    const answer = await world.get('download/a.1.b.c', { headers: { range: 'bytes=0-' } });
    const body = Buffer.from(await answer.arrayBuffer());
    expect([answer.status, body.length, body[0], body.at(-1)]).toEqual([200, MIB, 0, 3]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-length': String(MIB),
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
      'x-request-id': expect.stringMatching(UUID),
    });
    expect(answer.headers.get('etag')).toBeNull();
    expect(world.asked[0]?.headers.range).toBe('bytes=0-');
  });
  it('answers HEAD with headers alone', async () => {
    const answer = await world.get('upload/a.1.b.c', { method: 'HEAD' });
    expect([answer.status, answer.headers.get('upload-offset'), await answer.text()]).toEqual([200, '7', '']);
  });
  it('passes POST on with its body', async () => {
    const answer = await world.get('upload/a.1.b.c', { method: 'POST', body: 'twelve bytes', headers: { 'content-type': 'text/plain' } });
    expect([answer.status, world.asked.map(({ method }) => method), world.state.stored]).toEqual([201, ['POST'], 12]);
  });
  it.each(['DELETE', 'PATCH'])('passes %s on as a method that is none', async (method) => {
    expect(await errorOf(await world.get('upload/a.1.b.c', { method }))).toEqual([403, 'FORBIDDEN']);
    expect(world.asked).toMatchObject([{ method: 'OTHER' }]);
  });
  it.each(['a?b=c', 'upload%2Fa.1.b.c', 'x'.repeat(401), 'download/é'])(
    'asks for no address where it is not like one: %s',
    async (path) => {
      expect(await errorOf(await world.get(path))).toEqual([403, 'FORBIDDEN']);
      expect(world.asked).toMatchObject([{ path: 'none' }]);
    },
  );
  it('tells who asks where a token is sent, and refuses one that does not hold before a byte is read', async () => {
    await world.get('download/a.1.b.c', { headers: { authorization: `Bearer ${await world.token()}` } });
    expect(world.asked[0]?.caller.viewer).toMatchObject({ accountId: 'MTL-acc-1' });
    for (const authorization of ['Bearer nonsense', `Bearer ${await world.token(-1)}`, 'Basic eDp5'])
      expect(await errorOf(await world.put('upload/a.1.b.c', Buffer.alloc(100), { authorization }))).toEqual([401, 'UNAUTHENTICATED']);
    expect(world.asked).toHaveLength(1);
  });
  it('answers before the body has come, and the sender hears it', async () => {
    for (let i = 0; i < 5; i++) {
      const answer = await world.put('upload/early.1.b.c', Buffer.alloc(8 * MIB));
      expect(answer.headers.get('upload-offset')).toBe('0');
      expect(await errorOf(answer)).toEqual([409, 'BAD_USER_INPUT']);
      expect(await errorOf(await world.put('upload/limited.1.b.c', Buffer.alloc(4 * MIB)))).toEqual([413, 'LIMIT_EXCEEDED']);
    }
  });
  it('shows a fault before the first byte as an answer, without what it says', async () => {
    const answer = await world.get('download/fails-first.1.b.c');
    const text = await answer.clone().text();
    expect(await errorOf(answer)).toEqual([500, 'INTERNAL_SERVER_ERROR']);
    expect(text).not.toContain('canary');
  });
  it.each(['fails', 'short'])('breaks the connection where the body %s', async (what) => {
    const answer = await world.get(`download/${what}.1.b.c`);
    expect(answer.status).toBe(200);
    await expect(answer.arrayBuffer()).rejects.toThrow();
  });
  it('keeps a sender waiting while the store is behind, without counting that as silence', async () => {
    const answer = await world.put('upload/slow-store.1.b.c', Buffer.alloc(MIB));
    expect([answer.status, world.state.stored]).toEqual([201, MIB]);
  });
  it('ends what falls silent with 408, and says so to the store', async () => {
    const socket = rawPut(world.gateway.url, 'upload/a.1.b.c', MIB);
    socket.write(Buffer.alloc(5_000));
    const began = performance.now();
    const text = await readAll(socket);
    expect(text).toMatch(/^HTTP\/1\.1 408 .*"code":"LIMIT_EXCEEDED"/s);
    expect(performance.now() - began).toBeGreaterThan(PACE.sendingMs - 50);
    await until(() => world.state.ended.length > 0);
    expect([world.state.ended, world.state.stored]).toEqual([['broken'], 5_000]);
  });
  it('ends what trickles', async () => {
    const socket = rawPut(world.gateway.url, 'upload/a.1.b.c', MIB);
    const timer = setInterval(() => socket.write(Buffer.alloc(100)), 100);
    const text = await readAll(socket);
    clearInterval(timer);
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    await until(() => world.state.ended.length > 0);
    expect(world.state.ended).toEqual(['broken']);
  });
  it('tells the store when the client is gone', async () => {
    const socket = rawPut(world.gateway.url, 'upload/a.1.b.c', MIB);
    socket.write(Buffer.alloc(5_000));
    await until(() => world.state.stored === 5_000);
    socket.destroy();
    await until(() => world.state.ended.length > 0 && world.state.aborted > 0);
    expect(world.state.ended).toEqual(['broken']);
  });
  it('asks for no more than a client takes, and ends one that takes nothing', async () => {
    const { port } = new URL(world.gateway.url);
    const request = httpRequest({ port, host: '127.0.0.1', path: '/files/download/large.1.b.c' });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => {});
    response.pause();
    await until(() => world.state.given > 0);
    await new Promise((done) => setTimeout(done, 300));
    expect(world.state.given).toBeLessThan(24 * MIB); // of 128: what sockets hold
    await until(() => world.state.aborted > 0);
    response.resume();
    await until(() => response.closed);
    expect(response.complete).toBe(false);
  });
  it('carries so many at once and no more', async () => {
    const sockets = Array.from({ length: 6 }, () => rawPut(world.gateway.url, 'upload/a.1.b.c', MIB));
    for (const socket of sockets) socket.write(Buffer.alloc(100));
    await until(() => world.asked.length === 6);
    const answer = await world.get('download/a.1.b.c');
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(await errorOf(answer)).toEqual([503, 'OVERLOADED']);
    expect(world.asked).toHaveLength(6);
    for (const socket of sockets) socket.destroy();
    await until(() => world.state.ended.length === 6);
    expect((await world.get('download/a.1.b.c')).status).toBe(200);
  });
  it('says that the session of an address was ended, and ends what is under way', async () => {
    const path = `upload/a.1.${sessionTagOf('MTL-ses-77')}.c`;
    const socket = rawPut(world.gateway.url, path, MIB);
    const timer = setInterval(() => socket.write(Buffer.alloc(10_000)), 50);
    await until(() => world.state.stored > 0);
    world.revoked.push('MTL-ses-77');
    // A connection that is closed while bytes come in may be reset.
    const answer = await readAll(socket).catch((error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? '' : Promise.reject(error),
    );
    expect(answer).toBe('');
    clearInterval(timer);
    await until(() => world.state.ended.length > 0);
    expect(await errorOf(await world.put(path, Buffer.alloc(10)))).toEqual([403, 'FORBIDDEN']);
    expect(world.asked.map(({ sessionEnded }) => sessionEnded)).toEqual([false, true]);
    expect((await world.put(`upload/a.1.${sessionTagOf('MTL-ses-78')}.c`, Buffer.alloc(10))).status).toBe(201);
  });
  it('lets pages of allowed origins send and read, and no others', async () => {
    const preflight = (origin: string, path = '/files/upload/a.1.b.c') =>
      fetch(`${world.gateway.url}${path}`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } });
    const good = (await preflight('https://app.example.org')).headers;
    expect(good.get('access-control-allow-origin')).toBe('https://app.example.org');
    expect(good.get('access-control-allow-methods')).toContain('PUT');
    expect(good.get('access-control-allow-headers')).toContain('content-range');
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
    expect((await preflight('https://app.example.org', '/graphql')).headers.get('access-control-allow-methods')).not.toContain('PUT');
    const read = await world.get('upload/a.1.b.c', { method: 'HEAD', headers: { origin: 'https://app.example.org' } });
    expect(read.headers.get('access-control-expose-headers')).toContain('upload-offset');
  });
  it('refuses a compressed body', async () => {
    const answer = await world.put('upload/a.1.b.c', Buffer.alloc(10), { 'content-encoding': 'gzip' });
    expect(await errorOf(answer)).toEqual([415, 'BAD_USER_INPUT']);
  });
  it('counts transfers and bytes, and logs the route and never the address', async () => {
    await world.put('upload/a.1.b.signature', Buffer.alloc(1_234));
    const text = await (await fetch(`${world.gateway.url}/metrics`)).text();
    expect(text).toMatch(/caregraph_transfers_total\{kind="upload",outcome="ok"\} \d+/);
    expect(text).toMatch(/caregraph_transfer_bytes_total\{direction="in"\} \d+/);
    await until(() => world.lines.some(({ fields }) => fields['bytesIn'] === 1_234));
    const line = world.lines.find(({ fields }) => fields['bytesIn'] === 1_234);
    expect(line).toMatchObject({ message: 'transfer', fields: { route: '/files/upload', method: 'PUT', status: 201 } });
    expect(JSON.stringify(world.lines)).not.toContain('signature');
  });
  if (kind === 'http')
    it('is refused by the subgraph itself to whoever is not the gateway, before the body', async () => {
      const url = world.servers[1]?.url ?? '';
      const before = world.asked.length;
      const answer = await fetch(`${url}/transfer/upload/a.1.b.c`, { method: 'PUT', body: Buffer.alloc(1_000) });
      expect([answer.status, world.asked.length]).toEqual([401, before]);
    });
});

it('gives addresses that begin where callers reach the gateway, whatever they say of it', async () => {
  const world = await start('http', { publicUrl: 'https://graph.example.org' });
  try {
    await world.get('download/a.1.b.c', { headers: { 'x-forwarded-host': 'evil.example', 'x-caregraph-origin': 'https://evil.example' } });
    expect(world.asked[0]?.caller.origin).toBe('https://graph.example.org');
  } finally {
    await world.stop();
  }
});

it('still ends every other request whose body does not come', async () => {
  const { makeHttpServer, closeHttpServer } = await import('#platform/http/server.ts');
  const app = makeHttpServer(makeWorld().log, { bodyMs: 300 });
  app.post('/json', async () => ({ ok: true }));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as { port: number };
  const send = async (text: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(text);
    return readAll(socket);
  };
  try {
    const head = 'POST /json HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
    expect(await send(`${head}content-length: 100\r\n\r\n{`)).toMatch(/^HTTP\/1\.1 408 .*LIMIT_EXCEEDED/s);
    expect(await send(`${head}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n`)).toMatch(/^HTTP\/1\.1 408 /);
    expect(await send(`${head.replace('/json', '/nothing')}content-length: 100\r\n\r\n{`)).toMatch(/^HTTP\/1\.1 40[48] /);
    expect(
      (await fetch(`http://127.0.0.1:${port}/json`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }))
        .status,
    ).toBe(200);
  } finally {
    await closeHttpServer(app);
  }
});
