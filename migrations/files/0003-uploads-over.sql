-- Every second it is looked for uploads that are over. Those that were kept stay for a day and are not looked at.
CREATE INDEX upload_over ON files.upload (city, expires_at) WHERE state IN ('open', 'received', 'refused');
