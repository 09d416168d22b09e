-- What began in queues with a rate, as far back as the rate looks.
CREATE TABLE beginning (
    queue TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (queue, at_ms)
) WITHOUT ROWID;
