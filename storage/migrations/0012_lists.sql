-- What pages are found and sorted by: people type a name in any letter case, and often only its beginning.

-- An order without a number has a name all the same: a place in the list that is sorted by it.
ALTER TABLE orders ADD COLUMN name TEXT COLLATE NOCASE GENERATED ALWAYS AS (coalesce(number, '')) VIRTUAL;

CREATE INDEX orders_by_name ON orders (name, id);
CREATE INDEX orders_by_currency ON orders (currency, accepted_at);
CREATE INDEX sales_by_name ON sales (number COLLATE NOCASE, order_id) WHERE number IS NOT NULL;
CREATE INDEX sales_by_any_reference ON sales (reference COLLATE NOCASE, order_id);

-- What the overview counts is read from these alone.
CREATE INDEX orders_not_in_cin7 ON orders (state, reason, accepted_at)
WHERE state IN ('accepted', 'awaiting', 'held', 'creating', 'in_doubt', 'shadowed');
CREATE INDEX exceptions_at_a_glance ON exceptions (owner, severity, due_at, snoozed_until, opened_at)
WHERE state = 'open';
