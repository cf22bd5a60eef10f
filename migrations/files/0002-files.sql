-- Files of patients of this city. Contents and their wrapped keys stand in the two blob stores, never here.

-- One row per patient who has files or uploads: what they take, and how erased patients are found.
CREATE TABLE files.subject (
  city text NOT NULL,
  patient_id text NOT NULL,
  -- Bytes of all versions, and of uploads that are on their way.
  used_bytes bigint NOT NULL DEFAULT 0,
  reserved_bytes bigint NOT NULL DEFAULT 0,
  CONSTRAINT subject_pk PRIMARY KEY (city, patient_id),
  CONSTRAINT subject_never_negative CHECK (used_bytes >= 0 AND reserved_bytes >= 0)
);

-- The same for the whole city: one row.
CREATE TABLE files.room (
  city text NOT NULL,
  used_bytes bigint NOT NULL DEFAULT 0,
  reserved_bytes bigint NOT NULL DEFAULT 0,
  CONSTRAINT room_pk PRIMARY KEY (city),
  CONSTRAINT room_never_negative CHECK (used_bytes >= 0 AND reserved_bytes >= 0)
);
INSERT INTO files.room (city) VALUES (current_setting('caregraph.city'));

-- A file; the columns of its newest version stand here too, so that a list is one index scan. The row is made when the first upload of its
-- name begins, so that all uploads of a name belong to one file; version 0 is shown to nobody.
CREATE TABLE files.file (
  city text NOT NULL,
  id text NOT NULL,
  patient_id text NOT NULL,
  name text NOT NULL,
  -- As names are searched: without case and accents.
  name_fold text NOT NULL,
  -- 0 high, 1 medium, 2 low.
  priority smallint NOT NULL,
  content_type text NOT NULL,
  size_bytes bigint NOT NULL,
  sha256 text NOT NULL,
  version integer NOT NULL DEFAULT 0,
  changed_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT file_pk PRIMARY KEY (city, id),
  CONSTRAINT file_name_once UNIQUE (city, patient_id, name),
  CONSTRAINT file_priority CHECK (priority BETWEEN 0 AND 2),
  CONSTRAINT file_version_counts CHECK (version >= 0)
);
CREATE INDEX file_by_patient ON files.file (city, patient_id, priority, changed_at DESC, id) WHERE version > 0;

CREATE TABLE files.version (
  city text NOT NULL,
  file_id text NOT NULL,
  version integer NOT NULL,
  -- Bound into the ciphertext, with city, patient and file.
  id text NOT NULL,
  -- Names the content in both stores, and its data key.
  blob_id text NOT NULL,
  -- Key-encryption key that wraps the data key in both stores.
  key_id text NOT NULL,
  priority smallint NOT NULL,
  content_type text NOT NULL,
  size_bytes bigint NOT NULL,
  sha256 text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Account that uploaded it.
  created_by text NOT NULL,
  CONSTRAINT version_pk PRIMARY KEY (city, file_id, version),
  CONSTRAINT version_id_once UNIQUE (city, id),
  CONSTRAINT version_blob_once UNIQUE (city, blob_id),
  CONSTRAINT version_of_file FOREIGN KEY (city, file_id) REFERENCES files.file (city, id),
  CONSTRAINT version_size CHECK (size_bytes >= 0)
);
-- What a rotation has still to do.
CREATE INDEX version_by_key ON files.version (city, key_id, blob_id);

-- Where a copy in one store is not what it should be. No row: the store holds the blob.
CREATE TABLE files.debt (
  city text NOT NULL,
  blob_id text NOT NULL,
  store text NOT NULL,
  state text NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  tries integer NOT NULL DEFAULT 0,
  next_try_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT debt_pk PRIMARY KEY (city, blob_id, store),
  CONSTRAINT debt_of_version FOREIGN KEY (city, blob_id) REFERENCES files.version (city, blob_id) ON DELETE CASCADE,
  CONSTRAINT debt_store CHECK (store IN ('primary', 'backup')),
  CONSTRAINT debt_state CHECK (state IN ('owed', 'damaged'))
);
CREATE INDEX debt_due ON files.debt (city, next_try_at);

-- Blobs that have to go from a store: of deleted files and erased patients ('erased': the key is destroyed for good), and of uploads that
-- were given up ('abandoned'). A row goes when its store has done it.
CREATE TABLE files.destruction (
  city text NOT NULL,
  blob_id text NOT NULL,
  store text NOT NULL,
  reason text NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  tries integer NOT NULL DEFAULT 0,
  next_try_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT destruction_pk PRIMARY KEY (city, blob_id, store),
  CONSTRAINT destruction_store CHECK (store IN ('primary', 'backup')),
  CONSTRAINT destruction_reason CHECK (reason IN ('erased', 'abandoned'))
);
CREATE INDEX destruction_due ON files.destruction (city, next_try_at);

