import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import type { Context } from '#audit/context.ts';
import { startAudit } from '#audit/server.ts';
import { originHash } from '#audit/service/witness/ask-witness.ts';
import type { Caller } from '#platform/access/viewer.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { openCheckpoint, signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosigner } from '#platform/tlog/cosignature.ts';
import { hashLeaf, proveConsistency } from '#platform/tlog/merkle.ts';
import { formatNote, makeNoteSigner, makeNoteVerifier, parseNote } from '#platform/tlog/note.ts';
import { judgeCheckpoint, parsePolicy } from '#platform/tlog/policy.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { formatAddCheckpoint } from '#platform/tlog/witness.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { aSigningKey } from '#test/support/signing-key.ts';
import { bodiesOf, type Fetch, makeFetch, sizeOf, sourceOf, until, writeEvents } from './log-support.ts';

let network: TestNetwork;
let writers: Cities;
let running: (Subgraph<Context> & { fetch: Fetch }) | null = null;
let errors: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
const servers = new Set<Server>();
const log: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (message, fields = {}) => void errors.push({ message, fields }),
};

beforeAll(async () => {
  network = await testNetwork();
  const { cities, subjects } = network;
  writers = openCities(cities, { role: 'scheduling', password: network.secrets.databasePasswords.scheduling, subjects });
});
const stop = async (): Promise<void> => {
  await running?.stop();
  running = null;
};
afterEach(stop);
afterAll(async () => {
  await stop();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await writers?.stop();
  await network?.stop();
});

type Settings = Parameters<typeof startAudit>[0];
const start = async (more: Partial<Settings> = {}): Promise<Subgraph<Context> & { fetch: Fetch }> => {
  const { cities, secrets, subjects } = network;
  errors = [];
  const subgraph = await startAudit({
    cities,
    secrets,
    subjects,
    log,
    sequencing: { pollMs: 20, recheckMs: 100, standbyMs: 50 },
    witnessing: { everyMs: 20, retryMs: 50, maxRetryMs: 200, checkMs: 2_000 },
    ...more,
  });
  if (!subgraph.transfer) throw new Error('nothing is served');
  running = { ...subgraph, fetch: makeFetch(subgraph.transfer) };
  return running;
};
type Report = {
  state: string;
  firstBadIndex?: number | null;
  witness?: string;
  witnessSize?: number;
  witnesses: Record<string, { state: string; size: number | null }>;
  alarms: { origin: string; kind: string; count: number }[];
};
const reportOf = (subgraph: Subgraph<Context>, city: string): Report | undefined =>
  (subgraph.report?.()?.['auditLog'] as Record<string, Report> | undefined)?.[city];
const countOf = async (admin: pg.Client, city: string): Promise<number> =>
  Number((await admin.query('select count(*) n from audit.entry where city = $1', [city])).rows[0]?.n);
const textOf = async (fetch: Fetch, path: string): Promise<string> => Buffer.from((await fetch(path)).bytes).toString();
/** What is published of a city, as a stranger judges it by the policy that is published beside it. */
const publishedOf = async (fetch: Fetch, city: string) => {
  const policy = parsePolicy(await textOf(fetch, `${city}/policy`));
  const note = await textOf(fetch, `${city}/checkpoint`);
  return { note, judgement: await judgeCheckpoint(note, policy) };
};
const untilCosigned = (fetch: Fetch, city: string, size: number, by: readonly string[]): Promise<void> =>
  until(
    async () => {
      if ((await fetch(`${city}/checkpoint`)).status !== 200) return false;
      const { judgement } = await publishedOf(fetch, city);
      return (
        judgement.kind === 'accepted' &&
        judgement.checkpoint.size === size &&
        by.every((name) => judgement.witnesses.some((each) => each.name === name))
      );
    },
    15_000,
    `a checkpoint of ${city} with ${by.join(' and ')}`,
  );
