"""Stock over both systems: what the storefront shows while orders, receipts, cancellations and lost answers happen."""

from __future__ import annotations

import itertools

import pytest

from actors.intake.rules import SweepRules
from actors.orders.rules import Trigger
from adapters.sandbox.faults import Fault, FaultKind
from storage import demand, entries
from tests.simulation.world import export_rules, virtual
from tests.stock_house import MINUTE, MUG, StockHouse, rules, stock_house

WAITING = {"export": export_rules(trigger=Trigger(order_states=("Confirmed",), payment="paid"))}
"""Orders that are Open wait for their trigger: nothing of them is exported."""


@virtual
async def test_where_everything_agrees_nothing_is_written() -> None:
    async with stock_house() as house:
        for _ in range(3):
            await house.read()
        assert house.writes() == 0


def _wrong(house: StockHouse, off: int) -> None:
    house.shop.set_stock(MUG, house.available() + off)


@virtual
async def test_an_entry_that_is_too_high_at_the_start_is_lowered_at_once() -> None:
    async with stock_house(before=lambda house: _wrong(house, 7), until="") as house:
        await house.shows(house.available(), within=MINUTE)
        assert house.steps() == ["lower"]


@virtual
async def test_an_entry_that_is_too_low_at_the_start_is_raised_by_the_true_up() -> None:
    async with stock_house(before=lambda house: _wrong(house, -7), until="") as house:
        await house.stays(house.available() - 7, minutes=1)
        await house.shows(house.available(), within=6 * MINUTE)
        assert house.steps() == ["true-up"]


@virtual
async def test_wholesale_lowers_and_a_receipt_raises_after_two_readings() -> None:
    async with stock_house() as house:
        there = house.available()
        house.cin7.sell_by_hand(MUG, 4)
        await house.shows(there - 4, within=70)
        house.cin7.receive_stock(MUG, 9)
        await house.shows(there + 5, within=3 * MINUTE)
        assert house.steps() == ["lower", "raise"]
        raised = house.history()[-1]
        assert len(house.made.read(lambda c: entries.history(c, MUG, limit=9))) == 2
        assert raised.quantity == there + 5


@virtual
async def test_an_order_is_taken_off_once_whoever_sees_it_first() -> None:
    async with stock_house() as house:
        there = house.available()
        order_id = house.order(3)
        await house.shows(there - 3, within=5)
        await house.made.exported(order_id)
        await house.stays(there - 3)
        assert house.available() == there - 3
        assert house.writes() == 0


@virtual
async def test_a_receipt_beside_an_order_that_waits_hands_none_of_its_units_back() -> None:
    """Interleaving 3 and 13: the order is held back, a receipt comes, and only the receipt is published."""
    async with stock_house(the_plan=WAITING) as house:
        there = house.available()
        house.order(3)
        await house.shows(there - 3, within=5)
        house.cin7.receive_stock(MUG, 5)
        await house.shows(there + 2)
        await house.stays(there + 2)


@virtual
async def test_an_order_nobody_told_of_yet_is_not_handed_back() -> None:
    """Interleavings 2 and 3 with the sweeps late: the daemon does not know the order when the receipt comes."""
    late = {"sweeps": SweepRules(since=0, hot=3_600_000, complete=600_000)}
    async with stock_house(the_plan=late, shop={"messages_enabled": False}, until="") as house:
        await house.made.until(house.runs, within=40 * MINUTE, every=10)
        there = house.available()
        house.order(3)
        house.cin7.receive_stock(MUG, 5)
        await house.shows(there + 2, within=4 * MINUTE)
        await house.stays(there + 2)


@virtual
async def test_a_cancelled_order_comes_back_by_the_true_up_alone() -> None:
    async with stock_house(the_plan=WAITING) as house:
        there = house.available()
        order_id = house.order(3)
        await house.shows(there - 3, within=5)
        house.shop.cancel(order_id)
        await house.shows(there, within=6 * MINUTE)
        assert house.steps() == ["true-up"]
        assert house.told() == []


@virtual
async def test_a_cancelled_sale_is_voided_read_by_name_and_comes_back() -> None:
    async with stock_house(the_rules=rules(snapshot=3_600_000)) as house:
        there = house.available()
        order_id = house.order(3)
        await house.made.exported(order_id)
        await house.stays(there - 3, minutes=1)
        house.shop.cancel(order_id)
        await house.shows(there, within=6 * MINUTE)
        assert house.steps() == ["true-up"]
        assert house.named() > 0


