"""Goal 5 of the performance reference: calls to Cin7 Core per exported order in the good case.

Run as `python -m bench.calls`. Orders of every kind arrive at 20 a minute on virtual time, without faults; the daemon
is the real engine against both doubles. It starts knowing nothing of the account: 250 orders teach it, and what they
cost is printed; measured are the 200 after them, on the same day. Counted are the calls of the *orders* lane in the
call log (that it names every call Cin7 saw is checked), that is all but the registry's: those read the account's lists
on a schedule, however many orders there are. Printed for information: what the registry took, and the calls to
commercetools.

Then the whole life: over a day, 200 orders are exported, invoiced and paid; each is picked and shipped some time later,
and Cin7's webhooks tell of it a minute after, as they do. Counted are all calls of that day beyond those of a day
without orders, so that what webhooks bring on is an order's share too.

Exit status 1 means that an export took more than 2.0 calls, or a life more than 5.2; not every order exported exactly
once is an error.
"""

from __future__ import annotations

import sqlite3
import sys
from collections import Counter

import anyio
import msgspec

from actors.domain.calls import Lane
from actors.fulfilment.rules import FulfilmentRules
from adapters.sandbox.generator import Habits, OrderGenerator
from adapters.sandbox.virtual_time import run_virtual
from storage import calibration
from tests.finance_house import finance, sale_of, sold
from tests.simulation.crashes import SLUGS
from tests.simulation.laws import assert_exactly_once
from tests.simulation.life import Messenger, News
from tests.simulation.senders import plan_with_doors
from tests.simulation.world import World, plan, world

TEACHING = 250
ORDERS = 200
A_MINUTE = 20.0
GOAL = 2.0
LIFE_GOAL = 5.2
DAY = 86_400.0
WAREHOUSE = 1800.0
"""Seconds until an order is picked, and again until it leaves."""


def called(connection: sqlite3.Connection, condition: str) -> Counter[str]:
    """Count logged calls by purpose."""
    rows = connection.execute(f"SELECT purpose, count(*) FROM calls WHERE {condition} GROUP BY purpose")  # noqa: S608
    return Counter(dict(rows.fetchall()))


async def measure() -> bool:
    """Run the good case to its end; return whether the goal was met."""
    posting = msgspec.structs.replace(plan().posting, slugs=SLUGS)
    async with world(1, the_plan=plan(posting=posting)) as made:
        await made.ready(taught=False)
        _fill(made)
        generator = OrderGenerator(1, made.shop, clock=made.clock, habits=Habits(rich=0.5))
        await generator.run(A_MINUTE, TEACHING)
        await made.until(lambda: made.settled({"exported": TEACHING}), within=3600)
        learnt = made.read(lambda connection: called(connection, "purpose = 'cin7.draft_order'")).total()
        print(f"{TEACHING} orders taught the account by {learnt} drafts: {made.read(calibration.sentence)}")
        begun = made.clock.now()
        await generator.run(A_MINUTE, ORDERS)
        await made.until(lambda: made.settled({"exported": TEACHING + ORDERS}), within=3600)
        assert assert_exactly_once(made) == TEACHING + ORDERS
        return report(made, begun)


