"""A flash sale: many orders in minutes, stock that moves under them, and a daemon that is killed three times.

`python -m tests.simulation.flash_sale --seeds 200 --first 0` runs it. Cin7 Core takes 60 calls a minute, so most orders
wait for hours to be exported; meanwhile the shop takes units off its entries up to 10 seconds late, news of orders is
up to 5 minutes late, answers are slow or lost, orders are cancelled before, while and after their sale is made, some
cannot be posted for a while, goods arrive, and wholesale takes some by hand. Law L4 is judged at every write, by the
doubles' own books (`tests/simulation/stock_judge.py`); at the end every entry shows the exact figure.

With `--mutate NAME` one term of the rule is taken out (`tests/simulation/stock_mutations.py`): it has to fail.
"""

from __future__ import annotations

import argparse
import bisect
import functools
import itertools
import multiprocessing
import random
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import msgspec

from actors.census import hooks
from actors.messages import Flow
from actors.stock.rules import DAY, StockRules
from adapters.sandbox.carts import LineDraft, OrderDraft, PaymentDraft, ShippingDraft, rule_of
from adapters.sandbox.catalogue import ITEMS, Item
from adapters.sandbox.faults import Fault, FaultKind, Faults
from adapters.sandbox.refusals import PlacementRefused
from adapters.sandbox.virtual_time import run_virtual
from daemon.engine import Plan
from storage import orders
from tests.simulation.crashes import finished
from tests.simulation.laws import (
    assert_nothing_silent,
    assert_one_state_each,
    assert_sale_equals_order,
    assert_within_the_limit,
)
from tests.simulation.senders import Senders, plan_with_doors
from tests.simulation.stock_books import StockBooks
from tests.simulation.stock_haste import IndexedOrders
from tests.simulation.stock_judge import Judge, Violation, forgotten, wrong_figures
from tests.simulation.stock_mutations import MUTATIONS, at_work
from tests.simulation.world import World, plan, world

MINUTE = 60.0
HOUR = 3600.0

LATEST_EVENT = 300.0
"""Seconds by which news of an order may be late."""

CALLS_PER_ORDER = 2.2
"""Calls to Cin7 Core an order costs on average: with 60 a minute, the seconds it takes to be exported."""

STRANGER = "SALE-NEW"
"""Sold before Cin7 Core knows it: orders with it cannot be posted for a while."""

TOLD = ("OrderCreated", "OrderStateChanged", "PaymentTransactionAdded")
"""The messages a queue brings; the others would only be counted."""

WANTED = 2
"""Readings a raise needs."""


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How big a sale is."""

    orders: int = 10_000
    skus: int = 200
    minutes: float = 10.0

    @property
    def sale(self) -> float:
        """Seconds the sale takes."""
        return self.minutes * MINUTE

    @property
    def export(self) -> float:
        """Seconds it takes, about, until everything is exported."""
        return max(self.sale, self.orders * CALLS_PER_ORDER)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one seed."""

    seed: int
    orders: int
    sales: int
    cancelled: int
    short: int
    kills: int
    raises: int
    lowers: int
    true_ups: int
    conflicts: int
    lost: int
    hours: float
    violations: tuple[str, ...]
    drifts: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """True where law L4 held, nothing was ever off without a reason, and every figure is exact at the end."""
        return not self.violations and not self.drifts and not self.wrong


class _Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """One product of the sale: what is bought of it, on average, and the two quantities it opens with."""

    item: Item
    demand: float
    stock: int
    shown: int | None
    buffer: int


