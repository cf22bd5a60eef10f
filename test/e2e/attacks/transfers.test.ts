import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { startTestApp, type TestApp } from '#test/support/app.ts';
import { type KeptFile, largeFiles, sha256Of, type UploadAddress } from '#test/support/large-files.ts';

const CHUNK = 262_144;
const CITY = 'MTL';
const OWNER = 'MTLP0001';
let app: TestApp;
let at: ReturnType<typeof largeFiles>;
let token: string;
let patientId: string;
let origin: URL;
beforeAll(async () => {
  app = await startTestApp();
  at = largeFiles(app.graph);
  token = await app.tokenOf(OWNER);
  patientId = (await app.account(OWNER)).patientId ?? '';
  origin = new URL((await asked(Buffer.from('x'))).url);
}, 60_000);
afterAll(() => app?.stop());

const text = (size: number): Buffer =>
  Buffer.from(
    randomBytes(Math.ceil(size / 2))
      .toString('hex')
      .slice(0, size),
  );
const asked = (bytes: Uint8Array, input: Readonly<Record<string, unknown>> = {}): Promise<UploadAddress> =>
  at.address(token, patientId, bytes, input);
const kept = async (bytes: Uint8Array, input: Readonly<Record<string, unknown>> = {}): Promise<KeptFile> => {
  const { id, url } = await asked(bytes, input);
  expect((await at.put(url, bytes)).status).toBe(201);
  return at.finish(token, id);
};
const sql = async <R extends Record<string, unknown>>(query: string, values: unknown[] = []): Promise<R[]> =>
  (await (await app.network.admin(CITY)).query<R>(query, values)).rows;
const blobs = (): string[] =>
  ['primary', 'backup'].flatMap((store) => {
    const folder = path.join(path.dirname(app.logFile), 'files', store);
    return existsSync(folder) ? readdirSync(folder, { recursive: true }).map((name) => `${store}/${name}`) : [];
  });
/** What a refusal leaves as it is. */
const state = async (): Promise<string> =>
  JSON.stringify([
    await sql(
      `select (select jsonb_agg(t order by t.id) from files.upload t) as uploads, (select count(*)::int from files.version) as versions,
         (select jsonb_agg(t) from files.room t) as room, (select jsonb_agg(t order by t.id) from files.download t) as downloads`,
    ),
    blobs(),
  ]);
const until = async (holds: () => Promise<boolean> | boolean, withinMs = 15_000): Promise<void> => {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it did not come about in time');
    await new Promise((done) => setTimeout(done, 50));
  }
};

const open = (): Socket => {
  const socket = connect(Number(origin.port), origin.hostname);
  socket.on('error', () => {});
  return socket;
};
/** Sends a request as it is written, and gives status, head and body of the first answer. */
const raw = async (
  head: readonly string[],
  body: Uint8Array = Buffer.alloc(0),
): Promise<{ status: number; head: string; body: string }> => {
  const socket = open();
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.write(`${head.join('\r\n')}\r\nconnection: close\r\n\r\n`);
  if (body.length > 0) socket.write(body);
  await until(() => socket.readableEnded || socket.closed);
  socket.destroy();
  const answers = Buffer.concat(parts)
    .toString('latin1')
    .replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
  const [first = '', ...rest] = answers.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0), head: first, body: rest.join('\r\n\r\n') };
};
const pathOf = (url: string): string => new URL(url).pathname;

