-- Who was called about what, what was sent to whom, and when nothing is to be sent.

-- Several rules that are over about one subject are one alert: people are called once.
CREATE TABLE alerts (
    id           INTEGER PRIMARY KEY,
    rule         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    owner        TEXT NOT NULL,
    severity     TEXT NOT NULL,
    title        TEXT NOT NULL,
    text         TEXT NOT NULL,
    link         TEXT NOT NULL,
    count        INTEGER NOT NULL,
    raised_at    INTEGER NOT NULL,
    told_at      INTEGER,
    under_since  INTEGER,
    escalated_at INTEGER,
    ended_at     INTEGER
) STRICT;

CREATE UNIQUE INDEX one_open_alert ON alerts (subject, owner) WHERE ended_at IS NULL;
CREATE INDEX alerts_by_end ON alerts (ended_at, id);
CREATE INDEX alerts_by_time ON alerts (raised_at);

-- One message for one channel. `channel` names it without what is secret; `key` keeps it from being written twice.
CREATE TABLE notices (
    id       INTEGER PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE,
    kind     TEXT NOT NULL
             CHECK (kind IN ('alert', 'recovery', 'escalation', 'digest', 'month', 'catch-up', 'test')),
    owner    TEXT NOT NULL,
    channel  TEXT NOT NULL,
    alert    INTEGER REFERENCES alerts (id) ON DELETE CASCADE,
    severity TEXT NOT NULL,
    title    TEXT NOT NULL,
    text     TEXT NOT NULL,
    made_at  INTEGER NOT NULL,
    due_at   INTEGER NOT NULL,
    state    TEXT NOT NULL DEFAULT 'waits'
             CHECK (state IN ('waits', 'leaving', 'sent', 'given_up', 'overtaken')),
    tries    INTEGER NOT NULL DEFAULT 0,
    sent_at  INTEGER,
    error    TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX notices_waiting ON notices (channel, due_at, id) WHERE state IN ('waits', 'leaving');
CREATE INDEX notices_by_alert ON notices (alert, id);
CREATE INDEX notices_sent ON notices (channel, sent_at);
CREATE INDEX notices_by_time ON notices (made_at);

-- A span in which alerts are kept and not sent; `reported_at`: its catch-up report was written.
CREATE TABLE maintenance (
    id          INTEGER PRIMARY KEY,
    source      TEXT NOT NULL CHECK (source IN ('file', 'desk')),
    starts_at   INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL,
    author      TEXT NOT NULL DEFAULT '',
    reason      TEXT NOT NULL DEFAULT '',
    ended_at    INTEGER,
    reported_at INTEGER
) STRICT;

CREATE UNIQUE INDEX one_window_of_the_file ON maintenance (starts_at) WHERE source = 'file';

-- A digest is written once a day for each owner, however often the daemon starts.
CREATE TABLE digests (
    kind    TEXT NOT NULL CHECK (kind IN ('digest', 'month')),
    owner   TEXT NOT NULL,
    day     TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (kind, owner, day)
) STRICT, WITHOUT ROWID;

-- What is open by cause, without touching a row: it is added up every few seconds.
CREATE INDEX exceptions_by_cause
    ON exceptions (state, grouped_as, owner, type, severity, record_kind, snoozed_until, opened_at, due_at)
    WHERE state = 'open';
