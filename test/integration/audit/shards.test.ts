import { randomInt } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { openLogKeeper, startAudit } from '#audit/server.ts';
import { makeProve } from '#audit/service/prove.ts';
import type { FindPublication } from '#audit/service/publish-checkpoint.ts';
import { findCheckpoint } from '#audit/store/log-view-store.ts';
import type { Caller } from '#platform/access/viewer.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { makeExecutor } from '#platform/graphql/executor.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { openCheckpoint } from '#platform/tlog/checkpoint.ts';
import { hashLeaf, verifyConsistency, verifyInclusion } from '#platform/tlog/merkle.ts';
import { makeNoteVerifier } from '#platform/tlog/note.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { entriesOf, type Fetch, makeFetch, rootOf, sourceOf, until, writeEvents, writeSlowly } from './log-support.ts';

const CITY = 'MTL';
const ORIGIN = 'caregraph.example/audit/MTL';
let network: TestNetwork;
let writers: Cities;
let admin: pg.Client;
let keeper: ReturnType<typeof openLogKeeper>;
let readers: Cities;
let prove: ReturnType<typeof makeProve>;
let subgraph: Subgraph | null = null;
const said: { readonly level: string; readonly message: string; readonly fields: Record<string, unknown> }[] = [];
const log: Log = {
  debug: () => {},
  info: (message, fields = {}) => void said.push({ level: 'info', message, fields }),
  warn: (message, fields = {}) => void said.push({ level: 'warn', message, fields }),
  error: (message, fields = {}) => void said.push({ level: 'error', message, fields }),
};

const start = async (more: Parameters<typeof startAudit>[0]['sequencing'] = {}): Promise<Fetch> => {
  const { cities, secrets, subjects } = network;
  subgraph = (await startAudit({
    cities,
    secrets,
    subjects,
    log,
    witnessing: null,
    sequencing: { pollMs: 20, recheckMs: 100, standbyMs: 50, ...more },
  })) as Subgraph;
  if (!subgraph.transfer) throw new Error('nothing is served');
  return makeFetch(subgraph.transfer);
};
const stop = async (): Promise<void> => {
  await subgraph?.stop();
  subgraph = null;
};
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests alone
type Answer = { data?: any; errors?: readonly unknown[] };
const query = (text: string): Promise<Answer> => {
  if (!subgraph) throw new Error('nothing runs');
  const caller: Caller = { viewer: null, requestId: 'shards', address: '192.0.2.1', language: 'en', origin: 'http://127.0.0.1:4000' };
  const context = subgraph.makeContext(caller);
  return makeExecutor(subgraph, log).run({ query: text, variables: {} }, caller.requestId, () => context) as Promise<Answer>;
};
type State = { state: string; remedy?: string; firstBadIndex?: number | null };
const stateOf = (): State | undefined => (subgraph?.report?.()?.['auditLog'] as Record<string, State> | undefined)?.[CITY];
const isIn = (state: string): Promise<void> => until(() => stateOf()?.state === state, 15_000, `the state ${state}`);
const rows = async <R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> =>
  (await admin.query<R>(text, values)).rows;
const countOf = async (): Promise<number> => Number((await rows<{ n: string }>('select count(*) n from audit.entry'))[0]?.n);
const loggedOf = async (): Promise<number> =>
  Number((await rows<{ n: string }>('select coalesce(sum(size), 0) n from audit.log_state'))[0]?.n);
const allLogged = (): Promise<void> => until(async () => (await loggedOf()) === (await countOf()), 20_000, 'the last entry in the log');
const write = (count: number): Promise<void> => writeEvents(writers, CITY, count);

beforeAll(async () => {
  network = await testNetwork();
  admin = await network.admin(CITY);
  const { cities, secrets, subjects } = network;
  writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects, maxConnections: 12 });
  keeper = openLogKeeper({ cities, secrets, log });
  readers = openCities(cities, { role: 'audit', password: secrets.databasePasswords.audit });
  const publish: FindPublication = async (db, { shard }) => {
    const found = await findCheckpoint(db, shard);
    return found && { ...found, witnesses: [], isWitnessed: false };
  };
  prove = makeProve(readers, publish);
});
afterAll(async () => {
  await stop();
  await keeper?.stop();
  await Promise.all([writers?.stop(), readers?.stop()]);
  await network?.stop();
});

