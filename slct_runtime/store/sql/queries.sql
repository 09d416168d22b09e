-- All that the SQLite store says to its database once it is open. Read by _queries.py.
--
-- Each query: its name between dashes, one line of purpose, the statement. Parameters are positional. `{rows}` stands
-- for as many parenthesized rows of parameters as one statement is given at a time: many rows are one statement, because
-- each statement lets go of Python's interpreter lock and has to wait for it again. Rows of NULLs fill it up; the
-- statement must skip them. Changes begin with INSERT, UPDATE or DELETE: Python counts the rows of no others.
-- Status and kind numbers are explained in schema.sql; they are literals where a partial index is to be used.

-- advance_processes --
-- Replace each process that is still at the seq its change started from; the count tells whether all were.
UPDATE process
SET status = given.status, is_ready = given.is_ready, seq = given.seq, due_ms = given.due_ms,
    updated_ms = given.updated_ms, definition = given.definition, version = given.version, labels = given.labels,
    core = given.core, document = given.document, arguments = given.arguments, result = given.result,
    error = given.error
FROM (WITH given (process_id, expected_seq, status, is_ready, seq, due_ms, updated_ms, definition, version, labels, core,
                  document, arguments, result, error) AS (VALUES {rows})
      SELECT * FROM given) AS given
WHERE process.process_id = given.process_id AND process.seq = given.expected_seq

-- create_processes --
-- Insert each process whose id is not there yet; the count tells whether all were new.
INSERT INTO process (process_id, status, is_ready, seq, due_ms, created_ms, updated_ms, definition, version,
                     arguments_digest, labels, core, document, arguments, result, error)
WITH given (process_id, status, is_ready, seq, due_ms, created_ms, updated_ms, definition, version, arguments_digest,
            labels, core, document, arguments, result, error) AS (VALUES {rows})
SELECT * FROM given WHERE process_id IS NOT NULL
ON CONFLICT (process_id) DO NOTHING

-- count_processes --
-- How many of these processes exist.
WITH given (process_id) AS (VALUES {rows})
SELECT count(*) FROM given JOIN process USING (process_id)

-- held_seq --
-- The seq at which a process is.
SELECT seq FROM process WHERE process_id = ?

-- insert_inbox --
-- Store arrivals; those of processes that do not exist, and outcomes that are there already, are left out.
INSERT INTO inbox (process_id, position, kind, at_ms, name, payload, error)
WITH given (process_id, position, kind, at_ms, name, payload, error) AS (VALUES {rows})
SELECT * FROM given WHERE EXISTS (SELECT 1 FROM process WHERE process.process_id = given.process_id)
ON CONFLICT (process_id, kind, name) WHERE kind IN (2, 3) DO NOTHING

-- delete_inbox --
-- Remove arrivals that a transition has consumed. With casts, both columns of the key are searched by.
DELETE FROM inbox WHERE (process_id, position) IN (
    SELECT CAST(column1 AS TEXT), CAST(column2 AS INTEGER) FROM (VALUES {rows}))

-- upsert_keys --
-- Remember message keys. A key given again was not found any more: it begins anew.
INSERT INTO message_key (process_id, key, digest, accepted_ms)
WITH given (process_id, key, digest, accepted_ms) AS (VALUES {rows})
SELECT * FROM given WHERE process_id IS NOT NULL
ON CONFLICT (process_id, key) DO UPDATE SET digest = excluded.digest, accepted_ms = excluded.accepted_ms
WHERE excluded.accepted_ms > accepted_ms

-- upsert_effects --
-- Store requested effects, or their next attempt.
INSERT INTO effect (process_id, effect_id, attempt, due_ms, requested_ms, request, progress, last_error)
WITH given (process_id, effect_id, attempt, due_ms, requested_ms, request, progress, last_error) AS (VALUES {rows})
SELECT * FROM given WHERE process_id IS NOT NULL
ON CONFLICT (process_id, effect_id) DO UPDATE SET attempt = excluded.attempt, due_ms = excluded.due_ms,
    requested_ms = excluded.requested_ms, request = excluded.request, progress = excluded.progress,
    last_error = excluded.last_error

