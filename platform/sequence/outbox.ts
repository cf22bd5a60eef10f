import type { Named } from '#platform/database/city-database.ts';
import type { Position } from './position.ts';

/** A change as it stands in an outbox. */
export type OutboxRow = {
  readonly position: Position;
  readonly topic: string;
  readonly subject: string;
  readonly kind: string;
  readonly payload: unknown;
  readonly at: Date;
};

/** Where statements are run: the pool of a city's database, or one connection. */
export type Ask = <R>(statement: Named, values: readonly unknown[]) => Promise<R[]>;

type Row = {
  epoch: string;
  gone: boolean;
  xid: string | null;
  seq: string;
  topic: string;
  subject: string;
  kind: string;
  payload: unknown;
  at: Date;
};

/**
 * Reads the outbox of a schema (tables `outbox` and `feed_epoch`) behind the fence: rows of transactions older than any that still runs,
 * ordered by (xid, seq). A row that could still appear in front of one already read is never passed over, which a plain `seq > last` does.
 */
export const outboxReader = (schema: string) => {
  const head: Named = {
    name: `${schema}_outbox_head`,
    text: `SELECT epoch, pg_snapshot_xmin(pg_current_snapshot())::text AS xid FROM ${schema}.feed_epoch WHERE city = $1`,
  };
  const read: Named = {
    name: `${schema}_outbox_read`,
    text: `SELECT f.epoch,
        f.epoch <> $2 OR (f.pruned_xid, f.pruned_seq) > ($3::xid8, $4::bigint) OR $3::xid8 > pg_snapshot_xmax(pg_current_snapshot()) AS gone,
        o.xid::text AS xid, o.seq::text AS seq, o.topic, o.subject, o.kind, o.payload, o.at
      FROM ${schema}.feed_epoch f LEFT JOIN LATERAL (
        SELECT * FROM ${schema}.outbox o
        WHERE o.city = f.city AND (o.xid, o.seq) > ($3::xid8, $4::bigint) AND o.xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY o.xid, o.seq LIMIT $5) o ON true
      WHERE f.city = $1 ORDER BY o.xid, o.seq`,
  };
  return {
    /** Where reading can begin so that it meets every change that is not visible yet. */
    head: async (ask: Ask, city: string): Promise<Position> => {
      const [row] = await ask<{ epoch: string; xid: string }>(head, [city]);
      if (!row) throw new Error(`the outbox of city ${city} has no epoch`);
      return [row.epoch, row.xid, '0'];
    },
    /** The next rows, at most `limit`. Null: the position belongs to another history, or what follows it was pruned. */
    read: async (ask: Ask, city: string, after: Position, limit: number): Promise<OutboxRow[] | null> => {
      const rows = await ask<Row>(read, [city, after[0], after[1], after[2], limit]);
      const first = rows[0];
      if (!first || first.gone) return null;
      return rows.flatMap(({ epoch, xid, seq, topic, subject, kind, payload, at }) =>
        xid === null ? [] : [{ position: [epoch, xid, seq] as const, topic, subject, kind, payload, at }],
      );
    },
  };
};
