import { generateKeyPairSync, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { openLogKeeper } from '#audit/server.ts';
import { askReading } from '#audit/store/log-view-store.ts';
import { countEntries } from '#audit/store/shard-store.ts';
import { appendAuditIn } from '#platform/audit/append.ts';
import type { SigningKey } from '#platform/config/secrets.ts';
import type { TestNetwork } from '#test/support/network.ts';
import { anEvent, makeFetch, until, writeSlowly } from './log-support.ts';

import {
  admin,
  allLogged,
  CITY,
  countOf,
  isIn,
  keeper,
  log,
  loggedOf,
  network,
  ORIGIN,
  openWorld,
  readers,
  rows,
  start,
  stateOf,
  stop,
  subgraph,
  walk,
  write,
  writers,
} from './shard-world.ts';

openWorld();

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
    // More than one bundle once; what follows differs in the rest.
    await Promise.all(Array.from({ length: 4 }, () => write(unlogged + written === 0 ? 75 : 15)));
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
    // Counted in parts, as a statement has a deadline and a log has none.
    const [current] = (await keeper.shards(CITY)).slice(-1);
    if (!current) throw new Error('there is no shard');
    const of = { city: CITY, shard: current.shard };
    const [state] = await rows<{ size: number }>(`select size::int from audit.log_state where shard = ${current.shard}`);
    for (const atOnce of [1, 3, state?.size ?? 0, 100_000])
      expect([atOnce, await countEntries(askReading(readers.of(CITY)), of, current.begin, atOnce)]).toEqual([atOnce, state?.size]);
  });

  it('is not believed of a log that is whole, signed or not, and nothing is written of it', async () => {
    const everything = () =>
      rows(`select (select jsonb_agg(to_jsonb(o) order by o.shard) from audit.log_shard o) as shards,
        (select count(*) from audit.entry where act like '%LogShard%') as told`);
    await start();
    await isIn('signing');
    await write(3);
    await allLogged();
    const before = await everything();
    const refused = 'the log of city MTL is whole and nothing shows a restore';
    await expect(keeper.beginShard(CITY, { afterRestore: true })).rejects.toThrow(refused);
    expect(await everything()).toEqual(before);
    await write(1);
    await allLogged();
    await stop();
    let added = 0;
    const addKey = async (): Promise<readonly SigningKey[]> => {
      added++;
      return network.secrets.logKeys[CITY] ?? [];
    };
    await expect(keeper.beginShard(CITY, { afterRestore: true, addKey })).rejects.toThrow(refused);
    expect([await everything(), added]).toEqual([before, 0]);
  });

  it('loses nothing either where it was none, and many write while the command runs', async () => {
    const fetch = await start();
    await isIn('signing');
    let over = false;
    const load = Array.from({ length: 8 }, async (_none, i) => {
      while (!over) {
        if (i < 3) await writeSlowly(writers, CITY, 30 + randomInt(200), 3);
        else await write(1);
      }
    });
    try {
      for (let turn = 0; turn < 3; turn++) {
        const before = await loggedOf();
        await until(async () => (await loggedOf()) > before + 20, 20_000, 'more of the log');
        await keeper.beginShard(CITY, { afterRestore: true, isUnseen: true });
      }
    } finally {
      over = true;
      await Promise.all(load);
    }
    await allLogged();
    const leaves = (await walk(fetch)).flat();
    expect(leaves).toHaveLength(await countOf());
    expect(new Set(leaves.map(({ id }) => id)).size).toBe(leaves.length);
  });

  it('takes what a transaction writes that still runs and has a smaller number than what was logged', async () => {
    const fetch = await start();
    await isIn('signing');
    await write(3);
    await allLogged();
    const [goOn, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const [hasXid, hasWritten] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const earlier = writers.of(CITY).transaction(async (tx) => {
      await tx.named({ name: 'take_an_xid', text: 'select pg_current_xact_id()' }, []);
      hasXid.resolve();
      await goOn.promise;
      await appendAuditIn(tx, anEvent(CITY));
    });
    await hasXid.promise;
    const later = writers.of(CITY).transaction(async (tx) => {
      await appendAuditIn(tx, anEvent(CITY, { requestId: 'still-running' }));
      hasWritten.resolve();
      await mayEnd.promise;
    });
    await hasWritten.promise;
    goOn.resolve();
    await earlier;
    await allLogged();
    const begun = keeper.beginShard(CITY, { afterRestore: true, isUnseen: true });
    let isOver = false;
    void begun.finally(() => {
      isOver = true;
    });
    const isWaiting = async (): Promise<boolean> =>
      (await rows(`select from pg_locks where relation = 'audit.entry'::regclass and not granted`)).length > 0;
    await until(async () => isOver || (await isWaiting()), 15_000, 'the command');
    mayEnd.resolve();
    await later;
    await begun;
    await allLogged();
    const leaves = (await walk(fetch)).flat();
    expect(leaves.filter(({ requestId }) => requestId === 'still-running')).toHaveLength(1);
    expect(leaves).toHaveLength(await countOf());
  });
});

