"""What a customer orders, and what the shop makes of it: lines, shipping and totals, priced by the shop's own rules.

Amounts are minor units of the draft's currency. Nothing here knows JSON; `orders` writes the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import reduce

import msgspec

from adapters.sandbox.catalogue import Item
from adapters.sandbox.refusals import PlacementRefused
from adapters.sandbox.totals import (
    NOTHING_TAXED,
    RoundingMode,
    Taxed,
    UnitGroup,
    rounded,
    shares,
    taxed,
    taxed_per_unit,
)

FRACTION_DIGITS = {"GBP": 2, "EUR": 2, "USD": 2, "AUD": 2, "CHF": 2, "SEK": 2, "JPY": 0, "KWD": 3}

DEFAULT_ADDRESS: Mapping[str, str] = {
    "firstName": "Harriet",
    "lastName": "Blythe",
    "streetName": "Orchard Lane",
    "streetNumber": "14",
    "city": "Hebden Bridge",
    "postalCode": "HX7 8AL",
    "country": "GB",
    "phone": "+44 1632 960114",
    "email": "harriet.blythe@example.org",
}


class TaxRule(msgspec.Struct, frozen=True, kw_only=True):
    """A tax rate of the shop. `rate` is a fraction (0.2 is twenty percent)."""

    name: str
    rate: Decimal
    included: bool = True
    country: str = "GB"


RATES: Mapping[int, tuple[str, Decimal]] = {
    20: ("standard", Decimal("0.2")),
    5: ("reduced", Decimal("0.05")),
    0: ("zero", Decimal(0)),
}
"""Name and rate of the shop's tax rates by percent."""


def rule_of(percent: int, *, included: bool = True) -> TaxRule:
    """Return the shop's tax rule for a percentage (20, 5 or 0)."""
    name, rate = RATES[percent]
    return TaxRule(name=name, rate=rate, included=included)


class PriceGroup(msgspec.Struct, frozen=True, kw_only=True):
    """So many pieces of a line at this discounted unit price."""

    quantity: int
    unit_minor: int


class LineDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A product in the cart.

    Of `unit_minor`, `precise_unit` (in major units, high precision) and the catalogue's price the first given is
    charged; a `list_minor` above it makes it a product discount. `groups` must add up to `quantity`; `total_minor` is
    a price set from outside for the whole line (ExternalTotal); `gift` makes it free. `tax` overrides the product's.
    """

    sku: str
    quantity: int = 1
    unit_minor: int | None = None
    list_minor: int | None = None
    precise_unit: Decimal | None = None
    groups: tuple[PriceGroup, ...] = ()
    total_minor: int | None = None
    gift: bool = False
    tax: TaxRule | None = None
    supply_channel: str | None = None
    inventory_mode: str | None = None


class CustomLineDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Something sold that is no product: gift wrap, or a voucher with a negative price."""

    slug: str
    name: str
    unit_minor: int
    quantity: int = 1
    tax: TaxRule | None = None


class ShippingDraft(msgspec.Struct, frozen=True, kw_only=True):
    """How it travels. `discounted_minor` is what is left to pay where a discount applies."""

    method: str = "Royal Mail Tracked 48"
    price_minor: int = 495
    discounted_minor: int | None = None
    tax: TaxRule | None = None


class PaymentDraft(msgspec.Struct, frozen=True, kw_only=True):
    """How it is paid. `status` is charged | authorized | pending (a payment without transactions) | absent."""

    status: str = "charged"
    interface: str = "adyen"
    method: str = "scheme"


class OrderDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An order about to be placed. `order_number` of None lets the shop number it, "" leaves it without one."""

    lines: tuple[LineDraft, ...]
    custom_lines: tuple[CustomLineDraft, ...] = ()
    shipping: ShippingDraft | None = None
    payment: PaymentDraft = PaymentDraft()
    discount_minor: int = 0
    currency: str = "GBP"
    included: bool = True
    tax_mode: str = "Platform"
    tax_rounding: RoundingMode = RoundingMode.HALF_EVEN
    price_rounding: RoundingMode = RoundingMode.HALF_EVEN
    tax_calculation: str = "LineItemLevel"
    inventory_mode: str = "TrackOnly"
    order_number: str | None = None
    order_state: str = "Open"
    payment_state: str | None = None
    shipment_state: str | None = None
    workflow_state: str | None = None
    store: str | None = None
    country: str = "GB"
    email: str = "harriet.blythe@example.org"
    billing: Mapping[str, str] = msgspec.field(default_factory=lambda: DEFAULT_ADDRESS)
    delivery: Mapping[str, str] = msgspec.field(default_factory=lambda: DEFAULT_ADDRESS)


class PricedItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line, custom line or shipment with its total and tax; `taxed` is None where tax is switched off."""

    total: int
    tax: TaxRule | None
    taxed: Taxed | None


