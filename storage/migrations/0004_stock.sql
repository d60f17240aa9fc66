-- Stock: what Cin7 Core says there is, what orders claim of it, and the ledger of every entry of the storefront.
-- Quantities of Cin7 Core are decimals, kept as text; those of commercetools and of orders are integers.

-- One row per SKU, location, bin and batch, as last read. `pass` is the reading of the whole list that last met it;
-- `began_at` and `ended_at` are the span of the call that read it.
CREATE TABLE availability (
    sku           TEXT NOT NULL,
    location      TEXT NOT NULL,
    bin           TEXT NOT NULL DEFAULT '',
    batch         TEXT NOT NULL DEFAULT '',
    on_hand       TEXT NOT NULL,
    allocated     TEXT NOT NULL,
    available     TEXT NOT NULL,
    on_order      TEXT NOT NULL,
    in_transit    TEXT NOT NULL,
    next_delivery TEXT,
    pass          INTEGER NOT NULL,
    began_at      INTEGER NOT NULL,
    ended_at      INTEGER NOT NULL,
    PRIMARY KEY (sku, location, bin, batch)
) STRICT, WITHOUT ROWID;

-- The last readings of a SKU, newest last: available units by location. Only whole ones: every row of the SKU was met.
CREATE TABLE readings (
    sku      TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    named    INTEGER NOT NULL CHECK (named IN (0, 1)),   -- asked for by name, not met in a pass
    figures  TEXT NOT NULL,
    PRIMARY KEY (sku, began_at)
) STRICT, WITHOUT ROWID;

-- What Cin7 Core pushed and no reading has seen since: unsigned and untimed, so it may lower and never raise.
CREATE TABLE hints (
    sku         TEXT NOT NULL,
    location    TEXT NOT NULL,
    bin         TEXT NOT NULL DEFAULT '',
    batch       TEXT NOT NULL DEFAULT '',
    available   TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (sku, location, bin, batch)
) STRICT, WITHOUT ROWID;

-- SKUs to be read by name. `urgency`: 0 a void, a push or a missing row; 1 a raise or a true-up that waits for it.
CREATE TABLE stock_queue (
    sku     TEXT PRIMARY KEY,
    urgency INTEGER NOT NULL CHECK (urgency IN (0, 1)),
    reason  TEXT NOT NULL,
    since   INTEGER NOT NULL,
    tries   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The entries of commercetools, as last read or written, each with its ledger. `channel` is the key of the supply
-- channel, '' without one. `entry_id` is NULL where commercetools certainly had none at `read_from`.
-- The ledger: `put` is what we have put in since it began (NULL: it has not begun), `base` the instant after which orders
-- belong to it. `suspended` says why nothing is raised before the next true-up ('' : it may be).
CREATE TABLE entries (
    sku               TEXT NOT NULL,
    channel           TEXT NOT NULL,
    entry_id          TEXT,
    version           INTEGER NOT NULL DEFAULT 0,
    quantity          INTEGER NOT NULL DEFAULT 0,
    expected_delivery TEXT,
    read_from         INTEGER NOT NULL,
    read_at           INTEGER NOT NULL,
    modified_by       TEXT NOT NULL DEFAULT '',
    put               INTEGER,
    base              INTEGER,
    trued_at          INTEGER,
    suspended         TEXT NOT NULL DEFAULT '',
    low_by            INTEGER NOT NULL DEFAULT 0, -- units that were young when the ledger began
    waits             TEXT NOT NULL DEFAULT '',  -- what the next change waits for: a reading, the mark, quiet
    waits_since       INTEGER,
    pending           INTEGER,                   -- the quantity of the write that is on the wire
    pending_call      INTEGER,
    doubtful          INTEGER,                   -- the quantity of a write whose answer was lost
    reread_after      INTEGER,                   -- until then that write may still be executed; then the entry is read
    published_at      INTEGER,                   -- when we last wrote
    published_date    TEXT,                      -- the date of the next delivery as we last wrote it
    conflicts         INTEGER NOT NULL DEFAULT 0,
    refused           TEXT NOT NULL DEFAULT '',
    listing           INTEGER NOT NULL DEFAULT 0, -- the listing of all entries that last met it
    sum               TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (sku, channel),
    CHECK (put IS NULL OR base IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX entries_by_id ON entries (entry_id) WHERE entry_id IS NOT NULL;
CREATE INDEX entries_waiting ON entries (waits_since) WHERE waits <> '';
CREATE INDEX entries_pending ON entries (pending_call) WHERE pending IS NOT NULL;

-- What an order claims of an entry: all its lines of one SKU and channel. `taken`: units commercetools takes off by
-- itself. `counted`: units its sale may hold in Cin7 Core, `short` of them on backorder (`short_before` until
-- `short_at`). `released_at`: a person let the units go.
CREATE TABLE demand (
    order_id     TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    sku          TEXT NOT NULL,
    channel      TEXT NOT NULL,
    units        INTEGER NOT NULL,
    taken        INTEGER NOT NULL,
    counted      INTEGER NOT NULL DEFAULT 0,
    short        INTEGER NOT NULL DEFAULT 0,
    short_before INTEGER NOT NULL DEFAULT 0,
    short_at     INTEGER,
    released_at  INTEGER,
    PRIMARY KEY (order_id, sku, channel)
) STRICT, WITHOUT ROWID;

CREATE INDEX demand_by_entry ON demand (sku, channel);

-- When the order's sale was proved to hold its units, and when a sale of it was found void.
ALTER TABLE orders ADD COLUMN counted_at INTEGER;
ALTER TABLE orders ADD COLUMN uncounted_at INTEGER;

-- Kits that Cin7 Core assembles on sale, by component.
CREATE TABLE kit_parts (
    kit       TEXT NOT NULL,
    component TEXT NOT NULL,
    quantity  TEXT NOT NULL,
    PRIMARY KEY (kit, component)
) STRICT, WITHOUT ROWID;

CREATE INDEX kit_parts_by_component ON kit_parts (component);

-- Stop-sell: published as 0 until a person, or the clock, ends it.
CREATE TABLE stock_blocks (
    sku    TEXT PRIMARY KEY,
    until  INTEGER,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- SKUs that a pass would bring to zero: held until the whole pass is judged, and longer where it would zero too many.
-- `confirmed`: they may.
CREATE TABLE held_zeros (
    sku       TEXT PRIMARY KEY,
    pass      INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    confirmed INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Every change we made to an entry, with the sum behind it.
CREATE TABLE stock_history (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    sku      TEXT NOT NULL,
    channel  TEXT NOT NULL,
    step     TEXT NOT NULL,
    before   INTEGER,
    quantity INTEGER NOT NULL,
    sum      TEXT NOT NULL
) STRICT;

CREATE INDEX stock_history_by_sku ON stock_history (sku, at);
CREATE INDEX stock_history_by_age ON stock_history (at);

-- Orders known before this file counted them: what they claim follows from their lines.
INSERT INTO demand (order_id, sku, channel, units, taken)
SELECT order_id, sku, coalesce(supply_channel, ''), sum(quantity),
       sum(CASE WHEN inventory_mode = 'None' THEN 0 ELSE quantity END)
FROM order_lines WHERE sku IS NOT NULL GROUP BY order_id, sku, coalesce(supply_channel, '');

UPDATE orders SET counted_at = state_since WHERE state IN ('posted', 'exported', 'cancelling');
UPDATE demand SET counted = units WHERE order_id IN (SELECT id FROM orders WHERE counted_at IS NOT NULL);
