"""The orders flow from the outside: what people and the two systems do, and what stands in both books afterwards."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.orders.rules import Trigger
from adapters.sandbox.carts import LineDraft, PaymentDraft
from adapters.sandbox.catalogue import Item
from adapters.sandbox.faults import Fault, FaultKind
from adapters.sandbox.virtual_time import DEFAULT_START
from adapters.transport import Request, Response
from storage import exceptions, orders, timeline
from tests.simulation.laws import assert_exactly_once, assert_nothing_silent, assert_within_the_limit, sale_of
from tests.simulation.world import KEY, Serve, World, export_rules, intercept, plan, virtual, world

MINUTE = 60.0
UNPAID = PaymentDraft(status="pending")
REFRESH = 300.0
"""Seconds between two readings of the registry in these runs."""


def only(made: World, order_id: str) -> Any:
    """The one live sale of an order."""
    [sale] = sale_of(made, made.shop.orders[order_id])
    return sale


def lines_of(made: World, order_id: str) -> list[str]:
    """What the order's timeline says, line by line."""
    return [line.what for line in made.read(lambda connection: timeline.of_order(connection, order_id))]


def but_lease(writes: list[str]) -> list[str]:
    """Writes without the lease's own."""
    return [write for write in writes if "custom_object" not in write]


# -- when an order goes ahead ------------------------------------------------------------------------------------------


@virtual
async def test_an_unpaid_order_waits_and_goes_on_when_only_its_payment_changes() -> None:
    async with world(1) as made:
        await made.ready()
        order = made.place(payment=UNPAID)
        await made.in_state(order, "awaiting")
        await made.clock.sleep(2 * MINUTE)
        assert made.cin7.sales == []
        version = made.shop.orders[order]["version"]
        made.shop.pay(order)
        assert made.shop.orders[order]["version"] == version, "a payment leaves its order as it was"
        await made.exported(order, within=2 * MINUTE)
        assert_exactly_once(made)


@virtual
async def test_an_order_waits_for_its_state() -> None:
    trigger = Trigger(order_states=("Confirmed",), payment="any")
    async with world(2, the_plan=plan(export=export_rules(trigger=trigger))) as made:
        await made.ready()
        order = made.place()
        await made.in_state(order, "awaiting")
        made.shop._change(order, {"orderState": "Confirmed"})
        await made.exported(order, within=10)
        assert_exactly_once(made)


@virtual
async def test_orders_that_wait_too_long_are_one_group() -> None:
    async with world(3, the_plan=plan(export=export_rules(awaiting=600_000))) as made:
        await made.ready()
        placed = [made.place(payment=UNPAID) for _ in range(12)]
        await made.clock.sleep(9 * MINUTE)
        assert made.daemon.open_types() == []
        await made.clock.sleep(8 * MINUTE)
        assert made.daemon.open_types() == ["awaiting_too_long"] * 12
        [(_, owner, count, _)] = made.read(exceptions.groups)
        assert (owner, count) == ("finance", 12)
        for order in placed:
            made.shop.pay(order)
        await made.exported(*placed, within=20 * MINUTE)
        assert made.daemon.open_types() == []


@virtual
async def test_the_hold_window_is_waited_out() -> None:
    async with world(4, the_plan=plan(export=export_rules(hold=300_000))) as made:
        await made.ready()
        order = made.place()
        await made.clock.sleep(299)
        assert made.daemon.state(order) == "awaiting"
        assert made.cin7.sales == []
        await made.exported(order, within=10)


@virtual
async def test_an_excluded_store_is_counted_and_never_posted() -> None:
    async with world(5, the_plan=plan(export=export_rules(exclude_stores=frozenset({"outlet"})))) as made:
        await made.ready()
        order, other = made.place(store="outlet"), made.place(store="main")
        await made.in_state(order, "excluded")
        await made.exported(other)
        made.shop.touch(order)
        await made.clock.sleep(3 * MINUTE)
        assert made.states() == {"excluded": 1, "exported": 1}
        assert len(made.cin7.sales) == 1


