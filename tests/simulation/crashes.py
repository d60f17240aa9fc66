"""The run that stands on every crash point: orders, edits, cancellations, faults and outages, and a kill at each.

What is sold is invoiced and paid, and some of it given back; the range changes on both sides meanwhile. Both sides
tell the daemon what happens, late, twice, in no order and sometimes in words that make no sense; now and then Cin7 Core
switches one of the webhooks off.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from actors.census import hooks
from actors.domain.crashpoints import crash_points
from actors.domain.posting import ChargeRule
from actors.finance.rules import FinanceRules
from actors.fulfilment.rules import FulfilmentRules
from actors.intake.rules import MINUTE
from actors.messages import Flow
from actors.orders.rules import Trigger
from actors.stock.rules import StockRules
from adapters.sandbox.carts import OrderDraft, PaymentDraft
from adapters.sandbox.cin7_wire import RefusedError
from adapters.sandbox.faults import Fault, FaultKind, Faults
from adapters.sandbox.generator import Habits, OrderGenerator
from adapters.sandbox.network import VirtualTransport
from storage import doors, orders, outbox
from storage.listed_sales import order_of
from tests.simulation.books_judge import assert_books_posted
from tests.simulation.buyers import RANGE, Buyers
from tests.simulation.laws import (
    assert_both_sides_agree,
    assert_every_event_once,
    assert_exactly_once,
    assert_names_kept,
    assert_no_stranger_silent,
    assert_nothing_silent,
    assert_one_product_each,
    assert_one_state_each,
    assert_people_keep_their_products,
    assert_the_unreadable_is_told,
    assert_webhooks_stand,
    assert_within_the_limit,
    deliveries_off,
    stock_off,
)
from tests.simulation.senders import Senders, plan_with_doors
from tests.simulation.world import World, export_rules, plan, world

HOUR = 3600.0
PLENTY = 60
"""Units of which a few may go without anybody missing them."""
PAGE = 7
"""Orders a page: small, so that the sweeps page over data that moves."""


class Reaper:
    """Kills at every crash point once, each at a random passing, never more often than the world can bear."""

    def __init__(self, points: frozenset[str], chance: random.Random, made: World, *, rest: float) -> None:
        self.left = dict.fromkeys(sorted(points), 0)
        self._rest = rest
        self._chance = chance
        self._world = made
        self._rest_until = 0.0
        self.eager = False

    def __call__(self, point: str) -> bool:
        if point not in self.left or self._world.clock.monotonic() < self._rest_until:
            return False
        self.left[point] += 1
        rare = self.left[point] >= 3 or self.eager
        if not rare and self._chance.random() > 0.5:
            return False
        if self._world.read(_on_its_last_attempt):
            return False
        del self.left[point]
        self._rest_until = self._world.clock.monotonic() + self._rest * self._chance.uniform(5, 40)
        return True


def _on_its_last_attempt(connection: sqlite3.Connection) -> bool:
    """Whether a kill would set a message aside: rightly, for all the daemon can know, but for a person to release."""
    last = connection.execute("SELECT max(attempts) FROM outbox WHERE state = 'running'").fetchone()[0]
    return last is not None and last >= outbox.MAX_ATTEMPTS


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one seed. `trace` is every order's way and every sale, in order: equal for equal seeds.

    `told` is what both doors were brought, and how often; `posted` how many documents of each kind stand; `products`
    how many were drafted and taken down.
    """

    seed: int
    orders: int
    kills: tuple[str, ...]
    faults: dict[str, int]
    passed: dict[str, int]
    outages: int
    sales: int
    told: dict[str, int]
    posted: dict[str, int]
    products: dict[str, int]
    trace: tuple[str, ...]


