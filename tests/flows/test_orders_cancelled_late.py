"""Cancellations that come after the warehouse began: what is told to whom, what clears it, where the order ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.fulfilment import Box, Fulfilment
from actors.domain.sale import SaleView
from adapters.transport import Request, Response
from storage import exceptions, timeline
from tests.simulation.laws import sale_of
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

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    async def read_sale(self, sale_id: str, *, subject: str) -> SaleView:
        view: SaleView = await self._book.read_sale(sale_id, subject=subject)
        picked = any(one.is_picked for one in self.fulfilments)
        return msgspec.structs.replace(view, fulfilments=self.fulfilments, fulfilment_authorised=picked)


async def exported(made: World) -> tuple[str, Any, Shown]:
    """An order with its sale, and the book that can show what the warehouse did."""
    await made.ready()
    order = made.place()
    await made.exported(order)
    [sale] = sale_of(made, made.shop.orders[order])
    shown = Shown(made.daemon.desk.book)
    made.daemon.desk.book = shown  # type: ignore[assignment]
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


@pytest.mark.parametrize("picking", ["DRAFT", "NOT AVAILABLE", "VOIDED"])
@virtual
async def test_a_pick_that_does_not_stand_is_voided_with_its_sale(picking: str) -> None:
    async with world(204) as made:
        order, _, shown = await exported(made)
        shown.fulfilments = (fulfilment(picking=picking),)
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=15)
        assert made.cin7.live_sales() == []


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