def _shelves(scale: Scale, chance: random.Random) -> list[_Shelf]:
    """Draw the products: few sell fast, most slowly; some have too little, and some entries are wrong or missing."""
    weights = [1 / (place + 3) for place in range(scale.skus)]
    bought = scale.orders * UNITS_PER_ORDER / sum(weights)
    shelves = []
    for place, weight in enumerate(weights):
        sku, demand = f"SALE-{place:03d}", bought * weight
        stock = max(3, round(demand * chance.uniform(0.2, 1.1)))
        # Most entries are right when the daemon first sees them.
        shown = chance.choices((stock, chance.randint(0, 2 * stock), None), (90, 7, 3))[0]
        buffer = chance.choices((0, 1, 3), (80, 12, 8))[0]
        item = Item(sku, f"Product {place}", chance.randrange(500, 9000), stock, 20, "Sale")
        shelves.append(_Shelf(item=item, demand=demand, stock=stock, shown=shown, buffer=buffer))
    return shelves


UNITS_PER_ORDER = 2.0


def _rules(shelves: Sequence[_Shelf], chance: random.Random) -> StockRules:
    """How the daemon publishes: readings every half minute to a minute; zeros are no surprise in a sale."""
    return StockRules(
        channels={"": ("Main Warehouse",)},
        snapshot=chance.choice((30_000, 60_000)),
        buffers={shelf.item.sku: shelf.buffer for shelf in shelves if shelf.buffer},
        wanted=WANTED,
        mass_zero_percent=100,
    )


def _plan(rules: StockRules, chance: random.Random) -> Plan:
    """Orders are heard of late: the hot sweep is quick, slow or off, and the complete one trails by one or by four
    minutes."""
    base = plan(stock=rules)
    sweeps = msgspec.structs.replace(
        base.sweeps, hot=chance.choice((3_000, 30_000, 3_600_000)), trail=chance.choice((60_000, 240_000))
    )
    return plan_with_doors(base=msgspec.structs.replace(base, sweeps=sweeps, census=DAY))


def _faults(made: World) -> None:
    """Slow and lost answers on both sides, on what matters to stock."""

    def every(faults: Faults, operations: Sequence[str], *drawn: tuple[Fault, float]) -> None:
        for operation, (fault, share) in itertools.product(operations, drawn):
            faults.chance(operation, fault, share)

    every(
        made.cin7_faults,
        ("sale_create", "sale_order", "sale_void"),
        (Fault(kind=FaultKind.DROP_AFTER), 0.01),
        (Fault(kind=FaultKind.DROP_BEFORE), 0.005),
        (Fault(kind=FaultKind.ERROR_AFTER, status=500), 0.005),
        (Fault(kind=FaultKind.SLOW, seconds=40), 0.01),
        (Fault(kind=FaultKind.SLOW_ANSWER, seconds=20), 0.01),
    )
    every(
        made.cin7_faults,
        ("sale_order",),  # until it is answered, nobody can say whether a reading had counted the order
        (Fault(kind=FaultKind.SLOW, seconds=50), 0.03),
        (Fault(kind=FaultKind.DROP_BEFORE), 0.01),
    )
    every(
        made.cin7_faults,
        ("availability",),
        (Fault(kind=FaultKind.ERROR_BEFORE, status=502), 0.02),
        (Fault(kind=FaultKind.MALFORMED), 0.02),
        (Fault(kind=FaultKind.SLOW, seconds=20), 0.04),
        (Fault(kind=FaultKind.SLOW_ANSWER, seconds=25), 0.06),
    )
    every(
        made.ct_faults,
        ("inventory_update", "inventory_create"),
        (Fault(kind=FaultKind.DROP_AFTER), 0.04),
        (Fault(kind=FaultKind.ERROR_AFTER, status=500), 0.02),
        (Fault(kind=FaultKind.DROP_BEFORE), 0.02),
        (Fault(kind=FaultKind.SLOW, seconds=8), 0.04),
        (Fault(kind=FaultKind.SLOW, seconds=25), 0.01),  # nothing is executed after the 30 s somebody waits
        (Fault(kind=FaultKind.SLOW_ANSWER, seconds=5), 0.02),
    )
    every(
        made.ct_faults,
        ("inventory_list", "inventory_read", "order_list", "order_read", "order_update"),
        (Fault(kind=FaultKind.ERROR_BEFORE, status=503), 0.01),
        (Fault(kind=FaultKind.SLOW_ANSWER, seconds=4), 0.02),
        (Fault(kind=FaultKind.DROP_AFTER), 0.01),
    )
    made.cin7_network.lose_answer_chance = 0.002
    made.ct_network.lose_answer_chance = 0.002


