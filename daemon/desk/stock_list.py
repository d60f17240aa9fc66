"""SKUs by what is the matter with them, as pages and tables show them; and what was published of one over time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from actors.domain.facts import Product
from actors.domain.spreadsheet import table
from actors.domain.time import Instant, format_instant
from actors.stock.assessing import outlook
from actors.stock.rules import StockRules, standing_of
from adapters.operator.problems import ProblemError
from daemon.stock_views import looked_up
from storage import facts, stock_lists
from storage.stock_lists import Place, Wanted

Document = dict[str, Any]

DAY = 86_400_000
SLICE, MOST_LOOKED = 1_000, 10_000
"""SKUs that are looked at together, and for one page."""

MOST_POINTS = 2_000
"""So many changes of a SKU are drawn; of more, the newest."""

_COLUMNS = ("sku", "name", "standing", "published", "available", "read_at", "age_seconds", "blocked", "channels")


class StockSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Which SKUs, sorted how; `after` is the `next` of the page before."""

    state: str = "all"
    text: str = ""
    sort: str = "sku"
    descending: bool = False
    after: str = ""
    limit: int = 100


def stock_list(connection: sqlite3.Connection, rules: StockRules, query: StockSearch, *, now: Instant) -> Document:
    """Return a page.

    Raises:
        ProblemError: 400, the list cannot be sorted so, or the place to go on from means nothing.
    """
    if query.state == "left":
        return _left_page(connection, rules, query, now=now)
    wanted = Wanted(
        state=query.state,
        text=query.text,
        now=now,
        old=now - outlook(connection, rules, now=now).stale_after,
    )
    places = stock_lists.page(
        connection,
        wanted,
        sort=query.sort,
        descending=query.descending,
        after=_place(query),
        limit=query.limit + 1,
    )
    more = len(places) > query.limit
    return {
        "items": _items(connection, rules, [place.sku for place in places[: query.limit]], now=now),
        "next": _told(places[query.limit - 1]) if more else None,
        "total": stock_lists.count(connection, wanted),
    }


def stock_table(
    connection: sqlite3.Connection, rules: StockRules, query: StockSearch, *, now: Instant
) -> tuple[str, str | None]:
    """Return the same page as CSV, with the names of the columns on the first one."""
    found = stock_list(connection, rules, query, now=now)
    rows = ({name: row[name] for name in _COLUMNS} for row in map(_row, found["items"]))
    return table(_COLUMNS, rows, head=not query.after), found["next"]


def stock_history(connection: sqlite3.Connection, sku: str, *, days: int, now: Instant) -> Document:
    """Return what was published of a SKU, by channel."""
    channels: dict[str, list[Document]] = {}
    for one in stock_lists.history(connection, sku, since=now - days * DAY, limit=MOST_POINTS):
        told = msgspec.json.decode(one.sum).get("available")
        point = {"at": format_instant(one.at), "quantity": one.quantity, "available": told, "step": one.step}
        channels.setdefault(one.channel, []).append(point)
    return {"sku": sku, "channels": [{"channel": name, "points": points} for name, points in channels.items()]}


def _items(connection: sqlite3.Connection, rules: StockRules, skus: Sequence[str], *, now: Instant) -> list[Document]:
    return [_item(connection, rules, sku, now) for sku in skus]


def _item(connection: sqlite3.Connection, rules: StockRules, sku: str, now: Instant) -> Document:
    product = facts.product(connection, sku)
    return {
        **looked_up(connection, sku, now),
        "name": product.name if product is not None else None,
        "available": stock_lists.available(connection, sku),
        "standing": standing_of(product, rules).value,
    }


def _row(item: Document) -> Document:
    shown = [f"{entry['channel'] or 'no channel'}: {entry['published']}" for entry in item["entries"]]
    published = sum(entry["published"] for entry in item["entries"])
    return {**item, "published": published, "channels": "; ".join(shown)}


def _left_page(connection: sqlite3.Connection, rules: StockRules, query: StockSearch, *, now: Instant) -> Document:
    """What is left alone follows from rules that no index knows: SKUs are looked at in their order, so many a page."""
    if query.sort != "sku" or query.descending:
        raise ProblemError(400, "What is left alone is listed by SKU, from A on.")
    skus, onwards = _left(connection, rules, query)
    return {"items": _items(connection, rules, skus, now=now), "next": onwards, "total": None}


def _left(connection: sqlite3.Connection, rules: StockRules, query: StockSearch) -> tuple[list[str], str | None]:
    """Return SKUs of which we write no entry: services, drop-ship, kits left alone, and what nobody knows."""
    found: list[str] = []
    after, looked = query.after, 0
    while looked < MOST_LOOKED:
        some = stock_lists.known_products(connection, after=after, limit=SLICE)
        found += [
            sku
            for sku, product in some
            if not standing_of(product, rules).ours and _is_named(sku, product, query.text.lower())
        ]
        if len(found) > query.limit:
            return found[: query.limit], found[query.limit - 1]
        if len(some) < SLICE:
            return found, None
        after, looked = some[-1][0], looked + len(some)
    return found, after


def _is_named(sku: str, product: Product | None, text: str) -> bool:
    return text in sku.lower() or (product is not None and text in product.name.lower())


def _place(query: StockSearch) -> Place | None:
    if not query.after:
        return None
    if query.sort == "sku":
        return Place(None, query.after)
    figure, _, sku = query.after.partition(" ")
    try:
        return Place(float(figure), sku)
    except ValueError:
        raise ProblemError(400, "after must be the `next` of a page.") from None


def _told(place: Place) -> str:
    return place.sku if place.figure is None else f"{place.figure} {place.sku}"
