-- Answers to requests: one each, the first. Found again when a client repeats its question.
CREATE TABLE reply (
    process_id TEXT NOT NULL,
    request_id TEXT NOT NULL,                     -- the key under which the request was sent
    at_ms INTEGER NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (process_id, request_id)
) WITHOUT ROWID;
