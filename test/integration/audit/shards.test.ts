import { randomInt } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { openCheckpoint } from '#platform/tlog/checkpoint.ts';
import { hashLeaf, verifyConsistency, verifyInclusion } from '#platform/tlog/merkle.ts';
import { makeNoteVerifier } from '#platform/tlog/note.ts';
import { entriesOf, type Fetch, rootOf, sourceOf, until, writeEvents, writeSlowly } from './log-support.ts';

import {
  allLogged,
  CITY,
  countOf,
  isIn,
  keeper,
  loggedOf,
  ORIGIN,
  openWorld,
  parse,
  prove,
  query,
  said,
  start,
  stop,
  walk,
  write,
  writers,
} from './shard-world.ts';

openWorld();

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
        const way = proven.hashes.map((hash) => new Uint8Array(Buffer.from(hash, 'base64')));
        expect(verifyInclusion(index, each.size, hashLeaf(entries[index] ?? new Uint8Array()), way, checkpoint.root)).toBe(true);
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
