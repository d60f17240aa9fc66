-- The rest of an order's life: what was fulfilled and shown, what the sale was made from, returns and refunds.

ALTER TABLE orders ADD COLUMN payment_state TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN shipment_state TEXT NOT NULL DEFAULT '';
ALTER TABLE listed_sales ADD COLUMN order_status TEXT NOT NULL DEFAULT '';

CREATE INDEX audit_by_record ON audit (record);
CREATE INDEX sales_by_reference ON sales (reference);

-- What is known of an order's fulfilment. `seen` are the stages of its sale as of the last look; `alias` is how the
-- list writes the same stages, where a second look showed that it only writes them otherwise. `told_at` is when a
-- webhook or the order itself said that something moved (NULL: nothing that was not looked at since), `read_at` when
-- the sale was last read whole. `published` is the shipment state we set last ('' : none), `intended` one that a
-- write without an answer may have set, `shown` the most units by SKU that the storefront ever showed as sent.
-- `unpaid`: it would be complete, were it paid. `aftersales` names the returns and refunds of the order as last
-- looked at. `cin7` and `storefront` are words for people: what each side showed at the last look.
CREATE TABLE fulfilments (
    order_id   TEXT PRIMARY KEY REFERENCES orders (id) ON DELETE CASCADE,
    seen       TEXT NOT NULL DEFAULT '',
    alias      TEXT NOT NULL DEFAULT '',
    told_at    INTEGER,
    read_at    INTEGER,
    published  TEXT NOT NULL DEFAULT '',
    intended   TEXT NOT NULL DEFAULT '',
    shown      TEXT NOT NULL DEFAULT '{}',
    aftersales TEXT NOT NULL DEFAULT '',
    unpaid     INTEGER NOT NULL DEFAULT 0 CHECK (unpaid IN (0, 1)),
    looked_at  INTEGER,
    cin7       TEXT NOT NULL DEFAULT '{}',
    storefront TEXT NOT NULL DEFAULT '{}'
) STRICT, WITHOUT ROWID;

-- What a sale was made from, field by field: amounts, SKUs and quantities as they are, texts about people as digests.
CREATE TABLE exported (
    order_id   TEXT PRIMARY KEY REFERENCES orders (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    fields     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Refunds seen in commercetools, and the credit note that names each.
CREATE TABLE refunds (
    transaction_id TEXT PRIMARY KEY,
    order_id       TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    payment_id     TEXT NOT NULL,
    interaction_id TEXT NOT NULL DEFAULT '',
    amount         INTEGER NOT NULL,
    currency       TEXT NOT NULL,
    state          TEXT NOT NULL,
    credit_note    TEXT,
    seen_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX refunds_by_order ON refunds (order_id);
