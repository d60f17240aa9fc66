-- What people mapped at the desk. Nothing is changed or taken out: the newest row of a key holds, and one without a value
-- takes the ones before it back.

CREATE TABLE mapping_rows (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT NOT NULL CHECK (kind IN ('tax', 'charges', 'payments', 'shipping', 'carriers', 'gift_cards')),
    key     TEXT NOT NULL CHECK (key <> ''),
    value   TEXT NOT NULL,
    tender  INTEGER NOT NULL DEFAULT 0 CHECK (tender IN (0, 1)),
    author  TEXT NOT NULL,
    reason  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    -- Chosen by who asks: the same one is the same row.
    request TEXT NOT NULL UNIQUE,
    -- How many records were judged again for it.
    woken   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX mapping_rows_by_key ON mapping_rows (kind, key, version);

CREATE TRIGGER mapping_rows_stand
BEFORE UPDATE ON mapping_rows
BEGIN
    SELECT RAISE(ABORT, 'a mapping row is not changed');
END;

CREATE TRIGGER mapping_rows_stay
BEFORE DELETE ON mapping_rows
BEGIN
    SELECT RAISE(ABORT, 'a mapping row is not taken out');
END;
