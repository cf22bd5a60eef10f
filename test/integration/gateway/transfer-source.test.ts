import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { openTransfers } from '#gateway/data-sources/transfer-over-http.ts';
import { type GatewaySettings, startGateway } from '#gateway/server.ts';
import type { Caller } from '#platform/access/viewer.ts';
import { type Served, serveSubgraph } from '#platform/http/serve-subgraph.ts';
import type { TransferAnswer, TransferRequest } from '#platform/http/transfer.ts';
import { aSigningKey } from '#test/support/signing-key.ts';
import { makeWorld, supergraphOf } from './graph.ts';

const MIB = 1024 * 1024;
const CALLER: Caller = { viewer: null, requestId: 'r', address: '127.0.0.1', language: 'en', origin: 'http://x' };
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const until = async (holds: () => boolean, withinMs = 5_000): Promise<void> => {
  const end = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error('it did not come about in time');
    await pause(10);
  }
};

/**
 * A subgraph in a process of its own that gives 64 MiB (or what it is asked for) at `/transfer/…`, and stores what it is sent. The folder
 * `once` answers a PUT before its body came.
 */
const PROGRAM = `
const { createServer } = require('node:http');
const server = createServer((request, response) => {
  if (!request.url.startsWith('/transfer/')) return response.end('{"cities":{"MTL":true}}');
  if (request.method === 'PUT') {
    let count = 0;
    request.on('data', (chunk) => { count += chunk.length; });
    request.on('end', () => response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ count })));
    return;
  }
  response.writeHead(200, { 'content-length': String(64 * 1024 * 1024), 'content-disposition': 'attachment' });
  let left = 1024;
  const push = () => {
    while (left > 0) { left--; if (!response.write(Buffer.alloc(65536, 7))) return response.once('drain', push); }
    response.end();
  };
  push();
});
server.listen(Number(process.argv[1]), '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
`;
const startProcess = async (port = 0): Promise<{ readonly child: ChildProcess; readonly port: number }> => {
  const child = spawn(process.execPath, ['-e', PROGRAM, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
  return { child, port: Number(line.toString()) };
};
const kill = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
};

/** What is thrown past everybody is seen here, and by Jest. */
const surprises: unknown[] = [];
const onSurprise = (error: unknown): void => void surprises.push(error);
beforeAll(() => {
  process.on('uncaughtException', onSurprise);
  process.on('unhandledRejection', onSurprise);
});
afterAll(() => {
  process.off('uncaughtException', onSurprise);
  process.off('unhandledRejection', onSurprise);
});
afterEach(() => expect(surprises.splice(0)).toEqual([]));

const ended: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});
const open = (url: string, silenceMs?: number) => {
  const transfers = openTransfers(url, async () => ({}), silenceMs === undefined ? {} : { silenceMs });
  ended.push(transfers.stop);
  return (says: Partial<TransferRequest> = {}): Promise<TransferAnswer> =>
    transfers.transfer({
      method: 'GET',
      path: 'download/a.1.b.c',
      headers: {},
      body: (async function* (): AsyncGenerator<Uint8Array> {})(),
      caller: CALLER,
      sessionEnded: false,
      signal: new AbortController().signal,
      ...says,
    });
};
const listen = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ended.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
};
const piecesOf = ({ body }: TransferAnswer): AsyncIterator<Uint8Array> => {
  if (body === null || typeof body === 'string') throw new Error('no pieces');
  return body[Symbol.asyncIterator]();
};
const countAll = async (answer: TransferAnswer): Promise<number> => {
  const pieces = piecesOf(answer);
  let count = 0;
  for (let step = await pieces.next(); step.done !== true; step = await pieces.next()) count += step.value.length;
  return count;
};
async function* bytes(total: number, onPiece: () => void = () => {}): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < total; sent += 65_536) {
    onPiece();
    yield Buffer.alloc(Math.min(65_536, total - sent), 1);
  }
}
const CODE = { extensions: { code: 'SUBGRAPH_UNAVAILABLE' } };