-- Who writes into the copies of a version now (a repair, a new wrapped key), until when nobody else may. A destruction waits for it, so that
-- nothing is put back behind it.
CREATE TABLE files.writing (
  city text NOT NULL,
  blob_id text NOT NULL,
  lease text NOT NULL,
  lease_until timestamptz NOT NULL,
  CONSTRAINT writing_pk PRIMARY KEY (city, blob_id)
);

-- Every upload, written before its first byte reaches a store, so that a crash leaves nothing that nobody knows of.
CREATE TABLE files.upload (
  city text NOT NULL,
  id text NOT NULL,
  blob_id text NOT NULL,
  patient_id text NOT NULL,
  -- Ids that the version gets: bound into the ciphertext. Its number is given when it is kept.
  file_id text NOT NULL,
  version_id text NOT NULL,
  name text NOT NULL,
  content_type text NOT NULL,
  priority smallint NOT NULL,
  appointment_id text,
  size_bytes bigint NOT NULL,
  -- Told by the uploader; found by us for an upload inside the graph.
  sha256 text NOT NULL,
  account_id text NOT NULL,
  session_id text NOT NULL,
  -- Sealed streams: the transfer key as the uploader sealed it (JWE), and the stream's header once it came.
  sealed_key text,
  stream_header bytea,
  -- 'open': bytes may come; 'received': all bytes are stored and hold; 'kept': it is a version; 'refused': the content was.
  state text NOT NULL DEFAULT 'open',
  refusal text,
  -- Bytes of the content that both stores (or the one that answers) hold for good.
  stored_bytes bigint NOT NULL DEFAULT 0,
  key_id text,
  -- Stores that lack the blob, with commas between.
  owed text NOT NULL DEFAULT '',
  -- Who receives now, until when nobody else may.
  lease text,
  lease_until timestamptz,
  -- The single-use address that is in force, and for whom it was made: what the policy has to know of them.
  address_until timestamptz,
  viewer jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  CONSTRAINT upload_pk PRIMARY KEY (city, id),
  CONSTRAINT upload_blob_once UNIQUE (city, blob_id),
  CONSTRAINT upload_state CHECK (state IN ('open', 'received', 'kept', 'refused')),
  CONSTRAINT upload_size CHECK (size_bytes >= 0 AND stored_bytes BETWEEN 0 AND size_bytes)
);
CREATE INDEX upload_expiry ON files.upload (city, expires_at);
CREATE INDEX upload_by_patient ON files.upload (city, patient_id);
CREATE INDEX upload_by_file ON files.upload (city, file_id);

-- Single-use addresses to fetch a version.
CREATE TABLE files.download (
  city text NOT NULL,
  id text NOT NULL,
  file_id text NOT NULL,
  version integer NOT NULL,
  account_id text NOT NULL,
  session_id text NOT NULL,
  -- For whom it was made: what the policy has to know of them.
  viewer jsonb NOT NULL,
  -- Sealed streams: the transfer key, wrapped like a data key, and the stream's salt.
  wrapped_key text,
  salt bytea,
  -- Bytes of the body that were handed out; all of them: the address is used up.
  handed_bytes bigint NOT NULL DEFAULT 0,
  lease text,
  lease_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  CONSTRAINT download_pk PRIMARY KEY (city, id),
  CONSTRAINT download_of_version FOREIGN KEY (city, file_id, version) REFERENCES files.version (city, file_id, version) ON DELETE CASCADE
);
CREATE INDEX download_expiry ON files.download (city, expires_at);

-- Files that an appointment of the patient refers to.
CREATE TABLE files.attachment (
  city text NOT NULL,
  appointment_id text NOT NULL,
  file_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT attachment_pk PRIMARY KEY (city, appointment_id, file_id),
  CONSTRAINT attachment_of_file FOREIGN KEY (city, file_id) REFERENCES files.file (city, id) ON DELETE CASCADE
);
CREATE INDEX attachment_by_file ON files.attachment (city, file_id);

-- The last task of each kind.
CREATE TABLE files.task (
  city text NOT NULL,
  kind text NOT NULL,
  running boolean NOT NULL DEFAULT true,
  started_at timestamptz NOT NULL DEFAULT now(),
  -- Where a scrub goes on: the last blob it looked at.
  position text NOT NULL DEFAULT '',
  total bigint NOT NULL DEFAULT 0,
  checked bigint NOT NULL DEFAULT 0,
  damaged bigint NOT NULL DEFAULT 0,
  repaired bigint NOT NULL DEFAULT 0,
  lost bigint NOT NULL DEFAULT 0,
  waiting bigint NOT NULL DEFAULT 0,
  lease text,
  lease_until timestamptz,
  CONSTRAINT task_pk PRIMARY KEY (city, kind),
  CONSTRAINT task_kind CHECK (kind IN ('rotation', 'scrub'))
);

GRANT SELECT, INSERT, UPDATE, DELETE ON files.subject, files.room, files.file, files.version, files.debt, files.destruction, files.writing, files.upload,
  files.download, files.attachment, files.task TO files;