/** An address in every other notation that a lenient reader would take for the same. */
const forgeries = (url: string, otherKind: string): Record<string, string> => {
  const p = pathOf(url);
  const [, , kind = '', last = ''] = p.split('/');
  const [id = '', expires = '', tag = '', mac = ''] = last.split('.');
  const at = (...parts: string[]): string => `/files/${kind}/${parts.join('.')}`;
  return {
    'a plus': at(id, `+${expires}`, tag, mac),
    'a leading zero': at(id, `0${expires}`, tag, mac),
    'an exponent': at(id, `${Number(expires) / 1e3}e3`, tag, mac),
    'a fraction': at(id, `${expires}.0`, tag, mac),
    'hexadecimal time': at(id, `0x${Number(expires).toString(16)}`, tag, mac),
    'upper case id': at(id.toUpperCase(), expires, tag, mac),
    'another city': at(id.replace(/^MTL/, 'QUE'), expires, tag, mac),
    'no such city': at(id.replace(/^MTL/, 'XXX'), expires, tag, mac),
    'a mac in other case': at(
      id,
      expires,
      tag,
      mac.replace(/[a-zA-Z]/, (c) => (c < 'a' ? c.toLowerCase() : c.toUpperCase())),
    ),
    'a mac with padding': at(id, expires, tag, `${mac}=`),
    'half a mac': at(id, expires, tag, mac.slice(0, 22)),
    'no mac': at(id, expires, tag, ''),
    'no tag': at(id, expires, mac),
    'an encoded letter': p.replace(id, `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`),
    'an encoded dot': p.replaceAll('.', '%2E'),
    'an encoded slash': p.replace(`/${kind}/`, `/${kind}%2F`),
    'two slashes': `/${p}`,
    'two slashes within': p.replace('/files/', '/files//'),
    'a slash at the end': `${p}/`,
    'dots at the end': `${p}/..`,
    'dots within': p.replace('/files/', '/files/./'),
    'a way around': p.replace('/files/', '/files/x/../'),
    'a way to the graph': '/files/../graphql',
    'a way to the subgraph': '/files/../transfer/none',
    'a question': `${p}?`,
    'a backslash': p.replace(`/${kind}/`, `\\${kind}\\`),
    'a zero byte': `${p}%00`,
    'another host': `http://evil.example${p}`,
    'upper case': p.replace('/files/', '/FILES/'),
    'the other kind': p.replace(`/${kind}/`, `/${otherKind}/`),
  };
};

describe('an address', () => {
  it.each(['upload', 'download'])(
    'holds in its one notation alone: %s',
    async (kind) => {
      const bytes = text(40);
      const url = kind === 'upload' ? (await asked(bytes)).url : (await at.download(token, (await kept(bytes)).id)).url;
      const before = await state();
      const method = kind === 'upload' ? 'PUT' : 'GET';
      for (const [what, target] of Object.entries(forgeries(url, kind === 'upload' ? 'download' : 'upload')))
        for (const each of [method, kind === 'upload' ? 'GET' : 'PUT']) {
          const body = each === 'PUT' ? bytes : Buffer.alloc(0);
          const answer = await raw([`${each} ${target} HTTP/1.1`, 'host: x', `content-length: ${body.length}`], body);
          const isRefused =
            /"code":"(?:FORBIDDEN|NOT_FOUND|BAD_USER_INPUT)"/.test(answer.body) && [400, 403, 404, 405].includes(answer.status);
          expect([what, each, answer.status, isRefused]).toEqual([what, each, answer.status, true]);
        }
      // HEAD tells of uploads alone, and nothing of a download.
      if (kind === 'download') {
        const head = await fetch(url, { method: 'HEAD' });
        expect([head.status, head.headers.get('content-disposition')]).toEqual([403, null]);
      }
      expect(await state()).toBe(before);
      expect((await (kind === 'upload' ? at.put(url, bytes) : at.get(url))).status).toBe(kind === 'upload' ? 201 : 200);
    },
    60_000,
  );
  it('is shown to no page of a stranger', async () => {
    const { url } = await asked(text(10));
    for (const method of ['OPTIONS', 'HEAD', 'PUT'])
      for (const from of ['https://evil.example', 'null', 'https://console.example.evil.example']) {
        const answer = await fetch(url, { method, headers: { origin: from, 'access-control-request-method': 'PUT' } });
        await answer.arrayBuffer();
        expect([method, from, answer.headers.get('access-control-allow-origin')]).toEqual([method, from, null]);
      }
  });
});

