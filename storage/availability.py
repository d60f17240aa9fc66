"""Cin7 Core's availability on disk: its rows, the readings made of them, what was pushed, and what is to be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from actors.domain.availability import Reading, StockRow, summed
from actors.domain.time import Instant

MINUS = -1
"""A row that was read by name during a pass has its number with this sign: met, and not by a page."""


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
    """Keep rows as read by the pass of that number, or by name while it ran (its number with a minus).

    Rows of one place (they may differ in what is not kept, such as an expiry date) are added up.
    """
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
            for row in _by_place(rows)
        ],
    )


def _by_place(rows: Iterable[StockRow]) -> list[StockRow]:
    places: dict[tuple[str, str, str, str], StockRow] = {}
    for row in rows:
        other = places.get(row.place)
        places[row.place] = row if other is None else _added(other, row)
    return list(places.values())


def _added(one: StockRow, other: StockRow) -> StockRow:
    days = [day for day in (one.next_delivery, other.next_delivery) if day is not None]
    return msgspec.structs.replace(
        one,
        on_hand=one.on_hand + other.on_hand,
        allocated=one.allocated + other.allocated,
        available=one.available + other.available,
        on_order=one.on_order + other.on_order,
        in_transit=one.in_transit + other.in_transit,
        next_delivery=min(days, default=None),
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
        "SELECT 1 FROM availability WHERE sku = ? AND abs(pass) <> ? AND CAST(available AS REAL) <> 0 LIMIT 1",
        (sku, number),
    ).fetchone()
    return found is not None


def met_span(connection: sqlite3.Connection, sku: str, *, number: int) -> tuple[Instant, Instant]:
    """Return from when to when a pass read the rows of a SKU it has met."""
    row = connection.execute(
        "SELECT min(began_at), max(ended_at) FROM availability WHERE sku = ? AND abs(pass) = ?", (sku, number)
    ).fetchone()
    return int(row[0]), int(row[1])


def missed_skus(connection: sqlite3.Connection, *, number: int, after: str, limit: int) -> list[str]:
    """Return SKUs of which a pass that ended has not met every row that was there before, in their order."""
    rows = connection.execute(
        "SELECT DISTINCT sku FROM availability WHERE sku > ? AND abs(pass) <> ? ORDER BY sku LIMIT ?",
        (after, number, limit),
    )
    return [row[0] for row in rows]


def repeated(connection: sqlite3.Connection, rows: Iterable[StockRow], *, number: int) -> int:
    """Count rows that another page of the same pass held already: the list moved while it was read."""
    return sum(
        connection.execute(
            "SELECT 1 FROM availability WHERE sku = ? AND location = ? AND bin = ? AND batch = ? AND pass = ?",
            (*row.place, number),
        ).fetchone()
        is not None
        for row in rows
    )


def drop_unmet(connection: sqlite3.Connection, sku: str, *, number: int) -> bool:
    """Drop the rows of a SKU that a whole pass has not met; say whether it met any."""
    connection.execute("DELETE FROM availability WHERE sku = ? AND abs(pass) <> ?", (sku, number))
    return connection.execute("SELECT 1 FROM availability WHERE sku = ? LIMIT 1", (sku,)).fetchone() is not None


def has_met(connection: sqlite3.Connection, sku: str, *, number: int) -> bool:
    """Say whether a pass has met any row of a SKU."""
    row = connection.execute(
        "SELECT 1 FROM availability WHERE sku = ? AND abs(pass) = ? LIMIT 1", (sku, number)
    ).fetchone()
    return row is not None


def settled(
    connection: sqlite3.Connection, sku: str, figures: Mapping[str, Decimal], *, today: date = date.min
) -> bool:
    """Say whether a new reading of a SKU changes nothing: as the kept ones, no other date, and nothing of it waits."""
    text = _text(figures)
    kept = connection.execute("SELECT figures FROM readings WHERE sku = ?", (sku,)).fetchall()
    if not kept or any(row[0] != text for row in kept):
        return False
    busy = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM hints WHERE sku = :sku) OR EXISTS (SELECT 1 FROM demand WHERE sku = :sku)"
        " OR EXISTS (SELECT 1 FROM held_zeros WHERE sku = :sku)"
        " OR NOT EXISTS (SELECT 1 FROM entries WHERE sku = :sku)"
        " OR EXISTS (SELECT 1 FROM entries WHERE sku = :sku AND (waits <> '' OR put IS NULL OR suspended <> ''"
        "  OR coalesce(expected_delivery, '') <> coalesce((SELECT min(next_delivery) FROM availability"
        "   WHERE sku = :sku AND next_delivery >= :today), '')))",
        {"sku": sku, "today": today.isoformat()},
    ).fetchone()
    return not busy[0]


def read_skus(connection: sqlite3.Connection, *, after: str, limit: int) -> list[str]:
    """Return SKUs that were ever read, in their order."""
    rows = connection.execute("SELECT DISTINCT sku FROM readings WHERE sku > ? ORDER BY sku LIMIT ?", (after, limit))
    return [row[0] for row in rows]


def never_read(connection: sqlite3.Connection, *, after: str, limit: int) -> list[str]:
    """Return SKUs of Cin7 Core that show units on the storefront and were never read, in their order."""
    rows = connection.execute(
        "SELECT DISTINCT sku FROM entries e WHERE sku > ? AND quantity > 0 AND entry_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM readings r WHERE r.sku = e.sku)"
        " AND EXISTS (SELECT 1 FROM facts f WHERE f.kind = 'product' AND f.key = e.sku) ORDER BY sku LIMIT ?",
        (after, limit),
    )
    return [row[0] for row in rows]


def renew_empty(connection: sqlite3.Connection, *, began_at: Instant, ended_at: Instant) -> int:
    """A whole pass met no row of a SKU that had none: that is known of it anew. Return how many such SKUs there are."""
    return connection.execute(
        "UPDATE readings SET began_at = :began, ended_at = :ended, named = 0 WHERE began_at < :began"
        " AND began_at = (SELECT max(r.began_at) FROM readings r WHERE r.sku = readings.sku)"
        " AND NOT EXISTS (SELECT 1 FROM availability a WHERE a.sku = readings.sku)",
        {"began": began_at, "ended": ended_at},
    ).rowcount


# -- readings ------------------------------------------------------------------------------------------------------


def add_reading(connection: sqlite3.Connection, sku: str, reading: Reading, *, keep: int) -> None:
    """Add the newest reading of a SKU and keep so many in all; hints that are older than it are over."""
    figures = _text(reading.figures)
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


def _text(figures: Mapping[str, Decimal]) -> str:
    return msgspec.json.encode({place: str(figure) for place, figure in sorted(figures.items())}).decode()


def reading_now(connection: sqlite3.Connection, sku: str) -> dict[str, Decimal]:
    """Add up the rows of a SKU as they stand."""
    return summed(rows_of(connection, sku))


def older_than(connection: sqlite3.Connection, before: Instant, *, limit: int) -> list[str]:
    """Return SKUs on sale whose last reading ended before an instant, the oldest first."""
    rows = connection.execute(
        f"SELECT sku, max(ended_at) AS newest {_OLD} ORDER BY newest, sku LIMIT ?", (before, limit)
    )
    return [row[0] for row in rows]


def count_older(connection: sqlite3.Connection, before: Instant) -> tuple[int, Instant]:
    """Count the SKUs on sale whose last reading ended before an instant; return when the oldest did, too."""
    row = connection.execute(
        f"SELECT count(*), coalesce(min(newest), 0) FROM (SELECT max(ended_at) AS newest {_OLD})", (before,)
    ).fetchone()
    return int(row[0]), int(row[1])


_OLD = (
    "FROM readings r WHERE EXISTS (SELECT 1 FROM entries e WHERE e.sku = r.sku AND e.quantity > 0)"
    " GROUP BY sku HAVING max(ended_at) < ?"
)


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


def read_at(connection: sqlite3.Connection, sku: str) -> Instant | None:
    """Return when the last reading of a SKU ended."""
    row = connection.execute("SELECT max(ended_at) FROM readings WHERE sku = ?", (sku,)).fetchone()
    return None if row[0] is None else int(row[0])


def is_read(connection: sqlite3.Connection, sku: str) -> bool:
    """Say whether a SKU was ever read."""
    return connection.execute("SELECT 1 FROM readings WHERE sku = ? LIMIT 1", (sku,)).fetchone() is not None


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
        " ORDER BY q.tries, q.urgency, coalesce(e.quantity, 0), (SELECT coalesce(sum(d.units), 0) FROM demand d"
        "  JOIN orders o ON o.id = d.order_id WHERE d.sku = q.sku AND o.created_at >= ?) DESC, q.since, q.sku LIMIT 1",
        (sold_since,),
    ).fetchone()
    return None if row is None else Asked(sku=row[0], urgency=row[1], reason=row[2], since=row[3])


def unanswered(connection: sqlite3.Connection, sku: str) -> None:
    """No clear answer came about a SKU: the others are read first."""
    connection.execute("UPDATE stock_queue SET tries = tries + 1 WHERE sku = ?", (sku,))


def answered(connection: sqlite3.Connection, sku: str) -> None:
    """A SKU was read: it waits no more."""
    connection.execute("DELETE FROM stock_queue WHERE sku = ?", (sku,))


def asked(connection: sqlite3.Connection) -> int:
    """Count the SKUs that wait to be read by name."""
    return int(connection.execute("SELECT count(*) FROM stock_queue").fetchone()[0])
