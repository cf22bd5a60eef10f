import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { startAudit } from '#audit/server.ts';
import type { CityConfig, NodeAddress } from '#platform/config/city.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { type Log, makeLog } from '#platform/observability/log.ts';
import { hashLeaf, proveInclusion, verifyInclusion } from '#platform/tlog/merkle.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import {
  bodiesOf,
  checkpointOf,
  entriesOf,
  type Fetch,
  makeFetch,
  rootOf,
  sizeOf,
  sourceOf,
  until,
  writeEvents,
  writeSlowly,
} from './log-support.ts';

const silent = makeLog('test', 'warn', 2);
let network: TestNetwork;
let writers: Cities;
const running = new Set<Subgraph>();

beforeAll(async () => {
  network = await testNetwork();
  writers = openCities(network.cities, {
    role: 'scheduling',
    password: network.secrets.databasePasswords.scheduling,
    subjects: network.subjects,
    maxConnections: 12,
  });
});
afterAll(async () => {
  for (const each of running) await each.stop();
  await writers?.stop();
  await network?.stop();
});

/** A subgraph of this file, which ends with it. */
const start = async (
  log: Log = silent,
  more: Parameters<typeof startAudit>[0]['sequencing'] = {},
): Promise<Subgraph & { fetch: Fetch }> => {
  const subgraph = (await startAudit({
    subjects: network.subjects,
    cities: network.cities,
    secrets: network.secrets,
    log,
    sequencing: { pollMs: 20, recheckMs: 100, standbyMs: 50, ...more },
    witnessing: null,
  })) as Subgraph;
  running.add(subgraph);
  if (!subgraph.transfer) throw new Error('nothing is served');
  return { ...subgraph, fetch: makeFetch(subgraph.transfer) };
};
const stop = async (subgraph: Subgraph): Promise<void> => {
  for (const each of running) if (each.name === subgraph.name && each.transfer === subgraph.transfer) running.delete(each);
  await subgraph.stop();
};
type States = Record<string, { state: string; firstBadIndex?: number | null }>;
const stateOf = (subgraph: Subgraph, city: string) => (subgraph.report?.()?.['auditLog'] as States | undefined)?.[city];
const countOf = async (city: string): Promise<number> =>
  Number((await (await network.admin(city)).query('select count(*) n from audit.entry where city = $1', [city])).rows[0].n);
const allLogged = (city: string): Promise<void> =>
  until(async () => (await sizeOf(await network.admin(city), city)) === (await countOf(city)), 15_000, 'the last entry in the log');

