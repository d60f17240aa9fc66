"""Stock over both systems: orders nobody told of yet, in doubt, cancelled in between, or somebody else's to post."""

from __future__ import annotations

import pytest

from actors.intake.rules import SweepRules
from actors.orders.rules import Trigger
from adapters.sandbox.faults import Fault, FaultKind
from storage import entries
from tests.simulation.world import export_rules, virtual
from tests.stock_house import MINUTE, MUG, StockHouse, rules, stock_house

WAITING = {"export": export_rules(trigger=Trigger(order_states=("Confirmed",), payment="paid"))}
NEVER_OURS = {"export": export_rules(exclude_stores=frozenset({"outlet"}))}
"""Somebody else posts the orders of this store."""

LATE = {"sweeps": SweepRules(since=0, hot=3_600_000, complete=600_000)}
"""No order is known before the complete sweep has come, ten minutes later; no event tells of it."""


async def _never_above(house: StockHouse, most: int, *, minutes: float, sku: str = MUG) -> None:
    """Let time pass; the storefront shows at no moment more than so many."""
    for _ in range(round(minutes * 12)):
        shown = house.shown(sku)
        assert shown is not None
        assert shown <= most, f"{shown} > {most}: {house.history(sku)[-3:]}"
        await house.made.clock.sleep(5)


@pytest.mark.parametrize(("received", "right"), [(5, 2), (-4, -7)])
@virtual
async def test_an_unseen_order_leaves_what_moves_beside_it_exact(received: int, right: int) -> None:
    """Interleavings 3 and 5: only what came or went at Cin7 Core is written, and the order is never handed back."""
    async with stock_house(the_plan=LATE, shop={"messages_enabled": False}, until="") as house:
        await house.made.until(house.runs, within=40 * MINUTE, every=10)
        there = house.available()
        order_id = house.order(3)
        await house.shows(there - 3, within=5)
        house.cin7.receive_stock(MUG, received)
        await house.shows(there + right, within=4 * MINUTE)
        assert house.made.daemon.state(order_id) == ""
        await house.stays(there + right)
        await house.made.exported(order_id, within=40 * MINUTE)
        await house.stays(there + right)


@virtual
async def test_an_order_cancelled_before_anybody_told_of_it_comes_back_by_the_true_up() -> None:
    async with stock_house(the_plan=LATE, shop={"messages_enabled": False}, until="") as house:
        await house.made.until(house.runs, within=40 * MINUTE, every=10)
        there = house.available()
        order_id = house.order(3)
        house.shop.cancel(order_id)
        await house.shows(there - 3, within=5)
        await house.stays(there - 3, minutes=3)
        await house.shows(there, within=60 * MINUTE)
        assert house.steps() == ["true-up"]
        assert house.told() == []


@pytest.mark.parametrize("made", [True, False])
@virtual
async def test_an_order_cancelled_while_its_sale_is_in_doubt_comes_back_once_that_is_settled(*, made: bool) -> None:
    """Interleaving 12: while the sale may exist it may be picked, so its units stay taken."""
    async with stock_house() as house:
        there = house.available()
        kind = FaultKind.DROP_AFTER if made else FaultKind.DROP_BEFORE
        house.made.cin7_faults.plan("sale_create", Fault(kind=kind))
        order_id = house.order(3)
        await house.made.in_state(order_id, "in_doubt")
        house.shop.cancel(order_id)
        await house.shows(there - 3, within=5)
        while house.made.daemon.state(order_id) != "cancelled":
            assert house.shown() == there - 3
            await house.made.clock.sleep(1)
        await _never_above(house, there, minutes=2)
        await house.shows(there, within=10 * MINUTE)
        assert house.steps() == ["true-up"]
        assert house.cin7.live_sales() == []


@virtual
async def test_an_order_somebody_else_posts_counts_until_it_is_complete() -> None:
    async with stock_house(the_plan=NEVER_OURS) as house:
        there = house.available()
        order_id = house.order(3, store="outlet")
        await house.made.in_state(order_id, "excluded")
        house.cin7.receive_stock(MUG, 5)
        await house.shows(there + 2)
        await house.stays(there + 2)
        house.cin7.sell_by_hand(MUG, 3)  # they post it: until it is complete, it counts twice
        await house.shows(there - 1, within=70)
        house.shop._change(order_id, {"orderState": "Complete"})
        await house.shows(there + 2, within=8 * MINUTE)
        assert house.available() == there + 2


@virtual
async def test_units_in_carts_are_still_in_stock() -> None:
    """Interleaving 18: what carts hold is missing from `availableQuantity` alone."""
    async with stock_house() as house:
        there = house.available()
        house.shop.reserve_in_cart(MUG, 3)
        await house.stays(there, minutes=3)
        house.cin7.receive_stock(MUG, 2)
        await house.shows(there + 2)
        assert house.entry()["availableQuantity"] == there - 1
        assert house.writes() == 1


@virtual
async def test_an_order_that_is_held_for_long_stays_subtracted() -> None:
    """Interleaving 13: nothing is released by age."""
    async with stock_house(the_plan=WAITING) as house:
        there = house.available()
        house.order(3)
        await house.shows(there - 3, within=5)
        await house.stays(there - 3, minutes=40)
        house.cin7.receive_stock(MUG, 4)
        await house.shows(there + 1)
        assert house.writes() == 1


@virtual
async def test_what_became_known_while_it_was_dead_is_not_handed_back() -> None:
    async with stock_house() as house:
        there = house.available()
        house.made.daemon.restart_seconds = 20 * MINUTE
        house.made.daemon.die("a long time without it")
        order_id = house.order(4)
        house.cin7.receive_stock(MUG, 6)
        await house.made.clock.sleep(20 * MINUTE)
        await _never_above(house, there + 2, minutes=3)
        await house.made.exported(order_id)
        await house.shows(there + 2)
        await house.stays(there + 2)


@virtual
async def test_only_the_daemon_that_holds_the_lease_writes_entries() -> None:
    async with stock_house() as house:
        there = house.available()
        other = house.made.another_daemon()
        await house.made.until(lambda: other.running and other.registry_read(), within=5 * MINUTE)
        house.cin7.receive_stock(MUG, -3)
        await house.shows(there - 3, within=2 * MINUTE)
        await house.stays(there - 3)
        assert other.read(lambda connection: entries.history(connection, MUG, limit=9)) == []
        house.made.daemon.end()
        house.cin7.receive_stock(MUG, 8)
        await house.shows(there + 5, within=20 * MINUTE)
        assert [one.step for one in other.read(lambda c: entries.history(c, MUG, limit=9))] != []


@virtual
async def test_many_orders_in_one_minute_are_taken_off_once_each() -> None:
    async with stock_house(the_rules=rules(buffer=2)) as house:
        there = house.available()
        assert house.shown() == there - 2
        orders = [house.order(1) for _ in range(6)]
        house.cin7.receive_stock(MUG, 10)
        await house.made.exported(*orders, within=5 * MINUTE)
        await house.shows(there + 2)
        await house.stays(there + 2)
        assert house.available() == there + 4