@virtual
async def test_what_is_on_backorder_stays_subtracted_until_it_is_allocated() -> None:
    """Interleaving 14."""
    async with stock_house() as house:
        there = house.available()
        house.cin7.receive_stock(MUG, 3 - there)
        await house.shows(3)
        house.shop.set_stock(MUG, 3)
        order_id = house.order(5)
        await house.made.exported(order_id)
        await house.shows(-2, within=10)
        house.cin7.receive_stock(MUG, 10, fill_backorders=False)
        await house.shows(8, within=8 * MINUTE)
        await house.stays(8)


@virtual
async def test_an_order_that_takes_nothing_off_counts_from_the_instant_it_is_seen() -> None:
    """Interleaving 19: mode None."""
    async with stock_house(the_plan=WAITING) as house:
        there = house.available()
        order_id = house.order(2, inventory_mode="None")
        await house.shows(there - 2, within=10)
        await house.stays(there - 2)
        house.shop.cancel(order_id)
        await house.shows(there, within=6 * MINUTE)


@virtual
async def test_a_person_lets_the_units_of_an_order_go() -> None:
    async with stock_house(the_plan=WAITING) as house:
        there = house.available()
        order_id = house.order(2)
        await house.shows(there - 2)
        await house.made.until(lambda: house.made.daemon.state(order_id) == "awaiting", within=60)
        now = house.made.clock.now()
        await house.made.daemon.write(lambda connection: demand.release(connection, order_id, now=now))
        await house.shows(there, within=6 * MINUTE)


LOST = [*itertools.product((FaultKind.DROP_AFTER, FaultKind.DROP_BEFORE), (9, -4)), (FaultKind.SLOW, 9)]


@pytest.mark.parametrize(("kind", "moved"), LOST)
@virtual
async def test_a_lost_answer_to_a_write_hands_nothing_back_and_heals(kind: FaultKind, moved: int) -> None:
    async with stock_house() as house:
        there = house.available()
        faults = house.made.ct_faults
        faults.plan("inventory_update", Fault(kind=kind, seconds=90))
        house.cin7.receive_stock(MUG, moved)
        await house.made.until(lambda: house.made.calls("inventory_update") > 0, within=4 * MINUTE)
        for _ in range(30):
            shown = house.shown()
            assert shown is not None
            assert shown <= max(there, there + moved)
            await house.made.clock.sleep(10)
        await house.shows(there + moved, within=20 * MINUTE)
        assert "stock_edited" not in house.told()


@virtual
async def test_ten_conflicts_in_a_row_let_others_go_first() -> None:
    async with stock_house() as house:
        house.cin7.sell_by_hand(MUG, 4)
        stop = False

        async def sell() -> None:
            while not stop:
                await house.made.clock.sleep(0.01)
                house.shop.set_stock(MUG, house.shown() or 0)
                entry = next(one for one in house.shop.inventory.values() if one["sku"] == MUG)
                entry["version"] += 1

        house.made.tasks.start_soon(sell)
        await house.made.until(lambda: house.conflicts() >= 10, within=3 * MINUTE)
        stop = True
        await house.shows(house.available(), within=6 * MINUTE)


@virtual
async def test_a_file_put_back_from_a_copy_believes_none_of_its_ledgers() -> None:
    async with stock_house() as house:
        there = house.available()
        daemon = house.made.daemon
        copy = daemon.copy_file("copy.db")
        house.cin7.receive_stock(MUG, 6)
        await house.shows(there + 6)
        order_id = house.order(2)
        await house.made.exported(order_id)
        daemon.restore_file(copy)
        await house.made.until(lambda: daemon.running and house.record() is not None, within=60)
        await house.made.clock.sleep(2)
        assert not house.runs()
        for _ in range(60):
            assert (house.shown() or 0) <= house.available()
            await house.made.clock.sleep(10)
        await house.shows(there + 4)
        await house.made.until(house.runs, within=10 * MINUTE)


POINTS = [f"commercetools.write_entry.{phase}" for phase in ("decided", "intended", "answered", "settled")]


@pytest.mark.parametrize(("point", "moved"), list(zip(POINTS, (-3, 7, 7, -3), strict=True)))
@virtual
async def test_killed_around_a_write_it_ends_on_the_exact_figure(point: str, moved: int) -> None:
    async with stock_house() as house:
        there = house.available()
        killed: list[str] = []

        def reaper(passed: str) -> bool:
            if passed == point and not killed:
                killed.append(passed)
                return True
            return False

        house.made.daemon.kill_next = reaper
        house.cin7.receive_stock(MUG, moved)
        await house.made.until(lambda: bool(killed), within=5 * MINUTE)
        for _ in range(30):
            assert (house.shown() or 0) <= max(there, there + moved)
            await house.made.clock.sleep(10)
        await house.shows(there + moved, within=20 * MINUTE)
        assert "stock_edited" not in house.told()
        assert house.made.kills == [point]
