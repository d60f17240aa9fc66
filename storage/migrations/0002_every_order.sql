-- Every kind of order: what was learnt of the account's arithmetic, customers made, rates used, and who goes first.

ALTER TABLE orders ADD COLUMN express INTEGER NOT NULL DEFAULT 0 CHECK (express IN (0, 1));
ALTER TABLE orders ADD COLUMN drafted TEXT;          -- digest of the document whose DRAFT was answered as predicted
ALTER TABLE orders ADD COLUMN currency_rate TEXT;    -- base units for one unit of the order's currency, as sent
ALTER TABLE orders ADD COLUMN rate_day TEXT;
ALTER TABLE orders ADD COLUMN rate_source TEXT;
ALTER TABLE orders ADD COLUMN tolerated INTEGER NOT NULL DEFAULT 0;          -- minor units put on the cents row
ALTER TABLE orders ADD COLUMN shortages TEXT NOT NULL DEFAULT '';            -- SKU and quantity that Cin7 backordered
ALTER TABLE orders ADD COLUMN breakdown TEXT NOT NULL DEFAULT '{}';          -- both sides, component by component

-- A third urgency, between what is under way and what is fresh. SQLite cannot change a CHECK, so the table is remade.
CREATE TABLE outbox_new (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: logs name messages by it
    flow        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('ready', 'running', 'quarantined')),
    urgency     INTEGER NOT NULL CHECK (urgency IN (0, 1, 2)),
    due_at      INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    claimed_at  INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    tries       INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    suspect     INTEGER NOT NULL DEFAULT 0 CHECK (suspect IN (0, 1)),
    reason      TEXT NOT NULL DEFAULT '',
    CHECK ((state = 'running') = (claimed_at IS NOT NULL))
) STRICT;

INSERT INTO outbox_new
SELECT id, flow, subject, state, CASE urgency WHEN 1 THEN 2 ELSE urgency END, due_at, accepted_at, claimed_at, attempts,
       tries, suspect, reason
FROM outbox;

-- Numbers go on where they were, also those of messages settled long ago.
DELETE FROM sqlite_sequence WHERE name = 'outbox_new';
INSERT INTO sqlite_sequence (name, seq) SELECT 'outbox_new', seq FROM sqlite_sequence WHERE name = 'outbox';

DROP TABLE outbox;
ALTER TABLE outbox_new RENAME TO outbox;

CREATE UNIQUE INDEX one_ready_per_key ON outbox (flow, subject) WHERE state = 'ready';
CREATE UNIQUE INDEX one_running_per_key ON outbox (flow, subject) WHERE state = 'running';
CREATE UNIQUE INDEX one_quarantined_per_key ON outbox (flow, subject) WHERE state = 'quarantined';
CREATE INDEX outbox_due ON outbox (flow, urgency, due_at, id) WHERE state = 'ready';
CREATE INDEX outbox_suspects ON outbox (id) WHERE state = 'ready' AND suspect = 1;

-- The Cin7 customers made for people who buy: `identity` is a hash, never a name or an address (law L9).
CREATE TABLE customers (
    identity    TEXT NOT NULL,
    currency    TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    made_at     INTEGER NOT NULL,
    PRIMARY KEY (identity, currency)
) STRICT, WITHOUT ROWID;

-- A model of Cin7's arithmetic that an answer refuted, and the day of the books on which it last did.
CREATE TABLE refutations (
    inclusive INTEGER NOT NULL CHECK (inclusive IN (0, 1)),
    model     INTEGER NOT NULL CHECK (model >= 0),
    day       TEXT NOT NULL,
    PRIMARY KEY (inclusive, model)
) STRICT, WITHOUT ROWID;

-- What taught us: the answer of one sale, as sent and as shown, and the models it refuted.
CREATE TABLE evidence (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    inclusive INTEGER NOT NULL CHECK (inclusive IN (0, 1)),
    kind      TEXT NOT NULL CHECK (kind IN ('draft', 'order', 'refusal', 'reset')),
    order_id  TEXT NOT NULL DEFAULT '',
    sale_id   TEXT NOT NULL DEFAULT '',
    sent      TEXT NOT NULL DEFAULT '',
    answer    TEXT NOT NULL DEFAULT '',
    refuted   TEXT NOT NULL DEFAULT '[]'
) STRICT;
