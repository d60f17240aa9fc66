"""Cancellations that come after the warehouse began: what is told to whom, what clears it, where the order ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.exception_types import Finding
from actors.domain.fulfilment import Box, CreditNote, Fulfilment, Stages
from actors.domain.sale import SaleView
from adapters.sandbox.carts import PaymentDraft
from adapters.sandbox.faults import Fault, FaultKind
from adapters.transport import Request, Response
from storage import exceptions, timeline
from tests.simulation.laws import assert_exactly_once, sale_of
from tests.simulation.world import Serve, World, intercept, virtual, world

MUG = "HW-MUG-STN-01"
BOX = Box(label="Box 1", units={MUG: Decimal(2)}, carrier="DHL", tracking="JD0146")


def fulfilment(number: int = 1, *, picking: str = "AUTHORISED", boxes: tuple[Box, ...] = ()) -> Fulfilment:
    """A fulfilment as Cin7 shows it."""
    shipping = "AUTHORISED" if boxes else "NOT AVAILABLE"
    return Fulfilment(
        task_id=f"task-{number}", number=number, picking=picking, packing=picking, shipping=shipping, boxes=boxes
    )


class Shown:
    """Cin7's sales as they are, but that every sale shows these fulfilments."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self.fulfilments: tuple[Fulfilment, ...] = ()
        self.credit_notes: tuple[CreditNote, ...] = ()
        self.shipping = ""
        self.invoiced = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    async def read_sale(self, sale_id: str, *, subject: str) -> SaleView:
        view: SaleView = await self._book.read_sale(sale_id, subject=subject)
        picked = any(one.is_picked for one in self.fulfilments)
        return msgspec.structs.replace(
            view,
            fulfilments=self.fulfilments,
            fulfilment_authorised=picked,
            credit_notes=self.credit_notes,
            invoiced=self.invoiced,
            stages=Stages(shipping=self.shipping),
        )


async def exported(made: World) -> tuple[str, Any, Shown]:
    """An order with its sale, and the book that can show what the warehouse did."""
    await made.ready()
    order = made.place()
    await made.exported(order)
    [sale] = sale_of(made, made.shop.orders[order])
    shown = Shown(made.daemon.desk.book)
    made.daemon.desk.book = shown
    return order, sale, shown


async def told(made: World, order: str, *types: str) -> None:
    """Wait until exactly these are open."""
    await made.until(lambda: made.daemon.open_types(order) == sorted(types), within=30)


async def look(made: World, order: str) -> None:
    """What the news of the sale leads to."""
    await made.daemon.nudge(order)
    await made.clock.sleep(5)


def lines_of(made: World, order: str) -> list[str]:
    """What the order's timeline says."""
    return [line.what for line in made.read(lambda connection: timeline.of_order(connection, order))]


@virtual
async def test_a_cancellation_after_the_shipment_is_told_to_those_who_speak_with_the_customer() -> None:
    async with world(201) as made:
        order, sale, shown = await exported(made)
        shown.fulfilments = (fulfilment(boxes=(BOX,)), fulfilment(2, picking="DRAFT"))
        made.shop.cancel(order)
        await told(made, order, "shipped_after_cancel")
        [row] = made.daemon.open_exceptions(order)
        assert row.owner == "ecommerce"
        assert f"2 of {MUG}" in row.cause
        assert row.facts["parcels"] == "DHL JD0146"
        assert made.daemon.state(order) == "held"
        assert not made.cin7.sale(sale.id).voided
        assert made.calls("sale_void") == 0


@virtual
async def test_what_a_person_decided_about_a_stage_stays_decided_until_the_next() -> None:
    async with world(219) as made:
        order, sale, shown = await exported(made)
        shown.fulfilments = (fulfilment(),)
        made.shop.cancel(order)
        await told(made, order, "cancelled_after_pick")
        await dismiss(made, order)
        await look(made, order)
        assert (made.daemon.state(order), made.daemon.open_types(order)) == ("exported", [])
        shown.fulfilments = (fulfilment(boxes=(BOX,)),)
        await look(made, order)
        assert made.daemon.open_types(order) == ["shipped_after_cancel"]
        await dismiss(made, order)
        await look(made, order)
        await look(made, order)
        assert (made.daemon.state(order), made.daemon.open_types(order)) == ("exported", [])
        assert not made.cin7.sale(sale.id).voided


