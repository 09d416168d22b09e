-- The first schema.

CREATE TABLE process (
    process_key INTEGER PRIMARY KEY,
    process_id TEXT NOT NULL UNIQUE,
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 6),
    is_ready INTEGER NOT NULL CHECK (is_ready IN (0, 1)),
    seq INTEGER NOT NULL CHECK (seq >= 0),
    due_ms INTEGER,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    definition TEXT NOT NULL,
    version TEXT NOT NULL,
    arguments_digest TEXT NOT NULL,
    labels TEXT,
    core TEXT NOT NULL,
    document TEXT NOT NULL,
    arguments TEXT NOT NULL,
    result TEXT,
    error TEXT
);

CREATE INDEX process_due ON process (due_ms) WHERE status = 0 AND due_ms IS NOT NULL;

CREATE INDEX process_ready ON process (process_id) WHERE status = 0 AND is_ready = 1;

CREATE INDEX process_ended ON process (updated_ms) WHERE status BETWEEN 1 AND 4;

CREATE TABLE inbox (
    process_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 4),
    at_ms INTEGER NOT NULL,
    name TEXT NOT NULL,
    payload TEXT,
    error TEXT,
    PRIMARY KEY (process_id, position)
) WITHOUT ROWID;

CREATE UNIQUE INDEX inbox_outcome ON inbox (process_id, kind, name) WHERE kind IN (2, 3);

CREATE TABLE effect (
    process_id TEXT NOT NULL,
    effect_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    due_ms INTEGER NOT NULL,
    requested_ms INTEGER NOT NULL,
    request TEXT NOT NULL,
    PRIMARY KEY (process_id, effect_id)
) WITHOUT ROWID;

CREATE INDEX effect_due ON effect (due_ms);

CREATE TABLE message_key (
    process_id TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    accepted_ms INTEGER NOT NULL,
    PRIMARY KEY (process_id, key)
) WITHOUT ROWID;

CREATE TABLE output (
    process_id TEXT NOT NULL,
    "offset" INTEGER NOT NULL CHECK ("offset" >= 0),
    payload TEXT NOT NULL,
    PRIMARY KEY (process_id, "offset")
) WITHOUT ROWID;

CREATE TABLE definition (
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    deployed_ms INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    PRIMARY KEY (name, version)
);