def faults_of_a_bad_day(made: World) -> None:
    """Every kind of fault on every call that matters, on both sides, reads included."""

    def every(faults: Faults, operation: str, *drawn: tuple[Fault, float]) -> None:
        for fault, probability in drawn:
            faults.chance(operation, fault, probability)

    for operation in (
        *("customer_create", "sale_create", "sale_order", "sale_void", "sale_update"),
        *("invoice_write", "payment_write", "credit_note_write"),
    ):
        every(
            made.cin7_faults,
            operation,
            (Fault(kind=FaultKind.DROP_AFTER), 0.02),
            (Fault(kind=FaultKind.DROP_BEFORE), 0.02),
            (Fault(kind=FaultKind.ERROR_AFTER, status=500), 0.01),
            (Fault(kind=FaultKind.ERROR_BEFORE, status=503), 0.01),
            (Fault(kind=FaultKind.LIMITED), 0.005),
            (Fault(kind=FaultKind.MALFORMED), 0.01),
            (Fault(kind=FaultKind.SLOW, seconds=75), 0.004),
            (Fault(kind=FaultKind.SLOW, seconds=110), 0.003),
            (Fault(kind=FaultKind.SLOW_ANSWER, seconds=20), 0.01),
        )
    for operation in ("webhook_create", "webhook_update"):
        every(
            made.cin7_faults,
            operation,
            (Fault(kind=FaultKind.DROP_AFTER), 0.05),
            (Fault(kind=FaultKind.DROP_BEFORE), 0.03),
            (Fault(kind=FaultKind.ERROR_AFTER, status=500), 0.03),
            (Fault(kind=FaultKind.ERROR_BEFORE, status=503), 0.03),
            (Fault(kind=FaultKind.MALFORMED), 0.03),
        )
    for operation in (
        "availability",
        "webhooks",
        "credit_note_list",
        "sale_list",
        "sale_sweep",
        "sale_read",
        "products",
        "product_families",
        "tax_rules",
        "customer",
        "me",
    ):
        every(
            made.cin7_faults,
            operation,
            (Fault(kind=FaultKind.ERROR_BEFORE, status=502), 0.03),
            (Fault(kind=FaultKind.DROP_BEFORE), 0.02),
            (Fault(kind=FaultKind.MALFORMED), 0.03),
            (Fault(kind=FaultKind.SLOW_ANSWER, seconds=8), 0.02),
        )
    every(
        made.ct_faults,
        "order_update",
        (Fault(kind=FaultKind.DROP_AFTER), 0.03),
        (Fault(kind=FaultKind.DROP_BEFORE), 0.02),
        (Fault(kind=FaultKind.ERROR_AFTER, status=500), 0.02),
        (Fault(kind=FaultKind.LIMITED), 0.01),
        (Fault(kind=FaultKind.MALFORMED), 0.01),
        (Fault(kind=FaultKind.SLOW, seconds=15), 0.02),
    )
    for operation in ("inventory_update", "inventory_create", "product_update", "product_create"):
        every(
            made.ct_faults,
            operation,
            (Fault(kind=FaultKind.DROP_AFTER), 0.05),
            (Fault(kind=FaultKind.DROP_BEFORE), 0.03),
            (Fault(kind=FaultKind.ERROR_AFTER, status=500), 0.03),
            (Fault(kind=FaultKind.LIMITED), 0.02),
            (Fault(kind=FaultKind.MALFORMED), 0.02),
            (Fault(kind=FaultKind.SLOW, seconds=15), 0.02),
        )
    for operation in (
        "inventory_list",
        "inventory_read",
        "product_list",
        "product_read",
        "product_type",
        "tax_category",
        "order_list",
        "order_read",
        "custom_object_read",
        "custom_object_write",
        "token",
    ):
        every(
            made.ct_faults,
            operation,
            (Fault(kind=FaultKind.ERROR_BEFORE, status=503), 0.02),
            (Fault(kind=FaultKind.DROP_AFTER), 0.01),
            (Fault(kind=FaultKind.MALFORMED), 0.01),
            (Fault(kind=FaultKind.SLOW_ANSWER, seconds=5), 0.01),
        )
    made.cin7_network.lose_answer_chance = 0.004
    # A request that arrives later than its own timeout is nobody's to count (law L3 is about arrivals), so on the side
    # of Cin7 what is late is the execution (SLOW), never the arrival.
    made.ct_network.lose_answer_chance = 0.002
    made.ct_network.delay_execution_chance = 0.002


CANCELLED_AFTER = (0.0, 900.0, 1.0, 600.0, 30.0, 1200.0)
"""Seconds between an order and its cancellation: before, while and after its sale is made."""

STRAGGLERS = 40
"""Most orders more that are placed because a crash point was not reached by the others."""


