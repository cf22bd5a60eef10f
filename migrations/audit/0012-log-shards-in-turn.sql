-- One shard after the other. What the sequencer may not do by itself is done by functions that do that one thing.

-- A closed log does not grow, whoever still thinks that it is open.
ALTER TABLE audit.log_state ADD COLUMN closed boolean NOT NULL DEFAULT false;
GRANT UPDATE (closed) ON audit.log_state TO sequencer;

-- Puts an entry that binds two shards right behind the last one that was logged: it gets the number of that one's transaction, which has long ended,
-- so that nothing can come in between. Returns its id. Throws where entries of that transaction wait for their turn.
CREATE FUNCTION audit.append_shard_entry(in_city text, in_event_id text, in_recorded_at timestamptz, in_act text, in_sealed bytea, in_body bytea)
  RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o record;
  given_id bigint;
BEGIN
  SELECT h.shard, h.min_id, h.max_id, s.size, s.xid, s.entry_id INTO STRICT o FROM audit.log_shard h JOIN audit.log_state s USING (city, shard)
    WHERE h.city = in_city AND h.closed_at IS NULL AND NOT s.closed;
  IF NOT (in_act = 'endLogShard' OR (in_act IN ('beginLogShard', 'beginLogShardAfterRestore') AND o.shard > 1 AND o.size = 0))
    OR EXISTS (SELECT FROM audit.entry e WHERE e.city = in_city AND e.xid = o.xid AND e.id > o.entry_id AND e.id + 0 BETWEEN o.min_id AND o.max_id)
  THEN
    RAISE EXCEPTION 'no shard ends or begins here' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO audit.entry (city, xid, event_id, recorded_at, act, action, outcome, sealed, body)
    VALUES (in_city, o.xid, in_event_id, in_recorded_at, in_act, 'E', 0, in_sealed, in_body) RETURNING id INTO given_id;
  RETURN given_id;
END $$;
REVOKE ALL ON FUNCTION audit.append_shard_entry FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.append_shard_entry TO sequencer;

