"""Goal 5 of the performance reference: calls to Cin7 Core per exported order in the good case.

Run as `python -m bench.calls`. Orders of every kind arrive at 20 a minute on virtual time, without faults; the daemon
is the real engine against both doubles. It starts knowing nothing of the account: 250 orders teach it, and what they
cost is printed; measured are the 200 after them, on the same day. Counted are the calls of the *orders* lane in the
call log (that it names every call Cin7 saw is checked), that is all but the registry's: those read the account's lists
on a schedule, however many orders there are. Printed for information: what the registry took, and the calls to
commercetools. Exit status 1 means that an order took more than 2.0 calls; not every order exported exactly once is an
error.
"""

from __future__ import annotations

import sqlite3
import sys
from collections import Counter

import msgspec

from actors.domain.calls import Lane
from adapters.sandbox.generator import Habits, OrderGenerator
from adapters.sandbox.virtual_time import run_virtual
from storage import calibration
from tests.simulation.crashes import SLUGS
from tests.simulation.laws import assert_exactly_once
from tests.simulation.world import World, plan, world

TEACHING = 250
ORDERS = 200
A_MINUTE = 20.0
GOAL = 2.0


def called(connection: sqlite3.Connection, condition: str) -> Counter[str]:
    """Count logged calls by purpose."""
    rows = connection.execute(f"SELECT purpose, count(*) FROM calls WHERE {condition} GROUP BY purpose")  # noqa: S608
    return Counter(dict(rows.fetchall()))


async def measure() -> bool:
    """Run the good case to its end; return whether the goal was met."""
    posting = msgspec.structs.replace(plan().posting, slugs=SLUGS)
    async with world(1, the_plan=plan(posting=posting)) as made:
        await made.ready(taught=False)
        for sku in made.shop.items:  # enough of everything: what is short costs looks of its own
            made.cin7.receive_stock(sku, 10_000)
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


def main() -> int:
    """Measure once: the figures are the same on every machine."""
    return 0 if run_virtual(measure) else 1


if __name__ == "__main__":
    sys.exit(main())
