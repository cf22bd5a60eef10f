-- A witness's line below a checkpoint, the newest that it gave: a log in which nothing is written has its checkpoint cosigned anew, so that the time in
-- the line says until when it was the newest. What was published is taken back by nobody: an older line never stands in the place of a newer one.

-- The time in a line, seconds since 1970, 8 bytes, high byte first: behind the 4 of the key's id, before the 64 of the signature. Null for what is no
-- cosignature (https://c2sp.org/tlog-cosignature).
CREATE FUNCTION audit.cosigned_at(line text) RETURNS bytea LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT substring(decode(substring(line FROM '^\S+ \S+ ([A-Za-z0-9+/]{102}==)\n$'), 'base64') FROM 5 FOR 8)
  $$;
CREATE FUNCTION audit.save_cosignature(in_city text, in_shard integer, in_size bigint, in_witness text, in_line text)
  RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO audit.log_cosignature AS c (city, shard, size, witness, line) VALUES (in_city, in_shard, in_size, in_witness, in_line)
      ON CONFLICT (city, shard, size, witness) DO UPDATE SET line = EXCLUDED.line, at = clock_timestamp()
      WHERE audit.cosigned_at(EXCLUDED.line) > coalesce(audit.cosigned_at(c.line), '')
  $$;
REVOKE ALL ON FUNCTION audit.cosigned_at, audit.save_cosignature FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.save_cosignature TO sequencer;
