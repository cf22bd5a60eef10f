-- Which appointments a patient has anywhere, for what other subgraphs attach to them; read at the patient's home city.
CREATE VIEW directory.appointment AS
  SELECT city, id, patient_id, host_city
  FROM scheduling.ledger
  WHERE state IN ('pending', 'confirmed', 'cancelled');
GRANT SELECT ON directory.appointment TO scheduling, files;