class PricedLine(PricedItem, frozen=True, kw_only=True):
    """A priced product line. Unit and list price are minor units, fractions where the price is high precision."""

    draft: LineDraft
    item: Item
    unit: Fraction
    list_price: Fraction


class PricedCart(msgspec.Struct, frozen=True, kw_only=True):
    """The whole order, priced. `taxed` and `portions` are after the total-price discount, the items before it."""

    draft: OrderDraft
    lines: tuple[PricedLine, ...]
    custom_lines: tuple[PricedItem, ...]
    shipping: PricedItem | None
    total: int
    taxed: Taxed | None
    portions: tuple[tuple[TaxRule, int], ...]
    taxed_shipping: Taxed | None
    discounted: Taxed

    @property
    def payable(self) -> int:
        """What the customer owes: the taxed gross, else the total (commercetools fact sheet §3.4)."""
        return self.taxed.gross if self.taxed is not None else self.total


def price_cart(draft: OrderDraft, items: Mapping[str, Item]) -> PricedCart:
    """Price a draft.

    Raises:
        PlacementRefused: a SKU nobody sells, a quantity below 1, or a mode this shop does not know.
    """
    _check(draft)
    lines = tuple(_line(draft, line, items) for line in draft.lines)
    custom = tuple(_custom_line(draft, line) for line in draft.custom_lines)
    shipping = _shipping(draft)
    parts: list[PricedItem] = [*lines, *custom, *([shipping] if shipping else [])]
    if draft.tax_mode == "Disabled":
        after: list[tuple[TaxRule, Taxed]] = []
    else:
        after = _after_discount(draft, parts)
    before = _sum(part.taxed for part in parts)
    whole = _sum(part for _, part in after)
    return PricedCart(
        draft=draft,
        lines=lines,
        custom_lines=custom,
        shipping=shipping,
        total=sum(part.total for part in parts) - draft.discount_minor,
        taxed=whole if after else None,
        portions=_portions(after),
        taxed_shipping=_taxed_shipping(draft, parts, shipping),
        discounted=Taxed(before.net - whole.net, before.gross - whole.gross),
    )


def _check(draft: OrderDraft) -> None:
    if not draft.lines and not draft.custom_lines:
        raise PlacementRefused("an order without lines")
    if draft.tax_mode not in ("Platform", "External", "Disabled"):
        raise PlacementRefused(f"tax mode {draft.tax_mode} is not sold here")
    for line in draft.lines:
        if line.quantity < 1:
            raise PlacementRefused(f"{line.sku}: quantity {line.quantity}")
        if line.groups and sum(group.quantity for group in line.groups) != line.quantity:
            raise PlacementRefused(f"{line.sku}: price groups do not add up to the quantity")


def _line(order: OrderDraft, draft: LineDraft, items: Mapping[str, Item]) -> PricedLine:
    item = items.get(draft.sku)
    if item is None:
        raise PlacementRefused(f"{draft.sku}: no such product")
    unit = _unit_price(order, draft, item)
    groups = [UnitGroup(group.quantity, Fraction(group.unit_minor)) for group in draft.groups]
    groups = groups or [UnitGroup(draft.quantity, unit)]
    if draft.gift:
        groups = [UnitGroup(draft.quantity, Fraction(0))]
    total = sum((rounded(group.quantity * group.unit, order.price_rounding) for group in groups), 0)
    if draft.total_minor is not None:
        total, groups = draft.total_minor, []
    rule = draft.tax or rule_of(item.tax_percent, included=order.included)
    listed = Fraction(draft.list_minor) if draft.list_minor is not None else unit
    return PricedLine(
        total=total,
        tax=rule,
        taxed=_tax(order, total, rule, groups),
        draft=draft,
        item=item,
        unit=unit,
        list_price=listed,
    )


