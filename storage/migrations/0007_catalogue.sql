-- The catalogue of both sides, how far they match, what was drafted; purchases, what they cost, and what sales earned.

-- What Cin7 Core holds, by its own id: `former_sku` is what the item was called before it was renamed ('' never).
-- `form` is the SKU's normal form, for reports of near misses alone. `fit_at` is when it was first seen ready for sale
-- (NULL: not yet); `value` the item without what `facts` keeps. `pass` is the whole reading that last met it.
CREATE TABLE items (
    id         TEXT PRIMARY KEY,
    sku        TEXT NOT NULL,
    form       TEXT NOT NULL,
    former_sku TEXT NOT NULL DEFAULT '',
    fit_at     INTEGER,
    value      TEXT NOT NULL,
    pass       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX items_by_sku ON items (sku);
CREATE INDEX items_by_form ON items (form);
CREATE INDEX items_by_former_sku ON items (former_sku);
CREATE INDEX items_by_fitness ON items (fit_at) WHERE fit_at IS NOT NULL;

CREATE TABLE families (
    id    TEXT PRIMARY KEY,
    sku   TEXT NOT NULL,
    value TEXT NOT NULL,
    pass  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX families_by_sku ON families (sku);

CREATE TABLE family_members (
    item_id   TEXT PRIMARY KEY,
    family_id TEXT NOT NULL REFERENCES families (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX family_members_by_family ON family_members (family_id);

-- The products of commercetools. `pass` as above, of the staged and of the current list apart. `modified_by` is who
-- changed it last, read only where somebody has to be told. `approved_at`: it may be unpublished, if nothing of it
-- matches. `unpublished_at`: it was, by us, and was not published since.
CREATE TABLE products (
    id             TEXT PRIMARY KEY,
    version        INTEGER NOT NULL,
    key            TEXT NOT NULL DEFAULT '',
    name           TEXT NOT NULL DEFAULT '',
    published      INTEGER NOT NULL CHECK (published IN (0, 1)),
    modified_at    INTEGER NOT NULL,
    modified_by    TEXT NOT NULL DEFAULT '',
    tax_category   TEXT NOT NULL DEFAULT '',
    approved_at    INTEGER,
    unpublished_at INTEGER,
    pass           INTEGER NOT NULL DEFAULT 0,
    current_pass   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX products_published ON products (published);
CREATE INDEX products_unpublished ON products (unpublished_at) WHERE unpublished_at IS NOT NULL;

-- Their variants, of the current version (while it is published) and of the staged one. `prices` NULL: not known.
CREATE TABLE variants (
    product_id TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    staged     INTEGER NOT NULL CHECK (staged IN (0, 1)),
    variant    INTEGER NOT NULL,
    sku        TEXT NOT NULL DEFAULT '',
    form       TEXT NOT NULL DEFAULT '',
    key        TEXT NOT NULL DEFAULT '',
    prices     INTEGER,
    PRIMARY KEY (product_id, staged, variant)
) STRICT, WITHOUT ROWID;

CREATE INDEX variants_by_sku ON variants (sku, staged);
CREATE INDEX variants_by_form ON variants (form);

-- How each SKU of either side stands, as last judged. `flags` are words between blanks, with one at either end.
-- `near` are SKUs that look like it, of either side, as JSON; `product_id` is the product it stands on first ('' none).
CREATE TABLE coverage (
    sku        TEXT PRIMARY KEY,
    match      TEXT NOT NULL CHECK (match IN ('matched', 'only_cin7', 'only_commercetools')),
    flags      TEXT NOT NULL DEFAULT ' ',
    near       TEXT NOT NULL DEFAULT '[]',
    published  INTEGER NOT NULL CHECK (published IN (0, 1)),
    item_id    TEXT NOT NULL DEFAULT '',
    product_id TEXT NOT NULL DEFAULT '',
    judged_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX coverage_by_match ON coverage (match, sku);
CREATE INDEX coverage_by_flags ON coverage (flags, sku) WHERE flags != ' ';
CREATE INDEX coverage_by_product ON coverage (product_id) WHERE product_id != '';

-- What becomes, or became, a draft: 'item:<id>' or 'family:<id>' of Cin7 Core. `absent_at` is when the storefront was
-- first seen without it. `written` is what we wrote last, field by field: what reads otherwise now is a person's.
CREATE TABLE drafts (
    key        TEXT PRIMARY KEY,
    state      TEXT NOT NULL CHECK (state IN ('wanted', 'absent', 'made', 'refused')),
    absent_at  INTEGER,
    product_id TEXT NOT NULL DEFAULT '',
    written    TEXT NOT NULL DEFAULT '{}',
    conflicts  INTEGER NOT NULL DEFAULT 0,
    asked_by   TEXT NOT NULL DEFAULT '',
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX drafts_by_product ON drafts (product_id) WHERE product_id != '';

-- Writes that shadow mode kept from being made: once for each record and content.
CREATE TABLE would_haves (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    flow   TEXT NOT NULL,
    record TEXT NOT NULL,
    what   TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '{}',
    UNIQUE (record, what, detail)
) STRICT;

-- Purchases as last read: `updated_at` as the list showed it then, `read_at` NULL until it was read whole.
CREATE TABLE purchases (
    id         TEXT PRIMARY KEY,
    number     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    status     TEXT NOT NULL,
    supplier   TEXT NOT NULL,
    currency   TEXT NOT NULL,
    listed_at  INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    read_at    INTEGER,
    value      TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX purchases_unread ON purchases (listed_at) WHERE read_at IS NULL;
CREATE INDEX purchases_by_number ON purchases (number);

-- Units a purchase still brings. Quantities of Cin7 Core are decimals, kept as text.
CREATE TABLE expected (
    sku         TEXT NOT NULL,
    location    TEXT NOT NULL,
    purchase_id TEXT NOT NULL REFERENCES purchases (id) ON DELETE CASCADE,
    units       TEXT NOT NULL,
    day         TEXT,
    PRIMARY KEY (sku, location, purchase_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX expected_by_purchase ON expected (purchase_id);

-- What a SKU of a purchase cost, landed, received from `first_day` to `day`. `first_unit` is the first cost that was
-- known, which later ones are held to.
CREATE TABLE landed_costs (
    sku         TEXT NOT NULL,
    purchase_id TEXT NOT NULL REFERENCES purchases (id) ON DELETE CASCADE,
    first_day   TEXT NOT NULL,
    day         TEXT NOT NULL,
    unit        TEXT NOT NULL,
    value       TEXT NOT NULL,
    first_unit  TEXT NOT NULL,
    first_at    INTEGER NOT NULL,
    cost        TEXT NOT NULL,
    PRIMARY KEY (sku, purchase_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX landed_costs_by_day ON landed_costs (sku, day);
CREATE INDEX landed_costs_by_purchase ON landed_costs (purchase_id);

-- What each SKU of an order earned: net sales in the books' currency, held against the unit cost known then.
-- `source` says where the cost is from: a purchase's number, or 'average'. `percent` NULL: no cost, or nothing paid.
CREATE TABLE margins (
    order_id TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    sku      TEXT NOT NULL,
    day      TEXT NOT NULL,
    quantity TEXT NOT NULL,
    net      TEXT NOT NULL,
    unit     TEXT,
    source   TEXT NOT NULL DEFAULT '',
    percent  TEXT,
    at       INTEGER NOT NULL,
    PRIMARY KEY (order_id, sku)
) STRICT, WITHOUT ROWID;

CREATE INDEX margins_by_sku ON margins (sku, day, source);
CREATE INDEX margins_by_day ON margins (day);

-- Orders whose margins are to be worked out, or anew: what was sold, or what it cost, is not what it was. The triggers
-- see to every way in which what was sold changes. An order that is gone by then has none.
CREATE TABLE margins_due (
    order_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

INSERT INTO margins_due SELECT order_id FROM books WHERE sold IS NOT NULL;

CREATE TRIGGER books_sold
AFTER UPDATE OF sold ON books
WHEN NEW.sold IS NOT OLD.sold
BEGIN
    INSERT OR IGNORE INTO margins_due VALUES (NEW.order_id);
END;

CREATE TRIGGER books_voided
AFTER UPDATE OF shown ON books
WHEN coalesce(json_extract(NEW.shown, '$.voided'), 0) <> coalesce(json_extract(OLD.shown, '$.voided'), 0)
BEGIN
    INSERT OR IGNORE INTO margins_due VALUES (NEW.order_id);
END;

CREATE TRIGGER books_gone
AFTER DELETE ON books
WHEN OLD.sold IS NOT NULL
BEGIN
    INSERT OR IGNORE INTO margins_due VALUES (OLD.order_id);
END;

CREATE INDEX margins_uncosted ON margins (sku) WHERE unit IS NULL;
