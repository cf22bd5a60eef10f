import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { openLogKeeper } from '#audit/server.ts';
import { originHash } from '#audit/service/witness/ask-witness.ts';
import { saveCosignature } from '#audit/store/cosignature-store.ts';
import { openCities } from '#platform/database/cities.ts';
import { openCheckpoint, signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosigner } from '#platform/tlog/cosignature.ts';
import { hashLeaf } from '#platform/tlog/merkle.ts';
import { formatNote, formatSignature, makeNoteSigner, makeNoteVerifier, parseNote } from '#platform/tlog/note.ts';
import { judgeCheckpoint, parsePolicy } from '#platform/tlog/policy.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';
import { formatAddCheckpoint } from '#platform/tlog/witness.ts';
import { aSigningKey } from '#test/support/signing-key.ts';
import { sizeOf } from './log-support.ts';
import {
  countOf,
  openWitnessWorld,
  proveOf,
  publishedOf,
  type Running,
  reportOf,
  textOf,
  until,
  untilCosigned,
  viewOf,
  type WitnessWorld,
  writeAll,
} from './witness-support.ts';

const FAST = { everyMs: 20, retryMs: 50, maxRetryMs: 200, checkMs: 2_000 };
const cosignerOf = (name: string) => makeCosigner(name, openSigningKey(Buffer.from(aSigningKey(name).privateJwk['d'] ?? '', 'base64url')));
const servers = new Set<Server>();
let world: WitnessWorld;
beforeAll(async () => {
  world = await openWitnessWorld();
});
afterEach(() => world.stop());
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await world?.end();
});

