"""Answers that were lost: the header, the order document, the mark. What is looked for, and never done blindly."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.domain.references import external_id
from adapters.sandbox.faults import DropConnectionError, Fault, FaultKind
from adapters.transport import Request, Response
from storage import timeline
from tests.simulation.laws import assert_exactly_once
from tests.simulation.world import Serve, World, intercept, virtual, world

MINUTE = 60.0
LOST = Fault(kind=FaultKind.DROP_AFTER)
NOT_EXECUTED = Fault(kind=FaultKind.DROP_BEFORE)


def states_of(made: World, order_id: str) -> list[str]:
    """The states the order went through, in order."""
    lines = made.read(lambda connection: timeline.of_order(connection, order_id))
    return [line.what.removeprefix("state ") for line in lines if line.what.startswith("state ")]


async def in_doubt(made: World, fault: Fault) -> str:
    """Place an order and lose the answer to its header."""
    await made.ready()
    made.cin7_faults.plan("sale_create", fault)
    order = made.place()
    await made.in_state(order, "in_doubt")
    return order


# -- the header --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        LOST,
        Fault(kind=FaultKind.ERROR_AFTER, status=500),
        Fault(kind=FaultKind.ERROR_AFTER, status=503),
        Fault(kind=FaultKind.MALFORMED),
        Fault(kind=FaultKind.SLOW, seconds=75),
        Fault(kind=FaultKind.SLOW_ANSWER, seconds=75),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
@virtual
async def test_a_header_whose_answer_is_lost_is_found_and_not_made_again(fault: Fault) -> None:
    async with world(1) as made:
        await made.ready()
        made.cin7_faults.plan("sale_create", fault)
        order = made.place()
        await made.exported(order, within=6 * MINUTE)
        assert states_of(made, order) == ["creating", "in_doubt", "header", "posted", "exported"]
        assert made.calls("sale_create") == 1
        assert_exactly_once(made)


@pytest.mark.parametrize(
    "fault",
    [NOT_EXECUTED, Fault(kind=FaultKind.ERROR_BEFORE, status=500), Fault(kind=FaultKind.ERROR_BEFORE, status=503)],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
@virtual
async def test_a_header_that_was_not_made_is_made_after_two_looks_a_quiet_while_apart(fault: Fault) -> None:
    async with world(2) as made:
        order = await in_doubt(made, fault)
        sent = next(call.arrived_ms for call in made.cin7.call_log if call.operation == "sale_create")
        await made.exported(order, within=6 * MINUTE)
        looks = [call.arrived_ms for call in made.cin7.call_log if call.operation == "sale_list"]
        creates = [call.arrived_ms for call in made.cin7.call_log if call.operation == "sale_create"]
        assert (len(looks), len(creates)) == (4, 2)
        assert looks[0] - sent >= 119_000, "a quiet while after the last moment it could still be executed"
        assert looks[2] - looks[1] >= 60_000, "the second look a quiet while after the first"
        assert creates[1] > looks[3]
        assert_exactly_once(made)


@virtual
async def test_neither_news_of_the_order_nor_a_restart_makes_a_look_come_early() -> None:
    """A header that shows only after its quiet while: an early look would find nothing, twice."""
    async with world(9, cin7={"visibility_lag_seconds": 150}) as made:
        order = await in_doubt(made, LOST)
        sent = next(call.arrived_ms for call in made.cin7.call_log if call.operation == "sale_create")
        for _ in range(10):
            await made.clock.sleep(10)
            made.shop.touch(order)
        made.daemon.die("restarted")
        await made.exported(order, within=6 * MINUTE)
        looks = [call.arrived_ms for call in made.cin7.call_log if call.operation == "sale_list"]
        assert looks[0] - sent >= 119_000
        assert looks[2] - looks[1] >= 60_000
        assert made.calls("sale_create") == 1


def edit_lists(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Request, Serve], Awaitable[Response]]:
    """Change what `saleList` answers."""

    async def change(request: Request, serve: Serve) -> Response:
        response = await serve(request)
        if "/saleList" not in request.url:
            return response
        body = json.dumps(edit(json.loads(response.body))).encode()
        return Response(status=response.status, headers=response.headers, body=body)

    return change


async def unfiltered(request: Request, serve: Serve) -> Response:
    """Ignore the filter, as Cin7 does with one it does not like (fact sheet §1.4)."""
    if "/saleList" not in request.url:
        return await serve(request)
    url = request.url.split("?")[0] + "?Page=1&Limit=100"
    plain = Request(method="GET", url=url, headers=request.headers, body=None, timeout_seconds=60)
    return await serve(plain)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(unfiltered, id="unfiltered"),
        pytest.param(edit_lists(lambda page: page | {"Total": page["Total"] + 1}), id="a-row-is-missing"),
        pytest.param(edit_lists(lambda page: page | {"Total": None}), id="without-total"),
        pytest.param(edit_lists(lambda page: {"Total": 0, "Page": 1}), id="without-rows"),
    ],
)
@pytest.mark.parametrize("executed", [False, True])
@virtual
async def test_a_look_up_that_proves_nothing_creates_nothing(executed: bool, change: Any) -> None:
    async with world(3) as made:
        order = await in_doubt(made, LOST if executed else NOT_EXECUTED)
        for number in range(3):
            made.cin7.make_sale_by_hand(f"shop-{number}")
        undo = intercept(made.cin7_network, change)
        await made.clock.sleep(12 * MINUTE)
        assert made.calls("sale_create") == 1
        if made.daemon.state(order) == "in_doubt":
            assert made.daemon.open_types(order) == ["in_doubt_unresolved"]
        else:
            assert executed, "only a row that carries the reference proves anything"
        undo()
        await made.exported(order, within=20 * MINUTE)
        assert made.calls("sale_create") == (1 if executed else 2)
        assert made.daemon.open_types() == []


@virtual
async def test_a_header_that_shows_late_is_still_found() -> None:
    """Not there at the first look (120 s), there at the second."""
    async with world(4, cin7={"visibility_lag_seconds": 150}) as made:
        order = await in_doubt(made, LOST)
        await made.exported(order, within=6 * MINUTE)
        assert made.calls("sale_list") == 4
        assert made.calls("sale_create") == 1
        assert_exactly_once(made)


@virtual
async def test_several_live_sales_are_an_incident_and_nothing_is_created() -> None:
    async with world(5) as made:
        order = await in_doubt(made, LOST)
        number = made.shop.orders[order]["orderNumber"]
        twin = made.cin7.make_sale_by_hand(number, external_id=external_id(order, 1))
        await made.until(lambda: made.daemon.open_types(order) == ["several_sales"], within=5 * MINUTE)
        [told] = made.daemon.open_exceptions(order)
        assert all(sale.order_number in told.cause for sale in made.cin7.live_sales())
        await made.clock.sleep(10 * MINUTE)
        assert made.daemon.state(order) == "in_doubt"
        assert made.calls("sale_create") == 1 and len(made.cin7.sales) == 2
        made.cin7.void_by_hand(twin.id)
        await made.exported(order, within=10 * MINUTE)
        assert made.daemon.open_types() == []
        assert_exactly_once(made)


@virtual
async def test_somebody_elses_sale_under_our_reference_is_told_and_nothing_is_created() -> None:
    async with world(6) as made:
        order = await in_doubt(made, NOT_EXECUTED)
        foreign = made.cin7.make_sale_by_hand(made.shop.orders[order]["orderNumber"])
        await made.until(lambda: made.daemon.open_types(order) == ["sale_not_ours"], within=5 * MINUTE)
        await made.clock.sleep(10 * MINUTE)
        assert made.calls("sale_create") == 1
        made.cin7.void_by_hand(foreign.id)
        await made.exported(order, within=15 * MINUTE)
        assert made.calls("sale_create") == 2
        assert made.daemon.open_types() == []
        assert_exactly_once(made)


@virtual
async def test_a_sale_voided_by_hand_while_in_doubt_is_a_persons_decision() -> None:
    async with world(7) as made:
        order = await in_doubt(made, LOST)
        made.cin7.void_by_hand(made.cin7.sales[0].id)
        await made.in_state(order, "held", within=5 * MINUTE)
        assert made.daemon.open_types(order) == ["sale_voided_by_hand"]
        await made.daemon.nudge(order)
        made.shop.touch(order)
        await made.clock.sleep(10 * MINUTE)
        assert made.calls("sale_create") == 1
        assert made.daemon.state(order) == "held"


@virtual
async def test_an_order_deleted_while_in_doubt_creates_nothing() -> None:
    async with world(8) as made:
        order = await in_doubt(made, NOT_EXECUTED)
        made.shop.delete_order(order)
        await made.clock.sleep(10 * MINUTE)
        assert made.daemon.open_types(order) == ["order_deleted"]
        assert made.calls("sale_create") == 1


# -- the order document ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "asked"),
    [
        pytest.param(LOST, 1, id="lost"),
        pytest.param(Fault(kind=FaultKind.ERROR_AFTER, status=500), 1, id="error-after"),
        pytest.param(Fault(kind=FaultKind.MALFORMED), 1, id="malformed"),
        pytest.param(NOT_EXECUTED, 2, id="not-executed"),
        pytest.param(Fault(kind=FaultKind.ERROR_BEFORE, status=503), 2, id="error-before"),
        pytest.param(Fault(kind=FaultKind.SLOW, seconds=75), 2, id="a-late-twin"),
    ],
)
@virtual
async def test_the_sale_is_read_before_its_order_is_asked_for_again(fault: Fault, asked: int) -> None:
    async with world(10) as made:
        await made.ready()
        made.cin7_faults.plan("sale_order", fault)
        order = made.place()
        await made.exported(order, within=3 * MINUTE)
        assert made.calls("sale_order") == asked
        assert made.calls("sale_read") == 1
        await made.clock.sleep(2 * MINUTE)
        assert made.daemon.open_types() == []
        assert_exactly_once(made)


@virtual
async def test_an_order_authorised_by_a_late_twin_of_the_same_call_is_read_back() -> None:
    """The twin arrives between our reading and our asking again: Cin7 refuses the second, which is no harm."""
    async with world(11) as made:
        await made.ready()
        late: list[Request] = []

        async def twin(request: Request, serve: Serve) -> Response:
            if request.method == "POST" and request.url.endswith("/sale/order") and not late:
                late.append(request)
                raise DropConnectionError
            response = await serve(request)
            if request.method == "GET" and "/sale?" in request.url and len(late) == 1:
                late.append(request)
                await serve(late[0])
            return response

        intercept(made.cin7_network, twin)
        order = made.place()
        await made.exported(order, within=2 * MINUTE)
        assert made.calls("sale_order") == 2, "one of them refused"
        assert made.daemon.open_types() == []
        assert_exactly_once(made)


@pytest.mark.parametrize(
    "point",
    [
        "cin7.create_sale.settled",
        "cin7.authorise_order.decided",
        "cin7.authorise_order.intended",
        "cin7.authorise_order.answered",
        "cin7.authorise_order.settled",
    ],
)
@virtual
async def test_a_half_made_sale_is_completed_after_a_restart(point: str) -> None:
    async with world(12) as made:
        await made.ready()
        made.daemon.kill_next = lambda passed: passed == point and made.passed[point] == 1
        order = made.place()
        await made.exported(order, within=3 * MINUTE)
        assert made.kills == [point]
        assert made.calls("sale_create") == 1
        assert_exactly_once(made)


@virtual
async def test_a_sale_voided_by_hand_before_its_order_is_a_persons_decision() -> None:
    async with world(13) as made:
        await made.ready()
        made.cin7_faults.plan("sale_order", NOT_EXECUTED)
        order = made.place()
        await made.until(lambda: made.calls("sale_order") == 1, within=30, every=0.1)
        made.cin7.void_by_hand(made.cin7.sales[0].id)
        await made.in_state(order, "held")
        assert made.daemon.open_types(order) == ["sale_voided_by_hand"]
        await made.clock.sleep(10 * MINUTE)
        assert made.calls("sale_create") == 1


# -- the mark in commercetools -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        LOST,
        NOT_EXECUTED,
        Fault(kind=FaultKind.ERROR_AFTER, status=500),
        Fault(kind=FaultKind.ERROR_BEFORE, status=503),
        Fault(kind=FaultKind.MALFORMED),
        Fault(kind=FaultKind.LIMITED),
    ],
    ids=lambda fault: f"{fault.kind}",
)
@virtual
async def test_the_mark_is_set_once_whatever_becomes_of_the_answer(fault: Fault) -> None:
    async with world(20) as made:
        await made.ready()
        made.ct_faults.plan("order_update", fault)
        order = made.place()
        await made.exported(order, within=3 * MINUTE)
        assert len(made.shop.orders[order]["syncInfo"]) == 1
        assert_exactly_once(made)


@virtual
async def test_an_order_changed_under_the_mark_is_read_again() -> None:
    async with world(21) as made:
        await made.ready()
        touched: list[str] = []

        async def touch_first(request: Request, serve: Serve) -> Response:
            order_id = request.url.rsplit("/", 1)[-1]
            if request.method == "POST" and order_id in made.shop.orders and len(touched) < 3:
                touched.append(order_id)
                made.shop.touch(order_id)
            return await serve(request)

        intercept(made.ct_network, touch_first)
        order = made.place()
        await made.exported(order)
        assert touched == [order] * 3
        assert len(made.shop.orders[order]["syncInfo"]) == 1
        assert made.daemon.open_types() == []


@virtual
async def test_a_missing_channel_is_told_and_noticed_by_itself_once_it_is_there() -> None:
    async with world(22, shop={"channels": {}}) as made:
        await made.ready()
        order = made.place()
        await made.until(lambda: made.daemon.open_types(order) == ["channel_missing"], within=30)
        assert made.daemon.state(order) == "posted"
        assert made.daemon.open_exceptions(order)[0].owner == "it"
        made.shop.add_channel("cin7-core", ("OrderExport",))
        await made.exported(order, within=6 * MINUTE)
        assert made.daemon.open_types() == []
        assert_exactly_once(made)


@virtual
async def test_our_own_mark_causes_no_work() -> None:
    async with world(23) as made:
        await made.ready()
        order = made.place()
        await made.exported(order)
        reads = made.calls("order_read")
        await made.clock.sleep(3 * MINUTE)
        assert made.calls("order_read") == reads
