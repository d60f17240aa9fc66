"""What each SKU of an order earned, on disk; and which orders' margins are to be worked out, or anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from actors.domain.figures import Sold
from actors.domain.margins import OrderMargin
from actors.domain.time import Instant
from storage import stock

# -- what is to be worked out ----------------------------------------------------------------------------------------


def due(connection: sqlite3.Connection, *, limit: int) -> list[str]:
    """Return orders of which what was sold, or what it cost, is not what their margins say."""
    rows = connection.execute("SELECT order_id FROM margins_due ORDER BY order_id LIMIT ?", (limit,))
    return [row[0] for row in rows]


def count_due(connection: sqlite3.Connection) -> int:
    """Count the orders whose margins are to be worked out."""
    return int(connection.execute("SELECT count(*) FROM margins_due").fetchone()[0])


def cost_moved(connection: sqlite3.Connection, skus: Iterable[str]) -> None:
    """Every order that these SKUs were sold with is held against their cost again."""
    connection.executemany(
        "INSERT OR IGNORE INTO margins_due SELECT order_id FROM margins WHERE sku = ?", [(sku,) for sku in sorted(skus)]
    )


def cost_found(connection: sqlite3.Connection, skus: Iterable[str]) -> None:
    """A cost of SKUs is known: what they were sold for without any is held against it."""
    connection.executemany(
        "INSERT OR IGNORE INTO margins_due SELECT order_id FROM margins WHERE sku = ? AND source = ''",
        [(sku,) for sku in sorted(skus)],
    )


def purchase_moved(connection: sqlite3.Connection, purchase_id: str, number: str, skus: Iterable[str]) -> None:
    """What SKUs cost with a purchase is something else: the orders that may make a difference to are held to it again.

    Those are: what it was the cost of, what had none from a purchase, what was sold since it came, and what was sold
    before the first other one came. Of thousands of orders of a SKU a new receipt moves few.
    """
    for sku in sorted(skus):
        [first, known] = connection.execute(_FIRST_DAYS, {"sku": sku, "purchase": purchase_id}).fetchone()
        connection.execute(_MOVED_BY, {"sku": sku, "number": number, "first": first, "known": known})
        for kit in stock.kits_with(connection, sku):
            connection.execute(_MOVED_BY, {"sku": kit.sku, "number": number, "first": _NEVER, "known": ""})


_NEVER = "9999-12-31"
_FIRST_DAYS = (
    f"SELECT coalesce(min(CASE WHEN purchase_id = :purchase THEN first_day END), '{_NEVER}'),"
    " coalesce(min(CASE WHEN purchase_id <> :purchase AND CAST(value AS REAL) > 0 THEN first_day END), '')"
    " FROM landed_costs WHERE sku = :sku"
)
_MOVED_BY = (
    "INSERT OR IGNORE INTO margins_due SELECT order_id FROM margins WHERE sku = :sku"
    " AND (source IN ('', 'parts', 'average', :number) OR day >= :first OR day < :known)"
)


def uncosted(connection: sqlite3.Connection) -> list[str]:
    """Return the SKUs that were sold without a cost being known."""
    rows = connection.execute("SELECT DISTINCT sku FROM margins WHERE unit IS NULL ORDER BY sku")
    return [row[0] for row in rows]


def skus_after(connection: sqlite3.Connection, sku: str, *, limit: int) -> list[str]:
    """Return the next SKUs that were sold, by name."""
    rows = connection.execute("SELECT DISTINCT sku FROM margins WHERE sku > ? ORDER BY sku LIMIT ?", (sku, limit))
    return [row[0] for row in rows]


def store(
    connection: sqlite3.Connection, order_id: str, margins: Sequence[OrderMargin], *, now: Instant
) -> frozenset[str]:
    """Replace what an order earned (nothing, where it has no live sale); return the SKUs of which that is news."""
    before = {row.sku: row for row in of_order(connection, order_id)}
    after = {row.sku: row for row in margins}
    connection.execute("DELETE FROM margins_due WHERE order_id = ?", (order_id,))
    if before == after:
        return frozenset()
    connection.execute("DELETE FROM margins WHERE order_id = ?", (order_id,))
    connection.executemany(
        f"INSERT INTO margins ({_COLUMNS}, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*_values(row), now) for row in margins],
    )
    return frozenset(sku for sku in before.keys() | after.keys() if before.get(sku) != after.get(sku))


_COLUMNS = "order_id, sku, day, quantity, net, unit, source, percent"


def _values(row: OrderMargin) -> tuple[str | None, ...]:
    return (
        row.order_id,
        row.sku,
        row.day.isoformat(),
        f"{row.quantity:f}",
        f"{row.net:f}",
        _text(row.unit),
        row.source,
        _text(row.percent),
    )


def _text(figure: Decimal | None) -> str | None:
    return None if figure is None else f"{figure:f}"


def sold(connection: sqlite3.Connection, order_id: str) -> tuple[date, Sold] | None:
    """Return what was sold of an order and the day it is booked on; None where no live sale of it is known.

    A sale that was taken over from elsewhere has the rate Cin7 Core shows for it.
    """
    row = connection.execute(
        "SELECT day, sold, json_extract(shown, '$.rate') FROM books WHERE order_id = ? AND sold IS NOT NULL"
        " AND day <> '' AND coalesce(json_extract(shown, '$.voided'), 0) = 0",
        (order_id,),
    ).fetchone()
    if row is None:
        return None
    sold = msgspec.json.decode(row[1], type=Sold)
    if sold.rate is None and row[2] is not None:
        sold = msgspec.structs.replace(sold, rate=Decimal(row[2]))
    return date.fromisoformat(row[0]), sold


# -- what is known ---------------------------------------------------------------------------------------------------


def of_order(connection: sqlite3.Connection, order_id: str) -> list[OrderMargin]:
    """Return what an order earned, by SKU."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM margins WHERE order_id = ? ORDER BY sku", (order_id,))
    return [_row(row) for row in rows]


