-- The log over audit.entry: an RFC 6962 tree in tiles (https://c2sp.org/tlog-tiles) with signed checkpoints. Leaves are the bodies of the entries
-- in the order of (xid, id), read behind the fence of transactions that still run, so that none can appear before one that was logged.

-- How far the log of a city has come: how many entries, and where the last of them stands.
CREATE TABLE audit.log_state (
  city text NOT NULL,
  size bigint NOT NULL,
  xid xid8 NOT NULL,
  entry_id bigint NOT NULL,
  CONSTRAINT log_state_pk PRIMARY KEY (city),
  CONSTRAINT log_state_size CHECK (size >= 0)
);
-- Where leaf n * 256 stands, so that a leaf's entry, and an entry's leaf, is found within 256 rows.
CREATE TABLE audit.log_bundle (
  city text NOT NULL,
  n bigint NOT NULL,
  xid xid8 NOT NULL,
  entry_id bigint NOT NULL,
  CONSTRAINT log_bundle_pk PRIMARY KEY (city, n),
  CONSTRAINT log_bundle_n CHECK (n >= 0)
);
CREATE UNIQUE INDEX log_bundle_position ON audit.log_bundle (city, xid, entry_id);
-- Up to 256 hashes of 32 bytes. The last tile of a level grows in its place; a full one stays as it is.
CREATE TABLE audit.log_tile (
  city text NOT NULL,
  level smallint NOT NULL,
  n bigint NOT NULL,
  data bytea NOT NULL,
  CONSTRAINT log_tile_pk PRIMARY KEY (city, level, n),
  CONSTRAINT log_tile_place CHECK (level BETWEEN 0 AND 6 AND n >= 0),
  CONSTRAINT log_tile_width CHECK (octet_length(data) BETWEEN 32 AND 8192 AND octet_length(data) % 32 = 0)
);
-- Hashes do not compress; nothing is spent on trying.
ALTER TABLE audit.log_tile ALTER COLUMN data SET STORAGE EXTERNAL;
-- Signed notes (https://c2sp.org/tlog-checkpoint) of every size that was published.
CREATE TABLE audit.log_checkpoint (
  city text NOT NULL,
  size bigint NOT NULL,
  note text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT log_checkpoint_pk PRIMARY KEY (city, size),
  CONSTRAINT log_checkpoint_note CHECK (octet_length(note) <= 10000)
);
-- What witnesses signed below a checkpoint: one line each, with its newline (https://c2sp.org/tlog-cosignature).
CREATE TABLE audit.log_cosignature (
  city text NOT NULL,
  size bigint NOT NULL,
  witness text NOT NULL,
  line text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT log_cosignature_pk PRIMARY KEY (city, size, witness),
  CONSTRAINT log_cosignature_of FOREIGN KEY (city, size) REFERENCES audit.log_checkpoint (city, size),
  CONSTRAINT log_cosignature_line CHECK (octet_length(line) <= 1000)
);

-- Of an entry the sequencer sees where it stands and what is hashed. What was published it cannot take back or change.
GRANT USAGE ON SCHEMA audit TO sequencer;
GRANT SELECT (city, id, xid, body) ON audit.entry TO sequencer;
GRANT SELECT, INSERT ON audit.log_state, audit.log_bundle, audit.log_tile, audit.log_checkpoint, audit.log_cosignature TO sequencer;
GRANT UPDATE (size, xid, entry_id) ON audit.log_state TO sequencer;
GRANT UPDATE (xid, entry_id) ON audit.log_bundle TO sequencer;
GRANT UPDATE (data) ON audit.log_tile TO sequencer;
GRANT SELECT ON audit.log_state, audit.log_bundle, audit.log_tile, audit.log_checkpoint, audit.log_cosignature TO audit;
