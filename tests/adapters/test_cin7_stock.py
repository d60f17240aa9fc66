"""The Cin7 client's readings of availability: rows as they come, spans that are true, lists that must add up; kits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from math import floor
from typing import Any

import pytest

from actors.domain.availability import StockRow, summed
from actors.domain.calls import Lane, Purpose
from actors.domain.errors import Limited, Rejected, Transient, Unauthorised, WireError
from actors.domain.facts import KitPart
from actors.governor.gate import Turn
from actors.governor.journal import Intent
from actors.stock.ports import Availability
from adapters.cin7.client import Cin7Client
from adapters.transport import AnswerLostError, NotSentError, Request, Response
from tests.wire_doubles import (
    OpenGate,
    RecordedTurn,
    ScriptedWire,
    StillClock,
    answer,
    path_of,
    query_of,
    text_answer,
)

NOW = 1_800_000_000_000
ROW: dict[str, Any] = {
    "ID": "53350e22-0000-4000-8000-000000000000",
    "SKU": "Bread",
    "Name": "Baked Bread",
    "Barcode": "333",
    "Location": "Main Warehouse",
    "Bin": None,
    "Batch": None,
    "ExpiryDate": None,
    "OnHand": 497,
    "Allocated": 9,
    "Available": 488,
    "OnOrder": 3,
    "StockOnHand": 2485,
    "InTransit": 2,
    "NextDeliveryDate": "2026-12-09T00:00:00",
}
READ = StockRow(
    sku="Bread",
    location="Main Warehouse",
    on_hand=Decimal(497),
    allocated=Decimal(9),
    available=Decimal(488),
    on_order=Decimal(3),
    in_transit=Decimal(2),
    next_delivery=date(2026, 12, 9),
)


class SlowGate(OpenGate):
    """A gate that grants after five minutes, and then takes two seconds to write the turn down."""

    @asynccontextmanager
    async def _turn(self, intent: Intent) -> AsyncIterator[Turn]:
        self.intents.append(intent)
        self.clock.pass_time(300)
        turn = RecordedTurn(self.clock.now(), self.diary)
        self.clock.pass_time(2)
        yield turn
        self.clock.pass_time(7)


class House:
    """A client with everything around it."""

    def __init__(self, *answers: Any, slow: bool = False) -> None:
        self.clock = StillClock(NOW)
        self.wire = ScriptedWire(*answers)
        self.gate = SlowGate(self.clock) if slow else OpenGate(self.clock)
        self.client = Cin7Client(
            transport=self.wire,
            clock=self.clock,
            gate=self.gate,
            probe=self.gate.diary.append,
            base_url="https://cin7.example/ExternalApi/v2",
            account_id="acc",
            application_key="key",
            timeout_seconds=60,
        )

    def after(self, seconds: float, then: Response | Exception) -> Any:
        def step(request: Request) -> Response | Exception:
            self.clock.pass_time(seconds)
            return then

        return step


def page(*rows: dict[str, Any], total: int | None = None, **more: Any) -> Response:
    return answer(
        200, {"Total": len(rows) if total is None else total, "Page": 1, "ProductAvailabilityList": rows, **more}
    )


def batch(name: str, **changes: Any) -> dict[str, Any]:
    return ROW | {"Batch": name, **changes}


# A page of everything.


async def test_a_page_is_read_as_it_comes() -> None:
    house = House(
        page(ROW, {"SKU": "Roll", "Location": "Paris", "Bin": "B1", "Batch": "7", "Available": 1}, total=4211)
    )
    book: Availability = house.client
    found = await book.stock_page(page=3)
    assert found.rows == (READ, StockRow(sku="Roll", location="Paris", bin="B1", batch="7", available=Decimal(1)))
    assert (found.met, found.total) == (2, 4211)
    [request] = house.wire.requests
    assert path_of(request) == "/ExternalApi/v2/ref/productavailability"
    assert query_of(request) == {"Page": ["3"], "Limit": ["1000"]}
    [intent] = house.gate.intents
    assert (intent.purpose, intent.lane) == (Purpose.CIN7_STOCK_PAGE, Lane.STOCK)


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        ({"Available": -3}, "-3"),
        ({"Available": 2.75}, "2.75"),
        ({"Available": 0.1}, "0.1"),
        ({"Available": "12.5"}, "12.5"),
        ({"Available": 0}, "0"),
        ({"Available": None}, "0"),
        ({"OnHand": 0, "Allocated": 1, "Available": 1}, "1"),  # Cin7's own sample contradicts the arithmetic
    ],
)
async def test_figures_are_read_and_not_computed(shown: dict[str, Any], read: str) -> None:
    [row] = (await House(page(ROW | shown)).client.stock_page(page=1)).rows
    assert row.available == Decimal(read)


async def test_bins_and_batches_add_up_exactly() -> None:
    rows = [batch("1", Available=0.1), batch("2", Available=0.2), batch("3", Bin="B", Available=-1)]
    found = await House(page(*rows)).client.stock_page(page=1)
    assert summed(found.rows) == {"Main Warehouse": Decimal("-0.7")}


@pytest.mark.parametrize(
    "odd",
    [
        {"SKU": None},
        {"SKU": ""},
        {"Location": None},
        {"Location": 7},
        {"Available": "n/a"},
        {"Available": []},
        {"Available": "NaN"},
        {"OnHand": "Infinity"},
        {"OnHand": "1E+999999"},
    ],
)
async def test_an_odd_row_is_left_out_and_counted(odd: dict[str, Any]) -> None:
    found = await House(page(ROW | odd, batch("1"))).client.stock_page(page=1)
    assert ([row.batch for row in found.rows], found.met, found.total) == (["1"], 2, 2)


async def test_dates_that_are_none_are_no_dates() -> None:
    without = {name: value for name, value in ROW.items() if name != "NextDeliveryDate"}
    shown = [without, batch("1", NextDeliveryDate=None), batch("2", NextDeliveryDate="soon")]
    found = await House(page(*shown)).client.stock_page(page=1)
    assert [row.next_delivery for row in found.rows] == [None] * 3


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (answer(200, {"ProductAvailabilityList": [ROW]}), Transient, "malformed"),
        (answer(200, {"Total": None, "ProductAvailabilityList": [ROW]}), Transient, "malformed"),
        (answer(200, {"Total": 1}), Transient, "malformed"),
        (answer(200, {"Total": 1, "ProductAvailabilityList": None}), Transient, "malformed"),
        (answer(200, {"Total": "many", "ProductAvailabilityList": []}), Transient, "malformed"),
        (text_answer(200, "<html>", "text/html"), Transient, "malformed"),
        (answer(200, [{"ErrorCode": 500, "Exception": "An unexpected error"}]), Rejected, "rejected"),
        (answer(503, None), Transient, "unavailable"),
        (answer(403, None), Unauthorised, "credentials"),
        (answer(429, None), Limited, "limited"),
        (AnswerLostError("cut"), Transient, "no_answer"),
        (NotSentError("refused"), Transient, "not_sent"),
    ],
)
async def test_what_is_no_reading(reply: Any, kind: type[WireError], reason: str) -> None:
    house = House(reply, reply)
    with pytest.raises(kind) as seen:
        await house.client.stock_page(page=1)
    assert (type(seen.value), seen.value.reason) == (kind, reason)
    with pytest.raises(kind):
        await house.client.stock_of("Bread")
    assert len(house.wire.requests) == 2  # what happens next is for others to decide


# Spans.


async def test_a_span_begins_when_the_request_leaves_and_not_when_it_is_asked_for() -> None:
    house = House(slow=True)
    house.wire.answers.append(house.after(4, page(ROW)))
    found = await house.client.stock_page(page=1)
    assert found.began_at == NOW + 302_000
    assert found.ended_at == NOW + 306_000


async def test_the_span_of_a_sku_is_that_of_all_its_pages() -> None:
    house = House(slow=True)
    house.wire.answers += [
        house.after(4, page(batch("1"), total=2)),
        house.after(1, page(batch("2"), total=2)),
    ]
    found = await house.client.stock_of("Bread")
    assert (found.began_at, found.ended_at) == (NOW + 302_000, NOW + 306_000 + 7_000 + 302_000 + 1_000)


# One SKU.


async def test_a_sku_is_read_to_its_end_and_no_other_sku_with_it() -> None:
    others = [ROW | {"SKU": "Breadcrumbs"}, ROW | {"SKU": "bread"}]
    house = House(page(batch("1"), others[0], total=4), page(batch("2", Available=-0.5), others[1], total=4))
    found = await house.client.stock_of("Bread")
    assert [(row.sku, row.batch) for row in found.rows] == [("Bread", "1"), ("Bread", "2")]
    assert (found.met, found.total) == (4, 4)
    assert [query_of(request) for request in house.wire.requests] == [
        {"Sku": ["Bread"], "Page": [number], "Limit": ["1000"]} for number in ("1", "2")
    ]
    assert {(one.purpose, one.lane, one.subject) for one in house.gate.intents} == {
        (Purpose.CIN7_AVAILABILITY, Lane.STOCK, "Bread")
    }
    assert len({id(one) for one in house.gate.intents}) == 2


async def test_a_sku_without_rows_is_a_whole_answer() -> None:
    found = await House(page()).client.stock_of("Bread")
    assert (found.rows, found.met, found.total) == ((), 0, 0)


@pytest.mark.parametrize(
    "pages",
    [
        [page(batch("1"), total=2), page(total=2)],  # one is missing
        [page(batch("1"), batch("2"), total=1)],  # one too many
        [page(batch("1"), total=2), page(batch("2"), total=3)],  # the list grew
        [page(batch("1"), total=2), page(total=1)],  # it shrank
        [page(batch("1"), total=2), page(batch("1"), total=2)],  # a row came twice, so another one never
        [page(total=1)],
        [page(batch("1"), total=0)],
    ],
)
async def test_what_does_not_add_up_is_asked_for_again_later(pages: list[Response]) -> None:
    house = House(*pages)
    with pytest.raises(Transient) as seen:
        await house.client.stock_of("Bread")
    assert seen.value.reason == "incomplete_list"
    assert not house.wire.answers


async def test_two_rows_of_one_place_on_one_page_are_two_rows() -> None:
    found = await House(page(ROW, ROW)).client.stock_of("Bread")
    assert summed(found.rows) == {"Main Warehouse": Decimal(976)}


# Kits.


def product(**fields: Any) -> dict[str, Any]:
    return {"ID": "P1", "SKU": "KIT", "Name": "Kit", "Type": "Stock", "Category": "Bakery", **fields}


def part(sku: str, quantity: Any, **waste: Any) -> dict[str, Any]:
    return {"ComponentProductID": GUID, "ProductCode": sku, "Name": sku, "Quantity": quantity, **waste}


GUID = "ce9a6504-4207-4001-b430-749bf11fdc4f"
KIT = {"BillOfMaterial": True, "AutoAssembly": True, "QuantityToProduce": 1}


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        (KIT | {"BillOfMaterialsProducts": [part("A", 2), part("B", 0.5)]}, {"A": "2", "B": "0.5"}),
        (KIT | {"BillOfMaterialsProducts": [part("A", 2), part("A", 1)]}, {"A": "3"}),
        (KIT | {"QuantityToProduce": 10, "BillOfMaterialsProducts": [part("A", 3)]}, {"A": "0.3"}),
        (KIT | {"QuantityToProduce": None, "BillOfMaterialsProducts": [part("A", 3)]}, {"A": "3"}),
        (KIT | {"BillOfMaterialsProducts": [part("A", 2, WastagePercent=10, WastageQuantity=0)]}, {"A": "2.2"}),
        (KIT | {"BillOfMaterialsProducts": [part("A", 2, WastagePercent=0, WastageQuantity=1)]}, {"A": "3"}),
        (KIT | {"BillOfMaterialsProducts": [part("A", 0), part("B", 1)]}, {"B": "1"}),
        (KIT | {"BillOfMaterialsProducts": []}, {}),
        (KIT, {}),
        (KIT | {"AutoAssembly": False, "BillOfMaterialsProducts": [part("A", 2)]}, {}),
        (KIT | {"BillOfMaterial": False, "BillOfMaterialsProducts": [part("A", 2)]}, {}),
        ({"BillOfMaterialsProducts": [part("A", 2)]}, {}),
    ],
)
async def test_the_parts_of_a_kit(fields: dict[str, Any], parts: dict[str, str]) -> None:
    house = House(answer(200, {"Total": 1, "Products": [product(**fields)]}))
    [found] = (await house.client.products(page=1, modified_since=None)).products
    assert found.category == "Bakery"
    assert found.parts == tuple(KitPart(sku=sku, quantity=Decimal(text)) for sku, text in parts.items())
    assert query_of(house.wire.requests[0])["IncludeBOM"] == ["true"]


@pytest.mark.parametrize("made", [3, 6, 7, 9, 11, 13])
async def test_what_has_no_end_makes_no_kit_more_or_less(made: int) -> None:
    for taken in (1, 2, 5):
        fields = KIT | {"QuantityToProduce": made, "BillOfMaterialsProducts": [part("A", taken)]}
        house = House(answer(200, {"Total": 1, "Products": [product(**fields)]}))
        [found] = (await house.client.products(page=1, modified_since=None)).products
        for available in range(0, 1000, 37):
            assert int(available / found.parts[0].quantity) == available * made // taken
            assert floor(available - found.parts[0].quantity * 5) == (available * made - taken * 5) // made


@pytest.mark.parametrize(
    "fields",
    [
        KIT | {"BillOfMaterialsProducts": [part("", 2)]},
        KIT | {"BillOfMaterialsProducts": [part("A", None)]},
        KIT | {"BillOfMaterialsProducts": [part("A", -1)]},
        KIT | {"BillOfMaterialsProducts": [part("A", 1, WastagePercent=-10)]},
        KIT | {"QuantityToProduce": -1, "BillOfMaterialsProducts": [part("A", 1)]},
    ],
)
async def test_a_kit_whose_bill_cannot_be_read_is_not_usable(fields: dict[str, Any]) -> None:
    house = House(answer(200, {"Total": 2, "Products": [product(**fields), product(ID="P2", SKU="Other")]}))
    found = await house.client.products(page=1, modified_since=None)
    assert ([one.sku for one in found.products], found.rows) == (["Other"], 2)
