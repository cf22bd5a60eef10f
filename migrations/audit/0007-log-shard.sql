-- A city's log is a row of shards, each a tree of its own with its own origin and key. A shard holds the entries behind `begin` in the order of
-- (xid, id), up to where the next one begins, with ids from `min_id` to `max_id`: the ids part the times of different clusters, whose transaction
-- numbers say nothing to each other.
CREATE TABLE audit.log_shard (
  city text NOT NULL,
  shard integer NOT NULL,
  -- Name of the shard's log and of its key.
  origin text NOT NULL,
  -- Public key as verifiers take it; null until the sequencer of this release has seen the shard.
  vkey text,
  begin_xid xid8 NOT NULL DEFAULT '0',
  begin_entry_id bigint NOT NULL DEFAULT 0,
  min_id bigint NOT NULL DEFAULT -9223372036854775808,
  max_id bigint NOT NULL DEFAULT 9223372036854775807,
  -- System identifier of the cluster whose transactions are in the order; null until it was seen.
  cluster text,
  began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  closed_at timestamptz,
  -- The last checkpoint of a closed shard, kept for ever.
  final_size bigint,
  final_note text,
  -- The folder's manifest once the shard was written to the archive and read back, and when its entries were deleted here.
  archived_at timestamptz,
  archive_sha256 text,
  retired_at timestamptz,
  CONSTRAINT log_shard_pk PRIMARY KEY (city, shard),
  CONSTRAINT log_shard_origin_once UNIQUE (city, origin),
  CONSTRAINT log_shard_number CHECK (shard >= 1),
  CONSTRAINT log_shard_closed CHECK ((closed_at IS NULL) = (final_size IS NULL) AND (closed_at IS NULL) = (final_note IS NULL)),
  CONSTRAINT log_shard_archived CHECK (archived_at IS NULL OR (closed_at IS NOT NULL AND archive_sha256 IS NOT NULL)),
  CONSTRAINT log_shard_retired CHECK (retired_at IS NULL OR archived_at IS NOT NULL)
);
CREATE UNIQUE INDEX log_shard_open ON audit.log_shard (city) WHERE closed_at IS NULL;

-- What is there is the first shard of each city.
INSERT INTO audit.log_shard (city, shard, origin, began_at)
  SELECT DISTINCT ON (city) city, 1, split_part(note, E'\n', 1), at FROM audit.log_checkpoint ORDER BY city, size;

ALTER TABLE audit.log_cosignature DROP CONSTRAINT log_cosignature_of;
ALTER TABLE audit.log_state ADD COLUMN shard integer NOT NULL DEFAULT 1;
ALTER TABLE audit.log_bundle ADD COLUMN shard integer NOT NULL DEFAULT 1;
ALTER TABLE audit.log_tile ADD COLUMN shard integer NOT NULL DEFAULT 1;
ALTER TABLE audit.log_checkpoint ADD COLUMN shard integer NOT NULL DEFAULT 1;
ALTER TABLE audit.log_cosignature ADD COLUMN shard integer NOT NULL DEFAULT 1;
ALTER TABLE audit.log_state ALTER COLUMN shard DROP DEFAULT, DROP CONSTRAINT log_state_pk, ADD CONSTRAINT log_state_pk PRIMARY KEY (city, shard);
ALTER TABLE audit.log_bundle ALTER COLUMN shard DROP DEFAULT, DROP CONSTRAINT log_bundle_pk,
  ADD CONSTRAINT log_bundle_pk PRIMARY KEY (city, shard, n);
ALTER TABLE audit.log_tile ALTER COLUMN shard DROP DEFAULT, DROP CONSTRAINT log_tile_pk,
  ADD CONSTRAINT log_tile_pk PRIMARY KEY (city, shard, level, n);
ALTER TABLE audit.log_checkpoint ALTER COLUMN shard DROP DEFAULT, DROP CONSTRAINT log_checkpoint_pk,
  ADD CONSTRAINT log_checkpoint_pk PRIMARY KEY (city, shard, size);
ALTER TABLE audit.log_cosignature ALTER COLUMN shard DROP DEFAULT, DROP CONSTRAINT log_cosignature_pk,
  ADD CONSTRAINT log_cosignature_pk PRIMARY KEY (city, shard, size, witness),
  ADD CONSTRAINT log_cosignature_of FOREIGN KEY (city, shard, size) REFERENCES audit.log_checkpoint (city, shard, size);
DROP INDEX audit.log_bundle_position;
CREATE UNIQUE INDEX log_bundle_position ON audit.log_bundle (city, shard, xid, entry_id);

GRANT SELECT, INSERT ON audit.log_shard TO sequencer;
GRANT UPDATE (vkey, cluster, max_id, closed_at, final_size, final_note, archived_at, archive_sha256) ON audit.log_shard TO sequencer;
GRANT SELECT ON audit.log_shard TO audit;
