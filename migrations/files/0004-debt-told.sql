-- Whether it was told that no store holds a content intact: once, whatever kept the first tries from finding it out.
ALTER TABLE files.debt ADD COLUMN told boolean NOT NULL DEFAULT false;