describe('the log of a city', () => {
  let subgraph: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    subgraph = await start();
  });
  afterAll(() => stop(subgraph));

  it('begins with the checkpoint of no entries', async () => {
    await until(() => stateOf(subgraph, 'SHE')?.state === 'signing');
    const { checkpoint } = await checkpointOf(subgraph.fetch, 'SHE');
    expect(checkpoint).toMatchObject({ origin: 'caregraph.example/audit/SHE', size: 0, root: rootOf([]) });
  });

  it('holds every entry once, in the order of transactions, while many write at once and some slowly', async () => {
    const load = Array.from({ length: 8 }, async (_none, i) => {
      for (let n = 0; n < 40; n++) {
        if (i === 0 && n % 10 === 0) await writeSlowly(writers, 'MTL', 20 + randomInt(150), 3);
        else await writeEvents(writers, 'MTL', 1);
      }
    });
    const rolledBack = Array.from({ length: 4 }, () =>
      writers.of('MTL').transaction(async (tx) => {
        await tx.named({ name: 'take_an_xid', text: 'select pg_current_xact_id()' }, []);
        throw new Error('rolled back');
      }),
    );
    await Promise.all(load);
    expect((await Promise.allSettled(rolledBack)).every(({ status }) => status === 'rejected')).toBe(true);
    const admin = await network.admin('MTL');
    const countCheckpoints = async (): Promise<number> =>
      (await admin.query<{ n: number }>(`select count(*)::int as n from audit.log_checkpoint where city = 'MTL'`)).rows[0]?.n ?? 0;
    // Slow transactions may have let all of it come under few checkpoints; the load goes on until there are some on the way.
    for (let more = 0; more < 20 && (await countCheckpoints()) <= 6; more++) {
      await writeEvents(writers, 'MTL', 3);
      await allLogged('MTL');
    }
    await allLogged('MTL');
    const bodies = await bodiesOf(admin, 'MTL');
    expect(bodies.length).toBeGreaterThanOrEqual(8 * 40);
    await until(async () => (await checkpointOf(subgraph.fetch, 'MTL')).checkpoint.size === bodies.length, 20_000, 'the newest checkpoint');
    const { checkpoint } = await checkpointOf(subgraph.fetch, 'MTL');
    const logged = await entriesOf(sourceOf(subgraph.fetch, 'MTL'), checkpoint.size);
    expect(logged.map((entry) => Buffer.from(entry).toString('hex'))).toEqual(bodies.map((body) => Buffer.from(body).toString('hex')));
    expect(checkpoint.root).toEqual(rootOf(bodies));
    // Each of the checkpoints on the way is the root of a beginning.
    const { rows } = await admin.query<{ size: string; note: string }>(
      'select size, note from audit.log_checkpoint where city = $1 order by size',
      ['MTL'],
    );
    expect(rows.length).toBeGreaterThan(5);
    for (const { size, note } of rows)
      expect(note.split('\n').slice(1, 3)).toEqual([size, Buffer.from(rootOf(bodies.slice(0, Number(size)))).toString('base64')]);
  });

  it('waits for a transaction that still runs, and puts nothing of later ones before it', async () => {
    const admin = await network.admin('QUE');
    const before = await sizeOf(admin, 'QUE');
    const slow = writeSlowly(writers, 'QUE', 600);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await writeEvents(writers, 'QUE', 5);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await sizeOf(admin, 'QUE')).toBe(before);
    await slow;
    await allLogged('QUE');
    expect(await sizeOf(admin, 'QUE')).toBe(before + 6);
  });

  it('proves random entries to whoever believes no tile', async () => {
    const { checkpoint } = await checkpointOf(subgraph.fetch, 'MTL');
    const { size, root } = checkpoint;
    const bodies = await bodiesOf(await network.admin('MTL'), 'MTL');
    const read = openTileReader(size, root, sourceOf(subgraph.fetch, 'MTL'));
    for (const index of [0, size - 1, 255, 256, ...Array.from({ length: 20 }, () => randomInt(size))]) {
      const path = await proveInclusion(index, size, read);
      const leaf = hashLeaf(bodies[index] ?? new Uint8Array());
      expect(verifyInclusion(index, size, leaf, path, root)).toBe(true);
      expect(verifyInclusion(index, size, hashLeaf(new Uint8Array([index & 255])), path, root)).toBe(false);
    }
  });

  it('is served as files: full ones for good, partial ones at any width that there was', async () => {
    const { checkpoint } = await checkpointOf(subgraph.fetch, 'MTL');
    expect(checkpoint.size).toBeGreaterThan(256);
    const full = await subgraph.fetch('MTL/1/tile/0/000');
    expect(full).toMatchObject({
      status: 200,
      headers: { 'cache-control': 'public, max-age=31536000, immutable', 'content-length': '8192' },
    });
    expect((await subgraph.fetch('MTL/1/tile/0/000', { 'if-none-match': full.headers['etag'] ?? '' })).status).toBe(304);
    // The same without a number, for as long as this is the current shard.
    expect(await subgraph.fetch('MTL/tile/0/000')).toMatchObject({ bytes: full.bytes, headers: { 'cache-control': 'no-cache' } });
    expect((await subgraph.fetch('MTL/1/checkpoint')).bytes).toEqual((await subgraph.fetch('MTL/checkpoint')).bytes);
    expect((await subgraph.fetch('MTL/tile/0/000.p/17')).bytes).toEqual(Buffer.from(full.bytes.subarray(0, 17 * 32)));
    expect((await subgraph.fetch('MTL/tile/entries/000.p/255')).status).toBe(200);
    expect(await subgraph.fetch('MTL/checkpoint')).toMatchObject({
      status: 200,
      headers: { 'cache-control': 'no-cache', 'content-type': 'text/plain; charset=utf-8' },
    });
    expect(await subgraph.fetch('MTL/tile/0/000', {}, 'HEAD')).toMatchObject({
      status: 200,
      headers: { 'content-length': '8192' },
      bytes: Buffer.alloc(0),
    });
    const wide = checkpoint.size % 256 === 255 ? '000' : `p/${(checkpoint.size % 256) + 1}`;
    for (const path of [
      `tile/0/001.${wide}`,
      `tile/entries/001.${wide}`,
      'tile/0/999',
      'tile/9/000',
      'tile/64/000',
      'tile/0/0',
      'tile/0/000.p/256',
      'checkpoints',
      '',
      'tile/0/-01',
      'tile/entries/x001/000',
      '2/checkpoint',
      '2/tile/0/000',
      '0/checkpoint',
      '01/checkpoint',
      '1/1/checkpoint',
      '99999999999/key',
      '1',
      '1/',
    ])
      expect([path, (await subgraph.fetch(`MTL/${path}`)).status]).toEqual([path, 404]);
    for (const path of ['XXX/checkpoint', 'mtl/checkpoint', 'none', '', '/', 'MTL'])
      expect([path, (await subgraph.fetch(path)).status]).toEqual([path, 404]);
    expect((await subgraph.fetch('MTL/checkpoint', {}, 'OTHER')).status).toBe(405);
  });

  it('keeps personal values out of what it publishes', async () => {
    const accountId = 'MTL-acc-canary0000000000000000000000';
    const patientId = 'MTL-pat-canary0000000000000000000000';
    await writeEvents(writers, 'MTL', 1, {
      patientId,
      actor: { role: 'PATIENT', city: 'MTL', accountId },
      entities: [
        { kind: 'Patient', id: patientId, sha256: 'c'.repeat(64) },
        { kind: 'Account', id: accountId },
      ],
      values: { name: 'canary name' },
    });
    await allLogged('MTL');
    const { checkpoint } = await checkpointOf(subgraph.fetch, 'MTL');
    const entries = await entriesOf(sourceOf(subgraph.fetch, 'MTL'), checkpoint.size);
    expect(entries.map((entry) => Buffer.from(entry).toString()).join('\n')).not.toContain('canary');
    expect(entries.map((entry) => Buffer.from(entry).toString()).join('\n')).not.toContain('c'.repeat(64));
  });

  it('is gone on with by another process when the first one ends, and by one at a time', async () => {
    const second = await start();
    await until(() => stateOf(second, 'MTL')?.state === 'standby');
    await writeEvents(writers, 'MTL', 3);
    await allLogged('MTL');
    expect(stateOf(second, 'MTL')?.state).toBe('standby');
    await stop(subgraph);
    await until(() => stateOf(second, 'MTL')?.state === 'signing');
    await writeEvents(writers, 'MTL', 3);
    await allLogged('MTL');
    const { checkpoint } = await checkpointOf(second.fetch, 'MTL');
    expect(checkpoint.root).toEqual(rootOf(await bodiesOf(await network.admin('MTL'), 'MTL')));
    subgraph = second;
  });
});

