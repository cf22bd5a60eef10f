-- No clear personal value stands beside an entry any more: who acted and on whom are tags (HMAC), and the values that the leaf commits to are sealed,
-- each under its subject's key, which is kept outside every database (docs/audit-log.md). Erasure destroys keys and changes no row.
ALTER TABLE audit.entry
  ADD COLUMN actor_tag bytea,
  ADD COLUMN patient_tag bytea,
  ADD COLUMN sealed bytea,
  ALTER COLUMN disclosure DROP NOT NULL,
  ADD CONSTRAINT entry_tags CHECK (octet_length(actor_tag) = 16 AND octet_length(patient_tag) = 16),
  -- Either sealed or from before and not sealed yet.
  ADD CONSTRAINT entry_sealed CHECK (sealed IS NOT NULL OR disclosure IS NOT NULL);
-- Ciphertext does not compress; nothing is spent on trying.
ALTER TABLE audit.entry ALTER COLUMN sealed SET STORAGE EXTERNAL;

DROP INDEX audit.entry_patient_time, audit.entry_actor_time;
CREATE INDEX entry_patient_time ON audit.entry (city, patient_tag, recorded_at, id) WHERE patient_tag IS NOT NULL;
CREATE INDEX entry_actor_time ON audit.entry (city, actor_tag, recorded_at, id) WHERE actor_tag IS NOT NULL;
-- Rows from before, until they are sealed.
CREATE INDEX entry_unsealed ON audit.entry (city, id) WHERE sealed IS NULL;

REVOKE INSERT (actor_id, patient_id, disclosure) ON audit.entry FROM patients, scheduling, files, audit;
GRANT INSERT (actor_tag, patient_tag, sealed) ON audit.entry TO patients, scheduling, files, audit;

-- Seals rows from before, and no other: what has been sealed, or was written since, it cannot touch, and leaves never. The audit subgraph calls it
-- when it starts; that role has no right to change a row by itself.
CREATE FUNCTION audit.seal_entries(in_city text, ids bigint[], actor_tags bytea[], patient_tags bytea[], sealed_values bytea[]) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$
    WITH given AS (SELECT * FROM unnest(ids, actor_tags, patient_tags, sealed_values) AS g (id, actor_tag, patient_tag, sealed)),
    done AS (
      UPDATE audit.entry e
         SET actor_tag = g.actor_tag, patient_tag = g.patient_tag, sealed = g.sealed, actor_id = NULL, patient_id = NULL, disclosure = NULL
        FROM given g
       WHERE e.city = in_city AND e.id = g.id AND e.sealed IS NULL AND g.sealed IS NOT NULL
      RETURNING 1
    )
    SELECT count(*) FROM done
  $$;
REVOKE ALL ON FUNCTION audit.seal_entries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.seal_entries TO audit;

-- Subjects whose key was destroyed in this city, by tag.
CREATE TABLE audit.shredded (
  city text NOT NULL,
  tag bytea NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT shredded_pk PRIMARY KEY (city, tag),
  CONSTRAINT shredded_tag CHECK (octet_length(tag) = 16)
);
GRANT SELECT, INSERT (city, tag) ON audit.shredded TO audit;
