import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { openCities } from '#platform/database/cities.ts';
import type { Named } from '#platform/database/city-database.ts';
import { makeLog } from '#platform/observability/log.ts';
import { type Delivery, startFeed as startAnyFeed } from '#platform/sequence/feed.ts';
import { outboxReader } from '#platform/sequence/outbox.ts';
import { comparePositions, type Position } from '#platform/sequence/position.ts';
import { startRelay as startAnyRelay } from '#platform/sequence/relay.ts';
import { linkTo } from '#test/integration/scheduling/city-link.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';

const log = makeLog('sequence', 'error', 2);
const WRITE: Named = {
  name: 'test_write',
  text: `INSERT INTO scheduling.outbox (city, topic, subject, kind, payload) VALUES ($1, 'test', $2, 'CHANGED', '{}')`,
};
let network: TestNetwork;
beforeAll(async () => {
  network = await testNetwork();
});
afterAll(async () => {
  await network?.stop();
});
/** What a test started, ended behind it also where it failed: what runs on would keep the whole run from ending. */
const running: { readonly stop: () => Promise<void> }[] = [];
const own = <T extends { readonly stop: () => Promise<void> }>(thing: T): T => {
  running.push(thing);
  return thing;
};
afterEach(async () => {
  for (const thing of running.splice(0).reverse()) await thing.stop();
});
const open = (role: 'scheduling' | 'relay', cities = network.cities) =>
  own(openCities(cities, { role, password: network.secrets.databasePasswords[role], maxConnections: 20 }));
const startRelay = (settings: Parameters<typeof startAnyRelay>[0]) => own(startAnyRelay(settings));
const startFeed = async (settings: Parameters<typeof startAnyFeed>[0]) => own(await startAnyFeed(settings));

/** Reads a stream until `done`, at most `withinMs`. */
const gather = async (
  stream: AsyncIterableIterator<Delivery>,
  done: (all: readonly Delivery[]) => boolean,
  withinMs = 10_000,
): Promise<Delivery[]> => {
  const all: Delivery[] = [];
  const timer = setTimeout(() => void stream.return?.(), withinMs);
  for await (const delivery of stream) {
    all.push(delivery);
    if (done(all)) break;
  }
  clearTimeout(timer);
  return all;
};
const subjects = (all: readonly Delivery[]): string[] => all.flatMap((each) => (each.kind === 'event' ? [each.event.subject] : []));