const caller: Caller = { viewer: null, requestId: 'x', address: '192.0.2.1', language: 'en', origin: '' };
const viewOf = (subgraph: Subgraph<Context>, city: string) => subgraph.makeContext(caller).services.prove.checkpointOf(city);

/** The tables of a log, children first. */
const TABLES = ['log_cosignature', 'log_checkpoint', 'log_tile', 'log_bundle', 'log_state', 'log_shard', 'entry'] as const;
const keep = async (admin: pg.Client, name: string): Promise<void> => {
  for (const table of TABLES) await admin.query(`create table public.${name}_${table} as table audit.${table}`);
};
/** Puts a copy of the database's log in the place of what is there. */
const restore = async (admin: pg.Client, name: string): Promise<void> => {
  await admin.query('begin');
  for (const table of TABLES) await admin.query(`delete from audit.${table}`);
  for (const table of TABLES.toReversed())
    await admin.query(
      `insert into audit.${table} ${table === 'entry' ? 'overriding system value ' : ''}select * from public.${name}_${table}`,
    );
  await admin.query('commit');
};
const standing = async (witness: string, of: string): Promise<{ size: number; root: string } | null> => {
  const { rows } = await (await network.admin(witness)).query(
    `select size::int, encode(root, 'hex') as root from audit.witness_log where city = $1 and origin = $2`,
    [witness, `caregraph.example/audit/${of}`],
  );
  return rows[0] ?? null;
};

