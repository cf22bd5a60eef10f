import type pg from 'pg';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { askWithin, endSoon } from './connection.ts';

export type RelaySettings = {
  /** The city's database as a role that may read and prune the outbox. */
  readonly database: CityDatabase;
  readonly schema: string;
  readonly log: Log;
  /** How often the outbox is looked at while nobody pokes. */
  readonly pollMs?: number;
  /** How long rows are kept for readers to catch up. */
  readonly keepDays?: number;
  readonly pruneEveryMs?: number;
};
export type Relay = {
  /** Says that something was written here just now. */
  readonly poke: () => void;
  readonly stop: () => Promise<void>;
};

/** Channel on which a relay says that a schema's outbox has grown. */
export const channelOf = (schema: string): string => `${schema}_outbox`;

/** Pokes are gathered for so long, so that many small writes make one message. */
const GATHER_MS = 10;
const RETRY_MS = 1_000;

/**
 * The one relay of a city's outbox: holds an advisory lock on a connection of its own, watches the fenced head, and sends one NOTIFY per
 * batch (a NOTIFY inside each writing transaction would serialize them). Where another process holds the lock it stands by. Prunes old rows
 * and moves the horizon with them.
 */
export const startRelay = ({ database, schema, log, pollMs = 50, keepDays = 7, pruneEveryMs = 600_000 }: RelaySettings): Relay => {
  const city = database.city.code;
  let stopped = false;
  let wake = Promise.withResolvers<void>();
  let poked = false;
  const pause = async (ms: number): Promise<void> => {
    const timer = setTimeout(() => wake.resolve(), ms);
    await wake.promise;
    clearTimeout(timer);
    wake = Promise.withResolvers();
  };
  const serve = async (client: pg.Client): Promise<void> => {
    let ended = false;
    client.on('end', () => {
      ended = true;
      wake.resolve();
    });
    let last = { xid: '0', seq: '0' };
    let prunedAt = 0;
    while (!stopped && !ended) {
      poked = false;
      const [newest] = await askWithin<{ xid: string; seq: string }>(
        client,
        `SELECT xid::text, seq::text FROM ${schema}.outbox
          WHERE city = $1 AND (xid, seq) > ($2::xid8, $3::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
          ORDER BY xid DESC, seq DESC LIMIT 1`,
        [city, last.xid, last.seq],
        `${schema}_outbox_newest`,
      );
      if (newest) {
        last = newest;
        await askWithin(client, 'SELECT pg_notify($1, $2)', [channelOf(schema), city], `${schema}_outbox_tell`);
      }
      if (Date.now() - prunedAt > pruneEveryMs) {
        prunedAt = Date.now();
        await client.query(
          `WITH horizon AS (
             SELECT xid, seq FROM ${schema}.outbox WHERE city = $1 AND at < now() - $2 * interval '1 day' AND xid < pg_snapshot_xmin(pg_current_snapshot())
             ORDER BY xid DESC, seq DESC LIMIT 1),
           gone AS (DELETE FROM ${schema}.outbox o USING horizon h WHERE o.city = $1 AND (o.xid, o.seq) <= (h.xid, h.seq))
           UPDATE ${schema}.feed_epoch f SET pruned_xid = h.xid, pruned_seq = h.seq FROM horizon h WHERE f.city = $1`,
          [city, keepDays],
        );
      }
      await pause(poked ? GATHER_MS : pollMs);
      if (poked) await pause(GATHER_MS);
    }
  };
  const run = async (): Promise<void> => {
    while (!stopped) {
      let client: pg.Client | null = null;
      try {
        client = await database.dedicated();
        const [lock] = await askWithin<{ held: boolean }>(client, 'SELECT pg_try_advisory_lock(hashtextextended($1, 4712004)) AS held', [
          `${schema} ${city}`,
        ]);
        if (lock?.held) await serve(client);
      } catch (error) {
        log.debug('the relay lost its city', { city, schema, ...describeError(error) });
      } finally {
        await endSoon(client);
      }
      if (!stopped) await pause(RETRY_MS);
    }
  };
  const running = run();
  return {
    poke: () => {
      if (poked) return;
      poked = true;
      wake.resolve();
    },
    stop: async () => {
      stopped = true;
      wake.resolve();
      await running;
    },
  };
};
