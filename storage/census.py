"""What the census asks of the file: our own count of orders, by spans and by ids, and what it found before."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from actors.domain.calls import Purpose
from actors.domain.order_state import FINAL
from actors.domain.time import Instant
from storage import demand

UNDERWAY = "census:underway"
TAKEN = "census"
MIDNIGHT = "census:midnight"
"""Names of texts in the file: the place of the census under way, the last result, the day of the last whole one."""

FOUND = (
    "order_unlisted_here",
    "order_unlisted_there",
    "sale_gone",
    "sale_voided_there",
    "sales_two",
    "sale_by_hand",
    "sale_without_order",
)

_SPAN = "created_at >= :start AND created_at < :end"


def cuts(connection: sqlite3.Connection, since: Instant, end: Instant, *, every: int) -> list[Instant]:
    """Return instants between which about so many orders were created each."""
    found: list[Instant] = []
    while True:
        row = connection.execute(
            f"SELECT created_at FROM orders WHERE {_SPAN} ORDER BY created_at LIMIT 1 OFFSET :every",
            {"start": found[-1] + 1 if found else since, "end": end, "every": every},
        ).fetchone()
        if row is None:
            return found
        found.append(int(row[0]))


def count_known(connection: sqlite3.Connection, start: Instant, end: Instant) -> int:
    """Count the orders of a span."""
    row = connection.execute(f"SELECT count(*) FROM orders WHERE {_SPAN}", {"start": start, "end": end}).fetchone()
    return int(row[0])


def count_gone(connection: sqlite3.Connection, start: Instant, end: Instant) -> int:
    """Count the orders of a span that commercetools lists no more."""
    row = connection.execute(
        f"SELECT count(*) FROM orders INDEXED BY orders_gone WHERE gone_at IS NOT NULL AND {_SPAN}",
        {"start": start, "end": end},
    ).fetchone()
    return int(row[0])


def count_there(connection: sqlite3.Connection, start: Instant, end: Instant) -> int:
    """Count the orders of a span that commercetools should list."""
    return count_known(connection, start, end) - count_gone(connection, start, end)


def count_with_sale(connection: sqlite3.Connection, start: Instant, end: Instant, *, after: str, until: str) -> int:
    """Count the orders of a span for which a sale stands, of the sales after one id and up to another."""
    row = connection.execute(
        "SELECT count(*) FROM sales CROSS JOIN orders ON orders.id = order_id WHERE sale_id > :after"
        f" AND sale_id <= :until AND voided_at IS NULL AND {_SPAN}",
        {"start": start, "end": end, "after": after, "until": until},
    ).fetchone()
    return int(row[0])


def ids(
    connection: sqlite3.Connection, start: Instant, end: Instant, *, after: str, until: str | None, limit: int
) -> list[str]:
    """Return the first ids of the orders of a span, after one id and up to another (None: to the end)."""
    rows = connection.execute(
        f"SELECT id FROM orders INDEXED BY orders_by_creation WHERE {_SPAN} AND id > :after"
        " AND (:until IS NULL OR id <= :until) ORDER BY id LIMIT :limit",
        {"start": start, "end": end, "after": after, "until": until, "limit": limit},
    )
    return [row[0] for row in rows]


def back_again(connection: sqlite3.Connection, order_ids: Collection[str]) -> list[str]:
    """Take back what was believed gone and is listed again; return which."""
    back = []
    for order_id in sorted(order_ids):
        row = connection.execute("SELECT 1 FROM orders WHERE id = ? AND gone_at IS NOT NULL", (order_id,)).fetchone()
        if row is not None:
            back.append(order_id)
    connection.executemany("UPDATE orders SET gone_at = NULL WHERE id = ?", [(order_id,) for order_id in back])
    return back


def note_gone(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> bool:
    """Remember that commercetools lists an order no more; False: that was known."""
    cursor = connection.execute("UPDATE orders SET gone_at = ? WHERE id = ? AND gone_at IS NULL", (now, order_id))
    demand.stir(connection, demand.skus_of(connection, order_id) if cursor.rowcount else (), now=now)
    return cursor.rowcount == 1


def open_records(connection: sqlite3.Connection, record_kind: str, kind: str) -> set[str]:
    """Return the ids of the records with an open exception of a type."""
    rows = connection.execute(
        "SELECT record_id FROM exceptions WHERE type = ? AND record_kind = ? AND state = 'open'", (kind, record_kind)
    )
    return {row[0] for row in rows}


def some_open(
    connection: sqlite3.Connection, record_kind: str, kinds: Collection[str], *, after: str, limit: int
) -> list[str]:
    """Return the next ids, in their order, of records with an open exception of one of these types."""
    marks = ", ".join("?" for _ in kinds)
    rows = connection.execute(
        f"SELECT DISTINCT record_id FROM exceptions WHERE type IN ({marks}) AND record_kind = ? AND state = 'open'"
        " AND record_id > ? ORDER BY record_id LIMIT ?",
        (*kinds, record_kind, after, limit),
    )
    return [row[0] for row in rows]


def some_gone_untold(connection: sqlite3.Connection, *, after: str, limit: int) -> list[str]:
    """Return the next ids of the orders that are gone, not at their end without a sale, and of which nothing is told.

    What a person dismissed since they are gone is told.
    """
    finals = ", ".join(f"'{state.value}'" for state in sorted(FINAL))
    rows = connection.execute(
        f"SELECT id FROM orders INDEXED BY orders_gone WHERE gone_at IS NOT NULL AND id > ?"
        f" AND (state NOT IN ({finals})"
        " OR EXISTS (SELECT 1 FROM sales WHERE order_id = orders.id AND voided_at IS NULL))"
        " AND NOT EXISTS (SELECT 1 FROM exceptions WHERE record_kind = 'order' AND record_id = orders.id"
        " AND type IN ('order_deleted', 'order_unlisted_there')"
        " AND (exceptions.state = 'open' OR (resolution LIKE 'dismissed by %' AND resolved_at >= gone_at)))"
        " ORDER BY id LIMIT ?",
        (after, limit),
    )
    return [row[0] for row in rows]


def told(connection: sqlite3.Connection, order_id: str) -> frozenset[str]:
    """Return the types of an order's open exceptions."""
    rows = connection.execute(
        "SELECT type FROM exceptions WHERE record_kind = 'order' AND record_id = ? AND state = 'open'", (order_id,)
    )
    return frozenset(row[0] for row in rows)


def last_webhook_in_doubt(connection: sqlite3.Connection, *, since: Instant) -> Instant | None:
    """Return when the last webhook was asked for, after an instant, of which nobody knows whether it was made."""
    row = connection.execute(
        "SELECT max(sent_at) FROM calls WHERE subject = '' AND sent_at > ? AND purpose = ?"
        " AND (outcome IS NULL OR outcome = 'unknown')",
        (since, Purpose.CIN7_CREATE_WEBHOOK.value),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def findings(connection: sqlite3.Connection) -> dict[str, int]:
    """Count what is open of all that a census finds, by type."""
    marks = ", ".join("?" for _ in FOUND)
    return dict(
        connection.execute(
            f"SELECT type, count(*) FROM exceptions WHERE state = 'open' AND type IN ({marks}) GROUP BY type"
            " ORDER BY type",
            FOUND,
        )
    )
