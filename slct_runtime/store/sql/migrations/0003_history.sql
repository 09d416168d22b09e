-- What processes have done, one entry per committed transition; only where the runtime was told to keep it.
CREATE TABLE history (
    process_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    entry TEXT NOT NULL,                          -- JSON; see _history.py
    PRIMARY KEY (process_id, seq)                 -- what was done is told once
) WITHOUT ROWID;
