"""What no document can carry: features commercetools may add some day, and figures no shop has.

Everything else is carried by `composing`; what is found here is held and named, so that nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.domain.exception_types import Finding
from actors.domain.items import LARGEST_MINOR, amounts_of, charged, items_of
from actors.domain.money import is_plain
from actors.domain.order import Line, Order

MOST_DIGITS = 3
MOST_PIECES = 10**9
TAX_MODES = frozenset({"Platform", "External", "ExternalAmount", "Disabled"})
TAX_CALCULATIONS = frozenset({"LineItemLevel", "UnitPriceLevel"})
SHIPPING_MODES = frozenset({"Single", "Multiple"})
PRICE_MODES = frozenset({"Platform", "ExternalPrice", "ExternalTotal"})
GIFT = "GiftLineItem"
LINE_MODES = frozenset({"Standard", GIFT})


def not_plain(feature: str, cause: str, *, field: str = "", sku: str = "") -> Finding:
    """Name one feature that is not carried. All orders held for the same feature are one group."""
    return Finding(code="not_plain", cause=cause, field=field, sku=sku, group=f"not_plain:{feature}")


def absurdities(order: Order) -> list[Finding]:
    """Find figures no shop has, which are not even safe to calculate with or to show.

    Raises:
        TypeError: an amount is no whole number, or a rate no Decimal.
    """
    findings: list[Finding] = []
    if not 0 <= order.digits <= MOST_DIGITS:
        findings.append(not_plain("currency digits", "the currency has an unheard-of number of decimals"))
    if any(abs(figure) > LARGEST_MINOR for figure in amounts_of(order)):
        findings.append(not_plain("amount out of range", "a figure of the order is too large to be one"))
    named = [rate for item in items_of(order) for rate in item.rates]
    rates = [rate.rate for rate in named] + [part.rate for rate in named for part in rate.sub_rates]
    rates += [portion.rate for portion in order.taxed.portions] if order.taxed is not None else []
    if not all(is_plain(rate) and 0 <= rate <= 1 for rate in rates):
        findings.append(not_plain("tax rate out of range", "a tax rate is not between 0 and 100 percent"))
    return findings


def feature_findings(order: Order) -> list[Finding]:
    """List every feature of the order that is not carried, and every line no document could carry."""
    findings = [*_order(order), *_shipping(order)]
    for place, line in enumerate(order.lines):
        findings += _line(f"lineItems[{place}]", line)
    for place, custom in enumerate(order.custom_lines):
        findings += _quantity(f"customLineItems[{place}]", custom.slug, custom.quantity, "")
    return findings


def _order(order: Order) -> Iterator[Finding]:
    if not order.lines and not order.custom_lines:
        yield not_plain("no lines", "the order has no lines", field="lineItems")
    for known, value, field in (
        (TAX_MODES, order.tax_mode, "taxMode"),
        (TAX_CALCULATIONS, order.tax_calculation, "taxCalculationMode"),
        (SHIPPING_MODES, order.shipping_mode, "shippingMode"),
    ):
        if value not in known:
            yield not_plain(f"{field} {value}", f"{field} {value} is not carried", field=field)
    if (order.discount_on_total or 0) < 0:
        yield not_plain("negative discount", "the order's discount is below zero", field="discountOnTotalPrice")


def _shipping(order: Order) -> Iterator[Finding]:
    for shipping in order.shipping:
        if charged(shipping) < 0:
            yield not_plain("negative shipping", "the shipping price is below zero", field="shippingInfo.price")


def _line(where: str, line: Line) -> Iterator[Finding]:
    sku = line.sku or ""
    name = sku or where
    yield from _quantity(where, name, line.quantity, sku)
    if line.mode not in LINE_MODES:
        feature = f"line mode {line.mode}"
        yield not_plain(feature, f"{name} has {feature}", field=f"{where}.lineItemMode", sku=sku)
    if line.total < 0:
        yield not_plain("negative line", f"{name} costs less than nothing", field=f"{where}.totalPrice", sku=sku)
    if line.price_mode not in PRICE_MODES:
        feature = f"price mode {line.price_mode}"
        yield not_plain(feature, f"{name} has {feature}", field=f"{where}.priceMode", sku=sku)


def _quantity(where: str, name: str, quantity: int, sku: str) -> Iterator[Finding]:
    if 1 <= quantity <= MOST_PIECES:
        return
    cause = f"{name} has a quantity of {quantity}"
    yield Finding(code="quantity_unsupported", cause=cause, field=f"{where}.quantity", sku=sku)