describe('ranges', () => {
  it('of a download are one, in one form, within it', async () => {
    const bytes = text(1_000);
    const { url } = await at.download(token, (await kept(bytes)).id);
    const before = await state();
    const bad = ['bytes=0-0,-1', 'bytes=0-1, 5-6', 'bytes=1000-', 'bytes=5-4', 'bytes=-0', 'bytes=-', 'bytes=', 'bytes=a-b', 'chunks=0-1'];
    bad.push(
      'bytes=0-99999999999999999999',
      'bytes=99999999999999999999-',
      'bytes=-1-5',
      'bytes=+1-5',
      'bytes=1e1-20',
      'bytes = 0-1',
      '0-1',
    );
    for (const range of bad) {
      const answer = await at.get(url, { range });
      await answer.arrayBuffer();
      expect([range, answer.status, answer.headers.get('content-range')]).toEqual([range, 416, 'bytes */1000']);
    }
    const twice = await raw([`GET ${pathOf(url)} HTTP/1.1`, 'host: x', 'range: bytes=0-1', 'range: bytes=2-3']);
    expect(twice.status).toBe(416);
    expect(await state()).toBe(before);
    for (const [range, from, to] of [
      ['bytes=0-0', 0, 1],
      ['bytes=0-99999', 0, 1_000],
    ] as const) {
      let answer = await at.get(url, { range });
      // The lease of the range before ends just behind its last byte.
      for (let tries = 0; answer.status === 409 && tries < 20; tries++) {
        await new Promise((done) => setTimeout(done, 50));
        answer = await at.get(url, { range });
      }
      expect([answer.status, Buffer.from(await answer.arrayBuffer()).equals(bytes.subarray(from, to))]).toEqual([206, true]);
    }
    const suffix = await at.get((await at.download(token, (await kept(bytes)).id)).url, { range: 'bytes=-5' });
    expect(Buffer.from(await suffix.arrayBuffer()).equals(bytes.subarray(995))).toBe(true);
  }, 60_000);
  it('of an upload are told in full, and no more comes than they tell', async () => {
    const bytes = text(CHUNK + 100);
    const size = bytes.length;
    const { id, url } = await asked(bytes);
    const before = await state();
    const bad = [
      `bytes */${size}`,
      `bytes 0-${size - 1}/*`,
      'bytes -1-5/10',
      `bytes 5-4/${size}`,
      `bytes 0-${size}/${size}`,
      `bytes 0-9/${size + 1}`,
    ];
    bad.push(
      `bytes 0-99999999999999999999/${size}`,
      `bytes=0-9/${size}`,
      `bytes 0-9/${size}, bytes 10-19/${size}`,
      `bytes 0x0-9/${size}`,
      'x',
    );
    for (const range of bad) expect([range, (await at.put(url, bytes, { 'content-range': range })).status]).toEqual([range, 400]);
    expect((await at.put(url, bytes, { 'content-range': `bytes ${CHUNK}-${size - 1}/${size}` })).status).toBe(413);
    expect((await at.put(url, bytes.subarray(CHUNK), { 'content-range': `bytes ${CHUNK}-${size - 1}/${size}` })).status).toBe(409);
    const both = await raw(
      [`PUT ${pathOf(url)} HTTP/1.1`, 'host: x', 'content-length: 5', 'transfer-encoding: chunked'],
      Buffer.from('0\r\n\r\n'),
    );
    expect(both.status).toBe(400);
    const twoLengths = await raw(
      [`PUT ${pathOf(url)} HTTP/1.1`, 'host: x', 'content-length: 5', 'content-length: 6'],
      Buffer.from('123456'),
    );
    expect(twoLengths.status).toBe(400);
    const packed = await at.put(url, bytes, { 'content-encoding': 'gzip' });
    expect(packed.status).toBe(415);
    expect(await state()).toBe(before);
    const part = await at.put(url, bytes.subarray(0, CHUNK), { 'content-range': `bytes 0-${CHUNK - 1}/${size}` });
    expect([part.status, part.headers.get('upload-offset')]).toEqual([202, String(CHUNK)]);
    // One more in the second range: by its length, and without a length.
    const rest = `bytes ${CHUNK}-${size - 1}/${size}`;
    const long = Buffer.concat([bytes.subarray(CHUNK), Buffer.from('!')]);
    expect((await at.put(url, long, { 'content-range': rest })).status).toBe(413);
    const head = [`PUT ${pathOf(url)} HTTP/1.1`, 'host: x', `content-range: ${rest}`, 'transfer-encoding: chunked'];
    const chunked = Buffer.concat([Buffer.from(`${long.length.toString(16)}\r\n`), long, Buffer.from('\r\n0\r\n\r\n')]);
    expect((await raw(head, chunked)).status).toBe(413);
    const sure = [
      `PUT ${pathOf(url)} HTTP/1.1`,
      'host: x',
      `content-range: ${rest}`,
      `content-length: ${size - CHUNK}`,
      'expect: 100-continue',
    ];
    expect((await raw(sure, bytes.subarray(CHUNK))).status).toBe(201);
    expect((await at.finish(token, id)).sha256).toBe(sha256Of(bytes));
    expect((await at.put(url, bytes)).status).toBe(403);
  }, 60_000);
  it.each([
    ['without a length', ['transfer-encoding: chunked'], '0\r\n\r\n'],
    ['with a length of 0', ['content-length: 0'], ''],
    ['with no word of a body', [], ''],
  ])('no bytes at all are a file: %s', async (_what, headers, body) => {
    const { id, url } = await asked(Buffer.alloc(0));
    expect((await raw([`PUT ${pathOf(url)} HTTP/1.1`, 'host: x', ...headers], Buffer.from(body))).status).toBe(201);
    const { id: fileId } = await at.finish(token, id);
    const answer = await at.get((await at.download(token, fileId)).url);
    expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, 0]);
  });
});

