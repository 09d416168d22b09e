-- The schema as it is after all migrations, for reading; a database is always made by sql/migrations (tested equal).
-- Dialect: SQLite. Times are Unix milliseconds. Payloads, core and document are JSON text that no query looks into; documents are
-- kept in shorthand (_shorthand.py).
--
-- status:  0 running     under way, or parked
--          1 completed   main returned; the result is in `result`
--          2 failed      ended with a process error; it is in `error`
--          3 cancelled   ended by cancellation
--          4 terminated  ended from outside, no code of it ran
--          5 faulted     at a stand: its code failed; can be retried from here
--          6 deadlocked  at a stand: it waits for what can never come
--          1 to 4 are ends. Small integers, for they are in every row; the order is that of `STATUSES` in _codes.py.

-- One row per process. A rowid table with an index on the id, not WITHOUT ROWID: documents of a few kilobytes stay in
-- their leaf, and processes started together lie together, so that one group commit touches few pages.
-- Small columns first: what lists and scans read comes before the texts that may overflow a page.
CREATE TABLE process (
    process_key INTEGER PRIMARY KEY,
    process_id TEXT NOT NULL UNIQUE,              -- two starts with one id are one process
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 6),
    is_ready INTEGER NOT NULL CHECK (is_ready IN (0, 1)),
    seq INTEGER NOT NULL CHECK (seq >= 0),        -- the fencing token: grows by one with each committed transition
    due_ms INTEGER,                               -- earliest deadline; NULL without one
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    definition TEXT NOT NULL,
    version TEXT NOT NULL,
    arguments_digest TEXT NOT NULL,
    labels TEXT,                                  -- JSON object of texts; NULL for none
    core TEXT NOT NULL,
    document TEXT NOT NULL,
    arguments TEXT NOT NULL,                      -- '' once there is a document
    result TEXT,
    error TEXT
);

-- Deadlines of parked processes. Partial: a process without deadline, or at an end, costs nothing here.
CREATE INDEX process_due ON process (due_ms) WHERE status = 0 AND due_ms IS NOT NULL;

-- What a starting runtime has to take up. Empty but for processes that were under way.
CREATE INDEX process_ready ON process (process_id) WHERE status = 0 AND is_ready = 1;

-- What vacuum may delete, oldest first.
CREATE INDEX process_ended ON process (updated_ms) WHERE status BETWEEN 1 AND 4;

-- What is left of each version: processes that have not ended.
CREATE INDEX process_version ON process (definition, version, status) WHERE status NOT BETWEEN 1 AND 4;

-- Arrivals from outside that no committed transition has consumed, in the order of `position`.
-- kind:  0 message   1 close   2 effect   3 child   4 cancel       (the order of `KINDS` in _codes.py)
CREATE TABLE inbox (
    process_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 4),
    at_ms INTEGER NOT NULL,
    name TEXT NOT NULL,                           -- channel, effect id or process id
    payload TEXT,
    error TEXT,
    PRIMARY KEY (process_id, position)            -- no two arrivals at one place
) WITHOUT ROWID;

-- An outcome is recorded once, however often it is reported (rule 18).
CREATE UNIQUE INDEX inbox_outcome ON inbox (process_id, kind, name) WHERE kind IN (2, 3);

-- Effects requested and without outcome.
CREATE TABLE effect (
    process_id TEXT NOT NULL,
    effect_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    due_ms INTEGER NOT NULL,                      -- not before
    requested_ms INTEGER NOT NULL,
    request TEXT NOT NULL,
    progress TEXT,                                -- what an attempt reported last
    last_error TEXT,                              -- the exception in which the attempt before ended
    PRIMARY KEY (process_id, effect_id)           -- effect ids are unique in their process, for ever
) WITHOUT ROWID;

CREATE INDEX effect_due ON effect (due_ms);

-- Keys of accepted messages: one message per key and process while the key is remembered (rule 15).
CREATE TABLE message_key (
    process_id TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,                         -- tells the same message from another one under its key
    accepted_ms INTEGER NOT NULL,
    PRIMARY KEY (process_id, key)
) WITHOUT ROWID;

-- Output streams. Offsets count from 0 without gaps.
CREATE TABLE output (
    process_id TEXT NOT NULL,
    "offset" INTEGER NOT NULL CHECK ("offset" >= 0),
    payload TEXT NOT NULL,
    PRIMARY KEY (process_id, "offset")            -- no value is emitted twice
) WITHOUT ROWID;

-- Answers to requests: one each, the first. Found again when a client repeats its question.
CREATE TABLE reply (
    process_id TEXT NOT NULL,
    request_id TEXT NOT NULL,                     -- the key under which the request was sent
    at_ms INTEGER NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (process_id, request_id)
) WITHOUT ROWID;

-- What processes have done, one entry per committed transition; only where the runtime was told to keep it.
CREATE TABLE history (
    process_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    entry TEXT NOT NULL,                          -- JSON; see _history.py
    PRIMARY KEY (process_id, seq)                 -- what was done is told once
) WITHOUT ROWID;

-- Processes as their commits have left them, as long as the entry in their history is kept; another can begin there. A rowid
-- table, as `process` is: documents of a few kilobytes stay in their leaf.
CREATE TABLE state (
    process_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    version TEXT NOT NULL,                        -- that wrote the document
    labels TEXT,                                  -- as in process
    core TEXT NOT NULL,                           -- '' if it had ended
    document TEXT NOT NULL,
    arguments TEXT NOT NULL,
    used TEXT,                                    -- JSON; see _states.py; NULL for nothing
    PRIMARY KEY (process_id, seq)
);

-- Who waits for the end of which other process. Written in the commit in which the wait begins, and in that in which it ends.
CREATE TABLE watch (
    process_id TEXT NOT NULL,
    watched_id TEXT NOT NULL,                     -- may not exist: its start is an effect of the same commit
    PRIMARY KEY (process_id, watched_id)
) WITHOUT ROWID;

CREATE INDEX watch_watched ON watch (watched_id);

-- What is deployed.
CREATE TABLE definition (
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    deployed_ms INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    policy TEXT NOT NULL DEFAULT 'auto',          -- which processes of earlier versions move to it: auto, manual or pin
    PRIMARY KEY (name, version)
);

-- What queues of effects allow; one without limits is not here.
CREATE TABLE queue (
    name TEXT PRIMARY KEY NOT NULL,
    limits TEXT NOT NULL                          -- JSON; see _engine.py
) WITHOUT ROWID;

-- What began in queues with a rate, as far back as the rate looks.
CREATE TABLE beginning (
    queue TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (queue, at_ms)
) WITHOUT ROWID;
