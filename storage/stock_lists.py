"""SKUs that the storefront has an entry of, by what is the matter with them, sorted by any of their figures.

A list by SKU is read in the order of its index. A figure belongs to a SKU and not to a row: to sort by one, it is added
up for every SKU of the list, some three microseconds each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from actors.domain.facts import Product
from actors.domain.time import Instant

_OLD = (
    "(SELECT sku FROM readings r WHERE EXISTS (SELECT 1 FROM entries e WHERE e.sku = r.sku AND e.quantity > 0)"
    " GROUP BY sku HAVING max(ended_at) < :old)"
)

_SETS: Mapping[str, tuple[str, str]] = {
    "all": ("entries", "TRUE"),
    "waiting": ("entries", "waits <> ''"),
    "refused": ("entries", "refused <> ''"),
    "missing": ("entries", "entry_id IS NULL"),
    "held": ("entries", "sku IN (SELECT sku FROM held_zeros WHERE confirmed = 0)"),
    "blocked": ("stock_blocks", "(until IS NULL OR until > :now)"),
    "stale": (_OLD, "TRUE"),
}
"""Where the SKUs of a state stand, and which of them there they are."""

STATES = tuple(_SETS)

_FIGURES: Mapping[str, str] = {
    "published": "(SELECT sum(quantity) FROM entries e WHERE e.sku = listed.sku AND e.entry_id IS NOT NULL)",
    "available": "(SELECT sum(CAST(available AS REAL)) FROM availability a WHERE a.sku = listed.sku)",
    "read_at": "(SELECT max(ended_at) FROM readings r WHERE r.sku = listed.sku)",
}
"""What a list may be sorted by beside the SKU; nothing known counts as less than nothing."""

_NAMED = (
    "(instr(lower(sku), :text) > 0 OR sku IN"
    " (SELECT key FROM facts WHERE kind = 'product' AND instr(lower(name), :text) > 0))"
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which SKUs: in one of `STATES`, with `text` in the SKU or the name. `old`: read before that is too long ago."""

    state: str
    text: str
    now: Instant
    old: Instant

    @property
    def values(self) -> dict[str, Any]:
        """What the statements name."""
        return {"now": self.now, "old": self.old, "text": self.text.lower()}


class Place(NamedTuple):
    """A place in a list: the figure it is sorted by (None by SKU), and the SKU."""

    figure: float | None
    sku: str


def page(
    connection: sqlite3.Connection, wanted: Wanted, *, sort: str, descending: bool, after: Place | None, limit: int
) -> list[Place]:
    """Return a part of the list, from after a place on. `sort` is "sku" or a figure."""
    sign, way = ("<", "DESC") if descending else (">", "ASC")
    values = wanted.values | {"limit": limit}
    if after is not None:
        values |= {"figure": after.figure, "sku": after.sku}
    if sort not in _FIGURES:
        beyond = "" if after is None else f" AND sku {sign} :sku"
        rows = connection.execute(f"{_skus(wanted)}{beyond} ORDER BY sku {way} LIMIT :limit", values)
        return [Place(None, row[0]) for row in rows]
    beyond = "" if after is None else f" WHERE (figure, sku) {sign} (:figure, :sku)"
    rows = connection.execute(
        f"SELECT figure, sku FROM (SELECT coalesce({_FIGURES[sort]}, -1) AS figure, sku FROM ({_skus(wanted)})"
        f" AS listed){beyond} ORDER BY figure {way}, sku {way} LIMIT :limit",
        values,
    )
    return [Place(*row) for row in rows]


def count(connection: sqlite3.Connection, wanted: Wanted) -> int:
    """Count the whole list."""
    return int(connection.execute(f"SELECT count(*) FROM ({_skus(wanted)})", wanted.values).fetchone()[0])


def _skus(wanted: Wanted) -> str:
    place, condition = _SETS[wanted.state]
    return f"SELECT DISTINCT sku FROM {place} WHERE {condition} AND {_NAMED if wanted.text else 'TRUE'}"


class Point(NamedTuple):
    """A change we made to an entry, with the sum behind it, as JSON."""

    at: Instant
    channel: str
    step: str
    quantity: int
    sum: str


def history(connection: sqlite3.Connection, sku: str, *, since: Instant, limit: int) -> list[Point]:
    """Return the newest changes of a SKU since an instant, the oldest of them first."""
    rows = connection.execute(
        "SELECT at, channel, step, quantity, sum FROM stock_history WHERE sku = ? AND at >= ?"
        " ORDER BY at DESC, id DESC LIMIT ?",
        (sku, since, limit),
    ).fetchall()
    return [Point(*row) for row in reversed(rows)]


def available(connection: sqlite3.Connection, sku: str) -> str:
    """Return what Cin7 Core has available of a SKU, all locations together, as a decimal."""
    rows = connection.execute("SELECT available FROM availability WHERE sku = ?", (sku,))
    return f"{sum((Decimal(row[0]) for row in rows), Decimal(0)):f}"


def known_products(connection: sqlite3.Connection, *, after: str, limit: int) -> list[tuple[str, Product | None]]:
    """Return SKUs that either side was seen to have, in their order, each with its product (None: Cin7 has none)."""
    rows = connection.execute(
        "WITH known (sku) AS (SELECT sku FROM entries WHERE sku > :after UNION SELECT sku FROM readings"
        " WHERE sku > :after ORDER BY sku LIMIT :limit)"
        " SELECT known.sku, f.value FROM known LEFT JOIN facts f ON f.kind = 'product' AND f.key = known.sku"
        " ORDER BY known.sku",
        {"after": after, "limit": limit},
    )
    return [(row[0], None if row[1] is None else msgspec.json.decode(row[1], type=Product)) for row in rows]
