"""A month of books: thousands of orders live through it, some faults are made by hand, and the report is held to it.

`python -m tests.simulation.month --orders 20000 --faults 137 --seed 0` runs it: the whole daemon and both doubles, on
virtual time and within the real limit of calls. Orders of three currencies are paid in all ways, shipped, returned and
refunded, and all that tallyd posts of it agrees; into this, faults of every class are made in the doubles' own screens
(`tests/simulation/month_faults.py`). Then the report of the month has to name each fault by its order and its class and
nothing besides, leave nothing unexplained in any currency, and show exactly what the doubles' own books add up to
(`tests/simulation/month_judge.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import msgspec

from actors.domain.closing import Closing, month_of
from actors.domain.posting import CurrencyRule
from actors.finance.rules import FinanceRules
from actors.fulfilment.rules import FulfilmentRules
from actors.orders import lease
from actors.orders.rules import Trigger
from adapters.sandbox.carts import LineDraft, OrderDraft, PaymentDraft
from adapters.sandbox.catalogue import ITEMS, Item
from adapters.sandbox.generator import Habits, OrderGenerator
from adapters.sandbox.refusals import PlacementRefused
from adapters.sandbox.virtual_time import run_virtual
from daemon.engine import Plan
from storage import tieout
from tests.simulation.crashes import SLUGS
from tests.simulation.laws import assert_within_the_limit
from tests.simulation.month_faults import FAULTS, Fault, Found, Scene, discount_while_posted
from tests.simulation.month_judge import ZONE, judge
from tests.simulation.stock_books import note_sending
from tests.simulation.stock_haste import IndexedOrders, IndexedPayments
from tests.simulation.world import World, export_rules, plan, world

MINUTE = 60_000
HOUR = 3600.0
DAY = 24 * HOUR
MONTH, NEXT = "2026-12", "2027-01"
DAYS = 31

SOME = 1_000
"""Orders between two lines of progress."""

RATES = {"EUR": "0.85", "USD": "0.79"}
CARD = Item("GIFT-50", "Gift card 50", 5000, 0, 0, "Cards")
GESTURE = 137
"""Minor units given back for nothing in particular."""


def month_plan() -> Plan:
    """Sweeps at a bookkeeper's pace: a month of looking every three seconds teaches nothing more."""
    base = plan(
        export=export_rules(trigger=Trigger(order_states=("Open", "Confirmed"), payment="authorized")),
        finance=FinanceRules(
            posting="auto",
            refunds="credit-note",
            accounts={"adyen/scheme": "090", "giftcard": "850"},
            location="Main Warehouse",
            attend=2 * 60 * MINUTE,
        ),
        fulfilment=FulfilmentRules(tell_refunds=False, gift_cards=frozenset({CARD.sku}), attend=2 * 60 * MINUTE),
        refresh=24 * 60 * MINUTE,
        census=12 * 60 * MINUTE,
    )
    currencies = {name: CurrencyRule(customer=f"web orders {name}", rate=rate) for name, rate in RATES.items()}
    posting = msgspec.structs.replace(
        base.posting, slugs=SLUGS, currencies=currencies, gift_cards={CARD.sku: "Gift card sold"}
    )
    sweeps = msgspec.structs.replace(base.sweeps, hot=15 * MINUTE, complete=15 * MINUTE)
    return msgspec.structs.replace(base, posting=posting, sweeps=sweeps)


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a month. `missed`: faults not found as what they are; `invented`: what nobody did."""

    orders: int
    faults: dict[str, int]
    steps: dict[str, int]
    calls: int
    documents: dict[str, int]
    missed: tuple[str, ...]
    invented: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """True when the report names each fault and nothing else, and its figures are those of the books."""
        return not self.missed and not self.invented and not self.wrong


class Month:
    """Orders come all month; each lives on for some days, or is struck by a fault."""

    def __init__(self, made: World, seed: int, progress: Callable[[str], object]) -> None:
        self.made = made
        self._progress = progress
        self.chance = random.Random(f"month/{seed}")
        habits = Habits(rich=0.4, currencies=("GBP", "GBP", *RATES))
        self.rich = OrderGenerator(seed, made.shop, clock=made.clock, habits=habits)
        self.plain = OrderGenerator(seed + 1, made.shop, clock=made.clock, habits=Habits())
        self.steps: Counter[str] = Counter()
        self.struck: dict[str, str] = {}
        self.pending = 0
        self._by_itself: set[str] = set()
        discount_while_posted(made, self._by_itself.__contains__)

    async def come(self, orders: int, faults: int, days: int) -> None:
        """Place the orders, spread over so many days, the faults spread among them."""
        names = [name for name, _ in zip(_round(list(FAULTS)), range(faults), strict=False)]
        self.chance.shuffle(names)
        places = dict(zip(sorted(self.chance.sample(range(orders), faults)), names, strict=True))
        moments = sorted(self.chance.uniform(0, days * DAY - HOUR) for _ in range(orders))
        began = self.made.clock.monotonic()
        for place, moment in enumerate(moments):
            if place and not place % SOME:
                self._progress(f"{place} orders\n")
            await self.made.clock.sleep(max(0.0, began + moment - self.made.clock.monotonic()))
            if place in places:
                self._strike(places[place])
            else:
                self._live()
        await self.made.until(lambda: not self.pending, within=10 * DAY, every=HOUR)

    # -- those that agree ---------------------------------------------------------------------------------------------

    def _live(self) -> None:
        draft = self._draft()
        try:
            order_id = self.made.shop.place_order(draft)
        except PlacementRefused:  # a price nobody can sell at: somebody buys something else
            return self._live()
        if self.chance.random() < 0.01:
            self._act("cancelled", self.made.shop.cancel, order_id)
            return None
        self._after(self.chance.uniform(0.2, 3) * DAY, self._aftercare, order_id, draft)
        return None

    def _draft(self) -> OrderDraft:
        chance, draft = self.chance, self.rich.next_draft()
        paid = chance.choices(("whole", "parts", "card", "later"), (55, 10, 10, 25))[0]
        payment = {
            "whole": PaymentDraft(),
            "parts": PaymentDraft(captures=2),
            "card": PaymentDraft(gift_card_percent=30),
            "later": PaymentDraft(status="authorized"),
        }[paid]
        lines = draft.lines
        if chance.random() < 0.01:
            lines = (*lines, LineDraft(sku=CARD.sku))
        return msgspec.structs.replace(draft, lines=lines, payment=payment)

    def _aftercare(self, order_id: str, draft: OrderDraft) -> None:
        """What becomes of an order that is sold."""
        sent = self._send(order_id, draft)
        payable = self.made.shop.payable(order_id)
        if draft.payment.status == "authorized":
            parts = self.chance.choices(((1.0,), (0.4, 0.6), (0.5,), ()), (70, 15, 10, 5))[0]
            self._capture(order_id, payable, parts)
        elif draft.payment == PaymentDraft() and self.chance.random() < 0.12:
            self._after(self.chance.uniform(0.1, 2) * DAY, self._give_back, order_id, draft, sent)

    def _send(self, order_id: str, draft: OrderDraft) -> bool:
        """Ship all, a part, or nothing of it; say whether all was."""
        sale = Scene(self.made, order_id, self.chance).sale
        fate = self.chance.random()
        if fate < 0.15 or any(line.sku == CARD.sku for line in draft.lines):
            return False
        if fate < 0.3:
            self._act("part sent", self.made.cin7.ship_part, sale.id, {sale.lines[0].sku: 1})
            return False
        self._act("sent", self.made.cin7.ship_rest, sale.id)
        return True

    def _capture(self, order_id: str, payable: int, parts: tuple[float, ...]) -> None:
        left = payable
        for place, part in enumerate(parts):
            whole = place == len(parts) - 1 and sum(parts) == 1
            amount = left if whole else round(payable * part)
            left -= amount
            if amount > 0:
                self._after(place * DAY, self._act, "captured", self.made.shop.capture, order_id, amount)

    def _give_back(self, order_id: str, draft: OrderDraft, sent: bool) -> None:
        kind = self.chance.choice(("all", "all and goods", "gesture", "line"))
        order = self.made.shop.orders[order_id]
        if kind == "gesture":
            if order["totalPrice"]["centAmount"] > 10 * GESTURE and GESTURE not in _taxes(order):
                self._act("gesture", self.made.shop.refund, order_id, GESTURE)
        elif kind == "all":
            self._act("given back", self.made.shop.refund, order_id)
        elif sent and kind == "all and goods":
            for line in order["lineItems"]:
                self.made.shop.receive_return(order_id, line["id"], line["quantity"])
            self._act("all came back", self.made.shop.refund, order_id)
        elif sent and _is_simple(order, draft):
            line = order["lineItems"][0]
            self.made.shop.receive_return(order_id, line["id"], line["quantity"])
            self._act(
                "a line came back", self.made.shop.refund, order_id, line["taxedPrice"]["totalGross"]["centAmount"]
            )

    # -- those that do not ---------------------------------------------------------------------------------------------

    def _strike(self, name: str) -> None:
        fault, shop = FAULTS[name], self.made.shop
        percents = {item.sku: item.tax_percent for item in ITEMS}
        draft = self.plain.next_draft()
        while not all(percents.get(line.sku) for line in draft.lines):
            draft = self.plain.next_draft()
        order_id = shop.place_order(fault.draft(draft))
        self.struck[order_id] = name
        if fault.while_posted:
            self._by_itself.add(order_id)
            return
        self._run(self._spoil, Scene(self.made, order_id, self.chance), fault)

    async def _spoil(self, scene: Scene, fault: Fault) -> None:
        """Wait until it is posted, and some hours more; then do what the fault is."""
        await self.made.until(lambda: scene.ready, within=DAY, every=600)
        await self.made.clock.sleep(self.chance.uniform(0.5, 12) * HOUR)
        if fault.first is not None:
            fault.first(scene)
            await self.made.until(
                lambda: bool(scene.sale.credit_notes) and all(one.refunds for one in scene.sale.credit_notes),
                within=DAY,
                every=600,
            )
        if fault.strike is not None:
            fault.strike(scene)

    # -- how it happens ------------------------------------------------------------------------------------------------

    def _act(self, name: str, what: Callable[..., object], *given: Any) -> None:
        what(*given)
        self.steps[name] += 1

    def _after(self, seconds: float, what: Callable[..., object], *given: Any) -> None:
        async def later() -> None:
            await self.made.clock.sleep(seconds)
            what(*given)

        self._run(later)

    def _run(self, what: Callable[..., Awaitable[None]], *given: Any) -> None:
        async def counted() -> None:
            await what(*given)
            self.pending -= 1

        self.pending += 1
        self.made.tasks.start_soon(counted)


def _round(names: list[str]) -> Iterator[str]:
    while True:
        yield from names


def _taxes(order: dict[str, Any]) -> set[int]:
    taxed = order["taxedPrice"]
    return {one["amount"]["centAmount"] for one in taxed["taxPortions"]} | {
        taxed["totalGross"]["centAmount"] - taxed["totalNet"]["centAmount"]
    }


def _is_simple(order: dict[str, Any], draft: OrderDraft) -> bool:
    """Say whether what a line costs is told by the line alone."""
    skus = [line["variant"]["sku"] for line in order["lineItems"]]
    plain = draft.included and not draft.discount_minor and not draft.custom_lines
    return plain and len(skus) == len(set(skus)) and bool(order["lineItems"][0]["totalPrice"]["centAmount"])


@contextlib.contextmanager
def unhurried() -> Iterator[None]:
    """Let the daemon renew its lease every half hour: nobody else is there."""
    with mock.patch.multiple(lease, RENEW_SECONDS=1800.0, VALID_SECONDS=5400.0, LEASE_SECONDS=7200.0):
        yield


def _open_the_shop(made: World) -> None:
    """Plenty of everything, customers in all currencies, gift cards on sale."""
    for item in ITEMS:
        made.cin7.receive_stock(item.sku, 10**6)
        made.shop.set_stock(item.sku, 10**6)
    for currency in RATES:
        made.cin7.add_customer(f"web orders {currency}", currency=currency)
    made.shop.add_item(CARD, stock=10**6)


async def month(seed: int, orders: int, faults: int, days: int, progress: Callable[[str], object]) -> Books:
    """Run the last days of a month. Raises when the limit of calls was broken."""
    shop: dict[str, Any] = {"messages_enabled": False}
    async with world(seed, the_plan=month_plan(), shop=shop) as made:
        note_sending(made.ct_network, lambda: 0)
        IndexedOrders(made)
        made.clock.shift(round((DAYS - days) * DAY * 1000))
        _open_the_shop(made)
        IndexedPayments(made)
        await made.ready()
        played = Month(made, seed, progress)
        await played.come(orders, faults, days)
        await made.clock.sleep(6 * HOUR)
        await made.daemon.census()
        await made.clock.sleep(HOUR)
        closings = [_closing(made, name) for name in (MONTH, NEXT)]
        assert_within_the_limit(made)
        return _judged(played, closings)


def _closing(made: World, name: str) -> Closing:
    period = month_of(name)
    return made.read(
        lambda connection: tieout.period_report(connection, period, ZONE, as_of=period.last + timedelta(days=1))
    )


def _judged(played: Month, closings: list[Closing]) -> Books:
    made, found = played.made, dict[str, set[Any]]()
    told: dict[str, set[str]] = {}
    for closing in closings:
        for one in closing.differences:
            found.setdefault(one.order_id, set()).add((one.chain, one.reason))
        for told_of in closing.exceptions:
            told.setdefault(told_of.record_id, set()).add(told_of.type)
    missed, invented = [], []
    for order_id, name in played.struck.items():
        fault, as_what = FAULTS[name], frozenset(found.pop(order_id, set()))
        if as_what != fault.found or (fault.told and fault.told not in told.get(order_id, set())):
            missed.append(f"{_number(made, order_id)} {name}: {_words(as_what)}, {sorted(told.get(order_id, ()))}")
        told.pop(order_id, None)
    invented += [f"{_number(made, order_id)}: {_words(frozenset(besides))}" for order_id, besides in found.items()]
    invented += [f"{_number(made, order_id)}: {sorted(types)}" for order_id, types in told.items()]
    wrong = [why for closing in closings for why in _wrong_with(made, closing)]
    sold = Counter(type(one).__name__ for sale in made.cin7.sales for one in (*sale.invoices, *sale.credit_notes))
    sold["Payment"] = len(made.cin7.payments())
    return Books(
        orders=len(made.shop.orders),
        faults=dict(Counter(played.struck.values())),
        steps=dict(played.steps),
        calls=len(made.cin7.call_log),
        documents=dict(sold),
        missed=tuple(missed),
        invented=tuple(invented),
        wrong=tuple(wrong),
    )


def _number(made: World, order_id: str) -> str:
    return str(made.shop.orders[order_id]["orderNumber"]) if order_id in made.shop.orders else order_id


def _words(found: Found) -> str:
    return ", ".join(sorted(f"{chain}: {reason}" for chain, reason in found)) or "nothing"


def _wrong_with(made: World, closing: Closing) -> Iterator[str]:
    for chain in closing.chains:
        left = chain.tie.unexplained
        if left.gross or left.net or left.tax or chain.unexplained_orders:
            yield f"{closing.period.name}: {left.gross} {chain.currency} of {chain.chain} is unexplained"
    yield from (f"{closing.period.name}: {why}" for why in judge(made, closing))
    if closing.without_documents:
        yield f"{closing.period.name}: without a sale {[(one.number, one.state) for one in closing.without_documents]}"


def run(
    seed: int, orders: int, faults: int, days: int = DAYS, progress: Callable[[str], object] = lambda words: None
) -> Books:
    """Run a month, or its last days, on virtual time; `progress` is told every `SOME` orders."""
    with unhurried():
        return run_virtual(functools.partial(month, seed, orders, faults, days, progress))


def told_in_words(books: Books) -> str:
    """Say what came of a month, and the first things that were wrong."""
    words = [
        f"{books.orders} orders, {sum(books.faults.values())} faults of {len(books.faults)} classes;"
        f" {', '.join(f'{count} {name}' for name, count in sorted({**books.steps, **books.documents}.items()))};"
        f" {books.calls} calls to Cin7 Core",
        f"{len(books.missed)} missed, {len(books.invented)} invented, {len(books.wrong)} wrong",
    ]
    return "\n  ".join([*words, *books.missed[:30], *books.invented[:30], *books.wrong[:30]])


def main(arguments: list[str] | None = None) -> int:
    """Run a month; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.month", description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000, help="orders (default 20000)")
    parser.add_argument("--faults", type=int, default=137, help="faults among them (default 137)")
    parser.add_argument("--days", type=int, default=DAYS, help="days of the month, its last ones (default 31)")
    parser.add_argument("--seed", type=int, default=0, help="the seed (default 0)")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    books = run(chosen.seed, chosen.orders, chosen.faults, chosen.days, sys.stderr.write)
    sys.stdout.write(f"{told_in_words(books)}\n{time.monotonic() - began:.0f} s\n")
    return 0 if books.holds else 1


if __name__ == "__main__":
    sys.exit(main())