class _Agenda:
    """What happens later. `pending` says how much is still to come."""

    def __init__(self, made: World) -> None:
        self._made = made
        self.pending = 0

    def after(self, seconds: float, what: Callable[..., object], *args: Any) -> None:
        """Have something done."""

        async def run() -> None:
            await self._made.clock.sleep(seconds)
            what(*args)
            self.pending -= 1

        self.pending += 1
        self._made.tasks.start_soon(run)


class _Customers:
    """Buy what they are shown, mostly; cancel some of it, and pay late for some."""

    def __init__(
        self, made: World, books: StockBooks, agenda: _Agenda, shelves: Sequence[_Shelf], scale: Scale
    ) -> None:
        self._made = made
        self._agenda = agenda
        self._scale = scale
        self._chance = random.Random(f"customers/{made.seed}")
        self._skus = [shelf.item.sku for shelf in shelves]
        self._weights = list(itertools.accumulate(shelf.demand for shelf in shelves))
        self._cancelled_once_made: set[str] = set()
        books.on_sale_made = self._sale_made

    async def come(self) -> None:
        """Place all orders."""
        for _ in range(self._scale.orders):
            await self._made.clock.sleep(self._chance.expovariate(self._scale.orders / self._scale.sale))
            self._buy()

    def _buy(self) -> None:
        chance = self._chance
        draft = OrderDraft(lines=self._lines(), shipping=ShippingDraft(tax=rule_of(20)))
        late = chance.random() < 0.03
        if late:
            draft = msgspec.structs.replace(draft, payment=PaymentDraft(status="pending"))
        try:
            order_id = self._made.shop.place_order(draft)
        except PlacementRefused:  # there is no entry yet: somebody buys something else
            return self._buy()
        if late:
            self._agenda.after(chance.uniform(30, self._scale.export / 3), self._made.shop.pay, order_id)
        if chance.random() < 0.1:
            self._change_of_mind(order_id)
        return None

    def _lines(self) -> tuple[LineDraft, ...]:
        chance = self._chance
        skus = {self._sku() for _ in range(chance.choice((1, 1, 1, 2, 2)))}
        if chance.random() < 0.012:
            skus.add(STRANGER)
        mode = "None" if chance.random() < 0.05 else None
        return tuple(
            LineDraft(sku=sku, quantity=chance.choice((1, 1, 1, 1, 2, 3)), inventory_mode=mode) for sku in sorted(skus)
        )

    def _sku(self) -> str:
        """Draw what is shown as available; now and then what is not."""
        for _ in range(20):
            place = bisect.bisect(self._weights, self._chance.random() * self._weights[-1])
            sku = self._skus[min(place, len(self._skus) - 1)]
            if self._shown(sku) > 0 or self._chance.random() < 0.02:
                return sku
        return sku

    def _shown(self, sku: str) -> int:
        entry_id = self._made.shop._entries.get((sku, None))
        return 0 if entry_id is None else int(self._made.shop.inventory[entry_id]["quantityOnStock"])

    def _change_of_mind(self, order_id: str) -> None:
        """Cancel it soon, at any time until everything is exported, or while its sale is being made."""
        when = self._chance.random()
        if when < 0.3:
            self._agenda.after(self._chance.uniform(1, self._scale.sale), self._cancel, order_id)
        elif when < 0.5:
            self._agenda.after(self._chance.uniform(1, self._scale.export), self._cancel, order_id)
        else:
            self._cancelled_once_made.add(order_id)

    def _sale_made(self, order_id: str) -> None:
        if order_id in self._cancelled_once_made:
            self._cancelled_once_made.discard(order_id)
            self._agenda.after(self._chance.choice((0.1, 1, 5, 30)), self._cancel, order_id)

    def _cancel(self, order_id: str) -> None:
        if self._made.shop.orders[order_id]["orderState"] != "Cancelled":
            self._made.shop.cancel(order_id)