@virtual
async def test_an_order_from_before_since_is_counted_and_never_posted() -> None:
    since = DEFAULT_START + 60_000
    base = plan()
    the_plan = plan(export=export_rules(since=since), sweeps=msgspec.structs.replace(base.sweeps, since=since))
    async with world(6, the_plan=the_plan) as made:
        await made.ready()
        order = made.place()
        await made.in_state(order, "excluded", within=4 * MINUTE)
        later = made.place()
        made.shop.touch(order)
        await made.exported(later)
        await made.clock.sleep(3 * MINUTE)
        assert made.states() == {"excluded": 1, "exported": 1}
        assert len(made.cin7.sales) == 1


# -- cancellations -----------------------------------------------------------------------------------------------------


@virtual
async def test_a_cancellation_seen_before_anything_else_makes_no_sale() -> None:
    async with world(10) as made:
        await made.ready()
        made.ct_network.reachable = False
        order = made.place()
        await made.clock.sleep(5)
        made.shop.cancel(order)
        made.ct_network.reachable = True
        await made.in_state(order, "cancelled", within=MINUTE)
        assert made.cin7.sales == []


@virtual
async def test_a_cancellation_while_the_order_waits_makes_no_sale() -> None:
    async with world(11) as made:
        await made.ready()
        order = made.place(payment=UNPAID)
        await made.in_state(order, "awaiting")
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=10)
        made.shop.pay(order)
        await made.clock.sleep(5 * MINUTE)
        assert made.cin7.sales == []
        assert made.daemon.open_types() == []


@pytest.mark.parametrize("operation", ["sale_create", "sale_order", "order_update"])
@virtual
async def test_a_cancellation_while_a_call_is_on_its_way_leaves_no_live_sale(operation: str) -> None:
    async with world(12) as made:
        await made.ready()
        slow = Fault(kind=FaultKind.SLOW_ANSWER, seconds=10)
        (made.ct_faults if operation == "order_update" else made.cin7_faults).plan(operation, slow)
        order = made.place()
        await made.until(lambda: made.calls(operation) == 1, within=30, every=0.1)
        made.shop.cancel(order)
        await made.in_state(order, "cancelled")
        assert len(made.cin7.sales) == 1
        assert made.cin7.live_sales() == []
        assert made.daemon.open_types() == []


@virtual
async def test_a_cancellation_after_the_export_voids_the_sale_once() -> None:
    async with world(13) as made:
        await made.ready()
        order = made.place()
        await made.exported(order)
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=15)
        assert made.cin7.live_sales() == []
        assert made.calls("sale_void") == 1


@pytest.mark.parametrize("executed", [True, False])
@virtual
async def test_a_lost_answer_to_the_void_is_read_before_it_is_asked_again(executed: bool) -> None:
    async with world(14) as made:
        await made.ready()
        order = made.place()
        await made.exported(order)
        made.cin7_faults.plan("sale_void", Fault(kind=FaultKind.DROP_AFTER if executed else FaultKind.DROP_BEFORE))
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=2 * MINUTE)
        assert made.cin7.live_sales() == []
        assert made.calls("sale_void") == (1 if executed else 2)


@virtual
async def test_a_void_is_believed_only_when_the_sale_shows_it() -> None:
    """Cin7 answers well and voids later (or never): the order is not cancelled before."""
    async with world(18) as made:
        await made.ready()
        order = made.place()
        await made.exported(order)

        async def say_yes(request: Request, serve: Serve) -> Response:
            if request.method != "DELETE":
                return await serve(request)
            return await serve(msgspec.structs.replace(request, method="GET", url=request.url.split("&Void")[0]))

        undo = intercept(made.cin7_network, say_yes)
        made.shop.cancel(order)
        await made.in_state(order, "cancelling")
        await made.clock.sleep(MINUTE)
        assert made.daemon.state(order) == "cancelling"
        assert len(made.cin7.live_sales()) == 1
        undo()
        await made.in_state(order, "cancelled", within=6 * MINUTE)
        assert made.cin7.live_sales() == []


@pytest.mark.parametrize("executed", [True, False])
@virtual
async def test_a_cancellation_while_the_header_is_in_doubt_leaves_no_live_sale(executed: bool) -> None:
    async with world(15) as made:
        await made.ready()
        made.cin7_faults.plan("sale_create", Fault(kind=FaultKind.DROP_AFTER if executed else FaultKind.DROP_BEFORE))
        order = made.place()
        await made.in_state(order, "in_doubt")
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=5 * MINUTE)
        assert len(made.cin7.sales) == executed
        assert made.cin7.live_sales() == []


