"""Purchases on disk: as last listed and read, what they still bring, and what their goods cost, landed.

The list of purchases says what moved; whatever did is read whole, once. A purchase of which `read_at` is NULL waits to
be read; one that was read and has no value was not understood, and is tried again by the next reading of all of them.

None is forgotten for its age: margins are held against what it cost for as long as orders are known, and worked out
anew they would become others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec

from actors.domain.purchase import Expected, LandedCost, Purchase, PurchaseMark
from actors.domain.spreading import rounded
from actors.domain.time import Instant
from storage import stock

AVERAGE = "average"
"""Where the cost of a SKU is from when no purchase is known to have brought it: Cin7's average cost of the item."""

PARTS = "parts"
"""Where the cost of a kit that is assembled on sale is from: nobody buys it whole."""


class PurchaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase as the list showed it last, and what was read of it (None: nothing, or nothing that makes sense)."""

    id: str
    number: str
    kind: str
    status: str
    supplier: str
    currency: str
    listed_at: Instant
    updated_at: Instant
    read_at: Instant | None
    value: Purchase | None


class UnitCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a unit of a SKU cost, in the books' currency. `source` is the purchase's number, `PARTS` or `AVERAGE`."""

    unit: Decimal
    source: str
    cost: LandedCost | None = None


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU that a purchase still brings to a location; `day` None: nobody said when."""

    number: str
    supplier: str
    location: str
    units: Decimal
    day: date | None


class KnownCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a SKU of a purchase cost when it was first known, and since when that is."""

    unit: Decimal
    at: Instant


# -- the list --------------------------------------------------------------------------------------------------------


def list_marks(
    connection: sqlite3.Connection, marks: Sequence[PurchaseMark], *, again: bool, now: Instant
) -> list[str]:
    """Keep what the list shows; return the ids of those that are to be read, in its order.

    A purchase is read when it is new or its `updated_at` is another. `again`: so is one that could not be understood.
    """
    connection.executemany(
        "INSERT INTO purchases (id, number, kind, status, supplier, currency, listed_at, updated_at)"
        " VALUES (:id, :number, :kind, :status, :supplier, :currency, :now, :updated_at)"
        " ON CONFLICT (id) DO UPDATE SET number = excluded.number, kind = excluded.kind, status = excluded.status,"
        " supplier = excluded.supplier, currency = excluded.currency, listed_at = excluded.listed_at,"
        " read_at = CASE WHEN updated_at <> excluded.updated_at OR (:again AND value IS NULL) THEN NULL"
        " ELSE read_at END, updated_at = excluded.updated_at",
        [
            {
                "id": mark.id,
                "number": mark.number,
                "kind": mark.kind.value,
                "status": mark.status,
                "supplier": mark.supplier,
                "currency": mark.currency,
                "updated_at": mark.updated_at,
                "now": now,
                "again": again,
            }
            for mark in marks
        ],
    )
    waiting = set(unread(connection))
    return [mark.id for mark in marks if mark.id in waiting]


def unread(connection: sqlite3.Connection) -> list[str]:
    """Return the purchases that wait to be read, longest first."""
    rows = connection.execute("SELECT id FROM purchases WHERE read_at IS NULL ORDER BY listed_at, id")
    return [row[0] for row in rows]


def not_met(connection: sqlite3.Connection, *, before: Instant, updated_since: Instant) -> list[str]:
    """Return those that a reading of all purchases begun at `before` should have met and did not."""
    rows = connection.execute(
        "SELECT id FROM purchases WHERE listed_at < ? AND updated_at >= ? ORDER BY id", (before, updated_since)
    )
    return [row[0] for row in rows]


def ask_again(connection: sqlite3.Connection, purchase_ids: Iterable[str]) -> None:
    """Let purchases wait to be read, though nothing says that they moved."""
    connection.executemany("UPDATE purchases SET read_at = NULL WHERE id = ?", [(one,) for one in purchase_ids])


def get(connection: sqlite3.Connection, purchase_id: str) -> PurchaseRow | None:
    """Return a purchase."""
    return _one(connection, "id", purchase_id)