describe('at the same time', () => {
  it('two senders to one address never mix, and an upload is not finished before its bytes are there', async () => {
    for (let round = 0; round < 3; round++) {
      const bytes = text(3 * CHUNK + 7);
      const { id, url } = await asked(bytes);
      const finishing = app.graph.ask('mutation ($id: ID!) { finishUpload(uploadId: $id) { __typename } }', { id }, { token });
      const sent = await Promise.all([at.put(url, bytes), at.put(url, Buffer.alloc(bytes.length, 'z')), at.put(url, bytes), finishing]);
      expect(sent[3].data).toEqual({ finishUpload: { __typename: expect.stringMatching(/^(?:UploadIncomplete|UploadFileSuccess)$/) } });
      const statuses = sent.slice(0, 3).map((each) => (each as Response).status);
      expect(statuses.filter((status) => [201, 422].includes(status))).toHaveLength(1);
      if (statuses.includes(201)) expect((await at.finish(token, id)).sha256).toBe(sha256Of(bytes));
    }
  }, 60_000);
  it('a file that is deleted ends its download before its end', async () => {
    const bytes = text(40 * 1024 * 1024);
    const file = await kept(bytes);
    const { url } = await at.download(token, file.id);
    const socket = open();
    let got = 0;
    socket.on('data', (part: Buffer) => {
      got += part.length;
    });
    socket.write(`GET ${pathOf(url)} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await until(() => got > 0);
    socket.pause();
    const deleted = await app.graph.ask('mutation ($id: ID!) { deleteFile(id: $id) { __typename } }', { id: file.id }, { token });
    expect(deleted.errors).toEqual([]);
    await new Promise((done) => setTimeout(done, 9_000)); // it is looked at every 8 s
    socket.resume();
    await until(() => socket.closed, 30_000);
    expect(got).toBeLessThan(bytes.length);
    expect((await at.get(url, { range: 'bytes=0-' })).status).toBe(403);
  }, 60_000);
});

describe('many that break off', () => {
  it('500 aborted uploads leave no lease, no part and no connection, and each address goes on', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `MTLP${String(i + 1).padStart(4, '0')}`);
    const bytes = text(CHUNK + 500);
    const people = await Promise.all(
      names.map(async (name) => ({ token: await app.tokenOf(name), id: (await app.account(name)).patientId ?? '' })),
    );
    const uploads: { readonly token: string; readonly address: UploadAddress }[] = [];
    for (let i = 0; i < 4; i++)
      uploads.push(
        ...(await Promise.all(people.map(async (who) => ({ token: who.token, address: await at.address(who.token, who.id, bytes) })))),
      );
    const ids = uploads.map(({ address }) => address.id);
    const handles = (): number => readdirSync('/proc/self/fd').length;
    const baseline = handles();
    let slowest = 0;
    for (let i = 0; i < 500; i += 20)
      await Promise.all(
        Array.from({ length: 20 }, async (_, k) => {
          const { address } = uploads[(i + k) % uploads.length] as (typeof uploads)[number];
          const socket = open();
          socket.write(`PUT ${pathOf(address.url)} HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes.length}\r\n\r\n`);
          socket.write(bytes.subarray(0, 1 + ((i * 977 + k * 40_009) % bytes.length)));
          const began = performance.now();
          if (k === 0) {
            await fetch(`${origin.origin}/health/live`);
            slowest = Math.max(slowest, performance.now() - began);
          }
          await new Promise((done) => setTimeout(done, (k * 7) % 60));
          socket.destroy();
        }),
      );
    await until(
      async () =>
        (await sql('select 1 from files.upload where id = any($1) and (lease is not null or lease_until is not null)', [ids])).length === 0,
      30_000,
    );
    expect(slowest).toBeLessThan(2_000);
    const statuses = [];
    for (const { token: of, address } of uploads) {
      const offset = Number((await fetch(address.url, { method: 'HEAD' })).headers.get('upload-offset'));
      const range = { 'content-range': `bytes ${offset}-${bytes.length - 1}/${bytes.length}` };
      statuses.push((await at.put(address.url, bytes.subarray(offset), range)).status);
      expect((await at.finish(of, address.id)).sha256).toBe(sha256Of(bytes));
    }
    expect(new Set(statuses)).toEqual(new Set([201]));
    await until(() => handles() < baseline + 40);
    expect(blobs().filter((name) => /\.(?:part|tmp|new)/.test(name))).toEqual([]);
  }, 120_000);
  it('1,000 connections that say half a request keep nobody else waiting', async () => {
    const sockets = Array.from({ length: 1_000 }, () => {
      const socket = open();
      socket.write('PUT /files/upload/x HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n');
      return socket;
    });
    await until(() => sockets.every((socket) => !socket.connecting), 20_000);
    const bytes = text(1_000);
    const began = performance.now();
    const { url } = await at.download(token, (await kept(bytes)).id);
    expect(Buffer.from(await (await at.get(url)).arrayBuffer()).equals(bytes)).toBe(true);
    expect(performance.now() - began).toBeLessThan(5_000);
    for (const socket of sockets) socket.resume();
    await until(() => sockets.every((socket) => socket.closed), 25_000); // the server's deadline for headers
  }, 60_000);
});

describe('a name', () => {
  it('adds no header and stands in no log, whatever it is', async () => {
    const names = [
      'a"; filename="evil.exe',
      'report\u202Etxt.exe.pdf',
      `${'\u{1F600}'.repeat(200)}.txt`,
      `${'\u00e9'.repeat(240)}.txt`,
      "it's; a=b; c*=utf-8''d.txt",
      'canary %0d%0aset-cookie: a=b.txt',
    ];
    for (const name of [...names, 'canary\r\nset-cookie: a=b.txt', 'canary\nx.txt']) {
      const bytes = text(30);
      const answer = await app.graph.ask<{ requestUpload: { upload?: UploadAddress } | null }>(
        `mutation ($input: RequestUploadInput!) { requestUpload(input: $input) { __typename
          ... on RequestUploadSuccess { upload { id url sizeBytes } } } }`,
        { input: { patientId, name, contentType: 'text/plain', sizeBytes: bytes.length, sha256: sha256Of(bytes) } },
        { token },
      );
      const upload = answer.data?.requestUpload?.upload;
      if (!upload) continue; // a name that is none
      expect((await at.put(upload.url, bytes)).status).toBe(201);
      const file = await at.finish(token, upload.id);
      expect(file.name).not.toMatch(/[\r\n\u202a-\u202e\u2066-\u2069]/);
      const { url } = await at.download(token, file.id);
      const got = await raw([`GET ${pathOf(url)} HTTP/1.1`, 'host: x']);
      const disposition = got.head.split('\r\n').filter((line) => /^content-disposition:/i.test(line));
      expect([got.status, disposition.length, /^set-cookie:/im.test(got.head), got.body]).toEqual([200, 1, false, bytes.toString()]);
      expect(disposition[0]).toMatch(
        /^content-disposition: attachment; filename=(?:"(?:[^"\\]|\\.)*"|[\w.%-]+)(?:; filename\*=UTF-8''[\w.%!~*'()-]+)?$/i,
      );
    }
    const log = readFileSync(app.logFile, 'utf8');
    expect(log).toContain('/files/download');
    expect(log).not.toMatch(/canary|evil\.exe|set-cookie|\.[A-Za-z0-9_-]{11}\.[A-Za-z0-9_-]{43}/);
  }, 60_000);
});