@virtual
async def test_a_cancellation_after_the_pick_is_told_to_ops_and_leaves_the_sale() -> None:
    async with world(16) as made:
        await made.ready()
        order = made.place()
        await made.exported(order)
        sale = only(made, order)
        made.cin7.authorise_pick(sale.id)
        made.shop.cancel(order)
        await made.until(lambda: made.daemon.open_types(order) == ["cancelled_after_pick"], within=15)
        [told] = made.daemon.open_exceptions(order)
        assert told.owner == "ops"
        assert not made.cin7.sale(sale.id).voided
        assert made.calls("sale_void") == 0


@virtual
async def test_a_refused_void_is_told_and_done_once_it_is_possible() -> None:
    async with world(17) as made:
        await made.ready()
        order = made.place()
        await made.exported(order)

        async def refuse(request: Request, serve: Serve) -> Response:
            if request.method != "DELETE":
                return await serve(request)
            words = b'[{"ErrorCode": 400, "Exception": "Sale cannot be voided. Period is locked."}]'
            return Response(status=400, headers={"content-type": "application/json"}, body=words)

        undo = intercept(made.cin7_network, refuse)
        made.shop.cancel(order)
        await made.until(lambda: made.daemon.open_types(order) == ["void_failed"], within=15)
        assert "Period is locked" in made.daemon.open_exceptions(order)[0].cause
        undo()
        await made.daemon.nudge(order)
        await made.in_state(order, "cancelled", within=15)
        assert made.cin7.live_sales() == []
        assert made.daemon.open_types(order) == []


# -- orders that vanish, or cannot be read -----------------------------------------------------------------------------


@virtual
async def test_an_order_deleted_before_anything_was_sent_is_told_and_never_posted() -> None:
    async with world(20) as made:
        await made.ready()
        order = made.place(payment=UNPAID)
        await made.in_state(order, "awaiting")
        made.shop.delete_order(order)
        await made.in_state(order, "excluded", within=2 * MINUTE)
        assert made.daemon.open_types(order) == ["order_deleted"]
        assert made.cin7.sales == []


@virtual
async def test_an_order_deleted_after_its_header_is_held_with_the_name_of_its_sale() -> None:
    async with world(21) as made:
        await made.ready()
        made.cin7_faults.plan("sale_create", Fault(kind=FaultKind.SLOW_ANSWER, seconds=10))
        order = made.place()
        await made.until(lambda: made.calls("sale_create") == 1, within=30, every=0.1)
        made.shop.delete_order(order)
        await made.in_state(order, "held")
        [told] = made.daemon.open_exceptions(order)
        assert told.type == "order_deleted"
        assert told.facts["sales"]
        assert len(made.cin7.live_sales()) == 1
        assert_nothing_silent(made)


def spoil(made: World, order_id: str, **fields: Any) -> dict[str, Any]:
    """Make an order unreadable (a new version of it); return it as it was."""
    before = made.shop.orders[order_id]
    made.shop._change(order_id, fields)
    return before


@virtual
async def test_an_unreadable_order_is_told_delays_nobody_and_goes_through_once_it_reads_well() -> None:
    async with world(22) as made:
        await made.ready()
        order = made.place()
        before = spoil(made, order, totalPrice="a lot")
        others = [made.place() for _ in range(3)]
        await made.exported(*others)
        [told] = made.daemon.open_exceptions()
        assert (told.type, told.record.id) == ("order_unreadable", order)
        assert "totalPrice" in told.cause
        made.shop._change(order, {"totalPrice": before["totalPrice"]})
        await made.exported(order)
        assert made.daemon.open_types() == []
        assert_exactly_once(made)


@virtual
async def test_an_order_that_turns_unreadable_while_it_waits_heals_when_it_changes() -> None:
    async with world(23) as made:
        await made.ready()
        order = made.place(payment=UNPAID)
        await made.in_state(order, "awaiting")
        before = spoil(made, order, totalPrice="a lot")
        await made.until(lambda: made.daemon.open_types(order) == ["order_unreadable"], within=2 * MINUTE)
        made.shop._change(order, {"totalPrice": before["totalPrice"]})
        made.shop.pay(order)
        await made.exported(order, within=2 * MINUTE)
        assert made.daemon.open_types() == []