-- delete_effects --
-- Remove effects that have an outcome, or that nobody waits for any more.
DELETE FROM effect WHERE (process_id, effect_id) IN (
    SELECT CAST(column1 AS TEXT), CAST(column2 AS INTEGER) FROM (VALUES {rows}))

-- insert_outputs --
-- Append to output streams.
INSERT INTO output (process_id, "offset", payload)
WITH given (process_id, "offset", payload) AS (VALUES {rows})
SELECT * FROM given WHERE process_id IS NOT NULL

-- insert_replies --
-- Store answers to requests; one that has an answer keeps it.
INSERT INTO reply (process_id, request_id, at_ms, payload)
WITH given (process_id, request_id, at_ms, payload) AS (VALUES {rows})
SELECT * FROM given WHERE process_id IS NOT NULL
ON CONFLICT (process_id, request_id) DO NOTHING

-- insert_history --
-- Append to what processes have done.
INSERT INTO history (process_id, seq, at_ms, entry)
WITH given (process_id, seq, at_ms, entry) AS (VALUES {rows})
SELECT * FROM given WHERE process_id IS NOT NULL

-- delete_history --
-- Forget what processes did up to a seq.
WITH given (process_id, until) AS (VALUES {rows})
DELETE FROM history WHERE (process_id, seq) IN (
    SELECT history.process_id, history.seq FROM given JOIN history
    ON history.process_id = given.process_id AND history.seq <= given.until)

-- insert_states --
-- Keep processes as they are now.
INSERT INTO state (process_id, seq, version, labels, core, document, arguments, used)
WITH given (process_id, seq, version, labels, core, document, arguments, used) AS (VALUES {rows})
SELECT * FROM given WHERE process_id IS NOT NULL

-- delete_states --
-- Forget how processes were up to a seq.
WITH given (process_id, until) AS (VALUES {rows})
DELETE FROM state WHERE (process_id, seq) IN (
    SELECT state.process_id, state.seq FROM given JOIN state
    ON state.process_id = given.process_id AND state.seq <= given.until)

-- insert_watches --
-- Note whose end a process waits for.
INSERT INTO watch (process_id, watched_id)
WITH given (process_id, watched_id) AS (VALUES {rows})
SELECT * FROM given WHERE process_id IS NOT NULL
ON CONFLICT (process_id, watched_id) DO NOTHING

-- delete_watches --
-- It no longer waits for that.
DELETE FROM watch WHERE (process_id, watched_id) IN (
    SELECT CAST(column1 AS TEXT), CAST(column2 AS TEXT) FROM (VALUES {rows}))

-- load_processes --
-- The rows of these processes, each with the offset of its next output.
WITH given (process_id) AS (VALUES {rows})
SELECT process.process_id, definition, version, status, seq, core, document, arguments, arguments_digest, due_ms,
       is_ready, created_ms, updated_ms, labels, result, error,
       (SELECT coalesce(max("offset") + 1, 0) FROM output WHERE output.process_id = process.process_id)
FROM given JOIN process USING (process_id)

-- load_inbox --
-- What has arrived for these processes, in order.
WITH given (process_id) AS (VALUES {rows})
SELECT position, inbox.process_id, kind, name, payload, error, at_ms
FROM given JOIN inbox USING (process_id)
ORDER BY inbox.process_id, position

-- load_effects --
-- What these processes wait for, in order.
WITH given (process_id) AS (VALUES {rows})
SELECT effect.process_id, effect_id, request, attempt, due_ms, requested_ms, progress, last_error
FROM given JOIN effect USING (process_id)
ORDER BY effect.process_id, effect_id

