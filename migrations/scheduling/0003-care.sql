-- Who cares for whom, for the permission of other subgraphs; read at the patient's home city.
CREATE VIEW directory.care AS
  SELECT city, patient_id, practitioner_id, host_city, ends_at + interval '30 days' AS until
  FROM scheduling.ledger
  WHERE state IN ('pending', 'confirmed');
GRANT USAGE ON SCHEMA directory TO patients, files, audit;
GRANT SELECT ON directory.care TO scheduling, patients, files, audit;
GRANT SELECT ON directory.patient, directory.practitioner, directory.access_grant TO scheduling;