describe('the role sequencer', () => {
  let client: pg.Client;
  const DENIED = '42501';
  beforeAll(async () => {
    const city = network.cities.find(({ code }) => code === 'MTL') as CityConfig;
    client = new pg.Client({
      ...(city.nodes[0] as NodeAddress),
      user: 'sequencer',
      password: network.secrets.databasePasswords.sequencer,
      database: city.database,
    });
    client.on('error', () => {});
    await client.connect();
  });
  afterAll(() => client?.end());
  it.each([
    'INSERT INTO audit.entry (city) VALUES (null)',
    'UPDATE audit.entry SET body = body',
    'DELETE FROM audit.entry',
    'SELECT disclosure FROM audit.entry',
    'SELECT patient_id FROM audit.entry',
    'SELECT actor_id FROM audit.entry',
    'SELECT sealed FROM audit.entry',
    'SELECT patient_tag FROM audit.entry',
    'SELECT actor_tag FROM audit.entry',
    'UPDATE audit.log_checkpoint SET note = note',
    'DELETE FROM audit.log_checkpoint',
    'DELETE FROM audit.log_tile',
    'DELETE FROM audit.log_state',
    'DELETE FROM audit.log_bundle',
    'TRUNCATE audit.log_tile',
    'UPDATE audit.log_cosignature SET line = line',
    'UPDATE audit.log_state SET city = city',
    'SELECT * FROM patients.patient',
    'SELECT * FROM scheduling.slot',
  ])('may not: %s', async (text) => {
    await expect(client.query(text)).rejects.toMatchObject({ code: DENIED });
  });
  it.each(['patients', 'scheduling', 'files', 'audit'] as const)('is alone in writing the log: not %s', async (role) => {
    const own = openCities(network.cities, { role, password: network.secrets.databasePasswords[role] });
    try {
      for (const [i, text] of [
        `INSERT INTO audit.log_checkpoint (city, size, note) VALUES ('MTL', 999999, 'x')`,
        `UPDATE audit.log_state SET size = 0`,
        `UPDATE audit.log_tile SET data = data`,
        `DELETE FROM audit.log_bundle`,
        `INSERT INTO audit.log_cosignature (city, size, witness, line) VALUES ('MTL', 0, 'x', 'x')`,
      ].entries())
        await expect(own.of('MTL').named({ name: `forge_${i}`, text }, [])).rejects.toMatchObject({ code: DENIED });
    } finally {
      await own.stop();
    }
  });
});