describe('a key of a log', () => {
  afterEach(stop);
  const aKey = (kid: string): SigningKey => {
    const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    const publicJwk = { kty: 'OKP', crv: 'Ed25519', x, kid };
    return { kid, privateJwk: { ...publicJwk, d }, publicJwk };
  };
  const withKeys = (keys: readonly SigningKey[]): TestNetwork['secrets'] => ({
    ...network.secrets,
    logKeys: { ...network.secrets.logKeys, [CITY]: keys },
  });
  const knownKeys = (): readonly SigningKey[] => network.secrets.logKeys[CITY] ?? [];

  it('gives way to a new one that it names itself, and goes on to check its own shards', async () => {
    await start();
    await isIn('signing');
    await stop();
    const [known] = knownKeys();
    const next = aKey(ORIGIN);
    if (!known) throw new Error('there is no key');
    const rotated = openLogKeeper({ cities: network.cities, secrets: withKeys([known, next]), log, witnessing: null });
    try {
      const { vkey, shard } = await rotated.beginShard(CITY);
      expect(Buffer.from(vkey.split('+').slice(2).join('+'), 'base64').subarray(1).toString('base64url')).toBe(next.publicJwk['x']);
      // Who does not hold the new key signs nothing, and says so.
      await start();
      await isIn('keyless');
      expect(stateOf()?.remedy).toMatch(new RegExp(`^add the key of ${ORIGIN}/${shard} to AUDIT_LOG_KEYS`));
      await write(3);
      expect(await rows(`select size::int from audit.log_state where shard = ${shard}`)).toEqual([{ size: 0 }]);
      await stop();
      let fetch = await start({}, withKeys([known, next]).logKeys);
      await isIn('signing');
      await allLogged();
      const shards = await walk(fetch);
      expect(shards.at(-2)?.at(-1)).toMatchObject({ act: 'endLogShard', entities: [{ what: vkey }] });
      expect(shards.flat()).toHaveLength(await countOf());
      for (const one of [shard - 1, shard]) expect(await rotated.check(CITY, one)).toMatchObject({ firstBadIndex: null });
      // The new key is lost: a shard is begun with the old one, and nothing more is signed in the other's name.
      await stop();
      const before = await rows(`select note from audit.log_checkpoint where shard = ${shard} order by size`);
      await keeper.beginShard(CITY);
      expect(await rows(`select note from audit.log_checkpoint where shard = ${shard} order by size`)).toEqual(before);
      fetch = await start();
      await isIn('signing');
      await allLogged();
      expect((await walk(fetch)).flat()).toHaveLength(await countOf());
    } finally {
      await rotated.stop();
    }
  });

  it('is read again from its file once a shard has one that is not held', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-keys-'));
    const file = path.join(folder, 'log-keys.json');
    const put = (keys: readonly SigningKey[]): void =>
      writeFileSync(file, JSON.stringify({ [CITY]: keys.map(({ privateJwk, kid }) => ({ ...privateJwk, kid })) }), { mode: 0o600 });
    const next = aKey(ORIGIN);
    try {
      put(knownKeys());
      const { length } = await keeper.shards(CITY);
      await start({}, undefined, { shardDays: null, retentionDays: null, archive: null, checkpointMinutes: 60, keysFile: file });
      await isIn('signing');
      const rotated = openLogKeeper({ cities: network.cities, secrets: withKeys([...knownKeys(), next]), log, witnessing: null });
      await rotated.beginShard(CITY);
      await isIn('keyless');
      put([...knownKeys(), next]);
      await isIn('signing');
      await write(3);
      await allLogged();
      expect(await rotated.check(CITY)).toMatchObject({ firstBadIndex: null });
      await rotated.stop();
      expect(await keeper.shards(CITY)).toHaveLength(length + 1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
