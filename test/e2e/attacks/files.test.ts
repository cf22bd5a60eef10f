import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { startTestApp, type TestApp } from '#test/support/app.ts';
import { largeFiles, sha256Of, type UploadAddress } from '#test/support/large-files.ts';

const CHUNK = 262_144;
const CITY = 'MTL';
const [OWNER, OTHER] = ['MTLP0001', 'MTLP0002'];
let app: TestApp;
let at: ReturnType<typeof largeFiles>;
let token: string;
let patientId: string;
beforeAll(async () => {
  app = await startTestApp({ sessionsEveryMs: 100 });
  at = largeFiles(app.graph);
  token = await app.tokenOf(OWNER);
  patientId = (await app.account(OWNER)).patientId ?? '';
}, 60_000);
afterAll(() => app?.stop());

const text = (size: number): Buffer =>
  Buffer.from(
    randomBytes(Math.ceil(size / 2))
      .toString('hex')
      .slice(0, size),
  );
const asked = (bytes: Uint8Array): Promise<UploadAddress> => at.address(token, patientId, bytes);
const codeOf = async (response: Response): Promise<unknown[]> => {
  const { errors } = (await response.json()) as { errors?: { extensions: { code: string; requestId: string } }[] };
  expect(errors?.[0]?.extensions.requestId).toMatch(/^[0-9a-f-]{36}$/);
  return [response.status, errors?.[0]?.extensions.code];
};
const sql = async <R extends Record<string, unknown>>(query: string, values: unknown[] = []): Promise<R[]> =>
  (await (await app.network.admin(CITY)).query<R>(query, values)).rows;
/** What a refusal leaves as it is: uploads, versions, rooms, and what stands in both stores. */
const state = async (): Promise<string> => {
  const rows = await sql(
    `select (select jsonb_agg(t order by t.id) from files.upload t) as uploads, (select count(*)::int from files.version) as versions,
       (select jsonb_agg(t) from files.room t) as room, (select jsonb_agg(t order by t.id) from files.download t) as downloads`,
  );
  return JSON.stringify([rows, blobs()]);
};
const storesFolder = (): string => path.join(path.dirname(app.logFile), 'files');
const blobs = (): string[] =>
  ['primary', 'backup'].flatMap((store) => {
    const folder = path.join(storesFolder(), store);
    return existsSync(folder) ? readdirSync(folder, { recursive: true }).map((name) => `${store}/${name}`) : [];
  });
const until = async (holds: () => Promise<boolean> | boolean, withinMs = 15_000): Promise<void> => {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it did not come about in time');
    await new Promise((done) => setTimeout(done, 50));
  }
};
const rawPut = (url: string, headers: Readonly<Record<string, string>>): Socket => {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`PUT ${pathname} HTTP/1.1\r\nhost: x\r\n${lines.join('')}\r\n`);
  return socket;
};
const answerOf = async (socket: Socket, withinMs = 20_000): Promise<string> => {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  const end = Date.now() + withinMs;
  while (!socket.closed && !/\r\n\r\n.*\}$/s.test(text)) {
    if (Date.now() > end) throw new Error('no answer in time');
    await new Promise((done) => setTimeout(done, 20));
  }
  return text;
};
const refusalsOf = (act: string): Promise<{ n: number }[]> =>
  sql(`select count(*)::int as n from audit.entry where act = $1 and outcome = 8`, [act]);