describe('the logs of three cities', () => {
  it('are cosigned each by the two others, and shown so', async () => {
    const subgraph = await world.start();
    for (const city of ['MTL', 'QUE', 'SHE']) await writeAll(world.writers, city, 30);
    for (const city of ['MTL', 'QUE', 'SHE']) {
      const others = ['MTL', 'QUE', 'SHE'].filter((each) => each !== city);
      const size = await countOf(await world.network.admin(city), city);
      await untilCosigned(subgraph.fetch, city, size, others);
      const view = await viewOf(subgraph, city);
      expect(view).toMatchObject({ size, isWitnessed: true });
      expect(view?.witnesses.map(({ name }) => name).sort()).toEqual(others);
      expect(view?.note).toBe(await textOf(subgraph.fetch, `${city}/checkpoint`));
      expect(parseNote(view?.note ?? '').signatures.map(({ name }) => name)).toEqual([
        `caregraph.example/audit/${city}`,
        ...others.map((each) => `caregraph.example/witness/${each}`),
      ]);
      expect(reportOf(subgraph, city)).toMatchObject({
        state: 'signing',
        alarms: [],
        witnesses: Object.fromEntries(others.map((each) => [each, { state: 'cosigning', size }])),
      });
    }
  });

  it('are told to strangers with their witnesses, and a city is no witness of its own', async () => {
    const { fetch } = await world.start();
    const whole = parsePolicy(await textOf(fetch, 'policy'));
    expect(whole.logs.map(({ verifier, url }) => [verifier.name, url])).toEqual(
      ['MTL', 'QUE', 'SHE'].map((city) => [`caregraph.example/audit/${city}`, `http://127.0.0.1:4000/audit/${city}`]),
    );
    expect(whole.witnesses.map(({ name, url }) => [name, url])).toEqual(
      ['MTL', 'QUE', 'SHE'].map((city) => [city, `http://127.0.0.1:4000/audit/${city}/witness`]),
    );
    const own = parsePolicy(await textOf(fetch, 'MTL/policy'));
    expect(own.witnesses.map(({ name }) => name)).toEqual(['QUE', 'SHE']);
    expect(own.groups).toMatchObject([{ threshold: 1, members: ['QUE', 'SHE'] }]);
    expect(await textOf(fetch, 'QUE/witness/key')).toMatch(/^caregraph\.example\/witness\/QUE\+[0-9a-f]{8}\+/);
    const note = await textOf(fetch, 'MTL/checkpoint');
    const body = formatAddCheckpoint({ oldSize: 0, proof: [], note: parseNote(note) });
    expect((await fetch('MTL/witness/add-checkpoint', {}, 'POST', body)).status).toBe(404);
    expect((await fetch(`MTL/witness/latest/${originHash('caregraph.example/audit/MTL')}`)).status).toBe(404);
  });

  it('answer at the addresses of the witness as the text has it, and to nothing else', async () => {
    const { fetch } = await world.start();
    const size = await countOf(await world.network.admin('MTL'), 'MTL');
    await untilCosigned(fetch, 'MTL', size, ['QUE']);
    const note = parseNote(await textOf(fetch, 'MTL/checkpoint'));
    const at = 'QUE/witness/add-checkpoint';
    const post = async (body: string | Uint8Array, path = at) => {
      const { status, headers, bytes } = await fetch(path, {}, 'POST', body);
      return { status, type: headers['content-type'], body: Buffer.from(bytes).toString() };
    };
    expect(await post(formatAddCheckpoint({ oldSize: size, proof: [], note }))).toMatchObject({
      status: 200,
      type: 'text/plain; charset=utf-8',
      body: expect.stringMatching(/^— caregraph\.example\/witness\/QUE \S+\n$/),
    });
    expect(await post(formatAddCheckpoint({ oldSize: 0, proof: [], note }))).toEqual({
      status: 409,
      type: 'text/x.tlog.size',
      body: `${size}\n`,
    });
    expect((await post('old 0\n')).status).toBe(400);
    expect((await post(Buffer.alloc(16 * 1024 + 1, 65))).status).toBe(413);
    for (const method of ['GET', 'PUT', 'OTHER', 'HEAD'] as const)
      expect([method, (await fetch(at, {}, method)).status]).toEqual([method, 405]);
    for (const path of [
      'XXX/witness/add-checkpoint',
      'QUE/witness',
      'QUE/witness/',
      'QUE/witness/latest/x',
      'QUE/witness/add-checkpoint/x',
    ])
      expect([path, (await fetch(path)).status]).toEqual([path, 404]);
    const latest = await fetch(`QUE/witness/latest/${originHash('caregraph.example/audit/MTL')}`);
    expect(latest).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store', 'access-control-allow-origin': '*' } });
    expect((await openCheckpoint(latest.bytes, [makeNoteVerifier((await textOf(fetch, 'MTL/key')).trim())])).checkpoint.size).toBe(size);
  });

  it('are cosigned anew while nothing is written, and the newest word of each witness is the one that is kept and shown', async () => {
    const subgraph = await world.start({ witnessing: { ...FAST, renewMs: 200 } });
    const admin = await world.network.admin('MTL');
    const size = await countOf(admin, 'MTL');
    await untilCosigned(subgraph.fetch, 'MTL', size, ['QUE', 'SHE']);
    const timesOf = async (): Promise<Record<string, number>> => {
      const { judgement } = await publishedOf(subgraph.fetch, 'MTL');
      return judgement.kind === 'accepted' ? Object.fromEntries(judgement.witnesses.map(({ name, at }) => [name, at.getTime()])) : {};
    };
    const linesOf = async (): Promise<readonly { witness: string; line: string }[]> =>
      (await admin.query(`select witness, line from audit.log_cosignature where city = 'MTL' and size = $1 order by witness`, [size])).rows;
    const before = await timesOf();
    const linesBefore = await linesOf();
    await until(
      async () => {
        const now = await timesOf();
        return ['QUE', 'SHE'].every((name) => (now[name] ?? 0) > (before[name] ?? 0));
      },
      20_000,
      'newer cosignatures',
    );
    // One checkpoint and a line of each: time passes, and nothing is heaped up.
    expect(await countOf(admin, 'MTL')).toBe(size);
    expect((await publishedOf(subgraph.fetch, 'MTL')).judgement).toMatchObject({ kind: 'accepted', checkpoint: { size } });
    const lines = await linesOf();
    expect(lines.map(({ witness }) => witness)).toEqual(linesBefore.map(({ witness }) => witness));
    for (const [i, { line }] of lines.entries()) expect(line).not.toBe(linesBefore[i]?.line);
    await world.stop();
    const { rows } = await admin.query<{ witness: string; line: string }>(
      `select witness, line from audit.log_cosignature where city = 'MTL' and size = $1 order by witness`,
      [size],
    );
    const writers = openCities(world.network.cities, {
      role: 'sequencer',
      password: world.network.secrets.databasePasswords.sequencer,
    });
    try {
      const save = (line: string): Promise<void> => {
        const [first] = rows;
        if (!first) throw new Error('no line');
        return saveCosignature(
          (statement, values) => writers.of('MTL').named(statement, values),
          { city: 'MTL', shard: 1 },
          size,
          first.witness,
          line,
        );
      };
      // Neither an older one nor what is none takes its place; a later one does.
      for (const line of [linesBefore[0]?.line ?? '', 'x', `— x ${'A'.repeat(101)}==\n`]) await save(line);
      expect(await linesOf()).toEqual(rows);
      const [name = ''] = (rows[0]?.line ?? '').split(' ').slice(1);
      const later = await cosignerOf(name).cosign(
        `${name}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n`,
        new Date(Date.now() + 60_000),
      );
      await save(formatSignature(later));
      expect((await linesOf())[0]?.line).toBe(formatSignature(later));
      await admin.query(`update audit.log_cosignature set line = $1 where city = 'MTL' and size = $2 and witness = $3`, [
        rows[0]?.line,
        size,
        rows[0]?.witness,
      ]);
    } finally {
      await writers.stop();
    }
  }, 60_000);

  it('are told with the time of their newest cosignature, and as stale where it is old', async () => {
    const first = await world.start();
    const admin = await world.network.admin('MTL');
    const size = await countOf(admin, 'MTL');
    await untilCosigned(first.fetch, 'MTL', size, ['QUE', 'SHE']);
    const staleOf = (subgraph: Running) => proveOf(subgraph).isStale('MTL');
    const { cosignedAt, witnesses, note = '' } = (await viewOf(first, 'MTL')) ?? {};
    expect(cosignedAt?.getTime()).toBe(Math.max(...(witnesses ?? []).map(({ at }) => at.getTime())));
    expect(await staleOf(first)).toBe(false);
    await world.stop();
    const { text } = parseNote(note);
    const { rows } = await admin.query<{ witness: string; line: string }>(
      `select witness, line from audit.log_cosignature where city = 'MTL' and size = $1`,
      [size],
    );
    const setLine = (witness: string, line: string): Promise<unknown> =>
      admin.query(`update audit.log_cosignature set line = $1 where city = 'MTL' and size = $2 and witness = $3`, [line, size, witness]);
    const old = new Date(Math.floor(Date.now() / 1_000) * 1_000 - 25 * 3_600_000);
    for (const { kid, privateJwk } of Object.values(world.network.secrets.witnessKeys)) {
      const line = await makeCosigner(kid, openSigningKey(Buffer.from(privateJwk['d'] ?? '', 'base64url'))).cosign(text, old);
      if (rows.some(({ witness }) => witness === kid)) await setLine(kid, formatSignature(line));
    }
    const later = await world.start({ witnessing: null });
    expect(await viewOf(later, 'MTL')).toMatchObject({ size, isWitnessed: true, cosignedAt: old });
    expect(await staleOf(later)).toBe(true);
    for (const { witness } of rows) await setLine(witness, '— x AAAA\n');
    expect(await viewOf(later, 'MTL')).toMatchObject({ size, isWitnessed: false, cosignedAt: null });
    expect(await staleOf(later)).toBeNull();
    for (const { witness, line } of rows) await setLine(witness, line);
  }, 60_000);

  it('are not called witnessed where nobody cosigned, nor where lines were forged', async () => {
    const unasked = await world.start({ witnessing: null });
    const admin = await world.network.admin('SHE');
    const before = await sizeOf(admin, 'SHE');
    await writeAll(world.writers, 'SHE', 5);
    const after = await countOf(admin, 'SHE');
    await until(async () => (await viewOf(unasked, 'SHE'))?.size === after && (await sizeOf(admin, 'SHE')) === after, 15_000);
    // An older one is cosigned, and is shown for as long as it is fresh; then the newest as it is.
    await until(async () => (await viewOf(unasked, 'SHE'))?.isWitnessed === false, 15_000);
    expect(await viewOf(unasked, 'SHE')).toMatchObject({ size: after, witnesses: [], isWitnessed: false });
    await admin.query(
      `insert into audit.log_cosignature (city, shard, size, witness, line)
        select city, shard, $1, witness, line from audit.log_cosignature where city = 'SHE' and size = $2`,
      [after, before],
    );
    expect(await viewOf(unasked, 'SHE')).toMatchObject({ size: after, witnesses: [], isWitnessed: false });
    const { note, judgement } = await publishedOf(unasked.fetch, 'SHE');
    expect(parseNote(note).signatures.map(({ name }) => name)).toEqual(['caregraph.example/audit/SHE']);
    expect(judgement).toMatchObject({ kind: 'refused', reason: 'no-quorum', witnesses: [] });
    await admin.query('delete from audit.log_cosignature where size = $1', [after]);
  });
});