async def dismiss(made: World, order: str) -> None:
    """Dismiss what is asked about an order, as `tallyd exceptions resolve` does."""
    [row] = made.daemon.open_exceptions(order)
    await made.daemon.write(
        lambda connection: exceptions.resolve(
            connection, row.id, resolution="dismissed by ann: settled with the customer", now=made.clock.now()
        )
    )


@virtual
async def test_each_stage_of_the_sale_has_its_own_exception_until_the_sale_is_void() -> None:
    """Picked, shipped, the shipment undone, the pick undone: one replaces the other, in the commit that finds it."""
    async with world(202) as made:
        order, sale, shown = await exported(made)
        shown.fulfilments = (fulfilment(),)
        made.shop.cancel(order)
        await told(made, order, "cancelled_after_pick")
        for fulfilments, types in (
            ((fulfilment(boxes=(BOX,)),), ["shipped_after_cancel"]),
            ((fulfilment(boxes=(BOX,)),), ["shipped_after_cancel"]),
            ((fulfilment(),), ["cancelled_after_pick"]),
        ):
            shown.fulfilments = fulfilments
            await look(made, order)
            assert made.daemon.open_types(order) == types
        shown.fulfilments = (fulfilment(picking="DRAFT"),)
        await look(made, order)
        assert made.daemon.state(order) == "cancelled"
        assert made.daemon.open_types(order) == []
        assert made.cin7.sale(sale.id).voided
        rows = made.read(lambda connection: exceptions.of_record(connection, "order", order))
        assert [row.type for row in rows] == ["cancelled_after_pick", "shipped_after_cancel", "cancelled_after_pick"]
        assert all(before.resolved_at == after.opened_at for before, after in itertools.pairwise(rows))


@pytest.mark.parametrize("boxes", [(), (BOX,)], ids=["picked", "shipped"])
@virtual
async def test_a_sale_voided_by_a_person_ends_the_cancelled_order(boxes: tuple[Box, ...]) -> None:
    async with world(203) as made:
        order, sale, shown = await exported(made)
        shown.fulfilments = (fulfilment(boxes=boxes),)
        made.shop.cancel(order)
        await told(made, order, "shipped_after_cancel" if boxes else "cancelled_after_pick")
        made.cin7.void_by_hand(sale.id)
        await look(made, order)
        assert made.daemon.state(order) == "cancelled"
        assert made.daemon.open_types(order) == []
        assert made.calls("sale_void") == 0


@virtual
async def test_a_cancellation_after_the_invoice_is_told_to_finance_until_no_invoice_stands() -> None:
    async with world(208) as made:
        order, sale, shown = await exported(made)
        shown.invoiced, shown.fulfilments = True, (fulfilment(),)
        made.shop.cancel(order)
        await told(made, order, "cancelled_after_pick")
        shown.fulfilments = ()
        await look(made, order)
        [row] = made.daemon.open_exceptions(order)
        assert (row.type, row.owner) == ("cancelled_after_invoice", "finance")
        assert (made.daemon.state(order), made.calls("sale_void")) == ("held", 0)
        shown.invoiced = False
        await look(made, order)
        assert made.daemon.state(order) == "cancelled"
        assert made.daemon.open_types(order) == []
        assert made.cin7.sale(sale.id).voided


@pytest.mark.parametrize("picking", ["DRAFT", "NOT AVAILABLE", "VOIDED"])
@virtual
async def test_a_pick_that_does_not_stand_is_voided_with_its_sale(picking: str) -> None:
    async with world(204) as made:
        order, _, shown = await exported(made)
        shown.fulfilments = (fulfilment(picking=picking),)
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=15)
        assert made.cin7.live_sales() == []


def credited(units: int, *, status: str = "AUTHORISED") -> CreditNote:
    """A credit note that puts so many mugs back on the shelf."""
    return CreditNote(task_id="credit", number="CR-1", status=status, restocked={MUG: Decimal(units)})