describe('the outbox', () => {
  it('refuses roles that would forge its order', async () => {
    const cities = open('scheduling');
    const forge = {
      name: 'forge',
      text: `INSERT INTO scheduling.outbox (city, xid, topic, subject, kind, payload) VALUES ($1, '1', 't', 's', 'k', '{}')`,
    };
    await expect(cities.of('MTL').named(forge, ['MTL'])).rejects.toMatchObject({ code: '42501' });
    await expect(cities.of('MTL').named({ name: 'drop', text: 'DELETE FROM scheduling.outbox' }, [])).rejects.toMatchObject({
      code: '42501',
    });
  });

  it('tells every change once while sixteen write, and in the same order to everybody', async () => {
    const cities = open('scheduling');
    const relays = open('relay');
    startRelay({ database: relays.of('MTL'), schema: 'scheduling', log, pollMs: 10 });
    const feed = await startFeed({ cities, schema: 'scheduling', log });
    const follow = () => feed.follow({ cities: ['MTL'], after: null, accept: ({ topic }) => topic === 'test' });
    const first = follow();
    const second = follow();
    const total = 16 * 150;
    const heard = Promise.all([first, second].map((stream) => gather(stream, (all) => all.length === total)));
    const db = cities.of('MTL');
    await Promise.all(
      Array.from({ length: 16 }, async (_, writer) => {
        for (let i = 0; i < 150; i++)
          await db.transaction(async (tx) => {
            await tx.named(WRITE, ['MTL', `${writer}-${i}`]);
            // Some transactions end long after they have drawn their number.
            if (i % 10 === 0) await tx.named({ name: 'nap', text: 'select pg_sleep(0.02)' }, []);
          });
      }),
    );
    const [one, two] = await heard;
    expect(new Set(subjects(one ?? [])).size).toBe(total);
    expect(subjects(one ?? []).length).toBe(total);
    expect(subjects(two ?? [])).toEqual(subjects(one ?? []));
    const positions = (one ?? []).flatMap((each) => (each.kind === 'event' ? [each.event.position] : []));
    expect(positions.every((position, i) => i === 0 || comparePositions(positions[i - 1] as Position, position) < 0)).toBe(true);
    expect(feed.followers()).toBe(0);
  });

  it('does not pass over a change that commits late', async () => {
    const cities = open('scheduling');
    const db = cities.of('QUE');
    const reader = outboxReader('scheduling');
    const start = await reader.head(db.named, 'QUE');
    const late = new pg.Client({
      host: '127.0.0.1',
      port: db.city.nodes[0]?.port ?? 0,
      user: 'scheduling',
      password: network.secrets.databasePasswords.scheduling,
      database: db.city.database,
    });
    await late.connect();
    own({ stop: () => late.end() });
    await late.query('begin');
    await late.query(WRITE.text, ['QUE', 'late']);
    await db.named(WRITE, ['QUE', 'early']);
    expect(await reader.read(db.named, 'QUE', start, 10)).toEqual([]);
    await late.query('commit');
    expect((await reader.read(db.named, 'QUE', start, 10))?.map(({ subject }) => subject)).toEqual(['late', 'early']);
  });

  it('loses and repeats nothing while the city goes away, and continues from a cursor exactly', async () => {
    const [sherbrooke] = network.cities.filter(({ code }) => code === 'SHE');
    if (!sherbrooke) throw new Error('no city SHE');
    const link = await linkTo(sherbrooke);
    own({ stop: link.cut });
    const direct = open('scheduling');
    const cities = open('scheduling', [link.city]);
    const feed = await startFeed({ cities, schema: 'scheduling', log, pollMs: 50 });
    const follow = (after: Delivery['cursor'] | null) => feed.follow({ cities: ['SHE'], after, accept: () => true });
    const stream = follow(null);
    const write = (name: string) => direct.of('SHE').named(WRITE, ['SHE', name]);
    const heard = gather(stream, (all) => all.length === 30);
    for (let i = 0; i < 10; i++) await write(`a${i}`);
    await link.cut();
    for (let i = 0; i < 10; i++) await write(`b${i}`);
    const asked = follow(null); // subscribed while the city is away
    await link.mend();
    for (let i = 0; i < 10; i++) await write(`c${i}`);
    const all = await heard;
    const names = ['a', 'b', 'c'].flatMap((letter) => Array.from({ length: 10 }, (_, i) => `${letter}${i}`));
    expect(subjects(all)).toEqual(names);
    expect(subjects(await gather(asked, (some) => subjects(some).at(-1) === 'c9')).slice(-10)).toEqual(names.slice(20));
    for (const from of [0, 4, 15, 29]) {
      const rest = names.slice(from + 1);
      const replay = follow(all[from]?.cursor ?? null);
      await write(`after ${from}`);
      expect(subjects(await gather(replay, (some) => subjects(some).at(-1) === `after ${from}`)).slice(0, rest.length)).toEqual(rest);
    }
  });

  it('tells RESTART once for a history that is no more, or pruned, and goes on from now', async () => {
    const cities = open('scheduling');
    const relays = open('relay');
    const db = cities.of('MTL');
    const reader = outboxReader('scheduling');
    const feed = await startFeed({ cities, schema: 'scheduling', log, pollMs: 50 });
    const old = await reader.head(db.named, 'MTL');
    for (let i = 0; i < 3; i++) await db.named(WRITE, ['MTL', `old ${i}`]);
    const admin = await network.admin('MTL');
    await admin.query(`update scheduling.outbox set at = now() - interval '8 days'`);
    startRelay({ database: relays.of('MTL'), schema: 'scheduling', log, pollMs: 10 });
    const deadline = Date.now() + 5_000;
    while ((await admin.query('select 1 from scheduling.outbox')).rowCount !== 0) expect(Date.now()).toBeLessThan(deadline);
    const ahead: Position = [old[0], String(BigInt(old[1]) + 1_000_000n), '1'];
    for (const position of [old, ['another', old[1], '0'] as const, ahead]) {
      const stream = feed.follow({ cities: ['MTL'], after: { MTL: position }, accept: () => true });
      const first = await stream.next();
      expect(first.value).toMatchObject({ kind: 'restart' });
      await db.named(WRITE, ['MTL', 'new']);
      const next = await stream.next();
      expect(next.value).toMatchObject({ kind: 'event', event: { subject: 'new' } });
      await stream.return?.();
    }
  });

  it('keeps a slow subscriber’s queue small, tells the latest of each key, and loses no key', async () => {
    const cities = open('scheduling');
    const db = cities.of('QUE');
    const feed = await startFeed({ cities, schema: 'scheduling', log, pollMs: 20, queueLimit: 200 });
    const slow = feed.follow({ cities: ['QUE'], after: null, accept: ({ topic }) => topic === 'test', coalesce: ({ subject }) => subject });
    const many: Named = {
      name: 'test_many',
      text: `INSERT INTO scheduling.outbox (city, topic, subject, kind, payload)
        SELECT 'QUE', 'test', 'key ' || (n % 700), 'CHANGED', jsonb_build_object('n', n) FROM generate_series(1, 3500) n`,
    };
    await db.named(many, []);
    await db.named(WRITE, ['QUE', 'last']);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const all = await gather(slow, (some) => subjects(some).at(-1) === 'last');
    const told = new Map(all.flatMap((each) => (each.kind === 'event' ? [[each.event.subject, each.event.payload] as const] : [])));
    expect(told.size).toBe(701);
    expect(told.get('key 5')).toEqual({ n: 2_805 });
    expect(new Set(all.map((each) => JSON.stringify(each.cursor))).size).toBe(all.length);
  });

  it('ends a waiting subscriber at once', async () => {
    const cities = open('scheduling');
    const feed = await startFeed({ cities, schema: 'scheduling', log });
    const stream = feed.follow({ cities: ['MTL'], after: null, accept: () => true });
    const waiting = stream.next();
    await stream.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    const another = feed.follow({ cities: ['MTL'], after: null, accept: () => true });
    const next = another.next();
    await feed.stop();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('has one relay a city: a second stands by and takes over', async () => {
    const relays = open('relay');
    const cities = open('scheduling');
    const first = startRelay({ database: relays.of('MTL'), schema: 'scheduling', log, pollMs: 10 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    startRelay({ database: relays.of('MTL'), schema: 'scheduling', log, pollMs: 10 });
    const admin = await network.admin('MTL');
    const holders = async () =>
      (
        await admin.query<{ n: number }>(
          `select count(*)::int as n from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())`,
        )
      ).rows[0]?.n;
    expect(await holders()).toBe(1);
    await first.stop();
    let told = 0;
    admin.on('notification', () => {
      told++;
    });
    await admin.query('listen scheduling_outbox');
    const deadline = Date.now() + 5_000;
    while (told === 0 && Date.now() < deadline) {
      await cities.of('MTL').named(WRITE, ['MTL', 'again']);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(told).toBeGreaterThan(0);
  });
});