-- Parts the time before a restored backup from the time after: returns the largest id that was logged. Entries up to it belong to the shards that there
-- are, and all others, now or later, to those to come. An entry that was written and not logged before the backup was made gets a new number and this
-- transaction, as if it were written now; its bytes stay as they are. Nobody writes entries meanwhile, so that none can slip in between.
CREATE FUNCTION audit.part_log_times(in_city text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o record;
  last_logged bigint := 0;
  found_id bigint;
  top bigint;
  unlogged record;
BEGIN
  -- What is half deleted can no longer be counted.
  IF EXISTS (SELECT FROM audit.log_shard WHERE city = in_city AND archived_at IS NOT NULL AND retired_at IS NULL) THEN
    RAISE EXCEPTION 'a shard is being retired' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  -- What was logged has smaller ids than anything that was written after the backup was made.
  FOR o IN SELECT h.*, s.size, s.xid, s.entry_id FROM audit.log_shard h JOIN audit.log_state s USING (city, shard)
    WHERE h.city = in_city AND h.max_id = 9223372036854775807 AND s.size > 0 AND h.retired_at IS NULL ORDER BY h.shard
  LOOP
    SELECT max(id) INTO found_id FROM (SELECT e.id FROM audit.entry e
      WHERE e.city = in_city AND (e.xid, e.id) > (o.begin_xid, o.begin_entry_id) AND (e.xid, e.id) <= (o.xid, o.entry_id) AND e.id >= o.min_id
      ORDER BY e.id LIMIT o.size) logged;
    last_logged := greatest(last_logged, found_id);
  END LOOP;
  SELECT greatest(last_logged, max(min_id) - 1) INTO last_logged FROM audit.log_shard WHERE city = in_city AND closed_at IS NULL AND min_id > 0;
  LOCK TABLE audit.entry IN SHARE ROW EXCLUSIVE MODE;
  SELECT max(id) INTO top FROM audit.entry WHERE city = in_city;
  IF top > (SELECT coalesce(last_value, 0) FROM pg_sequences WHERE schemaname = 'audit' AND sequencename = 'entry_id_seq') THEN
    PERFORM setval('audit.entry_id_seq', top);
  END IF;
  SELECT h.min_id, s.xid, s.entry_id INTO STRICT o FROM audit.log_shard h JOIN audit.log_state s USING (city, shard)
    WHERE h.city = in_city AND h.closed_at IS NULL;
  FOR unlogged IN SELECT e.id FROM audit.entry e WHERE e.city = in_city AND (e.xid, e.id) > (o.xid, o.entry_id) AND e.id >= o.min_id
      AND (e.id <= last_logged OR e.xid >= pg_snapshot_xmax(pg_current_snapshot()) OR e.xid = o.xid) ORDER BY e.xid, e.id
  LOOP
    UPDATE audit.entry SET id = DEFAULT, xid = pg_current_xact_id() WHERE city = in_city AND id = unlogged.id;
  END LOOP;
  UPDATE audit.log_shard SET max_id = last_logged WHERE city = in_city AND max_id = 9223372036854775807;
  RETURN last_logged;
END $$;
REVOKE ALL ON FUNCTION audit.part_log_times FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.part_log_times TO sequencer;

-- Takes away checkpoints that are older than `keep_all`, with the lines of their witnesses: up to `keep_minutes` one a minute stays, of older ones one an
-- hour; of each the one that most witnesses signed, then the largest. The first, the last and the last that most witnesses signed always stay. Looks at
-- `width` checkpoints behind a size; tells the last size it looked at, null behind the end, and how many went.
CREATE FUNCTION audit.prune_checkpoints(in_city text, in_shard integer, after_size bigint, width integer, keep_all interval, keep_minutes interval)
  RETURNS TABLE (last_size bigint, pruned bigint) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH part AS (SELECT c.size, c.at, (SELECT count(*) FROM audit.log_cosignature w WHERE w.city = c.city AND w.shard = c.shard AND w.size = c.size) AS lines
        FROM audit.log_checkpoint c WHERE c.city = in_city AND c.shard = in_shard AND c.size > after_size ORDER BY c.size LIMIT width),
      ranked AS (SELECT size, at, row_number() OVER (PARTITION BY at >= clock_timestamp() - keep_minutes,
          date_trunc(CASE WHEN at >= clock_timestamp() - keep_minutes THEN 'minute' ELSE 'hour' END, at) ORDER BY lines DESC, size DESC) AS place FROM part),
      kept AS (SELECT max(size) AS size FROM audit.log_checkpoint WHERE city = in_city AND shard = in_shard
        UNION ALL (SELECT w.size FROM audit.log_cosignature w WHERE w.city = in_city AND w.shard = in_shard GROUP BY w.size ORDER BY count(*) DESC, w.size DESC LIMIT 1)),
      doomed AS (SELECT size FROM ranked WHERE place > 1 AND size > 0 AND at < clock_timestamp() - keep_all AND size NOT IN (SELECT k.size FROM kept k WHERE k.size IS NOT NULL)),
      lines AS (DELETE FROM audit.log_cosignature w USING doomed d WHERE w.city = in_city AND w.shard = in_shard AND w.size = d.size),
      gone AS (DELETE FROM audit.log_checkpoint c USING doomed d WHERE c.city = in_city AND c.shard = in_shard AND c.size = d.size RETURNING 1)
    SELECT (SELECT max(size) FROM part), (SELECT count(*) FROM gone)
  $$;
REVOKE ALL ON FUNCTION audit.prune_checkpoints FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.prune_checkpoints TO sequencer;

-- Takes away what a shard holds, so many rows at once: a closed one that is older than `retention` and in the archive, and no other. Returns how many went;
-- 0 once all is gone but the shard itself and its final checkpoint with the lines of its witnesses, which stay.
CREATE FUNCTION audit.retire_log_shard(in_city text, in_shard integer, retention interval, at_once integer)
  RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o record;
  gone bigint;
BEGIN
  SELECT h.*, s.size, s.xid, s.entry_id, s.closed INTO STRICT o FROM audit.log_shard h JOIN audit.log_state s USING (city, shard)
    WHERE h.city = in_city AND h.shard = in_shard;
  IF o.closed_at IS NULL OR NOT o.closed OR o.size <> o.final_size OR o.archived_at IS NULL OR retention IS NULL OR at_once < 1
    OR o.closed_at > clock_timestamp() - retention OR NOT EXISTS (SELECT FROM audit.log_shard n WHERE n.city = in_city AND n.shard = in_shard + 1)
  THEN
    RAISE EXCEPTION 'this shard may not be retired' USING ERRCODE = 'check_violation';
  END IF;
  DELETE FROM audit.entry e USING (SELECT x.id FROM audit.entry x WHERE x.city = in_city AND (x.xid, x.id) > (o.begin_xid, o.begin_entry_id)
      AND (x.xid, x.id) <= (o.xid, o.entry_id) AND x.id + 0 BETWEEN o.min_id AND o.max_id ORDER BY x.xid, x.id LIMIT at_once) d WHERE e.city = in_city AND e.id = d.id;
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
  IF gone = 0 THEN
    UPDATE audit.log_shard SET retired_at = coalesce(retired_at, clock_timestamp()) WHERE city = in_city AND shard = in_shard;
  END IF;
  RETURN gone;
END $$;
REVOKE ALL ON FUNCTION audit.retire_log_shard FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.retire_log_shard TO sequencer;
