"""Files lost, restored and doubled, and orders sent again on purpose: one live sale for each order, always (law L2)."""

from __future__ import annotations

import shutil

import pytest

from adapters.sandbox.carts import PaymentDraft
from adapters.sandbox.faults import Fault, FaultKind
from storage import meta, orders
from tests.simulation.laws import assert_exactly_once, sale_of
from tests.simulation.world import Daemon, World, virtual, world

MINUTE = 60.0


async def stopped_between(made: World) -> tuple[str, str, str]:
    """Leave three orders behind: one exported, one authorised and not marked, one that only has its header."""
    await made.ready()
    whole = made.place()
    await made.exported(whole)
    made.ct_faults.plan("order_update", Fault(kind=FaultKind.SLOW, seconds=100_000))
    unmarked = made.place()
    await made.until(lambda: made.calls("order_update") == 2, within=30, every=0.1)
    made.cin7_faults.plan("sale_order", Fault(kind=FaultKind.SLOW, seconds=100_000))
    half_made = made.place()
    await made.until(lambda: made.calls("sale_order") == 3, within=30, every=0.1)
    return whole, unmarked, half_made


# -- a lost file -------------------------------------------------------------------------------------------------------


@virtual
async def test_a_lost_file_makes_no_second_sale() -> None:
    async with world(1) as made:
        placed = await stopped_between(made)
        made.daemon.lose_file()
        await made.clock.sleep(5)
        later = made.place()
        await made.exported(*placed, later, within=15 * MINUTE)
        assert len(made.cin7.sales) == 4
        assert_exactly_once(made)
        assert made.daemon.open_types() == []


@virtual
async def test_a_lost_file_forgets_no_sale_of_an_order_cancelled_since() -> None:
    async with world(2) as made:
        placed = await stopped_between(made)
        made.daemon.restart_seconds = 60
        made.daemon.lose_file()
        for order in placed:
            made.shop.cancel(order)
        await made.until(lambda: made.settled({"cancelled": 3}), within=15 * MINUTE)
        assert made.cin7.live_sales() == []
        assert len(made.cin7.sales) == 3
        assert made.daemon.open_types() == []


@virtual
async def test_a_lost_file_and_a_sale_voided_by_hand() -> None:
    async with world(3) as made:
        placed = await stopped_between(made)
        made.daemon.lose_file()
        for sale in made.cin7.live_sales():
            made.cin7.void_by_hand(sale.id)
        await made.until(lambda: made.settled({"held": 3}), within=15 * MINUTE)
        assert made.daemon.open_types() == ["sale_voided_by_hand"] * 3
        await made.clock.sleep(10 * MINUTE)
        assert len(made.cin7.sales) == len(placed)


@virtual
async def test_a_lost_file_and_unsent_orders_that_have_to_be_sent_now() -> None:
    async with world(4) as made:
        await made.ready()
        made.cin7_network.reachable = False
        placed = [made.place() for _ in range(5)]
        await made.until(lambda: sum(made.states().values()) == 5, within=30)
        made.daemon.lose_file()
        made.cin7_network.reachable = True
        await made.exported(*placed, within=15 * MINUTE)
        assert made.calls("sale_create") == 5
        assert_exactly_once(made)


# -- a restored file ---------------------------------------------------------------------------------------------------


@virtual
async def test_a_restored_file_makes_no_second_sale() -> None:
    """The copy is older than the orders, and younger than its own birth: they would look new to it."""
    async with world(10) as made:
        await made.ready()
        copy = made.daemon.copy_file("copy.db")
        await made.clock.sleep(30)  # the lease was renewed since: that is how a copy is known
        placed = await stopped_between(made)
        made.daemon.restore_file(copy)
        await made.exported(*placed, within=15 * MINUTE)
        assert len(made.cin7.sales) == 3
        assert_exactly_once(made)


@virtual
async def test_a_restored_file_that_knew_the_orders_unsent_makes_no_second_sale() -> None:
    async with world(11) as made:
        await made.ready()
        made.cin7_network.reachable = False
        placed = [made.place() for _ in range(4)]
        waiting = made.place(payment=PaymentDraft(status="pending"))
        await made.until(lambda: sum(made.states().values()) == 5, within=30)
        copy = made.daemon.copy_file("copy.db")
        made.cin7_network.reachable = True
        made.ct_network.lose_answer_chance = 0.2
        made.ct_faults.plan("order_update", Fault(kind=FaultKind.DROP_BEFORE), times=50)
        made.shop.pay(waiting)
        await made.until(lambda: made.calls("sale_order") == 5, within=20 * MINUTE)
        made.ct_network.lose_answer_chance = 0.0
        made.ct_faults.clear()
        made.daemon.restore_file(copy)
        await made.exported(*placed, waiting, within=20 * MINUTE)
        assert len(made.cin7.sales) == 5
        assert_exactly_once(made)


