-- What queues of effects allow; one without limits is not here.
CREATE TABLE queue (
    name TEXT PRIMARY KEY NOT NULL,
    limits TEXT NOT NULL                          -- JSON; see _engine.py
) WITHOUT ROWID;
