"""The items of an order: everything that has a price and a tax of its own (lines, custom lines, shipments).

The source checks and the prediction ask the same questions of each; only their names in commercetools differ.
"""

from __future__ import annotations

from typing import NamedTuple

from actors.domain.money import require_decimal, require_minor, to_decimal
from actors.domain.order import Order, Shipping, Taxed, TaxRate

LARGEST_MINOR = 10**15
"""No amount of a real order reaches this; beyond it figures are not even shown."""


class Item(NamedTuple):
    """One taxed part. `amount` is what the customer was charged before tax was told apart, in minor units."""

    where: str
    amount: int
    taxed: Taxed | None
    rate: TaxRate | None
    sku: str = ""


def charged(shipping: Shipping) -> int:
    """Return what the shipment cost: the discounted value where there is one, else the price."""
    return shipping.price if shipping.discounted is None else shipping.discounted


def items_of(order: Order) -> tuple[Item, ...]:
    """List the items in commercetools' order: lines, custom lines, shipments."""
    lines = [
        Item(f"lineItems[{place}]", line.total, line.taxed, line.tax_rate, line.sku or "")
        for place, line in enumerate(order.lines)
    ]
    custom = [
        Item(f"customLineItems[{place}]", line.total, line.taxed, line.tax_rate)
        for place, line in enumerate(order.custom_lines)
    ]
    shipping = [
        Item(_shipping_field(order, place), charged(part), part.taxed, part.tax_rate)
        for place, part in enumerate(order.shipping)
    ]
    return (*lines, *custom, *shipping)


def shown(minor: int, order: Order) -> str:
    """Write an amount of the order for people: `19.99 GBP`."""
    return f"{to_decimal(minor, order.digits):f} {order.currency}"


def amounts_of(order: Order) -> tuple[int, ...]:
    """List every amount of the order that a rule may calculate with.

    Raises:
        TypeError: one of them is no whole number, or a rate is no Decimal (a float never gets further than here).
    """
    figures: list[object] = [order.total, order.digits]
    if order.discount_on_total is not None:
        figures.append(order.discount_on_total)
    if order.taxed is not None:
        figures += [order.taxed.net, order.taxed.gross, *(portion.amount for portion in order.taxed.portions)]
        figures += [] if order.taxed.tax is None else [order.taxed.tax]
        for portion in order.taxed.portions:
            require_decimal(portion.rate)
    for line in order.lines:
        figures += [line.quantity, line.unit_minor, line.list_minor]
        figures += [figure for group in line.groups for figure in (group.quantity, group.unit_minor)]
    for item in items_of(order):
        figures.append(item.amount)
        figures += [] if item.taxed is None else [item.taxed.net, item.taxed.gross]
        if item.rate is not None:
            require_decimal(item.rate.rate)
    return tuple(require_minor(figure) for figure in figures)


def _shipping_field(order: Order, place: int) -> str:
    return "shippingInfo" if order.shipping_mode == "Single" and len(order.shipping) == 1 else f"shipping[{place}]"