describe('oversize, wrong length, endless, slow, empty, many at once', () => {
  it('takes nothing beyond what was told, however it comes', async () => {
    const bytes = text(CHUNK + 10);
    const { id, url } = await asked(bytes);
    const before = await state();
    expect(await codeOf(await at.put(url, Buffer.concat([bytes, Buffer.from('x')])))).toEqual([413, 'LIMIT_EXCEEDED']);
    expect(await state()).toBe(before);
    // Without a length, and without an end: cut off once it is too long.
    const endless = rawPut(url, { 'transfer-encoding': 'chunked' });
    const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    let sent = 0;
    const push = (): void => {
      while (!endless.closed && sent < 4_000 && endless.write(piece)) sent++;
      if (!endless.closed) endless.once('drain', push);
    };
    push();
    expect(await answerOf(endless)).toMatch(/^HTTP\/1\.1 413 /);
    await until(() => endless.closed);
    expect(sent).toBeLessThan(1_000);
    // What was whole of it was text too, so that it counts; the owner's bytes have another hash.
    const offset = Number((await fetch(url, { method: 'HEAD' })).headers.get('upload-offset'));
    expect(offset).toBe(CHUNK);
    expect(
      (await at.put(url, bytes.subarray(offset), { 'content-range': `bytes ${offset}-${bytes.length - 1}/${bytes.length}` })).status,
    ).toBe(422);
    const again = await app.graph.ask('mutation ($id: ID!) { finishUpload(uploadId: $id) { __typename } }', { id }, { token });
    expect(again.data).toEqual({ finishUpload: { __typename: 'ContentRefused' } });
  });
  it('does not take a body that is shorter than its own length', async () => {
    const bytes = text(1_000);
    const { id, url } = await asked(bytes);
    const socket = rawPut(url, { 'content-length': '1000' });
    socket.end(bytes.subarray(0, 500));
    socket.resume();
    await until(() => socket.closed);
    await until(async () => (await fetch(url, { method: 'HEAD' })).headers.get('upload-offset') === '0');
    expect((await at.put(url, bytes)).status).toBe(201);
    expect((await at.finish(token, id)).sha256).toBe(sha256Of(bytes));
  });
  it.each(['-1', '1e3', '10, 20', 'x', '99999999999999999999'])('refuses a Content-Length of %s', async (length) => {
    const { url } = await asked(text(10));
    const before = await state();
    const answer = await answerOf(rawPut(url, { 'content-length': length }));
    expect(answer).toMatch(/^HTTP\/1\.1 4(?:00|13) .*"errors"/s);
    expect(await state()).toBe(before);
  });
  it('lets a slow sender go, keeps what is whole, and goes on with it', async () => {
    const bytes = text(2 * CHUNK + 1);
    const { id, url } = await asked(bytes);
    const socket = rawPut(url, { 'content-length': String(bytes.length) });
    socket.write(bytes.subarray(0, CHUNK + 1_000));
    const began = performance.now();
    expect(await answerOf(socket, 25_000)).toMatch(/^HTTP\/1\.1 408 /);
    expect(performance.now() - began).toBeLessThan(20_000);
    await until(async () => (await fetch(url, { method: 'HEAD' })).headers.get('upload-offset') === String(CHUNK));
    const rest = { 'content-range': `bytes ${CHUNK}-${bytes.length - 1}/${bytes.length}` };
    expect((await at.put(url, bytes.subarray(CHUNK), rest)).status).toBe(201);
    expect((await at.finish(token, id)).sha256).toBe(sha256Of(bytes));
  }, 40_000);
  it('keeps a file of no bytes', async () => {
    const { id, url } = await asked(Buffer.alloc(0));
    expect((await at.put(url, Buffer.alloc(0))).status).toBe(201);
    expect((await at.finish(token, id)).sizeBytes).toBe(0);
  });
  it('keeps each of many at once or says when to come again, and counts every byte', async () => {
    const names = Array.from({ length: 16 }, (_, i) => `MTLP${String(i + 1).padStart(4, '0')}`);
    const people = await Promise.all(
      names.map(async (name) => ({ token: await app.tokenOf(name), id: (await app.account(name)).patientId ?? '' })),
    );
    const used = async () =>
      (await sql<{ used: string; reserved: string }>('select used_bytes as used, reserved_bytes as reserved from files.room'))[0];
    const before = Number((await used())?.used);
    const bytes = text(100_000);
    const uploads: { readonly token: string; readonly address: UploadAddress }[] = [];
    for (let round = 0; round < 12; round++)
      uploads.push(
        ...(await Promise.all(people.map(async (who) => ({ token: who.token, address: await at.address(who.token, who.id, bytes) })))),
      );
    const count = (list: readonly number[]) =>
      Object.fromEntries(Object.entries(Object.groupBy(list, String)).map(([key, all]) => [key, all?.length]));
    const sendAll = (list: typeof uploads): Promise<number[]> =>
      Promise.all(
        list.map(async ({ address }) => {
          const sent = await at.put(address.url, bytes);
          await sent.arrayBuffer();
          return sent.status;
        }),
      );
    let left = uploads;
    const seen: number[] = [];
    for (let round = 0; left.length > 0 && round < 40; round++) {
      const statuses = await sendAll(left);
      seen.push(...statuses);
      left = left.filter((_each, i) => statuses[i] !== 201);
    }
    expect(Object.keys(count(seen)).every((status) => ['201', '429', '503'].includes(status))).toBe(true);
    expect(count(seen)['201']).toBe(192);
    expect(count(seen)['429'] ?? 0).toBeGreaterThan(0);
    const kept = await Promise.all(uploads.map(({ token: of, address }) => at.finish(of, address.id)));
    expect(new Set(kept.map(({ sha256 }) => sha256))).toEqual(new Set([sha256Of(bytes)]));
    expect(Number((await used())?.used) - before).toBe(192 * bytes.length);
  }, 60_000);
  it('leaves nothing of what was refused or given up, in stores or rooms', async () => {
    const bytes = text(2 * CHUNK);
    const [given, refused] = [await asked(bytes), await at.address(token, patientId, bytes, { sha256: 'a'.repeat(64) })];
    const socket = rawPut(given.url, { 'content-length': String(bytes.length) });
    socket.write(bytes.subarray(0, CHUNK + 1));
    await until(async () => (await sql('select 1 from files.upload where id = $1 and lease is not null', [given.id])).length > 0);
    socket.destroy();
    expect((await at.put(refused.url, bytes)).status).toBe(422);
    await until(async () => (await sql('select 1 from files.upload where id = $1 and lease is null', [given.id])).length > 0);
    await sql('update files.upload set expires_at = now() where id = $1', [given.id]);
    await until(
      async () => (await sql(`select 1 from files.upload where state in ('open', 'refused') and expires_at <= now()`)).length === 0,
    );
    const known = new Set(
      (await sql<{ blob_id: string }>('select blob_id from files.version union select blob_id from files.upload')).map(
        (row) => row.blob_id,
      ),
    );
    const strays = (): string[] => blobs().filter((name) => /-blb-/.test(name) && ![...known].some((id) => name.includes(id)));
    await until(() => strays().length === 0);
    const [room] = await sql<{ fits: boolean }>(
      `select r.reserved_bytes = coalesce((select sum(size_bytes) from files.upload where state in ('open', 'received')), 0)
         and r.used_bytes = (select coalesce(sum(size_bytes), 0) from files.version) as fits from files.room r`,
    );
    expect(room).toEqual({ fits: true });
  }, 40_000);
});

