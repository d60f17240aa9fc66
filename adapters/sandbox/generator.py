"""Orders out of nowhere: plain ones as a British homeware shop sees them, rich ones, and ones that go wrong.

The same seed draws the same drafts. A plain order is in pounds, of mapped products, charged in full, without order
discount and of one tax rate. A rich one adds some of `Feature` to a plain one. Both tallyd must carry through without a
person, where the account and the mapping allow it.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import msgspec

from adapters.sandbox.carts import (
    FRACTION_DIGITS,
    CustomLineDraft,
    LineDraft,
    OrderDraft,
    PaymentDraft,
    PriceGroup,
    ShippingDraft,
    TaxRule,
    price_cart,
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

VOUCHER = CustomLineDraft(slug="voucher", name="Voucher", unit_minor=-500)
GIFT_CARD = CustomLineDraft(slug="gift-card", name="Gift card redeemed", unit_minor=-1000)

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


class Feature(StrEnum):
    """What makes an order rich; nothing of it needs a person."""

    SEVERAL_RATES = "several_rates"
    ORDER_DISCOUNT = "order_discount"
    GIFT_LINE = "gift_line"
    GIFT_WRAP = "gift_wrap"
    VOUCHER = "voucher"
    GIFT_CARD = "gift_card"
    HIGH_PRECISION = "high_precision"
    PRICE_GROUPS = "price_groups"
    EXTERNAL_TOTAL = "external_total"
    REPEATED_SKU = "repeated_sku"
    DISCOUNTED_SHIPPING = "discounted_shipping"
    UNIT_PRICE_LEVEL = "unit_price_level"
    HALF_UP = "half_up"
    HALF_DOWN = "half_down"
    CUSTOM_FIELDS = "custom_fields"
    CUSTOMER_ID = "customer_id"


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How customers and the shop behave; shares are 0 to 1. `poisons` says how often which order goes wrong.

    `gift_card_paid` is the share of orders that a gift card pays half of, `two_captures` of those paid in two parts.
    `rich` is the share of orders that have one to four of `features`, in one of `currencies`; poisoned ones have none.
    """

    excluded: float = 0.1  # net prices
    product_discount: float = 0.2
    price_groups: float = 0.03
    tie_price: float = 0.25  # a discount to a price that splits into net and tax at exactly half a penny
    discounted_shipping: float = 0.05
    tax_rounding: RoundingMode = RoundingMode.HALF_EVEN
    inventory_mode: str = "TrackOnly"
    payment: str = "charged"
    gift_card_paid: float = 0.0
    two_captures: float = 0.0
    rich: float = 0.0
    features: tuple[Feature, ...] = tuple(Feature)
    currencies: tuple[str, ...] = ("GBP",)
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
    """An order the generator placed, what is wrong with it, if anything, and what makes it rich."""

    order_id: str
    poison: Poison | None
    features: tuple[Feature, ...] = ()


class OrderGenerator:
    """Draws drafts and places them. `placed` and `refused` are its books."""

    def __init__(self, seed: int, double: OrderDesk, *, clock: GeneratorClock, habits: Habits | None = None) -> None:
        """Sell what `double` sells; `STRANGER` is put on sale there as well, for poisoned orders only."""
        self._random = random.Random(f"orders/{seed}")
        self._means = random.Random(f"payments/{seed}")
        self._rich = Enricher(random.Random(f"rich/{seed}"), double.items)
        self._double = double
        self._clock = clock
        self._habits = habits if habits is not None else Habits()
        self._items = sorted((item for item in double.items.values() if item != STRANGER), key=lambda item: item.sku)
        if STRANGER.sku not in double.items:
            double.add_item(STRANGER)
        self.placed: list[Placed] = []
        self.refused: list[str] = []

    def next_draft(self, poison: Poison | None = None) -> OrderDraft:
        """Draw a draft, plain or rich as habits have it, or one that is poisoned in the way asked for."""
        return self._drawn(poison)[0]

    def place_next(self, poison: Poison | None = None) -> Placed | None:
        """Draw a draft, poisoned as asked or else as habits have it, and place it; None if the shop refused it."""
        poison = poison or self._drawn_poison()
        draft, features = self._drawn(poison)
        try:
            order_id = self._double.place_order(draft)
        except PlacementRefused as refusal:
            self.refused.append(str(refusal))
            return None
        placed = Placed(order_id=order_id, poison=poison, features=features)
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

    def _drawn(self, poison: Poison | None) -> tuple[OrderDraft, tuple[Feature, ...]]:
        draft = self._plain()
        if poison is not None:
            return self._poisoned(draft, poison), ()
        if not self._rich.wants(self._habits.rich):
            return draft, ()
        return self._rich.enriched(draft, self._habits)

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
            payment=self._payment(),
            email=person["email"],
            billing=person,
            delivery=person if dice.random() < 0.85 else address(dice),
        )

    def _payment(self) -> PaymentDraft:
        """Draw how an order is paid, from dice of its own: a share of 0 draws nothing, and other draws stay."""
        habits, dice = self._habits, self._means
        by_card = habits.gift_card_paid > 0 and dice.random() < habits.gift_card_paid
        in_two = habits.two_captures > 0 and dice.random() < habits.two_captures
        return PaymentDraft(status=habits.payment, gift_card_percent=50 if by_card else 0, captures=2 if in_two else 1)

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