@virtual
async def test_a_restored_file_knows_that_it_was_restored() -> None:
    async with world(12) as made:
        await made.ready()
        born = made.read(meta.born_at)
        copy = made.daemon.copy_file("copy.db")
        await made.clock.sleep(10 * MINUTE)
        restored_at = made.clock.now()
        made.daemon.restore_file(copy)
        await made.until(lambda: made.daemon.running and made.engine.lease.held, within=5 * MINUTE)
        assert made.read(meta.born_at) >= restored_at > born


# -- a second daemon ---------------------------------------------------------------------------------------------------


def told_of_a_second(daemon: Daemon) -> bool:
    """Whether this process says that another one serves its connection."""
    return "second_daemon" in daemon.open_types()


@virtual
async def test_of_two_daemons_one_writes_and_the_other_says_so() -> None:
    async with world(20) as made:
        await made.ready()
        other = made.another_daemon()
        await made.until(lambda: told_of_a_second(other), within=2 * MINUTE)
        placed = [made.place() for _ in range(10)]
        await made.exported(*placed, within=2 * MINUTE)
        assert other.states() == {"accepted": 10}
        assert not told_of_a_second(made.daemon)
        [told] = [row for row in other.open_exceptions() if row.type == "second_daemon"]
        assert (told.owner, told.record.kind) == ("it", "connection")
        assert_exactly_once(made)


@virtual
async def test_two_daemons_that_start_together_make_one_sale_of_each_order() -> None:
    async with world(21) as made:
        other = made.another_daemon()
        placed = [made.place() for _ in range(10)]
        await made.until(lambda: made.settled({"exported": 10}) or other.settled({"exported": 10}), within=10 * MINUTE)
        await made.clock.sleep(5 * MINUTE)
        assert [told_of_a_second(made.daemon), told_of_a_second(other)].count(True) == 1
        assert len(made.cin7.sales) == len(placed)
        assert_exactly_once(made)


@virtual
async def test_the_second_daemon_takes_over_when_the_first_is_gone_and_makes_no_second_sale() -> None:
    async with world(22) as made:
        await made.ready()
        other = made.another_daemon()
        await made.until(lambda: told_of_a_second(other), within=2 * MINUTE)
        placed = await stopped_between(made)
        made.daemon.end()
        unsent = [made.place() for _ in range(3)]
        await made.until(lambda: other.settled({"exported": 6}), within=20 * MINUTE)
        assert not told_of_a_second(other)
        assert len(made.cin7.sales) == len(placed) + len(unsent)
        assert_exactly_once(made)


@virtual
async def test_two_copies_of_one_file_do_not_both_write() -> None:
    """A machine that was cloned: both hold the same name, and start from the same beat."""
    async with world(23) as made:
        await made.ready()
        made.daemon.restart_seconds = 30
        copy = made.daemon.copy_file("clone.db")
        made.daemon.restore_file(copy)
        shutil.copyfile(copy, made.folder / "twin.db")
        await made.clock.sleep(30)
        other = made.another_daemon(file=made.folder / "twin.db")
        both_held = []

        async def watch() -> None:
            while True:
                await made.clock.sleep(0.25)
                if made.daemon.running and other.running and other.engine is not None:
                    both_held.append(made.engine.lease.held and other.engine.lease.held)

        made.tasks.start_soon(watch)
        placed = [made.place() for _ in range(10)]
        await made.until(lambda: made.settled({"exported": 10}) or other.settled({"exported": 10}), within=10 * MINUTE)
        await made.clock.sleep(3 * MINUTE)
        conflicts = [entry for entry in made.shop.request_log if entry.status == 409]
        assert conflicts, "they did not even try at the same moment"
        assert len(both_held) > 100
        assert not any(both_held)
        assert len(made.cin7.sales) == len(placed)
        assert_exactly_once(made)


