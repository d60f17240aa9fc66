"""The Cin7 customers made for people who buy: by identity, which is a hash, never a name or an address (law L9)."""

from __future__ import annotations

import sqlite3

from actors.domain.calls import Purpose
from actors.domain.time import Instant


def get(connection: sqlite3.Connection, identity: str, currency: str) -> str | None:
    """Return the id of a buyer's customer in a currency, if it is known."""
    row = connection.execute(
        "SELECT customer_id FROM customers WHERE identity = ? AND currency = ?", (identity, currency)
    ).fetchone()
    return None if row is None else str(row[0])


def put(connection: sqlite3.Connection, identity: str, currency: str, customer_id: str, *, now: Instant) -> None:
    """Remember a buyer's customer. The first moment it was known stays; another id replaces the one before."""
    connection.execute(
        "INSERT INTO customers VALUES (?, ?, ?, ?)"
        " ON CONFLICT (identity, currency) DO UPDATE SET customer_id = excluded.customer_id",
        (identity, currency, customer_id, now),
    )


def forget(connection: sqlite3.Connection, customer_id: str) -> None:
    """Forget a customer that Cin7 no longer takes: it is looked for by its name again."""
    connection.execute("DELETE FROM customers WHERE customer_id = ?", (customer_id,))


def refusals(connection: sqlite3.Connection, order_id: str) -> int:
    """Count how often Cin7 refused to make the customer of an order."""
    row = connection.execute(
        "SELECT count(*) FROM calls WHERE subject = ? AND subject <> '' AND purpose = ? AND outcome = 'refused'",
        (order_id, Purpose.CIN7_CREATE_CUSTOMER.value),
    ).fetchone()
    return int(row[0])
