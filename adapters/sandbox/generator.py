"""Orders out of nowhere: plain ones as a British homeware shop sees them, and, on request, ones that go wrong.

The same seed draws the same drafts. A plain order is in pounds, of mapped products, charged in full, without order
discount and of one tax rate: tallyd must carry it through without a person.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from adapters.sandbox.carts import (
    CustomLineDraft,
    LineDraft,
    OrderDraft,
    PaymentDraft,
    PriceGroup,
    ShippingDraft,
    TaxRule,
    rule_of,
)
from adapters.sandbox.catalogue import Item
from adapters.sandbox.people import address
from adapters.sandbox.refusals import PlacementRefused
from adapters.sandbox.totals import RoundingMode

STRANGER = Item("XX-UNMAPPED-01", "Limited Edition Print, Framed", 4500, 250, 20, "Art")
"""A product commercetools sells and Cin7 does not know."""

UNKNOWN_TAX = TaxRule(name="luxury", rate=Decimal("0.2"))
"""A tax rate nobody mapped."""

GIFT_WRAP = CustomLineDraft(slug="gift-wrap", name="Gift wrap", unit_minor=350)

_SHIPPING = (("Royal Mail Tracked 48", 395), ("Royal Mail Tracked 24", 495), ("Click and Collect", 0))
_QUANTITIES = (1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 6, 12)
_LINE_COUNTS = (1, 1, 1, 2, 2, 3, 3, 4, 5, 6)


class Poison(StrEnum):
    """A reason why an order is not plain."""

    UNMAPPED_SKU = "unmapped_sku"
    UNKNOWN_TAX = "unknown_tax"
    UNPAID = "unpaid"
    SEVERAL_RATES = "several_rates"  # harmless, only harder
    CUSTOM_LINE = "custom_line"
    ORDER_DISCOUNT = "order_discount"


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How customers and the shop behave; shares are 0 to 1. `poisons` says how often which order goes wrong."""

    excluded: float = 0.1  # net prices
    product_discount: float = 0.2
    price_groups: float = 0.03
    tie_price: float = 0.25  # a discount to a price that splits into net and tax at exactly half a penny
    discounted_shipping: float = 0.05
    tax_rounding: RoundingMode = RoundingMode.HALF_EVEN
    inventory_mode: str = "TrackOnly"
    payment: str = "charged"
    poisons: Mapping[Poison, float] = msgspec.field(default_factory=dict)


class OrderDesk(Protocol):
    """Where orders are placed."""

    items: dict[str, Item]

    def place_order(self, draft: OrderDraft) -> str:
        """Place an order; return its id. Raises `PlacementRefused`."""
        ...

    def add_item(self, item: Item, *, stock: int | None = None) -> None:
        """Put a product on sale."""
        ...


