-- What a witness found stays for ever, and an operator can say that it was looked into. Health counts what is open.
ALTER TABLE audit.witness_alarm
  ADD COLUMN closed_at timestamptz,
  -- Who is answerable, as they said, and the user of the machine that the command ran as.
  ADD COLUMN closed_by text,
  ADD COLUMN closed_user text,
  ADD COLUMN closed_reason text,
  -- The entry that was committed with it.
  ADD COLUMN closed_event text,
  ADD CONSTRAINT witness_alarm_closed CHECK (num_nonnulls(closed_at, closed_by, closed_user, closed_reason, closed_event) IN (0, 5)),
  ADD CONSTRAINT witness_alarm_closing CHECK (octet_length(closed_by) BETWEEN 1 AND 400 AND octet_length(closed_user) BETWEEN 1 AND 400
    AND octet_length(closed_reason) BETWEEN 1 AND 4000),
  -- The same notes again are no second alarm while the first is open, and are one once it was closed.
  DROP CONSTRAINT witness_alarm_once;
CREATE UNIQUE INDEX witness_alarm_once ON audit.witness_alarm (city, origin, kind, known_size, size, root) WHERE closed_at IS NULL;

-- Closes an alarm and writes the entry that says so, both or neither; false where it is closed or unknown. No role may change an alarm otherwise. Only the
-- role that also signs may call this: what answers readers cannot.
CREATE FUNCTION audit.close_witness_alarm(in_city text, in_id bigint, in_by text, in_user text, in_reason text,
    in_event_id text, in_recorded_at timestamptz, in_actor_tag bytea, in_sealed bytea, in_body bytea)
  RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE audit.witness_alarm
    SET closed_at = clock_timestamp(), closed_by = in_by, closed_user = in_user, closed_reason = in_reason, closed_event = in_event_id
    WHERE city = in_city AND id = in_id AND closed_at IS NULL;
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO audit.entry (city, event_id, recorded_at, act, action, outcome, actor_tag, sealed, body)
    VALUES (in_city, in_event_id, in_recorded_at, 'closeLogAlarm', 'E', 0, in_actor_tag, in_sealed, in_body);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION audit.close_witness_alarm FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.close_witness_alarm TO sequencer;

-- As before, and says that the shard is retired in one with the entry that tells of it, so that neither is there without the other.
DROP FUNCTION audit.retire_log_shard;
CREATE FUNCTION audit.retire_log_shard(in_city text, in_shard integer, retention interval, at_once integer,
    in_event_id text, in_recorded_at timestamptz, in_sealed bytea, in_body bytea)
  RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o record;
  next_id bigint;
  gone bigint;
BEGIN
  SELECT h.*, s.size, s.xid, s.entry_id, s.closed INTO STRICT o FROM audit.log_shard h JOIN audit.log_state s USING (city, shard)
    WHERE h.city = in_city AND h.shard = in_shard;
  SELECT min(b.entry_id) INTO next_id FROM audit.log_bundle b WHERE b.city = in_city AND b.shard > in_shard AND b.n = 0;
  IF o.closed_at IS NULL OR NOT o.closed OR o.size <> o.final_size OR o.archived_at IS NULL OR retention IS NULL OR retention < interval '0' OR at_once < 1
    OR o.closed_at > clock_timestamp() - retention OR next_id IS NULL
  THEN
    RAISE EXCEPTION 'this shard may not be retired' USING ERRCODE = 'check_violation';
  END IF;
  DELETE FROM audit.entry e USING (SELECT x.id FROM audit.entry x WHERE x.city = in_city AND (x.xid, x.id) > (o.begin_xid, o.begin_entry_id)
      AND (x.xid, x.id) <= (o.xid, o.entry_id) AND x.id + 0 BETWEEN o.min_id AND least(o.max_id, next_id - 1) ORDER BY x.xid, x.id LIMIT at_once) d
    WHERE e.city = in_city AND e.id = d.id;
  GET DIAGNOSTICS gone = ROW_COUNT;
  IF gone > 0 THEN RETURN gone; END IF;
  DELETE FROM audit.log_tile t USING (SELECT level, n FROM audit.log_tile WHERE city = in_city AND shard = in_shard LIMIT at_once) d
    WHERE t.city = in_city AND t.shard = in_shard AND t.level = d.level AND t.n = d.n;
  GET DIAGNOSTICS gone = ROW_COUNT;
  IF gone > 0 THEN RETURN gone; END IF;
  DELETE FROM audit.log_bundle b USING (SELECT n FROM audit.log_bundle WHERE city = in_city AND shard = in_shard LIMIT at_once) d
    WHERE b.city = in_city AND b.shard = in_shard AND b.n = d.n;
  GET DIAGNOSTICS gone = ROW_COUNT;
  IF gone > 0 THEN RETURN gone; END IF;
  WITH doomed AS (SELECT size FROM audit.log_checkpoint WHERE city = in_city AND shard = in_shard AND size < o.final_size LIMIT at_once),
    lines AS (DELETE FROM audit.log_cosignature w USING doomed d WHERE w.city = in_city AND w.shard = in_shard AND w.size = d.size)
  DELETE FROM audit.log_checkpoint c USING doomed d WHERE c.city = in_city AND c.shard = in_shard AND c.size = d.size;
  GET DIAGNOSTICS gone = ROW_COUNT;
  IF gone > 0 THEN RETURN gone; END IF;
  UPDATE audit.log_shard SET retired_at = clock_timestamp() WHERE city = in_city AND shard = in_shard AND retired_at IS NULL;
  IF FOUND THEN
    INSERT INTO audit.entry (city, event_id, recorded_at, act, action, outcome, sealed, body)
      VALUES (in_city, in_event_id, in_recorded_at, 'retireLogShard', 'D', 0, in_sealed, in_body);
  END IF;
  RETURN 0;
END $$;
REVOKE ALL ON FUNCTION audit.retire_log_shard FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.retire_log_shard TO sequencer;
