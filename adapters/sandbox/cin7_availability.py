"""`GET /ref/productavailability` of the double: the rows of its stock, by pages that can go wrong (fact sheet §4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from adapters.sandbox.cin7_books import Books, Product
from adapters.sandbox.cin7_stock import StockRow
from adapters.sandbox.cin7_wire import JsonObject, Query, page_of, plain, written_day


class StockList(msgspec.Struct, kw_only=True):
    """How the list behaves; all of it may be changed at any time.

    `zero_rows` False leaves out rows of nothing at all, so that rows move up as the last unit goes. `lost_rows` go
    missing between any two pages without a word, `wrong_by` is added to every Total, SKUs in `unlisted` are shown only
    to whoever asks for them by name. `sku_filter`: whether `Sku` means that SKU, or all that start with it.
    """

    zero_rows: bool = True
    lost_rows: int = 0
    wrong_by: int = 0
    unlisted: frozenset[str] = frozenset()
    sku_filter: Literal["exact", "starts"] = "exact"


_FILTERS: Mapping[str, Callable[[StockRow, str], bool]] = {
    "ID": lambda row, wanted: row.product.id == wanted.lower(),
    "Name": lambda row, wanted: row.product.name.lower().startswith(wanted.lower()),
    "Location": lambda row, wanted: row.location.name == wanted,
    "Batch": lambda row, wanted: row.spot.batch == wanted,
    "Category": lambda row, wanted: row.product.category == wanted,
}


def availability(books: Books, query: Query, how: StockList) -> JsonObject:
    """Answer one page. Modified-since does not exist, and is ignored."""
    rows = _asked_for(books, query, how)
    if not how.zero_rows:
        rows = [row for row in rows if _anything(books, row)]
    key = "ProductAvailabilityList"
    page = page_of(rows, key, query, lambda row: row_view(books, row), lost_between=how.lost_rows)
    return page | {"Total": max(0, page["Total"] + how.wrong_by)}


def rows_of(books: Books, product: Product, location_id: str) -> list[JsonObject]:
    """Show every row of a product at a location."""
    return [row_view(books, row) for row in books.stock_rows(product) if row.location.id == location_id]


def _asked_for(books: Books, query: Query, how: StockList) -> list[StockRow]:
    sku = query.text("Sku")
    if sku is None:
        rows = books.stock_rows()
        rows = [row for row in rows if row.product.sku not in how.unlisted] if how.unlisted else rows
    elif how.sku_filter == "exact":
        product = books.product_by_sku(sku)
        rows = [] if product is None else books.stock_rows(product)
    else:
        rows = [row for row in books.stock_rows() if row.product.sku.lower().startswith(sku.lower())]
    for name, matches in _FILTERS.items():
        if (wanted := query.text(name)) is not None:
            rows = [row for row in rows if matches(row, wanted)]
    return rows


def _anything(books: Books, row: StockRow) -> bool:
    place = (row.product.id, row.location.id, row.spot)
    return bool(books.on_hand(*place) or books.allocated(*place) or books.next_delivery(*place))


def row_view(books: Books, row: StockRow) -> JsonObject:
    """Show one row."""
    product, place = row.product, (row.product.id, row.location.id, row.spot)
    on_hand = books.on_hand(*place)
    return {
        "ID": product.id,
        "SKU": product.sku,
        "Name": product.name,
        "Barcode": product.barcode or None,
        "Location": row.location.name,
        "Bin": row.spot.bin,
        "Batch": row.spot.batch,
        "ExpiryDate": None,
        "OnHand": plain(on_hand),
        "Allocated": plain(books.allocated(*place)),
        "Available": plain(books.available(*place)),
        "OnOrder": plain(books.on_order(*place)),
        # Money, not a quantity: the value of the stock in base currency (fact sheet §4, measured).
        "StockOnHand": plain(on_hand * product.cost),
        "InTransit": 0,
        "NextDeliveryDate": written_day(books.next_delivery(*place)),
    }