@pytest.mark.parametrize(
    ("shipping", "note", "over"),
    [
        pytest.param("SHIPPED", credited(2), True, id="all-of-it"),
        pytest.param("SHIPPED", credited(1), False, id="some-of-it"),
        pytest.param("SHIPPED", credited(2, status="DRAFT"), False, id="not-counting-yet"),
        pytest.param("PARTIALLY SHIPPED", credited(2), False, id="more-is-to-be-shipped"),
    ],
)
@virtual
async def test_goods_that_all_came_back_leave_nothing_to_decide(shipping: str, note: CreditNote, over: bool) -> None:
    async with world(207) as made:
        order, sale, shown = await exported(made)
        shown.fulfilments, shown.shipping = (fulfilment(boxes=(BOX,)),), shipping
        made.shop.cancel(order)
        await told(made, order, "shipped_after_cancel")
        shown.credit_notes = (note,)
        await look(made, order)
        assert made.daemon.state(order) == ("exported" if over else "held")
        assert made.daemon.open_types(order) == ([] if over else ["shipped_after_cancel"])
        assert not made.cin7.sale(sale.id).voided
        await look(made, order)
        assert lines_of(made, order).count("all of it came back") == over
        shown.credit_notes = ()
        await look(made, order)
        assert made.daemon.open_types(order) == ["shipped_after_cancel"]


@virtual
async def test_goods_that_all_came_back_of_an_order_that_was_never_marked_leave_nothing_to_decide() -> None:
    async with world(209) as made:
        await made.ready()

        async def refuse(request: Request, serve: Serve) -> Response:
            if request.method == "POST" and "/orders/" in request.url:
                body = b'{"statusCode": 400, "message": "no", "errors": [{"code": "InvalidInput", "message": "no"}]}'
                return Response(status=400, headers={"content-type": "application/json"}, body=body)
            return await serve(request)

        undo = intercept(made.ct_network, refuse)
        order = made.place()
        await made.until(lambda: made.daemon.open_types(order) == ["sync_rejected"], within=60)
        undo()
        shown = Shown(made.daemon.desk.book)
        made.daemon.desk.book = shown
        shown.fulfilments, shown.shipping, shown.credit_notes = (fulfilment(boxes=(BOX,)),), "SHIPPED", (credited(2),)
        made.shop.cancel(order)
        await look(made, order)
        assert made.daemon.state(order) == "exported"
        assert "message_quarantined" not in made.daemon.open_types()
        assert made.daemon.open_types(order) == []


def refused_once(then: Callable[[], None], *, status: int) -> Callable[[Request, Serve], Any]:
    """Let somebody be faster than the void: `then` happens, and Cin7 refuses it under this status."""

    async def refuse(request: Request, serve: Serve) -> Response:
        if request.method != "DELETE":
            return await serve(request)
        then()
        words = b'[{"ErrorCode": 400, "Exception": "Sale cannot be voided. Shipment Status is AUTHORISED."}]'
        return Response(status=status, headers={"content-type": "application/json"}, body=words)

    return refuse


@pytest.mark.parametrize("status", [400, 200])
@pytest.mark.parametrize(
    ("boxes", "told_of"), [((), "cancelled_after_pick"), ((BOX,), "shipped_after_cancel")], ids=["picked", "shipped"]
)
@virtual
async def test_a_warehouse_faster_than_the_void_is_told_for_what_it_did(
    boxes: tuple[Box, ...], told_of: str, status: int
) -> None:
    async with world(205) as made:
        order, sale, shown = await exported(made)

        def then() -> None:
            shown.fulfilments = (fulfilment(boxes=boxes),)

        undo = intercept(made.cin7_network, refused_once(then, status=status))
        made.shop.cancel(order)
        await told(made, order, told_of)
        assert made.daemon.state(order) == "held"
        undo()
        shown.fulfilments = ()
        await look(made, order)
        assert made.daemon.state(order) == "cancelled"
        assert made.cin7.sale(sale.id).voided


@virtual
async def test_somebody_faster_who_voids_it_leaves_nothing_to_do() -> None:
    async with world(206) as made:
        order, sale, _ = await exported(made)
        intercept(made.cin7_network, refused_once(lambda: void(made, sale.id), status=400))
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=15)
        assert made.daemon.open_types(order) == []


def void(made: World, sale_id: str) -> None:
    """Void it by hand, once."""
    if not made.cin7.sale(sale_id).voided:
        made.cin7.void_by_hand(sale_id)


