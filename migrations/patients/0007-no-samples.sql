-- ANALYZE keeps samples of values in pg_statistic, and keeps the last ones of a table that has become empty. Columns that tell of a person and that no
-- plan depends on are left out of it. What is searched by (family_fold, words, birth_date) is sampled anew with each ANALYZE.
ALTER TABLE patients.patient
  ALTER COLUMN family SET STATISTICS 0,
  ALTER COLUMN given SET STATISTICS 0,
  ALTER COLUMN name_text SET STATISTICS 0,
  ALTER COLUMN contacts SET STATISTICS 0,
  ALTER COLUMN addresses SET STATISTICS 0;
ALTER TABLE patients.identifier ALTER COLUMN value SET STATISTICS 0;
ALTER TABLE patients.coverage ALTER COLUMN payor SET STATISTICS 0, ALTER COLUMN member_id SET STATISTICS 0;
ALTER TABLE patients.account ALTER COLUMN username SET STATISTICS 0, ALTER COLUMN password_hash SET STATISTICS 0;
SELECT pg_clear_attribute_stats('patients', c.relname, a.attname, false)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'patients'::regnamespace AND c.relkind = 'r' AND a.attstattarget = 0;
