-- Everything tallyd knows: orders and their lines, what was sent, what waits, what went wrong, and who did what.
-- Written for SQLite 3.40. Instants are milliseconds since the epoch (UTC); amounts are integer minor units.
-- Personal data lives in `bodies` only, sealed; every other table holds ids, SKUs, amounts, states and hashes (law L9).

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE order_states (
    state TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE order_moves (
    before TEXT NOT NULL REFERENCES order_states (state),
    after  TEXT NOT NULL REFERENCES order_states (state),
    PRIMARY KEY (before, after)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    id             TEXT PRIMARY KEY,
    number         TEXT,
    version        INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    modified_at    INTEGER NOT NULL,
    accepted_at    INTEGER NOT NULL,
    source_state   TEXT NOT NULL,
    state          TEXT NOT NULL REFERENCES order_states (state),
    state_since    INTEGER NOT NULL,
    reason         TEXT NOT NULL DEFAULT '',
    generation     INTEGER NOT NULL DEFAULT 1 CHECK (generation >= 1),
    doubt_until    INTEGER,
    looks          INTEGER NOT NULL DEFAULT 0 CHECK (looks >= 0),
    looked_at      INTEGER,
    unsure         INTEGER NOT NULL DEFAULT 0 CHECK (unsure IN (0, 1)),
    resend         INTEGER NOT NULL DEFAULT 0 CHECK (resend IN (0, 1)),
    currency       TEXT NOT NULL,
    digits         INTEGER NOT NULL CHECK (digits >= 0),
    payable        INTEGER NOT NULL,
    inclusive      INTEGER CHECK (inclusive IN (0, 1)),
    net            TEXT,
    tax            TEXT,
    total          TEXT,
    cin7_net       TEXT,
    cin7_tax       TEXT,
    cin7_total     TEXT,
    reconciled     INTEGER CHECK (reconciled IN (0, 1)),
    exported_at    INTEGER,
    CHECK ((state = 'in_doubt') = (doubt_until IS NOT NULL)),
    CHECK (state <> 'exported' OR exported_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX orders_by_number ON orders (number) WHERE number IS NOT NULL;
CREATE INDEX orders_by_state ON orders (state, accepted_at);
CREATE INDEX orders_by_acceptance ON orders (accepted_at, id);

-- An order moves only where `actors.domain.order_state` lets it.
CREATE TRIGGER orders_move
BEFORE UPDATE OF state ON orders
WHEN OLD.state <> NEW.state
 AND NOT EXISTS (SELECT 1 FROM order_moves WHERE before = OLD.state AND after = NEW.state)
BEGIN
    SELECT RAISE(ABORT, 'order may not move to this state');
END;

CREATE TABLE order_lines (
    order_id       TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    line_id        TEXT NOT NULL,
    sku            TEXT,
    quantity       INTEGER NOT NULL,
    supply_channel TEXT,
    inventory_mode TEXT,
    PRIMARY KEY (order_id, line_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX order_lines_by_sku ON order_lines (sku) WHERE sku IS NOT NULL;

-- Sales known to stand (or to have stood) for an order. One order has at most one that is not void (law L2).
CREATE TABLE sales (
    sale_id     TEXT PRIMARY KEY,
    order_id    TEXT NOT NULL REFERENCES orders (id),
    generation  INTEGER NOT NULL CHECK (generation >= 1),
    reference   TEXT NOT NULL,
    number      TEXT,
    made_at     INTEGER NOT NULL,
    voided_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX one_live_sale_per_order ON sales (order_id) WHERE voided_at IS NULL;
CREATE INDEX sales_by_order ON sales (order_id);
CREATE INDEX sales_by_number ON sales (number) WHERE number IS NOT NULL;

-- The call log: a row before each send. Its end is what the rate law needs, its outcome what an order needs.
CREATE TABLE calls (
    id         INTEGER PRIMARY KEY,
    purpose    TEXT NOT NULL,
    lane       INTEGER NOT NULL,
    subject    TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 1,
    writes     INTEGER NOT NULL CHECK (writes IN (0, 1)),
    sent_at    INTEGER NOT NULL,
    ended_at   INTEGER,
    outcome    TEXT CHECK (outcome IN ('done', 'refused', 'unknown', 'absent')),
    detail     TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX calls_by_time ON calls (sent_at);
-- Calls about no record are pruned often; an order's calls stay with it for good.
CREATE INDEX calls_about_nothing ON calls (sent_at) WHERE subject = '';
CREATE INDEX calls_by_subject ON calls (subject, sent_at) WHERE subject <> '';
CREATE INDEX calls_without_outcome ON calls (id) WHERE writes = 1 AND outcome IS NULL;

-- Cin7 has no idempotency key: while one create may have taken effect, no second one can even be written down.
CREATE UNIQUE INDEX one_create_per_order ON calls (subject, generation)
WHERE purpose = 'cin7.create_sale' AND (outcome IS NULL OR outcome IN ('done', 'unknown'));

-- Nudges. At most one per key is ready, at most one is running, at most one is set aside.
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: logs name messages by it
    flow        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('ready', 'running', 'quarantined')),
    urgency     INTEGER NOT NULL CHECK (urgency IN (0, 1)),
    due_at      INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    claimed_at  INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    tries       INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    suspect     INTEGER NOT NULL DEFAULT 0 CHECK (suspect IN (0, 1)),
    reason      TEXT NOT NULL DEFAULT '',
    CHECK ((state = 'running') = (claimed_at IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX one_ready_per_key ON outbox (flow, subject) WHERE state = 'ready';
CREATE UNIQUE INDEX one_running_per_key ON outbox (flow, subject) WHERE state = 'running';
CREATE UNIQUE INDEX one_quarantined_per_key ON outbox (flow, subject) WHERE state = 'quarantined';
CREATE INDEX outbox_due ON outbox (flow, urgency, due_at, id) WHERE state = 'ready';
CREATE INDEX outbox_suspects ON outbox (id) WHERE state = 'ready' AND suspect = 1;

CREATE TABLE exception_types (
    code  TEXT PRIMARY KEY,
    owner TEXT NOT NULL CHECK (owner IN ('ops', 'finance', 'ecommerce', 'it')),
    holds INTEGER NOT NULL CHECK (holds IN (0, 1))
) STRICT, WITHOUT ROWID;

-- An undeclared type cannot be stored: the foreign key refuses it (law L6).
CREATE TABLE exceptions (
    id              INTEGER PRIMARY KEY,
    type            TEXT NOT NULL REFERENCES exception_types (code),
    owner           TEXT NOT NULL,
    severity        TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('open', 'resolved')),
    record_kind     TEXT NOT NULL,
    record_id       TEXT NOT NULL,
    record_number   TEXT,
    sku             TEXT NOT NULL DEFAULT '',
    field           TEXT NOT NULL DEFAULT '',
    cause           TEXT NOT NULL,
    next_step       TEXT NOT NULL,
    waits_for       TEXT NOT NULL DEFAULT '',
    grouped_as      TEXT NOT NULL,
    facts           TEXT NOT NULL DEFAULT '{}',
    opened_at       INTEGER NOT NULL,
    due_at          INTEGER,
    next_attempt_at INTEGER,
    resolved_at     INTEGER,
    resolution      TEXT,
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX one_open_exception ON exceptions (type, record_kind, record_id, sku, field) WHERE state = 'open';
CREATE INDEX exceptions_by_record ON exceptions (record_kind, record_id);
CREATE INDEX exceptions_waiting ON exceptions (waits_for) WHERE state = 'open' AND waits_for <> '';
CREATE INDEX exceptions_open ON exceptions (owner, opened_at) WHERE state = 'open';

CREATE TABLE timeline (
    id       INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL,
    at       INTEGER NOT NULL,
    what     TEXT NOT NULL,
    detail   TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE INDEX timeline_by_order ON timeline (order_id, at, id);

-- What people did: who, what, to which record, and why.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    author TEXT NOT NULL,
    action TEXT NOT NULL,
    record TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '{}'
) STRICT;

-- Bodies and personal data, sealed with the storage key. Nothing else in this file is about a person.
CREATE TABLE bodies (
    order_id  TEXT NOT NULL,
    kind      TEXT NOT NULL,
    version   INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    sealed    BLOB NOT NULL,
    PRIMARY KEY (order_id, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX bodies_by_age ON bodies (stored_at);

-- How far each sweep has read: `position` of the last row, `mark` = every order before this instant is known.
CREATE TABLE cursors (
    name       TEXT PRIMARY KEY,
    at         INTEGER NOT NULL,
    after_id   TEXT NOT NULL DEFAULT '',
    until      INTEGER,
    mark       INTEGER,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the Cin7 Core account holds, so that judging an order costs no call.
CREATE TABLE facts (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    name    TEXT NOT NULL DEFAULT '',
    service INTEGER NOT NULL DEFAULT 0 CHECK (service IN (0, 1)),
    value   TEXT NOT NULL,
    pass    INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX facts_by_name ON facts (kind, name);

CREATE TABLE fact_lists (
    kind       TEXT PRIMARY KEY,
    read_at    INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    full_at    INTEGER NOT NULL,
    rows       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE flows (
    name            TEXT PRIMARY KEY,
    paused_at       INTEGER,
    paused_by       TEXT,
    pause_reason    TEXT NOT NULL DEFAULT '',
    last_success_at INTEGER
) STRICT, WITHOUT ROWID;