class Enricher:
    """Turns plain drafts into rich ones. It has dice of its own, so that plain drafts stay what they are."""

    def __init__(self, dice: random.Random, items: Mapping[str, Item]) -> None:
        """Draw from `items` (`STRANGER` never)."""
        self._dice = dice
        self._items = items

    def wants(self, share: float) -> bool:
        """Draw whether an order is rich; a share of 0 draws nothing."""
        return share > 0 and self._dice.random() < share

    def enriched(self, draft: OrderDraft, habits: Habits) -> tuple[OrderDraft, tuple[Feature, ...]]:
        """Return the draft with one to four features, and which."""
        count = min(self._dice.choice((1, 1, 2, 2, 3, 4)), len(habits.features))
        drawn = set(self._dice.sample(habits.features, count))
        if Feature.HIGH_PRECISION in drawn:
            # Tax rounded per piece of less than a penny can exceed the price: no shop sells like that, and it is held.
            drawn.discard(Feature.UNIT_PRICE_LEVEL)
        features = tuple(sorted(drawn, key=list(Feature).index))
        draft = msgspec.structs.replace(draft, currency=self._dice.choice(habits.currencies))
        for feature in features:
            draft = self._changes()[feature](draft)
        return draft, features

    def _changes(self) -> Mapping[Feature, Callable[[OrderDraft], OrderDraft]]:
        return {
            Feature.SEVERAL_RATES: self._another_rate,
            Feature.ORDER_DISCOUNT: lambda draft: _with(draft, discount_minor=self._piece_of(draft, 1000)),
            Feature.GIFT_LINE: lambda draft: _more(draft, LineDraft(sku=self._other(draft).sku, gift=True)),
            Feature.GIFT_WRAP: self._wrapped,
            Feature.VOUCHER: lambda draft: self._taken_off(draft, VOUCHER, _rule(self._items, draft)),
            Feature.GIFT_CARD: lambda draft: self._taken_off(draft, GIFT_CARD, rule_of(0, included=draft.included)),
            Feature.HIGH_PRECISION: self._precise,
            Feature.PRICE_GROUPS: self._grouped,
            Feature.EXTERNAL_TOTAL: self._undivided,
            Feature.REPEATED_SKU: self._repeated,
            Feature.DISCOUNTED_SHIPPING: self._cheaper_shipping,
            Feature.UNIT_PRICE_LEVEL: lambda draft: _with(draft, tax_calculation="UnitPriceLevel"),
            Feature.HALF_UP: lambda draft: _with(draft, tax_rounding=RoundingMode.HALF_UP),
            Feature.HALF_DOWN: lambda draft: _with(draft, tax_rounding=RoundingMode.HALF_DOWN),
            Feature.CUSTOM_FIELDS: self._noted,
            Feature.CUSTOMER_ID: lambda draft: _with(draft, customer_id=self._id()),
        }

    def _another_rate(self, draft: OrderDraft) -> OrderDraft:
        own = _percent(self._items, draft)
        others = [item for item in self._sold() if item.tax_percent != own]
        return _more(draft, LineDraft(sku=self._dice.choice(others).sku)) if others else draft

    def _wrapped(self, draft: OrderDraft) -> OrderDraft:
        wrap = _with(GIFT_WRAP, quantity=self._dice.randint(1, 3), tax=_rule(self._items, draft))
        return _with(draft, custom_lines=(*draft.custom_lines, wrap))

    def _taken_off(self, draft: OrderDraft, line: CustomLineDraft, rule: TaxRule) -> OrderDraft:
        amount = self._piece_of(draft, -line.unit_minor)
        return _with(draft, custom_lines=(*draft.custom_lines, _with(line, unit_minor=-amount, tax=rule)))

    def _precise(self, draft: OrderDraft) -> OrderDraft:
        item = self._other(draft)
        digits = FRACTION_DIGITS.get(draft.currency, 2)
        tail = Decimal(self._dice.choice((1, 25, 50, 99))).scaleb(-2)
        price = (Decimal(max(item.price // 100, 1)) + tail).scaleb(-digits)
        quantity = self._dice.choice((7, 12, 24, 40))
        return _more(draft, LineDraft(sku=item.sku, quantity=quantity, precise_unit=price))

    def _grouped(self, draft: OrderDraft) -> OrderDraft:
        item = self._other(draft)
        cheap = PriceGroup(quantity=self._dice.choice((1, 2)), unit_minor=item.price // 2)
        full = PriceGroup(quantity=self._dice.choice((1, 2, 3)), unit_minor=item.price)
        return _more(draft, LineDraft(sku=item.sku, quantity=cheap.quantity + full.quantity, groups=(cheap, full)))

    def _undivided(self, draft: OrderDraft) -> OrderDraft:
        item, quantity = self._other(draft), self._dice.choice((3, 7, 12))
        return _more(draft, LineDraft(sku=item.sku, quantity=quantity, total_minor=item.price * quantity - 1))

    def _repeated(self, draft: OrderDraft) -> OrderDraft:
        line = draft.lines[0]
        price = self._items[line.sku].price
        return _more(draft, LineDraft(sku=line.sku, unit_minor=price * 9 // 10, list_minor=price, tax=line.tax))

    def _cheaper_shipping(self, draft: OrderDraft) -> OrderDraft:
        shipping = draft.shipping
        if shipping is None or not shipping.price_minor:
            return draft
        left = shipping.price_minor * self._dice.choice((0, 50, 80)) // 100
        return _with(draft, shipping=_with(shipping, discounted_minor=left))

    def _noted(self, draft: OrderDraft) -> OrderDraft:
        fields = {
            "giftMessage": self._dice.choice(("Happy birthday!", "For the new home", "Thank you")),
            "giftReceipt": self._dice.random() < 0.5,
            "leaveWith": self._dice.choice(("neighbour", "porch")),
        }
        return _with(draft, custom_fields=fields, purchase_order=f"PO-{self._dice.randint(1000, 9999)}")

    def _piece_of(self, draft: OrderDraft, most: int) -> int:
        """Return an amount that is no more than a third of what is to pay, so that something always is."""
        return max(min(most, price_cart(draft, self._items).total // 3), 1)

    def _other(self, draft: OrderDraft) -> Item:
        """Draw a product of the order's rate that is not in it yet, if there is one."""
        own, bought = _percent(self._items, draft), {line.sku for line in draft.lines}
        of_rate = [item for item in self._sold() if item.tax_percent == own]
        return self._dice.choice([item for item in of_rate if item.sku not in bought] or of_rate)

    def _sold(self) -> list[Item]:
        return sorted((item for item in self._items.values() if item != STRANGER), key=lambda item: item.sku)

    def _id(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))


_Draft = TypeVar("_Draft", OrderDraft, CustomLineDraft, ShippingDraft)


def _with(draft: _Draft, **changes: Any) -> _Draft:
    return msgspec.structs.replace(draft, **changes)


def _more(draft: OrderDraft, line: LineDraft) -> OrderDraft:
    return _with(draft, lines=(*draft.lines, line))


def _percent(items: Mapping[str, Item], draft: OrderDraft) -> int:
    return items[draft.lines[0].sku].tax_percent


def _rule(items: Mapping[str, Item], draft: OrderDraft) -> TaxRule:
    return rule_of(_percent(items, draft), included=draft.included)


def _tie_below(price: int) -> int:
    """Return the highest price up to this one that is 3 modulo 6: at 20 % its net ends in exactly half a penny."""
    return price - (price - 3) % 6


def orders_of(placed: Sequence[Placed], poison: Poison | None = None) -> list[str]:
    """Return the ids of the orders with this poison (of the plain ones for None)."""
    return [order.order_id for order in placed if order.poison is poison]
