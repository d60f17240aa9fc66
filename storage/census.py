"""What the census asks of the file: our own count of orders, by spans and by ids, and what it found before."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any

from actors.domain.time import Instant

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
    rows = connection.execute(
        "SELECT created_at FROM (SELECT created_at, row_number() OVER (ORDER BY created_at, id) AS place FROM orders"
        f" WHERE {_SPAN}) WHERE place % :every = 0",
        {"start": since, "end": end, "every": every},
    )
    return [row[0] for row in rows]


def count_there(connection: sqlite3.Connection, start: Instant, end: Instant) -> int:
    """Count the orders of a span that commercetools should list."""
    row = connection.execute(
        f"SELECT count(*) FROM orders WHERE {_SPAN} AND gone_at IS NULL", {"start": start, "end": end}
    ).fetchone()
    return int(row[0])


def ids(
    connection: sqlite3.Connection, start: Instant, end: Instant, *, after: str, until: str | None
) -> frozenset[str]:
    """Return the ids of the orders of a span, after one id and up to another (None: to the end)."""
    rows = connection.execute(
        f"SELECT id FROM orders WHERE {_SPAN} AND id > :after AND (:until IS NULL OR id <= :until)",
        {"start": start, "end": end, "after": after, "until": until},
    )
    return frozenset(row[0] for row in rows)


def back_again(connection: sqlite3.Connection, order_ids: Collection[str]) -> list[str]:
    """Take back what was believed gone and is listed again; return which."""
    gone = {row[0] for row in connection.execute("SELECT id FROM orders WHERE gone_at IS NOT NULL")}
    back = sorted(gone & set(order_ids))
    connection.executemany("UPDATE orders SET gone_at = NULL WHERE id = ?", [(order_id,) for order_id in back])
    return back


def note_gone(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> bool:
    """Remember that commercetools lists an order no more; False: that was known."""
    cursor = connection.execute("UPDATE orders SET gone_at = ? WHERE id = ? AND gone_at IS NULL", (now, order_id))
    return cursor.rowcount == 1


def suspected(connection: sqlite3.Connection, types: Collection[str]) -> set[str]:
    """Return the ids of the orders with an open exception of these types."""
    found: set[str] = set()
    for kind in types:
        found |= open_records(connection, "order", kind)
    return found


def open_records(connection: sqlite3.Connection, record_kind: str, kind: str) -> set[str]:
    """Return the ids of the records with an open exception of a type."""
    rows = connection.execute(
        "SELECT record_id FROM exceptions WHERE type = ? AND record_kind = ? AND state = 'open'", (kind, record_kind)
    )
    return {row[0] for row in rows}


def told(connection: sqlite3.Connection, order_id: str) -> frozenset[str]:
    """Return the types of an order's open exceptions."""
    rows = connection.execute(
        "SELECT type FROM exceptions WHERE record_kind = 'order' AND record_id = ? AND state = 'open'", (order_id,)
    )
    return frozenset(row[0] for row in rows)


def result(connection: sqlite3.Connection, since: Instant, end: Instant) -> dict[str, Any]:
    """Return our own figures: orders created in the span, those gone there and those with a sale; open findings.

    Where nothing is wrong commercetools lists `tallyd` - `deleted_in_commercetools` + `unreadable` of the span.
    """
    span = {"start": since, "end": end}
    known = connection.execute(f"SELECT count(*) FROM orders WHERE {_SPAN}", span).fetchone()[0]
    gone = connection.execute(f"SELECT count(*) FROM orders WHERE {_SPAN} AND gone_at IS NOT NULL", span).fetchone()[0]
    recorded = connection.execute(
        f"SELECT count(*) FROM sales JOIN orders ON orders.id = order_id WHERE voided_at IS NULL AND {_SPAN}", span
    ).fetchone()[0]
    unreadable = len(open_records(connection, "order", "order_unreadable"))
    marks = ", ".join("?" for _ in FOUND)
    found = connection.execute(
        f"SELECT type, count(*) FROM exceptions WHERE state = 'open' AND type IN ({marks}) GROUP BY type ORDER BY type",
        FOUND,
    ).fetchall()
    return {
        "tallyd": known,
        "deleted_in_commercetools": gone,
        "unreadable": unreadable,
        "orders_with_sale": recorded,
        "findings": dict(found),
    }
