-- Identifiers that are about to be written here, for the moment in which no city can see the record of another yet. SHA-256 (hex) of
-- `system|value`. A claim that its act left behind counts for 30 s.
CREATE TABLE patients.identifier_claim (
  city text NOT NULL,
  identifier_sha256 text NOT NULL,
  claim_id text NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT identifier_claim_pk PRIMARY KEY (city, identifier_sha256)
);
CREATE INDEX identifier_claim_by_id ON patients.identifier_claim (city, claim_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON patients.identifier_claim TO patients;