async def bad_day(
    seed: int,
    *,
    count: int = 200,
    cancelled: int | None = None,
    points: frozenset[str] | None = None,
    every: float = 1.5,
    hurry: float = 1.0,
) -> Day:
    """Run one seed. Raises when a law is broken or a point was not reached.

    An order comes every `every` seconds on average, and 6 in 100 more that are `cancelled` unless said otherwise;
    `hurry` below 1 shortens what happens to orders later, and the rests between kills.
    """
    cancelled = count * 6 // 100 if cancelled is None else cancelled
    chance = random.Random(f"bad day/{seed}")
    base = plan()
    base = plan(
        export=export_rules(trigger=Trigger(order_states=("Open", "Confirmed"), payment="paid")),
        sweeps=msgspec.structs.replace(base.sweeps, page=PAGE),
        posting=msgspec.structs.replace(base.posting, customer_mode="per-customer", slugs=SLUGS),
        census=10 * MINUTE,
        stock=StockRules(channels={"": ("Main Warehouse",)}, snapshot=MINUTE),
        catalogue=RANGE,
        finance=FinanceRules(posting="auto", refunds="credit-note", accounts={"adyen/scheme": "090"}),
        fulfilment=FulfilmentRules(tell_refunds=False),
    )
    lags = {"visibility_lag_seconds": chance.choice((0.0, 2.0, 20.0))}
    shop_lags = {"visibility_lag_seconds": chance.choice((0.0, 1.0, 15.0, (0.0, 40.0)))}
    async with world(seed, the_plan=plan_with_doors(base=base), cin7=lags, shop=shop_lags) as made:
        senders = Senders(made, **BAD_POST)
        strangers = [senders.add_stranger("Sale/Voided"), senders.add_stranger("Product/Updated")]
        senders.start()
        # Before anybody reads the shop: a product goes on sale that dates from the day it opened.
        customers = _Customers(made, chance, hurry=hurry)
        await made.clock.sleep(8)
        reaper = Reaper(crash_points() if points is None else points, chance, made, rest=hurry)
        made.daemon.kill_next = reaper
        faults_of_a_bad_day(made)
        outages = _Outages(made, random.Random(f"outages/{seed}"))
        made.tasks.start_soon(outages.run)
        await made.daemon.nudge(hooks.APPLY, Flow.CENSUS)
        caretaker = _Caretaker(made, senders, random.Random(f"webhooks/{seed}"))
        made.tasks.start_soon(caretaker.run)
        warehouse = _Warehouse(made, random.Random(f"warehouse/{seed}"), customers)
        made.tasks.start_soon(warehouse.run)
        office = _Office(made, random.Random(f"office/{seed}"), customers)
        made.tasks.start_soon(office.run)
        buyers = Buyers(made, random.Random(f"buyers/{seed}"))
        made.tasks.start_soon(buyers.run)
        await customers.come(count, cancelled, every=every)
        await made.until(lambda: not customers.pending, within=0.5 * HOUR, every=30)
        await _calm(made, reaper)
        await customers.stragglers(reaper, caretaker, warehouse, office, buyers)
        await made.until(lambda: not customers.pending, within=0.5 * HOUR, every=30)
        made.daemon.kill_next = lambda point: False
        outages.over = caretaker.over = warehouse.over = office.over = buyers.over = True
        made.tasks.start_soon(_retry_set_aside, made)
        await made.until(lambda: finished(made) and not senders.postman.waiting, within=6 * HOUR, every=30)
        missed = sorted(reaper.left)
        assert not missed, f"seed {seed}: never reached {missed}; passed {dict(made.passed)}"
        await caretaker.mend()
        await made.until(lambda: not stock_off(made.cin7, made.shop), within=3 * HOUR, every=30)
        await made.until(buyers.settled, within=3 * HOUR, every=30)
        await _retry_books(made)
        await made.until(lambda: books_closed(made), within=6 * HOUR, every=30)
        await made.until(lambda: not deliveries_off(made.cin7, made.shop), within=0.5 * HOUR, every=30)
        await made.daemon.census()
        # What was written last is told last.
        await made.until(lambda: not senders.postman.waiting, within=0.5 * HOUR, every=30)
        assert_exactly_once(made)
        assert_within_the_limit(made)
        assert_nothing_silent(made)
        assert_one_state_each(made)
        assert_every_event_once(made, senders)
        assert_the_unreadable_is_told(made, senders)
        assert_webhooks_stand(made, senders, strangers)
        assert_both_sides_agree(made)
        products = {
            "drafted": assert_one_product_each(made.cin7, made.shop),
            "taken down": assert_people_keep_their_products(made.cin7, made.shop),
        }
        assert_names_kept(made.shop, buyers.names)
        assert_no_stranger_silent(made)
        posted = assert_books_posted(made.cin7, made.shop)
        day = _told(made, seed, outages.happened)
        return msgspec.structs.replace(day, posted=dict(sorted(posted.items())), products=products)


