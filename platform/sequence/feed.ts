import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Cities } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { askWithin, endSoon } from './connection.ts';
import { type OutboxRow, outboxReader } from './outbox.ts';
import { comparePositions, type Position, type Positions } from './position.ts';
import { channelOf } from './relay.ts';

/** A change with the city whose outbox told it. */
export type FeedEvent = OutboxRow & { readonly city: string };

/** What a subscriber gets: a change, or word that its cursor is too old. `cursor` continues behind it. */
export type Delivery =
  | { readonly kind: 'event'; readonly event: FeedEvent; readonly cursor: Positions }
  | { readonly kind: 'restart'; readonly cursor: Positions };

export type FollowOptions = {
  readonly cities: readonly string[];
  /** Where to continue; cities that are not in it, and all without it, begin now. */
  readonly after: Positions | null;
  readonly accept: (event: FeedEvent) => boolean;
  /** Changes of one key may be told as one, the latest, once many are waiting. */
  readonly coalesce?: (event: FeedEvent) => string;
};

export type Feed = {
  /** Changes from now on, or from `after`. Nothing is lost or repeated, also when a city goes away for a while. `return()` ends it. */
  readonly follow: (options: FollowOptions) => AsyncIterableIterator<Delivery>;
  /** Where readers stand now, for the cities that were reached. */
  readonly positions: () => Positions;
  /** Says that something was written in a city just now. */
  readonly poke: (city: string) => void;
  /** How many subscribers there are. */
  readonly followers: () => number;
  readonly stop: () => Promise<void>;
};

export type FeedSettings = {
  readonly cities: Cities;
  readonly schema: string;
  readonly log: Log;
  /** How often the outbox is read when no word comes. */
  readonly pollMs?: number;
  /** How many changes may wait for one subscriber; further ones are read again from the database when there is room. */
  readonly queueLimit?: number;
};

const BATCH = 500;
const RETRY_MS = 300;
const COALESCE_FROM = 100;

type CityTail = { position: Position | null; poke: () => void; readonly running: Promise<void>; stop: () => void };
type Follower = {
  readonly offer: (event: FeedEvent) => void;
  readonly restart: (city: string, position: Position) => void;
  readonly close: () => void;
};

