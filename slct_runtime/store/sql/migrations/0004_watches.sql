-- Who waits for the end of which other process. Written in the commit in which the wait begins, and in that in which it ends.
CREATE TABLE watch (
    process_id TEXT NOT NULL,
    watched_id TEXT NOT NULL,                     -- may not exist: its start is an effect of the same commit
    PRIMARY KEY (process_id, watched_id)
) WITHOUT ROWID;

CREATE INDEX watch_watched ON watch (watched_id);