class _Warehouse:
    """Receives goods, and sells some by hand."""

    def __init__(self, made: World, agenda: _Agenda, shelves: Sequence[_Shelf], scale: Scale) -> None:
        self._made = made
        self._agenda = agenda
        self._shelves = shelves
        self._scale = scale
        self._chance = random.Random(f"warehouse/{made.seed}")

    def plan_the_day(self) -> None:
        """Enter what is going to happen."""
        chance, scale = self._chance, self._scale
        busy, rest = scale.sale, scale.sale + scale.export / 2
        for shelf in self._shelves:
            for _ in range(3):
                self._agenda.after(chance.uniform(0, busy), self._receive, shelf)
            self._agenda.after(chance.uniform(busy, rest), self._receive, shelf)
            self._agenda.after(chance.uniform(0, busy), self._sell, shelf)
            if chance.random() < 0.5:
                self._agenda.after(chance.uniform(busy, rest), self._sell, shelf)
        self._agenda.after(chance.uniform(busy / 2, 3 * busy), self._know_the_stranger)

    def _receive(self, shelf: _Shelf) -> None:
        units = max(1, round(shelf.demand * self._chance.uniform(0.05, 0.25)))
        at_once = self._chance.random() < 0.6
        self._made.cin7.receive_stock(shelf.item.sku, units, fill_backorders=at_once)
        if not at_once:
            self._agenda.after(self._chance.uniform(60, 900), self._fill, shelf.item.sku)

    def _fill(self, sku: str) -> None:
        books = self._made.cin7.books
        books.fill_backorders(sku, books.locations[0])

    def _sell(self, shelf: _Shelf) -> None:
        available = int(self._made.cin7.available(shelf.item.sku))
        if available < 1:
            return
        units = self._chance.randint(1, max(1, available // 2))
        sale = self._made.cin7.make_sale_by_hand("wholesale", lines=[(shelf.item.sku, units)])
        if self._chance.random() < 0.4:
            self._agenda.after(self._chance.uniform(20, 1200), self._made.cin7.void_by_hand, sale.id)

    def _know_the_stranger(self) -> None:
        self._made.cin7.add_product(STRANGER, stock=50)

    async def restock(self) -> None:
        """After everything: half of what is on backorder arrives, and somebody asks for a look at what waits for it."""
        short: dict[str, int] = {}
        waiting = [sale for sale in self._made.cin7.live_sales() if sale.backordered]
        for line in (line for sale in waiting for line in sale.lines):
            short[line.sku] = short.get(line.sku, 0) + int(line.backordered)
        for sku, units in short.items():
            if units and self._chance.random() < 0.5:
                self._made.cin7.receive_stock(sku, units + 5)
        for order_id in self._made.read(orders.short):
            await self._made.daemon.nudge(order_id)


def _open_the_shop(made: World, shelves: Sequence[_Shelf]) -> None:
    """Put the products on sale on both sides, and nothing else."""
    books = made.cin7.books
    for item in ITEMS:
        product = books.product_by_sku(item.sku)
        assert product is not None
        product.status = "Deprecated"
        del books._on_hand[product.id, books.locations[0].id]
    for shelf in shelves:
        made.cin7.add_product(shelf.item.sku, shelf.item.name, stock=shelf.stock)
        made.shop.items[shelf.item.sku] = shelf.item
        if shelf.shown is not None:
            made.shop.add_inventory(shelf.item.sku, shelf.shown)
    made.shop.add_item(Item(STRANGER, "New product", 4500, 0, 20, "Sale"))


async def _kill(made: World, scale: Scale) -> None:
    """Kill the daemon three times: twice about the sale, and once while it exports; from then on it looks less often.

    Hours of exporting teach nothing more about sweeps that find nothing.
    """
    chance = random.Random(f"kills/{made.seed}")
    moments = [chance.uniform(0.05, 1.3) for _ in range(2)] + [chance.uniform(1.3, 2)]
    before = 0.0
    for number, moment in enumerate(sorted(moments), start=1):
        await made.clock.sleep((moment - before) * scale.sale)
        before = moment
        if number == len(moments):
            made.daemon.plan = _calm(made.plan)
        made.daemon.die("killed")


def _calm(busy: Plan) -> Plan:
    sweeps = msgspec.structs.replace(busy.sweeps, hot=3_600_000, complete=300_000)
    stock = msgspec.structs.replace(busy.stock, snapshot=300_000, sweep=300_000)
    return msgspec.structs.replace(busy, sweeps=sweeps, stock=stock)


async def flash_sale(seed: int, scale: Scale, *, to_the_end: bool = True) -> Outcome:
    """Run one seed; with `to_the_end` False only until something is found wrong.

    Raises when a law other than L4 is broken; what L4 and the figures say is in the outcome.
    """
    chance = random.Random(f"flash sale/{seed}")
    shelves = _shelves(scale, chance)
    rules = _rules(shelves, chance)
    shop: dict[str, Any] = {
        "items": (),
        "visibility_lag_seconds": chance.choice((0.0, (0.0, 10.0), (0.0, 40.0))),
        "messages_enabled": False,  # the doors tell, late; a list of all messages would be a second, quick door
    }
    async with world(seed, the_plan=_plan(rules, chance), shop=shop) as made:
        books = StockBooks(made)
        IndexedOrders(made)
        _open_the_shop(made, shelves)
        auditor = _Auditor(made, books, rules, [*(shelf.item.sku for shelf in shelves), STRANGER])
        with anyio.CancelScope() as day:
            made.tasks.start_soon(auditor.run, None if to_the_end else day)
            await _day(made, books, shelves, scale)
            await _true_up(made, auditor)
            _assert_the_other_laws(made)
        return auditor.outcome(ended=not day.cancel_called)


async def _day(made: World, books: StockBooks, shelves: Sequence[_Shelf], scale: Scale) -> None:
    """Let the ledgers begin, sell, and wait until every order is where it belongs and all is told."""
    senders = Senders(made, delay_seconds=(0.0, LATEST_EVENT), duplicate_share=0.05)
    made.shop.news.unsubscribe(senders.subscription)
    made.shop.subscribe(senders.postman.take, types=TOLD)
    senders.start()
    await made.ready()
    await made.daemon.nudge(hooks.APPLY, Flow.CENSUS)
    await made.clock.sleep(5 * MINUTE)
    _faults(made)
    agenda = _Agenda(made)
    warehouse = _Warehouse(made, agenda, shelves, scale)
    warehouse.plan_the_day()
    made.tasks.start_soon(_kill, made, scale)
    await _Customers(made, books, agenda, shelves, scale).come()
    over = functools.partial(_is_over, made, agenda, senders)
    await made.until(over, within=2 * scale.export + 3 * HOUR, every=30)
    await warehouse.restock()


def _is_over(made: World, agenda: _Agenda, senders: Senders) -> bool:
    return not agenda.pending and not senders.postman.waiting and finished(made)


async def _true_up(made: World, auditor: _Auditor) -> None:
    """Wait until every figure is exact, for as long as a true-up may take."""
    deadline = made.clock.monotonic() + made.plan.stock.trueup_max / 1000
    while made.clock.monotonic() < deadline and auditor.wrong():
        await made.clock.sleep(MINUTE)


def _assert_the_other_laws(made: World) -> None:
    sales: dict[str, list[Any]] = {}
    for sale in made.cin7.live_sales():
        if sale.external_id:
            sales.setdefault(sale.external_id.split(":")[1], []).append(sale)
    for order in made.shop.orders.values():
        made_of_it = sales.pop(order["id"], [])
        if order["orderState"] == "Cancelled":
            assert not made_of_it, f"{order['orderNumber']} was cancelled and has a live sale"
            continue
        assert len(made_of_it) == 1, f"{order['orderNumber']}: {len(made_of_it)} live sales"
        assert_sale_equals_order(order, made_of_it[0])
    assert not sales, f"sales without an order: {sorted(sales)}"
    assert_within_the_limit(made)
    assert_nothing_silent(made)
    assert_one_state_each(made)
    broken = {"message_quarantined", "flow_stopped"} & {*made.daemon.open_types()}
    assert not broken, f"{broken}: {made.daemon.open_exceptions()}"


class _Auditor:
    """Holds the run against the books: all the while what the daemon must not forget, the rest when asked."""

    def __init__(self, made: World, books: StockBooks, rules: StockRules, skus: Sequence[str]) -> None:
        self._made = made
        self._books = books
        self._rules = rules
        self._skus = skus
        self._forgotten: set[str] = set()

    async def run(self, until_wrong: anyio.CancelScope | None) -> None:
        """Look every minute; cut the day short once something is wrong, where that is asked for."""
        while True:
            await self._made.clock.sleep(MINUTE / 3)
            if not self._made.daemon.running:
                continue
            self._forgotten.update(forgotten(self._made, self._books))
            if until_wrong is not None and (self._forgotten or self._violations() or self._drifts()):
                until_wrong.cancel()
                return

    def wrong(self) -> list[str]:
        """Say which entries do not show what they should."""
        off = wrong_figures(self._made, self._books, self._skus, self._rules.buffers)
        return [f"{figure.sku} shows {figure.shown}, {figure.right} is right" for figure in off]

    def _violations(self) -> list[Violation]:
        known_at = dict(self._made.read(lambda file: file.execute("SELECT id, accepted_at FROM orders").fetchall()))
        return Judge(self._books, known_at=known_at, wanted=WANTED, buffers=self._rules.buffers).violations()

    def _drifts(self) -> list[str]:
        """What the daemon found off and could not explain: nobody else touches the entries, so there is no such
        thing."""
        return [row[0] for row in self._made.read(lambda file: file.execute(_DRIFTS).fetchall())]

    def outcome(self, *, ended: bool) -> Outcome:
        """Add up; the figures have to be right only at the end."""
        made, lost = self._made, sorted(f"forgotten: {one}" for one in self._forgotten)
        orders, sales = made.shop.orders.values(), made.cin7.live_sales()
        written = [write for write in self._books.writes if write.sent is not None]
        [true_ups] = made.read(lambda file: file.execute(_TRUE_UPS).fetchone())
        log = made.shop.request_log
        return Outcome(
            seed=made.seed,
            orders=len(orders),
            sales=len(sales),
            cancelled=sum(order["orderState"] == "Cancelled" for order in orders),
            short=sum(sale.backordered for sale in sales),
            kills=len(made.kills),
            raises=sum(write.raises for write in written),
            lowers=sum(not write.raises for write in written),
            true_ups=true_ups,
            conflicts=sum(entry.status == 409 and entry.operation == "inventory_update" for entry in log),
            lost=sum(operation == "inventory_update" for operation, _ in made.ct_faults.happened),
            hours=round(made.clock.monotonic() / HOUR, 1),
            violations=tuple(str(one) for one in self._violations()),
            drifts=tuple(self._drifts()),
            wrong=tuple([*lost, *self.wrong()] if ended else lost),
        )


_DRIFTS = "SELECT cause FROM exceptions WHERE type IN ('stock_drift', 'stock_edited') ORDER BY id"
_TRUE_UPS = "SELECT count(*) FROM stock_history WHERE step = 'true-up'"


# -- the command -------------------------------------------------------------------------------------------------------


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A seed that came to its end, or the words of what broke."""

    seed: int
    seconds: float
    outcome: Outcome | None = None
    failure: str = ""

    @property
    def holds(self) -> bool:
        """True where every law held."""
        return self.outcome is not None and self.outcome.holds


def run_seed(seed: int, scale: Scale, *, mutation: str = "") -> Result:
    """Run one seed, whatever comes of it; with a mutation only until it is found out."""
    began = time.monotonic()
    try:
        with at_work(mutation):
            outcome = run_virtual(functools.partial(flash_sale, seed, scale, to_the_end=not mutation))
    except BaseException:  # a deadlock, a broken law, a defect of a double: all of it is this seed's failure
        return Result(seed=seed, seconds=time.monotonic() - began, failure=traceback.format_exc())
    return Result(seed=seed, seconds=time.monotonic() - began, outcome=outcome)


def main(arguments: list[str] | None = None) -> int:
    """Run the seeds; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.flash_sale", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds (default 200)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first seed (default 0)")
    parser.add_argument("--orders", type=int, default=10_000, help="orders a seed (default 10000)")
    parser.add_argument("--skus", type=int, default=200, help="products (default 200)")
    parser.add_argument("--minutes", type=float, default=10.0, help="minutes the sale takes (default 10)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once (default 2)")
    parser.add_argument(
        "--mutate", default="", choices=("", *MUTATIONS), help="take one term of the rule out: it has to fail"
    )
    chosen = parser.parse_args(arguments)
    scale = Scale(orders=chosen.orders, skus=chosen.skus, minutes=chosen.minutes)
    work = functools.partial(run_seed, scale=scale, mutation=chosen.mutate)
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    results: list[Result] = []
    # Spawned, not forked: no seed inherits anything from another.
    with multiprocessing.get_context("spawn").Pool(chosen.jobs, maxtasksperchild=10) as pool:
        for result in pool.imap_unordered(work, seeds):
            results.append(result)
            sys.stdout.write(told(result) + "\n")
            sys.stdout.flush()
    sys.stdout.write(_total(results) + "\n")
    return 0 if all(result.holds for result in results) else 1


def told(result: Result) -> str:
    """Say in words what came of a seed, and the first things that were wrong."""
    if result.outcome is None:
        return f"seed {result.seed}: FAILED after {result.seconds:.1f} s\n{result.failure}"
    one = result.outcome
    words = [
        f"seed {one.seed}: {one.orders} orders ({one.cancelled} cancelled, {one.short} short), {one.kills} kills,"
        f" {one.hours} h; raises {one.raises}, lowers {one.lowers}, true-ups {one.true_ups}, 409s {one.conflicts},"
        f" faults {one.lost}; violations {len(one.violations)}, drifts {len(one.drifts)},"
        f" end {'exact' if not one.wrong else 'WRONG'};"
        f" {result.seconds:.1f} s"
    ]
    return "\n  ".join([*words, *one.violations[:5], *one.drifts[:5], *one.wrong[:5]])


def _total(results: Sequence[Result]) -> str:
    ended = [result.outcome for result in results if result.outcome is not None]

    def add(what: Callable[[Outcome], int]) -> int:
        return sum(what(one) for one in ended)

    return (
        f"{len(results)} seeds, {len(results) - len(ended)} failed, {add(lambda one: one.orders)} orders:"
        f" raises {add(lambda one: one.raises)}, lowers {add(lambda one: one.lowers)},"
        f" true-ups {add(lambda one: one.true_ups)}, 409s {add(lambda one: one.conflicts)},"
        f" violations {add(lambda one: len(one.violations))} in {add(lambda one: bool(one.violations))} seeds,"
        f" drifts {add(lambda one: len(one.drifts))},"
        f" wrong ends {add(lambda one: bool(one.wrong))}"
    )


if __name__ == "__main__":
    sys.exit(main())
