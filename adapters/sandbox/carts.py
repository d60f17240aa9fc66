"""What a customer orders, and what the shop makes of it: lines, shipping and totals, priced by the shop's own rules.

Amounts are minor units of the draft's currency. Nothing here knows JSON; `orders` writes the document.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
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

FRACTION_DIGITS = {"GBP": 2, "EUR": 2, "USD": 2, "AUD": 2, "CHF": 2, "SEK": 2, "JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3}

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
    """A tax rate of the shop. `rate` is a fraction (0.2 is twenty percent).

    `sub_rates` are what it is made of, as in the United States: names and rates that add up to `rate`.
    """

    name: str
    rate: Decimal
    included: bool = True
    country: str = "GB"
    sub_rates: tuple[tuple[str, Decimal], ...] = ()

    def __post_init__(self) -> None:
        """Refuse sub-rates that are not the rate."""
        if self.sub_rates and sum(rate for _, rate in self.sub_rates) != self.rate:
            raise ValueError(f"{self.name}: the sub-rates do not add up to {self.rate}")


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


class TravelDraft(msgspec.Struct, frozen=True, kw_only=True):
    """So many pieces of a line travel by this shipment, taxed by this rule (None: by the line's own)."""

    shipment: str
    quantity: int
    tax: TaxRule | None = None


class LineDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A product in the cart.

    Of `unit_minor`, `precise_unit` (in major units, high precision) and the catalogue's price the first given is
    charged; a `list_minor` above it makes it a product discount. `groups` must add up to `quantity`; `total_minor` is
    a price set from outside for the whole line (ExternalTotal); `gift` makes it free. `tax` overrides the product's;
    `tax_minor` is what an engine outside says under `ExternalAmount` (None: it has not said yet). `travels` must add up
    to `quantity`; without any, all of the line goes with the first shipment.
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
    tax_minor: int | None = None
    travels: tuple[TravelDraft, ...] = ()
    supply_channel: str | None = None
    inventory_mode: str | None = None


class CustomLineDraft(msgspec.Struct, frozen=True, kw_only=True):
    """Something sold that is no product: gift wrap, or a voucher with a negative price."""

    slug: str
    name: str
    unit_minor: int
    quantity: int = 1
    tax: TaxRule | None = None
    tax_minor: int | None = None


class ShippingDraft(msgspec.Struct, frozen=True, kw_only=True):
    """How it travels. `discounted_minor` is what is left to pay where a discount applies."""

    method: str = "Royal Mail Tracked 48"
    price_minor: int = 495
    discounted_minor: int | None = None
    tax: TaxRule | None = None
    tax_minor: int | None = None


class ShipmentDraft(msgspec.Struct, frozen=True, kw_only=True):
    """One of several shipments of an order; without an address of its own it goes where the order goes."""

    key: str
    shipping: ShippingDraft
    address: Mapping[str, str] | None = None


GIFT_CARD_INTERFACE = "giftcard"
"""The payment interface of gift cards that are redeemed as tender."""


class PaymentDraft(msgspec.Struct, frozen=True, kw_only=True):
    """How it is paid. `status` is charged | authorized | pending (a payment without transactions) | absent.

    What is charged comes in so many `captures`. A gift card pays `gift_card_percent` of it, as a payment of its own
    beside the first one.
    """

    status: str = "charged"
    interface: str = "adyen"
    method: str = "scheme"
    captures: int = 1
    gift_card_percent: int = 0


class OrderDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An order about to be placed. `order_number` of None lets the shop number it, "" leaves it without one.

    Either `shipping` or `shipments` (shipping mode Multiple). How commercetools taxes what a total-price discount
    leaves is not documented: per rate, or, with `discount_per_line`, per item.
    """

    lines: tuple[LineDraft, ...]
    custom_lines: tuple[CustomLineDraft, ...] = ()
    shipping: ShippingDraft | None = None
    shipments: tuple[ShipmentDraft, ...] = ()
    payment: PaymentDraft = PaymentDraft()
    discount_minor: int = 0
    discount_per_line: bool = False
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
    custom_fields: Mapping[str, object] = msgspec.field(default_factory=dict)
    purchase_order: str = ""
    customer_id: str | None = None
    country: str = "GB"
    email: str = "harriet.blythe@example.org"
    billing: Mapping[str, str] = msgspec.field(default_factory=lambda: DEFAULT_ADDRESS)
    delivery: Mapping[str, str] = msgspec.field(default_factory=lambda: DEFAULT_ADDRESS)


class PricedItem(msgspec.Struct, frozen=True, kw_only=True):
    """A line, custom line or shipment with its total and tax; `taxed` is None where tax is off or not known yet."""

    total: int
    tax: TaxRule
    taxed: Taxed | None


class PricedLeg(PricedItem, frozen=True, kw_only=True):
    """What of an item travels by one of several shipments."""

    shipment: str
    quantity: int


class PricedGoods(PricedItem, frozen=True, kw_only=True):
    """A line or custom line; `legs` add up to it where an order has several shipments."""

    legs: tuple[PricedLeg, ...] = ()


class PricedLine(PricedGoods, frozen=True, kw_only=True):
    """A priced product line. Unit and list price are minor units, fractions where the price is high precision."""

    draft: LineDraft
    item: Item
    unit: Fraction
    list_price: Fraction


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """A share of the tax: of one rate, or of one sub-rate where the rate has any."""

    name: str
    rate: Decimal
    amount: int


class PricedCart(msgspec.Struct, frozen=True, kw_only=True):
    """The whole order, priced. `taxed` and `portions` are after the total-price discount, the items before it."""

    draft: OrderDraft
    lines: tuple[PricedLine, ...]
    custom_lines: tuple[PricedGoods, ...]
    shipping: PricedItem | None
    shipments: tuple[PricedItem, ...]
    total: int
    taxed: Taxed | None
    portions: tuple[Portion, ...]
    taxed_shipping: Taxed | None
    shipping_portions: tuple[Portion, ...]
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
    shipping = None if draft.shipping is None else _shipping(draft, draft.shipping)
    shipments = tuple(_shipping(draft, shipment.shipping) for shipment in draft.shipments)
    goods: list[PricedItem] = [part for each in (*lines, *custom) for part in (each.legs or (each,))]
    sent = [*([shipping] if shipping is not None else []), *shipments]
    parts = [*goods, *sent]
    taken = _taken(draft.discount_minor, parts)
    known = all(part.taxed is not None for part in parts)
    after = _after_discount(draft, parts, taken) if known else []
    sent_after = _left_of_each(draft, sent, taken[len(goods) :]) if known and _states_shipping(draft) else []
    whole = _sum(part for _, part in after)
    before = _sum(part.taxed for part in parts) if known else whole
    return PricedCart(
        draft=draft,
        lines=lines,
        custom_lines=custom,
        shipping=shipping,
        shipments=shipments,
        total=sum(part.total for part in parts) - draft.discount_minor,
        taxed=whole if after else None,
        portions=_portions(after),
        taxed_shipping=_sum(part for _, part in sent_after) if sent_after else None,
        shipping_portions=_portions(sent_after),
        discounted=Taxed(before.net - whole.net, before.gross - whole.gross),
    )


def portions_of(rule: TaxRule, tax: int) -> tuple[Portion, ...]:
    """Name a tax by the rate, or by the sub-rates that share it in proportion."""
    if not rule.sub_rates:
        return (Portion(name=rule.name, rate=rule.rate, amount=tax),)
    scale = math.lcm(*(Fraction(rate).denominator for _, rate in rule.sub_rates))
    amounts = shares(tax, [int(Fraction(rate) * scale) for _, rate in rule.sub_rates])
    return tuple(
        Portion(name=name, rate=rate, amount=amount)
        for (name, rate), amount in zip(rule.sub_rates, amounts, strict=True)
    )


def _states_shipping(order: OrderDraft) -> bool:
    """Say whether the order has a `taxedShippingPrice`: never under ExternalAmount (fact sheet §3.4)."""
    return order.tax_mode != "ExternalAmount"


def _check(draft: OrderDraft) -> None:
    if not draft.lines and not draft.custom_lines:
        raise PlacementRefused("an order without lines")
    if draft.tax_mode not in ("Platform", "External", "ExternalAmount", "Disabled"):
        raise PlacementRefused(f"tax mode {draft.tax_mode} is not sold here")
    keys = {shipment.key for shipment in draft.shipments}
    if keys and (draft.shipping is not None or len(keys) != len(draft.shipments)):
        raise PlacementRefused("one shipment, or several of different keys")
    for line in draft.lines:
        _check_line(line, keys)


def _check_line(line: LineDraft, shipments: Set[str]) -> None:
    if line.quantity < 1:
        raise PlacementRefused(f"{line.sku}: quantity {line.quantity}")
    if line.groups and sum(group.quantity for group in line.groups) != line.quantity:
        raise PlacementRefused(f"{line.sku}: price groups do not add up to the quantity")
    if line.travels and sum(travel.quantity for travel in line.travels) != line.quantity:
        raise PlacementRefused(f"{line.sku}: what travels does not add up to the quantity")
    if any(travel.quantity < 1 or travel.shipment not in shipments for travel in line.travels):
        raise PlacementRefused(f"{line.sku}: travels by a shipment that is not there")


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
    legs = _legs(order, draft, total, rule, groups)
    whole = _tax(order, total, rule, groups, draft.tax_minor)
    return PricedLine(
        total=total,
        tax=rule,
        taxed=_taxed_together(legs) if legs else whole,
        legs=legs,
        draft=draft,
        item=item,
        unit=unit,
        list_price=listed,
    )


def _legs(
    order: OrderDraft, draft: LineDraft, total: int, rule: TaxRule, groups: Sequence[UnitGroup]
) -> tuple[PricedLeg, ...]:
    """Split a line over its shipments, by quantity; what is taxed per unit is so only where it stays whole."""
    if not order.shipments:
        return ()
    travels = draft.travels or (TravelDraft(shipment=order.shipments[0].key, quantity=draft.quantity),)
    quantities = [travel.quantity for travel in travels]
    totals = shares(total, quantities)
    outside = shares(draft.tax_minor, quantities) if draft.tax_minor is not None else [None] * len(travels)
    own_groups = groups if len(travels) == 1 else []
    return tuple(
        _leg(order, travel, amount, travel.tax or rule, groups=own_groups, tax_minor=tax_minor)
        for travel, amount, tax_minor in zip(travels, totals, outside, strict=True)
    )


def _leg(
    order: OrderDraft,
    travel: TravelDraft,
    total: int,
    rule: TaxRule,
    *,
    groups: Sequence[UnitGroup],
    tax_minor: int | None,
) -> PricedLeg:
    taxed_leg = _tax(order, total, rule, groups, tax_minor)
    return PricedLeg(total=total, tax=rule, taxed=taxed_leg, shipment=travel.shipment, quantity=travel.quantity)


def _taxed_together(legs: Sequence[PricedItem]) -> Taxed | None:
    return None if any(leg.taxed is None for leg in legs) else _sum(leg.taxed for leg in legs)


def _unit_price(order: OrderDraft, draft: LineDraft, item: Item) -> Fraction:
    if draft.unit_minor is not None:
        return Fraction(draft.unit_minor)
    if draft.precise_unit is not None:
        return Fraction(draft.precise_unit) * Fraction(10) ** FRACTION_DIGITS.get(order.currency, 2)
    return Fraction(item.price)


def _custom_line(order: OrderDraft, draft: CustomLineDraft) -> PricedGoods:
    rule = draft.tax or rule_of(20, included=order.included)
    total = draft.unit_minor * draft.quantity
    groups = [UnitGroup(draft.quantity, Fraction(draft.unit_minor))]
    whole = _tax(order, total, rule, groups, draft.tax_minor)
    legs: tuple[PricedLeg, ...] = ()
    if order.shipments:
        travel = TravelDraft(shipment=order.shipments[0].key, quantity=draft.quantity)
        legs = (_leg(order, travel, total, rule, groups=groups, tax_minor=draft.tax_minor),)
    return PricedGoods(total=total, tax=rule, taxed=whole, legs=legs)


def _shipping(order: OrderDraft, draft: ShippingDraft) -> PricedItem:
    rule = draft.tax or rule_of(20, included=order.included)
    total = draft.price_minor if draft.discounted_minor is None else draft.discounted_minor
    return PricedItem(total=total, tax=rule, taxed=_tax(order, total, rule, [], draft.tax_minor))


def _tax(
    order: OrderDraft, total: int, rule: TaxRule, groups: Sequence[UnitGroup], tax_minor: int | None
) -> Taxed | None:
    if order.tax_mode == "Disabled":
        return None
    if order.tax_mode == "ExternalAmount":
        return None if tax_minor is None else Taxed(total, total + tax_minor)
    if order.tax_calculation == "UnitPriceLevel" and groups:
        return taxed_per_unit(groups, total, rule.rate, included=rule.included, mode=order.tax_rounding)
    return taxed(total, rule.rate, included=rule.included, mode=order.tax_rounding)


def _taken(discount: int, parts: Sequence[PricedItem]) -> list[int]:
    """Return what a total-price discount takes off each item: split over the rates first, then within each."""
    taken = [0] * len(parts)
    if not discount:
        return taken
    rules = list(dict.fromkeys(part.tax for part in parts))
    groups = [[place for place, part in enumerate(parts) if part.tax == rule] for rule in rules]
    weights = [sum(max(parts[place].total, 0) for place in group) for group in groups]
    for group, share in zip(groups, shares(discount, weights), strict=True):
        within = shares(share, [parts[place].total for place in group])
        for place, own in zip(group, within, strict=True):
            taken[place] = own
    return taken


def _after_discount(
    order: OrderDraft, parts: Sequence[PricedItem], taken: Sequence[int]
) -> list[tuple[TaxRule, Taxed]]:
    """Net and gross per rule: the sum of the items, or, under a total-price discount, the rest taxed anew."""
    by_rule: dict[TaxRule, list[int]] = {}
    for place, part in enumerate(parts):
        by_rule.setdefault(part.tax, []).append(place)
    if order.discount_per_line or not order.discount_minor:
        each = _left_of_each(order, parts, taken)
        return [(rule, _sum(each[place][1] for place in group)) for rule, group in by_rule.items()]
    return [
        (rule, _left(order, [parts[place] for place in group], sum(taken[place] for place in group)))
        for rule, group in by_rule.items()
    ]


def _left_of_each(order: OrderDraft, parts: Sequence[PricedItem], taken: Sequence[int]) -> list[tuple[TaxRule, Taxed]]:
    """Net and gross of every item after its share of a total-price discount."""
    return [(part.tax, _left(order, [part], share)) for part, share in zip(parts, taken, strict=True)]


def _left(order: OrderDraft, parts: Sequence[PricedItem], share: int) -> Taxed:
    """Net and gross of items of one rule after a share of the discount; a tax from outside falls in proportion."""
    before = _sum(part.taxed for part in parts)
    if not order.discount_minor:
        return before
    rule, amount = parts[0].tax, sum(part.total for part in parts) - share
    if order.tax_mode != "ExternalAmount":
        return taxed(amount, rule.rate, included=rule.included, mode=order.tax_rounding)
    if not before.net:
        return before
    return Taxed(amount, amount + rounded(Fraction(before.tax * amount, before.net), order.tax_rounding))


def _portions(after: Sequence[tuple[TaxRule, Taxed]]) -> tuple[Portion, ...]:
    """One portion per name and rate: the same rate charged on net and on gross is one."""
    amounts: dict[tuple[str, Decimal], int] = {}
    for rule, part in after:
        for portion in portions_of(rule, part.tax):
            key = (portion.name, portion.rate)
            amounts[key] = amounts.get(key, 0) + portion.amount
    return tuple(Portion(name=name, rate=rate, amount=amount) for (name, rate), amount in amounts.items())


def _sum(parts: Iterable[Taxed | None]) -> Taxed:
    return reduce(Taxed.__add__, (part for part in parts if part is not None), NOTHING_TAXED)
