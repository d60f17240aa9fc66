-- Edits people made at the desk. What they say of people stands sealed in `bodies` (kind "patch:<id>"), never here.
-- `key` is chosen by who asks: the same key is the same edit; `said` is a keyed digest of what it was asked with.

CREATE TABLE patches (
    id           INTEGER PRIMARY KEY,
    order_id     TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    field        TEXT NOT NULL CHECK (field IN ('alias', 'note', 'address', 'contact')),
    sku          TEXT NOT NULL DEFAULT '',
    alias        TEXT NOT NULL DEFAULT '',
    names        TEXT NOT NULL DEFAULT '[]',
    author       TEXT NOT NULL,
    reason       TEXT NOT NULL,
    at           INTEGER NOT NULL,
    withdrawn_at INTEGER,
    withdrawn_by TEXT NOT NULL DEFAULT '',
    key          TEXT NOT NULL UNIQUE,
    said         TEXT NOT NULL,
    CHECK ((field = 'alias') = (sku <> '' AND alias <> ''))
) STRICT;

CREATE INDEX patches_by_order ON patches (order_id, id);