/** One reader per city for all subscribers of this process. It listens for the relay's word and polls as well. */
export const startFeed = async ({ cities, schema, log, pollMs = 1_000, queueLimit = 1_000 }: FeedSettings): Promise<Feed> => {
  const reader = outboxReader(schema);
  const followers = new Set<Follower>();
  const tails = new Map<string, CityTail>();
  let stopped = false;

  const startTail = (database: CityDatabase): CityTail => {
    const city = database.city.code;
    let wake = Promise.withResolvers<void>();
    let isPoked = false;
    let listener: pg.Client | null = null;
    const poke = (): void => {
      isPoked = true;
      wake.resolve();
    };
    const listen = async (): Promise<void> => {
      if (listener) return;
      const client = await database.dedicated();
      listener = client;
      client.on('end', () => {
        if (listener === client) listener = null;
      });
      client.on('notification', poke);
      await askWithin(client, `LISTEN ${channelOf(schema)}`);
    };
    const readOn = async (): Promise<void> => {
      if (!tail.position) {
        tail.position = await reader.head(database.named, city);
        return;
      }
      for (;;) {
        const rows: OutboxRow[] | null = await reader.read(database.named, city, tail.position, BATCH);
        if (rows === null) {
          const head = await reader.head(database.named, city);
          tail.position = head;
          for (const follower of followers) follower.restart(city, head);
          return;
        }
        for (const row of rows) {
          tail.position = row.position;
          for (const follower of followers) follower.offer({ ...row, city });
        }
        if (rows.length < BATCH) return;
      }
    };
    const run = async (): Promise<void> => {
      while (!stopped) {
        let waitMs = pollMs;
        try {
          isPoked = false;
          await listen();
          await readOn();
        } catch (error) {
          waitMs = RETRY_MS;
          const broken = listener;
          listener = null;
          void endSoon(broken);
          log.debug('the feed lost its city', { city, schema, ...describeError(error) });
        }
        if (isPoked) continue;
        const timer = setTimeout(() => wake.resolve(), waitMs);
        await wake.promise;
        clearTimeout(timer);
        wake = Promise.withResolvers();
      }
      await endSoon(listener);
    };
    const tail: CityTail = { position: null, poke, running: Promise.resolve(), stop: () => wake.resolve() };
    return Object.assign(tail, { running: run() });
  };
  for (const database of cities.all) tails.set(database.city.code, startTail(database));
  const positions = (): Positions =>
    Object.fromEntries([...tails].flatMap(([city, tail]) => (tail.position === null ? [] : [[city, tail.position] as const])));

  const follow = ({ cities: codes, after, accept, coalesce }: FollowOptions): AsyncIterableIterator<Delivery> => {
    const queue = new Map<symbol, FeedEvent | 'restart'>();
    const newest = new Map<string, symbol>();
    const state = new Map<string, { position: Position | null; isBehind: boolean }>();
    const delivered: Record<string, Position> = { ...positions(), ...after };
    const waiting: ((result: IteratorResult<Delivery>) => void)[] = [];
    let drained = Promise.withResolvers<void>();
    let closed = false;

    const take = (): Delivery | null => {
      for (const [token, event] of queue) {
        queue.delete(token);
        if (queue.size < queueLimit / 2) {
          drained.resolve();
          drained = Promise.withResolvers();
        }
        if (event === 'restart') {
          for (const [city, { position }] of state) if (position) delivered[city] = position;
          return { kind: 'restart', cursor: { ...delivered } };
        }
        if (coalesce && newest.get(coalesce(event)) === token) newest.delete(coalesce(event));
        delivered[event.city] = event.position;
        return { kind: 'event', event, cursor: { ...delivered } };
      }
      return null;
    };
    const hand = (): void => {
      while (waiting.length > 0) {
        const next = take();
        if (!next) return;
        waiting.shift()?.({ done: false, value: next });
      }
    };
    const push = (event: FeedEvent): void => {
      const token = Symbol();
      if (coalesce) {
        const key = coalesce(event);
        const earlier = newest.get(key);
        if (earlier && queue.size >= COALESCE_FROM) queue.delete(earlier);
        newest.set(key, token);
      }
      queue.set(token, event);
      hand();
    };
    const pushRestart = (): void => {
      if ([...queue.values()].includes('restart')) return;
      queue.set(Symbol(), 'restart');
      hand();
    };
    const catchUp = async (city: string): Promise<void> => {
      const mine = state.get(city);
      const database = cities.find(city);
      while (mine && database && mine.isBehind && !closed) {
        if (queue.size >= queueLimit / 2) {
          await drained.promise;
          continue;
        }
        try {
          mine.position ??= await reader.head(database.named, city);
          const rows = await reader.read(database.named, city, mine.position, BATCH);
          if (closed) return;
          const tail = tails.get(city)?.position ?? null;
          if (rows === null) {
            mine.position = await reader.head(database.named, city);
            pushRestart();
            continue;
          }
          for (const row of rows) {
            mine.position = row.position;
            const event = { ...row, city };
            if (accept(event)) push(event);
          }
          // From here on the common reader serves: what it tells again is known by its position.
          if (rows.length < BATCH && (tail === null || comparePositions(tail, mine.position) <= 0)) mine.isBehind = false;
        } catch (error) {
          log.debug('a subscriber waits for its city', { city, schema, ...describeError(error) });
          await sleep(RETRY_MS, undefined, { ref: false });
        }
      }
    };
    const follower: Follower = {
      offer: (event) => {
        const mine = state.get(event.city);
        if (!mine || mine.isBehind || closed) return;
        if (mine.position && comparePositions(event.position, mine.position) <= 0) return;
        if (!accept(event)) {
          mine.position = event.position;
          return;
        }
        if (queue.size >= queueLimit) {
          // Just before this change, which is then read again.
          mine.position ??= [event.position[0], event.position[1], String(BigInt(event.position[2]) - 1n)];
          mine.isBehind = true;
          void catchUp(event.city);
          return;
        }
        mine.position = event.position;
        push(event);
      },
      restart: (city, position) => {
        const mine = state.get(city);
        if (!mine || mine.isBehind || closed) return;
        mine.position = position;
        pushRestart();
      },
      close: () => {
        closed = true;
        followers.delete(follower);
        queue.clear();
        newest.clear();
        drained.resolve();
        for (const resolve of waiting.splice(0)) resolve({ done: true, value: undefined });
      },
    };
    for (const city of codes) {
      const position = after?.[city];
      state.set(city, position ? { position, isBehind: true } : { position: tails.get(city)?.position ?? null, isBehind: false });
    }
    if (stopped) closed = true;
    else followers.add(follower);
    for (const [city, { isBehind }] of state) if (isBehind) void catchUp(city);

    return {
      next: () => {
        const ready = closed ? null : take();
        if (ready) return Promise.resolve({ done: false, value: ready });
        if (closed) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => waiting.push(resolve));
      },
      return: async () => {
        follower.close();
        return { done: true, value: undefined };
      },
      throw: async (error) => {
        follower.close();
        throw error;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  };

  // Subscribers that come right after the start begin where the start was; a city that is down is not waited for.
  const deadline = Date.now() + 1_000;
  while ([...tails.values()].some(({ position }) => position === null) && Date.now() < deadline) await sleep(10);
  return {
    follow,
    positions,
    poke: (city) => tails.get(city)?.poke(),
    followers: () => followers.size,
    stop: async () => {
      stopped = true;
      for (const follower of followers) follower.close();
      for (const tail of tails.values()) tail.stop();
      await Promise.all([...tails.values()].map(({ running }) => running));
    },
  };
};
