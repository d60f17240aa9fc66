"""A file with the real schema, and the small things that go into it."""

from __future__ import annotations

import functools
import sqlite3
from pathlib import Path

from actors.domain.order import Order
from actors.domain.order_state import OrderState
from actors.messages import Flow, Nudge, Urgency
from storage import orders
from storage.database import connect
from storage.schema import migrations, upgrade
from tests.orders_builder import plain_order

NOW = 1_796_083_200_000

ROAD = (OrderState.CREATING, OrderState.HEADER, OrderState.POSTED)
"""The way of a plain order."""


def fresh(folder: Path) -> sqlite3.Connection:
    """Open a new file with this release's schema; the caller closes it."""
    connection = connect(folder / "tallyd.db", synchronous="OFF")
    upgrade_quickly(connection, now=NOW)
    return connection


def upgrade_quickly(connection: sqlite3.Connection, *, now: int) -> None:
    """Do what `upgrade` does; the tables of a new file are copied, not made by all migrations once more."""
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        _migrated().backup(connection)
    upgrade(connection, now=now)


@functools.cache
def _migrated() -> sqlite3.Connection:
    """A file all migrations ran on, and nothing else: made once a process, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for number, sql in migrations():
        connection.executescript(f"BEGIN;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
    return connection


def nudge(
    subject: str = "a", *, flow: Flow = Flow.ORDERS, due_at: int = NOW, urgency: Urgency = Urgency.FRESH
) -> Nudge:
    return Nudge(flow=flow, subject=subject, due_at=due_at, urgency=urgency)


def accepted(connection: sqlite3.Connection, order: Order | None = None) -> str:
    """Store an order; return its id."""
    order = order if order is not None else plain_order()
    orders.accept(connection, order, now=NOW)
    return order.id


def moved(connection: sqlite3.Connection, *states: OrderState) -> str:
    """Store an order and move it through states; return its id."""
    order_id = accepted(connection)
    for state in states:
        orders.move(connection, order_id, state, now=NOW)
    return order_id
