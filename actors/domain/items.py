"""The items of an order: everything that has a price and a tax of its own (lines, custom lines, shipments).

The source checks and the prediction ask the same questions of each; only their names in commercetools differ.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from actors.domain.money import require_decimal, require_minor, to_decimal
from actors.domain.order import CustomLine, Line, Order, Shipping, Taxed, TaxRate

LARGEST_MINOR = 10**15
"""No amount of a real order reaches this; beyond it figures are not even shown."""


class ItemKind(StrEnum):
    """What an item is in commercetools."""

    LINE = "line"
    CUSTOM = "custom"
    SHIPPING = "shipping"


class Item(NamedTuple):
    """One taxed part. `amount` is what the customer was charged before tax was told apart, in minor units.

    `rates` is one rate, none where there is no telling, or several where a line travels by methods taxed apart.
    """

    where: str
    amount: int
    taxed: Taxed | None
    rates: tuple[TaxRate, ...]
    sku: str = ""
    kind: ItemKind = ItemKind.LINE
    quantity: int = 1

    @property
    def rate(self) -> TaxRate | None:
        """The one rate of the item, or None where there is none or no telling."""
        return self.rates[0] if len(self.rates) == 1 else None

    @property
    def tax(self) -> int:
        """The tax in minor units; 0 where it is unknown (which is found elsewhere)."""
        return 0 if self.taxed is None else self.taxed.gross - self.taxed.net

    @property
    def name(self) -> str:
        """What people find it by."""
        return self.sku or self.where


def charged(shipping: Shipping) -> int:
    """Return what the shipment cost: the discounted value where there is one, else the price."""
    return shipping.price if shipping.discounted is None else shipping.discounted


def items_of(order: Order) -> tuple[Item, ...]:
    """List the items in commercetools' order: lines, custom lines, shipments."""
    lines = [
        Item(f"lineItems[{place}]", line.total, line.taxed, _rates(line), line.sku or "", quantity=line.quantity)
        for place, line in enumerate(order.lines)
    ]
    custom = [
        Item(
            f"customLineItems[{place}]", line.total, line.taxed, _rates(line), line.slug, ItemKind.CUSTOM, line.quantity
        )
        for place, line in enumerate(order.custom_lines)
    ]
    shipping = [
        Item(_shipping_field(order, place), charged(part), part.taxed, _rates(part), kind=ItemKind.SHIPPING)
        for place, part in enumerate(order.shipping)
    ]
    return (*lines, *custom, *shipping)


def _rates(item: Line | CustomLine | Shipping) -> tuple[TaxRate, ...]:
    if item.tax_rate is not None:
        return (item.tax_rate,)
    return () if isinstance(item, Shipping) else item.method_rates


def shown(minor: int, order: Order) -> str:
    """Write an amount of the order for people: `19.99 GBP`."""
    return f"{to_decimal(minor, order.digits):f} {order.currency}"


def amounts_of(order: Order) -> tuple[int, ...]:
    """List every amount of the order that a rule may calculate with.

    Raises:
        TypeError: one of them is no whole number, or a rate is no Decimal (a float never gets further than here).
    """
    figures: list[object] = [order.total, order.digits]
    discounts = (order.discount_on_total, order.discount_net, order.discount_gross)
    figures += [figure for figure in discounts if figure is not None]
    if order.taxed is not None:
        figures += [order.taxed.net, order.taxed.gross, *(portion.amount for portion in order.taxed.portions)]
        figures += [] if order.taxed.tax is None else [order.taxed.tax]
        for portion in order.taxed.portions:
            require_decimal(portion.rate)
    if order.taxed_shipping is not None:
        figures += [order.taxed_shipping.net, order.taxed_shipping.gross]
    figures += [part.price for part in order.shipping]
    for custom in order.custom_lines:
        figures += [custom.quantity, custom.unit_minor]
    for line in order.lines:
        figures += [line.quantity, line.unit_minor, line.list_minor]
        figures += [figure for group in line.groups for figure in (group.quantity, group.unit_minor)]
    for item in items_of(order):
        figures.append(item.amount)
        figures += [] if item.taxed is None else [item.taxed.net, item.taxed.gross]
        for rate in item.rates:
            require_decimal(rate.rate)
            for part in rate.sub_rates:
                require_decimal(part.rate)
    by_method = [*(line.method_rates for line in order.lines), *(line.method_rates for line in order.custom_lines)]
    for rate in (rate for rates in by_method for rate in rates):
        require_decimal(rate.rate)
    return tuple(require_minor(figure) for figure in figures)


def _shipping_field(order: Order, place: int) -> str:
    return "shippingInfo" if order.shipping_mode == "Single" and len(order.shipping) == 1 else f"shipping[{place}]"