def by_number(connection: sqlite3.Connection, number: str) -> PurchaseRow | None:
    """Return the purchase with this number; of several the one that moved last."""
    return _one(connection, "number", number)


def read_after(connection: sqlite3.Connection, purchase_id: str, *, limit: int) -> list[PurchaseRow]:
    """Return the next purchases that were read, by id."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM purchases WHERE id > ? AND value IS NOT NULL ORDER BY id LIMIT ?",
        (purchase_id, limit),
    )
    return [_row(row) for row in rows]


_COLUMNS = ", ".join(PurchaseRow.__struct_fields__)


def _one(connection: sqlite3.Connection, column: str, value: str) -> PurchaseRow | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM purchases WHERE {column} = ? ORDER BY updated_at DESC, id LIMIT 1", (value,)
    ).fetchone()
    return None if row is None else _row(row)


def _row(row: tuple[object, ...]) -> PurchaseRow:
    values = dict(zip(PurchaseRow.__struct_fields__, row, strict=True))
    value = values.pop("value")
    read = None if value is None else msgspec.json.decode(str(value), type=Purchase)
    return msgspec.convert(values | {"value": read}, PurchaseRow)


# -- what was read ---------------------------------------------------------------------------------------------------


def store(
    connection: sqlite3.Connection,
    purchase: Purchase,
    *,
    listed: Instant,
    costs: Iterable[LandedCost],
    brings: Iterable[Expected],
    now: Instant,
) -> Moved:
    """Keep a purchase as read, what it still brings and what its goods cost; return the SKUs of which that is news.

    `listed` is the `updated_at` it was read for: where the list has shown a later one since, it still waits to be read.
    """
    connection.execute(
        "UPDATE purchases SET number = :number, status = :status, value = :value,"
        " read_at = CASE WHEN updated_at = :listed THEN :now END WHERE id = :id",
        {
            "id": purchase.id,
            "number": purchase.number,
            "status": purchase.status,
            "value": msgspec.json.encode(purchase).decode(),
            "listed": listed,
            "now": now,
        },
    )
    return Moved(
        expected=_expect(connection, purchase.id, brings),
        costed=_cost(connection, purchase.id, costs, now),
    )


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """SKUs of which something else is expected now, and those that cost something else."""

    expected: frozenset[str]
    costed: frozenset[str]


def not_understood(connection: sqlite3.Connection, purchase_id: str, *, listed: Instant, now: Instant) -> None:
    """A purchase was read and makes no sense: what was known of it stands, and it waits for a change of it."""
    connection.execute(
        "UPDATE purchases SET value = NULL, read_at = CASE WHEN updated_at = ? THEN ? END WHERE id = ?",
        (listed, now, purchase_id),
    )


def remove(connection: sqlite3.Connection, purchase_id: str) -> Moved:
    """A purchase is gone from Cin7 Core: nothing is expected of it, and it says nothing of what its goods cost."""
    moved = Moved(
        expected=_skus(connection, "expected", purchase_id), costed=_skus(connection, "landed_costs", purchase_id)
    )
    connection.execute("DELETE FROM purchases WHERE id = ?", (purchase_id,))
    return moved


def _skus(connection: sqlite3.Connection, table: str, purchase_id: str) -> frozenset[str]:
    rows = connection.execute(f"SELECT DISTINCT sku FROM {table} WHERE purchase_id = ?", (purchase_id,))
    return frozenset(row[0] for row in rows)


def _expect(connection: sqlite3.Connection, purchase_id: str, brings: Iterable[Expected]) -> frozenset[str]:
    """Replace what a purchase brings; return the SKUs of which it brings more, less, elsewhere or at another day."""
    before = {
        (row[0], row[1]): (row[2], row[3])
        for row in connection.execute(
            "SELECT sku, location, units, day FROM expected WHERE purchase_id = ?", (purchase_id,)
        )
    }
    after = {
        (one.sku, one.location): (f"{one.units:f}", one.day.isoformat() if one.day is not None else None)
        for one in brings
    }
    if before != after:
        connection.execute("DELETE FROM expected WHERE purchase_id = ?", (purchase_id,))
        connection.executemany(
            "INSERT INTO expected (sku, location, purchase_id, units, day) VALUES (?, ?, ?, ?, ?)",
            [(sku, location, purchase_id, units, day) for (sku, location), (units, day) in after.items()],
        )
    return frozenset(place[0] for place, _ in before.items() ^ after.items())


def _cost(
    connection: sqlite3.Connection, purchase_id: str, costs: Iterable[LandedCost], now: Instant
) -> frozenset[str]:
    """Replace what the goods of a purchase cost; return the SKUs whose unit cost, or days, are others.

    The first cost that is known is that of the first reading that shows a value: what was sold right after the goods
    arrived was held against it.
    """
    before = dict(_costs(connection, purchase_id))
    after = {cost.sku: cost for cost in costs}
    gone = before.keys() - after.keys()
    connection.executemany(
        "DELETE FROM landed_costs WHERE purchase_id = ? AND sku = ?", [(purchase_id, sku) for sku in sorted(gone)]
    )
    moved = set(gone)
    for sku, cost in after.items():
        was, first = before.get(sku, (None, None))
        if first is None or was is None or was.value <= 0:
            first = KnownCost(unit=cost.unit, at=now)
        if was is None or _tells(was) != _tells(cost):
            moved.add(sku)
        _put_cost(connection, cost, first)
    return frozenset(moved)


def _tells(cost: LandedCost) -> tuple[object, ...]:
    """What margins depend on: the unit cost and its days, and whether there is a value at all."""
    return cost.unit, cost.first, cost.day, cost.value > 0


def _put_cost(connection: sqlite3.Connection, cost: LandedCost, first: KnownCost) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO landed_costs"
        " (sku, purchase_id, first_day, day, unit, value, first_unit, first_at, cost)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            cost.sku,
            cost.purchase_id,
            cost.first.isoformat(),
            cost.day.isoformat(),
            f"{cost.unit:f}",
            f"{cost.value:f}",
            f"{first.unit:f}",
            first.at,
            msgspec.json.encode(cost).decode(),
        ),
    )


def _costs(connection: sqlite3.Connection, purchase_id: str) -> Iterable[tuple[str, tuple[LandedCost, KnownCost]]]:
    rows = connection.execute(
        "SELECT sku, cost, first_unit, first_at FROM landed_costs WHERE purchase_id = ? ORDER BY sku", (purchase_id,)
    )
    for sku, cost, first_unit, first_at in rows:
        known = KnownCost(unit=Decimal(first_unit), at=first_at)
        yield sku, (msgspec.json.decode(cost, type=LandedCost), known)


def costs_of(connection: sqlite3.Connection, purchase_id: str) -> list[LandedCost]:
    """Return what the goods of a purchase cost, by SKU."""
    return [cost for _, (cost, _) in _costs(connection, purchase_id)]


def first_units(connection: sqlite3.Connection, purchase_id: str) -> dict[str, Decimal]:
    """Return the first unit cost that was known of each SKU of a purchase."""
    rows = connection.execute("SELECT sku, first_unit FROM landed_costs WHERE purchase_id = ?", (purchase_id,))
    return {sku: Decimal(first_unit) for sku, first_unit in rows}


def costs_of_sku(connection: sqlite3.Connection, sku: str, *, limit: int) -> list[LandedCost]:
    """Return what a SKU cost with each purchase that brought it, the newest first."""
    rows = connection.execute(
        "SELECT cost FROM landed_costs WHERE sku = ? ORDER BY day DESC, purchase_id DESC LIMIT ?", (sku, limit)
    )
    return [msgspec.json.decode(row[0], type=LandedCost) for row in rows]


# -- what is expected ------------------------------------------------------------------------------------------------


def next_day(connection: sqlite3.Connection, sku: str, locations: Collection[str], today: date) -> date | None:
    """Return the first day from today on at which a purchase brings a SKU to one of these locations."""
    days = [one.day for one in incoming(connection, sku) if one.location in locations and one.day is not None]
    return min((day for day in days if day >= today), default=None)


def expect_nothing(connection: sqlite3.Connection) -> frozenset[str]:
    """Forget what purchases bring, and read them again once somebody does; return the SKUs it was."""
    skus = frozenset(row[0] for row in connection.execute("SELECT DISTINCT sku FROM expected"))
    if skus:
        connection.execute("UPDATE purchases SET read_at = NULL WHERE id IN (SELECT purchase_id FROM expected)")
        connection.execute("DELETE FROM expected")
    return skus


def incoming(connection: sqlite3.Connection, sku: str) -> list[Incoming]:
    """Return what purchases still bring of a SKU: what comes first, first; what nobody gave a day for, last."""
    rows = connection.execute(
        "SELECT number, supplier, location, units, day FROM expected JOIN purchases ON purchases.id = purchase_id"
        " WHERE sku = ? ORDER BY day IS NULL, day, number, location",
        (sku,),
    )
    return [
        Incoming(number=row[0], supplier=row[1], location=row[2], units=Decimal(row[3]), day=_day(row[4]))
        for row in rows
    ]


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


# -- what it cost ----------------------------------------------------------------------------------------------------


def unit_cost(connection: sqlite3.Connection, sku: str, day: date) -> UnitCost | None:
    """Return what a unit of a SKU cost on a day: by the newest receipt until then, else by the first that is known.

    A purchase that comes in parts counts from its first one on: what comes later takes no sale away from it.

    Where no purchase is known to have brought it, a kit costs what its parts do, to four places, if that is known of
    all of them; else Cin7's average cost of the item counts; None: nothing is known. Receipts without a value in the
    ledger yet say nothing.
    """
    return _bought(connection, sku, day) or _assembled(connection, sku, day) or _average(connection, sku)


def _bought(connection: sqlite3.Connection, sku: str, day: date) -> UnitCost | None:
    row = connection.execute(_UNTIL, {"sku": sku, "day": day.isoformat()}).fetchone()
    if row is None:
        row = connection.execute(_EARLIEST, {"sku": sku}).fetchone()
    if row is None:
        return None
    cost = msgspec.json.decode(row[0], type=LandedCost)
    return UnitCost(unit=cost.unit, source=cost.number, cost=cost)


def _assembled(connection: sqlite3.Connection, sku: str, day: date) -> UnitCost | None:
    parts = stock.parts_of(connection, sku)
    total = Fraction(0)
    for part in parts:
        cost = _bought(connection, part.sku, day) or _average(connection, part.sku)
        if cost is None:
            return None
        total += Fraction(cost.unit) * Fraction(part.quantity)
    return UnitCost(unit=rounded(total), source=PARTS) if parts else None


def _average(connection: sqlite3.Connection, sku: str) -> UnitCost | None:
    average = average_costs(connection, [sku]).get(sku)
    return None if average is None else UnitCost(unit=average, source=AVERAGE)


_COSTED = "SELECT cost FROM landed_costs WHERE sku = :sku AND CAST(value AS REAL) > 0"
_UNTIL = (
    f"{_COSTED} AND first_day <= :day"
    " ORDER BY CASE WHEN day <= :day THEN day ELSE first_day END DESC, purchase_id DESC LIMIT 1"
)
_EARLIEST = f"{_COSTED} ORDER BY first_day, purchase_id LIMIT 1"


def average_costs(connection: sqlite3.Connection, skus: Iterable[str]) -> Mapping[str, Decimal]:
    """Return Cin7's own average cost of those of these SKUs that have one."""
    found: dict[str, Decimal] = {}
    for sku in skus:
        row = connection.execute(
            "SELECT json_extract(value, '$.average_cost') FROM items WHERE sku = ? ORDER BY id LIMIT 1", (sku,)
        ).fetchone()
        average = Decimal(str(row[0])) if row is not None and row[0] is not None else Decimal(0)
        if average > 0:
            found[sku] = average
    return found
