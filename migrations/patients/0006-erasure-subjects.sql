-- Whose keys in the audit logs are to be destroyed with a patient: the tags (HMAC) of the patient, of the accounts that went and of their login names.
-- Rows from before have none; the patient's own is made of the id then.
ALTER TABLE patients.erasure ADD COLUMN subjects bytea[] NOT NULL DEFAULT '{}';
CREATE OR REPLACE VIEW directory.erasure AS SELECT city, patient_id, erased_at, subjects FROM patients.erasure;
GRANT SELECT ON directory.erasure TO audit;
