-- Every door: what senders told us, what a sweep had to find instead, and what Cin7 Core lists of its sales.

-- A door is a way events come in by. `opened_at`: since when it is configured; `last_at`: when it last brought an event.
CREATE TABLE doors (
    name       TEXT PRIMARY KEY,
    opened_at  INTEGER NOT NULL,
    last_at    INTEGER,
    accepted   INTEGER NOT NULL DEFAULT 0,     -- different events
    repeated   INTEGER NOT NULL DEFAULT 0,     -- deliveries of an event that was known
    late       INTEGER NOT NULL DEFAULT 0,     -- events about a version that was known: late ones, echoes of our writes
    ignored    INTEGER NOT NULL DEFAULT 0,     -- events no flow listens to, test events
    unreadable INTEGER NOT NULL DEFAULT 0,
    judged_until INTEGER NOT NULL DEFAULT 0,   -- what was accepted before is not held against it any more
    missed     INTEGER NOT NULL DEFAULT 0      -- records it should have told of and a sweep found
) STRICT, WITHOUT ROWID;

-- Each event once per door. It holds no content: the record is read again from the system that owns it.
CREATE TABLE notifications (
    door        TEXT NOT NULL,
    identity    TEXT NOT NULL,
    kind        TEXT NOT NULL,
    about       TEXT NOT NULL,
    subject     TEXT NOT NULL,
    version     INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('look', 'known', 'ignored', 'test', 'foreign')),
    copies      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (door, identity)
) STRICT, WITHOUT ROWID;

CREATE INDEX notifications_by_subject ON notifications (about, subject, door);
CREATE INDEX notifications_by_age ON notifications (received_at);
CREATE INDEX notifications_ignored ON notifications (received_at) WHERE outcome = 'ignored';
CREATE INDEX notifications_foreign ON notifications (door, received_at) WHERE outcome = 'foreign';

-- Records that a configured door should have told of by now and did not.
CREATE TABLE missed (
    door     TEXT NOT NULL,
    about    TEXT NOT NULL,
    record   TEXT NOT NULL,
    found_at INTEGER NOT NULL,
    PRIMARY KEY (door, about, record)
) STRICT, WITHOUT ROWID;

-- When a census saw that commercetools lists the order no more: from then on it is not counted there.
ALTER TABLE orders ADD COLUMN gone_at INTEGER;
CREATE INDEX orders_gone ON orders (id) WHERE gone_at IS NOT NULL;
CREATE INDEX orders_by_creation ON orders (created_at, id);

-- The sales of Cin7 Core made since `since`, as its list shows them. `reference` is kept only where it may name an
-- order; `moved_at` is when a movement of the sale was last seen, `moved_after` an instant before it, `pass` the
-- reading that last saw the sale.
CREATE TABLE listed_sales (
    sale_id     TEXT PRIMARY KEY,
    number      TEXT NOT NULL DEFAULT '',
    external_id TEXT NOT NULL DEFAULT '',
    reference   TEXT NOT NULL DEFAULT '',
    status      TEXT NOT NULL,
    stages      TEXT NOT NULL DEFAULT '',
    updated_at  INTEGER,
    seen_at     INTEGER NOT NULL,
    moved_at    INTEGER NOT NULL,
    moved_after INTEGER NOT NULL DEFAULT 0,
    pass        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX listed_sales_by_reference ON listed_sales (reference) WHERE reference <> '';
CREATE INDEX listed_sales_by_external_id ON listed_sales (external_id) WHERE external_id <> '';
CREATE INDEX listed_sales_moved ON listed_sales (moved_at);
