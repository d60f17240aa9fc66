"""Rows of `/ref/productavailability` as stock needs them (Cin7 fact sheet §4). Figures are read and never computed.

An odd row spoils no page: it is left out, and its SKU then has less, or is missing and asked for by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from actors.domain.availability import StockPage, StockRow
from actors.domain.money import is_plain
from actors.domain.time import Instant
from adapters.cin7 import wire
from adapters.cin7.fields import UnreadableAnswerError, day

_ZERO = Decimal(0)
_ROW = msgspec.json.Decoder(wire.StockRow)


def stock_page(page: wire.StockList, *, began_at: Instant, ended_at: Instant) -> StockPage:
    """Read one page; the call that read it ran between these instants.

    Raises:
        UnreadableAnswerError: the list or its Total is missing.
    """
    if page.rows is None or page.total is None:
        raise UnreadableAnswerError("Total or ProductAvailabilityList is missing")
    return StockPage(
        rows=tuple(stock_rows(page.rows)), met=len(page.rows), total=page.total, began_at=began_at, ended_at=ended_at
    )


def stock_rows(rows: Iterable[msgspec.Raw]) -> Iterable[StockRow]:
    """Read the rows that can be read."""
    return (row for raw in rows if (row := _row(raw)) is not None)


def of_one_sku(sku: str, pages: Sequence[StockPage]) -> StockPage | None:
    """Join the pages of one SKU and leave out other ones; None where they are not one whole list.

    The list moved where a page promises another total, or a place is on two of them.
    """
    met, places = sum(page.met for page in pages), [{row.place for row in page.rows} for page in pages]
    if any(page.total != met for page in pages) or len(set().union(*places)) < sum(map(len, places)):
        return None
    return StockPage(
        rows=tuple(row for page in pages for row in page.rows if row.sku == sku),
        met=met,
        total=met,
        began_at=pages[0].began_at,
        ended_at=pages[-1].ended_at,
    )


def _row(raw: msgspec.Raw) -> StockRow | None:
    """Read a row; None without SKU or location, or with a figure that is none. A figure that is absent is 0."""
    try:
        row = _ROW.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    figures = [
        _ZERO if figure is None else figure
        for figure in (row.on_hand, row.allocated, row.available, row.on_order, row.in_transit)
    ]
    if not row.sku or not row.location or not all(is_plain(figure) for figure in figures):
        return None
    on_hand, allocated, available, on_order, in_transit = figures
    return StockRow(
        sku=row.sku,
        location=row.location,
        bin=row.bin or "",
        batch=row.batch or "",
        on_hand=on_hand,
        allocated=allocated,
        available=available,
        on_order=on_order,
        in_transit=in_transit,
        next_delivery=day(row.next_delivery_date),
    )
