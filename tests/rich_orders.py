"""Orders of every kind the shop can price: drawn by a seed, priced by the double, never by the code under test.

Shares follow the population of the money study: ties at 20 % included, price groups, gifts, vouchers, gift cards,
discounts on the total, totals that do not divide, high precision, several rates, and every rounding mode.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.order import Order
from actors.domain.time import format_instant
from adapters.commercetools.translate import read_order
from adapters.sandbox.carts import (
    CustomLineDraft,
    LineDraft,
    OrderDraft,
    PriceGroup,
    ShippingDraft,
    TaxRule,
    price_cart,
)
from adapters.sandbox.catalogue import Item
from adapters.sandbox.orders import order_fields
from adapters.sandbox.refusals import PlacementRefused
from adapters.sandbox.totals import RoundingMode

ITEMS: tuple[Item, ...] = tuple(
    Item(f"SKU-{n:02d}", f"Thing {n}", price, 1000, percent, "Things")
    for n, (price, percent) in enumerate(
        [(999, 20), (1295, 20), (1999, 20), (399, 20), (695, 20), (2450, 20), (849, 5), (1350, 5), (1999, 0), (799, 0)]
    )
)

_JSON = msgspec.json.Encoder(decimal_format="number")

VOUCHER = CustomLineDraft(slug="voucher", name="Voucher", unit_minor=-500)
GIFT_WRAP = CustomLineDraft(slug="gift-wrap", name="Gift wrap", unit_minor=350, quantity=2)
ZERO = TaxRule(name="zero", rate=Decimal(0))
GIFT_CARD = CustomLineDraft(slug="gift-card", name="Gift card", unit_minor=-300, tax=ZERO)


def rich_draft(
    dice: random.Random, *, currency: str = "GBP", included: bool | None = None, items: Sequence[Item] = ITEMS
) -> OrderDraft:
    """Draw one order of these items."""
    taxed_in = dice.random() < 0.72 if included is None else included
    rates = {
        20: TaxRule(name="standard", rate=Decimal("0.2"), included=taxed_in),
        5: TaxRule(name="reduced", rate=Decimal("0.05"), included=taxed_in),
        0: TaxRule(name="zero", rate=Decimal(0), included=taxed_in),
    }
    several = dice.random() < 0.3
    pool = [item for item in items if several or item.tax_percent == 20]
    chosen = dice.sample(pool, min(len(pool), dice.choice((1, 1, 1, 2, 2, 3, 4))))
    lines = [_line(dice, item, rates[item.tax_percent], currency) for item in chosen]
    if dice.random() < 0.05:
        lines.append(LineDraft(sku=chosen[0].sku, quantity=1, unit_minor=700, tax=rates[chosen[0].tax_percent]))
    if dice.random() < 0.06:
        lines.append(LineDraft(sku=dice.choice(pool).sku, quantity=1, gift=True, tax=rates[20]))
    customs: list[CustomLineDraft] = []
    for share, draft, rule in ((0.04, GIFT_WRAP, rates[20]), (0.03, VOUCHER, rates[20]), (0.02, GIFT_CARD, rates[0])):
        if dice.random() < share:
            customs.append(msgspec.structs.replace(draft, tax=rule))
    price = dice.choice((0, 395, 495, 590))
    freight = ShippingDraft(
        price_minor=price,
        discounted_minor=price - 200 if price and dice.random() < 0.1 else None,
        tax=rates[20] if dice.random() < 0.97 else msgspec.structs.replace(rates[20], included=False),
    )
    return OrderDraft(
        lines=tuple(lines),
        custom_lines=tuple(customs),
        shipping=freight if dice.random() < 0.9 else None,
        discount_minor=dice.choice((250, 500, 777)) if dice.random() < 0.11 else 0,
        currency=currency,
        included=taxed_in,
        tax_rounding=dice.choices(list(RoundingMode), (75, 20, 5))[0],
        tax_calculation="UnitPriceLevel" if dice.random() < 0.15 else "LineItemLevel",
        tax_mode="External" if dice.random() < 0.03 else "Platform",
    )


def _line(dice: random.Random, item: Item, rule: TaxRule, currency: str) -> LineDraft:
    quantity = dice.choice((1, 1, 1, 2, 2, 3, 4, 6, 7, 12))
    options: dict[str, Any] = {"sku": item.sku, "quantity": quantity, "tax": rule}
    kind = dice.random()
    if kind < 0.05 and quantity > 1:
        reduced = PriceGroup(quantity=1, unit_minor=item.price // 2)
        options["groups"] = (reduced, PriceGroup(quantity=quantity - 1, unit_minor=item.price))
    elif kind < 0.09:
        options["total_minor"] = dice.randint(quantity, 4000)
    elif kind < 0.12:
        options |= {"precise_unit": Decimal(dice.randint(1, 999)) / 10000, "quantity": dice.choice((8, 50, 250))}
    elif kind < 0.32:
        options |= {"unit_minor": item.price * dice.choice((75, 80, 90)) // 100, "list_minor": item.price}
    return LineDraft(**options)


def as_order(draft: OrderDraft, number: int = 1) -> Order:
    """Let the double price the draft and write the document, and read it as tallyd does.

    Raises:
        PlacementRefused: the shop would not have taken it.
    """
    try:
        cart = price_cart(draft, {item.sku: item for item in ITEMS})
    except ValueError as error:
        raise PlacementRefused(str(error)) from error
    counter = iter(range(1, 10_000))
    fields = order_fields(cart, new_id=lambda: f"line-{number}-{next(counter)}", channels={}, initial_state="state-1")
    at = format_instant(1_798_000_000_000 + number * 60_000)
    head = {
        "id": f"order-{number:05d}",
        "version": 1,
        "createdAt": at,
        "lastModifiedAt": at,
        "orderNumber": f"R-{number:05d}",
        "orderState": "Open",
        "syncInfo": [],
    }
    return read_order(_JSON.encode({**fields, **head}))


def rich_orders(seed: int, count: int, **choices: Any) -> list[Order]:
    """Draw orders the shop takes."""
    dice = random.Random(f"rich/{seed}")
    found: list[Order] = []
    while len(found) < count:
        try:
            found.append(as_order(rich_draft(dice, **choices), len(found) + 1))
        except PlacementRefused:
            continue
    return found
