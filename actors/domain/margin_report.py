"""What was earned in a period, by SKU and in all: order margins added up, and the table as CSV."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
    """Add order margins up. It does not matter in which order they come."""
    every = sorted(margins, key=lambda one: (one.sku, one.day, one.order_id))
    by_sku: dict[str, list[OrderMargin]] = defaultdict(list)
    for one in every:
        by_sku[one.sku].append(one)
    rows = tuple(_row(sku, of_sku) for sku, of_sku in by_sku.items())
    # An average over SKUs, or a list of all their purchases, would say nothing.
    total = msgspec.structs.replace(_row("", every), unit=None, source="")
    return MarginReport(rows=rows, total=total)


def to_csv(report: MarginReport, currency: str) -> str:
    """Write the report as a table, every figure to its last digit (of four), in the books' currency."""
    return table(COLUMNS, _cells(report, currency), head=True)


def _row(sku: str, margins: Sequence[OrderMargin]) -> MarginRow:
    net = sum((one.net for one in margins), ZERO)
    costed = [(one, one.unit) for one in margins if one.unit is not None]
    earned = sum((one.net for one, _ in costed), ZERO)
    units = sum((one.quantity for one, _ in costed), ZERO)
    cost = sum((unit * one.quantity for one, unit in costed), ZERO) if costed else None
    return MarginRow(
        sku=sku,
        orders=len({one.order_id for one in margins}),
        quantity=sum((one.quantity for one in margins), ZERO),
        net=net,
        uncosted=net - earned,
        unit=None if cost is None or units <= 0 else rounded(Fraction(cost) / Fraction(units)),
        cost=cost,
        margin=None if cost is None else earned - cost,
        percent=percent_of(earned, cost),
        source=_sources(one for one, _ in costed),
    )


def _sources(margins: Iterable[OrderMargin]) -> str:
    """Name where the costs are from, the newest first."""
    newest = sorted(margins, key=lambda one: (one.day, one.order_id), reverse=True)
    names = list(dict.fromkeys(one.source for one in newest if one.source))
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