async def _calm(made: World, reaper: Reaper) -> None:
    """Wait until what was placed is sold, or an hour: what comes now to reach a point would only queue behind it."""
    for _ in range(120):
        if not reaper.left or finished(made):
            return
        await made.clock.sleep(30)


async def _retry_set_aside(made: World) -> None:
    """A person retries what was set aside: with 25 kills an innocent message may have been running at three of them."""
    while True:
        for row in made.daemon.open_exceptions():
            if row.type == "message_quarantined" and row.record.kind == "order":
                await made.daemon.nudge(row.record.id)
            elif row.type == "message_quarantined" and row.field in (Flow.FINANCE, Flow.CATALOGUE):
                await made.daemon.nudge(row.record.id, Flow(row.field))
        await made.clock.sleep(300)


async def _retry_books(made: World) -> None:
    """A person retries what waited for the account's arithmetic, forgotten so often today, once it is known again."""
    await made.daemon.teach()
    for (order_id,) in made.read(lambda file: file.execute(OPEN_BOOKS).fetchall()):
        await made.daemon.nudge(order_id, Flow.FINANCE)


BAD_POST: dict[str, Any] = {
    "delay_seconds": (0.0, 30.0),
    "duplicate_share": 0.2,
    "malformed_share": 0.02,
    "not_included_share": 0.1,
}
"""What becomes of notifications on a bad day; none is lost by the queue."""

RICH = 0.4
"""Share of orders that are not plain: discounts, gifts, vouchers, gift cards, several rates, every way to round."""

SLUGS = {
    "gift-wrap": ChargeRule(product="Gift wrap"),
    "voucher": ChargeRule(product="Voucher"),
    "gift-card": ChargeRule(product="Gift card redeemed", tender=True),
}

FORGOTTEN_EVERY = 25
"""After so many orders the account's arithmetic is open again, so that some go as DRAFTs first all through the day."""


async def forget(made: World) -> None:
    """Let nothing be known of the account, as after a change of its settings."""
    if made.daemon.running:
        await made.daemon.write(lambda connection: connection.execute("DELETE FROM refutations").rowcount)