class GeneratorClock(Protocol):
    """What the generator needs of a clock."""

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An order the generator placed, and what is wrong with it, if anything."""

    order_id: str
    poison: Poison | None


class OrderGenerator:
    """Draws drafts and places them. `placed` and `refused` are its books."""

    def __init__(self, seed: int, double: OrderDesk, *, clock: GeneratorClock, habits: Habits | None = None) -> None:
        """Sell what `double` sells; `STRANGER` is put on sale there as well, for poisoned orders only."""
        self._random = random.Random(f"orders/{seed}")
        self._double = double
        self._clock = clock
        self._habits = habits if habits is not None else Habits()
        self._items = sorted((item for item in double.items.values() if item != STRANGER), key=lambda item: item.sku)
        if STRANGER.sku not in double.items:
            double.add_item(STRANGER)
        self.placed: list[Placed] = []
        self.refused: list[str] = []

    def next_draft(self, poison: Poison | None = None) -> OrderDraft:
        """Draw a plain draft, or one that is poisoned in the way asked for."""
        draft = self._plain()
        return draft if poison is None else self._poisoned(draft, poison)

    def place_next(self, poison: Poison | None = None) -> Placed | None:
        """Draw a draft, poisoned as asked or else as habits have it, and place it; None if the shop refused it."""
        poison = poison or self._drawn_poison()
        try:
            order_id = self._double.place_order(self.next_draft(poison))
        except PlacementRefused as refusal:
            self.refused.append(str(refusal))
            return None
        placed = Placed(order_id=order_id, poison=poison)
        self.placed.append(placed)
        return placed

    async def run(self, rate_per_minute: float, count: int) -> None:
        """Place `count` orders on the clock, at random moments, so many a minute on average.

        Raises:
            ValueError: a rate of zero or below.
        """
        if rate_per_minute <= 0:
            raise ValueError("the rate must be above zero")
        for _ in range(count):
            await self._clock.sleep(self._random.expovariate(rate_per_minute / 60))
            self.place_next()

    def _plain(self) -> OrderDraft:
        habits, dice = self._habits, self._random
        percent = 20 if dice.random() < 0.9 else dice.choice((5, 0))
        included = dice.random() >= habits.excluded
        sold = [item for item in self._items if item.tax_percent == percent]
        items = dice.sample(sold, min(dice.choice(_LINE_COUNTS), len(sold)))
        person = address(dice)
        return OrderDraft(
            lines=tuple(self._line(item) for item in items),
            shipping=self._shipping(rule_of(percent, included=included)),
            included=included,
            tax_rounding=habits.tax_rounding,
            inventory_mode=habits.inventory_mode,
            payment=PaymentDraft(status=habits.payment),
            email=person["email"],
            billing=person,
            delivery=person if dice.random() < 0.85 else address(dice),
        )

    def _line(self, item: Item) -> LineDraft:
        habits, dice = self._habits, self._random
        quantity = dice.choice(_QUANTITIES)
        if quantity > 1 and dice.random() < habits.price_groups:
            reduced = PriceGroup(quantity=1, unit_minor=item.price // 2)
            full = PriceGroup(quantity=quantity - 1, unit_minor=item.price)
            return LineDraft(sku=item.sku, quantity=quantity, groups=(reduced, full))
        if dice.random() < habits.product_discount:
            reduced_price = item.price * dice.choice((75, 80, 90)) // 100
            return LineDraft(sku=item.sku, quantity=quantity, unit_minor=reduced_price, list_minor=item.price)
        if dice.random() < habits.tie_price:
            return LineDraft(sku=item.sku, quantity=quantity, unit_minor=_tie_below(item.price), list_minor=item.price)
        return LineDraft(sku=item.sku, quantity=quantity)

    def _shipping(self, rule: TaxRule) -> ShippingDraft:
        """Shipping is taxed as the goods are: a plain order has one rate."""
        method, price = self._random.choice(_SHIPPING)
        discounted = price - 200 if price and self._random.random() < self._habits.discounted_shipping else None
        return ShippingDraft(method=method, price_minor=price, discounted_minor=discounted, tax=rule)

    def _poisoned(self, draft: OrderDraft, poison: Poison) -> OrderDraft:
        change = msgspec.structs.replace
        match poison:
            case Poison.UNMAPPED_SKU:
                return change(draft, lines=(*draft.lines, LineDraft(sku=STRANGER.sku)))
            case Poison.UNKNOWN_TAX:
                rule = msgspec.structs.replace(UNKNOWN_TAX, included=draft.included)
                return change(draft, lines=(change(draft.lines[0], tax=rule), *draft.lines[1:]))
            case Poison.UNPAID:
                return change(draft, payment=PaymentDraft(status="pending"))
            case Poison.SEVERAL_RATES:
                return change(draft, lines=self._one_of_each_rate())
            case Poison.CUSTOM_LINE:
                return change(draft, custom_lines=(GIFT_WRAP,))
        return change(draft, discount_minor=self._random.choice((250, 500, 777)))

    def _one_of_each_rate(self) -> tuple[LineDraft, ...]:
        by_percent: dict[int, list[Item]] = {}
        for item in self._items:
            by_percent.setdefault(item.tax_percent, []).append(item)
        return tuple(LineDraft(sku=self._random.choice(sold).sku) for sold in by_percent.values())

    def _drawn_poison(self) -> Poison | None:
        for poison, share in self._habits.poisons.items():
            if self._random.random() < share:
                return poison
        return None


def _tie_below(price: int) -> int:
    """Return the highest price up to this one that is 3 modulo 6: at 20 % its net ends in exactly half a penny."""
    return price - (price - 3) % 6


def orders_of(placed: Sequence[Placed], poison: Poison | None = None) -> list[str]:
    """Return the ids of the orders with this poison (of the plain ones for None)."""
    return [order.order_id for order in placed if order.poison is poison]
