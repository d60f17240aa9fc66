-- The desk: whose an exception is and until when it may rest, what people asked for in bulk, who is signed in, how the
-- call budget went, and a chain of hashes over everything people did.

ALTER TABLE exceptions ADD COLUMN assignee TEXT NOT NULL DEFAULT '';
ALTER TABLE exceptions ADD COLUMN snoozed_until INTEGER;
-- The resolved exception this one is the return of.
ALTER TABLE exceptions ADD COLUMN reopens INTEGER;

CREATE INDEX exceptions_by_group ON exceptions (state, grouped_as, id);
CREATE INDEX exceptions_by_type ON exceptions (state, type, id);
CREATE INDEX exceptions_by_resolution ON exceptions (resolved_at, id);

-- What people did to an exception, beside what its own row tells.
CREATE TABLE exception_events (
    id           INTEGER PRIMARY KEY,
    exception_id INTEGER NOT NULL REFERENCES exceptions (id),
    at           INTEGER NOT NULL,
    author       TEXT NOT NULL,
    what         TEXT NOT NULL,
    detail       TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX exception_events_by_exception ON exception_events (exception_id, id);

-- What a person asked for, of one exception or of thousands. `key` is chosen by who asks: the same key is the same deed.
CREATE TABLE deeds (
    key      TEXT PRIMARY KEY,
    at       INTEGER NOT NULL,
    author   TEXT NOT NULL,
    roles    TEXT NOT NULL,
    action   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    detail   TEXT NOT NULL DEFAULT '{}',
    total    INTEGER NOT NULL,
    done     INTEGER NOT NULL DEFAULT 0,
    refused  INTEGER NOT NULL DEFAULT 0,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX deeds_by_time ON deeds (at);

CREATE TABLE deed_items (
    deed         TEXT NOT NULL REFERENCES deeds (key) ON DELETE CASCADE,
    exception_id INTEGER NOT NULL,
    outcome      TEXT NOT NULL DEFAULT 'waits' CHECK (outcome IN ('waits', 'done', 'unchanged', 'refused')),
    message      TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (deed, exception_id)
) STRICT, WITHOUT ROWID;

-- Who is signed in at the console. Neither the session nor the token it was opened with can be read from their digests.
CREATE TABLE sessions (
    digest     BLOB PRIMARY KEY,
    token      BLOB NOT NULL,
    opened_at  INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The call budget and the backlog as they were, a row a minute.
CREATE TABLE samples (
    at               INTEGER PRIMARY KEY,
    call_limit       INTEGER NOT NULL,
    in_window        INTEGER NOT NULL,
    queued           TEXT NOT NULL,
    minutes_to_drain REAL NOT NULL,
    outbox_ready     INTEGER NOT NULL,
    open_exceptions  INTEGER NOT NULL
) STRICT;

-- Each row of the audit holds the SHA-256 of the one before and of itself. What is chained can be neither changed nor
-- taken out; rows of earlier releases are chained once, at the first start.
ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT '';

CREATE TRIGGER audit_stands
BEFORE UPDATE ON audit
WHEN OLD.hash <> ''
BEGIN
    SELECT RAISE(ABORT, 'the audit is not rewritten');
END;

CREATE TRIGGER audit_stays
BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is not shortened');
END;

CREATE INDEX audit_by_author ON audit (author, id);
