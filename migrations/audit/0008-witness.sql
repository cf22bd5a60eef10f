-- This city as a witness of other logs (https://c2sp.org/tlog-witness).

-- What it cosigned last of each log, with the log's signature and its own below.
CREATE TABLE audit.witness_log (
  city text NOT NULL,
  origin text NOT NULL,
  size bigint NOT NULL,
  root bytea NOT NULL,
  note text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT witness_log_pk PRIMARY KEY (city, origin),
  CONSTRAINT witness_log_size CHECK (size >= 0),
  CONSTRAINT witness_log_root CHECK (octet_length(root) = 32),
  CONSTRAINT witness_log_note CHECK (octet_length(note) <= 12000)
);
-- Whatever a program gets wrong: a witness never goes back, and never changes its mind about a size.
CREATE FUNCTION audit.witness_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.city <> OLD.city OR NEW.origin <> OLD.origin OR NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root <> OLD.root) THEN
    RAISE EXCEPTION 'a witness does not go back' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER witness_log_goes_on BEFORE UPDATE ON audit.witness_log FOR EACH ROW EXECUTE FUNCTION audit.witness_goes_on();

-- Two notes that the log signed and that cannot both be true, for good. `found_root` is the root that the newer tree has at `known_size`, `proof` the
-- consistency proof that leads from there to `root`: hashes of 32 bytes, one after the other. Both are empty for a fork, which needs none, and for
-- what is unexplained, which proves nothing.
CREATE TABLE audit.witness_alarm (
  city text NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  origin text NOT NULL,
  kind text NOT NULL,
  known_size bigint NOT NULL,
  known_root bytea NOT NULL,
  known_note text NOT NULL,
  size bigint NOT NULL,
  root bytea NOT NULL,
  note text NOT NULL,
  found_root bytea,
  proof bytea NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT witness_alarm_pk PRIMARY KEY (city, id),
  CONSTRAINT witness_alarm_once UNIQUE (city, origin, kind, known_size, size, root),
  CONSTRAINT witness_alarm_kind CHECK (kind IN ('fork', 'rewritten', 'unexplained')),
  CONSTRAINT witness_alarm_notes CHECK (octet_length(known_note) <= 12000 AND octet_length(note) <= 12000),
  CONSTRAINT witness_alarm_proof CHECK (octet_length(proof) <= 63 * 32)
);

GRANT SELECT, INSERT ON audit.witness_log TO sequencer;
GRANT UPDATE (size, root, note, at) ON audit.witness_log TO sequencer;
-- An alarm is written together with its entry, by the role that may write entries.
GRANT SELECT ON audit.witness_alarm TO audit;
GRANT INSERT (city, origin, kind, known_size, known_root, known_note, size, root, note, found_root, proof) ON audit.witness_alarm TO audit;