# -- a cancellation that is taken back ---------------------------------------------------------------------------------


def open_again(made: World, order: str) -> None:
    """Take the cancellation back."""
    made.shop._change(order, {"orderState": "Open"})


@pytest.mark.parametrize("boxes", [(), (BOX,)], ids=["picked", "shipped"])
@virtual
async def test_taken_back_while_the_warehouse_is_asked_the_sale_stands(boxes: tuple[Box, ...]) -> None:
    async with world(210) as made:
        order, _, shown = await exported(made)
        shown.fulfilments = (fulfilment(boxes=boxes),)
        made.shop.cancel(order)
        await told(made, order, "shipped_after_cancel" if boxes else "cancelled_after_pick")
        open_again(made, order)
        await made.exported(order)
        assert made.daemon.open_types(order) == []
        assert_exactly_once(made)


@virtual
async def test_taken_back_before_anything_was_sent_the_order_goes_on() -> None:
    async with world(211) as made:
        await made.ready()
        made.ct_network.reachable = False
        order = made.place()
        made.shop.cancel(order)
        open_again(made, order)
        made.ct_network.reachable = True
        await made.exported(order, within=120)
        assert_exactly_once(made)


@pytest.mark.parametrize("executed", [True, False], ids=["executed", "not-executed"])
@virtual
async def test_taken_back_while_the_void_is_in_doubt_it_is_voided_and_sent_anew(executed: bool) -> None:
    """Whether the void still takes effect nobody knows: so it does, and the order has a sale of its own again."""
    async with world(212) as made:
        order, sale, _ = await exported(made)
        differs = Finding(code="totals_differ", cause="of the sale that will be void")
        named = exceptions.Record(kind="order", id=order)
        await made.daemon.write(lambda file: exceptions.raise_finding(file, named, differs, now=made.clock.now()))
        made.cin7_faults.plan("sale_void", Fault(kind=FaultKind.DROP_AFTER if executed else FaultKind.DROP_BEFORE))
        made.shop.cancel(order)
        await made.in_state(order, "cancelling")
        await made.until(lambda: made.calls("sale_void") == 1, within=10, every=0.05)
        open_again(made, order)
        await made.exported(order, within=120)
        assert made.cin7.sale(sale.id).voided
        assert made.daemon.open_types(order) == []
        assert lines_of(made, order).count("sale withdrawn") == 1
        assert_exactly_once(made)


@virtual
async def test_taken_back_while_the_order_cannot_be_read_the_void_is_not_forgotten() -> None:
    async with world(215) as made:
        order, sale, _ = await exported(made)
        made.cin7_faults.plan("sale_void", Fault(kind=FaultKind.DROP_AFTER))
        made.shop.cancel(order)
        await made.until(lambda: made.calls("sale_void") == 1, within=30, every=0.05)
        total = made.shop.orders[order]["totalPrice"]
        made.shop._change(order, {"totalPrice": "a lot"})
        await made.until(lambda: made.daemon.open_types(order) == ["order_unreadable"], within=120)
        assert made.daemon.state(order) == "cancelling"
        made.shop._change(order, {"totalPrice": total, "orderState": "Open"})
        await made.exported(order, within=120)
        assert made.cin7.sale(sale.id).voided
        assert made.daemon.open_types(order) == []
        assert_exactly_once(made)


@pytest.mark.parametrize("point", ["intended", "answered"])
@virtual
async def test_taken_back_while_the_daemon_was_dead_it_is_known_that_a_void_was_asked_for(point: str) -> None:
    async with world(213) as made:
        order, _, _ = await exported(made)
        made.daemon.restart_seconds = 20
        made.daemon.kill_next = lambda passed: passed == f"cin7.void_sale.{point}" and not made.kills
        made.shop.cancel(order)
        await made.until(lambda: bool(made.kills), within=30, every=0.1)
        open_again(made, order)
        await made.clock.sleep(25)
        await made.exported(order, within=120)
        assert made.daemon.open_types(order) == []
        assert_exactly_once(made)