class _Customers:
    """Place orders, and let many of them be changed again: touched, confirmed, paid late, cancelled."""

    def __init__(self, made: World, chance: random.Random, *, hurry: float) -> None:
        self._made = made
        self._chance = chance
        self._hurry = hurry
        self._generator = OrderGenerator(made.seed, made.shop, clock=made.clock, habits=Habits(rich=RICH))
        self.pending = 0
        #: Orders of which a customer has not done all they will: the warehouse lets them be.
        self.unsettled: Counter[str] = Counter()

    async def come(self, count: int, cancelled: int, *, every: float) -> None:
        """Place `count` orders that stay and `cancelled` that do not."""
        made, chance = self._made, self._chance
        to_cancel = sorted(chance.sample(range(count + cancelled), cancelled))
        for index in range(count + cancelled):
            await made.clock.sleep(chance.expovariate(1 / every))
            if index % FORGOTTEN_EVERY == FORGOTTEN_EVERY - 1:
                await forget(made)
            draft = self._generator.next_draft()
            late = chance.random() < 0.1
            order_id = made.shop.place_order(_unpaid(draft) if late else draft)
            if late:
                self._later(made.shop.pay, order_id, chance.uniform(5, 400))
            if index in to_cancel:
                after = CANCELLED_AFTER[to_cancel.index(index) % len(CANCELLED_AFTER)]
                self._later(made.shop.cancel, order_id, after)
            elif chance.random() < 0.4:
                for _ in range(chance.randint(1, 4)):
                    change = chance.choice((made.shop.touch, self._confirm, self.move_house))
                    self._later(change, order_id, chance.uniform(0, 600))

    async def stragglers(
        self, reaper: Reaper, caretaker: _Caretaker, warehouse: _Warehouse, office: _Office, buyers: Buyers
    ) -> None:
        """Place and cancel a few more while a crash point is left: it has to be reached, and soon."""
        generator = OrderGenerator(-self._made.seed, self._made.shop, clock=self._made.clock)
        reaper.eager = True
        for _ in range(STRAGGLERS):
            if not reaper.left:
                return
            await forget(self._made)
            await caretaker.disturb(reaper.left)
            await warehouse.disturb(reaper.left)
            office.disturb(reaper.left)
            await buyers.disturb(reaper.left)
            placed = generator.place_next()
            assert placed is not None
            self._cancel_once_sold(placed.order_id)
            await self._made.clock.sleep(30)

    def _cancel_once_sold(self, order_id: str) -> None:
        """Move house and cancel when an order's sale stands, so that there is something to change and to void.

        After a while it is cancelled anyway.
        """

        async def run() -> None:
            for _ in range(60):
                if self._made.daemon.state(order_id) == "exported":
                    self.move_house(order_id)
                    await self._made.clock.sleep(60)
                    break
                await self._made.clock.sleep(20)
            self._made.shop.cancel(order_id)
            self.pending -= 1

        self.pending += 1
        self.unsettled[order_id] += 1  # for good: it will be cancelled
        self._made.tasks.start_soon(run)

    def move_house(self, order_id: str) -> None:
        """A customer wants their order sent elsewhere."""
        street = f"{self._chance.randint(1, 999)} New Lane"
        self._made.shop.set_address(order_id, {"country": "GB", "streetName": street, "city": "York"})

    def _confirm(self, order_id: str) -> None:
        """Staff confirm an order: a change of its state that asks for nothing new."""
        if self._made.shop.orders[order_id]["orderState"] == "Open":
            self._made.shop._change(order_id, {"orderState": "Confirmed"})

    def _later(self, change: Callable[[str], None], order_id: str, seconds: float) -> None:
        async def run() -> None:
            await self._made.clock.sleep(seconds * self._hurry)
            change(order_id)
            self.pending -= 1
            self.unsettled[order_id] -= change != self._made.shop.cancel

        self.pending += 1
        self.unsettled[order_id] += 1
        self._made.tasks.start_soon(run)


def _unpaid(draft: OrderDraft) -> OrderDraft:
    return msgspec.structs.replace(draft, payment=PaymentDraft(status="pending"))


class _Caretaker:
    """Has the webhooks made, loses or switches off one of ours now and then, and has that seen to."""

    def __init__(self, made: World, senders: Senders, chance: random.Random) -> None:
        self._made = made
        self._senders = senders
        self._chance = chance
        self.over = False

    async def run(self) -> None:
        """Switch one off every few minutes."""
        while not self.over:
            await self._made.clock.sleep(self._chance.uniform(30, 180))
            if not self.over:
                self._switch_off()
                await self._ask(hooks.WATCH)

    async def disturb(self, left: Collection[str]) -> None:
        """Give the points of webhooks that are left something to happen at."""
        if any(point.startswith("cin7.create_webhook") for point in left) and self._senders.ours():
            del self._senders.hooks[self._chance.choice(self._senders.ours()).id]
            await self._ask(hooks.APPLY)
        if any(point.startswith("cin7.revive_webhook") for point in left):
            self._switch_off()
            await self._ask(hooks.WATCH)

    async def mend(self) -> None:
        """Have everything made and switched on, as people do."""
        await self._ask(hooks.APPLY)
        await self._ask(hooks.WATCH)
        told = {"webhook_absent", "webhook_deactivated"}
        made, senders = self._made, self._senders
        # What the list shows otherwise than it was written is written again after an hour, and seen after another.
        well = lambda: senders.all_stand() and not told & {*made.daemon.open_types()}  # noqa: E731 -- it is one line
        await made.until(well, within=2.5 * HOUR, every=30)

    def _switch_off(self) -> None:
        active = [hook for hook in self._senders.ours() if hook.active]
        if active and self._is_listed():
            self._chance.choice(active).active = False

    def _is_listed(self) -> bool:
        """Say whether what was written last was listed since: then it was on, for the daemon to see."""
        asked = [
            call.operation for call in self._made.cin7.call_log if "webhook" in call.operation and call.status == 200
        ]
        return bool(asked) and asked[-1] == "webhooks"

    async def _ask(self, subject: str) -> None:
        if self._made.daemon.running:
            await self._made.daemon.nudge(subject, Flow.CENSUS)


