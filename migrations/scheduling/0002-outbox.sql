-- Changes, written by the statement that makes them. Ordered by (xid, seq) behind the oldest running transaction, never by seq alone.
CREATE TABLE scheduling.outbox (
  city text NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  topic text NOT NULL,
  subject text NOT NULL,
  kind text NOT NULL,
  payload jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT outbox_pk PRIMARY KEY (city, xid, seq)
);
-- Which history the positions belong to (another database, another epoch), and up to where it was pruned.
CREATE TABLE scheduling.feed_epoch (
  city text NOT NULL,
  epoch text NOT NULL,
  pruned_xid xid8 NOT NULL DEFAULT '0',
  pruned_seq bigint NOT NULL DEFAULT 0,
  CONSTRAINT feed_epoch_pk PRIMARY KEY (city)
);
INSERT INTO scheduling.feed_epoch (city, epoch)
  VALUES (current_setting('caregraph.city'), left(replace(gen_random_uuid()::text, '-', ''), 12));

-- Columns one by one: a grant on the table would let a role forge `seq` and `xid`.
GRANT INSERT (city, topic, subject, kind, payload) ON scheduling.outbox TO scheduling;
GRANT SELECT ON scheduling.outbox, scheduling.feed_epoch TO scheduling, relay;
GRANT USAGE ON SCHEMA scheduling TO relay;
GRANT DELETE ON scheduling.outbox TO relay;
GRANT UPDATE ON scheduling.feed_epoch TO relay;
