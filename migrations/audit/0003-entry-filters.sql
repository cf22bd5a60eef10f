-- What auditors look for is rare among reads that succeeded: without these a page of it would read the whole table.
CREATE INDEX entry_act ON audit.entry (city, act, id);
CREATE INDEX entry_not_read ON audit.entry (city, action, id) WHERE action <> 'R';
CREATE INDEX entry_not_done ON audit.entry (city, outcome, id) WHERE outcome <> 0;
