-- What was closed stays as it was closed, whatever the program does that signs: nobody opens a log again, gives it another end, or makes it older than it is
-- so that it may be deleted. When it was closed and archived says the clock of the database.
CREATE FUNCTION audit.shard_stays_closed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.closed_at IS NULL THEN
    IF NEW.closed_at IS NOT NULL THEN NEW.closed_at := clock_timestamp(); END IF;
  ELSIF (NEW.closed_at, NEW.final_size, NEW.final_note) IS DISTINCT FROM (OLD.closed_at, OLD.final_size, OLD.final_note) THEN
    RAISE EXCEPTION 'a shard stays closed' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.archived_at IS NULL THEN
    IF NEW.archived_at IS NOT NULL THEN NEW.archived_at := clock_timestamp(); END IF;
  ELSIF (NEW.archived_at, NEW.archive_sha256) IS DISTINCT FROM (OLD.archived_at, OLD.archive_sha256) THEN
    RAISE EXCEPTION 'a shard stays archived' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.vkey IS DISTINCT FROM OLD.vkey AND OLD.vkey IS NOT NULL THEN
    RAISE EXCEPTION 'a shard keeps its key' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
-- Of the role that signs; whoever owns the table may take the trigger away as well.
CREATE TRIGGER log_shard_stays_closed BEFORE UPDATE ON audit.log_shard FOR EACH ROW WHEN (current_user = 'sequencer') EXECUTE FUNCTION audit.shard_stays_closed();
CREATE FUNCTION audit.state_stays_closed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'a log stays closed' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER log_state_stays_closed BEFORE UPDATE ON audit.log_state FOR EACH ROW WHEN (OLD.closed AND NOT NEW.closed) EXECUTE FUNCTION audit.state_stays_closed();
-- Only part_log_times sets it.
REVOKE UPDATE (max_id) ON audit.log_shard FROM sequencer;

-- As before, and takes only what was there when the next shard began. In a database that was restored into another cluster new entries can bear
-- transaction numbers of a closed shard until begin-shard --after-restore parts them: their ids are larger than that of the next shard's first entry, and they stay.
CREATE OR REPLACE FUNCTION audit.retire_log_shard(in_city text, in_shard integer, retention interval, at_once integer)
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
  IF gone = 0 THEN
    UPDATE audit.log_shard SET retired_at = coalesce(retired_at, clock_timestamp()) WHERE city = in_city AND shard = in_shard;
  END IF;
  RETURN gone;
END $$;