def of_period(connection: sqlite3.Connection, first: date, last: date, *, sku: str = "") -> Iterator[OrderMargin]:
    """Go through what was earned in a period, both days included, by day; `sku` "": of every SKU.

    They are many: whoever adds them up holds one at a time.
    """
    rows = connection.execute(
        f"SELECT {_NUMBERED} WHERE margins.day BETWEEN :first AND :last AND (:sku = '' OR sku = :sku)"
        " ORDER BY margins.day, order_id",
        {"first": first.isoformat(), "last": last.isoformat(), "sku": sku},
    )
    return (_row(row) for row in rows)


def newest(connection: sqlite3.Connection, sku: str) -> OrderMargin | None:
    """Return what the newest sale of a SKU earned."""
    row = connection.execute(
        f"SELECT {_NUMBERED} WHERE sku = ? ORDER BY day DESC, created_at DESC, order_id LIMIT 1", (sku,)
    ).fetchone()
    return None if row is None else _row(row)


def worst(connection: sqlite3.Connection, sku: str, *, since: date) -> OrderMargin | None:
    """Return the sale of a SKU since a day that earned least against a cost: one that nothing was paid for, first."""
    row = connection.execute(
        f"SELECT {_NUMBERED} WHERE sku = ? AND day >= ? AND unit IS NOT NULL"
        " ORDER BY percent IS NOT NULL, CAST(percent AS REAL), order_id LIMIT 1",
        (sku, since.isoformat()),
    ).fetchone()
    return None if row is None else _row(row)


def count_below(connection: sqlite3.Connection, sku: str, floor: Decimal, *, since: date) -> int:
    """Count the orders since a day in which a SKU earned less than the floor (percent)."""
    # Both are decimals of few places: the same number is the same float.
    [count] = connection.execute(
        "SELECT count(*) FROM margins WHERE sku = ? AND day >= ? AND unit IS NOT NULL"
        " AND (percent IS NULL OR CAST(percent AS REAL) < ?)",
        (sku, since.isoformat(), float(floor)),
    ).fetchone()
    return int(count)


_NUMBERED = (
    ", ".join(f"margins.{name}" for name in _COLUMNS.split(", "))
    + ", coalesce(orders.number, '') FROM margins JOIN orders ON orders.id = margins.order_id"
)


def _row(row: tuple[str | None, ...]) -> OrderMargin:
    values = dict(zip((*_COLUMNS.split(", "), "number"), row, strict=False))
    return msgspec.convert(values, OrderMargin, strict=False)