def _unit_price(order: OrderDraft, draft: LineDraft, item: Item) -> Fraction:
    if draft.unit_minor is not None:
        return Fraction(draft.unit_minor)
    if draft.precise_unit is not None:
        return Fraction(draft.precise_unit) * Fraction(10) ** FRACTION_DIGITS.get(order.currency, 2)
    return Fraction(item.price)


def _custom_line(order: OrderDraft, draft: CustomLineDraft) -> PricedItem:
    rule = draft.tax or rule_of(20, included=order.included)
    total = draft.unit_minor * draft.quantity
    groups = [UnitGroup(draft.quantity, Fraction(draft.unit_minor))]
    return PricedItem(total=total, tax=rule, taxed=_tax(order, total, rule, groups))


def _shipping(order: OrderDraft) -> PricedItem | None:
    draft = order.shipping
    if draft is None:
        return None
    rule = draft.tax or rule_of(20, included=order.included)
    total = draft.price_minor if draft.discounted_minor is None else draft.discounted_minor
    return PricedItem(total=total, tax=rule, taxed=_tax(order, total, rule, []))


def _tax(order: OrderDraft, total: int, rule: TaxRule, groups: Sequence[UnitGroup]) -> Taxed | None:
    if order.tax_mode == "Disabled":
        return None
    if order.tax_calculation == "UnitPriceLevel" and groups:
        return taxed_per_unit(groups, total, rule.rate, included=rule.included, mode=order.tax_rounding)
    return taxed(total, rule.rate, included=rule.included, mode=order.tax_rounding)


def _after_discount(order: OrderDraft, parts: Sequence[PricedItem]) -> list[tuple[TaxRule, Taxed]]:
    """Net and gross per rule: the sum of the items, or, under a total-price discount, the rest taxed anew."""
    by_rule: dict[TaxRule, list[PricedItem]] = {}
    for part in parts:
        if part.tax is not None:
            by_rule.setdefault(part.tax, []).append(part)
    if not order.discount_minor:
        return [(rule, _sum(part.taxed for part in group)) for rule, group in by_rule.items()]
    weights = [sum(max(part.total, 0) for part in group) for group in by_rule.values()]
    taken = shares(order.discount_minor, weights)
    return [
        (rule, _remaining(order, rule, sum(part.total for part in group) - share))
        for (rule, group), share in zip(by_rule.items(), taken, strict=True)
    ]


def _remaining(order: OrderDraft, rule: TaxRule, amount: int) -> Taxed:
    return taxed(amount, rule.rate, included=rule.included, mode=order.tax_rounding)


def _taxed_shipping(order: OrderDraft, parts: Sequence[PricedItem], shipping: PricedItem | None) -> Taxed | None:
    """Shipping after its part of a total-price discount; it comes last where a unit is left over."""
    if shipping is None or shipping.tax is None or not order.discount_minor:
        return shipping.taxed if shipping else None
    if shipping.taxed is None:
        return None
    rules = list(dict.fromkeys(part.tax for part in parts))
    totals = [[part.total for part in parts if part.tax == rule] for rule in rules]
    per_rule = shares(order.discount_minor, [sum(max(total, 0) for total in group) for group in totals])
    own = rules.index(shipping.tax)
    share = shares(per_rule[own], totals[own])[-1]
    return _remaining(order, shipping.tax, shipping.total - share)


def _portions(after: Sequence[tuple[TaxRule, Taxed]]) -> tuple[tuple[TaxRule, int], ...]:
    """One portion per name and rate: the same rate charged on net and on gross is one."""
    amounts: dict[tuple[str, Decimal], tuple[TaxRule, int]] = {}
    for rule, part in after:
        first, amount = amounts.get((rule.name, rule.rate), (rule, 0))
        amounts[rule.name, rule.rate] = (first, amount + part.tax)
    return tuple(amounts.values())


def _sum(parts: Iterable[Taxed | None]) -> Taxed:
    return reduce(Taxed.__add__, (part for part in parts if part is not None), NOTHING_TAXED)