class _Warehouse:
    """Sells, receives and sends in Cin7 Core, and takes up items that the storefront has no entry of."""

    def __init__(self, made: World, chance: random.Random, customers: _Customers) -> None:
        self._made = made
        self._chance = chance
        self._customers = customers
        self._new = 0
        self.over = False

    async def run(self) -> None:
        """Do something every minute or so."""
        for _ in range(3):
            self._take_up()
        while not self.over:
            await self._made.clock.sleep(self._chance.uniform(20, 120))
            if not self.over:
                self._move()
                self._send()
                self._send()

    async def disturb(self, left: Collection[str]) -> None:
        """Give the points of entries that are left something to happen at."""
        if any(point.startswith("commercetools.create_entry") for point in left):
            self._take_up()
            await self._ask("products", Flow.CATALOGUE)
        if any(point.startswith("commercetools.write_entry") for point in left):
            self._move()
        if any(point.startswith("commercetools.update_order") for point in left):
            self._send()
        if any("_entry" in point for point in left):
            await self._ask("list", Flow.STOCK)

    def _send(self) -> None:
        """Pick or send something of an order that stands, all of it in the end; now and then take it back."""
        cin7, orders = self._made.cin7, self._made.shop.orders
        sold = [
            sale
            for sale in cin7.live_sales()
            if sale.authorised and not sale.backordered and (order := orders.get(order_of(sale.external_id or "")))
            if order["orderState"] != "Cancelled" and order["syncInfo"] and not self._customers.unsettled[order["id"]]
        ]
        if not sold:
            return
        sale = self._chance.choice(sold)
        steps = (cin7.pick, cin7.ship_rest, cin7.ship_rest, cin7.undo_ship)
        with contextlib.suppress(RefusedError):
            self._chance.choice(steps)(sale.id)

    def _take_up(self) -> None:
        self._new += 1
        self._made.cin7.add_product(f"NEW-{self._new}", f"New item {self._new}", stock=self._chance.randint(1, 50))

    def _move(self) -> None:
        """Move what there is plenty of, so that orders go on being filled."""
        books, items = self._made.cin7.books, self._made.shop.items
        plenty = [sku for sku, item in items.items() if item.stock > PLENTY and books.product_by_sku(sku)]
        sku = self._chance.choice(plenty)
        self._made.cin7.receive_stock(sku, self._chance.choice((-3, -2, -1, 2, 5)))

    async def _ask(self, subject: str, flow: Flow) -> None:
        if self._made.daemon.running:
            await self._made.daemon.nudge(subject, flow)


class _Office:
    """Gives money back in commercetools, and voids by hand the invoices of orders that were cancelled too late."""

    def __init__(self, made: World, chance: random.Random, customers: _Customers) -> None:
        self._made = made
        self._chance = chance
        self._customers = customers
        self._refunded: set[str] = set()
        self.over = False

    async def run(self) -> None:
        """Do something every minute or so; what is cancelled is voided to the end."""
        while True:
            await self._made.clock.sleep(self._chance.uniform(20, 120))
            self._void()
            if not self.over:
                self._refund()

    def disturb(self, left: Collection[str]) -> None:
        """Give the points of credit notes that are left something to happen at."""
        if any(point.startswith("cin7.post_credit_note") for point in left):
            self._refund()

    def _refund(self) -> None:
        """Give back what was paid of an order that stands, or a pound of it where it is clear of which tax."""
        orders, payments = self._made.shop.orders, self._made.shop.payments
        settled = [
            order
            for order_id, order in orders.items()
            if order["orderState"] != "Cancelled" and order["syncInfo"] and not self._customers.unsettled[order_id]
            if order_id not in self._refunded and "paymentInfo" in order
            if any(payments[one["id"]]["transactions"] for one in order["paymentInfo"]["payments"])
        ]
        if not settled:
            return
        order = self._chance.choice(settled)
        self._refunded.add(order["id"])
        plain = len(order["taxedPrice"]["taxPortions"]) == 1 and not order["customLineItems"]
        amount = 100 if plain and self._chance.random() < 0.5 else None
        with contextlib.suppress(ValueError):  # all of it was paid otherwise
            self._made.shop.refund(order["id"], amount)

    def _void(self) -> None:
        """Void the invoices of cancelled orders, so that their sales can be voided."""
        cin7, orders = self._made.cin7, self._made.shop.orders
        for sale in cin7.live_sales():
            order = orders.get(order_of(sale.external_id or ""))
            if order is not None and order["orderState"] == "Cancelled":
                for invoice in [one for one in cin7.invoices(sale.id) if one.stands]:
                    cin7.void_invoice(sale.id, invoice.number)


