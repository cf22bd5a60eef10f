-- Patients who were erased, by id alone. Other subgraphs cancel and destroy by this word and not because a patient cannot be found: a table
-- that is empty by mistake costs nothing. Rows stay.
CREATE TABLE patients.erasure (
  city text NOT NULL,
  patient_id text NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT erasure_pk PRIMARY KEY (city, patient_id)
);
CREATE INDEX erasure_by_time ON patients.erasure (city, erased_at);
GRANT SELECT, INSERT ON patients.erasure TO patients;

CREATE VIEW directory.erasure AS SELECT city, patient_id, erased_at FROM patients.erasure;
GRANT SELECT ON directory.erasure TO patients, scheduling, files;