describe('a subgraph that is killed', () => {
  it('while a reader holds back breaks that download alone, and the next works when it is back', async () => {
    const first = await startProcess();
    ended.push(() => kill(first.child));
    const ask = open(`http://127.0.0.1:${first.port}`);
    const answers = await Promise.all([ask(), ask(), ask()]);
    const readers = answers.map(piecesOf);
    for (const reader of readers) expect((await reader.next()).done).toBe(false);
    await pause(200); // nobody reads: the connection holds back
    await kill(first.child);
    await pause(200);
    for (const reader of readers)
      await expect(
        (async () => {
          while (!(await reader.next()).done);
        })(),
      ).rejects.toThrow();
    await expect(ask()).rejects.toMatchObject(CODE);
    const again = await startProcess(first.port);
    ended.push(() => kill(again.child));
    expect(await countAll(await ask())).toBe(64 * MIB);
    expect(JSON.parse(String((await ask({ method: 'PUT', body: bytes(5 * MIB) })).body))).toEqual({ count: 5 * MIB });
  });
  it('in the middle of a slow download: the gateway stays, its client sees a broken connection, the next works', async () => {
    const first = await startProcess();
    ended.push(() => kill(first.child));
    const world = makeWorld();
    const [assertionKey, tokenKey] = [aSigningKey('a1'), aSigningKey('t1')];
    const people: Served = await serveSubgraph(world.subgraphs.people, {
      host: '127.0.0.1',
      port: 0,
      assertionKeys: [assertionKey],
      log: world.log,
    });
    ended.push(people.stop);
    const subgraphs: GatewaySettings['subgraphs'] = {
      [world.subgraphs.people.name]: { kind: 'http', url: people.url },
      files: { kind: 'http', url: `http://127.0.0.1:${first.port}` },
    };
    const gateway = await startGateway({
      supergraphSdl: supergraphOf().replaceAll('"places"', '"files"'),
      subgraphs,
      secrets: { assertionKey, tokenKeys: [tokenKey] },
      cities: ['MTL'],
      host: '127.0.0.1',
      port: 0,
      development: false,
      allowedOrigins: [],
      log: world.log,
    });
    ended.push(gateway.stop);
    const get = async (): Promise<IncomingMessage> => {
      const request = httpRequest(`${gateway.url}/files/download/a.1.b.c`, { agent: false });
      request.on('error', () => {});
      request.end();
      const [response] = (await once(request, 'response', { signal: AbortSignal.timeout(5_000) })) as [IncomingMessage];
      return response;
    };
    const slow = await get();
    slow.on('error', () => {});
    slow.pause();
    await pause(300);
    await kill(first.child);
    slow.resume();
    await until(() => slow.closed);
    expect(slow.complete).toBe(false);
    const refused = await get();
    expect(refused.statusCode).toBe(503);
    refused.resume();
    expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
    const again = await startProcess(first.port);
    ended.push(() => kill(again.child));
    const whole = await fetch(`${gateway.url}/files/download/a.1.b.c`);
    expect((await whole.arrayBuffer()).byteLength).toBe(64 * MIB);
  });
  it('in the middle of an upload answers that it cannot be reached, and asks for no more of the body', async () => {
    const first = await startProcess();
    ended.push(() => kill(first.child));
    const ask = open(`http://127.0.0.1:${first.port}`);
    let [asked, isClosed] = [0, false];
    const body = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          asked++;
          if (asked === 20) await kill(first.child);
          await pause(1);
          yield Buffer.alloc(65_536);
        }
      } finally {
        isClosed = true;
      }
    };
    await expect(ask({ method: 'PUT', body: body() })).rejects.toMatchObject(CODE);
    await until(() => isClosed);
    expect(asked).toBeLessThan(100);
  });
});

