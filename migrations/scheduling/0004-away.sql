-- Whom of another city's patients a practitioner has in care, and who visits a city: read in pages, at the patients' home.
CREATE INDEX ledger_away_by_practitioner ON scheduling.ledger (city, practitioner_id, patient_id)
  WHERE state IN ('pending', 'confirmed') AND host_city <> city;
CREATE INDEX ledger_away_by_host ON scheduling.ledger (city, host_city, patient_id)
  WHERE state IN ('pending', 'confirmed') AND host_city <> city;
