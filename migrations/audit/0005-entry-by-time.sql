-- Lists are in the order of time, newest first, and a page of an old period begins where it stands: each filter has its own index in that order.
CREATE INDEX entry_time ON audit.entry (city, recorded_at, id);
CREATE INDEX entry_patient_time ON audit.entry (city, patient_id, recorded_at, id) WHERE patient_id IS NOT NULL;
CREATE INDEX entry_actor_time ON audit.entry (city, actor_id, recorded_at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX entry_act_time ON audit.entry (city, act, recorded_at, id);
CREATE INDEX entry_not_read_time ON audit.entry (city, action, recorded_at, id) WHERE action <> 'R';
CREATE INDEX entry_not_done_time ON audit.entry (city, outcome, recorded_at, id) WHERE outcome <> 0;
DROP INDEX audit.entry_recorded, audit.entry_patient, audit.entry_actor, audit.entry_act, audit.entry_not_read, audit.entry_not_done;