class _Outages:
    """Cuts one side off now and then, for a minute or two."""

    def __init__(self, made: World, chance: random.Random) -> None:
        self._made = made
        self._chance = chance
        self.happened = 0
        self.over = False

    async def run(self) -> None:
        while not self.over:
            await self._made.clock.sleep(self._chance.uniform(60, 600))
            await self._cut(self._chance.choice((self._made.ct_network, self._made.cin7_network)))

    async def _cut(self, network: VirtualTransport) -> None:
        if self.over:
            return
        self.happened += 1
        network.reachable = False
        await self._made.clock.sleep(self._chance.uniform(20, 150))
        network.reachable = True


def finished(made: World) -> bool:
    """True when every order the shop ever took is where it belongs: cancelled, or exported."""
    states, taken = made.states(), Counter(order["orderState"] == "Cancelled" for order in made.shop.orders.values())
    return states == Counter({"cancelled": taken[True], "exported": taken[False]})


def books_closed(made: World) -> bool:
    """True when the books of every order that stands agree, and nothing is to be posted or in doubt."""
    if not made.daemon.running:
        return False
    return not made.read(lambda file: [*file.execute(OPEN_BOOKS), *file.execute(DOUBTED_POSTINGS)])


OPEN_BOOKS = """
SELECT order_id FROM books JOIN orders ON orders.id = order_id
WHERE orders.state = 'exported' AND NOT (verdict = 'agrees' AND step = '' AND told_at IS NULL)
"""
DOUBTED_POSTINGS = "SELECT key FROM postings WHERE state != 'done'"


def _told(made: World, seed: int, outages: int) -> Day:
    faults = Counter(
        f"{side} {fault.kind.value}"
        for side, book in (("cin7", made.cin7_faults), ("commercetools", made.ct_faults))
        for _, fault in book.happened
    )
    for side, network in (("cin7", made.cin7_network), ("commercetools", made.ct_network)):
        faults[f"{side} answer lost"] += network.lost
        faults[f"{side} executed late"] += network.delayed
    kept = made.read(lambda connection: orders.listing(connection, limit=100_000))
    trace = [f"{point} {count}" for point, count in sorted(made.passed.items())]
    trace += [f"{order.id} {order.accepted_at} {order.state} {order.state_since}" for order in kept]
    trace += [
        f"{sale.id} {sale.reference} {sale.total} {sale.created_ms} {sale.updated_ms}" for sale in made.cin7.sales
    ]
    trace += [f"{one.number} {one.memo} {one.total} {one.created_ms}" for one in made.cin7.invoices()]
    trace += [f"{one.id} {one.reference} {one.amount} {one.created_ms}" for one in made.cin7.payments()]
    trace += [f"{call.arrived_ms} {call.operation} {call.status}" for call in made.cin7.call_log]
    trace += [f"{entry.at} {entry.operation} {entry.status}" for entry in made.shop.request_log]
    trace += [f"{entry['sku']} {entry['version']} {entry['quantityOnStock']}" for entry in made.shop.inventory.values()]
    trace += [f"{one['id']} {one['version']} {one['lastModifiedAt']}" for one in made.shop.products.everything()]
    told = {
        f"{door.name} {what}": getattr(door, what)
        for door in made.read(doors.all_doors)
        for what in ("accepted", "repeated", "late", "unreadable")
    }
    return Day(
        seed=seed,
        orders=len(made.shop.orders),
        kills=tuple(made.kills),
        faults=dict(sorted(faults.items())),
        passed=dict(sorted(made.passed.items())),
        outages=outages,
        sales=len(made.cin7.sales),
        told=told,
        posted={},
        products={},
        trace=tuple(trace),
    )
