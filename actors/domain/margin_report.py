"""What was earned in a period, by SKU and in all: order margins added up, and the table as CSV."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec

from actors.domain.margins import OrderMargin, below, percent_of
from actors.domain.purchase import ZERO
from actors.domain.spreading import PLACES, rounded
from actors.domain.spreadsheet import table

COLUMNS = (
    *("section", "sku", "orders", "quantity", "currency", "net", "uncosted_net"),
    *("unit_cost", "cost", "margin", "percent", "cost_from"),
)
"""The columns of the CSV file. `section` is `sku` for each SKU, and `total` for the last row."""

_MOST_SOURCES = 3


class MarginRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a SKU (or all of them: `sku` "") earned in a period, in the books' currency.

    `orders` counts orders, and not their rows. `uncosted` is the part of `net` whose cost nobody knows: `cost`,
    `margin` = `net` - `uncosted` - `cost`, and `percent` are those of the rest, and None where there is none. `unit` is
    what a unit of it cost on average, to four places. `source` says where the cost is from.
    """

    sku: str
    orders: int
    quantity: Decimal
    net: Decimal
    uncosted: Decimal
    unit: Decimal | None
    cost: Decimal | None
    margin: Decimal | None
    percent: Decimal | None
    source: str

    def below(self, floor: Decimal) -> bool:
        """Say whether it is below a floor (percent), as far as its cost is known."""
        return self.cost is not None and below(self.net - self.uncosted, self.percent, floor)


class MarginReport(msgspec.Struct, frozen=True, kw_only=True):
    """The rows, by SKU, and what they come to."""

    rows: tuple[MarginRow, ...]
    total: MarginRow


def margin_report(margins: Iterable[OrderMargin]) -> MarginReport:
    """Add order margins up, one after the other: none of them is kept. It does not matter in which order they come."""
    every, by_sku = _Sum(), defaultdict[str, _Sum](_Sum)
    for one in margins:
        every.add(one)
        by_sku[one.sku].add(one)
    rows = tuple(by_sku[sku].row(sku) for sku in sorted(by_sku))
    # An average over SKUs, or a list of all their purchases, would say nothing.
    return MarginReport(rows=rows, total=msgspec.structs.replace(every.row(""), unit=None, source=""))


def to_csv(report: MarginReport, currency: str) -> str:
    """Write the report as a table, every figure to its last digit (of four), in the books' currency."""
    return table(COLUMNS, _cells(report, currency), head=True)


class _Sum:
    """What was met of a SKU so far. `costed` is the part of `net` whose cost is known, of so many `units`."""

    def __init__(self) -> None:
        self._orders: set[str] = set()
        self._quantity = self._net = self._costed = self._units = ZERO
        self._cost: Decimal | None = None
        #: Where costs are from, with the newest order of each.
        self._sources: dict[str, tuple[date, str]] = {}

    def add(self, one: OrderMargin) -> None:
        self._orders.add(one.order_id)
        self._quantity += one.quantity
        self._net += one.net
        if one.unit is None:
            return
        self._costed += one.net
        self._units += one.quantity
        self._cost = (self._cost or ZERO) + one.unit * one.quantity
        if one.source:
            seen = (one.day, one.order_id)
            self._sources[one.source] = max(seen, self._sources.get(one.source, seen))

    def row(self, sku: str) -> MarginRow:
        cost = self._cost
        return MarginRow(
            sku=sku,
            orders=len(self._orders),
            quantity=self._quantity,
            net=self._net,
            uncosted=self._net - self._costed,
            unit=None if cost is None or self._units <= 0 else rounded(Fraction(cost) / Fraction(self._units)),
            cost=cost,
            margin=None if cost is None else self._costed - cost,
            percent=percent_of(self._costed, cost),
            source=self._named(),
        )

    def _named(self) -> str:
        """Name where the costs are from, the newest first."""
        names = sorted(self._sources, key=lambda name: self._sources[name], reverse=True)
        more = len(names) - _MOST_SOURCES
        return ", ".join(names[:_MOST_SOURCES]) + (f" and {more} more" if more > 0 else "")


def _cells(report: MarginReport, currency: str) -> Iterator[dict[str, object]]:
    for row in (*report.rows, report.total):
        yield {
            "section": "total" if row is report.total else "sku",
            "sku": row.sku,
            "orders": row.orders,
            "quantity": _figure(row.quantity),
            "currency": currency,
            "net": _figure(row.net),
            "uncosted_net": _figure(row.uncosted),
            "unit_cost": _figure(row.unit),
            "cost": _figure(row.cost),
            "margin": _figure(row.margin),
            "percent": _figure(row.percent),
            "cost_from": row.source,
        }


def _figure(figure: Decimal | None) -> Decimal | str:
    """A figure as it is, and never as a power of ten; "" for none."""
    if figure is None:
        return ""
    places = -int(figure.as_tuple().exponent)
    return rounded(Fraction(figure), min(max(places, 0), PLACES))