describe('a transfer over HTTP', () => {
  it('is refused at once where nobody listens, and in a second where nobody answers', async () => {
    const server = createTcpServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    const ask = open(`http://127.0.0.1:${port}`);
    const began = performance.now();
    await expect(ask()).rejects.toMatchObject(CODE);
    await expect(ask({ method: 'PUT', body: bytes(MIB) })).rejects.toMatchObject(CODE);
    expect(performance.now() - began).toBeLessThan(500);
  });
  it('ends where the subgraph is silent: before its answer, in its body, and while it takes nothing', async () => {
    let closed = 0;
    const url = await listen(
      createServer((request, response) => {
        request.socket.once('close', () => closed++);
        if (request.url?.includes('half')) response.writeHead(200, { 'content-length': '100' }).write('x');
      }),
    );
    const ask = open(url, 200);
    await expect(ask()).rejects.toMatchObject(CODE);
    await expect(countAll(await ask({ path: 'download/half' }))).rejects.toThrow();
    let given = 0;
    await expect(ask({ method: 'PUT', body: bytes(512 * MIB, () => given++) })).rejects.toMatchObject(CODE);
    expect(given * 65_536).toBeLessThan(24 * MIB); // what sockets hold
    await until(() => closed >= 2); // the third does not look: it takes nothing
  });
  it('does not count a slow client as a silent subgraph', async () => {
    const url = await listen(
      createServer((request, response) => {
        if (request.method === 'PUT') request.resume().once('end', () => response.writeHead(204).end());
        else response.writeHead(200, { 'content-length': '200000' }).end(Buffer.alloc(200_000));
      }),
    );
    const ask = open(url, 150);
    const body = async function* (): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 3; i++) {
        await pause(250);
        yield Buffer.from('x');
      }
    };
    expect((await ask({ method: 'PUT', body: body() })).status).toBe(204);
    const pieces = piecesOf(await ask());
    let count = 0;
    for (let step = await pieces.next(); step.done !== true; step = await pieces.next()) {
      count += step.value.length;
      await pause(250);
    }
    expect(count).toBe(200_000);
  });
  it('hears an answer that comes before the end of the body, asks for no more, and opens another connection then', async () => {
    const sockets = new Set<unknown>();
    const url = await listen(
      createServer((request, response) => {
        sockets.add(request.socket);
        if (request.url?.includes('early'))
          response.writeHead(409, { 'content-type': 'application/json', 'upload-offset': '3' }).end('{"errors":[]}');
        else request.resume().once('end', () => response.writeHead(204).end());
      }),
    );
    const ask = open(url);
    for (let i = 1; i <= 3; i++) {
      let isClosed = false;
      const endless = async function* (): AsyncGenerator<Uint8Array> {
        try {
          for (;;) {
            await pause(1);
            yield Buffer.alloc(65_536);
          }
        } finally {
          isClosed = true;
        }
      };
      const answer = await ask({ method: 'PUT', path: 'upload/early', body: endless() });
      expect([answer.status, answer.headers['upload-offset'], answer.body]).toEqual([409, '3', '{"errors":[]}']);
      await until(() => isClosed);
      expect(sockets.size).toBe(i);
    }
    for (let i = 0; i < 5; i++) expect((await ask({ method: 'PUT', body: bytes(100_000) })).status).toBe(204);
    expect(sockets.size).toBe(4); // one kept for all that came to their end
  });
  it('keeps a connection for what follows, also after HEAD, 204 and 304', async () => {
    const sockets = new Set<unknown>();
    const url = await listen(
      createServer((request, response) => {
        sockets.add(request.socket);
        const status = Number(request.url?.split('/').at(-1));
        response.writeHead(status, status === 200 ? { 'content-length': '7' } : {}).end(status === 200 ? '1234567' : undefined);
      }),
    );
    const ask = open(url);
    for (const [method, status] of [
      ['HEAD', 200],
      ['GET', 204],
      ['GET', 304],
      ['OTHER', 204],
    ] as const)
      expect([(await ask({ method, path: `download/${status}` })).status, method]).toEqual([status, method]);
    expect(await countAll(await ask({ path: 'download/200' }))).toBe(7);
    expect(sockets.size).toBe(1);
  });
  it('ends at the subgraph when the client is gone, before the answer and in its body', async () => {
    let [asked, closed] = [0, 0];
    const url = await listen(
      createServer((request, response) => {
        asked++;
        request.socket.once('close', () => closed++);
        if (request.url?.includes('body')) response.writeHead(200, { 'content-length': '100' }).write('x');
      }),
    );
    const ask = open(url);
    const gone = new AbortController();
    const waiting = ask({ signal: gone.signal });
    waiting.catch(() => {});
    await until(() => asked === 1);
    const pieces = piecesOf(await ask({ path: 'download/body', signal: gone.signal }));
    await pieces.next();
    gone.abort();
    await expect(waiting).rejects.toThrow();
    await expect(waiting).rejects.not.toMatchObject(CODE);
    await expect(pieces.next()).rejects.toThrow();
    await until(() => closed === 2);
  });
  it('lets a reader that stops early go, and with it the connection', async () => {
    let closed = 0;
    const url = await listen(
      createServer((request, response) => {
        request.socket.once('close', () => closed++);
        response.writeHead(200, { 'content-length': '100' }).write('x');
      }),
    );
    const pieces = piecesOf(await open(url)());
    await pieces.next();
    await pieces.return?.();
    await until(() => closed === 1);
  });
  it('throws what its own body throws', async () => {
    const url = await listen(createServer((request) => request.resume()));
    const broken = new Error('too slow');
    const body = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('x');
      throw broken;
    };
    await expect(open(url)({ method: 'PUT', body: body() })).rejects.toBe(broken);
  });
});