type Leaf = {
  readonly id: string;
  readonly act: string;
  readonly requestId: string;
  readonly entities: { kind: string; what: string; sha256?: string }[];
};
const parse = (entry: Uint8Array | undefined): Leaf => JSON.parse(Buffer.from(entry ?? []).toString());
/** Walks all shards as a stranger does, with the key of the first alone, and returns the entries of each. */
const walk = async (fetch: Fetch): Promise<Leaf[][]> => {
  const shards: Leaf[][] = [];
  let vkey = Buffer.from((await fetch(`${CITY}/1/key`)).bytes)
    .toString()
    .trim();
  let before: { origin: string; size: number; root: Uint8Array } | null = null;
  for (let shard = 1; ; shard++) {
    const { status, bytes } = await fetch(`${CITY}/${shard}/checkpoint`);
    if (status === 404) break;
    const { checkpoint } = await openCheckpoint(bytes, [makeNoteVerifier(vkey)]);
    expect(checkpoint.origin).toBe(shard === 1 ? ORIGIN : `${ORIGIN}/${shard}`);
    const entries = await entriesOf(sourceOf(fetch, `${CITY}/${shard}`), checkpoint.size);
    expect(rootOf(entries)).toEqual(checkpoint.root);
    const leaves = entries.map(parse);
    if (before) {
      const first = leaves[0];
      expect(first).toMatchObject({
        act: expect.stringMatching(/^beginLogShard/),
        entities: [{ kind: 'AuditLogShard', what: `${before.origin}@${before.size}`, sha256: Buffer.from(before.root).toString('hex') }],
      });
    }
    shards.push(leaves);
    const last = leaves.at(-1);
    if (last?.act === 'endLogShard') vkey = last.entities[0]?.what ?? '';
    else if ((await fetch(`${CITY}/${shard + 1}/key`)).status === 200)
      vkey = Buffer.from((await fetch(`${CITY}/${shard + 1}/key`)).bytes)
        .toString()
        .trim();
    before = checkpoint;
  }
  return shards;
};

