"""The whole life of an order, read from every table that tells of it (law L8); nothing here writes, or opens a body.

What belongs to an order: its own rows, those of its sales, of payments it has refunds on, of messages set aside.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from typing import Any

import msgspec

from actors.domain.time import Instant
from storage import books, exceptions
from storage.books import LedgerLine
from storage.exceptions import ExceptionRow

MOST = 1_000
"""Entries of a life that are told; older ones are counted."""


class Source(StrEnum):
    """Who an entry comes from. Of one instant, the causes are told before their effects: in this order."""

    EVENT = "event"
    PERSON = "person"
    STEP = "step"
    CALL = "call"
    EXCEPTION = "exception"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. Instants in `detail` are milliseconds since the epoch."""

    at: Instant
    source: Source
    what: str
    detail: dict[str, Any]


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """The newest entries, oldest first, and how many older ones there are."""

    entries: tuple[Entry, ...]
    left_out: int


class States(msgspec.Struct, frozen=True, kw_only=True):
    """The states of an order in commercetools as last kept; "" where it has none. `modified_at`: by its own clock."""

    order: str
    payment: str
    shipment: str
    version: int
    modified_at: Instant


class BookedLine(LedgerLine, frozen=True, kw_only=True):
    """A line of the books, and since when its order's books agree with it."""

    verified_at: Instant | None = None


_ABOUT = """
    SELECT 'order' AS kind, :order AS id UNION ALL SELECT 'message', :order
    UNION ALL SELECT 'sale', sale_id FROM sales WHERE order_id = :order
"""
"""What exceptions are about that is the order, or a part of it."""

_NAMED = """
    SELECT 'order' AS about, :order AS subject
    UNION SELECT 'sale', sale_id FROM sales WHERE order_id = :order
    UNION SELECT 'sale', number FROM sales WHERE order_id = :order AND number <> ''
    UNION SELECT 'payment', payment_id FROM refunds WHERE order_id = :order
"""
"""How events name the order, its sales (a webhook without an id tells the number) and its payments."""

# An event that was repeated stands where it was told last: only that instant is kept.
_LIFE = f"""
WITH about AS ({_ABOUT}), named AS ({_NAMED}),
troubles AS (
    SELECT exceptions.* FROM about CROSS JOIN exceptions ON record_kind = about.kind AND record_id = about.id
),
life (at, rank, id, source, what, detail) AS (
    SELECT received_at, 0, 0, 'event', trim('event ' || notifications.kind), json_object(
        'about', named.about, 'door', door, 'version', version, 'outcome', outcome, 'repeated', copies)
    FROM named CROSS JOIN notifications
        ON notifications.about = named.about AND notifications.subject = named.subject
    UNION ALL
    SELECT at, 1, id, 'person', 'person ' || action, json_set(detail, '$.author', author)
    FROM audit WHERE record = 'order:' || :order OR record IN (SELECT 'exception:' || id FROM troubles)
    UNION ALL
    SELECT at, 2, id, 'step', what, detail FROM timeline WHERE order_id = :order
    UNION ALL
    SELECT sent_at, 3, id, 'call', 'call ' || purpose, json_object(
        'call', id, 'lane', lane, 'outcome', coalesce(outcome, iif(writes, 'pending', '')), 'ended_at', ended_at,
        'detail', detail)
    FROM calls WHERE subject = :order AND subject <> ''
    UNION ALL
    SELECT opened_at, 4, id, 'exception', 'exception opened', json_object(
        'exception', id, 'type', type, 'owner', owner, 'sku', sku, 'field', field, 'cause', cause)
    FROM troubles
    UNION ALL
    SELECT resolved_at, 5, id, 'exception', 'exception resolved', json_object(
        'exception', id, 'type', type, 'resolution', resolution)
    FROM troubles WHERE resolved_at IS NOT NULL
)
"""


def of_order(connection: sqlite3.Connection, order_id: str, *, most: int = MOST) -> Life:
    """Return what happened to an order: events, what people did, steps, calls, exceptions."""
    rows = connection.execute(
        f"{_LIFE} SELECT at, source, what, detail, count(*) OVER () FROM life"
        " ORDER BY at DESC, rank DESC, id DESC LIMIT :most",
        {"order": order_id, "most": most},
    ).fetchall()
    entries = tuple(
        Entry(at=at, source=Source(source), what=what, detail=msgspec.json.decode(detail, type=dict[str, Any]))
        for at, source, what, detail, _ in reversed(rows)
    )
    return Life(entries=entries, left_out=rows[0][-1] - len(rows) if rows else 0)


def exceptions_of(connection: sqlite3.Connection, order_id: str) -> list[ExceptionRow]:
    """Return every exception the order or a part of it ever had, oldest first."""
    about = connection.execute(_ABOUT, {"order": order_id}).fetchall()
    found = [row for kind, record_id in about for row in exceptions.of_record(connection, kind, record_id)]
    return sorted(found, key=lambda row: row.id)


def states_of(connection: sqlite3.Connection, order_id: str) -> States:
    """Return the states of an order that is known.

    Raises:
        LookupError: it is not.
    """
    row = connection.execute(
        "SELECT source_state, payment_state, shipment_state, version, modified_at FROM orders WHERE id = ?", (order_id,)
    ).fetchone()
    if row is None:
        raise LookupError(order_id)
    return States(order=row[0], payment=row[1], shipment=row[2], version=row[3], modified_at=row[4])


def listed_status(connection: sqlite3.Connection, sale_id: str) -> str:
    """Return the status of a sale as Cin7's list shows it; "" where it is not listed."""
    row = connection.execute("SELECT status FROM listed_sales WHERE sale_id = ?", (sale_id,)).fetchone()
    return "" if row is None else str(row[0])


def booked_of(connection: sqlite3.Connection, order_id: str) -> list[BookedLine]:
    """Return what counts in the books of an order, commercetools' side first, as its documents follow each other."""
    names = BookedLine.__struct_fields__
    rows = connection.execute(
        f"SELECT {', '.join(names)} FROM ledger_lines WHERE order_id = ?"
        " ORDER BY side DESC, instr('order sale invoice payment credit_note refund', kind), day, id, rule",
        (order_id,),
    )
    told = [dict(zip(names, row, strict=True)) for row in rows]
    return [BookedLine(**{**row, "net": books.amount(row["net"]), "tax": books.amount(row["tax"])}) for row in told]
