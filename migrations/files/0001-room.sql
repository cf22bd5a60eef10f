-- The files subgraph reads which patients and practitioners there are.
GRANT USAGE ON SCHEMA files, directory TO files;
GRANT SELECT ON directory.patient, directory.practitioner, directory.access_grant, directory.care TO files;