describe('the shards of a log', () => {
  let fetch: Fetch;
  beforeAll(async () => {
    fetch = await start();
    await isIn('signing');
  });

  it('follow each other while many write, each entry in one of them, and each bound to the one before', async () => {
    let over = false;
    const written = new Set<string>();
    const load = Array.from({ length: 8 }, async (_none, i) => {
      for (let n = 0; !over; n++) {
        if (i < 2 && n % 3 === 0) await writeSlowly(writers, CITY, 20 + randomInt(250), 3);
        else {
          const requestId = `load-${i}-${n}`;
          await writeEvents(writers, CITY, 1, { requestId });
          written.add(requestId);
        }
      }
    });
    for (let turn = 2; turn <= 5; turn++) {
      const before = await loggedOf();
      await until(async () => (await loggedOf()) > before + 20, 20_000, 'more of the log');
      expect(await keeper.beginShard(CITY)).toMatchObject({ shard: turn, origin: `${ORIGIN}/${turn}` });
    }
    over = true;
    await Promise.all(load);
    await allLogged();
    const shards = await walk(fetch);
    expect(shards).toHaveLength(5);
    const leaves = shards.flat();
    expect(leaves).toHaveLength(await countOf());
    expect(new Set(leaves.map(({ id }) => id)).size).toBe(leaves.length);
    const logged = new Set(leaves.map(({ requestId }) => requestId));
    expect([...written].filter((id) => !logged.has(id))).toEqual([]);
    for (const shard of shards.slice(0, -1)) expect(shard.at(-1)?.act).toBe('endLogShard');
    // Nothing was taken for an attack on the way.
    expect(said.filter(({ level }) => level === 'error')).toEqual([]);
    for (let shard = 1; shard <= 5; shard++)
      expect(await keeper.check(CITY, shard)).toMatchObject({ firstBadIndex: null, canRebuild: true });
    expect((await keeper.shards(CITY)).map(({ shard, closedAt }) => [shard, closedAt !== null])).toEqual([
      [1, true],
      [2, true],
      [3, true],
      [4, true],
      [5, false],
    ]);
  });

  it('are told of in the graph, and prove events of closed ones under their final checkpoints', async () => {
    const { data, errors } = await query(
      `{ auditShards(city: "MTL") { shard origin key beganAt closedAt size isRetired checkpoint { shard origin size root note } } }`,
    );
    expect(errors).toBeUndefined();
    expect(data.auditShards).toHaveLength(5);
    for (const [i, each] of data.auditShards.entries()) {
      const { bytes } = await fetch(`${CITY}/${i + 1}/checkpoint`);
      const { checkpoint } = await openCheckpoint(bytes, [makeNoteVerifier(each.key)]);
      expect(each).toMatchObject({
        shard: i + 1,
        origin: checkpoint.origin,
        closedAt: i < 4 ? expect.anything() : null,
        size: checkpoint.size,
        isRetired: false,
        checkpoint: { shard: i + 1, origin: checkpoint.origin, size: checkpoint.size, note: Buffer.from(bytes).toString() },
      });
      const asked = await query(`{ auditCheckpoint(city: "MTL", shard: ${i + 1}) { shard size root }
        consistencyProof(city: "MTL", shard: ${i + 1}, fromSize: 3) { fromSize toSize hashes checkpoint { shard root } } }`);
      const proof = asked.data.consistencyProof;
      expect([asked.data.auditCheckpoint.size, proof.toSize, proof.checkpoint.shard]).toEqual([each.size, each.size, i + 1]);
      const entries = await entriesOf(sourceOf(fetch, `${CITY}/${i + 1}`), each.size);
      const hashes = proof.hashes.map((hash: string) => new Uint8Array(Buffer.from(hash, 'base64')));
      expect(verifyConsistency(3, each.size, rootOf(entries.slice(0, 3)), checkpoint.root, hashes)).toBe(true);
      // The first, the last, and one in the middle.
      for (const index of [0, Math.floor(each.size / 2), each.size - 1]) {
        const { id } = parse(entries[index]);
        const [proven] = await prove.proveEvents(CITY, [id]);
        if (!proven || proven instanceof Error) throw new Error('an event could not be proven');
        expect([proven.leafIndex, proven.treeSize, proven.checkpoint.origin]).toEqual([index, each.size, each.origin]);
        const path = proven.hashes.map((hash) => new Uint8Array(Buffer.from(hash, 'base64')));
        expect(verifyInclusion(index, each.size, hashLeaf(entries[index] ?? new Uint8Array()), path, checkpoint.root)).toBe(true);
      }
    }
    expect((await query('{ auditCheckpoint(city: "MTL", shard: 77) { size } }')).data.auditCheckpoint).toBeNull();
    expect((await query('{ auditCheckpoint(city: "MTL") { shard } }')).data.auditCheckpoint.shard).toBe(5);
  });

  it('are begun by one of several that try at once', async () => {
    const begun = await Promise.all(Array.from({ length: 4 }, () => keeper.beginShard(CITY)));
    expect(begun.map(({ shard }) => shard).sort()).toEqual([6, 7, 8, 9]);
    await allLogged();
    expect(await walk(fetch)).toHaveLength(9);
  });

  it('begin by themselves once the current one is old enough', async () => {
    await stop();
    fetch = await start({ shardMs: 300 });
    for (const shards of [10, 11]) {
      await write(3);
      await until(async () => (await keeper.shards(CITY)).length >= shards, 20_000, `shard ${shards}`);
    }
    // One that holds nothing but what it began with stays.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await keeper.shards(CITY)).toHaveLength(11);
    await stop();
    fetch = await start();
    await allLogged();
    const shards = await walk(fetch);
    expect(shards.flat()).toHaveLength(await countOf());
  });
});

