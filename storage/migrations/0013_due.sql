-- Earlier releases gave no exception a due time: what was open then would never be overdue, and nobody be called about
-- it. The hours are those of `actors.domain.exception_life.DUE`, counted from when it was opened.

UPDATE exceptions SET due_at = opened_at + 3600000 * CASE severity
    WHEN 'critical' THEN 1
    WHEN 'error' THEN 24
    WHEN 'warning' THEN 72
    ELSE 168 END
WHERE state = 'open' AND due_at IS NULL;
