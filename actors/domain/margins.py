"""What each SKU of an order earned: net sales in the books' currency, against what its goods cost (docs/margins.md).

A margin is a figure to look at. It enters no books, and nothing is held for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

import msgspec

from actors.domain.buying import part_facts
from actors.domain.closing_files import shown
from actors.domain.exception_types import Finding
from actors.domain.figures import Sold
from actors.domain.purchase import CostPart
from actors.domain.rows import OrderRow
from actors.domain.sale import RowKind
from actors.domain.spreading import rounded, rounded_together

PERCENT_PLACES = 2
_ZERO = Fraction(0)
_ONE = Decimal(1)


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What was sold of a SKU in an order: `net_base` without tax, after every discount, in the books' currency."""

    sku: str
    quantity: Decimal
    net_base: Decimal


class Margin(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of net sales after what the goods cost. `unit` and `cost` None: no cost is known.

    `cost` = `unit` x `quantity`, unrounded; `margin` = `net` - `cost`, `percent` of `net`, to two places. `percent` is
    None without a cost, or where nothing was paid.
    """

    sku: str
    quantity: Decimal
    net: Decimal
    unit: Decimal | None
    cost: Decimal | None
    margin: Decimal | None
    percent: Decimal | None

    def below(self, floor: Decimal) -> bool:
        """Say whether it is below a floor (percent). Where no cost is known, nobody can say that it is."""
        return self.unit is not None and below(self.net, self.percent, floor)


class OrderMargin(msgspec.Struct, frozen=True, kw_only=True):
    """What a SKU of an order earned. `net` and `unit` are in the books' currency; `day` is the order's in the books.

    `unit` None: no cost is known. `source` says where it is from: a purchase's number, `parts` or `average`. `percent`
    None: there is no cost, or nothing was paid. `number` is the order's, where it was asked for.
    """

    order_id: str
    sku: str
    day: date
    quantity: Decimal
    net: Decimal
    unit: Decimal | None
    source: str
    percent: Decimal | None
    number: str = ""


def earned(sold: Sold, *, base_digits: int = 2, rate: Decimal | None = None) -> tuple[Earned, ...]:
    """Return what each SKU earned, in the order of the sale's rows; rows of one SKU are added up.

    A discount on the order is spread over the goods of its tax rule, by their net value (over all goods where none of
    its rule has any). Shipping, rounding and custom charges are nobody's. `rate` is base units for one unit of the
    sale's currency, else the sale's own, else 1. It is rounded once, at the end, to `base_digits` decimals: the nets
    add up to the net of goods and discounts at that rate, rounded half up.
    """
    goods = [row for row in sold.rows if not row.is_charge]
    nets = _less_discounts(goods, sold)
    factor = Fraction(rate or sold.rate or _ONE)
    quantities: dict[str, Decimal] = defaultdict(Decimal)
    by_sku: dict[str, Fraction] = defaultdict(Fraction)
    for row, net in zip(goods, nets, strict=True):
        quantities[row.sku] += row.quantity
        by_sku[row.sku] += net * factor
    figures = rounded_together(list(by_sku.values()), base_digits)
    return tuple(
        Earned(sku=sku, quantity=quantities[sku], net_base=figure) for sku, figure in zip(by_sku, figures, strict=True)
    )


def margin_of(earned: Earned, unit: Decimal | None) -> Margin:
    """Hold what a SKU earned against the cost of a unit; None: it is not known."""
    net = earned.net_base
    cost = None if unit is None else unit * earned.quantity
    return Margin(
        sku=earned.sku,
        quantity=earned.quantity,
        net=net,
        unit=unit,
        cost=cost,
        margin=None if cost is None else net - cost,
        percent=percent_of(net, cost),
    )


def percent_of(net: Decimal, cost: Decimal | None) -> Decimal | None:
    """Return what of net sales is left, in percent to two places; None without a cost, or where nothing was paid."""
    if cost is None or net <= 0:
        return None
    return rounded((Fraction(net) - Fraction(cost)) / Fraction(net) * 100, PERCENT_PLACES)


def below(net: Decimal, percent: Decimal | None, floor: Decimal) -> bool:
    """Say whether goods of a known cost are below a floor (percent). What was given away is below any."""
    return net <= 0 if percent is None else percent < floor


def below_floor_finding(
    newest: OrderMargin,
    worst: OrderMargin,
    *,
    floor: Decimal,
    count: int,
    currency: str,
    parts: Sequence[CostPart] = (),
) -> Finding:
    """Tell that a SKU is sold below the floor: one finding, however many orders did.

    `count` is how many did, `parts` what the cost of the newest is made of, `currency` the books'. The facts change
    with the price and the cost and not with each order, so that what was dismissed stays so.
    """
    orders = "1 order" if count == 1 else f"{count} orders"
    seen = _sale(newest, currency) if newest == worst else f"{_sale(newest, currency)}. Worst: {_sale(worst, currency)}"
    unit = "not known" if newest.unit is None else f"{newest.unit:f} {currency}"
    return Finding(
        code="margin_below_floor",
        cause=f"{orders} sold {newest.sku} below the floor of {floor:f} %. A unit costs {unit}"
        f" ({_origin(newest.source)}). Newest: {seen}.",
        sku=newest.sku,
        group=f"margin_below_floor:{newest.sku}",
        facts={
            "floor %": f"{floor:f}",
            "worst margin %": "nothing was paid" if worst.percent is None else f"{worst.percent:f}",
            "unit cost": unit,
            "cost from": _origin(newest.source),
            **part_facts(parts),
        },
    )


# -- what a discount takes off ---------------------------------------------------------------------------------------


def _less_discounts(goods: Sequence[OrderRow], sold: Sold) -> list[Fraction]:
    """Return the net of each row of goods after the discounts on the order, in the sale's currency, unrounded."""
    nets = [_net(row, sold) for row in goods]
    left = list(nets)
    for row in sold.rows:
        if _is_discount(row, sold):
            shares = _shares(row, goods, nets)
            whole = sum(shares) or 1
            left = [net + _net(row, sold) * share / whole for net, share in zip(left, shares, strict=True)]
    return left


def _shares(discount: OrderRow, goods: Sequence[OrderRow], nets: Sequence[Fraction]) -> list[Fraction]:
    """Weigh the rows a discount was given on: those of its tax rule, else all; where nothing has a value, alike."""
    values = [max(net, _ZERO) for net in nets]
    of_rule = [value if row.tax_rule == discount.tax_rule else _ZERO for row, value in zip(goods, values, strict=True)]
    return next((weights for weights in (of_rule, values) if any(weights)), [Fraction(1)] * len(values))


def _is_discount(row: OrderRow, sold: Sold) -> bool:
    return row.is_charge and row.total < 0 and sold.charges.get(row.name or row.sku) == RowKind.DISCOUNT.value


def _net(row: OrderRow, sold: Sold) -> Fraction:
    return Fraction(row.total) - (Fraction(row.tax) if sold.tax_inclusive else _ZERO)


# -- words -----------------------------------------------------------------------------------------------------------


def _sale(sale: OrderMargin, currency: str) -> str:
    margin = "nothing was paid" if sale.percent is None else f"margin {sale.percent:f} %"
    return (
        f"order {sale.number or sale.order_id} of {sale.day}, {sale.quantity.normalize():f} for {shown(sale.net)}"
        f" {currency}, {margin}"
    )


_ORIGINS = {"average": "the average cost of the product", "parts": "the sum of its parts"}


def _origin(source: str) -> str:
    return _ORIGINS.get(source) or f"purchase {source}"
