-- Which processes of earlier versions move to this one.
ALTER TABLE definition ADD COLUMN policy TEXT NOT NULL DEFAULT 'auto';

-- What is left of each version: processes that have not ended.
CREATE INDEX process_version ON process (definition, version, status) WHERE status NOT BETWEEN 1 AND 4;
