-- What pages are found and sorted by: people type a name in any letter case, and often only its beginning.

CREATE INDEX orders_by_name ON orders (coalesce(number, '') COLLATE NOCASE, id);
CREATE INDEX orders_by_currency ON orders (currency, accepted_at);
CREATE INDEX sales_by_name ON sales (number COLLATE NOCASE) WHERE number IS NOT NULL;
CREATE INDEX sales_by_any_reference ON sales (reference COLLATE NOCASE);