-- due --
-- Deadlines of running processes and of their effects, earliest first.
SELECT process_id, due_ms FROM process WHERE status = 0 AND due_ms IS NOT NULL AND due_ms <= ?
UNION ALL
SELECT effect.process_id, effect.due_ms FROM effect JOIN process USING (process_id)
WHERE process.status = 0 AND effect.due_ms <= ?
ORDER BY due_ms, process_id
LIMIT ?

-- runnable --
-- Running processes that are ready or have arrivals, all that have effects; each arm is an ordered walk along an index.
SELECT process_id FROM (
    SELECT * FROM (SELECT process_id FROM process WHERE status = 0 AND is_ready = 1 AND process_id > ?
                   ORDER BY process_id LIMIT ?)
    UNION
    SELECT * FROM (SELECT DISTINCT process_id FROM inbox WHERE process_id > ?
                   AND EXISTS (SELECT 1 FROM process WHERE process.process_id = inbox.process_id AND status = 0)
                   ORDER BY process_id LIMIT ?)
    UNION
    SELECT * FROM (SELECT DISTINCT process_id FROM effect WHERE process_id > ?
                   ORDER BY process_id LIMIT ?)
)
ORDER BY process_id
LIMIT ?

-- find_keys --
-- Those of these keys that are known, and since when.
WITH given (process_id, key) AS (VALUES {rows})
SELECT message_key.process_id, message_key.key, digest, accepted_ms
FROM given JOIN message_key USING (process_id, key)

-- list_processes --
-- One page of processes in order of id; NULL stands for any. Labels: each wanted pair must be there.
SELECT process_id, definition, version, status, seq, created_ms, updated_ms, due_ms, labels
FROM process
WHERE process_id > ?
  AND definition = coalesce(?, definition)
  AND status = coalesce(?, status)
  AND version = coalesce(?, version)
  AND NOT EXISTS (
      SELECT 1 FROM json_each(?) AS wanted
      WHERE NOT EXISTS (SELECT 1 FROM json_each(process.labels) AS held
                        WHERE held.key = wanted.key AND held.value = wanted.value))
ORDER BY process_id
LIMIT ?

-- list_outputs --
-- One page of an output stream.
SELECT process_id, "offset", payload FROM output WHERE process_id = ? AND "offset" >= ? ORDER BY "offset" LIMIT ?

-- find_reply --
-- The answer to one request.
SELECT payload FROM reply WHERE process_id = ? AND request_id = ?

-- list_history --
-- One page of what a process has done.
SELECT process_id, seq, at_ms, entry FROM history WHERE process_id = ? AND seq > ? ORDER BY seq LIMIT ?

-- find_state --
-- A process as it was.
SELECT process_id, seq, version, labels, core, document, arguments, used FROM state WHERE process_id = ? AND seq = ?

-- list_used --
-- What was used after a state, in order.
SELECT used FROM state WHERE process_id = ? AND seq > ? AND used IS NOT NULL ORDER BY seq

-- list_watchers --
-- Who waits for the end of one of these processes, and of which.
WITH given (watched_id) AS (VALUES {rows})
SELECT watch.process_id, watched_id FROM given JOIN watch USING (watched_id)

-- ended_watches --
-- Who waits for the end of a process that has ended, or that is not there.
SELECT watch.process_id, watched_id FROM watch LEFT JOIN process ON process.process_id = watched_id
WHERE (watch.process_id, watched_id) > (?, ?) AND (status IS NULL OR status BETWEEN 1 AND 4)
ORDER BY watch.process_id, watched_id LIMIT ?

-- put_definitions --
-- Deploy definitions, or deploy them again.
INSERT INTO definition (name, version, deployed_ms, manifest, policy)
WITH given (name, version, deployed_ms, manifest, policy) AS (VALUES {rows})
SELECT * FROM given WHERE name IS NOT NULL
ON CONFLICT (name, version) DO UPDATE SET deployed_ms = excluded.deployed_ms, manifest = excluded.manifest,
    policy = excluded.policy