@virtual
async def test_an_order_unreadable_by_its_payment_heals_by_itself() -> None:
    """A payment changes without its order: no sweep ever brings the order again."""
    async with world(24) as made:
        await made.ready()
        order = made.place(payment=UNPAID)
        await made.in_state(order, "awaiting")
        payment = made.shop.orders[order]["paymentInfo"]["payments"][0]["id"]
        good = made.shop.payments[payment]
        made.shop.payments[payment] = {**good, "transactions": "none"}
        await made.until(lambda: made.daemon.open_types(order) == ["order_unreadable"], within=2 * MINUTE)
        made.shop.payments[payment] = good
        made.shop.pay(order)
        await made.exported(order, within=40 * MINUTE)
        assert made.daemon.open_types() == []


@virtual
async def test_an_order_the_file_refuses_does_not_stop_the_sweep() -> None:
    """Two lines of one id: the table of lines refuses the second. The others on the page are none the worse."""
    async with world(25) as made:
        await made.ready()
        order = made.place(lines=(LineDraft(sku="HW-MUG-STN-01"), LineDraft(sku="HW-MUG-STN-02")))
        first, second = made.shop.orders[order]["lineItems"]
        spoil(made, order, lineItems=[first, {**second, "id": first["id"]}])
        others = [made.place() for _ in range(3)]
        await made.exported(*others)
        await made.clock.sleep(2 * MINUTE)
        assert made.daemon.open_types() == ["order_unreadable"]
        spoil(made, order, lineItems=[first, second])
        await made.exported(order)
        assert made.daemon.open_types() == []


# -- facts that have to change -----------------------------------------------------------------------------------------


@virtual
async def test_a_renamed_tax_rule_holds_its_orders_until_it_is_back() -> None:
    async with world(30) as made:
        await made.ready()
        made.cin7.rename_tax_rule("20% (VAT on Income)", "20% (VAT)")
        await made.until(lambda: "mapping_contradicted" in made.daemon.open_types(), within=REFRESH + 30)
        order = made.place()
        reduced = next(item.sku for item in made.shop.items.values() if item.tax_percent == 5)
        other = made.place(lines=(LineDraft(sku=reduced),), shipping=None)
        await made.exported(other)
        await made.in_state(order, "held")
        assert made.daemon.open_types(order) == ["tax_rule_unknown"]
        assert {row.owner for row in made.daemon.open_exceptions()} == {"finance"}
        made.cin7.rename_tax_rule("20% (VAT)", "20% (VAT on Income)")
        await made.exported(order, within=REFRESH + 30)
        assert made.daemon.open_types() == []
        assert_exactly_once(made)


@virtual
async def test_a_missing_product_holds_its_order_until_it_is_there() -> None:
    async with world(31) as made:
        await made.ready()
        made.shop.add_item(Item("NEW-1", "New", 1000, 5, 20, "Home"))
        order = made.place(lines=(LineDraft(sku="NEW-1"),))
        await made.in_state(order, "held")
        [told] = made.daemon.open_exceptions(order)
        assert (told.type, told.sku, told.owner) == ("sku_unknown", "NEW-1", "ecommerce")
        made.cin7.add_product("NEW-1", stock=5)
        await made.exported(order, within=REFRESH + 30)
        assert made.daemon.open_types() == []


@virtual
async def test_automatic_discounts_are_told_while_they_are_on() -> None:
    async with world(32) as made:
        await made.ready()
        assert made.daemon.open_types() == []
        made.cin7.set_company(automatic_discounts=True)
        told = ["account_settings_changed", "automatic_discounts"]
        await made.until(lambda: made.daemon.open_types() == told, within=REFRESH + 30)
        made.cin7.set_company(automatic_discounts=False)
        # That a setting changed is closed by a person who looked at it.
        await made.until(lambda: made.daemon.open_types() == told[:1], within=REFRESH + 30)


