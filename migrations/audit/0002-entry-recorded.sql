-- Auditors ask for a span of time. Entries are written in about its order, so a block range index is enough and costs an insert nothing.
CREATE INDEX entry_recorded ON audit.entry USING brin (city, recorded_at);
