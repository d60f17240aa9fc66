-- The audit grows for years: sorted by what was done, it is read in the order of an index, as by whom and to what.
CREATE INDEX audit_by_action ON audit (action, id);