describe('a backup that was restored', () => {
  beforeAll(stop);
  afterEach(stop);
  /** As if all that is there had been written in another cluster, whose transactions were `by` further on. */
  const move = async (by: bigint, lastId = '9223372036854775807', cluster = '1234567890123456789'): Promise<void> => {
    const shift = (column: string): string => `${column} = (${column}::text::numeric + ${by})::text::xid8`;
    await admin.query('begin');
    await admin.query(`update audit.entry set ${shift('xid')} where xid > '0' and id <= ${lastId}`);
    await admin.query(`update audit.log_state set ${shift('xid')} where xid > '0'`);
    await admin.query(`update audit.log_bundle set ${shift('xid')} where xid > '0'`);
    await admin.query(`update audit.log_shard set ${shift('begin_xid')}, cluster = '${cluster}' where begin_xid > '0' or shard = 1`);
    await admin.query('commit');
  };

  it.each([
    ['with what was logged alone', 0, 0],
    ['with entries that were not logged yet', 4, 0],
    ['and written to before anybody looked', 0, 6],
    ['with entries that were not logged yet, and written to before anybody looked', 5, 7],
  ])('%s is not signed on, and goes on in a shard of its own without a loss', async (_what, unlogged, written) => {
    let fetch = await start();
    await isIn('signing');
    await write(300);
    await allLogged();
    await stop();
    await write(unlogged);
    await move(1_000_000n);
    await write(written);
    const before = await rows('select city, shard, size, note from audit.log_checkpoint order by 2, 3');
    fetch = await start();
    await isIn('restored');
    expect(stateOf()?.remedy).toBe('npm run audit-log -- begin-shard MTL --after-restore');
    await expect(keeper.beginShard(CITY)).rejects.toThrow('--after-restore');
    await write(2);
    expect(await rows('select city, shard, size, note from audit.log_checkpoint order by 2, 3')).toEqual(before);
    const closed = (await keeper.shards(CITY)).length;

    await keeper.beginShard(CITY, { afterRestore: true });
    await isIn('signing');
    await allLogged();
    const shards = await walk(fetch);
    expect(shards).toHaveLength(closed + 1);
    const leaves = shards.flat();
    expect(leaves).toHaveLength(await countOf());
    expect(new Set(leaves.map(({ id }) => id)).size).toBe(leaves.length);
    expect(shards.at(-1)?.[0]?.act).toBe('beginLogShardAfterRestore');
    expect(shards.at(-1)).toHaveLength(1 + unlogged + written + 2);
    for (let shard = 1; shard <= shards.length; shard++)
      expect(await keeper.check(CITY, shard)).toMatchObject({ firstBadIndex: null, canRebuild: true });
    // The order goes on from here, also into shards that begin as usual.
    await write(5);
    await keeper.beginShard(CITY);
    await write(5);
    await allLogged();
    expect((await walk(fetch)).flat()).toHaveLength(await countOf());
    await stop();
  });

  it('is noticed also where the transactions of the new cluster have overtaken those of the old one', async () => {
    await start();
    await isIn('signing');
    await write(20);
    await allLogged();
    await stop();
    await write(60);
    // What was written meanwhile lies on both sides of the log's last transaction.
    const [middle] = await rows<{
      by: string;
      last: string;
    }>(`select (e.xid::text::numeric - s.xid::text::numeric) as by, s.entry_id::text as last
      from audit.log_state s, lateral (select xid from audit.entry where (xid, id) > (s.xid, s.entry_id) order by xid, id offset 30 limit 1) e
      where not s.closed`);
    await move(BigInt(middle?.by ?? 0), middle?.last);
    await start();
    await isIn('restored');
    await keeper.beginShard(CITY, { afterRestore: true });
    await isIn('signing');
    await allLogged();
    const fetch = makeFetch(subgraph?.transfer ?? (() => Promise.reject(new Error('nothing is served'))));
    expect((await walk(fetch)).flat()).toHaveLength(await countOf());
    await stop();
  });

  it('goes on as it is where every transaction of the new cluster comes behind', async () => {
    await start();
    await isIn('signing');
    await write(5);
    await allLogged();
    await stop();
    await admin.query(`update audit.log_shard set cluster = '1234567890123456789' where closed_at is null`);
    const { length } = await keeper.shards(CITY);
    await write(5);
    await start();
    await isIn('signing');
    await allLogged();
    expect(await keeper.shards(CITY)).toHaveLength(length);
    await stop();
  });
});