@virtual
async def test_taken_back_before_the_void_could_leave_the_sale_stands() -> None:
    async with world(214) as made:
        order, sale, _ = await exported(made)

        async def unreachable(request: Request, serve: Serve) -> Response:
            if request.method == "DELETE":
                return Response(status=429, headers={}, body=b"")
            return await serve(request)

        undo = intercept(made.cin7_network, unreachable)
        made.shop.cancel(order)
        await made.in_state(order, "cancelling", within=15)
        open_again(made, order)
        undo()
        await made.exported(order, within=180)
        assert not made.cin7.sale(sale.id).voided
        assert made.daemon.open_types(order) == []
        assert_exactly_once(made)


@virtual
async def test_taken_back_when_the_void_is_refused_the_sale_stands() -> None:
    async with world(215) as made:
        order, sale, _ = await exported(made)
        intercept(made.cin7_network, refused_once(lambda: None, status=400))
        made.shop.cancel(order)
        await told(made, order, "void_failed")
        open_again(made, order)
        await made.exported(order)
        assert not made.cin7.sale(sale.id).voided
        assert made.daemon.open_types(order) == []
        assert_exactly_once(made)


@virtual
async def test_taken_back_of_a_header_the_order_is_authorised() -> None:
    async with world(216) as made:
        await made.ready()

        async def refuse(request: Request, serve: Serve) -> Response:
            if request.method == "DELETE":
                return Response(status=429, headers={}, body=b"")
            return await serve(request)

        undo = intercept(made.cin7_network, refuse)
        made.daemon.kill_next = lambda passed: passed == "cin7.create_sale.settled" and not made.kills
        order = made.place()
        await made.until(lambda: bool(made.kills), within=30, every=0.1)
        made.shop.cancel(order)
        await made.in_state(order, "cancelling", within=30)
        open_again(made, order)
        undo()
        await made.exported(order, within=180)
        assert len(made.cin7.sales) == 1
        assert made.daemon.open_types(order) == []
        assert_exactly_once(made)


@pytest.mark.parametrize("before", ["anything was sent", "the export"])
@virtual
async def test_taken_back_after_the_end_it_is_told_once_and_nothing_is_sent(before: str) -> None:
    async with world(217) as made:
        await made.ready()
        if before == "anything was sent":
            order = made.place(payment=PaymentDraft(status="pending"))
            await made.in_state(order, "awaiting")
        else:
            order = made.place()
            await made.exported(order)
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=15)
        made_by_then = len(made.cin7.sales)
        open_again(made, order)
        await told(made, order, "cancellation_taken_back")
        [row] = made.daemon.open_exceptions(order)
        assert row.owner == "ecommerce"
        made.shop.touch(order)
        await made.daemon.write(lambda connection: exceptions.resolve(connection, row.id, resolution="x", now=1))
        made.shop.touch(order)
        await made.clock.sleep(60)
        assert made.daemon.open_types(order) == [], "what a person dismissed is not told again"
        made.shop.cancel(order)
        await made.clock.sleep(20)
        open_again(made, order)
        await told(made, order, "cancellation_taken_back")
        made.shop.cancel(order)
        await told(made, order)
        assert made.daemon.state(order) == "cancelled"
        assert len(made.cin7.sales) == made_by_then
        assert made.cin7.live_sales() == []


# -- a cancellation while the create is in doubt -----------------------------------------------------------------------


@virtual
async def test_cancelled_in_doubt_and_voided_by_hand_it_ends() -> None:
    async with world(220) as made:
        await made.ready()
        made.cin7_faults.plan("sale_create", Fault(kind=FaultKind.DROP_AFTER))
        order = made.place()
        await made.in_state(order, "in_doubt")
        made.cin7.void_by_hand(made.cin7.sales[0].id)
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=300)
        assert made.daemon.open_types(order) == []


@virtual
async def test_cancelled_after_an_error_under_success_it_ends() -> None:
    """The create was answered with an error under 200, and proved not there: who is cancelled need not be mended."""
    async with world(221) as made:
        await made.ready()

        async def contradict(request: Request, serve: Serve) -> Response:
            if request.method == "POST" and request.url.endswith("/sale"):
                words = b'[{"ErrorCode": 400, "Exception": "Customer is inactive."}]'
                return Response(status=200, headers={"content-type": "application/json"}, body=words)
            return await serve(request)

        intercept(made.cin7_network, contradict)
        order = made.place()
        await made.in_state(order, "in_doubt")
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=400)
        assert made.daemon.open_types(order) == []
