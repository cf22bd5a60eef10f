-- Two filters that exclude each other more often than chance would have it (an act, and an end that it seldom has) made a page fetch row after row to throw
-- it away. Behind the time, each index of a filter now holds what else may be asked for: what does not match is passed over in the index.
CREATE INDEX entry_act ON audit.entry (city, act, recorded_at, id, action, outcome);
CREATE INDEX entry_not_read ON audit.entry (city, action, recorded_at, id, outcome) WHERE action <> 'R';
CREATE INDEX entry_not_done ON audit.entry (city, outcome, recorded_at, id, action) WHERE outcome <> 0;
DROP INDEX audit.entry_act_time, audit.entry_not_read_time, audit.entry_not_done_time;
