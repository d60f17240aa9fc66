"""What may leave in a log line or a span: a closed list of field names, and no e-mail address in any value.

Law L9 keeps people's data in one table. A name that is not on the list leaves as `withheld`, so that a developer sees
the gap and a person's address stays where it is. Ids, SKUs, amounts, states, counts and reasons are on the list.
"""

from __future__ import annotations

import re

WITHHELD = "withheld"
"""Stands for the value of a field that is not on the list."""

MASKED = "(e-mail)"
"""Stands for what looked like an e-mail address."""

FIELDS = frozenset(
    {
        "actor", "address_family", "amount", "attempt", "attempts", "batch", "bind", "call", "calls", "cap", "census",
        "channel", "child", "code", "commits", "config", "connection", "count", "created", "currency", "cursor",
        "database", "door", "due_at", "duplicates", "elapsed_ms", "endpoint", "entries", "envelope", "error",
        "exception", "exit_code", "field", "flow", "found", "generation", "group", "handled", "held", "holder",
        "host", "id", "in_doubt", "in_flight", "in_window", "instance", "invoice", "kind", "lane", "late_ms", "limit",
        "location", "logger", "mark", "message", "method", "minutes_to_drain", "ms", "missing", "mode", "name", "new",
        "next_attempt_at", "number", "old", "operation", "order", "order_id", "order_number", "orders", "outcome",
        "owner", "page", "pages", "path", "pid", "point", "port", "project", "purpose", "quantity", "queued", "ready",
        "reason", "record", "reference", "restarts", "retries", "retry_after_seconds", "role", "rows", "running",
        "sale", "sale_id", "schema", "seconds", "senders", "set_aside", "severity", "shadow", "side", "signal", "since",
        "size", "sku", "skus", "socket", "span_id", "state", "states", "status", "status_code", "step", "store",
        "subject", "sweep", "task", "tax_rule", "template", "total", "trace_id", "tries", "type", "units", "until",
        "user", "version", "wait_seconds", "waiting", "waits_for", "window_believed", "would_have", "writes",
    }
)  # fmt: skip
"""Names a log line or a span may carry."""

_EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:=]+@[^\s@<>()\[\]\"',;:=]+\.[^\s@<>()\[\]\"',;:=/?#]+")


def masked(text: str) -> str:
    """Return the text with everything that looks like an e-mail address replaced."""
    return _EMAIL.sub(MASKED, text) if "@" in text else text


def fit_to_leave(name: str, value: object) -> str | int | float | bool | None:
    """Return the value as it may be shown: numbers and states as they are, text masked, the rest withheld."""
    if name not in FIELDS:
        return WITHHELD
    if value is None or isinstance(value, bool | int | float):
        return value
    return masked(str(value))
