"""Cin7 Core's availability on disk: its rows, the readings made of them, what was pushed, and what is to be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from actors.domain.availability import Reading, StockRow, summed
from actors.domain.time import Instant

BY_NAME = 0
"""The `pass` of rows that were last read by name."""


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """A row that Cin7 Core pushed: what was available of a SKU in one place at some unknown time."""

    sku: str
    location: str
    available: Decimal
    bin: str = ""
    batch: str = ""
    received_at: Instant = 0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU that waits to be read by name."""

    sku: str
    urgency: int
    reason: str
    since: Instant


def store_rows(
    connection: sqlite3.Connection, rows: Iterable[StockRow], *, number: int, began_at: Instant, ended_at: Instant
) -> None:
    """Keep rows as read by the pass of that number (`BY_NAME`: none)."""
    connection.executemany(
        "INSERT OR REPLACE INTO availability (sku, location, bin, batch, on_hand, allocated, available, on_order,"
        " in_transit, next_delivery, pass, began_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row.sku,
                row.location,
                row.bin,
                row.batch,
                str(row.on_hand),
                str(row.allocated),
                str(row.available),
                str(row.on_order),
                str(row.in_transit),
                row.next_delivery.isoformat() if row.next_delivery else None,
                number,
                began_at,
                ended_at,
            )
            for row in rows
        ],
    )


def drop_rows(connection: sqlite3.Connection, sku: str) -> None:
    """Forget the rows of a SKU: it was just read whole."""
    connection.execute("DELETE FROM availability WHERE sku = ?", (sku,))


