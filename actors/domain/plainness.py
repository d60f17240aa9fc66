"""What makes an order plain: the part of money.md that is carried to the cent today.

Plain is one currency of two decimals, one tax rate over all lines and shipping, all included or all excluded, and one
shipment or none. Everything else is held and the feature named; nothing is guessed. Carrying more later means fewer
findings here and more cases in `prediction`.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.domain.exception_types import Finding
from actors.domain.items import LARGEST_MINOR, amounts_of, charged, items_of
from actors.domain.money import is_plain
from actors.domain.order import Line, Order

DIGITS = 2
MOST_LINES = 200
"""More lines are not known to fit one document (Cin7 fact sheet, unknowns)."""
MOST_PIECES = 10**9
TAX_MODES = frozenset({"Platform", "External"})
TAX_CALCULATIONS = frozenset({"LineItemLevel", "UnitPriceLevel"})
PRICE_MODES = frozenset({"Platform", "ExternalPrice", "ExternalTotal"})


def not_plain(feature: str, cause: str, *, field: str = "", sku: str = "") -> Finding:
    """Name one feature that is not carried. All orders held for the same feature are one group."""
    return Finding(code="not_plain", cause=cause, field=field, sku=sku, group=f"not_plain:{feature}")


def absurdities(order: Order) -> list[Finding]:
    """Find figures no shop has, which are not even safe to calculate with or to show.

    Raises:
        TypeError: an amount is no whole number, or a rate no Decimal.
    """
    findings: list[Finding] = []
    if not 0 <= order.digits <= 4:
        findings.append(not_plain("currency digits", "the currency has an unheard-of number of decimals"))
    if any(abs(figure) > LARGEST_MINOR for figure in amounts_of(order)):
        findings.append(not_plain("amount out of range", "a figure of the order is too large to be one"))
    rates = [item.rate.rate for item in items_of(order) if item.rate is not None]
    rates += [portion.rate for portion in order.taxed.portions] if order.taxed is not None else []
    if not all(is_plain(rate) and 0 <= rate <= 1 for rate in rates):
        findings.append(not_plain("tax rate out of range", "a tax rate is not between 0 and 100 percent"))
    return findings


def plainness_findings(order: Order) -> list[Finding]:
    """List every feature of the order that is not plain, and every line no document could carry."""
    findings = [*_order(order), *_taxes(order), *_shipping(order)]
    for place, line in enumerate(order.lines):
        findings += _line(f"lineItems[{place}]", line)
    return findings


def _order(order: Order) -> Iterator[Finding]:
    if order.digits != DIGITS:
        cause = f"{order.currency} has {order.digits} decimals; only currencies of {DIGITS} are carried"
        yield not_plain("currency digits", cause, field="totalPrice.fractionDigits")
    if not order.lines:
        yield not_plain("no lines", "the order has no lines", field="lineItems")
    if len(order.lines) > MOST_LINES:
        cause = f"the order has {len(order.lines)} lines; up to {MOST_LINES} are known to fit one document"
        yield not_plain("too many lines", cause, field="lineItems")
    if order.discount_on_total:
        yield not_plain("order discount", "a discount is on the whole order", field="discountOnTotalPrice")
    for place, custom in enumerate(order.custom_lines):
        yield not_plain("custom line", f"the custom line {custom.slug}", field=f"customLineItems[{place}]")


def _taxes(order: Order) -> Iterator[Finding]:
    if order.tax_mode not in TAX_MODES:
        yield not_plain(f"tax mode {order.tax_mode}", f"tax mode {order.tax_mode} is not carried", field="taxMode")
    if order.tax_calculation not in TAX_CALCULATIONS:
        feature = f"tax calculation {order.tax_calculation}"
        yield not_plain(feature, f"{feature} is not carried", field="taxCalculationMode")
    rates = [(item, item.rate) for item in items_of(order) if item.rate is not None]
    for item, rate in rates:
        if rate.has_sub_rates:
            yield not_plain("sub-rates", f"the tax {rate.name} has sub-rates", field=f"{item.where}.taxRate.subRates")
    priced = [rate for item, rate in rates if item.amount]
    if len({rate.rate for rate in priced}) > 1:
        shown_rates = ", ".join(f"{rate:f}" for rate in sorted({rate.rate for rate in priced}))
        yield not_plain("several tax rates", f"the order is taxed at {shown_rates}", field="taxedPrice.taxPortions")
    if len({rate.included for rate in priced}) > 1:
        cause = "tax is included in some prices and not in others"
        yield not_plain("mixed tax inclusion", cause, field="taxRate.includedInPrice")


def _shipping(order: Order) -> Iterator[Finding]:
    if order.shipping_mode != "Single":
        feature = f"shipping mode {order.shipping_mode}"
        yield not_plain(feature, f"{feature} is not carried", field="shippingMode")
    elif len(order.shipping) > 1:
        yield not_plain("several shipments", f"{len(order.shipping)} shipments in one order", field="shipping")
    for shipping in order.shipping:
        if charged(shipping) < 0:
            yield not_plain("negative shipping", "the shipping price is below zero", field="shippingInfo.price")


def _line(where: str, line: Line) -> Iterator[Finding]:
    sku = line.sku or ""
    name = sku or where
    if not 1 <= line.quantity <= MOST_PIECES:
        cause = f"{name} has a quantity of {line.quantity}"
        yield Finding(code="quantity_unsupported", cause=cause, field=f"{where}.quantity", sku=sku)
    if line.mode == "GiftLineItem":
        yield not_plain("gift line", f"{name} is a gift", field=f"{where}.lineItemMode", sku=sku)
    elif line.mode != "Standard":
        feature = f"line mode {line.mode}"
        yield not_plain(feature, f"{name} has {feature}", field=f"{where}.lineItemMode", sku=sku)
    elif line.total == 0:
        yield not_plain("line without a price", f"{name} costs nothing", field=f"{where}.totalPrice", sku=sku)
    if line.total < 0:
        yield not_plain("negative line", f"{name} costs less than nothing", field=f"{where}.totalPrice", sku=sku)
    if line.high_precision or any(group.high_precision for group in line.groups):
        cause = f"the unit price of {name} is finer than a minor unit"
        yield not_plain("high precision", cause, field=f"{where}.price.value", sku=sku)
    if line.price_mode not in PRICE_MODES:
        feature = f"price mode {line.price_mode}"
        yield not_plain(feature, f"{name} has {feature}", field=f"{where}.priceMode", sku=sku)
    if line.methods > 1:
        cause = f"{name} is sent by {line.methods} shipping methods"
        yield not_plain("several shipping methods", cause, field=f"{where}.shippingDetails", sku=sku)