@virtual
async def test_an_order_cin7_computes_otherwise_is_exported_and_told_with_both_breakdowns() -> None:
    async with world(33, cin7={"tax_behaviour": "row"}) as made:
        await made.ready()
        # 12.93 splits at 20 % into exactly half a penny: one side rounds it up, the other to even.
        order = made.place(lines=(LineDraft(sku="HW-MUG-STN-01", unit_minor=1293, list_minor=1295),), shipping=None)
        await made.exported(order)
        [told] = made.daemon.open_exceptions(order)
        assert (told.type, told.owner) == ("totals_differ", "finance")
        assert (told.facts["tax predicted"], told.facts["tax shown"]) == ("2.15", "2.16")
        assert (told.facts["total predicted"], told.facts["total shown"]) == ("12.93", "12.93")
        record = made.read(lambda connection: orders.get(connection, order))
        assert record is not None
        assert record.reconciled is False
        assert (record.tax, record.cin7_tax) == ("2.15", "2.16")


# -- the limit ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["text", "json"])
@pytest.mark.parametrize("shape", ["429", "503", "400"])
@virtual
async def test_a_limit_answer_of_any_shape_is_neither_an_attempt_nor_a_doubt(shape: str, body: str) -> None:
    """The key's limit is a third of what the configuration says, so limit answers are many."""
    async with world(40, cin7={"limit": 20, "limit_shape": shape, "limit_body": body}) as made:
        await made.ready()
        placed = [made.place() for _ in range(25)]
        doubts: set[str] = set()
        attempts: list[int] = []
        made.daemon.on_handle = lambda envelope: attempts.append(envelope.attempt)
        await made.exported(*placed, within=60 * MINUTE)
        for order in placed:
            doubts.update(line for line in lines_of(made, order) if "doubt" in line)
        assert sum(call.limited for call in made.cin7.call_log) >= 2, "the limit was never met"
        assert doubts == set()
        assert set(attempts) == {1}
        assert len(made.cin7.sales) == 25
        assert "foreign_use" in made.daemon.open_types()
        assert_exactly_once(made)


@virtual
async def test_somebody_else_on_the_key_is_told_and_the_orders_still_go_through() -> None:
    async with world(41) as made:
        await made.ready()

        async def somebody() -> None:
            headers = {"api-auth-accountid": made.plan.cin7_account, "api-auth-applicationkey": KEY}
            url = f"{made.plan.cin7_url}/me"
            while made.clock.monotonic() < 20 * MINUTE:
                await made.cin7.handle(Request(method="GET", url=url, headers=headers, body=None, timeout_seconds=60))
                await made.clock.sleep(1.5)

        made.tasks.start_soon(somebody)
        placed = [made.place() for _ in range(60)]
        await made.exported(*placed, within=60 * MINUTE)
        assert made.daemon.open_types() == ["foreign_use"]
        assert made.daemon.open_exceptions()[0].owner == "it"
        assert_exactly_once(made)
        await made.until(lambda: made.daemon.open_types() == [], within=90 * MINUTE, every=60)


# -- a side that is down, or does not know us --------------------------------------------------------------------------


@virtual
async def test_wrong_cin7_credentials_stop_that_side_only() -> None:
    key = "33333333-3333-4333-8333-333333333333"
    async with world(50, the_plan=plan(cin7_key=key)) as made:
        await made.clock.sleep(20)
        order = made.place()
        await made.until(lambda: made.daemon.state(order) != "", within=15)
        assert "cin7_unauthorised" in made.daemon.open_types()
        [told] = [row for row in made.daemon.open_exceptions() if row.type == "cin7_unauthorised"]
        assert (told.owner, told.record.id) == ("it", "cin7")
        assert key not in told.cause
        made.cin7.add_key(key)
        await made.exported(order, within=3 * MINUTE)
        assert made.daemon.open_types() == []


@virtual
async def test_cin7_credentials_that_turn_wrong_are_told_and_cost_few_calls() -> None:
    async with world(51) as made:
        await made.ready()
        labels = dict(made.cin7._key_labels)
        made.cin7._key_labels.clear()
        placed = [made.place() for _ in range(40)]
        await made.clock.sleep(10 * MINUTE)
        assert "cin7_unauthorised" in made.daemon.open_types()
        assert made.states() == {"accepted": 40}
        refused = sum(call.key == "?" for call in made.cin7.call_log)
        assert refused <= 12 * 10, f"{refused} calls with credentials that were refused, in ten minutes"
        made.cin7._key_labels.update(labels)
        await made.exported(*placed, within=10 * MINUTE)
        assert made.daemon.open_types() == []
        assert_exactly_once(made)