def rows_of(connection: sqlite3.Connection, sku: str) -> list[StockRow]:
    """Return the rows of a SKU as last read."""
    return [_row(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM availability WHERE sku = ?", (sku,))]


_COLUMNS = "sku, location, bin, batch, on_hand, allocated, available, on_order, in_transit, next_delivery"


def _row(row: Sequence[str]) -> StockRow:
    return StockRow(
        sku=row[0],
        location=row[1],
        bin=row[2],
        batch=row[3],
        on_hand=Decimal(row[4]),
        allocated=Decimal(row[5]),
        available=Decimal(row[6]),
        on_order=Decimal(row[7]),
        in_transit=Decimal(row[8]),
        next_delivery=date.fromisoformat(row[9]) if row[9] else None,
    )


def unmet(connection: sqlite3.Connection, sku: str, *, number: int) -> bool:
    """Say whether a row of a SKU that was there before has not been met by this pass."""
    found = connection.execute(
        "SELECT 1 FROM availability WHERE sku = ? AND pass <> ? AND CAST(available AS REAL) <> 0 LIMIT 1", (sku, number)
    ).fetchone()
    return found is not None


def met_span(connection: sqlite3.Connection, sku: str, *, number: int) -> tuple[Instant, Instant]:
    """Return from when to when a pass read the rows of a SKU it has met."""
    row = connection.execute(
        "SELECT min(began_at), max(ended_at) FROM availability WHERE sku = ? AND pass = ?", (sku, number)
    ).fetchone()
    return int(row[0]), int(row[1])


def missed_skus(connection: sqlite3.Connection, *, number: int) -> list[str]:
    """Return SKUs of which a pass that ended has not met every row that was there before."""
    rows = connection.execute("SELECT DISTINCT sku FROM availability WHERE pass <> ? ORDER BY sku", (number,))
    return [row[0] for row in rows]


# -- readings ------------------------------------------------------------------------------------------------------


def add_reading(connection: sqlite3.Connection, sku: str, reading: Reading, *, keep: int) -> None:
    """Add the newest reading of a SKU and keep so many in all; hints that are older than it are over."""
    figures = msgspec.json.encode({place: str(figure) for place, figure in sorted(reading.figures.items())}).decode()
    connection.execute(
        "INSERT OR REPLACE INTO readings (sku, began_at, ended_at, named, figures) VALUES (?, ?, ?, ?, ?)",
        (sku, reading.began_at, reading.ended_at, int(reading.named), figures),
    )
    connection.execute(
        "DELETE FROM readings WHERE sku = ? AND began_at < (SELECT min(began_at) FROM (SELECT began_at FROM readings"
        " WHERE sku = ? ORDER BY began_at DESC LIMIT ?))",
        (sku, sku, keep),
    )
    connection.execute("DELETE FROM hints WHERE sku = ? AND received_at < ?", (sku, reading.began_at))


def readings_of(connection: sqlite3.Connection, sku: str) -> list[Reading]:
    """Return the last readings of a SKU, newest first."""
    rows = connection.execute(
        "SELECT began_at, ended_at, named, figures FROM readings WHERE sku = ? ORDER BY began_at DESC", (sku,)
    )
    return [Reading(began_at=row[0], ended_at=row[1], named=bool(row[2]), figures=_figures(row[3])) for row in rows]


def _figures(text: str) -> Mapping[str, Decimal]:
    return msgspec.json.decode(text, type=dict[str, Decimal])


def reading_now(connection: sqlite3.Connection, sku: str) -> dict[str, Decimal]:
    """Add up the rows of a SKU as they stand."""
    return summed(rows_of(connection, sku))


def forget(connection: sqlite3.Connection, sku: str) -> None:
    """Cin7 Core has no row of a SKU any more."""
    drop_rows(connection, sku)


# -- what was pushed ---------------------------------------------------------------------------------------------


def put_hints(connection: sqlite3.Connection, hints: Iterable[Hint]) -> list[str]:
    """Keep what was pushed, the last word of each place; return the SKUs it is about."""
    skus: dict[str, None] = {}
    for hint in hints:
        skus[hint.sku] = None
        connection.execute(
            "INSERT OR REPLACE INTO hints (sku, location, bin, batch, available, received_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (hint.sku, hint.location, hint.bin, hint.batch, str(hint.available), hint.received_at),
        )
    return list(skus)


def hints_of(connection: sqlite3.Connection, sku: str) -> list[Hint]:
    """Return what was pushed of a SKU since it was last read."""
    rows = connection.execute(
        "SELECT sku, location, bin, batch, available, received_at FROM hints WHERE sku = ?", (sku,)
    )
    return [
        Hint(sku=row[0], location=row[1], bin=row[2], batch=row[3], available=Decimal(row[4]), received_at=row[5])
        for row in rows
    ]


# -- what is to be read by name --------------------------------------------------------------------------------------


def ask(connection: sqlite3.Connection, sku: str, *, urgency: int, reason: str, now: Instant) -> None:
    """Have a SKU read by name; what was asked for already only becomes more urgent."""
    connection.execute(
        "INSERT INTO stock_queue (sku, urgency, reason, since) VALUES (?, ?, ?, ?) ON CONFLICT (sku) DO UPDATE SET"
        " reason = CASE WHEN excluded.urgency < urgency THEN excluded.reason ELSE reason END,"
        " urgency = min(urgency, excluded.urgency)",
        (sku, urgency, reason, now),
    )


def next_asked(connection: sqlite3.Connection, *, sold_since: Instant) -> Asked | None:
    """Return the SKU to read next: the urgent ones, then closest to zero, then what sells fastest."""
    row = connection.execute(
        "SELECT q.sku, q.urgency, q.reason, q.since FROM stock_queue q"
        " LEFT JOIN (SELECT sku, min(quantity) AS quantity FROM entries GROUP BY sku) e ON e.sku = q.sku"
        " ORDER BY q.urgency, coalesce(e.quantity, 0), (SELECT coalesce(sum(d.units), 0) FROM demand d"
        "  JOIN orders o ON o.id = d.order_id WHERE d.sku = q.sku AND o.created_at >= ?) DESC, q.since, q.sku LIMIT 1",
        (sold_since,),
    ).fetchone()
    return None if row is None else Asked(sku=row[0], urgency=row[1], reason=row[2], since=row[3])


def answered(connection: sqlite3.Connection, sku: str) -> None:
    """A SKU was read: it waits no more."""
    connection.execute("DELETE FROM stock_queue WHERE sku = ?", (sku,))


def asked(connection: sqlite3.Connection) -> int:
    """Count the SKUs that wait to be read by name."""
    return int(connection.execute("SELECT count(*) FROM stock_queue").fetchone()[0])