describe('the logs of three cities', () => {
  it('are cosigned each by the two others, and shown so', async () => {
    const subgraph = await start();
    for (const city of ['MTL', 'QUE', 'SHE']) await writeEvents(writers, city, 30);
    for (const city of ['MTL', 'QUE', 'SHE']) {
      const others = ['MTL', 'QUE', 'SHE'].filter((each) => each !== city);
      await untilCosigned(subgraph.fetch, city, 30, others);
      const view = await viewOf(subgraph, city);
      expect(view).toMatchObject({ size: 30, isWitnessed: true });
      expect(view?.witnesses.map(({ name }) => name).sort()).toEqual(others);
      expect(view?.note).toBe(await textOf(subgraph.fetch, `${city}/checkpoint`));
      expect(parseNote(view?.note ?? '').signatures.map(({ name }) => name)).toEqual([
        `caregraph.example/audit/${city}`,
        ...others.map((each) => `caregraph.example/witness/${each}`),
      ]);
      expect(reportOf(subgraph, city)).toMatchObject({
        state: 'signing',
        alarms: [],
        witnesses: Object.fromEntries(others.map((each) => [each, { state: 'cosigning', size: 30 }])),
      });
    }
  });

  it('are told to strangers with their witnesses, and a city is no witness of its own', async () => {
    const { fetch } = await start();
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
    const { fetch } = await start();
    await untilCosigned(fetch, 'MTL', 30, ['QUE']);
    const note = parseNote(await textOf(fetch, 'MTL/checkpoint'));
    const at = 'QUE/witness/add-checkpoint';
    const post = async (body: string | Uint8Array, path = at) => {
      const { status, headers, bytes } = await fetch(path, {}, 'POST', body);
      return { status, type: headers['content-type'], body: Buffer.from(bytes).toString() };
    };
    expect(await post(formatAddCheckpoint({ oldSize: 30, proof: [], note }))).toMatchObject({
      status: 200,
      type: 'text/plain; charset=utf-8',
      body: expect.stringMatching(/^— caregraph\.example\/witness\/QUE \S+\n$/),
    });
    expect(await post(formatAddCheckpoint({ oldSize: 0, proof: [], note }))).toEqual({
      status: 409,
      type: 'text/x.tlog.size',
      body: '30\n',
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
    expect((await openCheckpoint(latest.bytes, [makeNoteVerifier((await textOf(fetch, 'MTL/key')).trim())])).checkpoint.size).toBe(30);
  });

  it('are not called witnessed where nobody cosigned, nor where lines were forged', async () => {
    const unasked = await start({ witnessing: null });
    const admin = await network.admin('SHE');
    const before = await sizeOf(admin, 'SHE');
    await writeEvents(writers, 'SHE', 5);
    await until(async () => (await viewOf(unasked, 'SHE'))?.size === before + 5 && (await sizeOf(admin, 'SHE')) === before + 5, 15_000);
    // An older one is cosigned, and is shown for as long as it is fresh; then the newest as it is.
    await until(async () => (await viewOf(unasked, 'SHE'))?.isWitnessed === false, 15_000);
    expect(await viewOf(unasked, 'SHE')).toMatchObject({ size: before + 5, witnesses: [], isWitnessed: false });
    await admin.query(
      `insert into audit.log_cosignature (city, shard, size, witness, line)
        select city, shard, $1, witness, line from audit.log_cosignature where city = 'SHE' and size = $2`,
      [before + 5, before],
    );
    expect(await viewOf(unasked, 'SHE')).toMatchObject({ size: before + 5, witnesses: [], isWitnessed: false });
    const { note, judgement } = await publishedOf(unasked.fetch, 'SHE');
    expect(parseNote(note).signatures.map(({ name }) => name)).toEqual(['caregraph.example/audit/SHE']);
    expect(judgement).toMatchObject({ kind: 'refused', reason: 'no-quorum', witnesses: [] });
    await admin.query('delete from audit.log_cosignature where size = $1', [before + 5]);
  });
});

describe('a log whose past is another one', () => {
  const CITY = 'MTL';
  const ORIGIN = `caregraph.example/audit/${CITY}`;
  const BOTH = ['QUE', 'SHE'] as const;
  let admin: pg.Client;
  let copies = 0;
  let [older, whole] = ['', ''];
  /** Sizes of the two copies: of an old one, and of the log as its witnesses know it. */
  let [before, known] = [0, 0];
  beforeAll(async () => {
    admin = await network.admin(CITY);
  });
  /** The log grows under its witnesses' eyes, and is copied on the way and at the end. Nothing runs afterwards. */
  const grow = async (): Promise<void> => {
    const first = await start();
    await writeEvents(writers, CITY, 11);
    before = await countOf(admin, CITY);
    await untilCosigned(first.fetch, CITY, before, BOTH);
    await stop();
    older = `copy${++copies}`;
    await keep(admin, older);
    const { fetch } = await start();
    await writeEvents(writers, CITY, 20);
    known = await countOf(admin, CITY);
    await untilCosigned(fetch, CITY, known, BOTH);
    await stop();
    whole = `copy${++copies}`;
    await keep(admin, whole);
  };
  /** What is there is signed by the log's key, without a witness, as somebody with the key and the database would do it. */
  const signAlone = async (): Promise<void> => {
    await start({ witnessing: null });
    await until(async () => (await sizeOf(admin, CITY)) === (await countOf(admin, CITY)), 15_000, 'the last entry in the log');
    await stop();
  };

  /** It stopped, said why, says so once, and acts are recorded all the same. */
  const expectStopped = async (subgraph: Subgraph<Context>, told: Partial<Report>): Promise<void> => {
    await until(() => reportOf(subgraph, CITY)?.state === 'broken' && reportOf(subgraph, CITY)?.firstBadIndex !== null, 15_000, 'the stop');
    expect(reportOf(subgraph, CITY)).toMatchObject({ state: 'broken', ...told });
    const [size, entries] = [await sizeOf(admin, CITY), await countOf(admin, CITY)];
    await writeEvents(writers, CITY, 3);
    expect(await countOf(admin, CITY)).toBe(entries + 3);
    // Several looks later nothing more is signed.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await sizeOf(admin, CITY)).toBe(size);
    const holders = errors.filter(
      ({ message }) => message === 'a witness holds a checkpoint that the audit log signed and does not follow',
    );
    expect(holders.map(({ fields }) => fields['witness']).sort()).toEqual(BOTH);
    const stops = errors.filter(({ message }) => message === 'the audit log contradicts its checkpoints, nothing is signed');
    expect(stops).toHaveLength(1);
    // Other cities go on, and the witnesses stand where they stood.
    await until(() => reportOf(subgraph, 'SHE')?.state === 'signing');
    for (const witness of BOTH) expect(await standing(witness, CITY)).toMatchObject({ size: known });
  };
  /** Sends a witness what the log shows now. */
  const sendTo = async (subgraph: { fetch: Fetch }, witness: string, oldSize: number): Promise<number> => {
    const { rows } = await admin.query<{ note: string }>('select note from audit.log_checkpoint order by size desc limit 1');
    const note = parseNote(rows[0]?.note ?? '');
    const { checkpoint } = await openCheckpoint(formatNote(note), [makeNoteVerifier((await textOf(subgraph.fetch, `${CITY}/key`)).trim())]);
    const read = openTileReader(checkpoint.size, checkpoint.root, sourceOf(subgraph.fetch, CITY));
    const proof = oldSize === checkpoint.size ? [] : await proveConsistency(oldSize, checkpoint.size, read);
    return (await subgraph.fetch(`${witness}/witness/add-checkpoint`, {}, 'POST', formatAddCheckpoint({ oldSize, proof, note }))).status;
  };
  const expectAlarm = async (subgraph: Subgraph<Context>, witness: string, kind: string, reason: string): Promise<void> => {
    await until(
      async () => {
        await subgraph.health();
        return reportOf(subgraph, witness)?.alarms.some((each) => each.kind === kind && each.origin === ORIGIN) ?? false;
      },
      15_000,
      'the alarm',
    );
    const bodies = await bodiesOf(await network.admin(witness), witness);
    expect(bodies.map((body) => JSON.parse(Buffer.from(body).toString()))).toContainEqual(
      expect.objectContaining({ act: 'witnessAlarm', reason, city: witness, entities: [{ kind: 'AuditLog', what: ORIGIN }] }),
    );
    expect(errors.filter(({ message, fields }) => message.startsWith('a log contradicts') && fields['city'] === witness)).toHaveLength(1);
  };

  it('restored from an older copy: nothing is signed; with the true log it goes on by itself', async () => {
    await grow();
    await restore(admin, older);
    const subgraph = await start();
    await expectStopped(subgraph, { witnessSize: known, firstBadIndex: before });
    await restore(admin, whole);
    await until(() => reportOf(subgraph, CITY)?.state === 'signing', 15_000, 'signing');
    await writeEvents(writers, CITY, 1);
    await untilCosigned(subgraph.fetch, CITY, known + 1, BOTH);
  }, 60_000);

  it('cut off at its end and gone on with otherwise: found although it is longer, and where; the witness keeps the proof', async () => {
    await grow();
    await restore(admin, older);
    await writeEvents(writers, CITY, 27);
    await signAlone();
    const subgraph = await start();
    await expectStopped(subgraph, { witnessSize: known, firstBadIndex: before });
    expect(await sendTo(subgraph, 'QUE', known)).toBe(422);
    await expectAlarm(subgraph, 'QUE', 'rewritten', 'LOG_REWRITTEN');
    expect(reportOf(subgraph, 'SHE')?.alarms).toEqual([]);
    await stop();
    await restore(admin, whole);
  }, 60_000);

  it('written anew from an old entry on, with tiles, checkpoints and signatures: found as a fork', async () => {
    await grow();
    await admin.query(
      `update audit.entry set body = convert_to(replace(convert_from(body, 'UTF8'), 'bookAppointment', 'cancelAppointm_'), 'UTF8')
        where id = (select id from audit.entry where convert_from(body, 'UTF8') like '%bookAppointment%' order by xid, id offset 3 limit 1)`,
    );
    for (const table of TABLES) if (table !== 'entry') await admin.query(`delete from audit.${table}`);
    await signAlone();
    const subgraph = await start();
    await expectStopped(subgraph, { witnessSize: known, firstBadIndex: 0 });
    expect(await sendTo(subgraph, 'SHE', known)).toBe(409);
    await expectAlarm(subgraph, 'SHE', 'fork', 'LOG_FORKED');
    await stop();
    await restore(admin, whole);
  }, 60_000);

  it('is found by a witness that comes back later, while the log is signed', async () => {
    await grow();
    await restore(admin, older);
    // Both witnesses are away: their tables cannot be read.
    const admins = await Promise.all(BOTH.map((city) => network.admin(city)));
    for (const each of admins) await each.query('revoke select on audit.witness_log from sequencer');
    const subgraph = await start();
    await until(() => reportOf(subgraph, CITY)?.state === 'signing');
    await writeEvents(writers, CITY, 3);
    await until(async () => (await sizeOf(admin, CITY)) === before + 3);
    // The copy's last checkpoint has its lines, and gives way to what none of them saw.
    await until(async () => (await viewOf(subgraph, CITY))?.size === before + 3, 15_000, 'the newest');
    expect((await viewOf(subgraph, CITY))?.isWitnessed).toBe(false);
    await until(() => reportOf(subgraph, CITY)?.witnesses['QUE']?.state === 'away');
    for (const each of admins) await each.query('grant select on audit.witness_log to sequencer');
    await until(() => reportOf(subgraph, CITY)?.state === 'broken', 15_000, 'the stop');
    await until(() => reportOf(subgraph, CITY)?.witnessSize === known, 15_000, 'what is held');
    await stop();
    await restore(admin, whole);
  }, 60_000);

  it('a witness that lost its memory, and one that was restored itself, cosign on', async () => {
    await grow();
    const que = await network.admin('QUE');
    await que.query('delete from audit.witness_log where origin = $1', [ORIGIN]);
    const subgraph = await start();
    await writeEvents(writers, CITY, 2);
    await untilCosigned(subgraph.fetch, CITY, known + 2, BOTH);
    expect(reportOf(subgraph, CITY)?.state).toBe('signing');
    expect(errors).toEqual([]);
  }, 60_000);
});

describe('witnesses elsewhere', () => {
  const listen = async (handle: RequestListener): Promise<string> => {
    const server = createServer(handle).listen(0, '127.0.0.1');
    servers.add(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const cosignerOf = (name: string) =>
    makeCosigner(name, openSigningKey(Buffer.from(aSigningKey(name).privateJwk['d'] ?? '', 'base64url')));
  const bodyOf = async (request: Parameters<RequestListener>[0]): Promise<string> => {
    let text = '';
    for await (const chunk of request) text += chunk;
    return text;
  };
  const keyOf = (city: string): string => {
    const [key] = network.secrets.logKeys[city] ?? [];
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
    const subgraph = await start({ auditPolicy });
    const admin = await network.admin('SHE');
    for (let round = 0; round < 5; round++) {
      await writeEvents(writers, 'SHE', 2);
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
    expect(errors).toEqual([]);
  }, 60_000);

  it('whose line is asked for by the quorum and never comes: nothing is called witnessed, and all is published', async () => {
    const never = cosignerOf('never.example/w');
    const vkeys = Object.entries(network.secrets.witnessKeys).map(
      ([city, { kid, privateJwk }]) =>
        `witness ${city} ${makeCosigner(kid, openSigningKey(Buffer.from(privateJwk['d'] ?? '', 'base64url'))).vkey}`,
    );
    const auditPolicy = `${logs()}${vkeys.join('\n')}\nwitness never ${never.vkey}\ngroup cities any MTL QUE SHE\ngroup both all cities never\nquorum both\n`;
    const subgraph = await start({ auditPolicy });
    await writeEvents(writers, 'QUE', 3);
    const size = await countOf(await network.admin('QUE'), 'QUE');
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
    await expect(start({ auditPolicy: `log ${keyOf('MTL')}\nquorum none\n` })).rejects.toThrow('AUDIT_POLICY lacks a log of QUE, SHE');
  });
});