-- list_definitions --
-- All that is deployed.
SELECT name, version, manifest, deployed_ms, policy FROM definition ORDER BY name, version

-- count_by_version --
-- How many processes of each version have each status; those that have ended are not counted.
SELECT definition, version, status, count(*) FROM process INDEXED BY process_version
WHERE status NOT BETWEEN 1 AND 4
GROUP BY definition, version, status ORDER BY definition, version, status

-- list_of_version --
-- One page of the processes of a version that have not ended, in the order in which they were made.
SELECT process_key, process_id FROM process INDEXED BY process_version
WHERE definition = ? AND version = ? AND status = ? AND process_key > ? AND status NOT BETWEEN 1 AND 4
ORDER BY process_key LIMIT ?

-- put_queue --
-- Limit a queue, or limit it anew.
INSERT INTO queue (name, limits) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET limits = excluded.limits

-- delete_queue --
-- Lift all limits of a queue.
DELETE FROM queue WHERE name = ?

-- list_queues --
-- All queues that have limits.
SELECT name, limits FROM queue ORDER BY name

-- note_beginning --
-- Effects of a queue begin.
INSERT INTO beginning (queue, at_ms, count) VALUES (?, ?, ?)
ON CONFLICT (queue, at_ms) DO UPDATE SET count = count + excluded.count

-- forget_beginnings --
-- What began in a queue up to then counts no more.
DELETE FROM beginning WHERE queue = ? AND at_ms <= ?

-- list_beginnings --
-- What began, and still counts.
SELECT queue, at_ms, count FROM beginning ORDER BY queue, at_ms

-- ended_before --
-- Processes at an end since before then, oldest first; those that have yet to start or send something stay.
SELECT process_id FROM process
WHERE status BETWEEN 1 AND 4 AND updated_ms < ?
  AND NOT EXISTS (SELECT 1 FROM effect WHERE effect.process_id = process.process_id)
ORDER BY updated_ms, process_id LIMIT ?

-- delete_processes_inbox --
-- Part of deleting processes.
DELETE FROM inbox WHERE process_id IN (VALUES {rows})

-- delete_processes_effects --
-- Part of deleting processes.
DELETE FROM effect WHERE process_id IN (VALUES {rows})

-- delete_processes_keys --
-- Part of deleting processes.
DELETE FROM message_key WHERE process_id IN (VALUES {rows})

-- delete_processes_outputs --
-- Part of deleting processes.
DELETE FROM output WHERE process_id IN (VALUES {rows})

-- delete_processes_replies --
-- Part of deleting processes.
DELETE FROM reply WHERE process_id IN (VALUES {rows})

-- delete_processes_history --
-- Part of deleting processes.
DELETE FROM history WHERE process_id IN (VALUES {rows})

-- any_state --
-- Whether the state of any process is kept.
SELECT 1 FROM state LIMIT 1

-- forget_states --
-- Forget how all processes were.
DELETE FROM state

-- delete_processes_states --
-- Part of deleting processes.
DELETE FROM state WHERE process_id IN (VALUES {rows})

-- delete_processes_watches --
-- Part of deleting processes.
DELETE FROM watch WHERE process_id IN (VALUES {rows})

-- delete_processes --
-- The processes themselves.
DELETE FROM process WHERE process_id IN (VALUES {rows})

-- delete_old_keys --
-- Forget keys accepted before then, some at a time.
DELETE FROM message_key WHERE (process_id, key) IN (
    SELECT process_id, key FROM message_key WHERE accepted_ms < ? LIMIT ?)

-- delete_old_replies --
-- Forget answers from before then, some at a time.
DELETE FROM reply WHERE (process_id, request_id) IN (
    SELECT process_id, request_id FROM reply WHERE at_ms < ? LIMIT ?)