def report(made: World, begun: int) -> bool:
    """Print calls per order, by lane and by purpose; return whether the goal was met."""
    since = f"purpose LIKE 'cin7.%' AND sent_at >= {begun}"
    ours = made.read(lambda connection: called(connection, f"{since} AND lane = {Lane.ORDERS.value}"))
    print(f"{ORDERS} orders of every kind, {A_MINUTE:g} a minute, no faults: calls per exported order, goal {GOAL}")
    met = ours.total() / ORDERS <= GOAL
    print(f"  Cin7 Core, orders lane   {ours.total() / ORDERS:5.2f} of {GOAL}  {'ok' if met else 'MISSED'}")
    for purpose, count in sorted(ours.items()):
        print(f"    {purpose:38} {count / ORDERS:5.2f}")
    lists = made.read(lambda connection: called(connection, f"{since} AND lane <> {Lane.ORDERS.value}"))
    minutes = (made.clock.now() - begun) / 60_000
    print(f"  Cin7 Core, registry      {lists.total()} calls in {minutes:.0f} minutes, however many orders")
    shop = Counter(
        entry.operation for entry in made.shop.request_log if entry.at >= begun and entry.operation != "token"
    )
    print(f"  commercetools            {shop.total() / ORDERS:5.2f} per order: {dict(shop.most_common())}")
    seen = sum(call.arrived_ms >= begun for call in made.cin7.call_log)
    logged = made.read(lambda connection: called(connection, f"purpose LIKE 'cin7.%' AND sent_at >= {begun}")).total()
    assert seen == logged, f"Cin7 saw {seen} calls, {logged} were logged"
    return met


async def lives(orders: int, span: float, *, rest: float = WAREHOUSE) -> Counter[tuple[str, bool]]:
    """Let orders come at any time of `span` seconds and live; count the calls by purpose and being about an order.

    `rest` seconds pass until one is picked, and again until it leaves.
    """
    the_plan = plan_with_doors(base=plan(finance=finance(), fulfilment=FulfilmentRules(tell_refunds=False)))
    async with world(2, the_plan=the_plan) as made:
        messenger = Messenger(made, News.ONCE)
        messenger.begin()
        messenger.start()
        await made.ready()
        await messenger.listen()
        _fill(made)
        before, until = made.read(_counted), made.clock.monotonic() + span + 3 * rest
        async with anyio.create_task_group() as tasks:
            for _ in range(orders):
                tasks.start_soon(_live, made, made.random.uniform(0, span), rest)
        await made.clock.sleep(until - made.clock.monotonic())
        assert not [told for told in made.daemon.open_exceptions() if told.record.kind == "order"]
        assert all(invoice.status == "PAID" for invoice in made.cin7.invoices())
        assert len(made.cin7.invoices()) == orders
        return made.read(_counted) - before


def _fill(made: World) -> None:
    """Let there be enough of everything: what is short costs looks of its own."""
    for sku in made.shop.items:
        made.cin7.receive_stock(sku, 10_000)


async def _live(made: World, after: float, rest: float) -> None:
    await made.clock.sleep(after)
    sale_id = sale_of(made, await sold(made))
    await made.clock.sleep(rest)
    made.cin7.pick(sale_id)
    await made.clock.sleep(rest)
    made.cin7.ship(sale_id)


def _counted(connection: sqlite3.Connection) -> Counter[tuple[str, bool]]:
    rows = connection.execute(
        "SELECT purpose, subject <> '', count(*) FROM calls WHERE purpose LIKE 'cin7.%' GROUP BY 1, 2"
    )
    return Counter({(purpose, bool(about)): count for purpose, about, count in rows})


async def measure_lives() -> bool:
    """Compare a day of lives with a day without; return whether the goal was met."""
    spent, idle = await lives(ORDERS, DAY), await lives(0, DAY)
    beyond = Counter({key: spent[key] - idle[key] for key in spent})
    figure = beyond.total() / ORDERS
    print(f"{ORDERS} lives over a day (export, pick, pack, ship, invoice, payment), goal {LIFE_GOAL}")
    print(f"  Cin7 Core                {figure:5.2f} of {LIFE_GOAL}  {'ok' if figure <= LIFE_GOAL else 'MISSED'}")
    for (purpose, about), count in sorted(beyond.items()):
        if count:
            print(f"    {purpose:38} {count / ORDERS:5.2f}{'' if about else '  beyond an idle day'}")
    return figure <= LIFE_GOAL


def main() -> int:
    """Measure once: the figures are the same on every machine."""
    met = [run_virtual(measure), run_virtual(measure_lives)]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
