-- The books: what finance knows of each order, every document of either side that counts, and what does not agree.

ALTER TABLE listed_sales ADD COLUMN payment TEXT NOT NULL DEFAULT '';
ALTER TABLE listed_sales ADD COLUMN invoiced TEXT NOT NULL DEFAULT '';
ALTER TABLE listed_sales ADD COLUMN paid TEXT NOT NULL DEFAULT '';

-- Where the books of an order stand. `ordered` are commercetools' figures as they were exported, `sold` the order
-- document as it was posted, `shown` invoices and credit notes as last read or answered. `read_at` is when the sale was
-- last read whole, `posted_at` when a posting of ours was last answered, `told_at` when something moved that was not
-- looked at since, `moved` what the order's money (captured, given back, returned) was at the last look.
-- `invoiced` and `paid` are the amounts that the list of sales should show by that.
-- `verdict`: '' (never judged), agrees, differs. `step`: what comes next, in a word ('' nothing). `decision` is a
-- person's: asked (a second one has to confirm), released, rejected. `accepted` is what differed when it was released:
-- what differs otherwise since is told anew. `day` is the accounting day of the order.
CREATE TABLE books (
    order_id   TEXT PRIMARY KEY REFERENCES orders (id) ON DELETE CASCADE,
    sale_id    TEXT NOT NULL,
    day        TEXT NOT NULL DEFAULT '',
    currency   TEXT NOT NULL,
    ordered    TEXT,
    sold       TEXT,
    shown      TEXT NOT NULL DEFAULT '{}',
    read_at    INTEGER,
    posted_at  INTEGER,
    told_at    INTEGER,
    looked_at  INTEGER,
    moved      TEXT NOT NULL DEFAULT '',
    verdict    TEXT NOT NULL DEFAULT '' CHECK (verdict IN ('', 'agrees', 'differs')),
    verified_at INTEGER,
    step       TEXT NOT NULL DEFAULT '',
    decision   TEXT NOT NULL DEFAULT '' CHECK (decision IN ('', 'asked', 'released', 'rejected')),
    decided_by TEXT NOT NULL DEFAULT '',
    decided_at INTEGER,
    why        TEXT NOT NULL DEFAULT '',
    accepted   TEXT NOT NULL DEFAULT '{}',
    invoiced   TEXT NOT NULL DEFAULT '0',
    paid       TEXT NOT NULL DEFAULT '0'
) STRICT, WITHOUT ROWID;

CREATE INDEX orders_tolerated ON orders (id) WHERE tolerated != 0;
CREATE INDEX books_by_sale ON books (sale_id);
-- Their rows are long: how many stand where is counted without them.
CREATE INDEX books_by_standing ON books (order_id, verdict, decision, step);
CREATE INDEX books_by_step ON books (step, day) WHERE step != '';
CREATE INDEX books_that_differ ON books (verdict) WHERE verdict = 'differs';

-- What was posted, or may have been: one row per thing that must exist once. Its key says what it is for.
CREATE TABLE postings (
    key         TEXT PRIMARY KEY,
    order_id    TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    kind        TEXT NOT NULL CHECK (kind IN ('invoice', 'payment', 'credit_note', 'refund')),
    state       TEXT NOT NULL CHECK (state IN ('intended', 'unknown', 'done')),
    doubt_until INTEGER,
    looks       INTEGER NOT NULL DEFAULT 0,
    looked_at   INTEGER,
    document_id TEXT,
    began_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX postings_by_order ON postings (order_id);

-- Every document of either side that counts, a row per tax rule ('' where there is none: payments and refunds).
-- Amounts are ten-thousandths of the currency, as they were posted; nothing here is recomputed. `verified_at` is when
-- its order's books agreed with it, NULL while they do not. An order's lines lie together: a period is read by order.
CREATE TABLE ledger_lines (
    side        TEXT NOT NULL CHECK (side IN ('commercetools', 'cin7')),
    kind        TEXT NOT NULL CHECK (kind IN ('order', 'sale', 'invoice', 'payment', 'credit_note', 'refund')),
    id          TEXT NOT NULL,
    rule        TEXT NOT NULL DEFAULT '',
    order_id    TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    number      TEXT NOT NULL DEFAULT '',
    reference   TEXT NOT NULL DEFAULT '',
    account     TEXT NOT NULL DEFAULT '',
    day         TEXT NOT NULL,
    currency    TEXT NOT NULL,
    net         INTEGER NOT NULL,
    tax         INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL,
    verified_at INTEGER,
    PRIMARY KEY (order_id, side, kind, id, rule)
) STRICT, WITHOUT ROWID;

-- A period is added up from this alone.
CREATE INDEX ledger_lines_by_day ON ledger_lines (day, side, kind, currency, rule, net, tax);

-- What does not agree, classed: together they explain what the two sides of a chain differ by.
CREATE TABLE discrepancies (
    order_id       TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    place          INTEGER NOT NULL,
    chain          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    component      TEXT NOT NULL,
    place_where    TEXT NOT NULL DEFAULT '',
    rule           TEXT NOT NULL DEFAULT '',
    currency       TEXT NOT NULL,
    net            INTEGER NOT NULL,
    tax            INTEGER NOT NULL,
    ours           TEXT NOT NULL DEFAULT '',
    theirs         TEXT NOT NULL DEFAULT '',
    our_document   TEXT NOT NULL DEFAULT '',
    their_document TEXT NOT NULL DEFAULT '',
    our_rule       TEXT NOT NULL DEFAULT '',
    their_rule     TEXT NOT NULL DEFAULT '',
    found_at       INTEGER NOT NULL,
    PRIMARY KEY (order_id, place)
) STRICT, WITHOUT ROWID;
