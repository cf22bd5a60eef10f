-- What the other schemas of the city may know of people: that they exist, and who may see whom.
CREATE VIEW directory.patient AS SELECT city, id, true AS active FROM patients.patient;
CREATE VIEW directory.practitioner AS SELECT city, id, active, specialties FROM patients.practitioner;
CREATE VIEW directory.access_grant AS SELECT city, patient_id, practitioner_id, until FROM patients.access_grant;

GRANT USAGE ON SCHEMA directory TO patients, scheduling, files, audit;
GRANT SELECT ON directory.patient, directory.practitioner, directory.access_grant TO patients, scheduling, files, audit;
