-- One row per act. Written by the subgraphs in the act's own transaction, read by auditors; nobody changes a row, and only erasure
-- takes away what stands outside `body`.
CREATE TABLE audit.entry (
  city text NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  event_id text NOT NULL,
  recorded_at timestamptz NOT NULL,
  act text NOT NULL,
  action text NOT NULL,
  outcome smallint NOT NULL,
  actor_id text,
  patient_id text,
  -- Values and salts of the commitments in `body`: {"name": {"salt": base64url, "value": text}}.
  disclosure jsonb NOT NULL,
  -- The leaf: frozen RFC 8785 bytes without personal values.
  body bytea NOT NULL,
  CONSTRAINT entry_pk PRIMARY KEY (city, id),
  CONSTRAINT entry_event_once UNIQUE (city, event_id),
  CONSTRAINT entry_action CHECK (action IN ('C', 'R', 'U', 'D', 'E')),
  CONSTRAINT entry_outcome CHECK (outcome IN (0, 4, 8, 12)),
  CONSTRAINT entry_body_size CHECK (octet_length(body) BETWEEN 2 AND 65535)
);
CREATE INDEX entry_fence ON audit.entry (city, xid, id);
CREATE INDEX entry_patient ON audit.entry (city, patient_id, id) WHERE patient_id IS NOT NULL;
CREATE INDEX entry_actor ON audit.entry (city, actor_id, id) WHERE actor_id IS NOT NULL;

-- Columns one by one: a grant on the table would let a role forge `id` and `xid`.
GRANT USAGE ON SCHEMA audit TO patients, scheduling, files, audit;
GRANT INSERT (city, event_id, recorded_at, act, action, outcome, actor_id, patient_id, disclosure, body)
  ON audit.entry TO patients, scheduling, files, audit;
GRANT SELECT ON audit.entry TO audit;