@virtual
async def test_a_holder_cut_off_from_commercetools_stops_writing_before_the_other_begins() -> None:
    async with world(24) as made:
        await made.ready()
        other = made.another_daemon()
        await made.until(lambda: told_of_a_second(other), within=2 * MINUTE)
        made.daemon.cut_off = True
        both_held = []

        async def watch() -> None:
            while True:
                await made.clock.sleep(0.25)
                both_held.append(made.engine.lease.held and other.engine is not None and other.engine.lease.held)

        made.tasks.start_soon(watch)
        placed = [made.place() for _ in range(10)]
        await made.until(lambda: other.settled({"exported": 10}), within=20 * MINUTE)
        made.daemon.cut_off = False
        await made.until(lambda: told_of_a_second(made.daemon), within=2 * MINUTE)
        await made.clock.sleep(3 * MINUTE)
        assert not any(both_held)
        assert len(made.cin7.sales) == len(placed)
        assert_exactly_once(made)


@virtual
async def test_what_waits_for_the_lease_asks_once_and_goes_on_as_soon_as_it_is_gained() -> None:
    async with world(25) as made:
        await made.ready()
        handled: list[tuple[str, bool]] = []
        made.daemon.on_handle = lambda envelope: handled.append((envelope.subject, made.engine.lease.held))
        made.engine.lease._renewed = None
        order = made.place()
        await made.until(lambda: (order, False) in handled, within=10, every=0.1)
        await made.until(lambda: made.engine.lease.held, within=20, every=0.1)
        await made.exported(order, within=3)
        assert handled.count((order, False)) == 1


# -- sent again on purpose ---------------------------------------------------------------------------------------------


async def resend(made: World, order: str) -> None:
    """What `tallyd orders resend` does."""
    await made.daemon.write(lambda connection: orders.set_resend(connection, order, True))
    await made.daemon.nudge(order)


def references(made: World, order: str) -> list[str | None]:
    """The exact references of the order's live sales."""
    return [sale.external_id for sale in sale_of(made, made.shop.orders[order])]


@pytest.mark.parametrize("appends", [True, False])
@virtual
async def test_an_order_whose_sale_was_voided_by_hand_is_sent_again_under_its_second_reference(appends: bool) -> None:
    async with world(30, shop={"sync_info_appends": appends}) as made:
        await made.ready()
        order = made.place()
        await made.exported(order)
        made.cin7.void_by_hand(made.cin7.sales[0].id)
        await resend(made, order)
        await made.until(lambda: len(made.cin7.sales) == 2, within=MINUTE)
        await made.exported(order)
        assert references(made, order) == [f"ct-order:{order}:2"]
        assert_exactly_once(made)
        await resend(made, order)
        await made.until(lambda: made.daemon.open_types(order) == ["resend_refused"], within=MINUTE)
        assert len(made.cin7.sales) == 2


@virtual
async def test_an_order_with_a_live_sale_is_not_sent_again() -> None:
    async with world(31) as made:
        await made.ready()
        order = made.place()
        await made.exported(order)
        await resend(made, order)
        await made.until(lambda: made.daemon.open_types(order) == ["resend_refused"], within=MINUTE)
        await made.clock.sleep(5 * MINUTE)
        assert len(made.cin7.sales) == 1
        assert made.daemon.state(order) == "exported"
        made.cin7.void_by_hand(made.cin7.sales[0].id)
        await resend(made, order)
        await made.until(lambda: len(made.cin7.sales) == 2, within=MINUTE)
        await made.exported(order)
        assert made.daemon.open_types() == []


@virtual
async def test_an_order_that_was_never_marked_can_be_sent_again() -> None:
    async with world(32, shop={"channels": {}}) as made:
        await made.ready()
        order = made.place()
        await made.in_state(order, "posted")
        made.cin7.void_by_hand(made.cin7.sales[0].id)
        made.shop.add_channel("cin7-core", ("OrderExport",))
        await resend(made, order)
        await made.until(lambda: len(made.cin7.sales) == 2, within=MINUTE)
        await made.exported(order)
        assert references(made, order) == [f"ct-order:{order}:2"]
        assert made.daemon.open_types() == []
        assert_exactly_once(made)


@pytest.mark.parametrize("executed", [True, False])
@virtual
async def test_the_second_generation_is_as_careful_as_the_first(executed: bool) -> None:
    async with world(33) as made:
        await made.ready()
        order = made.place()
        await made.exported(order)
        made.cin7.void_by_hand(made.cin7.sales[0].id)
        made.cin7_faults.plan("sale_create", Fault(kind=FaultKind.DROP_AFTER if executed else FaultKind.DROP_BEFORE))
        await resend(made, order)
        await made.in_state(order, "in_doubt")
        await made.exported(order, within=6 * MINUTE)
        assert references(made, order) == [f"ct-order:{order}:2"]
        assert_exactly_once(made)
