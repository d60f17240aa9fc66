"""How the SKUs of both sides stand, as last judged: a row per SKU."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from actors.domain import coverage as rules
from actors.domain.coverage import Coverage, Flag, ItemFact, Match, VariantFact
from actors.domain.sku_form import form
from actors.domain.time import Instant
from storage import items, keyset, listings
from storage.keyset import Order, Place

_COLUMNS = "sku, match, flags, near, published, item_id, product_id"


def judge(connection: sqlite3.Connection, sku: str, *, mapped: bool = False) -> Coverage | None:
    """Judge a SKU by what both registries hold now; `mapped`: it needs no item of its own."""
    normal = form(sku)
    return rules.judge(
        sku,
        [
            ItemFact(id=item.id, status=item.product.status, sellable=item.product.sellable, type=item.product.type)
            for item in items.with_sku(connection, sku)
        ],
        [
            VariantFact(product_id=row.product_id, live=row.live, taxed=bool(row.tax_category), prices=row.prices)
            for row in listings.with_sku(connection, sku)
        ],
        near_items=[one for one in items.alike(connection, normal) if one != sku],
        near_variants=[one for one in listings.alike(connection, normal) if one != sku],
        mapped=mapped,
    )


def related(connection: sqlite3.Connection, skus: Iterable[str]) -> set[str]:
    """Return these SKUs and all that look like them: what is true of one may change what is said of the other."""
    named = set(skus)
    for normal in {form(sku) for sku in named}:
        named |= {*items.alike(connection, normal), *listings.alike(connection, normal)}
    return named


def put(connection: sqlite3.Connection, sku: str, judged: Coverage | None, *, now: Instant) -> bool:
    """Keep a judgement; None: the SKU is on neither side. Say whether it differs from the last one."""
    before = get(connection, sku)
    if judged == before:
        return False
    if judged is None:
        connection.execute("DELETE FROM coverage WHERE sku = ?", (sku,))
        return True
    connection.execute(
        f"INSERT OR REPLACE INTO coverage ({_COLUMNS}, judged_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sku,
            judged.match.value,
            _written(judged.flags),
            msgspec.json.encode(judged.near).decode(),
            judged.published,
            judged.item_id,
            judged.product_id,
            now,
        ),
    )
    return True


def get(connection: sqlite3.Connection, sku: str) -> Coverage | None:
    """Return how a SKU stood when it was last judged."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM coverage WHERE sku = ?", (sku,)).fetchone()
    return None if row is None else _row(row)


SORTS = ("sku", "match", "published", "flags", "near")
"""What the list may be sorted by."""


def listing(
    connection: sqlite3.Connection,
    *,
    matches: Sequence[Match] = tuple(Match),
    flag: Flag | None = None,
    published: bool | None = None,
    text: str = "",
    sort: str = "sku",
    descending: bool = False,
    after: Place | None = None,
    limit: int = 100,
) -> tuple[list[Coverage], Place | None, int]:
    """Return SKUs by filter, sorted by one of `SORTS`, where the next page goes on, and how many there are.

    `text` is part of the SKU, capitals or not. There are tens of thousands of them: any order but theirs is made anew.
    """
    within = "TRUE" if len(matches) == len(Match) else f"match IN ({', '.join(repr(one.value) for one in matches)})"
    conditions = {
        "flags != ' ' AND instr(flags, :value)": f" {flag.value} " if flag is not None else None,
        "published = :value": published,
        "instr(lower(sku), lower(:value))": text or None,
    }
    order = Order(sort, "sku", descending)
    found = keyset.part(connection, _COLUMNS, "coverage", conditions, order, after=after, limit=limit, within=within)
    total = keyset.count(connection, "coverage", conditions, within=within)
    return [_row(row) for row in found.rows], found.next, total


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Count the SKUs of each match and of each flag; those without any are there with 0."""
    found: dict[str, int] = dict.fromkeys([*Match, *Flag], 0)
    for match, flags, number in connection.execute("SELECT match, flags, count(*) FROM coverage GROUP BY match, flags"):
        for name in (match, *flags.split()):
            found[name] = found.get(name, 0) + number
    return {str(name): number for name, number in found.items()}


def count_unmatched_published(connection: sqlite3.Connection) -> int:
    """Count the SKUs that can be bought now and that Cin7 Core does not have."""
    row = connection.execute(
        "SELECT count(*) FROM coverage WHERE match = ? AND published = 1", (Match.ONLY_COMMERCETOOLS.value,)
    ).fetchone()
    return int(row[0])


# -- products ----------------------------------------------------------------------------------------------------------


def products_of(connection: sqlite3.Connection, skus: Iterable[str]) -> set[str]:
    """Return the products that have any of these SKUs, in either version."""
    return {row.product_id for sku in skus for row in listings.with_sku(connection, sku)}


def is_troubled(connection: sqlite3.Connection, product_id: str) -> bool:
    """Say whether a published product has a variant without a match, or one that is not for sale."""
    row = connection.execute(
        "SELECT 1 FROM variants v JOIN products p ON p.id = v.product_id LEFT JOIN coverage c ON c.sku = v.sku"
        " WHERE v.product_id = ? AND v.staged = 0 AND p.published = 1 AND (v.sku = '' OR c.match = 'only_commercetools'"
        " OR instr(c.flags, ' deprecated ') OR instr(c.flags, ' not_sellable ')) LIMIT 1",
        (product_id,),
    ).fetchone()
    return row is not None


_HOPELESS = (
    "SELECT p.id FROM products p WHERE p.published = 1"
    " AND EXISTS (SELECT 1 FROM variants v LEFT JOIN coverage c ON c.sku = v.sku WHERE v.product_id = p.id"
    " AND v.staged = 0 AND (v.sku = '' OR c.match = 'only_commercetools'))"
    " AND NOT EXISTS (SELECT 1 FROM variants v LEFT JOIN coverage c ON c.sku = v.sku WHERE v.product_id = p.id"
    " AND v.sku != '' AND (c.match IS NULL OR c.match = 'matched'))"
)


def unmatched_products(connection: sqlite3.Connection) -> list[str]:
    """Return the published products of which no variant, of either version, matches: what may be unpublished."""
    return [row[0] for row in connection.execute(f"{_HOPELESS} ORDER BY p.id")]


def is_hopeless(connection: sqlite3.Connection, product_id: str) -> bool:
    """Say whether a product is one of those."""
    return connection.execute(f"{_HOPELESS} AND p.id = ?", (product_id,)).fetchone() is not None


def _row(row: tuple[Any, ...]) -> Coverage:
    sku, match, flags, near, published, item_id, product_id = row
    return Coverage(
        sku=sku,
        match=Match(match),
        flags=frozenset(_read(flags)),
        near=tuple(msgspec.json.decode(near)),
        published=bool(published),
        item_id=item_id,
        product_id=product_id,
    )


def _read(flags: str) -> Iterator[Flag]:
    return (Flag(name) for name in flags.split())


def _written(flags: Iterable[Flag]) -> str:
    """Write flags between blanks, with one at either end, so that one is found by its word alone."""
    return " ".join(["", *sorted(flags), ""]) if flags else " "