@virtual
async def test_wrong_commercetools_credentials_are_told_and_mended() -> None:
    async with world(52, the_plan=plan(ct_client_secret="another")) as made:
        order = made.place()
        await made.until(lambda: "commercetools_unauthorised" in made.daemon.open_types(), within=30)
        [told] = [row for row in made.daemon.open_exceptions() if row.type == "commercetools_unauthorised"]
        assert (told.owner, told.record.id) == ("it", "commercetools")
        made.shop.tokens._client = b"client:another"
        await made.exported(order, within=3 * MINUTE)
        assert made.daemon.open_types() == []


@virtual
async def test_with_cin7_down_at_the_start_orders_are_accepted_and_go_on_when_it_is_back() -> None:
    async with world(53) as made:
        made.cin7_network.reachable = False
        placed = [made.place() for _ in range(5)]
        await made.until(lambda: sum(made.states().values()) == 5, within=30)
        await made.until(lambda: "cin7_unreachable" in made.daemon.open_types(), within=5 * MINUTE)
        made.cin7_network.reachable = True
        await made.exported(*placed, within=10 * MINUTE)
        assert made.daemon.open_types() == []
        assert_exactly_once(made)


@virtual
async def test_with_commercetools_down_at_the_start_orders_come_when_it_is_back() -> None:
    async with world(54) as made:
        made.ct_network.reachable = False
        placed = [made.place() for _ in range(5)]
        await made.until(lambda: "commercetools_unreachable" in made.daemon.open_types(), within=5 * MINUTE)
        made.ct_network.reachable = True
        await made.exported(*placed, within=10 * MINUTE)
        assert made.daemon.open_types() == []
        assert_within_the_limit(made)


# -- shadow mode -------------------------------------------------------------------------------------------------------


@virtual
async def test_in_shadow_mode_no_write_reaches_either_side() -> None:
    async with world(60, the_plan=plan(export=export_rules(shadow=True))) as made:
        order, unpaid = made.place(), made.place(payment=UNPAID)
        await made.in_state(order, "shadowed", within=2 * MINUTE)
        await made.in_state(unpaid, "awaiting")
        would = made.read(lambda connection: timeline.of_order(connection, order))
        [noted] = [line for line in would if line.what == "would create sale"]
        gross = made.shop.payable(order)
        assert noted.detail["total"] == f"{gross / 100:.2f}"
        await made.clock.sleep(10 * MINUTE)
        assert but_lease(made.write_calls()) == []
        assert made.daemon.open_types() == []


@virtual
async def test_in_shadow_mode_not_even_the_lease_is_written() -> None:
    async with world(62, the_plan=plan(export=export_rules(shadow=True))) as made:
        order = made.place()
        await made.in_state(order, "shadowed", within=2 * MINUTE)
        await made.clock.sleep(10 * MINUTE)
        assert made.write_calls() == []


@virtual
async def test_shadow_mode_switched_on_in_the_middle_writes_nothing_more() -> None:
    async with world(61) as made:
        await made.ready()
        whole = made.place()
        await made.exported(whole)
        made.cin7_faults.plan("sale_create", Fault(kind=FaultKind.SLOW_ANSWER, seconds=10))
        half_made = made.place()
        await made.until(lambda: made.calls("sale_create") == 2, within=30, every=0.1)
        made.daemon.plan = msgspec.structs.replace(made.plan, export=export_rules(shadow=True))
        made.daemon.die("restarted with mode = shadow")
        before = but_lease(made.write_calls())
        made.shop.cancel(whole)
        await made.clock.sleep(15 * MINUTE)
        assert but_lease(made.write_calls()) == before
        assert made.daemon.state(half_made) == "header"
        assert "would authorise order" in lines_of(made, half_made)
        assert "would void sale" in lines_of(made, whole)
        assert lines_of(made, whole).count("would void sale") == 1