describe('witnesses elsewhere', () => {
  const listen = async (handle: RequestListener): Promise<string> => {
    const server = createServer(handle).listen(0, '127.0.0.1');
    servers.add(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const bodyOf = async (request: Parameters<RequestListener>[0]): Promise<string> => {
    let text = '';
    for await (const chunk of request) text += chunk;
    return text;
  };
  const keyOf = (city: string): string => {
    const [key] = world.network.secrets.logKeys[city] ?? [];
    if (!key) throw new Error('no key');
    return makeNoteSigner(key.kid, openSigningKey(Buffer.from(key.privateJwk['d'] ?? '', 'base64url'))).vkey;
  };
  const logs = (): string => ['MTL', 'QUE', 'SHE'].map((city) => `log ${keyOf(city)}\n`).join('');

  it('are asked by their address, and those that are silent, lie or answer nonsense cost their own line alone', async () => {
    const honest = cosignerOf('honest.example/w');
    const asked = new Map<string, number>();
    const count = (name: string): void => void asked.set(name, (asked.get(name) ?? 0) + 1);
    const thief = makeNoteSigner(
      'caregraph.example/audit/SHE',
      openSigningKey(Buffer.from(aSigningKey('thief').privateJwk['d'] ?? '', 'base64url')),
    );
    const forged = formatNote(
      await signCheckpoint({ origin: 'caregraph.example/audit/SHE', size: 1_000_000, root: hashLeaf(Buffer.from('x')) }, thief),
    );
    const urls: Record<string, string> = {
      honest: await listen(async (request, response) => {
        if (request.method !== 'POST') return void response.writeHead(404).end();
        const text = await bodyOf(request);
        const note = parseNote(text.slice(text.indexOf('\n\n') + 2));
        const line = await honest.cosign(note.text, new Date());
        response.writeHead(200).end(formatNote({ text: note.text, signatures: [line] }).slice(note.text.length + 1));
      }),
      silent: await listen(() => count('silent')),
      gone: 'http://127.0.0.1:1',
      redirecting: await listen((_request, response) => {
        count('redirecting');
        response.writeHead(302, { location: `${urls['trap']}/add-checkpoint` }).end();
      }),
      trap: await listen((_request, response) => {
        count('trap');
        response.writeHead(404).end();
      }),
      endless: await listen((_request, response) => {
        response.writeHead(200);
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', more);
        more();
      }),
      // Says that it stands further, and shows what the log never signed.
      liar: await listen((request, response) => {
        count('liar');
        if (request.method === 'POST') response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end('1000000\n');
        else response.writeHead(200).end(forged);
      }),
      accuser: await listen((request, response) => void response.writeHead(request.method === 'POST' ? 422 : 404).end()),
      forger: await listen(async (request, response) => {
        const text = await bodyOf(request);
        const note = parseNote(text.slice(text.indexOf('\n\n') + 2) || 'x\n\n— x AAAAAAAA\n');
        const line = await cosignerOf('forger.example/w')
          .cosign('forger.example/w\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n', new Date())
          .catch(() => null);
        response.writeHead(200).end(line ? formatNote({ text: note.text, signatures: [line] }).slice(note.text.length + 1) : '');
      }),
    };
    const names = ['honest', 'silent', 'gone', 'redirecting', 'endless', 'liar', 'accuser', 'forger'];
    const keys = new Map(names.map((name) => [name, name === 'honest' ? honest : cosignerOf(`${name}.example/w`)]));
    const auditPolicy = [
      logs().trimEnd(),
      ...names.map((name) => `witness ${name} ${keys.get(name)?.vkey} ${urls[name]}`),
      `group all-of-them any ${names.join(' ')}`,
      'quorum all-of-them',
      '',
    ].join('\n');
    const subgraph = await world.start({ auditPolicy });
    const admin = await world.network.admin('SHE');
    for (let round = 0; round < 5; round++) {
      await writeAll(world.writers, 'SHE', 2);
      const count = await countOf(admin, 'SHE');
      // Signing waits for nobody.
      await until(async () => (await sizeOf(admin, 'SHE')) >= count, 5_000, 'the signature');
    }
    const last = await countOf(admin, 'SHE');
    await untilCosigned(subgraph.fetch, 'SHE', last, ['honest']);
    await until(() => names.every((name) => (reportOf(subgraph, 'SHE')?.witnesses[name]?.state ?? 'new') !== 'new'), 15_000, 'all asked');
    const states = Object.fromEntries(Object.entries(reportOf(subgraph, 'SHE')?.witnesses ?? {}).map(([name, { state }]) => [name, state]));
    expect(states).toEqual({
      honest: 'cosigning',
      silent: 'away',
      gone: 'away',
      redirecting: 'refusing',
      endless: 'away',
      liar: 'refusing',
      accuser: 'refusing',
      forger: 'refusing',
    });
    expect(reportOf(subgraph, 'SHE')?.state).toBe('signing');
    expect(asked.get('trap')).toBeUndefined();
    expect(asked.get('liar')).toBeGreaterThan(1);
    expect((await viewOf(subgraph, 'SHE'))?.witnesses.map(({ name }) => name)).toEqual(['honest']);
    expect(world.errors()).toEqual([]);
  }, 60_000);

  it('whose line is asked for by the quorum and never comes: nothing is called witnessed, and all is published', async () => {
    const never = cosignerOf('never.example/w');
    const vkeys = Object.entries(world.network.secrets.witnessKeys).map(
      ([city, { kid, privateJwk }]) =>
        `witness ${city} ${makeCosigner(kid, openSigningKey(Buffer.from(privateJwk['d'] ?? '', 'base64url'))).vkey}`,
    );
    const auditPolicy = `${logs()}${vkeys.join('\n')}\nwitness never ${never.vkey}\ngroup cities any MTL QUE SHE\ngroup both all cities never\nquorum both\n`;
    const subgraph = await world.start({ auditPolicy });
    await writeAll(world.writers, 'QUE', 3);
    const size = await countOf(await world.network.admin('QUE'), 'QUE');
    await until(
      async () => {
        const view = await viewOf(subgraph, 'QUE');
        return view?.size === size && view.witnesses.length === 2;
      },
      15_000,
      'two lines',
    );
    expect(await viewOf(subgraph, 'QUE')).toMatchObject({ size, isWitnessed: false });
    expect((await publishedOf(subgraph.fetch, 'QUE')).judgement).toMatchObject({ kind: 'refused', reason: 'no-quorum' });
  });

  it('a policy without a log of this network is refused at the start', async () => {
    await expect(world.start({ auditPolicy: `log ${keyOf('MTL')}\nquorum none\n` })).rejects.toThrow(
      'AUDIT_POLICY lacks a log of QUE, SHE',
    );
  });
});

describe('shards of a log', () => {
  it('are witnessed each, the one that ends to its last entry, the next one with a new key', async () => {
    const { cities, secrets: known } = world.network;
    const secrets = {
      ...known,
      logKeys: { ...known.logKeys, QUE: [...(known.logKeys['QUE'] ?? []), aSigningKey('caregraph.example/audit/QUE')] },
    };
    const subgraph = await world.start({ secrets });
    const keeper = openLogKeeper({ cities, secrets, log: world.log });
    try {
      await writeAll(world.writers, 'QUE', 4);
      await until(
        async () => (await sizeOf(await world.network.admin('QUE'), 'QUE')) === (await countOf(await world.network.admin('QUE'), 'QUE')),
        15_000,
      );
      await writeAll(world.writers, 'QUE', 2);
      await keeper.beginShard('QUE');
      await writeAll(world.writers, 'QUE', 2);
    } finally {
      await keeper.stop();
    }
    const keyOf = (path: string): Promise<string> => textOf(subgraph.fetch, `${path}/key`);
    for (const path of ['QUE/1', 'QUE/2', 'QUE'])
      await until(
        async () => {
          if ((await subgraph.fetch(`${path}/checkpoint`)).status !== 200) return false;
          const { judgement } = await publishedOf(subgraph.fetch, path);
          const names = judgement.kind === 'accepted' ? judgement.witnesses.map(({ name }) => name) : [];
          return names.length === 2 && !names.includes('QUE');
        },
        20_000,
        `two lines under ${path}`,
      );
    expect((await keyOf('QUE/1')).split('+')[2]).not.toBe((await keyOf('QUE/2')).split('+')[2]);
    // The policy above the shards has both keys, so that it judges either.
    const above = parsePolicy(await textOf(subgraph.fetch, 'QUE/policy'));
    expect(above.logs.map(({ verifier }) => verifier.name)).toEqual(['caregraph.example/audit/QUE/2', 'caregraph.example/audit/QUE']);
    for (const path of ['QUE/1', 'QUE/2'])
      expect(await judgeCheckpoint(await textOf(subgraph.fetch, `${path}/checkpoint`), above)).toMatchObject({ kind: 'accepted' });
    expect(parsePolicy(await textOf(subgraph.fetch, 'QUE/1/policy')).logs.length).toBe(1);
    const publishedSizes = (): Promise<number[]> =>
      Promise.all(
        ['QUE/1', 'QUE/2'].map(async (path) => {
          const { judgement } = await publishedOf(subgraph.fetch, path);
          return judgement.kind === 'accepted' ? judgement.checkpoint.size : -1;
        }),
      );
    const entries = await countOf(await world.network.admin('QUE'), 'QUE');
    // All that was written comes to stand under one of the two.
    await until(async () => (await publishedSizes()).reduce((sum, size) => sum + size, 0) === entries, 20_000, 'all entries in two shards');
    const { rows } = await (await world.network.admin('QUE')).query<{ shard: number; size: number }>(
      'select shard, max(size)::int as size from audit.log_checkpoint group by shard order by shard',
    );
    expect(rows.map(({ size }) => size)).toEqual(await publishedSizes());
    expect(reportOf(subgraph, 'QUE')?.state).toBe('signing');
  }, 60_000);
});
