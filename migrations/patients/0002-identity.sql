-- Accounts, sessions, tries to log in, and grants across cities.

CREATE TABLE patients.account (
  city text NOT NULL,
  id text NOT NULL,
  username text NOT NULL,
  -- PHC string of argon2id.
  password_hash text NOT NULL,
  role text NOT NULL,
  patient_id text,
  practitioner_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT account_pk PRIMARY KEY (city, id),
  CONSTRAINT account_username_once UNIQUE (city, username),
  CONSTRAINT account_role CHECK (role IN ('P', 'D', 'A', 'U')),
  CONSTRAINT account_username_role CHECK (username ~ ('^' || city || role || '[0-9]{4,}$')),
  CONSTRAINT account_of_patient FOREIGN KEY (city, patient_id) REFERENCES patients.patient (city, id),
  CONSTRAINT account_of_practitioner FOREIGN KEY (city, practitioner_id) REFERENCES patients.practitioner (city, id)
);
CREATE INDEX account_by_patient ON patients.account (city, patient_id) WHERE patient_id IS NOT NULL;

-- The number that the next login name of a role gets.
CREATE TABLE patients.username_sequence (
  city text NOT NULL,
  role text NOT NULL,
  next integer NOT NULL,
  CONSTRAINT username_sequence_pk PRIMARY KEY (city, role)
);

-- A login. No foreign key to the account: that a session was revoked is still told after its account is gone.
CREATE TABLE patients.session (
  city text NOT NULL,
  id text NOT NULL,
  account_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- No refresh goes beyond this.
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  CONSTRAINT session_pk PRIMARY KEY (city, id)
);
CREATE INDEX session_by_account ON patients.session (city, account_id) WHERE revoked_at IS NULL;
CREATE INDEX session_revoked ON patients.session (city, revoked_at) WHERE revoked_at IS NOT NULL;

-- The chain of refresh tokens of a session, by hash. A used one stays, so that its second use is noticed.
CREATE TABLE patients.refresh_token (
  city text NOT NULL,
  token_sha256 bytea NOT NULL,
  session_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  CONSTRAINT refresh_token_pk PRIMARY KEY (city, token_sha256),
  CONSTRAINT refresh_token_of_session FOREIGN KEY (city, session_id) REFERENCES patients.session (city, id) ON DELETE CASCADE
);
CREATE INDEX refresh_token_by_session ON patients.refresh_token (city, session_id);

-- Tries to log in that did not succeed, by name and address (both hashed), within a minute. Names that do not exist are counted as well.
CREATE TABLE patients.login_attempt (
  city text NOT NULL,
  username_sha256 bytea NOT NULL,
  address_sha256 bytea NOT NULL,
  window_start timestamptz NOT NULL DEFAULT now(),
  failed integer NOT NULL,
  CONSTRAINT login_attempt_pk PRIMARY KEY (city, username_sha256, address_sha256)
);

-- A patient's record opened to a practitioner of another city for some time; kept at the patient's home.
CREATE TABLE patients.access_grant (
  city text NOT NULL,
  patient_id text NOT NULL,
  practitioner_id text NOT NULL,
  granted_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  until timestamptz NOT NULL,
  CONSTRAINT access_grant_pk PRIMARY KEY (city, patient_id, practitioner_id),
  CONSTRAINT access_grant_of_patient FOREIGN KEY (city, patient_id) REFERENCES patients.patient (city, id) ON DELETE CASCADE
);
CREATE INDEX access_grant_by_practitioner ON patients.access_grant (city, practitioner_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON patients.account, patients.username_sequence, patients.session, patients.refresh_token,
  patients.login_attempt, patients.access_grant TO patients;
