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
