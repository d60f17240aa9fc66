"""The few figures that say how everything stands, each from an index that holds nothing else."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import NamedTuple

from actors.domain.time import Instant

OWNERS = ("ops", "finance", "ecommerce", "it")


class OwnerFigures(NamedTuple):
    """Open exceptions of an owner: how many, of them overdue and critical, and since when the oldest is open.

    What is snoozed is not overdue.
    """

    owner: str
    open: int
    overdue: int
    critical: int
    oldest_at: Instant | None


class Waiting(NamedTuple):
    """Orders that are not in Cin7 Core, of one state and reason; the oldest was accepted then."""

    state: str
    reason: str
    orders: int
    oldest_at: Instant


class Releasable(NamedTuple):
    """Orders of an accounting day whose books wait for a person's release, and what they come to."""

    day: str
    currency: str
    orders: int
    payable: Decimal


def owners(connection: sqlite3.Connection, *, now: Instant) -> list[OwnerFigures]:
    """Return the open exceptions by owner; owners without any are there."""
    rows = connection.execute(
        "SELECT owner, count(*), total(due_at < :now AND coalesce(snoozed_until, 0) <= :now),"
        " total(severity = 'critical'), min(opened_at) FROM exceptions INDEXED BY exceptions_at_a_glance"
        " WHERE state = 'open' GROUP BY owner",
        {"now": now},
    )
    found = {row[0]: OwnerFigures(row[0], row[1], int(row[2]), int(row[3]), row[4]) for row in rows}
    return [found.get(owner, OwnerFigures(owner, 0, 0, 0, None)) for owner in OWNERS]


def not_in_cin7(connection: sqlite3.Connection) -> list[Waiting]:
    """Return the orders that have no sale and should get one, the commonest reason first.

    A held order whose sale stands in Cin7 Core is none of them.
    """
    rows = connection.execute(
        "SELECT state, reason, count(*) AS orders, min(accepted_at) FROM orders INDEXED BY orders_not_in_cin7"
        " WHERE state IN ('accepted', 'awaiting', 'held', 'creating', 'in_doubt', 'shadowed')"
        " AND (state <> 'held'"
        " OR NOT EXISTS (SELECT 1 FROM sales WHERE order_id = orders.id AND voided_at IS NULL))"
        " GROUP BY state, reason ORDER BY orders DESC, state, reason"
    )
    return [Waiting(*row) for row in rows]


def to_release(connection: sqlite3.Connection) -> list[Releasable]:
    """Return what a person has to release, the oldest day first: what agrees, and what a second person is asked for."""
    rows = connection.execute(
        "SELECT b.day, o.currency, o.digits, count(*), sum(o.payable) FROM books b INDEXED BY books_by_step"
        " CROSS JOIN orders o ON o.id = b.order_id WHERE b.step IN ('waits', 'asked') AND b.step != ''"
        " GROUP BY b.day, o.currency, o.digits ORDER BY b.day, o.currency"
    )
    return [Releasable(row[0], row[1], row[3], Decimal(row[4]).scaleb(-row[2])) for row in rows]


def differing(connection: sqlite3.Connection) -> int:
    """Count the books that do not agree and of which nobody has said the last word."""
    row = connection.execute(
        "SELECT count(*) FROM books WHERE verdict = 'differs' AND decision IN ('', 'asked')"
    ).fetchone()
    return int(row[0])
