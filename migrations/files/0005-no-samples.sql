-- As patients/0007: no samples of names and hashes of files in the planner's statistics.
ALTER TABLE files.file
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN name_fold SET STATISTICS 0,
  ALTER COLUMN sha256 SET STATISTICS 0;
ALTER TABLE files.version ALTER COLUMN sha256 SET STATISTICS 0;
ALTER TABLE files.upload ALTER COLUMN name SET STATISTICS 0, ALTER COLUMN sha256 SET STATISTICS 0;
SELECT pg_clear_attribute_stats('files', c.relname, a.attname, false)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'files'::regnamespace AND c.relkind = 'r' AND a.attstattarget = 0;