describe('a signed address', () => {
  it.each(['upload', 'download'])('is refused in every other form, with nothing written: %s', async (kind) => {
    const bytes = text(50);
    const first = await asked(bytes);
    const second = await asked(bytes);
    let [mine, others] = [first.url, second.url];
    if (kind === 'download') {
      for (const { url } of [first, second]) expect((await at.put(url, bytes)).status).toBe(201);
      mine = (await at.download(token, (await at.finish(token, first.id)).id)).url;
      others = (await at.download(token, (await at.finish(token, second.id)).id)).url;
    }
    const use = (url: string, headers = {}): Promise<Response> => (kind === 'upload' ? at.put(url, bytes, headers) : at.get(url, headers));
    const before = await state();
    const recorded = (await refusalsOf(kind))[0]?.n ?? 0;
    const [id = '', expires = '', tag = '', mac = ''] = mine.slice(mine.lastIndexOf('/') + 1).split('.');
    const base = mine.slice(0, mine.lastIndexOf('/') + 1);
    const otherId = others.slice(others.lastIndexOf('/') + 1).split('.')[0] ?? '';
    const bad = {
      'a longer key': `${mine}A`,
      'a shorter key': mine.slice(0, -1),
      'another id': `${base}${[otherId, expires, tag, mac].join('.')}`,
      'a later end': `${base}${[id, String(Number(expires) + 86_400_000), tag, mac].join('.')}`,
      'another session': `${base}${[id, expires, 'AAAAAAAAAAA', mac].join('.')}`,
      'another size': `${mine}?sizeBytes=99999999`,
      'the other kind': mine.replace(`/files/${kind}/`, kind === 'upload' ? '/files/download/' : '/files/upload/'),
    };
    for (const [what, url] of Object.entries(bad)) expect([what, ...(await codeOf(await use(url)))]).toEqual([what, 403, 'FORBIDDEN']);
    for (const method of kind === 'upload' ? ['GET', 'POST', 'DELETE', 'PATCH'] : ['PUT', 'POST', 'DELETE', 'PATCH'])
      expect([method, ...(await codeOf(await fetch(mine, { method })))]).toEqual([method, 403, 'FORBIDDEN']);
    expect(await codeOf(await use(mine, { authorization: `Bearer ${await app.tokenOf(OTHER)}` }))).toEqual([403, 'FORBIDDEN']);
    expect(await codeOf(await use(mine, { authorization: 'Bearer nonsense' }))).toEqual([401, 'UNAUTHENTICATED']);
    expect(await state()).toBe(before);
    expect(((await refusalsOf(kind))[0]?.n ?? 0) - recorded).toBeGreaterThanOrEqual(8);
    const good = await use(mine, { authorization: `Bearer ${token}` });
    await good.arrayBuffer();
    expect(good.status).toBe(kind === 'upload' ? 201 : 200);
    expect(await codeOf(await use(mine))).toEqual([403, 'FORBIDDEN']);
  });
  it('ends with its session, also while bytes move', async () => {
    const session = await app.graph.login(OTHER);
    const person = (await app.account(OTHER)).patientId ?? '';
    const bytes = text(4 * CHUNK);
    const [moving, waiting] = [await at.address(session, person, bytes), await at.address(session, person, bytes)];
    const socket = rawPut(moving.url, { 'content-length': String(bytes.length) });
    socket.write(bytes.subarray(0, CHUNK));
    const timer = setInterval(() => socket.write(bytes.subarray(0, 100)), 50);
    await until(async () => (await sql('select 1 from files.upload where id = $1 and lease is not null', [moving.id])).length > 0);
    const ended = await app.graph.ask('mutation { logout { __typename } }', {}, { token: session });
    expect(ended.errors).toEqual([]);
    socket.resume();
    await until(() => socket.closed);
    clearInterval(timer);
    expect(await codeOf(await at.put(waiting.url, bytes))).toEqual([403, 'FORBIDDEN']);
    expect(await codeOf(await at.put(moving.url, bytes))).toEqual([403, 'FORBIDDEN']);
    expect(await sql('select state from files.upload where id = any($1)', [[moving.id, waiting.id]])).toEqual([
      { state: 'open' },
      { state: 'open' },
    ]);
  });
  it('stands in no line of the log', async () => {
    const bytes = text(10);
    const { id, url } = await asked(bytes);
    await at.put(url, bytes);
    const { url: from } = await at.download(token, (await at.finish(token, id)).id);
    await (await at.get(from)).text();
    const { readFileSync } = await import('node:fs');
    const log = readFileSync(app.logFile, 'utf8');
    expect(log).toContain('/files/upload');
    for (const address of [url, from]) expect(log).not.toContain(address.slice(address.lastIndexOf('.') + 1));
  });
});
